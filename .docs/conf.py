"""Settings of the site; `build.py` calls Sphinx with them."""

import tdaflow

project = "tdaflow"
copyright = author = "The tdaflow developers"
release = version = tdaflow.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.githubpages"]
root_doc = "index"
default_role = "literal"
# Pygments knows no CSV.
suppress_warnings = ["misc.highlighting_failure"]

myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 1800
nb_execution_in_temp = True
nb_output_stderr = "remove"

autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# What is public has a docstring, which names no parameter that is not there.
numpydoc_validation_checks = {"GL08", "PR02"}
# Methods of the protocol of steps, which explains them.
numpydoc_validation_exclude = {r"preprocessing\.\w+\.(apply|pointwise|fixed|facts)$"}

html_theme = "furo"
html_title = f"tdaflow {version}"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]

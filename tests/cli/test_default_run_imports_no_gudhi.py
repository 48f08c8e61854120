"""GUDHI's CGAL modules are GPLv3: a default run of the command line must do without them."""

import subprocess
import sys

import pytest

CODE = """
import sys
from tdaflow.cli import main
fixed = ["--cluster", "sync", "--set", "data.n_volumes=2"]
sys.argv = ["tdaflow", "run", "quickstart", "--out", *sys.argv[1:], *fixed]
try:
    main()
except SystemExit as ended:
    print("ended", ended.code, "gudhi" in sys.modules)
"""


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--set", "filtrations={alpha={}, below={kind='cubical'}, above={kind='cubical', direction='superlevel'}}"),
        ("--set", "filtrations={gaussian={kind='gaussian', sigma=1.0, construction='top'}}"),
    ],
    ids=["default", "cubical", "scale space"],
)
def test_a_default_run_never_imports_gudhi(tmp_path, options):
    command = [sys.executable, "-c", CODE, tmp_path / "run", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "ended 0 False", done.stderr

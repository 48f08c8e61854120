"""GUDHI's CGAL modules are GPLv3: a default run of the command line must do without them."""

import subprocess
import sys

CODE = """
import sys
from tdaflow.cli import main
sys.argv = ["tdaflow", "run", "quickstart", "--out", sys.argv[1], "--cluster", "sync", "--set", "data.n_volumes=2"]
try:
    main()
except SystemExit as ended:
    print("ended", ended.code, "gudhi" in sys.modules)
"""


def test_a_default_run_never_imports_gudhi(tmp_path):
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path / "run"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "ended 0 False", done.stderr

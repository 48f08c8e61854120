"""``python -m tdaflow``."""

from tdaflow.cli import main

main()

"""The command ``tdaflow``, and ``python -m tdaflow``."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while modules are still imported is a sentence, too."""
    try:
        from tdaflow.cli import main as command_line
        from tdaflow.cli.streams import forgiving_streams

        with forgiving_streams():
            command_line()
    except KeyboardInterrupt:
        print("tdaflow: interrupted before anything was started", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()

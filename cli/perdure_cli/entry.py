"""Where the process begins: nothing is imported yet, so that Ctrl-C tells no story of imports, however early it comes."""

import sys


def main() -> int:
    """Run `perdure` with the process's arguments; returns its exit code."""
    try:
        from perdure_cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("perdure: interrupted: nothing is lost: run the same command again\n")
        return 130
    return run()

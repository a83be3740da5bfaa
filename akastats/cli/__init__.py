"""The command `akastats`: one file a verb family. This module needs nothing that is not always installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 when all is well, 1 when it is not, 2 for a wrong use."""
    try:
        # Late, because all of it comes with an extra.
        from akastats.cli.app import run

        sys.exit(run())
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "akastats":
            raise
        sys.exit(f'akastats: {missing} is not installed: pip install "pytest-akastats[api]"')
    except KeyboardInterrupt:
        sys.exit(130)

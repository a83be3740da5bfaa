"""The command `akastats`, one file per command family. This module imports only required dependencies."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 for success, 1 for an error, 2 for wrong usage."""
    try:
        # Import late, because these dependencies belong to an extra.
        from akastats.cli.app import run

        sys.exit(run())
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "akastats":
            raise
        sys.exit(f'akastats: {missing} is not installed: pip install "pytest-akastats[api]"')
    except KeyboardInterrupt:
        sys.exit(130)

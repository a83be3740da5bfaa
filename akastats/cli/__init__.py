"""The command `akastats`: one file a verb family. This module needs nothing that is not always installed."""

from __future__ import annotations

import sys

#: What the extra `api` brings: missing one of them, the command says so in one line.
_BROUGHT = ("fastapi", "prometheus_client", "rich", "typer", "uvicorn")


def main() -> None:
    """Run the command line and exit: 0 when all is well, 1 when it is not, 2 for a wrong use."""
    try:
        # Late, because all of it comes with an extra.
        from akastats.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in _BROUGHT:
            raise
        sys.exit(f'akastats: {error.name} is not installed: pip install "pytest-akastats[api]"')
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run())

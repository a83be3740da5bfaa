"""Run the command line as `python -m akastats`."""

from __future__ import annotations

from akastats.cli import main

if __name__ == "__main__":
    main()

"""The directories of spools."""

from __future__ import annotations

from pathlib import Path

from akastats.spool import directories


def test_the_project_comes_first_then_the_user_then_the_temporary_directory() -> None:
    """If the project is not writable, its spools have a separate directory elsewhere."""
    candidates = list(directories.list_candidates(Path("/project/.akastats"), {"HOME": "/home/anna"}))

    assert Path("/project/.akastats/spool") == candidates[0]
    assert str(candidates[1]).startswith("/home/anna/.local/state/akastats/")
    assert 3 == len(candidates)

"""Counts in a row of `akastats runs`."""

from __future__ import annotations

from datetime import timezone

from akastats.cli.runs import _run_row
from akastats.queries.runs import Run


def test_a_file_that_cannot_be_collected_is_an_error() -> None:
    """pytest counts it as an error; `errors` of the run counts only tests."""
    run = Run("r", "failed", tests=3, failed=1, errors=2, collect_errors=4, started=0.0)

    assert _run_row(run, timezone.utc)[2:5] == (3, 1, 6)

"""`akastats runs`: what a row of its table counts."""

from __future__ import annotations

from datetime import timezone

from akastats.cli.runs import _run_row
from akastats.queries.runs import Run


def test_a_file_that_cannot_be_collected_is_an_error() -> None:
    """As pytest counts it; the run's own `errors` stay those of tests."""
    run = Run("r", "failed", tests=3, failed=1, errors=2, collect_errors=4, started=0.0)

    assert _run_row(run, timezone.utc)[2:5] == (3, 1, 6)

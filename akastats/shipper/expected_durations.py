"""Read the expected durations of a suite's tests for the test process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from akastats.config import Config
from akastats.errors import AccessDeniedError, NotFoundError, RequestRefusedError
from akastats.queries.ledger import read_recorded_run
from akastats.queries.runs import read_newest_complete
from akastats.spool.duration_list import ExpectedDurations
from akastats.store.requests import Operation


def read_durations(suite: str, config: Config, execute: Callable[[Operation[Any]], Any]) -> ExpectedDurations:
    """Read the durations of the newest complete run of a suite; a refusal of the server becomes the problem."""
    try:
        return ExpectedDurations(execute(_read_newest(config.namespace, suite)))
    except (AccessDeniedError, RequestRefusedError) as error:
        # The delivery does not need the durations.
        return ExpectedDurations(problem=str(error))
    except NotFoundError:
        return ExpectedDurations()


def _read_newest(namespace: str, suite: str) -> Operation[dict[str, float]]:
    run = yield from read_newest_complete(namespace, suite)
    _, recorded = yield from read_recorded_run(namespace, run.id)
    return {test.nodeid: round(test.seconds, 6) for test in recorded.costs.tests}

"""The failing tests of a run, each with its label and with what it failed with: two records brought together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from akastats.model.verdicts import FailureLabel, FailureVerdict, Verdicts
from akastats.queries.run_details import Details
from akastats.queries.run_failures import Failure

Standing = Literal[FailureLabel, "no history", "not judged"]

#: What a reader wants to see first: what may be the change's own fault, and last what fails no run.
STANDINGS: tuple[Standing, ...] = (
    *("new", "not judged", "no history"),
    *("also failing on base", "known flaky", "quarantined"),
)


@dataclass(frozen=True, slots=True)
class Failing:
    """A failing test, or a file that was not collected; `failure` is `None` where nobody knows it (any more)."""

    nodeid: str
    standing: Standing
    rate: float | None
    failure: Failure | None


def failing(details: Details, verdicts: Verdicts | None) -> list[Failing]:
    """Return what failed in a run, in the order of `STANDINGS`, then as the details and the verdicts name it."""
    judged = {each.nodeid: each for each in verdicts.failures} if verdicts else {}
    found: dict[str, Failure | None] = {}
    for failure in details.failures:
        for nodeid in failure.tests:
            found.setdefault(nodeid, failure)
    told = [_failing(nodeid, judged.get(nodeid), found.get(nodeid)) for nodeid in dict.fromkeys([*found, *judged])]
    return sorted(told, key=lambda each: STANDINGS.index(each.standing))


def unnamed(details: Details, verdicts: Verdicts | None) -> int:
    """Return how many failing tests neither the details nor the verdicts name."""
    named = {nodeid for failure in details.failures for nodeid in failure.tests}
    judged = {each.nodeid for each in verdicts.failures} if verdicts else set()
    left_out = details.failing_left_out + sum(each.count - len(each.tests) for each in details.failures)
    return max(0, left_out - len(judged - named))


def _failing(nodeid: str, judged: FailureVerdict | None, failure: Failure | None) -> Failing:
    if judged is None:
        return Failing(nodeid, "not judged", None, failure)
    return Failing(nodeid, judged.label or "no history", judged.rate, failure)

"""The failing tests of a run, each with its label from the verdicts and its failure from the details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from akastats.model.verdicts import FailureLabel, FailureVerdict, Verdicts
from akastats.queries.run_details import Details
from akastats.queries.run_failures import Failure

#: The label of a failure, or the reason why it has none.
ReportedLabel = Literal[FailureLabel, "no history", "not analysed"]

#: Labels in the order of reports: failures that the change may have caused first, quarantined tests last.
LABELS: tuple[ReportedLabel, ...] = (
    *("new", "not analysed", "no history"),
    *("also failing on base", "known flaky", "quarantined"),
)


@dataclass(frozen=True, slots=True)
class FailingTest:
    """A failing test, or a file that could not be collected.

    nodeid: node id of the test or file
    label: its label, or the reason why it has none
    rate: share of the first attempts of a known flaky test that fail, 0 to 1; `None` for other labels
    failure: its failure; `None` if unknown or expired
    """

    nodeid: str
    label: ReportedLabel
    rate: float | None
    failure: Failure | None


def list_failing_tests(details: Details, verdicts: Verdicts | None) -> list[FailingTest]:
    """Return the failing tests of a run in the order of `LABELS`, then of the details and the verdicts."""
    labelled = _verdicts_by_test(verdicts)
    failures: dict[str, Failure | None] = {}
    for failure in details.failures:
        for nodeid in failure.tests:
            failures.setdefault(nodeid, failure)
    nodeids = dict.fromkeys([*failures, *labelled])
    tests = [_failing_test(nodeid, labelled.get(nodeid), failures.get(nodeid)) for nodeid in nodeids]
    return sorted(tests, key=lambda test: LABELS.index(test.label))


def count_unnamed(details: Details, verdicts: Verdicts | None) -> int:
    """Return the number of failing tests that neither the details nor the verdicts name."""
    named = {nodeid for failure in details.failures for nodeid in failure.tests}
    left_out = details.failing_left_out + sum(each.count - len(each.tests) for each in details.failures)
    return max(0, left_out - len(_verdicts_by_test(verdicts).keys() - named))


def _verdicts_by_test(verdicts: Verdicts | None) -> dict[str, FailureVerdict]:
    return {each.nodeid: each for each in verdicts.failures} if verdicts else {}


def _failing_test(nodeid: str, verdict: FailureVerdict | None, failure: Failure | None) -> FailingTest:
    if verdict is None:
        return FailingTest(nodeid, "not analysed", None, failure)
    return FailingTest(nodeid, verdict.label or "no history", verdict.rate, failure)

"""Models of verdicts, flaky tests and duration changes."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from akastats.api.models.common import (
    COMMIT,
    EARLIER_RUN,
    LABEL,
    LATER_RUN,
    NODEID,
    RUN_CURSOR,
    RUN_ID,
    STARTED,
)
from akastats.api.models.derived import add_examples
from akastats.model.verdicts import DurationCause, FailureVerdict, Outlier, OverBudget
from akastats.queries.verdict_answers import (
    Acknowledgement,
    ChangeAnswer,
    InQuarantine,
    MachineSpeed,
    RanBefore,
    RunVerdicts,
    UnhealthyTestAnswer,
    VerdictsAnswer,
    VerdictsInShort,
    WorkerFailures,
)
from akastats.triage.acknowledgement_rules import AcknowledgementKind

_TOGETHER = [LABEL, "fixture@unit::tests::db"]

add_examples(FailureVerdict, nodeid=NODEID, label="known flaky", rate=0.12)
add_examples(OverBudget, nodeid=NODEID, seconds=2.31, allowed=1.5, rule="max_seconds")
add_examples(Outlier, nodeid=NODEID, seconds=2.31, typical=0.42)
add_examples(DurationCause, kind="fixture", name="::database", seconds=0.6)
add_examples(
    VerdictsInShort,
    run=RUN_ID,
    started=STARTED,
    suite="unit",
    branch="topic/faster",
    base="main",
    runs=120,
    counts={"healthy": 800, "flaky": 3, "broken": 1, "new": 6, "undecided": 2},
    undecided=14,
    pace=1.04,
    seconds=61.377,
    usual_seconds=58.9,
    is_outage=False,
)
add_examples(
    RunVerdicts,
    labels={"new": 1, "known flaky": 2},
    environments=["Python 3.11, linux-x86_64, test", "Python 3.13, linux-x86_64, test"],
    equal_runs=0,
    newly_skipped=["tests/test_orders.py::test_c"],
)
add_examples(WorkerFailures, worker="gw3", failed=4, attempts=30)
add_examples(RanBefore, nodeid="tests/test_orders.py::test_empties_the_cart", count=4)
add_examples(
    InQuarantine, until=1786183199.0, since=1785579300.0, reason="the payment sandbox is rate limited", by="ada"
)
add_examples(
    UnhealthyTestAnswer,
    "UnhealthyTest",
    nodeid=NODEID,
    suite="unit",
    state="flaky",
    rate=0.12,
    low=0.07,
    high=0.19,
    probability=1.0,
    since=EARLIER_RUN,
    since_commit=COMMIT,
    is_new=False,
    runs_failed=9,
    seconds_lost=551.2,
    evidence=[RUN_ID],
    cluster=0,
)
add_examples(Acknowledgement, "ChangeMark", mark="expected", reason="the new tax tables", since=1785579400.0)
add_examples(
    ChangeAnswer,
    "ChangeVerdict",
    id="7e8a1bf79f85d966",
    label=LABEL,
    kind="test",
    name=NODEID,
    nodeid=NODEID,
    suite="unit",
    environment="unit/n8/github-4/3.13",
    before=0.42,
    after=0.63,
    ratio=1.499,
    low=1.41,
    high=1.59,
    since=EARLIER_RUN,
    run=RUN_ID,
    until=LATER_RUN,
    since_commit="9d1c0de9d1c0de9d1c0de9d1c0de9d1c0de9d1c0",
    commit=COMMIT,
    until_commit="4be11e54be11e54be11e54be11e54be11e54be11",
    runs_after=7,
    is_slower=True,
    is_suspected=False,
    is_new=False,
    p=1e-9,
    confidence=0.999,
    group=0,
)
add_examples(MachineSpeed, "RunPace", run=RUN_ID, pace=1.04)
add_examples(
    VerdictsAnswer,
    "Verdicts",
    clusters=[[NODEID, "tests/test_orders.py::test_tax"]],
    together=[_TOGETHER],
    fixed=["tests/test_orders.py::test_b"],
)


@dataclass(frozen=True)
class FlakyPage:
    """Unhealthy tests in the requested order. All pages come from the same verdicts.

    items: the tests of this page
    next: cursor of the next page; null at the end
    total: number of tests on all pages
    verdicts: the verdicts that all pages come from; null if there are none
    """

    items: list[UnhealthyTestAnswer]
    next: str | None
    total: int
    verdicts: VerdictsInShort | None


add_examples(FlakyPage, next=RUN_CURSOR, total=3)


@dataclass(frozen=True)
class RegressionsPage:
    """Duration changes, newest first. All pages come from the same verdicts.

    items: the changes of this page
    next: cursor of the next page; null at the end
    total: number of changes on all pages
    suite_changes: duration changes of the suite as a whole, newest first
    together: labels that changed at the same run
    paces: machine speed factors of the runs in the newest run's environment, oldest first
    verdicts: the verdicts that all pages come from; null if there are none
    """

    items: list[ChangeAnswer]
    next: str | None
    total: int
    suite_changes: list[ChangeAnswer]
    together: tuple[tuple[str, ...], ...]
    paces: list[MachineSpeed]
    verdicts: VerdictsInShort | None


add_examples(RegressionsPage, next=RUN_CURSOR, total=12, together=[_TOGETHER])


class AcknowledgementBody(BaseModel):
    """The acknowledgement of a duration change."""

    # The title in the OpenAPI document names classes of generated clients.
    model_config = ConfigDict(extra="forbid", title="MarkWanted")

    mark: AcknowledgementKind = Field(description="the acknowledgement", examples=["expected"])
    reason: str = Field(
        default="", description="reason, at most 500 characters", max_length=500, examples=["the new tax tables"]
    )

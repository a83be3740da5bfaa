"""Findings: costs of a run in time, with their location and the change that avoids them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MarkName = Literal["acknowledged", "dismissed"]


@dataclass(frozen=True)
class Saving:
    """The wall time that a change would save in one run.

    seconds: predicted wall time, in seconds.
    low, high: interval of the prediction, in seconds.
    share: `seconds` as share of the run's wall time, from 0 to 1.
    cpu_seconds: CPU time that the change would save in all processes, in seconds.
    """

    seconds: float
    low: float
    high: float
    share: float
    cpu_seconds: float


@dataclass(frozen=True)
class Place:
    """Where time is spent; fields that do not apply are null.

    fixture: base id and name of a fixture.
    file: path of a file or directory.
    nodeid: node id of a test, or of a function with its parameters omitted.
    package: imported package.
    option: options of pytest.
    """

    fixture: str | None = None
    file: str | None = None
    nodeid: str | None = None
    package: str | None = None
    option: str | None = None


@dataclass(frozen=True)
class Since:
    """The first run with the cost of a finding.

    run: id of the run.
    commit: its commit; null if unknown.
    first_recorded: whether no change of the duration is known. If so, `run` is the run of the finding.
    """

    run: str
    commit: str | None
    first_recorded: bool


@dataclass(frozen=True)
class FindingMark:
    """What a user decided about a finding.

    mark: acknowledged, or dismissed, which hides it from the terminal and from reports.
    reason: reason as it was entered.
    since: time of the decision, epoch seconds.
    """

    mark: MarkName
    reason: str
    since: float


@dataclass(frozen=True)
class Finding:
    """One cost and the change that avoids it.

    kind: name of the rule.
    title: the cost and how to avoid it, in one sentence.
    saving: time that the change would save.
    where: where the time is spent, the largest part first.
    tests: number of tests that the change affects.
    since: first run with this cost; null until it was compared.
    evidence: measurements from which the saving follows; times in seconds.
    advice: the change.
    needs: name of the data that the rule reads, such as `ledger`.
    id: id of the finding, the same in each run of its suite; empty until it was compared.
    mark: decision of a user; null if there is none.
    """

    kind: str
    title: str
    saving: Saving
    where: tuple[Place, ...]
    tests: int
    since: Since | None
    evidence: Mapping[str, float]
    advice: str
    needs: str = "ledger"
    id: str = ""
    mark: FindingMark | None = None


def get_place(finding: Finding) -> str:
    """Return the first place of a finding as text; empty if there is none."""
    place = finding.where[0] if finding.where else Place()
    return next(filter(None, (place.fixture, place.nodeid, place.package, place.file, place.option)), "")


@dataclass(frozen=True)
class RecordedFinding:
    """A finding as the verdicts of a run store it.

    kind: name of the rule.
    place: first place, as text; empty if there is none.
    title: its title.
    seconds: predicted saving in seconds.
    low, high: interval of the prediction, in seconds.
    """

    kind: str
    place: str
    title: str
    seconds: float
    low: float
    high: float


@dataclass(frozen=True)
class FixedFinding:
    """A finding that a later run no longer has: the prediction, and what came true.

    finding: the finding as it was last recorded.
    measured: wall time of the runs with the finding minus that of the first run without it, in seconds.
    before: the last run with the finding.
    run: the first run without it.
    """

    finding: RecordedFinding
    measured: float
    before: str
    run: str


@dataclass(frozen=True)
class RunCosts:
    """The findings of a run, for the comparison with the next one.

    workers: number of pytest-xdist workers; 0 without workers.
    dist: `--dist` of pytest-xdist.
    tests: number of tests.
    walls: wall times of the newest runs with these findings, in seconds; that of the run is the last one.
    findings: its findings, the largest saving first.
    fixed: fixed findings of this and of earlier runs, newest first.
    """

    workers: int
    dist: str
    tests: int
    walls: tuple[float, ...]
    findings: tuple[RecordedFinding, ...] = ()
    fixed: tuple[FixedFinding, ...] = ()


@dataclass(frozen=True)
class FoundCost:
    """A finding as its rule returns it, before the saving is computed.

    kind, title, where, tests, evidence, advice: as in `Finding`.
    saved: wall time that the change saves, in seconds.
    cpu_saved: CPU time that the change saves, in seconds.
    claims: names of the costs that the change removes; only the first of two findings with the same cost counts.
    """

    kind: str
    title: str
    where: tuple[Place, ...]
    tests: int
    evidence: Mapping[str, float]
    advice: str
    saved: float
    cpu_saved: float = 0.0
    claims: frozenset[str] = field(default=frozenset())

"""The shipper's answer to the test process: figures of the delivered run, and its verdicts.

The answer is JSON in the state file. Missing fields get their defaults and unknown fields are ignored, because
shipper and plugin can have different versions during an upgrade. This module imports only small modules, because
the test process loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")

# JSON names of renamed fields. The JSON keeps the old names, because earlier versions read them.
_STORED_NAMES = {"typical": "usual"}


@dataclass(frozen=True)
class Timing:
    """Duration of a slow test or fixture.

    name: node id of the test, or directory and name of the fixture
    seconds: duration in this run, in seconds
    typical: typical duration in seconds; `None` without history; stored as `usual`
    points: number of earlier durations
    """

    name: str
    seconds: float
    typical: float | None = None
    points: int = 0


@dataclass(frozen=True)
class FailingTest:
    """A failing test.

    nodeid: node id of the test
    label: label of the failure; `None` without history
    rate: share of the attempts of a known flaky test that fail, 0 to 1; `None` for other labels
    """

    nodeid: str
    label: str | None = None
    rate: float | None = None


@dataclass(frozen=True)
class FlakyTest:
    """A newly flaky test.

    nodeid: node id of the test
    rate: share of its first attempts that fail, 0 to 1
    """

    nodeid: str
    rate: float


@dataclass(frozen=True)
class Slowdown:
    """A duration that became longer.

    name: node id of the test, or another name of the duration; empty for the suite
    before: seconds before the change
    after: seconds after the change
    ratio: new duration divided by the old one
    since: most likely first run after the change
    is_suspected: whether too few runs followed to confirm it
    """

    name: str
    before: float
    after: float
    ratio: float = 0.0
    since: str = ""
    is_suspected: bool = False


@dataclass(frozen=True)
class OverBudgetTest:
    """A test that took longer than its marker allows.

    nodeid: node id of the test
    seconds: duration in seconds
    allowed: seconds that the marker allows
    rule: max_seconds or max_slowdown
    """

    nodeid: str
    seconds: float
    allowed: float
    rule: str = ""


@dataclass(frozen=True)
class RunVerdicts:
    """The verdicts of the run that the terminal shows.

    runs: number of analysed runs, this one included
    base: branch that failures are compared with; empty if unknown
    labels: number of failing tests with each label
    unlabelled: number of failing tests without a label
    failures: failing tests, those that need attention first
    flaky: newly flaky tests
    slower: tests and other durations that are newly slower
    suite: new slowdowns of the whole suite
    over_budget: tests over their budget
    test_lists: node ids of each verdict that is a plain list of tests, such as `fixed`
    totals: number of all entries of each list above; the list itself contains only the first ones
    seconds: duration of the run in seconds; `None` if unknown
    typical_seconds: median duration of earlier runs, in seconds; `None` if unknown
    speed_factor: duration of all tests divided by their typical duration; `None` if unknown
    causes: kind, name and seconds of each cause by which the duration differs from the typical one
    is_outage: whether far more tests failed than in other runs, so that an outage is likely
    note: why the runs of this build need suite names; empty if they do not
    """

    runs: int = 0
    base: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    failures: tuple[FailingTest, ...] = ()
    flaky: tuple[FlakyTest, ...] = ()
    slower: tuple[Slowdown, ...] = ()
    suite: tuple[Slowdown, ...] = ()
    over_budget: tuple[OverBudgetTest, ...] = ()
    test_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    typical_seconds: float | None = None
    speed_factor: float | None = None
    causes: tuple[tuple[str, str, float], ...] = ()
    is_outage: bool = False
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """The shipper's answer about a delivered run.

    run: id of the run
    status: status of the run
    counts: number of tests with each outcome, of all tests, and of files that pytest could not collect
    tests: slowest tests
    fixtures: slowest fixtures
    verdicts: verdicts of the run; `None` without an analysis
    analysis_error: why the run could not be analysed; empty otherwise
    annotations: workflow commands for GitHub Actions
    webhook_error: why the webhook failed; empty otherwise
    hook_errors: why hooks of extensions failed; empty otherwise
    findings: one line for each of the first findings
    """

    run: str = ""
    status: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    tests: tuple[Timing, ...] = ()
    fixtures: tuple[Timing, ...] = ()
    verdicts: RunVerdicts | None = None
    analysis_error: str = ""
    annotations: tuple[str, ...] = ()
    webhook_error: str = ""
    hook_errors: str = ""
    findings: tuple[str, ...] = ()


def encode(answer: Answer) -> dict[str, Any]:
    """Return an answer as the JSON object that `decode` reads."""
    content: dict[str, Any] = {
        "run": answer.run,
        "status": answer.status,
        "counts": dict(answer.counts),
        "tests": list(map(_encode_timing, answer.tests)),
        "fixtures": list(map(_encode_timing, answer.fixtures)),
    }
    if answer.verdicts is not None:
        content["verdicts"] = _encode_verdicts(answer.verdicts)
    optional = {
        "unjudged": answer.analysis_error,
        "annotations": list(answer.annotations),
        "trouble": answer.webhook_error,
        "hook_errors": answer.hook_errors,
        "findings": list(answer.findings),
    }
    return content | {name: value for name, value in optional.items() if value}


def decode(content: Mapping[str, Any]) -> Answer:
    """Return the answer in a JSON object; raise `TypeError` or `ValueError` for values of a wrong type."""
    verdicts = content.get("verdicts")
    return Answer(
        run=str(content.get("run", "")),
        status=str(content.get("status", "")),
        counts=_counts(content.get("counts")),
        tests=_rows(Timing, content.get("tests")),
        fixtures=_rows(Timing, content.get("fixtures")),
        verdicts=None if verdicts is None else decode_verdicts(verdicts),
        analysis_error=str(content.get("unjudged", "")),
        annotations=tuple(map(str, content.get("annotations", ()))),
        webhook_error=str(content.get("trouble", "")),
        hook_errors=str(content.get("hook_errors", "")),
        findings=tuple(map(str, content.get("findings", ()))),
    )


def _encode_timing(timing: Timing) -> dict[str, Any]:
    return {_STORED_NAMES.get(name, name): value for name, value in asdict(timing).items()}


def _encode_verdicts(verdicts: RunVerdicts) -> dict[str, Any]:
    return {
        "runs": verdicts.runs,
        "base": verdicts.base,
        "labels": dict(verdicts.labels),
        "unlabelled": verdicts.unlabelled,
        "failures": list(map(astuple, verdicts.failures)),
        "flaky": list(map(astuple, verdicts.flaky)),
        "slower": list(map(asdict, verdicts.slower)),
        "suite": list(map(asdict, verdicts.suite)),
        "over_budget": list(map(astuple, verdicts.over_budget)),
        # Plugins before version 0.2 read the fixed tests from this field.
        "fixed": list(verdicts.test_lists.get("fixed", ())),
        "test_lists": {name: list(tests) for name, tests in verdicts.test_lists.items()},
        "news": dict(verdicts.totals),
        "seconds": verdicts.seconds,
        "usual_seconds": verdicts.typical_seconds,
        "pace": verdicts.speed_factor,
        "causes": list(verdicts.causes),
        "is_outage": verdicts.is_outage,
        "note": verdicts.note,
    }


def decode_verdicts(content: Mapping[str, Any]) -> RunVerdicts:
    """Return the verdicts in the JSON object of an answer."""
    lists = {"fixed": content.get("fixed", ()), **content.get("test_lists", {})}
    return RunVerdicts(
        runs=int(content.get("runs", 0)),
        base=str(content.get("base", "")),
        labels=_counts(content.get("labels")),
        unlabelled=int(content.get("unlabelled", 0)),
        failures=_rows(FailingTest, content.get("failures")),
        flaky=_rows(FlakyTest, content.get("flaky")),
        slower=_rows(Slowdown, content.get("slower")),
        suite=_rows(Slowdown, content.get("suite")),
        over_budget=_rows(OverBudgetTest, content.get("over_budget")),
        test_lists={str(name): tuple(map(str, tests)) for name, tests in lists.items()},
        totals=_counts(content.get("news")),
        seconds=_number(content.get("seconds")),
        typical_seconds=_number(content.get("usual_seconds")),
        speed_factor=_number(content.get("pace")),
        causes=tuple((str(kind), str(name), float(each)) for kind, name, each in content.get("causes", ())),
        is_outage=bool(content.get("is_outage", False)),
        note=str(content.get("note", "")),
    )


def _counts(content: Mapping[str, Any] | None) -> dict[str, int]:
    return {str(name): int(count) for name, count in (content or {}).items()}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _rows(row_type: type[_T], rows: Any) -> tuple[_T, ...]:
    """Return rows that are JSON objects, or lists in the order of the fields; further columns are ignored."""
    names = [each.name for each in fields(row_type)]  # type: ignore[arg-type]  # each `_T` is a dataclass
    return tuple(_row(row_type, names, row) for row in rows or ())


def _row(row_type: type[_T], names: list[str], row: Any) -> _T:
    if isinstance(row, Mapping):
        stored = {name: _STORED_NAMES.get(name, name) for name in names}
        return row_type(**{name: row[key] for name, key in stored.items() if key in row})
    return row_type(*row[: len(names)])

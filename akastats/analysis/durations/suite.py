"""Analyse the durations of a suite up to its newest run: tests, fixtures, files, imports, spans and numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from statistics import median

from akastats.analysis.durations.changes import DetectedChanges, Durations, TimedRun, find_changes
from akastats.analysis.durations.difference import explain_difference
from akastats.analysis.durations.outliers import outliers
from akastats.analysis.run_records import TIMED, RunRecord, are_complete
from akastats.model.verdicts import ChangeVerdict, DurationCause, DurationChange, Outlier, Verdicts

#: Minimum number of earlier runs for the typical duration of a run.
MIN_TYPICAL_RUNS = 5
#: Maximum number of stored changes, newest first. More at once are usually due to the speed of the machine.
MAX_CHANGES = 500
#: Number of series that are processed at once: all columns together need 16 MB more.
NAMES_AT_ONCE = 1000
#: Recorded numbers of this size or larger are ignored: the interval of their ratio to 0 would exceed a float.
MAX_NUMBER = 1e200

#: Numbers that tests recorded: for each label, the value by run id.
Numbers = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class DurationAnalysis:
    """Analysis of the durations of a suite; `Verdicts` has some of the fields under older names.

    changes: changes of tests, fixtures, files and recorded numbers
    suite_changes: changes of the whole suite; their label is empty
    together: labels whose durations changed at the same run
    speed_factor: machine speed factor of the last run; `None` if unknown
    typical_seconds: median duration of earlier runs, in seconds; `None` if unknown
    too_short: number of series whose history is too short
    speed_factors: run id and machine speed factor of the newest runs in its environment, oldest first
    outliers: tests of the last run whose duration exceeds their history
    causes: reasons why the duration of the last run differs from the typical one
    """

    changes: tuple[ChangeVerdict, ...]
    suite_changes: tuple[ChangeVerdict, ...]
    together: tuple[tuple[str, ...], ...]
    speed_factor: float | None
    typical_seconds: float | None
    too_short: int
    speed_factors: tuple[tuple[str, float], ...]
    outliers: tuple[Outlier, ...] = ()
    causes: tuple[DurationCause, ...] = ()


def analyse_durations(
    records: Sequence[RunRecord], labels: Mapping[str, str], numbers: Numbers, previous: Verdicts | None
) -> DurationAnalysis:
    """Return the changes of durations up to the last of `records`, which are in time order.

    `labels` maps `test`, `fixture`, `collect`, `import` and `span` to the label prefixes of the suite.
    """
    runs = [TimedRun(record.facts.id, record.facts.environment) for record in records]
    complete = are_complete(records)
    durations = _durations(records, complete, labels)
    detected = find_changes(runs, durations, reference=_list_reference(durations, labels))
    own = [find_changes(runs, {label: _series(runs, values)}) for label, values in numbers.items()]
    changes = [change for detected in (detected, *own) for change in detected.changes]
    comparable = _find_comparable(records, complete)
    speed_factor = detected.factors[-1] if detected.factors else None
    newest = sorted(changes, key=lambda change: (change.run, change.ratio), reverse=True)[:MAX_CHANGES]
    return DurationAnalysis(
        changes=_with_news(newest, previous.changes if previous else None),
        suite_changes=_with_news(detected.suite, previous.suite_changes if previous else None),
        together=tuple(together(newest)),
        speed_factor=speed_factor,
        typical_seconds=_typical_seconds(comparable),
        too_short=_too_short(detected, own),
        speed_factors=_speed_factors(runs, detected.factors),
        outliers=_outliers(runs, durations, detected, labels["test"]),
        causes=explain_difference(comparable, records[-1], speed_factor) if comparable else (),
    )


def _list_reference(durations: Mapping[str, Durations], labels: Mapping[str, str]) -> list[str]:
    """Return the labels that determine the machine speed.

    Imports and spans do not: in a suite of three tests, one slower import made the machine "2.16 times slower".
    """
    others = tuple(f"{labels[word]}::" for word in ("import", "span"))
    return [label for label in durations if not label.startswith(others)]


def _outliers(
    runs: Sequence[TimedRun], durations: Mapping[str, Durations], detected: DetectedChanges, word: str
) -> tuple[Outlier, ...]:
    positions = {run.id: at for at, run in enumerate(runs)}
    here, start = runs[-1].environment, len(word) + len("::")
    levels = {
        change.label[start:]: positions[change.run] for change in detected.changes if change.environment == here
    }
    tests = {label[start:]: series for label, series in durations.items() if label.startswith(f"{word}::")}
    return outliers(tests, detected.factors, [run.environment == here for run in runs], levels)


def _speed_factors(
    runs: Sequence[TimedRun], speed_factors: Sequence[float | None]
) -> tuple[tuple[str, float], ...]:
    """Return the machine speed factors of the runs in the environment of the last run."""
    return tuple(
        (run.id, round(speed_factor, 4))
        for run, speed_factor in zip(runs, speed_factors, strict=True)
        if speed_factor is not None and run.environment == runs[-1].environment
    )


def _too_short(detected: DetectedChanges, own: Sequence[DetectedChanges]) -> int:
    return detected.too_short + sum(detected.too_short for detected in own)


def _durations(
    records: Sequence[RunRecord], complete: Sequence[bool], labels: Mapping[str, str]
) -> dict[str, Durations]:
    tables: dict[str, list[Mapping[str, float]]] = {
        "test": [*map(_last_durations, records)],
        "fixture": _of_complete(records, complete, "fixtures"),
        "collect": _of_complete(records, complete, "files"),
        "import": _of_complete(records, complete, "imports"),
        "span": _of_complete(records, complete, "spans"),
    }
    return {
        f"{labels[word]}::{name}": series for word, by_run in tables.items() for name, series in _by_name(by_run)
    }


def _of_complete(records: Sequence[RunRecord], complete: Sequence[bool], column: str) -> list[Mapping[str, float]]:
    """Return a column of durations of each run, empty for an incomplete run."""
    return [
        getattr(record, column) if is_complete else {}
        for record, is_complete in zip(records, complete, strict=True)
    ]


def _by_name(by_run: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, Durations]]:
    """Yield the series of each name, as arrays: two million Python floats would take 64 MB."""
    names = list(dict.fromkeys(chain.from_iterable(by_run)))
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        # Process whole columns in C: a loop over names took three times as long.
        columns = [list(map(taken.get, some)) for taken in by_run]
        for name, column in zip(some, zip(*columns, strict=True), strict=True):
            yield name, _without_gaps(column)


def _without_gaps(column: Sequence[float | None]) -> Durations:
    seconds = array("d", [each for each in column if each is not None])
    if len(seconds) == len(column):
        # Most tests ran in every run.
        return Durations(range(len(column)), seconds)
    return Durations(array("l", [position for position, each in enumerate(column) if each is not None]), seconds)


def _last_durations(record: RunRecord) -> dict[str, float]:
    """Return the duration of the last attempt of each test, if it completed without a failure."""
    # One pass over all rows: picking a third of 100,000 tests by index took 0.4 s per run.
    rows = zip(record.nodeids, record.letters, record.seconds, strict=True)
    return {nodeid: seconds for nodeid, letter, seconds in rows if letter in TIMED}


def _series(runs: Sequence[TimedRun], values: Mapping[str, float]) -> Durations:
    positions = [at for at, run in enumerate(runs) if abs(values.get(run.id, inf)) < MAX_NUMBER]
    return Durations(positions, [values[runs[at].id] for at in positions])


def _with_news(
    changes: Sequence[DurationChange], before: Sequence[ChangeVerdict] | None
) -> tuple[ChangeVerdict, ...]:
    if before is None:
        return tuple(ChangeVerdict(change, change.is_suspected) for change in changes)
    return tuple(
        ChangeVerdict(change, not any(is_same_change(change, earlier.change) for earlier in before))
        for change in changes
    )


def is_same_change(one: DurationChange, other: DurationChange) -> bool:
    """Return whether two analyses found the same change; run ids sort by time."""
    return (
        (one.label, one.environment, one.is_slower) == (other.label, other.environment, other.is_slower)
        and one.since < other.until
        and other.since < one.until
    )


def together(changes: Sequence[DurationChange]) -> list[tuple[str, ...]]:
    """Return groups of at least two labels that changed in the same direction at the same run."""
    groups: list[list[DurationChange]] = []
    for change in changes:
        for group in groups:
            first = group[0]
            if (first.environment, first.is_slower) == (change.environment, change.is_slower) and (
                change.since < first.run <= change.until
            ):
                group.append(change)
                break
        else:
            groups.append([change])
    return [tuple(dict.fromkeys(change.label for change in group)) for group in groups if len(group) > 1]


def _find_comparable(records: Sequence[RunRecord], complete: Sequence[bool]) -> list[RunRecord]:
    """Return the complete runs before the last that have its environment and a duration, oldest first.

    Empty with fewer than five such runs, or if the last run is incomplete, such as one with `-k`.
    """
    if not (complete and complete[-1]):
        return []
    *before, now = records
    comparable = [
        record
        for record, is_complete in zip(before, complete, strict=False)
        if is_complete and record.facts.environment == now.facts.environment and record.facts.duration
    ]
    return comparable if len(comparable) >= MIN_TYPICAL_RUNS else []


def _typical_seconds(comparable: Sequence[RunRecord]) -> float | None:
    """Return the median duration of comparable runs, in seconds; `None` if there are none."""
    durations = [record.facts.duration for record in comparable if record.facts.duration]
    return median(durations) if durations else None

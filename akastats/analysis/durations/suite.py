"""What became slower in a suite up to its newest run: tests, fixtures, files, numbers, and all together. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from statistics import median

from akastats.analysis.durations.changes import DetectedChanges, Durations, TimedRun, find_changes
from akastats.analysis.durations.outliers import outliers
from akastats.analysis.run_records import TIMED, RunRecord, are_complete
from akastats.model.verdicts import ChangeVerdict, DurationChange, Outlier, Verdicts

#: Runs before it that say what a run usually takes.
MIN_TYPICAL_RUNS = 5
#: Changes that are told: where everything changes, the pace says so.
MAX_CHANGES = 500
#: Names whose series are made at once: of all together the columns would take 16 MB more.
NAMES_AT_ONCE = 1000
#: A user's own numbers of this size are left out: the interval of a ratio to nothing would be beyond all floats.
MOST_NUMBER = 1e200

#: A user's own numbers by label: what they came to in runs, by run id.
Numbers = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class DurationAnalysis:
    """Changes of duration; `undecided` counts series that are too short, the other fields are as in `Verdicts`."""

    changes: tuple[ChangeVerdict, ...]
    suite_changes: tuple[ChangeVerdict, ...]
    together: tuple[tuple[str, ...], ...]
    speed_factor: float | None
    typical_seconds: float | None
    too_short: int
    speed_factors: tuple[tuple[str, float], ...]
    outliers: tuple[Outlier, ...] = ()


def analyse_durations(
    records: Sequence[RunRecord], labels: Mapping[str, str], numbers: Numbers, previous: Verdicts | None
) -> DurationAnalysis:
    """Return what changed its duration up to the last of `records`, in time order.

    `labels` is what labels begin with for the words `test`, `fixture` and `collect`: these, with the suite.
    """
    runs = [TimedRun(record.facts.id, record.facts.environment) for record in records]
    whole = are_complete(records)
    durations = _durations(records, whole, labels)
    found = find_changes(runs, durations)
    own = [find_changes(runs, {label: _series(runs, values)}) for label, values in numbers.items()]
    changes = [change for judged in (found, *own) for change in judged.changes]
    newest = sorted(changes, key=lambda change: (change.run, change.ratio), reverse=True)[:MAX_CHANGES]
    return DurationAnalysis(
        changes=_with_news(newest, previous.changes if previous else None),
        suite_changes=_with_news(found.suite, previous.suite_changes if previous else None),
        together=tuple(together(newest)),
        speed_factor=found.factors[-1] if found.factors else None,
        typical_seconds=_typical_seconds(records, whole),
        too_short=_too_short(found, own),
        speed_factors=_speed_factors(runs, found.factors),
        outliers=_outliers(runs, durations, found, labels["test"]),
    )


def _outliers(
    runs: Sequence[TimedRun], durations: Mapping[str, Durations], found: DetectedChanges, word: str
) -> tuple[Outlier, ...]:
    positions = {run.id: at for at, run in enumerate(runs)}
    here, start = runs[-1].environment, len(word) + len("::")
    levels = {
        change.label[start:]: positions[change.run] for change in found.changes if change.environment == here
    }
    tests = {label[start:]: series for label, series in durations.items() if label.startswith(f"{word}::")}
    return outliers(tests, found.factors, [run.environment == here for run in runs], levels)


def _speed_factors(
    runs: Sequence[TimedRun], speed_factors: Sequence[float | None]
) -> tuple[tuple[str, float], ...]:
    """Return the paces of the runs in the last one's environment."""
    return tuple(
        (run.id, round(speed_factor, 4))
        for run, speed_factor in zip(runs, speed_factors, strict=True)
        if speed_factor is not None and run.environment == runs[-1].environment
    )


def _too_short(found: DetectedChanges, own: Sequence[DetectedChanges]) -> int:
    return found.too_short + sum(judged.too_short for judged in own)


def _durations(
    records: Sequence[RunRecord], whole: Sequence[bool], labels: Mapping[str, str]
) -> dict[str, Durations]:
    fixtures = [record.fixtures if is_whole else {} for record, is_whole in zip(records, whole, strict=True)]
    files = [record.files if is_whole else {} for record, is_whole in zip(records, whole, strict=True)]
    tables: dict[str, list[Mapping[str, float]]] = {
        "test": [*map(_last_timed, records)],
        "fixture": fixtures,
        "collect": files,
    }
    return {
        f"{labels[word]}::{name}": series for word, by_run in tables.items() for name, series in _by_name(by_run)
    }


def _by_name(by_run: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, Durations]]:
    """Yield the series of each name; arrays, since two million numbers of Python's own take 64 MB."""
    names = list(dict.fromkeys(chain.from_iterable(by_run)))
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        # A run at a time and in C: a name at a time took three times as long.
        columns = [list(map(taken.get, some)) for taken in by_run]
        for name, told in zip(some, zip(*columns, strict=True), strict=True):
            yield name, _without_gaps(told)


def _without_gaps(told: Sequence[float | None]) -> Durations:
    seconds = array("d", [each for each in told if each is not None])
    if len(seconds) == len(told):
        # The usual case: it ran each time.
        return Durations(range(len(told)), seconds)
    return Durations(array("l", [place for place, each in enumerate(told) if each is not None]), seconds)


def _last_timed(record: RunRecord) -> dict[str, float]:
    """Return how long each test took that came to its end, by its last attempt."""
    # Asked of each: taken out one by one, a third of 100,000 tests took 0.4 s a run.
    rows = zip(record.nodeids, record.letters, record.seconds, strict=True)
    return {nodeid: seconds for nodeid, letter, seconds in rows if letter in TIMED}


def _series(runs: Sequence[TimedRun], values: Mapping[str, float]) -> Durations:
    known = [at for at, run in enumerate(runs) if abs(values.get(run.id, inf)) < MOST_NUMBER]
    return Durations(known, [values[runs[at].id] for at in known])


def _with_news(
    changes: Sequence[DurationChange], before: Sequence[ChangeVerdict] | None
) -> tuple[ChangeVerdict, ...]:
    if before is None:
        return tuple(ChangeVerdict(change, change.is_suspected) for change in changes)
    return tuple(
        ChangeVerdict(change, not any(is_same_change(change, known.change) for known in before))
        for change in changes
    )


def is_same_change(one: DurationChange, other: DurationChange) -> bool:
    """Tell whether two judgements speak of the same change: run ids sort by time."""
    return (
        (one.label, one.environment, one.is_slower) == (other.label, other.environment, other.is_slower)
        and one.since < other.until
        and other.since < one.until
    )


def together(changes: Sequence[DurationChange]) -> list[tuple[str, ...]]:
    """Return the labels that changed in the same direction at the same run, where more than one did."""
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


def _typical_seconds(records: Sequence[RunRecord], whole: Sequence[bool]) -> float | None:
    """Return the median of what whole runs before the last took in its environment; `None` of fewer than five.

    `None` too for a last run that is not whole: `-k` runs take no usual time.
    """
    if not (whole and whole[-1]):
        return None
    *before, now = records
    taken = [
        record.facts.duration
        for record, is_whole in zip(before, whole, strict=False)
        if is_whole and record.facts.environment == now.facts.environment and record.facts.duration
    ]
    return median(taken) if len(taken) >= MIN_TYPICAL_RUNS else None

"""How others find a slow-down, written down again from their descriptions, on raw durations as they read them.

Each way is told a suite and says when it would have flagged what: at which run, known after how many runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log, sqrt
from statistics import fmean, median
from typing import NamedTuple

from slow_suites import Suite

from akastats.analysis.durations.changepoints import spread_of, without_outliers
from akastats.analysis.durations.changes import MIN_HISTORY, DetectedChanges, Durations, TimedRun, find_changes
from akastats.analysis.durations.machine_speed import log_factors
from akastats.model.verdicts import OFFSET


class Flag(NamedTuple):
    """A test was said to have changed at a run, when so many runs were known."""

    test: int
    run: int
    known: int
    is_slower: bool
    is_suspected: bool = False


Way = Callable[[Suite], Iterator[Flag]]


def ours(suite: Suite) -> Iterator[Flag]:
    """This project: the whole suite is judged again after each run."""
    for known in range(MIN_HISTORY, suite.runs + 1):
        yield from judged(suite.until(known), known)


def judged(suite: Suite, known: int) -> Iterator[Flag]:
    """What this project says of a suite's tests."""
    for change in judgement(suite).changes:
        yield Flag(int(change.label), int(change.run), known, change.is_slower, change.is_suspected)


def judgement(suite: Suite) -> DetectedChanges:
    """Judge a made suite."""
    runs = [TimedRun(str(run), "one") for run in range(suite.runs)]
    tests = {str(at): Durations(range(suite.runs), seconds) for at, seconds in enumerate(suite.seconds)}
    return find_changes(runs, tests)


def fixed(suite: Suite) -> Iterator[Flag]:
    """A run 1.2 times slower than the mean of the ten before it."""
    yield from _each_run(suite, 10, lambda series, run: series[run] > 1.2 * fmean(series[run - 10 : run]))


def mad(suite: Suite) -> Iterator[Flag]:
    """A run slower than the median of the 30 before it by three of their scaled absolute deviations."""

    def is_slower(series: Sequence[float], run: int) -> bool:
        usual = median(series[run - 30 : run])
        deviation = median(abs(value - usual) for value in series[run - 30 : run])
        return series[run] > usual + 3 * 1.4826 * deviation

    yield from _each_run(suite, 30, is_slower)


def _each_run(suite: Suite, first: int, is_slower: Callable[[Sequence[float], int], bool]) -> Iterator[Flag]:
    for test, series in enumerate(suite.seconds):
        for run in range(first, suite.runs):
            if is_slower(series, run):
                yield Flag(test, run, run + 1, True)


def perfherder(suite: Suite) -> Iterator[Flag]:
    """Perfherder's t > 7 between 12-24 runs before and 12 after, linear weights, local maximum, at least 2 %."""
    for test, series in enumerate(suite.seconds):
        ts = {
            run: _weighted_t(series[max(0, run - 24) : run], series[run : run + 12])
            for run in range(12, suite.runs - 11)
        }
        for run, t in ts.items():
            neighbours = [abs(ts[near]) for near in range(run - 12, run + 13) if near in ts]
            if abs(t) > 7 and abs(t) == max(neighbours):
                yield Flag(test, run, run + 12, t > 0)


def _weighted_t(before: Sequence[float], after: Sequence[float]) -> float:
    old, old_error = _weighted(before[::-1])
    new, new_error = _weighted(after)
    if abs(new / old - 1) < 0.02:
        return 0.0
    return (new - old) / sqrt(old_error + new_error)


def _weighted(values: Sequence[float]) -> tuple[float, float]:
    weights = [len(values) - at for at in range(len(values))]
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)


def otava(suite: Suite) -> Iterator[Flag]:
    """Apache Otava 0.8 with its defaults on raw durations: window 50, p .001."""
    yield from _otava(suite, lambda known: suite.until(known).seconds, p=0.001, least=0.0)


def otava_prepared(suite: Suite) -> Iterator[Flag]:
    """Otava in the place of our own E-divisive: on logarithms less the pace without outliers, p 1e-5, 10 %."""
    yield from _otava(suite, lambda known: prepared(suite.until(known)), p=1e-5, least=log(1.1))


def prepared(suite: Suite) -> list[list[float]]:
    """What this project's change points are looked for in."""
    logs = [[log(value + OFFSET) for value in series] for series in suite.seconds]
    shared = [pace or 0.0 for pace in log_factors([(range(suite.runs), series) for series in logs], suite.runs)]
    own = [[value - pace for value, pace in zip(series, shared, strict=True)] for series in logs]
    return [without_outliers(series, spread_of(series)) for series in own]


def _otava(
    suite: Suite, series_of: Callable[[int], Sequence[Sequence[float]]], *, p: float, least: float
) -> Iterator[Flag]:
    """Read a test after each tenth run, and four and five runs after its change: false flags are counted low."""
    from otava.analysis import compute_change_points

    soon = {
        (test, truth.at + truth.ramp + after)
        for test, truth in enumerate(suite.truths)
        if truth
        for after in (4, 5)
    }
    everywhere = range(20, suite.runs + 1, 10)
    for known in sorted({*everywhere, *(known for _, known in soon)}):
        for test, series in enumerate(series_of(known)):
            if known not in everywhere and (test, known) not in soon:
                continue
            for point in compute_change_points(list(series), window_len=50, max_pvalue=p)[0]:
                before, after = point.stats.mean_1, point.stats.mean_2
                if abs(after - before) >= least:
                    yield Flag(test, point.index, known, after > before)


WAYS: dict[str, Way] = {
    "akastats": ours,
    "1.2 x the mean of the last ten": fixed,
    "median + 3 MAD of the last 30": mad,
    "Perfherder t > 7": perfherder,
    "Otava, raw": otava,
    "Otava, prepared as here": otava_prepared,
}


def distinct(flags: Iterable[Flag], within: int = 5) -> list[Flag]:
    """One flag for a test and place, the first that was known: what is said again is not counted again."""
    kept: list[Flag] = []
    for flag in sorted(flags, key=lambda flag: (flag.test, flag.known, flag.run)):
        near = (other for other in reversed(kept) if other.test == flag.test)
        if not any(abs(other.run - flag.run) <= within and other.is_slower == flag.is_slower for other in near):
            kept.append(flag)
    return kept

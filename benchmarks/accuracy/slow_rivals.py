"""Other rules that detect slower tests, implemented from their descriptions. They read raw durations.

Each rule reads a suite and yields its reports, with the number of runs after which it reports them.
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


class Report(NamedTuple):
    """The report of a change.

    test: index of the test
    run: index of the first run after the change
    length: number of runs at the time of the report
    is_slower: whether the test became slower
    is_suspected: whether the change is not confirmed yet
    """

    test: int
    run: int
    length: int
    is_slower: bool
    is_suspected: bool = False


Rule = Callable[[Suite], Iterator[Report]]


def ours(suite: Suite) -> Iterator[Report]:
    """akastats: the whole suite is analysed after each run."""
    for length in range(MIN_HISTORY, suite.runs + 1):
        yield from reports_of(suite.until(length), length)


def reports_of(suite: Suite, length: int) -> Iterator[Report]:
    """Return the reports of akastats for the tests of a suite."""
    for change in detect(suite).changes:
        yield Report(int(change.label), int(change.run), length, change.is_slower, change.is_suspected)


def detect(suite: Suite) -> DetectedChanges:
    """Return the changes that akastats detects in a suite."""
    runs = [TimedRun(str(run), "one") for run in range(suite.runs)]
    tests = {str(at): Durations(range(suite.runs), seconds) for at, seconds in enumerate(suite.seconds)}
    return find_changes(runs, tests)


def fixed(suite: Suite) -> Iterator[Report]:
    """Report runs that are 1.2 times slower than the mean of the ten previous runs."""
    yield from _each_run(suite, 10, lambda series, run: series[run] > 1.2 * fmean(series[run - 10 : run]))


def mad(suite: Suite) -> Iterator[Report]:
    """Report runs that are slower than the median of the 30 previous runs by three scaled absolute deviations."""

    def is_slower(series: Sequence[float], run: int) -> bool:
        typical = median(series[run - 30 : run])
        deviation = median(abs(value - typical) for value in series[run - 30 : run])
        return series[run] > typical + 3 * 1.4826 * deviation

    yield from _each_run(suite, 30, is_slower)


def _each_run(suite: Suite, first: int, is_slower: Callable[[Sequence[float], int], bool]) -> Iterator[Report]:
    for test, series in enumerate(suite.seconds):
        for run in range(first, suite.runs):
            if is_slower(series, run):
                yield Report(test, run, run + 1, True)


def perfherder(suite: Suite) -> Iterator[Report]:
    """Perfherder: local maxima of t > 7 between 12-24 runs before and 12 after, linear weights, at least 2 %."""
    for test, series in enumerate(suite.seconds):
        ts = {
            run: _weighted_t(series[max(0, run - 24) : run], series[run : run + 12])
            for run in range(12, suite.runs - 11)
        }
        for run, t in ts.items():
            neighbours = [abs(ts[at]) for at in range(run - 12, run + 13) if at in ts]
            if abs(t) > 7 and abs(t) == max(neighbours):
                yield Report(test, run, run + 12, t > 0)


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


def otava(suite: Suite) -> Iterator[Report]:
    """Apache Otava 0.8 with its defaults on raw durations: window 50, p .001."""
    yield from _otava(suite, lambda length: suite.until(length).seconds, p=0.001, least=0.0)


def otava_prepared(suite: Suite) -> Iterator[Report]:
    """Otava on the logarithms that akastats analyses: without machine speed and outliers, p 1e-5, 10 %."""
    yield from _otava(suite, lambda length: prepared(suite.until(length)), p=1e-5, least=log(1.1))


def prepared(suite: Suite) -> list[list[float]]:
    """Return the series in which akastats detects change points."""
    logs = [[log(value + OFFSET) for value in series] for series in suite.seconds]
    shared = [
        factor or 0.0 for factor in log_factors([(range(suite.runs), series) for series in logs], suite.runs)
    ]
    own = [[value - factor for value, factor in zip(series, shared, strict=True)] for series in logs]
    return [without_outliers(series, spread_of(series)) for series in own]


def _otava(
    suite: Suite, series_of: Callable[[int], Sequence[Sequence[float]]], *, p: float, least: float
) -> Iterator[Report]:
    """Analyse a test after every tenth run, and after its change. Some false reports are missed."""
    from otava.analysis import compute_change_points

    soon = {
        (test, truth.at + truth.ramp + after)
        for test, truth in enumerate(suite.truths)
        if truth
        for after in (4, 5)
    }
    everywhere = range(20, suite.runs + 1, 10)
    for length in sorted({*everywhere, *(length for _, length in soon)}):
        for test, series in enumerate(series_of(length)):
            if length not in everywhere and (test, length) not in soon:
                continue
            for point in compute_change_points(list(series), window_len=50, max_pvalue=p)[0]:
                before, after = point.stats.mean_1, point.stats.mean_2
                if abs(after - before) >= least:
                    yield Report(test, point.index, length, after > before)


RULES: dict[str, Rule] = {
    "akastats": ours,
    "1.2 x the mean of the last ten": fixed,
    "median + 3 MAD of the last 30": mad,
    "Perfherder t > 7": perfherder,
    "Otava, raw": otava,
    "Otava, with our preparation": otava_prepared,
}


def distinct(reports: Iterable[Report], within: int = 5) -> list[Report]:
    """Return the first report of each change: one per test within a distance of `within` runs."""
    first: list[Report] = []
    for report in sorted(reports, key=lambda report: (report.test, report.length, report.run)):
        earlier = (other for other in reversed(first) if other.test == report.test)
        if not any(
            abs(other.run - report.run) <= within and other.is_slower == report.is_slower for other in earlier
        ):
            first.append(report)
    return first

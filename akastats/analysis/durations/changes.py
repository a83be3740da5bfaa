"""Find lasting changes of durations.

Per environment class, the logarithm of each duration minus that of its run's machine speed factor forms a series.
Fixtures, files and the numbers that tests record are series too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from operator import sub

from akastats.analysis.durations.changepoints import MIN_AFTER, MIN_BEFORE, Limits, Shift, shifts, upper_tail
from akastats.analysis.durations.machine_speed import Series, log_factors, sample, zeros_if_none
from akastats.model.verdicts import OFFSET, DurationChange

#: Minimum change of a level, in seconds.
MIN_SECONDS = 0.02
#: Minimum number of points of a series in an environment class.
MIN_HISTORY = MIN_BEFORE + MIN_AFTER
#: Half the width of a 95 % interval, in standard errors.
TWO_SIDED_95 = 1.96
LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class TimedRun:
    """A run whose durations are analysed.

    id: id of the run
    environment: environment class; only runs of one class are compared
    """

    id: str
    environment: str


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations of one series.

    runs: positions of its runs among all analysed runs, ascending
    seconds: duration per run
    """

    runs: Sequence[int]
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True)
class DetectedChanges:
    """Changes of all series of a suite.

    changes: changes of single series
    suite: changes of the machine speed, with an empty label, in seconds of all tests together
    factors: machine speed factor per run, 1 is typical; `None` with too few tests
    too_short: number of series whose history is too short in every class
    """

    changes: tuple[DurationChange, ...]
    suite: tuple[DurationChange, ...]
    factors: tuple[float | None, ...]
    too_short: int


def environment_class(
    *, suite: str, workers: int, provider: str | None, host: str, cpu_count: int, python: str
) -> str:
    """Return the environment class of a run; durations are compared only within one class.

    CI hosts are classified by their number of processors, other hosts by name, and workers by powers of two.
    """
    workers_class = 1 << max(0, workers - 1).bit_length()
    machine = f"{provider}-{cpu_count}" if provider else host
    parts = (suite, f"n{workers_class}", machine, ".".join(python.split(".")[:2]))
    return "/".join(part for part in parts if part)


def find_changes(
    runs: Sequence[TimedRun],
    durations: Mapping[str, Durations],
    limits: Limits = LIMITS,
    *,
    reference: Collection[str] | None = None,
) -> DetectedChanges:
    """Return the changes of every series up to the last run, which is the newest.

    reference: labels of the series that determine the machine speed; `None` for all
    """
    changes: list[DurationChange] = []
    suite: list[DurationChange] = []
    factors: list[float | None] = [None] * len(runs)
    too_short: dict[str, bool] = dict.fromkeys(durations, True)
    for environment in dict.fromkeys(run.environment for run in runs):
        series = _Environment(runs, environment, durations, durations if reference is None else reference)
        series.fill_factors(factors)
        suite.extend(series.suite_changes(limits))
        for label, detected in series.changes(limits):
            too_short[label] = False
            changes.extend(detected)
    return DetectedChanges(tuple(changes), tuple(suite), tuple(factors), sum(too_short.values()))


class _Environment:
    """The series of one environment class and the machine speed factors of its runs."""

    def __init__(
        self,
        runs: Sequence[TimedRun],
        name: str,
        durations: Mapping[str, Durations],
        reference: Collection[str],
    ) -> None:
        self.name = name
        self.runs = runs
        self.only = {at for at, run in enumerate(runs) if run.environment == name}
        self.durations = durations
        self.reference = reference
        sampled = sample([label for label in reference if len(durations[label].runs) >= MIN_BEFORE])
        self.measured = log_factors((self._logs(durations[label]) for label in sampled), len(runs))
        self.log_factors = zeros_if_none(self.measured)
        # Most tests ran in every run and share this list.
        self.all_factors = [factor for factor in self.log_factors if factor is not None]

    def fill_factors(self, factors: list[float | None]) -> None:
        """Set the machine speed factor of each run of the class, to `None` if the suite has too few tests."""
        for at in self.only:
            factor = self.measured[at]
            factors[at] = None if factor is None else exp(factor)

    def _points(self, series: Durations) -> tuple[Sequence[int], Sequence[float]]:
        """Return the points of a series in this class; empty for a series with negative values."""
        if not series.seconds or min(series.seconds) < 0:
            return (), ()
        if len(self.only) == len(self.runs):
            return series.runs, series.seconds
        pairs = [pair for pair in zip(series.runs, series.seconds, strict=True) if pair[0] in self.only]
        return [at for at, _ in pairs], [seconds for _, seconds in pairs]

    def _logs(self, series: Durations) -> Series:
        at, seconds = self._points(series)
        return at, [log(value + OFFSET) for value in seconds]

    def suite_changes(self, limits: Limits) -> Iterator[DurationChange]:
        """Yield the changes of the machine speed, in seconds of all tests together."""
        at = [run for run in sorted(self.only) if self.log_factors[run] is not None]
        values = [factor for run in at if (factor := self.log_factors[run]) is not None]
        detected = shifts(values, limits)
        total = (
            sum(_median_or_zero(self._points(self.durations[label])[1]) for label in self.reference)
            if detected
            else 0.0
        )
        for shift in detected:
            yield self._change("", at, shift, total, limits)

    def changes(self, limits: Limits) -> Iterator[tuple[str, list[DurationChange]]]:
        """Yield each series whose history is long enough, with its changes."""
        for label, series in self.durations.items():
            at, seconds = self._points(series)
            if len(at) < MIN_HISTORY:
                continue
            # Most tests end here: durations within 20 ms of each other have no change of 20 ms.
            if max(seconds) - min(seconds) < MIN_SECONDS:
                yield label, []
                continue
            yield label, self._changes_of(label, at, seconds, limits)

    def _changes_of(
        self, label: str, at: Sequence[int], seconds: Sequence[float], limits: Limits
    ) -> list[DurationChange]:
        factors = self.all_factors
        if not len(at) == len(factors) == len(self.runs):
            usable = [position for position, run in enumerate(at) if self.log_factors[run] is not None]
            at, seconds = [at[position] for position in usable], [seconds[position] for position in usable]
            factors = [factor for run in at if (factor := self.log_factors[run]) is not None]
        logs = map(log, [value + OFFSET for value in seconds])
        values = list(map(sub, logs, factors))
        changes = (self._change(label, at, shift, 1.0, limits) for shift in shifts(values, limits))
        return [change for change in changes if abs(change.after - change.before) >= MIN_SECONDS]

    def _change(self, label: str, at: Sequence[int], shift: Shift, scale: float, limits: Limits) -> DurationChange:
        size = shift.after - shift.before
        reach = TWO_SIDED_95 * shift.error
        since, run, until = (
            self.runs[at[position]].id for position in (max(0, shift.first - 1), shift.position, shift.last)
        )
        return DurationChange(
            label=label,
            environment=self.name,
            before=_seconds(shift.before, scale),
            after=_seconds(shift.after, scale),
            low=exp(size - reach),
            high=exp(size + reach),
            since=since,
            run=run,
            until=until,
            runs_after=shift.points,
            p=shift.p,
            confidence=1 - upper_tail((abs(size) - limits.shift) / shift.error, shift.freedom),
        )


def _seconds(level: float, scale: float) -> float:
    return max(0.0, scale * exp(level) - OFFSET)


def _median_or_zero(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) // 2] if seconds else 0.0

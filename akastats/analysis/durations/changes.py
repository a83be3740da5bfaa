"""Which tests became slower or faster, since which run, by how much. Points in, verdicts out.

Per environment class: the logarithm of each duration, less its run's pace, is a series whose levels are
compared. Fixtures, files and a user's own durations are series like a test's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from operator import sub

from akastats.analysis.durations.changepoints import MIN_AFTER, MIN_BEFORE, Limits, Shift, shifts, upper_tail
from akastats.analysis.durations.machine_speed import Series, log_factors, sample, zeros_if_none
from akastats.model.verdicts import OFFSET, DurationChange

#: Seconds by which a level must change at least.
LEAST_SECONDS = 0.02
#: Points that a test needs in an environment class before anything is said of it.
MIN_HISTORY = MIN_BEFORE + MIN_AFTER
#: The normal deviate of a 95 % interval.
TWO_SIDED_95 = 1.96
LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class TimedRun:
    """A run and the class of environment it was in: only runs of one class are compared."""

    id: str
    environment: str


@dataclass(frozen=True, slots=True)
class Durations:
    """What one test took: seconds, and the positions of its runs among all runs judged, ascending."""

    runs: Sequence[int]
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True)
class DetectedChanges:
    """What all series of a suite say.

    `suite` are the changes of the pace, with an empty label, in seconds of all tests together: what slows
    everything down is seen there and nowhere else. `paces` holds for each run its factor against the usual, None
    where too few tests are known. `undecided` counts the series whose history is too short in each class.
    """

    changes: tuple[DurationChange, ...]
    suite: tuple[DurationChange, ...]
    factors: tuple[float | None, ...]
    too_short: int


def environment_class(
    *, suite: str, workers: int, provider: str | None, host: str, cpu_count: int, python: str
) -> str:
    """Name the class of a run's environment: one name for all runs whose durations may be compared.

    Hosts of a CI provider are one machine each and so count by their size; others by their name. Workers
    count by powers of two.
    """
    crowd = 1 << max(0, workers - 1).bit_length()
    place = f"{provider}-{cpu_count}" if provider else host
    named = (suite, f"n{crowd}", place, ".".join(python.split(".")[:2]))
    return "/".join(part for part in named if part)


def find_changes(
    runs: Sequence[TimedRun], durations: Mapping[str, Durations], limits: Limits = LIMITS
) -> DetectedChanges:
    """Judge every series by what is known up to the newest run, the last; nothing is kept between calls."""
    changes: list[DurationChange] = []
    suite: list[DurationChange] = []
    factors: list[float | None] = [None] * len(runs)
    too_short: dict[str, bool] = dict.fromkeys(durations, True)
    for environment in dict.fromkeys(run.environment for run in runs):
        known = _Environment(runs, environment, durations)
        known.fill_factors(factors)
        suite.extend(known.suite_changes(limits))
        for label, found in known.changes(limits):
            too_short[label] = False
            changes.extend(found)
    return DetectedChanges(tuple(changes), tuple(suite), tuple(factors), sum(too_short.values()))


class _Environment:
    """The series of one environment class and the paces of its runs."""

    def __init__(self, runs: Sequence[TimedRun], name: str, durations: Mapping[str, Durations]) -> None:
        self.name = name
        self.runs = runs
        self.only = {at for at, run in enumerate(runs) if run.environment == name}
        self.durations = durations
        asked = sample([label for label, series in durations.items() if len(series.runs) >= MIN_BEFORE])
        self.measured = log_factors((self._logs(durations[label]) for label in asked), len(runs))
        self.log_factors = zeros_if_none(self.measured)
        # Most tests ran each time, and so each has these.
        self.all_factors = [factor for factor in self.log_factors if factor is not None]

    def fill_factors(self, factors: list[float | None]) -> None:
        """Set the machine speed factor of each run of the class; `None` in a suite that is too small."""
        for at in self.only:
            factor = self.measured[at]
            factors[at] = None if factor is None else exp(factor)

    def _points(self, series: Durations) -> tuple[Sequence[int], Sequence[float]]:
        """The points of a series in this class; none of what has a negative value and so is no duration."""
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
        """Changes of the pace, in seconds of all tests together."""
        at = [run for run in sorted(self.only) if self.log_factors[run] is not None]
        values = [factor for run in at if (factor := self.log_factors[run]) is not None]
        found = shifts(values, limits)
        total = (
            sum(_median_or_zero(self._points(series)[1]) for series in self.durations.values()) if found else 0.0
        )
        for shift in found:
            yield self._change("", at, shift, total, limits)

    def changes(self, limits: Limits) -> Iterator[tuple[str, list[DurationChange]]]:
        """Each series that has history enough, with its changes."""
        for label, series in self.durations.items():
            at, seconds = self._points(series)
            if len(at) < MIN_HISTORY:
                continue
            # Most tests of most suites end here: what never differed by so much did not change by it.
            if max(seconds) - min(seconds) < LEAST_SECONDS:
                yield label, []
                continue
            yield label, self._changes_of(label, at, seconds, limits)

    def _changes_of(
        self, label: str, at: Sequence[int], seconds: Sequence[float], limits: Limits
    ) -> list[DurationChange]:
        factors = self.all_factors
        if not len(at) == len(factors) == len(self.runs):
            known = [place for place, run in enumerate(at) if self.log_factors[run] is not None]
            at, seconds = [at[place] for place in known], [seconds[place] for place in known]
            factors = [factor for run in at if (factor := self.log_factors[run]) is not None]
        logs = map(log, [value + OFFSET for value in seconds])
        values = list(map(sub, logs, factors))
        found = (self._change(label, at, shift, 1.0, limits) for shift in shifts(values, limits))
        return [change for change in found if abs(change.after - change.before) >= LEAST_SECONDS]

    def _change(self, label: str, at: Sequence[int], shift: Shift, scale: float, limits: Limits) -> DurationChange:
        size = shift.after - shift.before
        reach = TWO_SIDED_95 * shift.error
        since, run, until = (
            self.runs[at[place]].id for place in (max(0, shift.first - 1), shift.position, shift.last)
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

"""Made suites with known changes: what slower.py judges. A seed decides all of a suite.

A duration is base x machine x noise x change x outlier. base: log-uniform, 50 ms to 3 s. noise: log-normal, its
deviation log-uniform from 3 % to 20 % per test. machine, shared by a run: log-normal 15 %, times a drift (a
first-order process, .97 a run, about 12 %). outlier: one point in 50, x2 to x6. A change is a step of 10, 20, 50
or 100 %, or +50 % gradually over 30 runs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import exp, log

STEPS = (0.1, 0.2, 0.5, 1.0)
RAMP = 30
GRADUAL = 0.5


@dataclass(frozen=True)
class Truth:
    """One test's change: starts at run `at`, ends by `size` slower; a step unless `ramp` runs long."""

    at: int
    size: float
    ramp: int = 0

    def factor(self, run: int) -> float:
        """What the change makes of a duration in a run."""
        if run < self.at:
            return 1.0
        return 1 + self.size * min(1.0, (run - self.at + 1) / (self.ramp or 1))

    @property
    def name(self) -> str:
        """The row of the table to which it counts."""
        return "gradual" if self.ramp else f"+{self.size:.0%}"


@dataclass(frozen=True)
class Suite:
    """Durations in seconds by test and run, and each test's change or None."""

    seconds: tuple[tuple[float, ...], ...]
    truths: tuple[Truth | None, ...]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.seconds[0])

    def until(self, run: int) -> Suite:
        """What was known after so many runs."""
        return Suite(tuple(series[:run] for series in self.seconds), self.truths)


def made(
    seed: int, *, tests: int, runs: int, changed: float, runner_change: float = 0.0, uneven: float = 0.0
) -> Suite:
    """Make a suite in which a part `changed` of the tests becomes slower.

    `runner_change` multiplies everything from the middle run on; `uneven` is the deviation of the exponent with
    which a test follows the machine (0: all alike).
    """
    chance = random.Random(seed)
    machine = _machine(chance, runs, runner_change)
    changes = round(changed * tests)
    truths = tuple(_truth(chance, test, runs) if test < changes else None for test in range(tests))
    return Suite(tuple(_series(chance, machine, truth, uneven) for truth in truths), truths)


def _machine(chance: random.Random, runs: int, runner_change: float) -> list[float]:
    drift, logs = 0.0, []
    for run in range(runs):
        drift = 0.97 * drift + chance.gauss(0, 0.03)
        logs.append(drift + chance.gauss(0, 0.15) + (log(1 + runner_change) if run >= runs // 2 else 0.0))
    return logs


def _truth(chance: random.Random, test: int, runs: int) -> Truth:
    """The kinds in turn, so that each suite has as many of each."""
    kind = test % (len(STEPS) + 1)
    if kind == len(STEPS):
        return Truth(chance.randrange(40, runs - RAMP - 10), GRADUAL, RAMP)
    return Truth(chance.randrange(40, runs - 10), STEPS[kind])


def _series(chance: random.Random, machine: list[float], truth: Truth | None, uneven: float) -> tuple[float, ...]:
    base = exp(chance.uniform(log(0.05), log(3)))
    noise = exp(chance.uniform(log(0.03), log(0.2)))
    follows = 1 + chance.gauss(0, uneven)
    return tuple(
        base
        * exp(follows * shared + chance.gauss(0, noise))
        * (truth.factor(run) if truth else 1.0)
        * (chance.uniform(2, 6) if chance.random() < 0.02 else 1.0)
        for run, shared in enumerate(machine)
    )

"""Simulate suites with known changes of duration. A seed determines the whole suite.

A duration is the product of these factors:

base: log-uniform, 50 ms to 3 s machine: the same for all tests of a run; log-normal 15 %, times a drift
(first-order process, .97 per run, about 12 %) noise: log-normal, with a deviation per test that is log-uniform
from 3 % to 20 % change: a step of 10, 20, 50 or 100 %, or +50 % gradually over 30 runs outlier: 2 to 6 for one
point in 50
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
    """The change of one test.

    at: first run of the change
    size: relative increase of the duration
    ramp: number of runs over which the change is gradual; 0 for a step
    """

    at: int
    size: float
    ramp: int = 0

    def factor(self, run: int) -> float:
        """Return the factor of a duration in a run."""
        if run < self.at:
            return 1.0
        return 1 + self.size * min(1.0, (run - self.at + 1) / (self.ramp or 1))

    @property
    def name(self) -> str:
        """Column of the table to which the change counts."""
        return "gradual" if self.ramp else f"+{self.size:.0%}"


@dataclass(frozen=True)
class Suite:
    """Durations in seconds per test and run, and the change of each test or `None`."""

    seconds: tuple[tuple[float, ...], ...]
    truths: tuple[Truth | None, ...]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.seconds[0])

    def until(self, run: int) -> Suite:
        """Return the suite with its first `run` runs."""
        return Suite(tuple(series[:run] for series in self.seconds), self.truths)


def simulate(
    seed: int, *, tests: int, runs: int, changed: float, runner_change: float = 0.0, uneven: float = 0.0
) -> Suite:
    """Simulate a suite in which the share `changed` of the tests becomes slower.

    From the middle run on, all durations increase by `runner_change`. `uneven` is the deviation of the exponent
    with which the machine affects a test; 0 affects all tests equally.
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
    """Return a change, of each kind in turn, so that each suite has the same number of each kind."""
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

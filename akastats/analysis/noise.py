"""Separate noise, which the tests' own history explains, from other differences between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from akastats.analysis.comparison import Comparison, Difference
from akastats.model.verdicts import FailureLabel, Verdicts

#: Labels of failures that the compared code did not cause.
_EXPLAINED: Sequence[FailureLabel] = ("known flaky", "also failing on base", "quarantined")


@dataclass(frozen=True)
class Side:
    """One of two compared runs.

    run: id of the run
    verdicts: its verdicts; `None` without an analysis
    """

    run: str
    verdicts: Verdicts | None

    @cached_property
    def explained_failures(self) -> frozenset[str]:
        """Return the failing tests whose label rules out the run's code as the cause."""
        failures = self.verdicts.failures if self.verdicts else ()
        return frozenset(each.nodeid for each in failures if each.label in _EXPLAINED)

    @cached_property
    def flaky(self) -> frozenset[str]:
        """Return the flaky tests, and the tests whose failure is labelled known flaky."""
        tests = self.verdicts.tests if self.verdicts else ()
        failures = self.verdicts.failures if self.verdicts else ()
        return frozenset(
            [
                *(each.nodeid for each in tests if each.state == "flaky"),
                *(each.nodeid for each in failures if each.label == "known flaky"),
            ]
        )

    def outliers(self, is_slower: bool) -> frozenset[str]:
        """Return the tests that took more, or less, time than their history explains."""
        differences = self.verdicts.outliers if self.verdicts else ()
        return frozenset(each.nodeid for each in differences if (each.seconds > each.typical) == is_slower)

    def changed_tests(self, prefix: str, between: tuple[str, str], is_slower: bool) -> frozenset[str]:
        """Return the tests whose duration changed after the first run of `between`, up to the second."""
        first, last = between
        return frozenset(
            each.change.label[len(prefix) :]
            for each in (self.verdicts.changes if self.verdicts else ())
            if each.change.is_slower == is_slower
            and first < each.change.run <= last
            and each.change.label.startswith(prefix)
        )

    @property
    def is_outage(self) -> bool:
        """Return whether far more tests failed than is typical."""
        return self.verdicts is not None and self.verdicts.is_outage


def separate_noise(differences: Comparison, now: Side, base: Side, prefix: str) -> Comparison:
    """Return a comparison whose differences exceed the tests' own history; all other differences are noise.

    A duration counts if it is an outlier of its run, or if its level changed between the two runs. Without
    verdicts no duration does. `prefix` is the label prefix of tests.
    """
    slower, faster = (_find_changed_durations(now, base, prefix, is_slower) for is_slower in (True, False))
    flaky = now.flaky | base.flaky
    counted = {
        "newly_failing": [each for each in differences.newly_failing if each.nodeid not in now.explained_failures],
        "fixed": [each for each in differences.fixed if not (base.is_outage or each.nodeid in flaky)],
        "slower": [each for each in differences.slower if each.nodeid in slower],
        "faster": [each for each in differences.faster if each.nodeid in faster],
    }
    return replace(
        differences,
        **counted,
        noise=[each for name, few in counted.items() for each in _rest(differences, name, few)],
    )


def _find_changed_durations(now: Side, base: Side, prefix: str, is_slower: bool) -> frozenset[str]:
    """Return the tests that are slower, or faster, than their history explains."""
    if now.run >= base.run:
        changed = now.changed_tests(prefix, (base.run, now.run), is_slower)
    else:
        changed = base.changed_tests(prefix, (now.run, base.run), not is_slower)
    return changed | now.outliers(is_slower) | base.outliers(not is_slower)


def _rest(differences: Comparison, name: str, counted: Sequence[Difference]) -> list[Difference]:
    few = {each.nodeid for each in counted}
    changes: list[Difference] = getattr(differences, name)
    return [each for each in changes if each.nodeid not in few]

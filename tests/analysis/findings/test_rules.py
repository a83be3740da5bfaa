"""Findings of a run: threshold, order, and one finding per cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from akastats.analysis.findings.recorded_run import RecordedRun
from akastats.analysis.findings.rules import RULES, find_all, guard
from akastats.model.findings import FoundCost
from tests.analysis.findings.suites import Row, Suite
from tests.analysis.findings.test_fixtures import CATALOGUE

RUN = Suite([Row(f"t{at}", call=1.0) for at in range(10)]).record()


def cost(kind: str, saved: float, *claims: str) -> FoundCost:
    """Return what a rule returns."""
    return FoundCost(kind, kind, (), 0, {}, "", saved, claims=frozenset(claims or {kind}))


def kinds(*costs: FoundCost, is_complete: bool = False) -> list[str]:
    """Return the kinds of the findings that remain of some costs, in a run of 10 s."""

    def rule(run: RecordedRun) -> Iterator[FoundCost]:
        yield from costs

    return [each.kind for each in find_all(RUN, [rule], is_complete)]


def test_the_largest_saving_comes_first() -> None:
    """Whatever the order of the rules."""
    assert ["large", "small"] == kinds(cost("small", 1.0), cost("large", 2.0))


def test_small_savings_are_omitted() -> None:
    """Below 5 % and 0.5 s, unless all are requested."""
    costs = (cost("half a second", 0.5), cost("less", 0.49), cost("negative", -1.0))

    assert ["half a second"] == kinds(*costs)
    assert ["half a second", "less"] == kinds(*costs, is_complete=True)


def test_a_cost_is_named_once() -> None:
    """By the first rule that finds it; a much larger saving of another rule counts as well."""
    assert ["specific"] == kinds(cost("specific", 1.0, "test a"), cost("general", 1.5, "test a"))
    assert ["general", "specific"] == kinds(cost("specific", 1.0, "test a"), cost("general", 5.0, "test a"))


def test_a_suite_with_a_costly_fixture_has_one_finding() -> None:
    """Through all rules."""
    (finding,) = find_all(replace(CATALOGUE, cpus=1).record())

    assert "fixture-scope" == finding.kind
    assert (2.75, 0.6111) == (finding.saving.seconds, finding.saving.share)
    assert finding.saving.low <= finding.saving.seconds <= finding.saving.high


def test_an_empty_run_has_no_findings() -> None:
    """No rule fails without tests."""
    assert () == find_all(Suite([]).record())


def test_a_clean_run_has_no_findings() -> None:
    """Equal tests in one short process."""
    assert () == find_all(Suite([Row(f"test_a.py::test_{at}") for at in range(20)]).record())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_states_its_purpose(rule) -> None:
    """The documentation lists what each finds."""
    assert rule.__doc__.startswith("Find ")


def test_the_error_of_an_extension_is_named() -> None:
    """Its other findings and those of other rules remain."""

    def rule(run: RecordedRun) -> Iterator[FoundCost]:
        yield cost("before", 1.0)
        raise KeyError("browser")

    errors: list[str] = []
    findings = find_all(RUN, [guard("acme", rule, errors)])

    assert ["before"] == [each.kind for each in findings]
    assert ["findings of the rule acme (KeyError: 'browser')"] == errors

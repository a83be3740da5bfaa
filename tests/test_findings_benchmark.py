"""The scoring of the benchmark of findings, and the suites of its corpus."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "findings"
MODULES = ("scoring", "corpus", "suites")


@pytest.fixture(scope="module")
def scoring() -> Iterator[Any]:
    """Return the module `scoring` of the benchmark, which imports its neighbours by their names alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARK)
        yield import_module("scoring")
        for name in MODULES:
            sys.modules.pop(name)


def finding(scoring: Any, kind: str, text: str = "", seconds: float | None = 1.0) -> Any:
    """Return a finding of one kind."""
    return scoring.Finding(kind, frozenset({kind}), text, seconds)


def planted(scoring: Any, *wastes: tuple[str, str]) -> Any:
    """Return a case with wastes of these kinds and places."""
    suite = import_module("suites").Suite({})
    return scoring.Case("case", "", suite, tuple(scoring.Waste((kind,), place, suite) for kind, place in wastes))


def test_a_match_names_cause_and_place(scoring):
    """A finding of the right kind matches only if it names the place."""
    (waste,) = planted(scoring, ("fixture-scope", "catalogue")).wastes

    assert scoring.is_match(waste, finding(scoring, "fixture-scope", "conftest.py::catalogue"))
    assert not scoring.is_match(waste, finding(scoring, "fixture-scope", "conftest.py::settings"))
    assert not scoring.is_match(waste, finding(scoring, "waiting", "conftest.py::catalogue"))


def test_advice_that_is_an_option_needs_no_place(scoring):
    """Another `--dist` is advice for the whole suite."""
    (waste,) = planted(scoring, ("distribution", "database")).wastes

    assert scoring.is_match(waste, finding(scoring, "distribution"))


def test_true_saving_is_the_difference_of_the_medians(scoring):
    """The error of a prediction is relative to the measured saving."""
    case = planted(scoring, ("waiting", "test_a"))
    findings = [finding(scoring, "workers"), finding(scoring, "waiting", "test_a", 1.5)]

    result = scoring.score(case, {"wasteful": [3.0, 9.0, 3.2], "mended_0": [2.2, 2.0, 2.4]}, findings)

    (waste,) = result.wastes
    assert (2, pytest.approx(1.0), pytest.approx(0.5)) == (waste.rank, waste.true_s, waste.error)
    assert result.is_first is False


def test_first_finding_must_name_the_largest_waste(scoring):
    """With two wastes the smaller one is not the right first finding, unless they are similar."""
    case = planted(scoring, ("waiting", "test_a"), ("imports", "charts"))
    findings = [finding(scoring, "waiting", "test_a"), finding(scoring, "imports", "charts")]

    uneven = scoring.score(case, {"wasteful": [5.0], "mended_0": [4.0], "mended_1": [3.0]}, findings)
    similar = scoring.score(case, {"wasteful": [5.0], "mended_0": [4.0], "mended_1": [3.9]}, findings)

    assert (False, True) == (uneven.is_first, similar.is_first)


def test_only_large_findings_on_clean_suites_are_false(scoring):
    """A finding counts above 5 % or 0.5 s, and if its tool does not predict a saving."""
    findings = [finding(scoring, "imports", seconds=seconds) for seconds in (0.09, 0.11, None)]

    result = scoring.score(planted(scoring), {"wasteful": [2.0]}, findings)

    assert [0.11, None] == [each.seconds for each in result.false]
    assert result.is_first is None


def test_corpus_has_enough_cases_of_both_parts(scoring):
    """At least 40 suites with waste and ten clean ones; about a third of them is held out."""
    corpus = import_module("corpus")
    cases = corpus.CASES.values()

    assert sum(bool(case.wastes) for case in cases) >= 40
    assert sum(not case.wastes for case in cases) >= 10
    assert 0.25 <= sum(case.is_held_out for case in cases) / len(cases) <= 0.4
    assert corpus.HELD_OUT <= corpus.CASES.keys()


def test_mended_twins_differ_and_all_modules_compile(scoring):
    """Each twin is another suite, and its Python modules are valid."""
    for case in import_module("corpus").CASES.values():
        assert all(waste.mended != case.suite for waste in case.wastes), case.name
        for suite in case.variants().values():
            for name, text in suite.files.items():
                if name.endswith(".py"):
                    compile(text, f"{case.name}/{name}", "exec")

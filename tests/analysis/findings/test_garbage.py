"""The rule about garbage collection."""

from __future__ import annotations

from akastats.analysis.findings.garbage import find_garbage_collection
from akastats.model.findings import Place
from tests.analysis.findings.suites import Row, Suite

HEAVY = [Row(f"test_a.py::test_{at}", call=1.0, gc=0.5 if at else 0.25) for at in range(4)]


def test_collections_in_tests_are_saved() -> None:
    """The replay omits their seconds; the test with the most comes first."""
    (cost,) = find_garbage_collection(Suite(HEAVY).record())

    assert ("garbage-collection", 1.75, 4) == (cost.kind, cost.saved, cost.tests)
    assert Place(nodeid="test_a.py::test_1") == cost.where[0]
    assert "gc.freeze()" in cost.advice


def test_collections_of_a_worker_that_is_not_the_last_save_nothing() -> None:
    """Another worker ends later."""
    rows = [
        Row("test_a.py::test_heavy", call=1.0, gc=0.5, worker="gw0"),
        Row("test_a.py::test_long", call=3.0, worker="gw1"),
    ]

    (cost,) = find_garbage_collection(Suite(rows, workers=2).record())

    assert 0 == cost.saved


def test_a_fixture_that_collects_is_named() -> None:
    """If most collections are in its teardowns."""
    rows = [
        Row(f"test_a.py::test_{at}", call=0.25, teardown=0.5, gc_teardown=0.4375, fixtures=("clean",), gc=0.03125)
        for at in range(4)
    ]
    fixtures = {
        "name": ["clean"],
        "baseid": ["conftest.py"],
        "scope": ["function"],
        "count": [4],
        "setup": [0.0],
        "teardown": [2.0],
    }

    (cost,) = find_garbage_collection(Suite(rows, fixtures={**fixtures, "baseid": [""]}).record())

    assert (Place(fixture="::clean"),) == cost.where
    assert 1.875 == cost.saved
    assert "teardown ::clean" in cost.claims
    assert "fixture clean" in cost.title


def test_collections_during_the_collection_of_the_suite_are_saved() -> None:
    """At most its duration."""
    (cost,) = find_garbage_collection(Suite(HEAVY, gc_collect=0.5).record())

    assert 0.5 == cost.evidence["collect_s"]
    assert 1.75 == cost.saved


def test_a_run_without_collections_has_no_finding() -> None:
    """Nor has one of an earlier release, which did not record them."""
    assert [] == list(find_garbage_collection(Suite([Row("test_a.py::test_it")]).record()))

"""Causes of the difference between a run and the typical one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from akastats.analysis.durations.difference import explain_difference
from akastats.analysis.durations.suite import analyse_durations
from akastats.analysis.run_records import RunRecord
from akastats.model.results import DURATION_LABELS
from akastats.model.verdicts import DurationCause
from tests.analysis import records

USUAL = {"test_a": 1.0, "test_prices": 2.0}


def make_run(
    tests: Mapping[str, float], *, workers: int = 1, number: int = 1, **costs: Mapping[str, float]
) -> RunRecord:
    """Return a run of tests, whose fixtures, imports and spans have these seconds."""
    run = records.run(number, [(name, "passed", seconds) for name, seconds in tests.items()])
    names = [f"gw{at % workers}" for at in range(len(tests))]
    return replace(run, workers=names if workers > 1 else (), **costs)


def test_the_largest_cause_is_first() -> None:
    """A test, a fixture, an import and a span."""
    before = [
        make_run(USUAL, fixtures={"::db": 0.5}, imports={"numpy": 0.25}, spans={"collect": 1.0}) for _ in range(5)
    ]
    run = make_run(
        {"test_a": 1.0, "test_prices": 4.0},
        fixtures={"::db": 1.5},
        imports={"numpy": 0.75},
        spans={"collect": 0.75},
    )

    assert explain_difference(before, run, None) == (
        DurationCause("test", "test_prices", 2.0),
        DurationCause("fixture", "::db", 1.0),
        DurationCause("import", "numpy", 0.5),
        DurationCause("span", "collect", -0.25),
    )


def test_tests_of_workers_count_as_their_share() -> None:
    """Two workers share a second."""
    before = [make_run(USUAL, workers=2) for _ in range(5)]
    run = make_run({"test_a": 1.0, "test_prices": 4.0}, workers=2)

    assert (DurationCause("test", "test_prices", 1.0),) == explain_difference(before, run, None)


def test_new_and_deleted_tests_are_causes() -> None:
    """Each costs what it takes."""
    before = [make_run({**USUAL, "test_old": 0.5}) for _ in range(5)]
    run = make_run({**USUAL, "test_new": 0.75})

    assert explain_difference(before, run, 1.0) == (
        DurationCause("test", "test_new", 0.75),
        DurationCause("test", "test_old", -0.5),
    )


def test_a_slower_machine_is_one_cause() -> None:
    """Not each of the tests."""
    before = [make_run(USUAL) for _ in range(5)]
    run = make_run({"test_a": 1.5, "test_prices": 3.0})

    assert (DurationCause("machine", "", 1.5),) == explain_difference(before, run, 1.5)


def test_a_normal_speed_is_no_cause() -> None:
    """Differences of a few percent are noise."""
    before = [make_run(USUAL) for _ in range(5)]

    assert () == explain_difference(before, make_run(USUAL), 1.04)


def test_slower_spans_do_not_slow_the_machine_of_a_small_suite() -> None:
    """Its tests are too few for a machine speed, however many imports and spans it has."""
    quick = {f"package{at}": 0.1 for at in range(12)}
    slow = dict.fromkeys(quick, 0.2)
    before = [make_run(USUAL, number=at, imports=quick) for at in range(12)]
    labels = {word: word for word in DURATION_LABELS}

    durations = analyse_durations([*before, make_run(USUAL, number=12, imports=slow)], labels, {}, None)

    assert durations.speed_factor is None
    assert {DurationCause("import", name, 0.1) for name in quick} == set(durations.causes)


def test_start_up_is_a_cause_in_workers_only() -> None:
    """The duration of a run without workers begins after it."""
    before, now = {"startup": 0.5, "conftest": 0.25}, {"startup": 1.0, "conftest": 0.5}
    alone = explain_difference([make_run(USUAL, spans=before)] * 5, make_run(USUAL, spans=now), None)
    spread = explain_difference(
        [make_run(USUAL, workers=2, spans=before)] * 5, make_run(USUAL, workers=2, spans=now), None
    )

    assert () == alone
    assert (DurationCause("span", "startup", 0.5), DurationCause("span", "conftest", 0.25)) == spread


def test_the_causes_of_workers_sum_to_the_difference() -> None:
    """One test is 2 s longer, in which the other worker waits."""
    before = [make_run(USUAL, workers=2, spans={"wait": 0.5})] * 5
    run = make_run({"test_a": 1.0, "test_prices": 4.0}, workers=2, spans={"wait": 1.5})

    assert explain_difference(before, run, None) == (
        DurationCause("test", "test_prices", 1.0),
        DurationCause("span", "wait", 1.0),
    )

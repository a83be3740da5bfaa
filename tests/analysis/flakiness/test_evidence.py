"""Results that prove flakiness, and results that only resemble it."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.analysis.analyse import AnalysisInput, analyse
from akastats.model.environment import Environment
from tests.analysis.records import run, suite

OLD, NEW = Environment("3.11", "linux", "test"), Environment("3.13", "linux", "test")


def job(number: int, outcomes: str = "p", commit: int | None = None, name: str = "t", **fields: Any):
    """Return a run of twenty passing tests and one test whose attempts have these letters."""
    words = {"p": "passed", "f": "failed", "r": "rerun"}
    tests = [*suite(), *((name, words[letter], 0.1) for letter in outcomes)]
    return run(number, tests, commit=f"c{number if commit is None else commit}", **fields)


def matrix(builds: int, *jobs: tuple[str, dict[str, Any]]):
    """Return builds with one run per job of a matrix, all on the commit of the build."""
    size = len(jobs)
    return [
        job(build * size + at, letters, commit=build, **fields)
        for build in range(builds)
        for at, (letters, fields) in enumerate(jobs)
    ]


def results_by_commit(runs):
    """Return the verdicts of the last run, with the earlier runs as its history."""
    return analyse(AnalysisInput(runs[-1], "", "main", runs[:-1]))


def state_of(runs, name="t"):
    """Return the state of a test after these runs; empty if it is healthy or new."""
    return next((test.state for test in results_by_commit(runs).tests if test.nodeid == name), "")


def label_of(runs, name="t"):
    """Return the label of the failure of a test in the last of these runs."""
    return next(each.label for each in results_by_commit(runs).failures if each.nodeid == name)


@pytest.mark.parametrize("builds", [2, 3, 10, 40])
def test_a_test_that_always_fails_on_one_python_is_broken(builds):
    """It is broken there, and is not a failure of the newest commit."""
    runs = matrix(builds, ("p", {"ran_in": OLD}), ("f", {"ran_in": NEW}))

    assert state_of(runs) == ("broken" if builds > 2 else "")
    assert label_of(runs) == "also failing on base"


def test_a_test_that_is_flaky_on_one_python_is_flaky():
    """Although it always passes on another one."""
    flickering = matrix(20, ("p", {"ran_in": OLD}), ("rp", {"ran_in": NEW}))

    (flakiness,) = results_by_commit(flickering).tests

    assert ("flaky", pytest.approx(20.3 / 20.8, abs=1e-4)) == (flakiness.state, flakiness.rate)


def test_a_failure_is_labelled_by_its_own_environment():
    """A test that is flaky on one Python and never failed on another is new there."""
    runs = matrix(20, ("rp", {"ran_in": OLD}), ("p", {"ran_in": NEW}))

    assert label_of([*runs, job(40, "f", ran_in=OLD)]) == "known flaky"
    assert label_of([*runs, job(40, "f", ran_in=NEW)]) == "new"


def test_a_new_environment_uses_the_history_of_the_others():
    """If a Python version is added, a flaky test is known flaky there."""
    runs = matrix(20, ("rp", {"ran_in": OLD}))

    assert label_of([*runs, job(40, "f", ran_in=NEW)]) == "known flaky"


def test_an_environment_that_is_gone_is_forgotten():
    """A test that was flaky on a dropped Python has been healthy in fifty runs since."""
    runs = [*matrix(20, ("rp", {"ran_in": OLD})), *(job(20 + at, ran_in=NEW) for at in range(50))]

    assert state_of(runs[:25]) == "flaky"
    assert state_of(runs) == ""


@pytest.mark.parametrize("builds", [2, 3, 10, 40])
def test_indistinguishable_jobs_prove_nothing(builds):
    """Neither on one commit nor if they alternate over commits."""
    runs = [
        job(2 * build + at, letters, commit=build, parallel_jobs=f"b{build}", ran_in=OLD)
        for build in range(builds)
        for at, letters in enumerate("pf")
    ]

    assert state_of(runs) == "undecided"
    assert label_of(runs) == "also failing on base"


def test_legs_that_run_alone_do_not_alternate():
    """A matrix that stops at its first failure records a different job each time."""
    mixed = [job(at, letters, commit=0, parallel_jobs="b0") for at, letters in enumerate("pf")]
    alone = [job(2 + at, "pf"[at % 2], parallel_jobs=f"b{at + 1}") for at in range(20)]

    assert state_of(alone) == "flaky"
    assert state_of([*mixed, *alone]) == "undecided"


def test_a_second_leg_that_fails_is_new():
    """One of two equal jobs always failed. If both fail, the failure is new."""
    runs = [
        job(2 * build + at, letters, commit=build, parallel_jobs=f"b{build}")
        for build in range(10)
        for at, letters in enumerate("pf")
    ]
    first, second = (job(number, "f", commit=10, parallel_jobs="b10") for number in (20, 21))

    assert label_of([*runs, first]) == "also failing on base"
    assert label_of([*runs, first, second]) == "new"


def test_equal_legs_of_a_new_breakage_are_all_new():
    """The first one is not a base of the second."""
    runs = [job(at, parallel_jobs=f"b{at}") for at in range(10)]

    assert label_of([*runs, *(job(number, "f", commit=10, parallel_jobs="b10") for number in (10, 11))]) == "new"


def test_a_rerun_inside_one_of_several_legs_is_proof():
    """Code, machine and job are the same."""
    runs = [job(at, parallel_jobs=f"b{at}") for at in range(10)]

    assert state_of(
        [*runs, *(job(10 + at, letters, commit=10, parallel_jobs="b") for at, letters in enumerate(("p", "rp")))]
    ) == ("flaky")


def test_a_job_that_is_started_again_is_proof():
    """It is another attempt of the same job on the same commit."""
    runs = [job(at, parallel_jobs=f"b{at}") for at in range(10)]

    assert (
        state_of(
            [*runs, job(10, "f", commit=10, parallel_jobs="b/1"), job(11, "p", commit=10, parallel_jobs="b/2")]
        )
        == "flaky"
    )
    assert state_of([*runs, job(10, "f", commit=10), job(11, "p", commit=10)]) == "flaky"


@pytest.mark.parametrize("letters", ["pf", "fp"])
def test_tests_that_share_a_node_id_prove_nothing(letters):
    """Two files outside of the root directory: both results count, and neither is a rerun."""
    runs = [job(at, letters) for at in range(10)]
    in_turn = [job(at, letters if at % 2 else "pp") for at in range(20)]

    assert state_of(runs) == "broken"
    assert label_of(runs) == "also failing on base"
    assert state_of(in_turn) == "undecided"


def test_an_id_without_a_path_proves_nothing():
    """`::test_same` may come from any file; here it comes from two files alternately."""
    runs = [job(at, "pf"[at % 2], commit=at // 2, name="::test_same") for at in range(20)]

    assert state_of(runs, "::test_same") == "undecided"
    assert state_of([*runs, job(20, "rp", name="::test_same")], "::test_same") == "flaky"


def test_uncommitted_changes_prove_nothing():
    """A developer causes failures and passes alternately, also with a rerun."""
    clean = [job(at) for at in range(10)]
    dirty = [
        run(10 + at, [*suite(), ("t", outcome, 0.1)], commit=None, is_dirty=True)
        for at, outcome in enumerate(["failed", "passed"] * 5)
    ]

    assert state_of([*clean, *dirty]) == ""
    assert state_of(dirty) == ""
    assert state_of([*clean, job(20, "rp", is_dirty=True)]) == ""


def test_a_failure_on_one_python_is_not_an_outage():
    """A tenth of the suite fails in each run of one of six environments."""
    gone = {f"test_{number:02}": "failed" for number in range(4)}
    runs = [
        run(6 * build + at, suite(gone if at == 5 else {}), commit=f"c{build}", ran_in=Environment(f"3.{at}"))
        for build in range(12)
        for at in range(6)
    ]

    assert not results_by_commit(runs).is_outage

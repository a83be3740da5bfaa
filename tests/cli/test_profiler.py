"""`akastats why` and `plan`, from recorded runs."""

from __future__ import annotations

import pytest

from tests.delivered_runs import deliver_run

pytestmark = pytest.mark.usefixtures("configured_server")

SLOW = [(f"a.py::test_{at}", "passed", 0.1) for at in range(20)] + [("a.py::test_slow", "passed", 9.0)]


def test_why_lists_the_largest_saving_first(akastats, server, tmp_path):
    """With the saving, the place and the advice."""
    run_id = deliver_run(server, tmp_path, SLOW, cpu_count=4)

    shown, answer = akastats("why"), akastats("why", run_id, "--json").json

    assert shown.out.splitlines()[0].startswith(f"run {run_id}, ")
    assert "1. 1 of 21 tests take 82% of the computing time, most a.py::test_slow" in shown.out
    assert "would save 8.9 s" in shown.out
    assert "not recorded: " in shown.out
    assert ["slow-tests", "workers"] == [each["kind"] for each in answer["findings"]]
    assert {"run": run_id, "commit": None, "first_recorded": True} == answer["findings"][0]["since"]


def test_why_says_that_nothing_is_worth_a_change(akastats, server, tmp_path):
    """Equal tests have no finding."""
    deliver_run(server, tmp_path, SLOW[:20])

    assert "Nothing to change that would save 5 % or 0.5 s." in akastats("why").out


def test_why_shows_the_phases_of_a_test(akastats, server, tmp_path):
    """A unique part of the node id is sufficient; an unknown test has suggestions."""
    run_id = deliver_run(server, tmp_path, SLOW)

    shown, answer = akastats("why", "test_slow"), akastats("why", "a.py::test_slow", "--json").json
    unknown = akastats("why", "b/a.py::test_slow")

    assert ["a.py::test_slow", "", f"run {run_id}"] == shown.out.splitlines()[:3]
    assert ["call", "9.000"] == next(line.split() for line in shown.out.splitlines() if line.startswith("call"))
    assert (run_id, 9.0) == (answer["run"], answer["times"]["phases"]["call"]["wall"])
    assert 1 == unknown.code
    assert "did you mean a.py::test_slow" in unknown.err


def test_plan_compares_workers(akastats, server, tmp_path):
    """The longest test is the floor."""
    run_id = deliver_run(server, tmp_path, SLOW, cpu_count=4)

    shown = akastats("plan", "-n", "0,4", "--dist", "load,worksteal")
    answer = akastats("plan", run_id, "--order=longest-first", "--json").json

    assert ["0", "4", "4"] == [line.split()[0] for line in shown.out.splitlines() if line[:1].isdigit()]
    assert "best: -n 4" in shown.out
    assert answer["floor"] >= 9.0
    assert answer["best"]["wall"] >= answer["floor"]
    assert all(each["low"] < each["wall"] < each["high"] for each in answer["choices"] if each["workers"])


def test_plan_follows_advice(akastats, server, tmp_path):
    """The slow test becomes as fast as the others, with each number of workers."""
    deliver_run(server, tmp_path, SLOW, cpu_count=4)

    plain, fixed = (akastats("plan", "-n", "0,4", "--json", *more).json for more in ((), ("--fix=slow-tests",)))

    saved = [
        before["wall"] - after["wall"] for before, after in zip(plain["choices"], fixed["choices"], strict=True)
    ]
    assert all(8.0 < seconds < 9.0 for seconds in saved)


def test_an_unknown_kind_of_finding_is_refused(akastats, server, tmp_path):
    """The message says how to list those of the run."""
    deliver_run(server, tmp_path, SLOW, cpu_count=4)

    done = akastats("plan", "--fix=nonesuch")

    assert 1 == done.code
    assert "no finding of kind 'nonesuch' in this run: `akastats why --all` lists its findings" in done.err


@pytest.mark.parametrize(
    "arguments",
    [["-n", "two"], ["-n", "999"], ["--dist", "alphabetical"], ["--order", "random"]],
    ids=lambda arguments: arguments[1],
)
def test_an_invalid_choice_is_refused(akastats, server, tmp_path, arguments):
    """The message names the option and the value."""
    deliver_run(server, tmp_path, SLOW, cpu_count=4)

    done = akastats("plan", *arguments)

    assert 2 == done.code
    assert arguments[0] in done.err


def test_an_unknown_fixture_is_refused(akastats, server, tmp_path):
    """The message says how to list those of the run."""
    deliver_run(server, tmp_path, SLOW, cpu_count=4)

    done = akastats("plan", "--without=nonesuch")

    assert 1 == done.code
    assert "no fixture 'nonesuch' in this run: `akastats slowest --fixtures` lists its fixtures" in done.err

"""`akastats flaky`, `slower` and `errors`; `show` with a part of a node id."""

from __future__ import annotations

import pytest

from akastats.model.verdicts import (
    ChangeVerdict,
    DurationCause,
    DurationChange,
    OverBudget,
    UnhealthyTest,
    Verdicts,
    pack,
)
from akastats.store import keys
from tests.delivered_runs import STARTED, deliver_run

pytestmark = pytest.mark.usefixtures("configured_server")


def put(redis_client, run_id, **fields):
    """Store the verdicts of a run."""
    made = Verdicts(run=run_id, suite="", branch="", base="", runs=20, **fields)
    redis_client.set(keys.verdicts("AKA-STATS", run_id), pack(made))


def test_flaky_tests_are_listed(akastats, server, tmp_path, redis_client):
    """The most expensive first, with units in the headings; other states with `--state`."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1)])
    tests = (
        UnhealthyTest(
            "a.py::b", "flaky", 0.125, 0.05, 0.2, 1.0, since="r1", since_commit="c0ffee" * 6, runs_failed=4
        ),
        UnhealthyTest("a.py::c", "broken", 0.9, 0.8, 1.0, 0.0),
    )
    assert akastats("flaky").out.startswith("No verdicts yet")
    put(redis_client, run_id, tests=tests)

    shown, answer = akastats("flaky"), akastats("flaky", "--state=broken", "--json").json

    head, row = shown.out.splitlines()
    assert head.split("  ")[0] == "fails (%)"
    assert row.split() == ["12.5", "4", "0.0", "flaky", "r1", "c0ffeec0ff", "a.py::b"]
    assert [(each["nodeid"], each["state"]) for each in answer["items"]] == [("a.py::c", "broken")]
    assert (answer["run"], answer["total"]) == (run_id, 1)


def test_slower_tests_are_listed(akastats, server, tmp_path, redis_client):
    """With both levels; `--faster` adds tests that became faster."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)])
    slow, fast = (
        ChangeVerdict(
            DurationChange(label, "e", before, after, 4.0, 6.0, "r0", run_id, run_id, 7, 1e-9, 1.0), is_new=False
        )
        for label, before, after in (("test::a.py::b", 0.1, 0.5), ("fixture::a.py::db", 0.5, 0.1))
    )
    put(redis_client, run_id, changes=(slow, fast))

    shown, answer = akastats("slower"), akastats("slower", "--faster", "--json").json

    assert shown.out.splitlines()[1].split() == ["0.100", "0.500", "4.96", "confirmed", run_id, "a.py::b"]
    assert [each["name"] for each in answer["items"]] == ["a.py::b", "a.py::db"]


def test_slower_imports_and_spans_have_readable_names(akastats, server, tmp_path, redis_client):
    """The kind of an import, the phrase of a span."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)])
    changes = tuple(
        ChangeVerdict(
            DurationChange(label, "e", 0.1, 0.5, 4.0, 6.0, "r0", run_id, run_id, 7, 1e-9, 1.0), is_new=True
        )
        for label in ("import::numpy", "span::collect")
    )
    put(redis_client, run_id, changes=changes)

    shown, answer = akastats("slower"), akastats("slower", "--json").json

    names = [line.partition(run_id)[2].strip() for line in shown.out.splitlines()[1:]]
    assert names == ["import numpy", "collection"]
    assert [(each["kind"], each["name"]) for each in answer["items"]] == [("import", "numpy"), ("span", "collect")]


def test_show_explains_the_duration_of_a_run(akastats, server, tmp_path, redis_client):
    """By its causes, and names what is over its budget."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)])
    put(
        redis_client,
        run_id,
        seconds=4.4,
        usual_seconds=3.11,
        causes=(DurationCause("test", "a.py::b", 0.67), DurationCause("import", "numpy", 0.6)),
        over_budget=(OverBudget("import::numpy", 0.75, 0.5, "max_seconds"),),
    )

    shown = akastats("show", run_id).out

    assert "suite: 4.40 s, typical 3.11 s (+1.29 s: b +0.67 s, import numpy +0.60 s)\n" in shown
    assert "  750 ms > 500 ms (max_seconds)  import numpy\n" in shown
    assert "suite: 4.40 s, typical 3.11 s" in akastats("why", run_id).out


def test_failures_are_listed(akastats, server, tmp_path):
    """Each once, with its numbers of occurrences and tests; words filter the list."""
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1), ("a.py::c", "failed", 0.1)])

    shown, answer = akastats("errors"), akastats("errors", "assertion", "--json").json

    row = shown.out.splitlines()[1]
    assert row.split()[:3] == ["2", "1", "2"]
    assert row.endswith("AssertionError: assert <n> == <n>")
    assert [(each["exception"], each["count"]) for each in answer["items"]] == [("AssertionError", 2)]
    assert akastats("errors", "nowhere").out == "No matching errors.\n"


def test_show_takes_a_part_that_one_test_has(akastats, server, tmp_path):
    """Several matches are listed; an ending after a separator has precedence over other parts."""
    tests = [
        ("a.py::test_one", "passed", 0.5),
        ("a.py::test_one_more", "passed", 0.5),
        ("b.py::other", "passed", 0.5),
    ]
    deliver_run(server, tmp_path, tests, suite="unit")

    complete, part, several = (
        akastats("show", "test_one"),
        akastats("show", "oth", "--json"),
        akastats("show", "a.py"),
    )

    assert complete.out.splitlines()[0] == "a.py::test_one"
    assert (part.json["nodeid"], part.json["suite"]) == ("b.py::other", "unit")
    assert several.code == 1
    assert several.err.endswith(
        "'a.py' matches 2 tests; did you mean a.py::test_one --suite=unit, a.py::test_one_more --suite=unit?\n"
    )


def test_slowest_of_a_run_in_progress(akastats, server, tmp_path):
    """Finished tests only; fixtures are known at the end of the run."""
    tests = [("a.py::b", "passed", 0.1), ("a.py::c", "passed", 2.0)]
    earlier = {"run_id": "20231114T221220000-000001", "started": STARTED - 60}
    deliver_run(server, tmp_path, tests, **earlier)
    run_id = "20231114T221320000-000009"
    deliver_run(server, tmp_path, [*tests, ("a.py::d", "failed", 1.0)], run_id=run_id)
    from akastats.redis import connect

    with connect(server) as client:
        client.hset(keys.run("AKA-STATS", run_id), "status", "running")
        client.delete(keys.profile("AKA-STATS", run_id))

    answer = akastats("slowest", f"--run={run_id}", "--json").json["items"]
    shown, fixtures = akastats("slowest", f"--run={run_id}"), akastats("slowest", "--fixtures", f"--run={run_id}")

    assert [(each["name"], each["seconds"], each["usual"]) for each in answer] == [
        ("a.py::c", 2.0, 2.0),
        ("a.py::d", 1.0, None),
        ("a.py::b", 0.1, 0.1),
    ]
    assert shown.out.startswith(f"run {run_id}, in progress\n")
    assert "no history" in shown.out
    assert (fixtures.code, "in progress" in fixtures.err) == (1, True)

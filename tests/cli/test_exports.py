"""`akastats export`: runs, tests and points as JSON lines."""

from __future__ import annotations

import json
import time

import pytest

from akastats import push_stat
from akastats.config import Config, config
from tests.delivered_runs import deliver_run


@pytest.fixture
def lines(akastats, server):
    """Run `akastats export` with arguments; return the objects by their type."""

    def export(*arguments: str) -> dict[str, list[dict]]:
        answer = akastats("export", "--jsonl", "--url", server, *arguments)
        assert (answer.code, answer.err) == (0, "")
        rows: dict[str, list[dict]] = {"run": [], "process": [], "test": [], "point": []}
        for line in answer.out.splitlines():
            row = json.loads(line)
            rows[row.pop("type")].append(row)
        return rows

    return export


def test_runs_their_tests_and_all_points(lines, server, tmp_path):
    """The exported values equal the recorded ones."""
    started = time.time() - 3600
    tests = [("a.py::b", "passed", 0.25), ("a.py::c\x7f\u202e", "failed", 0.5)]
    run_id = deliver_run(server, tmp_path, tests, started=started)

    rows = lines()

    assert [(run["id"], run["status"], run["tests"]) for run in rows["run"]] == [(run_id, "failed", 2)]
    assert [(row["run"], row["nodeid"], row["outcome"], row["call"]) for row in rows["test"]] == [
        (run_id, nodeid, outcome, seconds) for nodeid, outcome, seconds in tests
    ]
    points = {row["label"]: row for row in rows["point"]}
    assert (points["test::a.py::b"]["value"], points["test::a.py::b"]["run"]) == (0.25, run_id)
    assert points["test::a.py::c\x7f\u202e"]["outcome"] == "failed"
    assert points["test::a.py::c\x7f\u202e"]["error"] == points["errors__all"]["context_id"]


def test_a_branch_chooses_runs_and_no_points(lines, akastats, server, tmp_path):
    """`--branch` does not restrict points, because a label has the points of all branches."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.25)], started=time.time() - 3600, branch="main")

    rows, without = lines("--branch", "nope"), lines("--branch", "nope", "--no-points", "--json")

    assert rows["run"] == []
    assert "test::a.py::b" in [row["label"] for row in rows["point"]]
    assert {"run": [], "process": [], "test": [], "point": []} == without
    assert "--no-points" in akastats("export", "--help").out.partition("--branch")[2].partition("--suite")[0]


def test_more_labels_and_runs_than_one_step_takes(lines, server, tmp_path):
    """Pages of runs and labels have no gap and no overlap."""
    now = time.time() - 3600
    for number in range(55):
        run_id = f"20261120T0800000{number:02d}-000001"
        deliver_run(server, tmp_path, [(f"a.py::t{number}", "passed", 0.1)], run_id=run_id, started=now + number)

    rows = lines()

    assert len({run["id"] for run in rows["run"]}) == len(rows["run"]) == 55
    labels = [row["label"] for row in rows["point"] if row["label"].startswith("test::")]
    assert len(set(labels)) == len(labels) == 55


def test_filters_and_runs_alone(lines, server, tmp_path):
    """`--branch` and `--no-points` together."""
    now = time.time() - 3600
    for number, branch in enumerate(("main", "other")):
        run_id = f"20261120T08000000{number}-000001"
        deliver_run(
            server, tmp_path, [("a.py::b", "passed", 0.1)], run_id=run_id, started=now + number, branch=branch
        )

    rows = lines("--branch", "other", "--no-points")

    assert ([run["branch"] for run in rows["run"]], len(rows["test"]), rows["point"]) == (["other"], 1, [])


def test_a_users_own_numbers(lines, server):
    """Points from outside of a run are exported with their context id."""
    config.use(Config(redis_url=server))
    push_stat("orders", 3.5, "a context")

    (point,) = lines()["point"]

    assert (point["label"], point["value"], point["run"]) == ("orders", 3.5, None)
    assert len(point["context_id"]) == 32


def test_nothing_is_nothing(lines):
    """An empty store has an empty export."""
    assert lines() == {"run": [], "process": [], "test": [], "point": []}


def test_processes_of_a_run(lines, server, tmp_path):
    """With the times of the ledger, if the run recorded any."""
    moments = {"configured": 1, "collection": 2, "collected": 3, "finished": 4, "end": 5}
    now = time.time() - 3600
    process = ["process", "", {name: round(now * 1e6) + 1_000_000 * at for name, at in moments.items()}, {}]
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.25)], started=now, further=[process])

    (row,) = lines()["process"]

    assert (run_id, "", 4.0) == (row["run"], row["worker"], row["wall"])
    assert row["resources"] is None

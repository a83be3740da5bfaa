"""The ledger and the plan of a run, over the API."""

from __future__ import annotations

import pytest

from akastats.model.verdicts import DurationCause, pack
from akastats.store import keys
from tests.api.test_runs import put_run
from tests.api.verdict_values import NAMESPACE, changed, run_id, verdicts
from tests.delivered_runs import deliver_run

SLOW = [(f"a.py::test_{at}", "passed", 0.1) for at in range(20)] + [("b.py::test_slow", "passed", 9.0)]


def test_the_ledger_names_the_spans_of_each_process(call_api, server, tmp_path):
    """A run of an earlier release has only its tests, and the response says so."""
    run_id = deliver_run(server, tmp_path, SLOW)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/ledger").json()

    (process,) = answer["processes"]
    assert {"call": pytest.approx(11.0)} == process["spans"] == answer["spans"]
    assert pytest.approx(process["wall"] - 11.0) == process["unexplained"]
    assert ("", []) == (process["worker"], process["imports"])
    assert answer["lacks"]


def test_the_ledger_explains_the_difference_to_the_typical_duration(call_api, redis_client, server, tmp_path):
    """By its causes; null without verdicts."""
    run = deliver_run(server, tmp_path, SLOW)
    assert call_api("GET", f"/api/v1/runs/{run}/ledger").json()["difference"] is None
    causes = (DurationCause("test", "b.py::test_slow", 0.67), DurationCause("fixture", "::database", 0.6))
    explained = verdicts(run, suite="", seconds=4.4, usual_seconds=3.11, pace=1.02, causes=causes)
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(explained))

    answer = call_api("GET", f"/api/v1/runs/{run}/ledger").json()

    assert {
        "seconds": 4.4,
        "typical": 3.11,
        "difference": 1.29,
        "speed_factor": 1.02,
        "causes": [
            {"kind": "test", "name": "b.py::test_slow", "seconds": 0.67},
            {"kind": "fixture", "name": "::database", "seconds": 0.6},
        ],
    } == answer["difference"]


def test_a_finding_names_the_run_in_which_its_test_became_slower(call_api, redis_client, server, tmp_path):
    """With its commit; without a known change, it names its own run."""
    run = deliver_run(server, tmp_path, SLOW, cpu_count=4)
    put_run(redis_client, 5, commit="c5")
    slower = verdicts(run, suite="", changes=(changed("test::b.py::test_slow", 5, before=0.1, after=9.0),))
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(slower))

    of_test, of_workers = call_api("GET", f"/api/v1/runs/{run}/findings").json()["findings"]

    assert {"run": run_id(5), "commit": "c5", "first_recorded": False} == of_test["since"]
    assert {"run": run, "commit": None, "first_recorded": True} == of_workers["since"]


def test_the_plan_has_each_combination(call_api, server, tmp_path):
    """Without workers there is nothing to distribute."""
    run_id = deliver_run(server, tmp_path, SLOW, cpu_count=4)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/plan?workers=0&workers=4&dist=load&dist=loadfile").json()

    choices = [(each["workers"], each["dist"]) for each in answer["choices"]]
    assert [(0, "no"), (4, "load"), (4, "loadfile")] == choices
    assert answer["best"] in answer["choices"]
    assert all(9.0 <= answer["floor"] <= each["floor"] <= each["wall"] for each in answer["choices"])


@pytest.mark.parametrize("query", ["without=nonesuch", "fix=nonesuch"])
def test_a_plan_without_something_unknown_is_refused(call_api, server, tmp_path, query):
    """The message has the name."""
    run_id = deliver_run(server, tmp_path, SLOW)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/plan?{query}")

    assert 404 == answer.status_code
    assert "nonesuch" in answer.text


@pytest.mark.parametrize("query", ["workers=-1", "workers=999", "dist=alphabetical", "order=random"])
def test_an_invalid_choice_is_refused(call_api, server, tmp_path, query):
    """With the name of the parameter."""
    run_id = deliver_run(server, tmp_path, SLOW)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/plan?{query}")

    assert (422, query.partition("=")[0]) == (answer.status_code, answer.json()["field"].partition(".")[0])


@pytest.mark.parametrize("path", ["ledger", "plan", "findings"])
def test_an_unknown_run_is_not_found(call_api, path):
    """Nothing else is tried."""
    assert 404 == call_api("GET", f"/api/v1/runs/nonesuch/{path}").status_code


@pytest.mark.parametrize(("other", "shards"), [("b.py::test_b", 2), ("a.py::test_a", 0)])
def test_the_slowest_shard_of_a_build_is_named(call_api, server, tmp_path, other, shards):
    """Runs of a build are shards only if they ran other tests. The other one took 60 s."""
    deliver_run(server, tmp_path, [(other, "passed", 1.0)], run_id="20231114T221320000-000002", build_id="7")
    run_id = deliver_run(server, tmp_path, [("a.py::test_a", "passed", 100.0)], build_id="7")

    findings = call_api("GET", f"/api/v1/runs/{run_id}/findings").json()["findings"]

    savings = {each["kind"]: each for each in findings}
    assert (shards > 0) == ("shards" in savings)
    if shards:
        assert "This shard takes 100 s, the mean of 2 shards is 80 s" == savings["shards"]["title"]
        assert pytest.approx(20.0) == savings["shards"]["saving"]["seconds"]

"""The tests and files of a run, and its comparison with another, over the API."""

from __future__ import annotations

import json

import pytest

from tests.analysis.formats import PERFETTO, SPEEDSCOPE
from tests.api.conftest import walk
from tests.api.test_runs import put_run
from tests.delivered_runs import STARTED, deliver_run
from tests.report.test_trace_files import check

OLD = "20231114T000000000-000000"
TESTS = [("a.py::slow", "passed", 0.9), ("a.py::b[é/%]", "failed", 0.5), ("c.py::left", "skipped", 0.0)]


def test_a_run_s_tests_are_listed_in_the_order_they_ran(call_api, server, tmp_path):
    """With seconds, position, and the traceback of a failure."""
    run_id = deliver_run(server, tmp_path, TESTS)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/tests").json()

    items = answer["items"]
    assert [(item["nodeid"], item["outcome"], item["start"], item["seconds"]) for item in items] == [
        ("a.py::slow", "passed", 0.0, 0.9),
        ("a.py::b[é/%]", "failed", 1.0, 0.5),
        ("c.py::left", "skipped", 2.0, 0.0),
    ]
    assert (answer["next"], answer["total"]) == (None, 3)


def test_a_run_s_tests_filter_sort_and_page(call_api, server, tmp_path):
    """The parameters can be combined, and `next` leads to the next page."""
    run_id = deliver_run(
        server, tmp_path, [(f"a.py::t{number:02d}", "passed", number / 100) for number in range(30)]
    )

    tests = walk(call_api, f"/api/v1/runs/{run_id}/tests?q=T1&sort=-seconds&limit=4")

    assert [test["nodeid"] for test in tests] == [f"a.py::t{number}" for number in range(19, 9, -1)]


@pytest.mark.parametrize(
    "query", ["cursor=-1", "cursor=%C2%B2", "cursor=123456789", "sort=x", "outcome=x", "limit=0"]
)
def test_invalid_parameters_are_named(call_api, server, tmp_path, query):
    """A cursor of another list, an unknown order or outcome: 422 names the field."""
    run_id = deliver_run(server, tmp_path, TESTS)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/tests?{query}")

    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


def test_files_of_a_run_filter_sort_and_page(call_api, server, tmp_path):
    """The slowest are first by default; following `next` visits each file once."""
    run_id = deliver_run(server, tmp_path, [(f"t{number}.py::a", "passed", number / 10) for number in range(1, 6)])
    address = f"/api/v1/runs/{run_id}/files"

    first = call_api("GET", f"{address}?limit=3").json()
    second = call_api("GET", f"{address}?limit=3&cursor={first['next']}").json()
    matching = call_api("GET", f"{address}?q=T2&sort=path").json()

    assert ["t5.py", "t4.py", "t3.py", "t2.py", "t1.py"] == [
        item["path"] for item in (*first["items"], *second["items"])
    ]
    assert (5, None) == (first["total"], second["next"])
    assert [{"path": "t2.py", "collection": 0.0, "tests": 1, "failed": 0, "seconds": 0.2}] == matching["items"]


@pytest.mark.parametrize("query", ["cursor=x", "sort=order", "limit=0"])
def test_invalid_query_for_files_names_the_parameter(call_api, server, tmp_path, query):
    """422, as for the other lists."""
    run_id = deliver_run(server, tmp_path, TESTS)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/files?{query}")

    assert (422, query.partition("=")[0]) == (answer.status_code, answer.json()["field"])


def test_files_of_an_unknown_run_are_404(call_api):
    """404, as for the other parts of a run."""
    assert 404 == call_api("GET", "/api/v1/runs/nope/files").status_code


@pytest.mark.parametrize(("format", "schema"), [("speedscope", SPEEDSCOPE), ("perfetto", PERFETTO)])
def test_a_profile_as_a_file(call_api, server, tmp_path, format, schema):
    """It matches the schema of its format, and has a descriptive file name."""
    run_id = deliver_run(server, tmp_path, TESTS, fixtures=[["a.py", "db", "module", 1, 0.25, 0.0]])

    answer = call_api("GET", f"/api/v1/runs/{run_id}/profile?format={format}")

    check(schema, answer.json())
    assert "a.py::b[é/%]" in json.dumps(answer.json(), ensure_ascii=False)
    assert answer.headers["content-disposition"] == f'attachment; filename="{run_id}.{format}.json"'


def test_the_name_of_a_file_has_only_safe_characters(call_api, server, tmp_path):
    """The id of a run is untrusted text and must not change the header."""
    run_id = deliver_run(server, tmp_path, TESTS, run_id='x";é\r\n')

    answer = call_api("GET", "/api/v1/runs/x%22;%C3%A9%0D%0A/profile?format=perfetto")

    assert run_id == 'x";é\r\n'
    assert answer.headers["content-disposition"] == 'attachment; filename="x_____.perfetto.json"'


def test_an_unknown_format_is_refused(call_api, server, tmp_path):
    """422 names the parameter."""
    run_id = deliver_run(server, tmp_path, TESTS)

    assert call_api("GET", f"/api/v1/runs/{run_id}/profile?format=svg").status_code == 422


def test_a_run_beside_another(call_api, server, tmp_path):
    """Newly failing, fixed, added and removed tests, with both runs; without a history durations are noise."""
    before = [
        *(("a.py::breaks", "passed", 0.1), ("a.py::heals", "failed", 0.1), ("a.py::slower", "passed", 0.1)),
        *(("a.py::faster", "passed", 0.5), ("a.py::goes", "passed", 0.1), ("a.py::same", "passed", 0.1)),
    ]
    now = [
        *(("a.py::breaks", "failed", 0.1), ("a.py::heals", "passed", 0.1), ("a.py::slower", "passed", 0.2)),
        *(("a.py::faster", "passed", 0.1), ("a.py::comes", "passed", 0.1), ("a.py::same", "passed", 0.1)),
    ]
    base = deliver_run(server, tmp_path, before, run_id=OLD, started=STARTED - 100)
    run_id = deliver_run(server, tmp_path, now)

    comparison = call_api("GET", f"/api/v1/runs/{run_id}/compare/{base}").json()

    lists = ("newly_failing", "fixed", "slower", "faster", "added", "removed", "noise")
    assert {name: [change["nodeid"].removeprefix("a.py::") for change in comparison[name]] for name in lists} == {
        "newly_failing": ["breaks"],
        "fixed": ["heals"],
        "slower": [],
        "faster": [],
        "added": ["comes"],
        "removed": ["goes"],
        "noise": ["slower", "faster"],
    }
    assert (comparison["run"]["id"], comparison["base"]["id"], comparison["left_out"]) == (run_id, base, 0)
    assert comparison["noise"][:1] == [
        {
            "nodeid": "a.py::slower",
            "outcome": "passed",
            "base_outcome": "passed",
            "seconds": 0.2,
            "base_seconds": 0.1,
        }
    ]


def test_a_long_comparison_is_cut_and_counted(call_api, server, tmp_path, monkeypatch):
    """Each list is limited, and the others are counted."""
    monkeypatch.setattr("akastats.queries.run_comparison.MAX_CHANGES", 3)
    base = deliver_run(server, tmp_path, [("x", "passed", 0.1)] * 1, run_id=OLD, started=STARTED - 100)
    run_id = deliver_run(server, tmp_path, [(f"a.py::t{number}", "passed", 0.1) for number in range(8)])

    comparison = call_api("GET", f"/api/v1/runs/{run_id}/compare/{base}").json()

    assert (len(comparison["added"]), len(comparison["removed"]), comparison["left_out"]) == (3, 1, 5)


def test_a_run_without_profile_cannot_be_compared(call_api, server, tmp_path, redis_client):
    """The response names the run without a profile."""
    run_id = deliver_run(server, tmp_path, TESTS)
    other = put_run(redis_client, 7)

    for path in (f"{run_id}/compare/{other}", f"{other}/compare/{run_id}", f"{run_id}/compare/nope"):
        answer = call_api("GET", f"/api/v1/runs/{path}")
        assert answer.status_code == 404
        assert (other if other in path else "nope") in answer.json()["detail"]


def test_a_node_id_that_is_no_utf_8_is_answered_everywhere(call_api, server, tmp_path):
    """A file name in another encoding is escaped like its label, so that one leads to the other."""
    tests = [("a\udcff\\udcff.py::b", "failed", 0.5, "E   KeyError: \udcff"), ("😀.py::c", "passed", 0.1)]
    run_id = deliver_run(server, tmp_path, tests, fixtures=[["a\udcff.py", "db", "module", 1, 0.25, 0.0]])

    paths = (
        "",
        "/tests",
        "/profile",
        "/profile?format=speedscope",
        "/profile?format=perfetto",
        f"/compare/{run_id}",
    )
    answers = [call_api("GET", f"/api/v1/runs/{run_id}{path}") for path in paths]

    assert [answer.status_code for answer in answers] == [200] * len(paths)
    assert [item["nodeid"] for item in answers[1].json()["items"]] == ["a\\udcff\\udcff.py::b", "😀.py::c"]
    assert call_api("GET", "/api/v1/tests/a%5Cudcff%5Cudcff.py::b/history").status_code == 200

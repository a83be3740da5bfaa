"""`akastats import`: each report becomes one run, once."""

from __future__ import annotations

import os
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from akastats.redis import connect

REPORTS = Path(__file__).parents[1] / "importers" / "junit" / "reports"


@pytest.fixture
def reports(project: Path) -> Path:
    """The sample reports in the project, with yesterday's file time."""
    folder = project / "reports"
    shutil.copytree(REPORTS, folder)
    yesterday = datetime.fromtimestamp(time.time() - 86_400, timezone.utc).strftime("%Y-%m-%d")
    for path in folder.glob("*.xml"):
        path.write_text(path.read_text().replace("2026-11-20", yesterday))
    return folder


def counts(url: str, *labels: str) -> list[bytes | None]:
    """Return the number of points of each label."""
    with connect(url) as client:
        return [client.get(f"AKA-STATS::COUNT::{label}") for label in labels]


@pytest.mark.parametrize(
    ("name", "status", "numbers"),
    [
        ("pytest", "failed", {"tests": 8, "failed": 2, "errors": 2, "skipped": 1, "xfailed": 1, "passed": 2}),
        ("jest", "failed", {"tests": 4, "failed": 1, "errors": 0, "skipped": 1, "passed": 2}),
        ("go", "failed", {"tests": 4, "failed": 2, "errors": 0, "skipped": 1, "passed": 1}),
        ("surefire", "failed", {"tests": 6, "failed": 1, "errors": 1, "skipped": 1, "passed": 3, "reruns": 2}),
    ],
)
def test_a_report_becomes_a_run(akastats, reports, server, name, status, numbers):
    """The run has the counts and failures of the report, and the given branch and commit."""
    options = ("--branch", "main", "--commit", "c0ffee", "--suite", "ci", "--url", server)

    answer = akastats("import", f"reports/{name}.xml", *options, "--json")

    (item,) = answer.json["items"]
    assert (answer.code, item["state"], item["remark"]) == (0, "imported", "")
    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (run["id"], run["status"]) == (item["run_id"], status)
    assert (run["branch"], run["commit"], run["suite"]) == ("main", "c0ffee", "ci")
    assert {count: run[count] for count in numbers} == numbers


@pytest.mark.parametrize("date", ["2090-01-01", "1970-01-01"])
@pytest.mark.parametrize("file_date", [None, 0.0, 3_800_000_000.0], ids=["now", "1970", "2090"])
def test_a_report_of_a_wrong_clock_removes_no_run(akastats, reports, server, date, file_date):
    """Its run has the time of the file or of the import, and all other runs remain."""
    akastats("import", "reports/jest.xml", "--url", server)
    path = reports / "go.xml"
    yesterday = datetime.fromtimestamp(time.time() - 86_400, timezone.utc).strftime("%Y-%m-%d")
    path.write_text(path.read_text().replace(yesterday, date))
    assert date in path.read_text()
    if file_date is not None:
        os.utime(path, (file_date, file_date))

    answer = akastats("import", "reports/go.xml", "--url", server, "--json")
    akastats("import", "reports/surefire.xml", "--url", server)

    (item,) = answer.json["items"]
    listed = {run["id"]: run["started"] for run in akastats("runs", "--url", server, "--json").json["items"]}
    assert (3, "imported") == (len(listed), item["state"])
    assert time.time() - 3600 < listed[item["run_id"]] <= time.time()


def test_importing_twice_doubles_nothing(akastats, reports, server):
    """The second import reports this and changes nothing; a copy of the file is the same report."""
    shutil.copy(reports / "jest.xml", reports / "copy.xml")
    label = "test::basket::basket adds an article"

    first = akastats("import", "reports/jest.xml", "--url", server, "--json")
    second = akastats("import", "reports/jest.xml", "reports/copy.xml", "--url", server, "--json")

    assert [item["state"] for item in first.json["items"]] == ["imported"]
    assert [item["state"] for item in second.json["items"]] == ["known", "known"]
    assert (second.code, counts(server, label)) == (0, [b"1"])


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_a_file_that_cannot_be_read_is_refused_alone(akastats, reports, server):
    """A file whose reading fails is reported, and the other reports become runs."""
    answer = akastats("import", "/proc/self/mem", "reports/jest.xml", "--url", server, "--json")

    results = {item["reports"][0]: (item["state"], item["remark"]) for item in answer.json["items"]}
    assert 1 == answer.code
    assert ("refused", "it cannot be read: Input/output error") == results["/proc/self/mem"]
    assert ("imported", "") == results["reports/jest.xml"]


def test_a_report_without_times_is_identified_by_its_content(akastats, reports, server):
    """The time of its file is the time of the run, and may change."""
    akastats("import", "reports/surefire.xml", "--url", server)
    os.utime(reports / "surefire.xml", (time.time() - 7200, time.time() - 7200))

    again = akastats("import", "reports/surefire.xml", "--url", server, "--json")

    assert again.json["items"][0]["state"] == "known"
    assert counts(server, "test::org.example.shop.BasketTest::addsAnArticle") == [b"1"]


def test_an_import_goes_on_where_another_broke_off(akastats, reports, server):
    """The part that was applied before is not applied again."""
    akastats("import", "reports/go.xml", "--url", server)
    with connect(server) as client:
        (cursor,) = client.keys("AKA-STATS::CURSOR::*")
        (run,) = client.keys("AKA-STATS::RUN::*")
        client.set(cursor, "3")
        client.hset(run, "status", "running")

    again = akastats("import", "reports/go.xml", "--url", server, "--json")

    assert again.json["items"][0]["state"] == "imported"
    assert counts(server, "test::example.org/shop/basket::TestAdd", "run::duration") == [b"1", b"2"]


def test_history_goes_on_where_reports_end(akastats, project, server, pytester):
    """The tests of a report have the labels of the plugin."""
    pytester.makepyfile(
        test_it="""
        import pytest

        class TestIt:
            @pytest.mark.parametrize("text", ["a.b::c[d]", "<b>"])
            def test_it(self, text):
                pass
        """
    )
    arguments = ("--akastats", f"--akastats-url={server}", "--akastats-wait=60", "--junitxml=report.xml")
    pytester.runpytest_subprocess(*arguments, "-p", "no:randomly").assert_outcomes(passed=2)

    answer = akastats("import", str(pytester.path / "report.xml"), "--url", server)

    assert answer.code == 0
    labels = [f"test::test_it.py::TestIt::test_it[{text}]" for text in ("a.b::c[d]", "<b>")]
    assert counts(server, *labels) == [b"2", b"2"]


def test_reports_of_one_run(akastats, reports, server):
    """Surefire writes one file per class, and each shard writes one; `--one-run` combines them."""
    answer = akastats("import", "reports/go.xml", "reports/jest.xml", "--one-run", "--url", server, "--json")

    (item,) = answer.json["items"]
    assert (item["state"], item["cases"], len(item["reports"])) == ("imported", 8, 2)
    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert run["tests"] == 8


def test_started_says_when(akastats, reports, server):
    """It replaces the time of a report; another time makes another run of the same report."""
    for hours in (3, 4):
        when = str(int(time.time()) - hours * 3600)
        assert akastats("import", "reports/surefire.xml", "--started", when, "--url", server).code == 0

    runs = akastats("runs", "--url", server, "--json").json["items"]
    assert [round((time.time() - run["started"]) / 3600) for run in runs] == [3, 4]
    assert counts(server, "test::org.example.shop.BasketTest::addsAnArticle") == [b"2"]


def test_what_cannot_be_read_holds_nothing_up(akastats, reports, server):
    """Each invalid report is named with its reason, and the others are imported."""
    (reports / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>')
    (reports / "half.xml").write_text((reports / "go.xml").read_text()[:300])
    names = ("bomb", "half", "missing", "go")

    answer = akastats("import", *(f"reports/{name}.xml" for name in names), "--url", server, "--json")

    states = {Path(item["reports"][0]).stem: (item["state"], item["remark"]) for item in answer.json["items"]}
    assert (answer.code, states["go"]) == (1, ("imported", ""))
    assert [states[name][0] for name in names[:3]] == ["refused"] * 3
    assert "document type" in states["bomb"][1]
    assert "does not exist" in states["missing"][1]


def test_a_run_older_than_the_retention_period_is_refused(akastats, reports, server):
    """It would expire immediately."""
    answer = akastats("import", "reports/go.xml", "--url", server, "--started", "2020-01-01", "--json")

    (item,) = answer.json["items"]
    assert (answer.code, item["state"], "365 days" in item["remark"]) == (1, "refused", True)


@pytest.mark.parametrize("option", [("--suite", "no spaces"), ("--started", "soon"), ("--started", "2099-01-01")])
def test_wrong_options_are_refused(akastats, reports, server, option):
    """Invalid options are refused before anything is read."""
    answer = akastats("import", "reports/go.xml", "--url", server, *option)

    assert (answer.code, answer.err.startswith(f"akastats: {option[0]}")) == (1, True)


def test_bad_numbers_become_no_points(akastats, project, server):
    """An invalid duration has no point, and is reported."""
    cases = "".join(f'<testcase name="{time}" time="{time}"/>' for time in ("nan", "-1", "1e999", "1"))
    (project / "r.xml").write_text(f'<testsuite name="s">{cases}</testsuite>')

    answer = akastats("import", "r.xml", "--url", server, "--json")

    (item,) = answer.json["items"]
    assert (answer.code, item["state"], item["remark"]) == (0, "imported", "3 durations unreadable")


@pytest.mark.parametrize("raw", [b"\x1b", b"&#x1b;", b"\xff", b"&#xD800;"])
def test_a_forbidden_character_costs_no_run(akastats, project, server, raw):
    """It is replaced, also in the name of a test, and the number of replacements is reported."""
    case = b"<testcase name='a" + raw + b"'><failure>" + raw + b"</failure></testcase>"
    (project / "r.xml").write_bytes(b"<testsuite name='s'>" + case + b"<testcase name='b'/></testsuite>")

    answer = akastats("import", "r.xml", "--url", server, "--json")
    again = akastats("import", "r.xml", "--url", server)

    (item,) = answer.json["items"]
    assert (0, "imported", 2, 2) == (answer.code, item["state"], item["cases"], item["repaired"])
    assert "2 characters repaired" == item["remark"]
    assert (0, True) == (again.code, "2 characters repaired" in again.out)
    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (2, 1, 1) == (run["tests"], run["failed"], run["passed"])


def test_disabled_tests_of_googletest_are_skipped(akastats, reports, server):
    """A test that did not run has not passed."""
    answer = akastats("import", "reports/googletest.xml", "--url", server, "--json")

    (item,) = answer.json["items"]
    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (0, 7, 0) == (answer.code, item["cases"], item["repaired"])
    assert (7, 2, 2, 3) == tuple(run[count] for count in ("tests", "failed", "skipped", "passed"))


def test_a_server_that_is_not_there(akastats, reports):
    """The error is reported, and no report counts as imported."""
    answer = akastats("import", "reports/go.xml", "--url", "redis://127.0.0.1:1", "--json")

    assert (answer.code, "imported" in answer.out) == (1, False)

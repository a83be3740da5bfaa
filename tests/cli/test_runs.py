"""`akastats runs`, `show` and `slowest`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timezone

import pytest

from akastats.cli.runs import _run_row
from akastats.queries.runs import Run
from tests.cli.conftest import COMMAND
from tests.delivered_runs import STARTED, deliver_run

HOSTILE = "a.py::b[\x1b[2J\u202e/é 日本]"


@pytest.fixture(autouse=True)
def _timezone(configured_server, monkeypatch):
    """Display times in this time zone."""
    monkeypatch.setenv("AKA_STATS_TIMEZONE", "Europe/Amsterdam")


def test_runs_lists_the_newest(akastats, server, tmp_path):
    """One line per run, newest first."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)], branch="main", commit="c0ffee" * 6)
    later = {"run_id": "20231115T000000000-000002", "started": STARTED + 100}
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1)], branch="topic", **later)

    answer = akastats("runs")

    assert (answer.code, answer.err) == (0, "")
    head, first, second = answer.out.splitlines()
    assert head.split()[:2] == ["run", "status"]
    assert first.split()[:2] == ["20231115T000000000-000002", "failed"]
    assert "topic" in first
    assert "2023-11-14 23:13:20 CET" in second
    assert "c0ffeec0ff" in second


def test_runs_as_json_is_the_api_s_answer(akastats, server, tmp_path, fetch):
    """`--json` writes only the response of the API."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)], branch="main")

    assert akastats("runs", "--json").json == fetch("/api/v1/runs")


@pytest.fixture
def fetch(server):
    """Return a function that returns the API's response for a path."""
    from akastats.app import app
    from tests.api.conftest import call

    return lambda path: call(app, "GET", path).json()


@pytest.mark.parametrize(
    ("option", "count"),
    [("--branch=main", 1), ("--branch=x", 0), ("--suite=unit", 1), ("--status=failed", 1), ("--limit=1", 1)],
)
def test_runs_filters(akastats, server, tmp_path, option, count):
    """Each option restricts the list."""
    deliver_run(server, tmp_path, branch="main", suite="unit")

    assert len(akastats("runs", option, "--json").json["items"]) == count


def test_a_status_that_no_run_has_is_refused(akastats):
    """An unknown status is an error; a valid one without runs is not."""
    wrong, right = akastats("runs", "--status=bogus"), akastats("runs", "--status=empty")

    names = ("running", "passed", "failed", "interrupted", "crashed", "empty")
    choices = ", ".join(map(repr, names))
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.endswith(f"Error: Invalid value for '--status': 'bogus' is not one of {choices}.\n")
    assert (right.code, right.out) == (0, "No matching runs.\n")


def test_an_empty_list_of_runs_names_the_next_step(akastats):
    """An empty server is not an error."""
    answer = akastats("runs")

    assert (answer.code, answer.out) == (0, "No runs yet. Record one with pytest --akastats.\n")


def test_show_tells_a_test_s_history(akastats, server, tmp_path):
    """The outcomes end with the newest, numbers have units, and each attempt has a line."""
    for number, outcome in enumerate(("passed", "failed", "passed", "error", "xfailed")):
        fields = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        deliver_run(server, tmp_path, [("a.py::b", outcome, 0.5)], **fields)

    answer = akastats("show", "a.py::b")

    lines = answer.out.splitlines()
    assert lines[0] == "a.py::b"
    assert "outcomes  .F.Ex  (newest last)" in lines
    assert "durations last 500 ms, avg 500 ms, min 500 ms, max 500 ms, attempts 5" in lines
    assert len([line for line in lines if "CET" in line]) == 5


def test_show_as_json(akastats, server, tmp_path, fetch):
    """The items are those of the API, with the numbers of the test."""
    deliver_run(server, tmp_path, [("a.py::b[é/%]", "failed", 0.5)], suite="s")

    answer = akastats("show", "a.py::b[é/%]", "--suite=s", "--json").json

    assert answer["items"] == fetch("/api/v1/tests/a.py::b[%C3%A9/%25]/history?suite=s")["items"]
    assert (answer["numbers"]["count"], answer["suite"]) == (1.0, "s")


def test_show_takes_a_run(akastats, server, tmp_path):
    """The id of a run shows its failures by traceback and its slowest tests."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "failed", 0.5), ("a.py::c", "passed", 2.0)])

    answer = akastats("show", run_id)

    assert "1 x AssertionError: assert 12 == 13\n  a.py::b\n" in answer.out
    assert "where the time went: call 100%\n" in answer.out
    assert answer.out.splitlines()[-2].split() == ["2.000", "no", "history", "a.py::c", "passed"]


def test_show_a_run_as_json_is_the_api_s_answer(akastats, server, tmp_path, fetch):
    """The JSON contains the complete response of the API."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "failed", 0.5), ("a.py::c", "passed", 2.0)])

    run = akastats("show", run_id, "--json").json

    assert fetch(f"/api/v1/runs/{run_id}").items() <= {**run, "slowest": _api_s(run["slowest"])}.items()


def _api_s(slowest):
    """Return slow tests without the fields of fixtures."""
    return [{name: slow[name] for name in ("name", "outcome", "seconds", "usual")} for slow in slowest]


def test_show_of_an_unknown_test_is_one_line(akastats):
    """The message is on stderr, and the exit code is 1."""
    answer = akastats("show", "a.py::nobody", "--json")

    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert "a.py::nobody" in answer.err
    assert "only ever skipped" in answer.err


def test_show_of_a_test_that_is_called_otherwise_offers_it(akastats, server, tmp_path):
    """The suggestion is quoted for a shell, and has the suite of the test."""
    tests = [("a.py::t[csv]", "passed", 0.5), ("a.py::t[a b]", "passed", 0.5), ("a.py::u", "passed", 0.5)]
    deliver_run(server, tmp_path, tests)
    deliver_run(server, tmp_path, tests[-1:], run_id="20231115T000000000-000002", suite="unit")

    parametrised, elsewhere = akastats("show", "a.py::t"), akastats("show", "b/a.py::u", "--suite=unit")

    assert parametrised.err.endswith("; did you mean 'a.py::t[a b]', 'a.py::t[csv]'?\n")
    assert elsewhere.err.endswith("; did you mean a.py::u, a.py::u --suite=?\n")
    assert (parametrised.code, parametrised.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_strangers_wrote_moves_no_cursor(akastats, server, tmp_path, encoding):
    """Escapes and bidirectional marks in a node id are printed as text, in any encoding of the terminal."""
    deliver_run(server, tmp_path, [(HOSTILE, "failed", 0.5, HOSTILE)], branch=HOSTILE)

    for arguments in (["runs"], ["show", HOSTILE], ["slowest"], ["show", "20231114T221320000-000001"]):
        answer = akastats(*arguments, PYTHONIOENCODING=encoding)
        assert answer.code == 0
        assert not set("\x1b\u202e") & set(answer.out)


def test_arguments_that_are_no_utf_8(akastats, server, tmp_path):
    """A node id from a file name in another encoding is found; such a branch is refused in one line."""
    deliver_run(server, tmp_path, [("a\\udcff.py::b", "passed", 0.5)])

    shown = akastats("show", os.fsdecode(b"a\xff.py::b"), "--json")
    listed = akastats("runs", "--branch", os.fsdecode(b"\xff"))

    assert (shown.code, len(shown.json["items"])) == (0, 1)
    assert (listed.code, listed.err.count("\n"), "not valid UTF-8" in listed.err) == (1, 1, True)


def test_slowest_stand_against_their_past(akastats, server, tmp_path):
    """The slowest tests and fixtures of the newest run, with their earlier median."""
    fixtures = [["tests", "db", "session", 1, 0.5, 0.25]]
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1), ("a.py::c", "passed", 0.2)], fixtures=fixtures)
    newest = {"run_id": "20231115T000000000-000002", "started": STARTED + 100}
    deliver_run(
        server, tmp_path, [("a.py::b", "passed", 3), ("a.py::c", "passed", 0.2)], fixtures=fixtures, **newest
    )

    tests = akastats("slowest", "--json").json
    fixtures = akastats("slowest", "--fixtures", "--json").json
    limited = akastats("slowest", "--tests", "--limit=1")

    assert tests["run"] == "20231115T000000000-000002"
    rows = [(slow["name"], slow["seconds"], slow["usual"]) for slow in tests["items"]]
    assert rows == [("a.py::b", 3.0, 0.1), ("a.py::c", 0.2, 0.2)]
    (slow,) = fixtures["items"]
    assert (slow["name"], slow["seconds"], slow["usual"], slow["scope"]) == ("tests::db", 0.75, 0.75, "session")
    assert "a.py::b" in limited.out
    assert "a.py::c" not in limited.out


def test_slowest_without_a_run_says_so(akastats):
    """An empty server has a message instead of a table."""
    answer = akastats("slowest")

    assert (answer.code, "pytest --akastats" in answer.err) == (1, True)


def test_a_server_that_is_away_is_one_line(akastats):
    """The line has the address without its password."""
    answer = akastats("runs", "--url=redis://me:secret@127.0.0.1:1")

    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert "127.0.0.1:1" in answer.err
    assert "secret" not in answer.err


@pytest.mark.parametrize("arguments", [["--url=http://x"], ["--namespace=a b"]])
def test_a_wrong_value_names_its_option(akastats, arguments):
    """The message for an invalid value names the option."""
    answer = akastats("runs", *arguments)

    assert (answer.code, answer.err.startswith(f"akastats: {arguments[0].split('=')[0]}")) == (1, True)


def test_a_wrong_zone_is_one_line(akastats, server, tmp_path):
    """The time zone is read when a time is displayed."""
    deliver_run(server, tmp_path)

    answer = akastats("runs", AKA_STATS_TIMEZONE="Middle/Earth")

    assert (answer.code, "Middle/Earth" in answer.err, answer.err.count("\n")) == (1, True, 1)


def test_a_reader_that_leaves_is_no_error(akastats, server, tmp_path):
    """`akastats show ... | head -1` ends without a message."""
    deliver_run(server, tmp_path, [(f"a.py::b[{number}]", "failed", 0.1) for number in range(100)])
    script = f"{sys.executable} -c 'from akastats.cli import main; main()' show 20231114T221320000-000001"

    for option in ("", " --json"):
        command = f"{script}{option} | true"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, env=os.environ, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_stdout_is_one_line(server, tmp_path):
    """A write error has a message and an exit code."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)])

    for option in ([], ["--json"]):
        with open("/dev/full", "wb") as full:
            command = [*COMMAND, "runs", *option]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=os.environ, check=False)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert b"No space left" in done.stderr


def test_a_file_that_cannot_be_collected_is_an_error() -> None:
    """pytest counts it as an error; `errors` of the run counts only tests."""
    run = Run("r", "failed", tests=3, failed=1, errors=2, collect_errors=4, started=0.0)

    assert _run_row(run, timezone.utc)[2:5] == (3, 1, 6)

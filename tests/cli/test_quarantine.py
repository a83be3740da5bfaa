"""`akastats quarantine`: quarantining, listing and releasing tests."""

from __future__ import annotations

import json
import re
import time

import pytest

from akastats.store import keys
from akastats.triage.quarantine_rules import QuarantinedTest, pack
from tests.delivered_runs import deliver_run

NODEID = "a.py::b"
HOSTILE = "a.py::b[\x1b[2J\u202e]"


@pytest.fixture(autouse=True)
def _timezone(configured_server, monkeypatch):
    """Display times in this time zone."""
    monkeypatch.setenv("AKA_STATS_TIMEZONE", "UTC")


def in_days(days: float) -> str:
    """Return a date relative to today, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86_400))


def test_a_test_is_put_in_listed_and_taken_out(akastats, server, tmp_path, redis_client):
    """Each has one line; the list has date and reason."""
    deliver_run(server, tmp_path, [(NODEID, "passed", 0.1)], suite="unit")
    # Midnight may pass during the test.
    until, before = in_days(7), in_days(0)

    put = akastats("quarantine", NODEID, "--suite=unit", f"--until={until}", "--reason=hangs up")
    days = {before, in_days(0)}
    listed = akastats("quarantine")
    removed = akastats("quarantine", NODEID, "--suite=unit", "--remove")
    again = akastats("quarantine", NODEID, "--suite=unit", "--remove")
    empty = akastats("quarantine", "--list")

    message = f"{NODEID} is quarantined until {until}: its failures do not fail runs with --akastats-quarantine\n"
    assert (0, message, "") == (put.code, put.out, put.err)
    head, row, _, how = listed.out.splitlines()
    assert "akastats quarantine NODEID --until" in how
    assert ["until", "test", "suite", "since", "by", "reason"] == head.split()
    assert [until, NODEID, "unit"] == row.split()[:3]
    assert row.split()[3] in days
    assert row.rstrip().endswith("hangs up")
    assert (0, f"{NODEID} is no longer in quarantine: its failures count again\n") == (removed.code, removed.out)
    assert (1, True) == (again.code, "is not in quarantine" in again.err)
    assert (0, "No quarantined tests.\n") == (empty.code, empty.out)


def test_json_is_the_api_s(akastats, server):
    """`--json` has the names and values of the API."""
    from akastats.app import app
    from tests.api.conftest import call

    put = akastats("quarantine", NODEID, "--force", f"--until={in_days(1)}", "--reason=x", "--json").json

    listed = akastats("quarantine", "--json").json
    assert [put] == listed["items"]
    assert call(app, "GET", "/api/v1/quarantine").json() == listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [NODEID],
            "--until DATE and --reason TEXT are missing; to quarantine a test: akastats quarantine NODEID --until",
        ),
        ([NODEID, "--until=soon", "--reason=x"], "--until: write a day as"),
        ([NODEID, "--until=2099-02-30", "--reason=x"], "2099-02-30 is not a calendar day"),
        ([NODEID, "--reason=x"], "--until DATE is missing"),
        ([NODEID, "--until=2099-01-01"], "--reason TEXT is missing"),
        ([NODEID, "--list"], "--list cannot be combined with NODEID or --remove"),
        (["--remove"], "requires a NODEID"),
        (["--until=2099-01-01"], "require a NODEID"),
        ([NODEID, "--remove", "--reason=x"], "require a NODEID"),
    ],
)
def test_invalid_arguments_are_refused_before_a_request(akastats, arguments, message):
    """The exit code is that of a wrong use."""
    answer = akastats("quarantine", *arguments, AKA_STATS_REDIS_URL="redis://127.0.0.1:1")

    assert (2, "") == (answer.code, answer.out)
    assert message in re.sub(r"\s+", " ", answer.err)


@pytest.mark.parametrize(
    ("days", "variables", "message"),
    [
        (1, {}, "check its spelling and its suite, or repeat the request with force (--force"),
        (-1, {}, "until: the day is in the past"),
        (92, {}, "until: more than 90 days ahead"),
        (1, {"AKA_STATS_PROTECTED": "x.py\na.py"}, "protected by 'a.py' of AKA_STATS_PROTECTED"),
    ],
)
def test_a_refusal_by_a_rule_names_the_remedy(akastats, days, variables, message):
    """One line, with the exit code of a failure."""
    answer = akastats("quarantine", NODEID, f"--until={in_days(days)}", "--reason=x", **variables)

    assert (1, "", 1) == (answer.code, answer.out, len(answer.err.splitlines()))
    assert message in answer.err


def test_a_protected_path_that_protects_nothing_is_named(akastats, server, tmp_path):
    """Each form of the command and `doctor` name it, because a misspelt pattern protects nothing."""
    deliver_run(server, tmp_path, [(NODEID, "failed", 0.1)])
    variables = {"AKA_STATS_PROTECTED": "other.py, ./tests/payments, ./a.py"}
    put = ("quarantine", "b.py::x", "--force", f"--until={in_days(1)}", "--reason=x")

    answers = [akastats(*arguments, **variables) for arguments in (put, ("quarantine",), ("doctor",))]

    patterns = [re.findall(r"'(\S+)' protects no known test", answer.err + answer.out) for answer in answers]
    assert [["other.py", "./tests/payments"]] * 3 == patterns


def test_a_test_that_always_failed_needs_force(akastats, server, tmp_path):
    """The refusal names `--force`."""
    deliver_run(server, tmp_path, [(NODEID, "failed", 0.1)])
    arguments = ("quarantine", NODEID, f"--until={in_days(1)}", "--reason=x")

    refused, forced = akastats(*arguments), akastats(*arguments, "--force")

    assert (1, True, 0) == (refused.code, "broken, not flaky" in refused.err, forced.code)


def test_a_part_that_no_other_test_has_names_a_test(akastats, server, tmp_path):
    """As for `akastats show`: with and without force, to release it, and in a suite."""
    deliver_run(server, tmp_path, [("d/a.py::b", "passed", 0.1), ("d/a.py::c", "failed", 0.1)], suite="unit")
    options = (f"--until={in_days(1)}", "--reason=x")

    put, forced = akastats("quarantine", "a.py::b", *options), akastats("quarantine", "c", "--force", *options)
    listed = akastats("quarantine", "--json").json["items"]
    removed = akastats("quarantine", "b", "--remove", "--json")

    assert (0, 0) == (put.code, forced.code)
    assert put.out.startswith("d/a.py::b is quarantined")
    assert {("d/a.py::b", "unit"), ("d/a.py::c", "unit")} == {(each["nodeid"], each["suite"]) for each in listed}
    assert {"nodeid": "d/a.py::b", "suite": "unit", "removed": True} == removed.json


def test_a_part_of_several_tests_names_none(akastats, server, tmp_path):
    """The error lists them; `--force` accepts the complete node id of an unknown test."""
    deliver_run(server, tmp_path, [("a.py::b1", "passed", 0.1), ("a.py::b2", "passed", 0.1)])
    options = (f"--until={in_days(1)}", "--reason=x")

    refused = akastats("quarantine", "a.py::b", *options)
    forced = akastats("quarantine", "a.py::b", "--force", *options)

    assert (1, "") == (refused.code, refused.out)
    assert "'a.py::b' matches 2 tests; did you mean a.py::b1, a.py::b2" in refused.err
    assert forced.out.startswith("a.py::b is quarantined")
    assert "unknown test 'a.py::b'; did you mean a.py::b1, a.py::b2" in forced.err


def test_what_strangers_wrote_is_shown_as_text(akastats, redis_client):
    """Names and reasons are untrusted text."""
    entry = QuarantinedTest(f"test::{HOSTILE}", HOSTILE, "", time.time() + 9e5, "\x1b[2Jx", time.time(), "\u202ey")
    redis_client.hset(keys.quarantine("AKA-STATS"), entry.label, pack(entry))

    answer = akastats("quarantine")

    assert "\x1b" not in answer.out + answer.err
    assert "\u202e" not in answer.out
    assert HOSTILE == akastats("quarantine", "--json").json["items"][0]["nodeid"]
    assert json.dumps(HOSTILE)[1:-1] in akastats("quarantine", "--json").out

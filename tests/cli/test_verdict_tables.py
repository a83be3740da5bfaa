"""Verdicts of runs and tests in `akastats show`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from akastats.cli.verdict_tables import over_lines, state_lines
from akastats.model.verdicts import FailureVerdict, OverBudget, Verdicts, pack
from akastats.store import keys
from tests.api.verdict_values import change, changed, unhealthy
from tests.delivered_runs import deliver_run

RUN = "20231114T221320000-000001"


pytestmark = pytest.mark.usefixtures("configured_server")


@pytest.fixture
def store_verdicts(server, redis_client, tmp_path):
    """Return a function that delivers a run of three tests, two of which fail, and stores its verdicts."""

    def stored(**fields):
        tests = [("a.py::b", "failed", 0.5), ("a.py::c", "failed", 0.5), ("a.py::d", "passed", 2.0)]
        run = deliver_run(server, tmp_path, tests, run_id=RUN, branch="main")
        defaults = {"suite": "", "branch": "main", "base": "main", "runs": 9}
        redis_client.set(keys.verdicts("AKA-STATS", run), pack(Verdicts(run=run, **{**defaults, **fields})))

    return stored


def test_a_run_s_failures_have_their_labels(akastats, store_verdicts):
    """The label is in one column before each failing test."""
    store_verdicts(failures=(FailureVerdict("a.py::b", "known flaky", 0.12), FailureVerdict("a.py::c", None)))

    answer = akastats("show", RUN)

    assert "  known flaky 12 %  a.py::b\n  no history        a.py::c\n" in answer.out


def test_a_run_s_tests_over_budget_are_named(akastats, store_verdicts):
    """With their durations and limits."""
    store_verdicts(over_budget=(OverBudget("a.py::d", 2.0, 1.5, "max_seconds"),))

    assert "over budget:\n  2.00 s > 1.50 s (max_seconds)  a.py::d\n" in akastats("show", RUN).out


def test_a_run_without_verdicts_has_no_labels(akastats, server, tmp_path):
    """The output is the same as before verdicts existed."""
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.5)], run_id=RUN)

    assert "\n  a.py::b\n" in akastats("show", RUN).out


def test_state_and_changes_of_a_test_are_shown(akastats, store_verdicts):
    """From the newest verdicts of its suite, also as JSON."""
    flaky = unhealthy("a.py::b", rate=0.12, low=0.05, high=0.25, since="run-00003")
    store_verdicts(tests=(flaky,), changes=(changed("test::a.py::b", 4), changed("test::a.py::c", 5)))

    shown = akastats("show", "a.py::b")

    assert "state     flaky, fails 12 % of the time (5 % to 25 %), since run run-00003\n" in shown.out
    assert "slower    1.00 s -> 2.00 s, since run run-00004\n" in shown.out
    assert "run-00005" not in shown.out
    verdict = akastats("show", "a.py::b", "--json").json["verdict"]
    assert ("flaky", 0.12) == (verdict["state"], verdict["rate"])


def test_a_healthy_test_has_no_state(akastats, store_verdicts):
    """Verdicts contain only tests that are not healthy."""
    store_verdicts()

    shown = akastats("show", "a.py::d")

    assert (0, False) == (shown.code, "state" in shown.out)
    assert akastats("show", "a.py::d", "--json").json["verdict"] is None


def test_the_quarantine_of_a_test_is_shown(akastats, server, tmp_path):
    """With date and reason, and not for the test of the same name in another suite."""
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.5)], run_id=RUN)
    day = (datetime.now(timezone.utc) + timedelta(days=30)).strftime("%Y-%m-%d")
    put = akastats("quarantine", "a.py::b", "--until", day, "--reason", "waits for the fix", "--force")
    akastats("quarantine", "a.py::b", "--suite=s", "--until", day, "--reason", "another", "--force")

    shown = akastats("show", "a.py::b")

    assert (0, 0) == (put.code, shown.code)
    assert f"state     quarantined until {day}: waits for the fix\n" in shown.out
    assert "another" not in shown.out
    assert "waits for the fix" == akastats("show", "a.py::b", "--json").json["quarantine"]["reason"]


def test_a_state_without_a_rate():
    """A broken test has no rate, and a change with few runs is suspected."""
    doubtful = change("test::a", 7, before=2.0, after=1.0, runs_after=2)

    assert [
        "state     broken, since run r1",
        "faster    2.00 s -> 1.00 s, since run run-00007, suspected",
    ] == list(state_lines(unhealthy("a", "broken", since="r1"), [doubtful]))
    assert ["state     not enough data"] == list(state_lines(unhealthy("a", "undecided"), []))


def test_many_changes_of_one_test_are_counted():
    """Five are listed."""
    changes = [change("test::a", number, before=2.0, after=1.0) for number in range(7)]

    lines = list(state_lines(None, changes))

    assert (6, "and 2 more duration changes") == (len(lines), lines[-1])


def test_many_tests_over_budget_are_counted():
    """Ten are listed."""
    over = tuple(OverBudget(f"t{number}", 2.0, 1.5, "max_seconds") for number in range(13))

    assert (12, "  and 3 more") == (len(list(over_lines(over))), list(over_lines(over))[-1])

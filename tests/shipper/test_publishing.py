"""GitHub output of a run: the step summary and the workflow commands."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from akastats.config import Config
from akastats.model.verdicts import ChangeVerdict, FailureVerdict, Verdicts
from akastats.redis import connect, run
from akastats.shipper.publishing import MAX_BYTES, has_forge, publish, publish_run
from akastats.store import keys
from akastats.triage.acknowledgement_rules import new_acknowledgement, pack
from tests.delivered_runs import deliver_run
from tests.report.examples import ONE, change, details, everything, failure, finding, verdicts

TITLE = "### Tests failed in `unit`: 5 failed, 1 error, 114 passed; 1 of the failures is quarantined\n"


@pytest.fixture
def summary(tmp_path) -> Path:
    """The step summary file of GitHub."""
    path = tmp_path / "step_summary"
    path.write_text("before\n")
    return path


def github(summary: Path | None = None, **variables: str) -> dict[str, str]:
    """Return the variables of GitHub."""
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": "/repo",
        "AKA_STATS_STARTED_IN": "/repo/sub",
        **variables,
    }
    return variables | ({"GITHUB_STEP_SUMMARY": str(summary)} if summary else {})


def test_the_summary_is_appended_and_the_lines_are_returned(summary):
    """Text of other commands is kept; paths are relative to the repository root."""
    run_details, run_verdicts = everything()

    lines = publish(run_verdicts, run_details, github(summary), {"r1": "aaaabbbbcccc"})

    text = summary.read_text()
    assert text.startswith(f"before\n{TITLE}")
    assert "the cause is after `aaaabbbbcc`" in text
    assert lines[0].startswith("::error file=sub/shop/cart.py,line=12,title=")


def test_the_summary_contains_possible_savings(summary):
    """After failures and changes."""
    publish(*reversed(everything()), github(summary), {}, [finding()])

    assert "#### Possible savings: 1\n\n- 3.80 s (66%): `Fixture catalogue is set" in summary.read_text()


def test_two_runs_of_a_step_both_have_a_summary(summary):
    """Each is appended in one write, after a blank line."""
    for _ in range(2):
        publish(*reversed(everything()), github(summary))

    assert 2 == summary.read_text().count(f"\n{TITLE}")
    assert summary.read_text().endswith("\n\n")


def test_outside_of_github_nothing_is_written(summary):
    """No summary and no lines."""
    assert not has_forge({"CI": "true", "GITLAB_CI": "true"})
    assert [] == publish(*reversed(everything()), {})


def test_a_summary_alone_gets_no_lines(summary):
    """Without GITHUB_ACTIONS workflow commands have no reader."""
    assert [] == publish(*reversed(everything()), {"GITHUB_STEP_SUMMARY": str(summary)})
    assert TITLE in summary.read_text()


@pytest.mark.parametrize("variable", ["off", "auto"])
def test_it_can_be_switched_off(summary, variable):
    """`AKA_STATS_FORGE=off` disables both."""
    lines = publish(*reversed(everything()), github(summary, AKA_STATS_FORGE=variable))

    assert (variable == "auto") == bool(lines) == (TITLE in summary.read_text())


@pytest.mark.parametrize("kind", ["directory", "absent", "null", "pipe", "denied"])
def test_a_summary_that_cannot_be_written_is_left_out(tmp_path, kind):
    """There is no error and no delay, and the lines are returned."""
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "absent":
        path = path / "x"
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "null":
        path = Path(f"{path}\0")
    else:
        path = Path("/proc/version")

    assert publish(*reversed(everything()), github(path))


def test_a_summary_grows_no_larger_than_github_takes(summary):
    """With one byte more GitHub would show nothing of the step."""
    publish(*reversed(everything()), github(summary))
    size = summary.stat().st_size - len("before\n")

    for length, fits in ((MAX_BYTES - size, True), (MAX_BYTES - size + 1, False)):
        summary.write_bytes(b"x" * length)
        publish(*reversed(everything()), github(summary))
        assert (length + size * fits) == summary.stat().st_size


def test_without_verdicts_failures_are_annotated_too():
    """They have no labels."""
    (line,) = publish(None, details(failure(ONE)), github())

    assert line.endswith("::AssertionError: assert 12 == 13")


@pytest.fixture
def execute(server):
    """Return a function that executes operations on the server; its attribute `calls` counts them."""
    client = connect(server)

    def execute(operation):
        execute.calls += 1
        return run(operation, client, client)

    execute.calls = 0
    return execute


def test_nothing_is_read_without_a_reader(execute, server):
    """A run outside of GitHub needs no further requests."""
    assert [] == publish_run(
        "unknown", None, Config(redis_url=server), execute, {"AKA_STATS_FORGE": "off", **github()}
    )
    assert 0 == execute.calls


def verdicts_of(run_id: str, **fields: object) -> Verdicts:
    """Return verdicts of a stored run."""
    return replace(verdicts(), run=run_id, **fields)


def test_a_stored_run_is_read_and_published(execute, server, tmp_path, summary):
    """With the locations of its failures from their tracebacks."""
    run_id = deliver_run(server, tmp_path, [("test_a.py::test", "failed", 0.1)])
    run_verdicts = verdicts_of(run_id, failures=(FailureVerdict("test_a.py::test", "new"),))

    (line,) = publish_run(run_id, run_verdicts, Config(redis_url=server), execute, github(summary))

    assert (
        "::error file=sub/test_a.py,line=3,title=test_a.py%3A%3Atest (new)::AssertionError: assert 12 == 13"
        == line
    )
    assert "#### New failures: 1" in summary.read_text()


@pytest.mark.parametrize(("kind", "is_published"), [("noise", False), ("expected", False), ("acknowledged", True)])
def test_a_change_acknowledged_as_noise_is_omitted(execute, server, tmp_path, redis_client, kind, is_published):
    """So is an expected one; an acknowledged one is published."""
    run_id = deliver_run(server, tmp_path, [("test_a.py::test", "passed", 0.1)])
    slower = change("test::test_a.py::test")
    mark = new_acknowledgement(slower, kind, "", redis_client.time()[0])
    redis_client.hset(keys.acknowledgements("AKA-STATS"), "id", pack(mark))
    run_verdicts = verdicts_of(run_id, changes=(ChangeVerdict(slower, is_new=True),))

    lines = publish_run(run_id, run_verdicts, Config(redis_url=server), execute, github())

    assert is_published == bool(lines)

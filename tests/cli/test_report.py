"""`akastats report`."""

from __future__ import annotations

import json
import platform

import pytest

from akastats.model.verdicts import ChangeVerdict, FailureVerdict
from akastats.model.verdicts import pack as packed
from akastats.spool import recorded_runs
from akastats.spool.recorded_runs import RecordedRun
from akastats.store import keys
from akastats.triage.acknowledgement_rules import new_acknowledgement, pack
from akastats.triage.quarantine_rules import QuarantinedTest
from akastats.triage.quarantine_rules import pack as pack_entry
from tests.delivered_runs import STARTED, deliver_run
from tests.report.examples import change, flaky, verdicts

TEST = "tests/test_a.py::test_b"


@pytest.fixture(autouse=True)
def _use_the_server(server, monkeypatch):
    """Set the variable through which the commands use the test's server, and hide this machine's CI."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server)
    for name in (
        "GITHUB_WORKSPACE",
        "CI_PROJECT_DIR",
        "WORKSPACE",
        "BUILD_SOURCESDIRECTORY",
        "BITBUCKET_CLONE_DIR",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_id(server, tmp_path):
    """Id of a stored run with one failure."""
    return deliver_run(
        server, tmp_path, [(TEST, "failed", 0.1), ("tests/test_a.py::test_c", "passed", 0.1)], branch="main"
    )


@pytest.fixture
def store_verdicts(redis_client, run_id):
    """Return a function that stores the verdicts of the run."""

    def store_verdicts(**fields):
        content = {"failures": (FailureVerdict(TEST, "new"),), **fields}
        redis_client.set(keys.verdicts("AKA-STATS", run_id), packed(verdicts(run=run_id, **content)))

    return store_verdicts


def test_the_newest_run_as_markdown(akastats, run_id, store_verdicts):
    """Without arguments, the report is markdown on stdout."""
    store_verdicts(tests=(flaky(),))

    answer = akastats("report")

    assert (0, "") == (answer.code, answer.err)
    assert answer.out.startswith(
        f"### Tests failed: 1 failed, 1 passed\n\nRun `{run_id}` of `main`, compared with `main`\n"
    )
    note = "Passed on `main` until now, or did not exist there."
    assert f"#### New failures: 1\n\n{note}\n\n- `{TEST}`\n" in answer.out
    assert "#### Newly flaky: 1\n" in answer.out


def test_a_run_without_verdicts(akastats, run_id):
    """The report has no labels, and gives the reason."""
    answer = akastats("report", run_id)

    assert 0 == answer.code
    assert "This run has not been analysed: its failures have no label.\n" in answer.out
    assert f"#### Failures: 1\n\n- `{TEST}`\n" in answer.out


def test_which_run_is_the_newest(akastats, server, tmp_path, run_id):
    """With `--suite` or `--branch` only its runs count."""
    later = {"run_id": "20231115T000000000-000002", "started": STARTED + 100}
    deliver_run(server, tmp_path, [(TEST, "passed", 0.1)], branch="topic", suite="unit", **later)

    assert "Run `20231115T000000000-000002`" in akastats("report").out
    assert f"Run `{run_id}`" in akastats("report", "--branch=main").out
    assert "Run `20231115T000000000-000002`" in akastats("report", "--suite=unit").out
    missing = akastats("report", "--suite=slow")
    assert (1, "") == (missing.code, missing.out)
    assert "no finished run in namespace 'AKA-STATS', suite 'slow'" in missing.err


BUILD = {"GITLAB_CI": "true", "CI_PIPELINE_ID": "7", "CI_COMMIT_SHA": "c0ffee", "CI_JOB_NAME": "unit"}


def test_in_ci_the_newest_is_of_this_build(akastats, server, tmp_path, run_id):
    """In CI only runs of this job count, else of this build, because other runs end on the same server."""
    ids = [f"20231115T00000000{number}-000001" for number in range(3)]
    for number, (build, job) in enumerate((("7", "unit"), ("7", "lint"), ("8", "unit"))):
        fields = {"run_id": ids[number], "started": STARTED + 100 * number, "commit": "c0ffee", "build_id": build}
        deliver_run(server, tmp_path, [(TEST, "passed", 0.1)], job=job, branch="topic", **fields)

    assert f"Run `{ids[0]}`" in akastats("report", **BUILD).out
    assert f"Run `{ids[1]}`" in akastats("report", **{**BUILD, "CI_JOB_NAME": "report"}).out
    assert f"Run `{ids[2]}`" in akastats("report", "--branch=topic", **BUILD).out
    missing = akastats("report", **{**BUILD, "CI_PIPELINE_ID": "9"})
    assert (1, "") == (missing.code, missing.out)
    assert "no finished run of build '9'" in missing.err


def test_missing_verdicts_are_computed_on_demand(akastats, server, tmp_path):
    """A drained or imported run is analysed with the history up to it, and the verdicts are stored."""
    for number in range(6):
        fields = {"run_id": f"20231115T00000000{number}-000001", "started": STARTED + 100 * number}
        outcome = "failed" if number == 5 else "passed"
        deliver_run(server, tmp_path, [(TEST, outcome, 0.1)], branch="main", commit=f"{number}" * 40, **fields)

    assert "#### Failures: 1\n" in akastats("report").out
    assert "#### New failures: 1\n" in akastats("report", "--judge").out
    assert "#### New failures: 1\n" in akastats("report").out


@pytest.mark.parametrize(
    ("has_quarantine", "since", "title"),
    [
        (True, -1, "Quarantined"),
        (True, 1, "Failures with no history"),
        (False, -1, "Failures with no history"),
    ],
)
def test_a_run_is_analysed_with_its_own_quarantine(
    akastats, server, tmp_path, redis_client, has_quarantine, since, title
):
    """Only tests that were quarantined when the run began, and only if the run used quarantine."""
    run_id = deliver_run(server, tmp_path, [(TEST, "failed", 0.1)], started=STARTED, quarantine=has_quarantine)
    redis_client.delete(keys.verdicts("AKA-STATS", run_id))
    entry = QuarantinedTest(f"test::{TEST}", TEST, "", redis_client.time()[0] + 3600, "slow", STARTED + since)
    redis_client.hset(keys.quarantine("AKA-STATS"), entry.label, pack_entry(entry))

    assert f"#### {title}: 1\n" in akastats("report", "--judge").out


def test_an_unknown_run(akastats, run_id):
    """One line names the run."""
    answer = akastats("report", "nope")

    assert (1, "", 1) == (answer.code, answer.out, answer.err.count("\n"))


def test_json_has_all_that_the_api_answers(akastats, run_id, store_verdicts, server):
    """The run's details, with the response of `/verdicts`."""
    from akastats.app import app
    from tests.api.conftest import call

    store_verdicts(
        tests=(flaky(),),
        changes=(ChangeVerdict(change(), is_new=True),),
        suite_changes=(ChangeVerdict(change(""), is_new=True),),
    )

    report = akastats("report", run_id, "--format", "json").json

    of_run = call(app, "GET", f"/api/v1/runs/{run_id}").json()
    answer = call(app, "GET", f"/api/v1/verdicts?run={run_id}").json()
    assert {**of_run, "verdicts": answer} == report


def test_json_of_a_run_without_verdicts(akastats, run_id):
    """`verdicts` is null."""
    report = akastats("report", "--json").json

    assert (run_id, None) == (report["id"], report["verdicts"])


def test_a_file_for_a_browser(akastats, run_id, store_verdicts, project):
    """It is written to `--output`, and stdout is empty."""
    store_verdicts()

    answer = akastats("report", "--format=html", "--output=report.html")

    assert (0, "", "") == (answer.code, answer.out, answer.err)
    text = (project / "report.html").read_text()
    assert text.startswith("<!doctype html>")
    assert f"<code>{TEST}</code>" in text
    assert "<h2>Slowest tests <span>2</span></h2>" in text


def test_a_file_for_gitlab(akastats, run_id, store_verdicts, project):
    """Paths are relative to the repository root, whatever the working directory is."""
    store_verdicts()
    below = project / "services" / "a"
    below.mkdir(parents=True)
    (below / "pytest.ini").write_text("[pytest]\n")

    answer = akastats("report", "--format=gitlab", cwd=below, CI_PROJECT_DIR=str(project))

    (issue,) = json.loads(answer.out)
    assert {"path": "services/a/test_a.py", "lines": {"begin": 3}} == issue["location"]
    assert "critical" == issue["severity"]


def test_an_output_that_cannot_be_written(akastats, run_id):
    """One line names the error."""
    answer = akastats("report", "--output=no/such/directory")

    assert (1, "") == (answer.code, answer.out)
    assert "cannot write" in answer.err
    assert "No such file or directory" in answer.err


def test_a_form_that_there_is_not(akastats, run_id):
    """An unknown format is a wrong use, and the formats are listed."""
    answer = akastats("report", "--format=pdf")

    assert (2, "") == (answer.code, answer.out)
    assert all(form in answer.err for form in ("markdown", "html", "json", "gitlab"))


def test_a_change_acknowledged_as_noise_is_not_in_the_sections(akastats, run_id, store_verdicts, redis_client):
    """The JSON contains it with its acknowledgement."""
    slower = change(f"test::{TEST}")
    store_verdicts(changes=(ChangeVerdict(slower, is_new=True),))
    assert "#### Newly slower: 1" in akastats("report").out

    redis_client.hset(
        keys.acknowledgements("AKA-STATS"),
        "id",
        pack(new_acknowledgement(slower, "noise", "it hops", redis_client.time()[0])),
    )

    assert "Newly slower" not in akastats("report").out
    (changed,) = akastats("report", "--format=json").json["verdicts"]["changes"]
    assert ("noise", "it hops") == (changed["mark"]["mark"], changed["mark"]["reason"])


def test_commits_are_shown_if_they_are_recorded(akastats, server, tmp_path, run_id, store_verdicts):
    """A commit is more useful than the id of a run."""
    fields = {"run_id": "20231114T000000000-000009", "started": STARTED - 100}
    earlier = deliver_run(server, tmp_path, [(TEST, "passed", 0.1)], commit="c0ffee" * 6, **fields)
    store_verdicts(
        changes=(ChangeVerdict(change(f"test::{TEST}", since="r1", run=earlier, until="r3"), is_new=True),)
    )

    assert "since `c0ffeec0ff`; the cause is after run `r1`, not after run `r3`" in akastats("report", run_id).out


def recorded_here(project, url, *run_ids, **fields):
    """Store runs as recorded by the project's machine."""
    directory = project / ".akastats" / "spool"
    directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    origin = {"server": url, "namespace": "AKA-STATS", "root": str(project), "host": platform.node()}
    for run_id in run_ids:
        recorded_runs.write(directory / f"1-{run_id}.aks", RecordedRun(**{"id": run_id, **origin, **fields}))


def jobs(server, tmp_path, *outcomes):
    """Deliver the jobs of one matrix: all have the same build and job."""
    ids = [f"20231115T00000000{number}-000001" for number in range(len(outcomes))]
    for number, outcome in enumerate(outcomes):
        fields = {"run_id": ids[number], "started": STARTED + 100 * number, "commit": "c0ffee1", "build_id": "7"}
        fields["exit_code"] = int(outcome == "failed")
        deliver_run(server, tmp_path, [(TEST, outcome, 0.1)], job="unit", suite=f"py{number}", **fields)
    return ids


LEG = {**BUILD, "CI_COMMIT_SHA": "c0ffee1"}


def test_a_leg_of_a_matrix_reports_its_own_run(akastats, server, tmp_path, project):
    """Build and job are equal, but the machine knows which run it recorded."""
    red, green = jobs(server, tmp_path, "failed", "passed")
    recorded_here(project, server, red, build_id="7", suite="py0")

    assert f"Run `{red}`" in akastats("report", **LEG).out
    assert f"Run `{green}`" in akastats("report", green, **LEG).out
    # A record that a cache restored from another machine does not count.
    recorded_here(project, server, green, build_id="7", suite="py1", host="runner-2")
    assert f"Run `{red}`" in akastats("report", **LEG).out
    # A machine without a recorded run of this build selects by build and job.
    recorded_here(project, server, "r", build_id="6")
    assert f"Run `{green}`" in akastats("report", **LEG, AKA_STATS_NAMESPACE="AKA-STATS", cwd=tmp_path).out


def test_of_several_runs_of_a_job_one_that_failed_is_reported(akastats, server, tmp_path, project):
    """A later success of another suite does not hide the failure."""
    red, green, last = jobs(server, tmp_path, "failed", "passed", "passed")
    for number, run_id in enumerate((red, green)):
        recorded_here(project, server, run_id, build_id="7", suite=f"py{number}")
    assert f"Run `{red}`" in akastats("report", **LEG).out
    assert f"Run `{green}`" in akastats("report", "--suite=py1", **LEG).out

    # The repeated run passes.
    recorded_here(project, server, last, build_id="7", suite="py0")
    assert f"Run `{last}`" in akastats("report", **LEG).out


def test_outside_of_ci_the_newest_run_of_this_project_is_reported(akastats, server, tmp_path, project):
    """Other runs arrive on the same server, and tests may run pytest themselves."""
    own, other = jobs(server, tmp_path, "failed", "passed")
    recorded_here(project, server, own)
    recorded_here(project, server, other, is_nested=True)

    assert f"Run `{own}`" in akastats("report").out


def test_a_run_that_is_not_delivered_yet_is_not_replaced_by_another(akastats, server, tmp_path, project):
    """The message names the run and the remedy."""
    jobs(server, tmp_path, "passed")
    recorded_here(project, server, "20260801T101500123-6e913c", build_id="7")

    answer = akastats("report", **LEG)

    assert (1, "") == (answer.code, answer.out)
    assert "run 20260801T101500123-6e913c was recorded here and is not delivered yet" in answer.err


def test_a_run_inside_another_one_is_no_report_of_a_build(akastats, server, tmp_path):
    """Also on another machine than the one that recorded it."""
    (outer,) = jobs(server, tmp_path, "passed")
    fields = {
        "run_id": "20231116T000000000-000001",
        "started": STARTED + 1000,
        "commit": "c0ffee1",
        "build_id": "7",
    }
    deliver_run(server, tmp_path, [("a.py::t", "failed", 0.1)], job="unit", nested=True, **fields)

    assert f"Run `{outer}`" in akastats("report", **LEG).out
    assert f"Run `{outer}`" in akastats("report").out
    assert "(nested)" in akastats("runs").out

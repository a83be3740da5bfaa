"""What git says of the code that a run tests."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from akastats.delivery import checkout
from akastats.delivery.checkout import Checkout, complete, read_checkout, stored_fields
from akastats.queries.runs import read_run
from akastats.redis import sync_redis
from akastats.spool import shipper_state
from akastats.spool.records import RunHeader
from tests.delivered_runs import deliver, spool

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory, and return what it writes."""
    command = ["git", "-C", str(directory), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A repository on `main` with a module, a test and an ignored file, all committed an hour ago."""
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    git(project, "init", "-q", "-b", "main")
    for name in ("calc.py", "tests/test_calc.py"):
        (project / name).write_text("x = 1\n")
    (project / ".gitignore").write_text("build\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "one")
    return project


def read(project, began=None, **environ):
    """Read the state of a project for a run that begins now, or began earlier."""
    return read_checkout(project, time.time() + 1 if began is None else began, {**os.environ, **environ})


def test_a_clean_checkout(project):
    """Branch and commit as git names them."""
    assert {"branch": "main", "commit": git(project, "rev-parse", "HEAD"), "dirty": False} == read(project)


@pytest.mark.parametrize("change", ["edit", "stage", "delete", "add", "rename", "new test", "conflict"])
def test_what_is_not_committed_makes_a_checkout_dirty(project, change):
    """Whatever kind of change it is."""
    match change:
        case "edit":
            (project / "calc.py").write_text("x = 2\n")
        case "stage":
            (project / "calc.py").write_text("x = 2\n")
            git(project, "add", "-A")
        case "delete":
            (project / "calc.py").unlink()
        case "add":
            (project / "more.py").write_text("")
            git(project, "add", "-A")
        case "rename":
            git(project, "mv", "calc.py", "other name.py")
        case "new test":
            (project / "tests" / "test_new.py").write_text("")
        case "conflict":
            git(project, "checkout", "-q", "-b", "side")
            (project / "calc.py").write_text("x = 3\n")
            git(project, "commit", "-q", "-am", "side")
            git(project, "checkout", "-q", "main")
            (project / "calc.py").write_text("x = 4\n")
            git(project, "commit", "-q", "-am", "main")
            subprocess.run(["git", "-C", str(project), *IDENTITY, "merge", "-q", "side"], check=False)

    assert read(project)["dirty"] is True


@pytest.mark.parametrize("name", ["build", "report.xml", "scratch.py", ".akastats", "touched", "mode"])
def test_what_is_no_code_of_the_project_does_not(project, name):
    """Reports of the build, a note, a file that was only touched, a mode that a container changed."""
    if name == "touched":
        os.utime(project / "calc.py", (0, 0))
    elif name == "mode":
        (project / "calc.py").chmod(0o755)
    else:
        (project / name).write_text("")

    assert read(project)["dirty"] is False


def test_a_test_file_that_ci_has_made_does_not(project):
    """It makes the same one in each build of a commit."""
    (project / "tests" / "test_generated.py").write_text("")

    assert read(project, GITLAB_CI="true")["dirty"] is False


def test_what_the_tests_themselves_change_does_not(project):
    """Git may look after the first tests have run."""
    began = time.time() - 60
    (project / "calc.py").write_text("x = 2\n")
    assert read(project, began)["dirty"] is False

    os.utime(project / "calc.py", (began - 1, began - 1))
    assert read(project, began)["dirty"] is True


def test_code_that_its_repository_does_not_know(project):
    """A home directory under git says nothing of the projects in it."""
    other = project / "build" / "other"
    other.mkdir(parents=True)
    (other / "test_a.py").write_text("")

    assert read(other)["dirty"] is True


def test_a_submodule_with_changes(project, tmp_path):
    """Its code is tested too."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "submodule", "--quiet", "add", str(project), "part")
    git(outer, "commit", "-q", "-m", "part")
    assert read(outer)["dirty"] is False

    (outer / "part" / "calc.py").write_text("x = 2\n")
    assert read(outer)["dirty"] is True


def test_a_detached_head_in_a_worktree_and_the_default_branch(project, tmp_path):
    """What the files say, git says too."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(project), str(clone))
    git(clone, "worktree", "add", "-q", "--detach", str(tmp_path / "side"))

    expected = {"commit": git(project, "rev-parse", "HEAD"), "default_branch": "main", "dirty": False}
    assert expected == read(tmp_path / "side")


def test_a_hook_of_git_names_another_repository(project, tmp_path):
    """In a hook GIT_DIR and GIT_INDEX_FILE are set, and are not for us."""
    found = read(project, GIT_DIR=str(tmp_path), GIT_INDEX_FILE="/no/such", GIT_LITERAL_PATHSPECS="1")

    assert ("main", False) == (found["branch"], found["dirty"])


def test_no_program_of_the_repository_is_started(project, tmp_path):
    """A file system monitor is a command in the repository's own configuration."""
    git(project, "config", "core.fsmonitor", f"touch {tmp_path / 'started'}; false")

    assert read(project)["dirty"] is False
    assert not (tmp_path / "started").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user(project):
    """As in a container: git refuses it unless it is told."""
    for path in (project, project / ".git"):
        os.chown(path, 4242, 4242)

    assert ("main", False) == (read(project)["branch"], read(project)["dirty"])


def test_a_git_that_hangs_or_is_missing_says_nothing(project, tmp_path, monkeypatch):
    """It ends after its time, and the run is recorded without."""
    monkeypatch.setattr(checkout, "LIMIT_S", 0.2)
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (fake / "git").chmod(0o755)

    began = time.monotonic()
    assert {} == read(project, PATH=f"{fake}:{os.environ['PATH']}")
    assert time.monotonic() - began < 10
    assert {} == read(project, PATH=str(tmp_path))


def test_the_state_is_kept_beside_the_spool(project, tmp_path):
    """For whoever delivers the run later."""
    spool = tmp_path / "1-x.aks"
    reading = Checkout(spool, project, time.time() + 1, os.environ)

    assert reading.fields(waits=True)["dirty"] is False
    assert reading.fields(waits=True) == stored_fields(spool)


def test_whoever_delivers_a_run_later_knows_its_checkout(server, tmp_path):
    """A drained run, and one whose process died, have what git said when it began."""
    for number, ended in enumerate((True, False)):
        run_id = f"20231114T22132000{number}-000001"
        path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], run_id=run_id, ended=ended, branch="topic")
        assert shipper_state.put(
            checkout.path_for(path), json.dumps({"branch": "x", "commit": "a" * 40, "dirty": True})
        )
        deliver(path, server)

        run = sync_redis.run(read_run("AKA-STATS", run_id))
        assert ("topic", "a" * 40, True) == (run.branch, run.commit, run.dirty)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"dirty": [], "commit": 3, "other": "x"}'])
def test_a_damaged_file_beside_a_spool_says_nothing(tmp_path, content):
    """Anything may stand there."""
    (tmp_path / "1-x.checkout").write_text(content)

    assert {} == stored_fields(tmp_path / "1-x.aks")


def test_git_completes_what_the_provider_did_not_say():
    """What the header has stands; of a pull request git knows only the branch that it is tested on."""
    known = {"branch": "main", "commit": "a" * 40, "dirty": False}

    assert {"commit": "a" * 40, "dirty": False} == complete(RunHeader("run-1", 1.0, branch="topic"), known)
    assert {"commit": "a" * 40, "dirty": False} == complete(RunHeader("run-1", 1.0, pull_request="7"), known)

"""What a run records of the code that it tests, and runs inside of runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from akastats.queries import runs
from akastats.redis import sync_redis
from akastats.spool import recorded_runs
from tests.plugin.conftest import NAMESPACE, Record

TEST = "def test_one():\n    pass\n"


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory, and return what it writes."""
    command = ["git", "-C", str(directory), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Path:
    """The project of these tests as a repository in which all is committed."""
    pytester.makepyfile(test_one=TEST)
    git(pytester.path, "init", "-q", "-b", "topic")
    git(pytester.path, "add", "-A")
    git(pytester.path, "commit", "-q", "-m", "one")
    return pytester.path


def test_a_run_records_the_commit_and_that_all_is_committed(repository: Path, record: Record) -> None:
    """Its own files, `.akastats` among them, are no change."""
    run = record().run

    assert ("topic", git(repository, "rev-parse", "HEAD"), "0") == (run["branch"], run["commit"], run["dirty"])


def test_a_run_records_changes_that_are_not_committed(repository: Path, record: Record) -> None:
    """Those that were there when it began, and none that its tests make."""
    (repository / "data").write_text("")
    (repository / "test_one.py").write_text("def test_one():\n    open('data', 'a').write('more')\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "two")
    assert "0" == record().run["dirty"]

    (repository / "test_one.py").write_text("def test_one():\n    pass\n")
    assert "1" == record().run["dirty"]


def test_git_knows_what_its_files_do_not_say(
    repository: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a later git keeps references in tables, and the provider calls the commit `HEAD`."""
    monkeypatch.setenv("BUILDKITE", "true")
    monkeypatch.setenv("BUILDKITE_COMMIT", "HEAD")
    (repository / ".git" / "reftable").mkdir()

    run = record().run

    assert ("topic", git(repository, "rev-parse", "HEAD"), "0") == (run["branch"], run["commit"], run["dirty"])


@pytest.mark.parametrize("source", ["option", "ini", "variable"])
def test_the_branch_to_compare_with_can_be_configured(
    pytester: pytest.Pytester, record: Record, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """By whom it suits; it counts before the target of a pull request."""
    pytester.makepyfile(test_one=TEST)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    if source == "ini":
        pytester.makeini("[pytest]\nakastats_base = develop\n")
    if source == "variable":
        monkeypatch.setenv("AKA_STATS_BASE", "develop")

    run = record(*(["--akastats-base=develop"] if source == "option" else [])).run

    assert ("develop", "7") == (run["base"], run["pull_request"])


def test_a_run_inside_a_run_is_marked(
    pytester: pytest.Pytester, record: Record, spread: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, with an emptied environment in the same one; workers are no runs."""
    pytester.makepyfile(
        test_outer="""
        import os, subprocess, sys
        from unittest import mock
        import pytest

        @pytest.fixture(autouse=True)
        def sample(tmp_path, monkeypatch):
            (tmp_path / "pytest.ini").write_text("[pytest]")
            (tmp_path / "test_sample.py").write_text("def test_inner(): assert 0")
            monkeypatch.chdir(tmp_path)

        ARGUMENTS = ["--akastats", "--akastats-wait=60", "-pno:cacheprovider", *os.environ["INNER"].split()]

        def test_process():
            assert subprocess.run([sys.executable, "-m", "pytest", *ARGUMENTS]).returncode == 1

        def test_same_process():
            with mock.patch.dict(os.environ):
                os.environ.pop("AKA_STATS_RUN")
                assert pytest.main(ARGUMENTS) == 1
        """
    )
    monkeypatch.setenv("INNER", f"--akastats-url={server} -pno:randomly")

    result = record(spread).result

    result.assert_outcomes(passed=2)
    stored = sync_redis.run(runs.read_page(NAMESPACE, {})).items
    (outer,) = [run for run in stored if not run.nested]
    assert [(True, 1), (True, 1), (None, 2)] == [(run.nested, run.tests) for run in stored]
    assert outer.id == sync_redis.run(runs.read_newest(NAMESPACE)).id
    assert [outer.id] == [run.id for run in recorded_runs.read([pytester.path / ".akastats" / "spool"])]

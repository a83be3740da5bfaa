"""What CI variables and git's files say about a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from akastats import ci

COMMIT = "a" * 40


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_HEAD_REF": "",
                "GITHUB_REF_NAME": "main",
                "GITHUB_SHA": COMMIT,
                "GITHUB_RUN_ID": "7",
                "GITHUB_SERVER_URL": "https://forge",
                "GITHUB_REPOSITORY": "a/b",
                "GITHUB_JOB": "tests",
                "GITHUB_RUN_ATTEMPT": "2",
            },
            {
                "provider": "github",
                "branch": "main",
                "commit": COMMIT,
                "build_id": "7",
                "build_url": "https://forge/a/b/actions/runs/7",
                "job": "tests",
                "attempt": "2",
            },
        ),
        (
            {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_SHA": COMMIT, "CI_PIPELINE_ID": "7"},
            {"provider": "gitlab", "branch": "main", "commit": COMMIT, "build_id": "7"},
        ),
        (
            {"JENKINS_URL": "http://j", "GIT_BRANCH": "origin/main", "GIT_COMMIT": COMMIT},
            {"provider": "jenkins", "branch": "main", "commit": COMMIT},
        ),
        (
            {"TF_BUILD": "True", "BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_SOURCEVERSION": COMMIT},
            {"provider": "azure", "branch": "main", "commit": COMMIT},
        ),
        ({}, {}),
    ],
)
def test_a_provider_is_read_by_its_own_names(environ: dict[str, str], expected: dict[str, str]) -> None:
    """Branch, commit, build and job come from the variables that the provider documents."""
    assert expected == ci.from_provider(environ)


@pytest.mark.parametrize("provider", ci.PROVIDERS, ids=lambda provider: provider.name)
def test_each_provider_tells_branch_and_commit(provider: ci.Provider) -> None:
    """All ten are told apart by one variable each, and say at least where and what."""
    environ = {provider.sign: "true", provider.branch[-1]: "main", provider.commit[-1]: COMMIT}

    found = ci.from_provider(environ)

    assert (provider.name, "main", COMMIT) == (found["provider"], found["branch"], found["commit"])


def checkout(directory: Path, head: str = "ref: refs/heads/topic/one\n") -> Path:
    """Make the files by which git knows a checkout."""
    folder = directory / ".git"
    (folder / "refs" / "heads" / "topic").mkdir(parents=True)
    (folder / "HEAD").write_text(head)
    return folder


def test_git_is_read_from_its_files(tmp_path: Path) -> None:
    """Branch and commit of a checkout, from a directory below it."""
    folder = checkout(tmp_path)
    (folder / "refs" / "heads" / "topic" / "one").write_text(f"{COMMIT}\n")
    (tmp_path / "deep" / "down").mkdir(parents=True)

    assert {"branch": "topic/one", "commit": COMMIT} == ci.git(tmp_path / "deep" / "down")


def test_a_packed_reference_is_found(tmp_path: Path) -> None:
    """After `git gc` a branch stands in packed-refs."""
    folder = checkout(tmp_path)
    (folder / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/topic/one\n^{'b' * 40}\n")

    assert {"branch": "topic/one", "commit": COMMIT} == ci.git(tmp_path)


def test_a_detached_head_is_a_commit_without_a_branch(tmp_path: Path) -> None:
    """A CI that checks a commit out is on no branch."""
    checkout(tmp_path, f"{COMMIT}\n")

    assert {"commit": COMMIT} == ci.git(tmp_path)


def test_a_worktree_is_followed_to_its_repository(tmp_path: Path) -> None:
    """In a linked worktree `.git` is a file, and branches live in the common directory."""
    folder = checkout(tmp_path / "main")
    (folder / "refs" / "heads" / "topic" / "one").write_text(f"{COMMIT}\n")
    linked = folder / "worktrees" / "side"
    linked.mkdir(parents=True)
    (linked / "HEAD").write_text("ref: refs/heads/topic/one\n")
    (linked / "commondir").write_text("../..\n")
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {linked}\n")

    assert {"branch": "topic/one", "commit": COMMIT} == ci.git(side)


def test_outside_of_git_and_ci_nothing_is_known(tmp_path: Path) -> None:
    """What nobody says is absent."""
    assert {} == ci.describe({}, tmp_path)


def test_our_own_variables_override(tmp_path: Path) -> None:
    """AKA_STATS_BRANCH, AKA_STATS_COMMIT and AKA_STATS_BUILD have the last word."""
    environ = {
        "GITLAB_CI": "true",
        "CI_COMMIT_REF_NAME": "main",
        "AKA_STATS_BRANCH": "topic",
        "AKA_STATS_BUILD": "9",
    }

    assert {"provider": "gitlab", "branch": "topic", "build_id": "9"} == ci.describe(environ, tmp_path)

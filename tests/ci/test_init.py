"""What CI variables say about a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from akastats import ci


def test_outside_of_git_and_ci_all_fields_are_absent(tmp_path: Path) -> None:
    """Unknown fields are absent."""
    assert {} == ci.describe_code({}, tmp_path)


def test_our_own_variables_override(tmp_path: Path) -> None:
    """AKA_STATS_BRANCH, AKA_STATS_COMMIT and AKA_STATS_BUILD have the last word."""
    environ = {
        "GITLAB_CI": "true",
        "CI_COMMIT_REF_NAME": "main",
        "AKA_STATS_BRANCH": "topic",
        "AKA_STATS_BUILD": "9",
    }

    assert {"provider": "gitlab", "branch": "topic", "build_id": "9"} == ci.describe_code(environ, tmp_path)


@pytest.mark.parametrize(
    ("environ", "branch", "number", "base"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "pull_request",
                "GITHUB_REF": "refs/pull/7/merge",
                "GITHUB_REF_NAME": "7/merge",
                "GITHUB_HEAD_REF": "main",
                "GITHUB_BASE_REF": "develop",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "pull_request_target",
                "GITHUB_REF": "refs/heads/main",
                "GITHUB_REF_NAME": "main",
                "GITHUB_HEAD_REF": "main",
                "GITHUB_BASE_REF": "main",
            },
            "main",
            "true",
            "main",
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_COMMIT_REF_NAME": "main",
                "CI_MERGE_REQUEST_IID": "7",
                "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "develop",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {
                "JENKINS_URL": "http://j",
                "BRANCH_NAME": "PR-7",
                "CHANGE_ID": "7",
                "CHANGE_BRANCH": "main",
                "CHANGE_TARGET": "develop",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {"CIRCLECI": "true", "CIRCLE_BRANCH": "main", "CIRCLE_PULL_REQUEST": "https://github.com/a/b/pull/7"},
            "main",
            "7",
            None,
        ),
        ({"CIRCLECI": "true", "CIRCLE_BRANCH": "pull/7"}, None, "7", None),
        (
            {
                "BUILDKITE": "true",
                "BUILDKITE_BRANCH": "main",
                "BUILDKITE_PULL_REQUEST": "7",
                "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "develop",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {
                "TF_BUILD": "True",
                "BUILD_REASON": "PullRequest",
                "BUILD_SOURCEBRANCH": "refs/pull/7/merge",
                "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/main",
                "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/develop",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {
                "TRAVIS": "true",
                "TRAVIS_BRANCH": "develop",
                "TRAVIS_PULL_REQUEST": "7",
                "TRAVIS_PULL_REQUEST_BRANCH": "main",
            },
            "main",
            "7",
            "develop",
        ),
        (
            {
                "DRONE": "true",
                "DRONE_BUILD_EVENT": "pull_request",
                "DRONE_PULL_REQUEST": "7",
                "DRONE_BRANCH": "develop",
                "DRONE_SOURCE_BRANCH": "main",
                "DRONE_TARGET_BRANCH": "develop",
            },
            "main",
            "7",
            "develop",
        ),
        ({"TEAMCITY_VERSION": "2026", "TEAMCITY_BUILD_BRANCH": "pull/7"}, None, "7", None),
        (
            {
                "BITBUCKET_BUILD_NUMBER": "9",
                "BITBUCKET_BRANCH": "main",
                "BITBUCKET_PR_ID": "7",
                "BITBUCKET_PR_DESTINATION_BRANCH": "develop",
            },
            "main",
            "7",
            "develop",
        ),
    ],
)
def test_a_pull_request_is_recognised(
    environ: dict[str, str], branch: str | None, number: str, base: str | None
) -> None:
    """With any name of its branch; the target branch, if the provider reports it, is the base."""
    found = ci.read_provider(environ)

    assert (branch, number, base) == (found.get("branch"), found.get("pull_request"), found.get("base"))


@pytest.mark.parametrize(
    "environ",
    [
        {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": ""},
        {"TRAVIS": "true", "TRAVIS_BRANCH": "main", "TRAVIS_PULL_REQUEST": "false", "TRAVIS_EVENT_TYPE": "push"},
        {"DRONE": "true", "DRONE_BRANCH": "main", "DRONE_TARGET_BRANCH": "main", "DRONE_BUILD_EVENT": "push"},
        {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"},
        {"TF_BUILD": "True", "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/heads/main"},
        {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_OPEN_MERGE_REQUESTS": "a/b!7"},
    ],
)
def test_a_push_is_no_pull_request(environ: dict[str, str]) -> None:
    """Variables of pull requests that are set in every build, to nothing or to `false`."""
    found = ci.read_provider(environ)

    assert (None, None) == (found.get("pull_request"), found.get("base"))


@pytest.mark.parametrize(
    ("branch", "variables", "base", "number"),
    [
        ("trunk", {}, "", None),
        ("topic", {}, "", "7"),
        ("topic", {"AKA_STATS_BRANCH": "trunk"}, "", "7"),
        ("develop", {}, "develop", None),
        ("develop", {"AKA_STATS_BASE": "develop"}, "", None),
        ("pull/7", {"CIRCLE_PR_NUMBER": "7"}, "", "7"),
        ("trunk", {"CIRCLE_PR_NUMBER": "7"}, "", "7"),
    ],
)
def test_a_base_branch_with_an_open_pull_request_is_no_pull_request(
    branch: str, variables: dict[str, str], base: str, number: str | None, tmp_path: Path
) -> None:
    """CircleCI names a pull request from the branch also in builds of the branch itself, not of a fork's."""
    folder = tmp_path / ".git" / "refs" / "remotes" / "origin"
    folder.mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/remotes/origin/trunk\n")
    built = {"CIRCLECI": "true", "CIRCLE_BRANCH": branch, "CIRCLE_PULL_REQUEST": "https://github.com/a/b/pull/7"}

    assert number == ci.describe_code({**built, **variables}, tmp_path, base).get("pull_request")


@pytest.mark.parametrize(
    "value",
    ["HEAD", "main", "origin/main", "refs/pull/3/merge", "detached", "v1.2.3", "0f4a-1", "g" * 40, "a" * 65],
)
def test_what_is_no_commit_is_not_taken_for_one(value: str, tmp_path: Path) -> None:
    """All builds of a branch would be of one commit, and each breakage a proof of flakiness."""
    found = ci.describe_code({"BUILDKITE": "true", "BUILDKITE_COMMIT": value}, tmp_path)

    assert "commit" not in found


@pytest.mark.parametrize("value", ["c0ffee1", "C0FFEE1" * 5, "a" * 64, "c0ff", "1234", "r1234"])
def test_a_commit_is_a_hexadecimal_id_or_a_revision(value: str, tmp_path: Path) -> None:
    """Whole or abbreviated, of SHA-1 or SHA-256; outside of git also the number of another system."""
    found = ci.describe_code({"BUILDKITE": "true", "BUILDKITE_COMMIT": value}, tmp_path)

    assert value.lower() == found["commit"]


def test_our_own_variables_are_taken_as_they_are(tmp_path: Path) -> None:
    """Who sets them means it."""
    found = ci.describe_code({"AKA_STATS_COMMIT": "release 7", "AKA_STATS_BASE": "next"}, tmp_path)

    assert {"commit": "release 7", "base": "next"} == found


@pytest.mark.parametrize(
    ("value", "branch"),
    [
        ("origin/main", "main"),
        ("refs/heads/topic/one", "topic/one"),
        ("refs/remotes/origin/main", "main"),
        ("refs/tags/v1", "v1"),
        ("release/2", "release/2"),
        ("detached", None),
        ("HEAD", None),
        ("(no branch)", None),
        ("refs/pull/3/merge", None),
        ("refs/changes/45/12345/1", None),
    ],
)
def test_a_branch_is_named_as_people_name_it(value: str, branch: str | None) -> None:
    """Without git's prefixes; a detached head and a pull request are not branches."""
    assert branch == ci.read_provider({"JENKINS_URL": "http://j", "GIT_BRANCH": value}).get("branch")


@pytest.mark.parametrize(
    ("environ", "branch"),
    [
        ({"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "trunk"}, "trunk"),
        ({"DRONE": "true", "DRONE_REPO_BRANCH": "trunk"}, "trunk"),
        ({"BUILDKITE": "true", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "trunk"}, "trunk"),
        ({"JENKINS_URL": "http://j", "BRANCH_NAME": "trunk", "BRANCH_IS_PRIMARY": "true"}, "trunk"),
        ({"JENKINS_URL": "http://j", "BRANCH_NAME": "topic"}, None),
    ],
)
def test_the_default_branch_is_the_repositorys(environ: dict[str, str], branch: str | None) -> None:
    """Where the provider says it."""
    assert branch == ci.read_provider(environ).get("default_branch")


@pytest.fixture
def checkout(tmp_path: Path) -> str:
    """A repository on the branch `topic`; its commit."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q", "-b", "topic"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("value", ["HEAD", "c0ff", "1234"])
def test_git_knows_the_commit_that_the_provider_does_not(checkout: str, tmp_path: Path, value: str) -> None:
    """Scheduled builds of Buildkite have the commit `HEAD`; the checkout knows which that is."""
    environ = {"BUILDKITE": "true", "BUILDKITE_COMMIT": value, "BUILDKITE_BRANCH": "main"}

    found = ci.describe_code(environ, tmp_path)

    assert ("main", checkout) == (found["branch"], found["commit"])


def test_git_does_not_name_the_branch_of_a_pull_request(checkout: str, tmp_path: Path) -> None:
    """The checked-out branch is the target branch."""
    environ = {"DRONE": "true", "DRONE_PULL_REQUEST": "7", "DRONE_BRANCH": "topic"}

    found = ci.describe_code(environ, tmp_path)

    expected = {"provider": "drone", "pull_request": "7", "base": "topic", "commit": checkout}
    assert expected == found

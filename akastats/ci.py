"""What a CI provider's variables and git say about a run: branch, commit, build. Git is read, never started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Provider:
    """How one CI provider names what we ask: the variable that gives it away, then those to read.

    Of several names the first that is set counts; a value with `{}` is a format over variables.
    """

    name: str
    sign: str
    branch: tuple[str, ...]
    commit: tuple[str, ...]
    build_id: tuple[str, ...]
    build_url: tuple[str, ...]
    job: tuple[str, ...]
    attempt: tuple[str, ...] = ()


# The names are those of each provider's documentation of predefined variables.
PROVIDERS = (
    Provider(
        "github",
        "GITHUB_ACTIONS",
        ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        ("GITHUB_SHA",),
        ("GITHUB_RUN_ID",),
        ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
        ("GITHUB_JOB",),
        ("GITHUB_RUN_ATTEMPT",),
    ),
    Provider(
        "gitlab",
        "GITLAB_CI",
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"),
        ("CI_COMMIT_SHA",),
        ("CI_PIPELINE_ID",),
        ("CI_PIPELINE_URL", "CI_JOB_URL"),
        ("CI_JOB_NAME",),
    ),
    Provider(
        "jenkins",
        "JENKINS_URL",
        ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"),
        ("GIT_COMMIT",),
        ("BUILD_TAG", "BUILD_ID"),
        ("BUILD_URL",),
        ("JOB_NAME",),
    ),
    Provider(
        "circleci",
        "CIRCLECI",
        ("CIRCLE_BRANCH", "CIRCLE_TAG"),
        ("CIRCLE_SHA1",),
        ("CIRCLE_WORKFLOW_ID",),
        ("CIRCLE_BUILD_URL",),
        ("CIRCLE_JOB",),
    ),
    Provider(
        "buildkite",
        "BUILDKITE",
        ("BUILDKITE_BRANCH",),
        ("BUILDKITE_COMMIT",),
        ("BUILDKITE_BUILD_ID",),
        ("BUILDKITE_BUILD_URL",),
        ("BUILDKITE_LABEL", "BUILDKITE_STEP_KEY"),
        ("BUILDKITE_RETRY_COUNT",),
    ),
    Provider(
        "azure",
        "TF_BUILD",
        ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"),
        ("BUILD_SOURCEVERSION",),
        ("BUILD_BUILDID",),
        ("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",),
        ("AGENT_JOBNAME",),
        ("SYSTEM_JOBATTEMPT",),
    ),
    Provider(
        "travis",
        "TRAVIS",
        ("TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"),
        ("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"),
        ("TRAVIS_BUILD_ID",),
        ("TRAVIS_BUILD_WEB_URL",),
        ("TRAVIS_JOB_NAME", "TRAVIS_JOB_NUMBER"),
    ),
    Provider(
        "drone",
        "DRONE",
        ("DRONE_SOURCE_BRANCH", "DRONE_BRANCH"),
        ("DRONE_COMMIT_SHA",),
        ("DRONE_BUILD_NUMBER",),
        ("DRONE_BUILD_LINK",),
        ("DRONE_STEP_NAME",),
    ),
    Provider(
        "teamcity",
        "TEAMCITY_VERSION",
        ("TEAMCITY_BUILD_BRANCH",),
        ("BUILD_VCS_NUMBER",),
        ("TEAMCITY_BUILD_ID", "BUILD_NUMBER"),
        ("BUILD_URL",),
        ("TEAMCITY_BUILDCONF_NAME",),
    ),
    Provider(
        "bitbucket",
        "BITBUCKET_BUILD_NUMBER",
        ("BITBUCKET_BRANCH", "BITBUCKET_TAG"),
        ("BITBUCKET_COMMIT",),
        ("BITBUCKET_PIPELINE_UUID", "BITBUCKET_BUILD_NUMBER"),
        ("{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",),
        ("BITBUCKET_STEP_UUID",),
    ),
)
_FIELDS = ("branch", "commit", "build_id", "build_url", "job", "attempt")
_OVERRIDES = {"branch": "AKA_STATS_BRANCH", "commit": "AKA_STATS_COMMIT", "build_id": "AKA_STATS_BUILD"}


def describe(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return branch, commit, provider, build_id, build_url, job and attempt, as far as they are known.

    The provider's variables first, then git above `directory`; `AKA_STATS_BRANCH`, `AKA_STATS_COMMIT` and
    `AKA_STATS_BUILD` override both.
    """
    told = {field: environ.get(variable, "") for field, variable in _OVERRIDES.items()}
    found = git(directory) | from_provider(environ) | {field: text for field, text in told.items() if text}
    return {field: text[:500] for field, text in found.items()}


def from_provider(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the CI provider says; empty outside of CI."""
    for provider in PROVIDERS:
        if environ.get(provider.sign):
            said = {field: _first(environ, getattr(provider, field)) for field in _FIELDS}
            said["branch"] = re.sub(r"^(refs/heads/|origin/)", "", said["branch"])
            return {"provider": provider.name} | {field: text for field, text in said.items() if text}
    return {}


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        text = _formatted(environ, name) if "{" in name else environ.get(name, "")
        if text:
            return text
    return ""


def _formatted(environ: Mapping[str, str], pattern: str) -> str:
    names = re.findall(r"\{(\w+)\}", pattern)
    return pattern.format_map(environ) if all(environ.get(name) for name in names) else ""


def git(directory: Path) -> dict[str, str]:
    """Return branch and commit of the checkout around `directory`, read from git's own files."""
    try:
        folder = _git_folder(directory)
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return {"commit": head}
        reference = head.removeprefix("ref: ")
        commit = _commit_of(folder, reference)
    except (OSError, UnicodeDecodeError):
        return {}
    branch = {"branch": reference.removeprefix("refs/heads/")}
    return branch | ({"commit": commit} if commit else {})


def _git_folder(directory: Path) -> Path:
    for parent in (directory, *directory.parents):
        candidate = parent / ".git"
        if candidate.is_dir():
            return candidate
        if candidate.is_file():
            # A worktree or a submodule: the file says where its folder is.
            return (parent / candidate.read_text().strip().removeprefix("gitdir: ")).resolve()
    raise FileNotFoundError(directory)


def _commit_of(folder: Path, reference: str) -> str:
    common = folder / "commondir"
    shared = (folder / common.read_text().strip()).resolve() if common.is_file() else folder
    for place in (folder, shared):
        loose = place / reference
        if loose.is_file():
            return loose.read_text().strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            commit, _, name = line.partition(" ")
            if name == reference:
                return commit
    return ""

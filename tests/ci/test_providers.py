"""The variables of each CI provider."""

from __future__ import annotations

import pytest

from akastats import ci
from akastats.ci.providers import PROVIDERS, Provider

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
    assert expected == ci.read_provider(environ)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_each_provider_tells_branch_and_commit(provider: Provider) -> None:
    """One variable identifies each of the ten providers, which report at least branch and commit."""
    environ = {provider.sign: "true", provider.branch[-1]: "main", provider.commit[-1]: COMMIT}

    found = ci.read_provider(environ)

    assert (provider.name, "main", COMMIT) == (found["provider"], found["branch"], found["commit"])

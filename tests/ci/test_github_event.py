"""The payload of an event on GitHub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from akastats import ci

COMMIT = "a" * 40


def github(tmp_path: Path, payload: object, **variables: str) -> dict[str, str]:
    """Return the fields for a workflow that an event with this payload started."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(payload))
    return ci.read_provider({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), **variables})


def test_the_payload_of_a_pull_request(tmp_path: Path) -> None:
    """It names the number where `GITHUB_REF` is that of the target, and the default branch."""
    payload = {
        "pull_request": {"number": 7, "head": {"ref": "main"}, "base": {"ref": "develop"}},
        "repository": {"default_branch": "trunk"},
    }
    variables = {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF_NAME": "develop", "GITHUB_SHA": COMMIT}

    found = github(tmp_path, payload, **variables)

    # GITHUB_SHA is a commit of the target, not the checked-out one.
    expected = {"branch": "main", "pull_request": "7", "base": "develop", "default_branch": "trunk"}
    assert {"provider": "github", **expected} == found


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        ({"workflow_run": {"event": "pull_request", "head_branch": "main", "pull_requests": []}}, "true"),
        ({"workflow_run": {"event": "pull_request", "pull_requests": [{"number": 7}]}}, "7"),
        ({"workflow_run": {"event": "push", "head_branch": "main", "pull_requests": [{"number": 7}]}}, None),
        ({"issue": {"number": 7, "pull_request": {"url": "https://x"}}}, "7"),
        ({"issue": {"number": 7}}, None),
        ([], None),
        ({"pull_request": {"number": True}}, None),
    ],
)
def test_a_workflow_that_tests_a_pull_request_by_another_event(
    tmp_path: Path, payload: object, number: str | None
) -> None:
    """A comment, or the end of another workflow: `GITHUB_REF` is then the default branch."""
    assert number == github(tmp_path, payload, GITHUB_REF_NAME="main").get("pull_request")


def test_a_merge_queue_is_compared_with_what_it_merges_into(tmp_path: Path) -> None:
    """The branch is created by GitHub, and is not that of the pull request."""
    branch = "gh-readonly-queue/develop/pr-7-0f4a3c"

    found = github(tmp_path, {}, GITHUB_EVENT_NAME="merge_group", GITHUB_REF_NAME=branch)

    assert {"provider": "github", "branch": branch, "base": "develop"} == found


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "null", "\0"])
def test_a_payload_that_cannot_be_read_says_nothing(tmp_path: Path, content: str) -> None:
    """The run is recorded by its variables."""
    path = tmp_path / "event.json"
    path.write_text(content)

    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), "GITHUB_REF_NAME": "main"}
    assert {"provider": "github", "branch": "main"} == ci.read_provider(environ)

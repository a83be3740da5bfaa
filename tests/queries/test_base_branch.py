"""The branch that a run is compared with, and the runs that count for a branch."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.queries import base_branch
from akastats.queries.runs import Run


def run(**fields: Any) -> Run:
    """Return a run with these fields."""
    return Run(**{"id": "r", "status": "passed"} | fields)


@pytest.mark.parametrize(
    ("fields", "branches"),
    [
        ({}, ["main", "master"]),
        ({"default_branch": "trunk"}, ["trunk", "main", "master"]),
        ({"base_branch": "release", "default_branch": "main"}, ["release", "main", "master"]),
    ],
)
def test_the_most_specific_candidate_is_first(fields: dict[str, str], branches: list[str]) -> None:
    """No candidate occurs twice."""
    assert branches == list(base_branch.base_branches(run(**fields)))


@pytest.mark.parametrize(
    ("fields", "is_base"),
    [
        ({}, True),
        ({"branch": "main"}, True),
        ({"branch": "topic"}, False),
        ({"branch": "trunk", "default_branch": "trunk"}, True),
        ({"branch": "main", "base_branch": "release"}, False),
        ({"branch": "release", "base_branch": "release"}, True),
        ({"branch": "main", "pull_request": "7"}, False),
        ({"branch": "main", "nested": True}, False),
    ],
)
def test_a_run_of_the_base_branch_is_recognised(fields: dict[str, Any], is_base: bool) -> None:
    """Runs of pull requests and nested runs never belong to it."""
    assert is_base is base_branch.is_base_itself(run(**fields))


def test_pull_requests_and_nested_runs_are_no_base() -> None:
    """Their branch may have any name."""
    assert base_branch.can_be_base(run(branch="topic"))
    assert not base_branch.can_be_base(run(branch="main", pull_request="7"))
    assert not base_branch.can_be_base(run(branch="main", nested=True))


def test_a_pull_request_from_a_branch_called_main_is_not_of_main() -> None:
    """It belongs to the list of all branches, and to another branch of its name."""
    of_fork = run(branch="main", pull_request="7")

    assert not base_branch.is_of_branch(of_fork, "main")
    assert base_branch.is_of_branch(of_fork, "")
    assert base_branch.is_of_branch(run(branch="topic", pull_request="7"), "topic")
    assert not base_branch.is_of_branch(run(branch="main", nested=True), "")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"pull_request": "7"}, {"pull_request": "7"}, True),
        ({"pull_request": "7"}, {"pull_request": "8"}, False),
        ({"pull_request": "7"}, {}, True),
        ({"pull_request": "7", "branch": "main"}, {"branch": "main"}, False),
        ({}, {"nested": True}, False),
    ],
)
def test_runs_of_one_branch_are_the_same_work(one: dict[str, str], other: dict[str, Any], is_same: bool) -> None:
    """A pull request continues a branch without one, unless that is the base branch."""
    runs = [run(**{"branch": "topic"} | fields) for fields in (one, other)]

    assert is_same is base_branch.is_same_work(runs[0], runs[1], "main")

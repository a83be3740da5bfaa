"""Choose the branch that a run is compared with, and the runs that count for a branch.

Runs of pull requests and runs inside other runs are never a base, whatever the name of their branch.
"""

from __future__ import annotations

from collections.abc import Iterator

from akastats.queries.runs import Run

#: Names of the default branch if the repository does not record one.
DEFAULT_BRANCHES = ("main", "master")


def base_branches(run: Run) -> Iterator[str]:
    """Yield the candidates for the base branch of a run. The first candidate that has runs is the base branch.

    The order is: the configured branch or the target of the pull request, the repository's default branch, main,
    master.
    """
    candidates = (run.base_branch or "", run.default_branch or "", *DEFAULT_BRANCHES)
    yield from dict.fromkeys(filter(None, candidates))


def is_base_itself(run: Run) -> bool:
    """Return whether a run belongs to the base branch, so that it is compared with earlier runs of that branch."""
    if run.pull_request or run.nested:
        return False
    if run.base_branch:
        return run.branch == run.base_branch
    return (run.branch or "") in ("", run.default_branch, *DEFAULT_BRANCHES)


def can_be_base(run: Run) -> bool:
    """Return whether a run can be the base of another run."""
    return not (run.pull_request or run.nested)


def is_of_branch(run: Run, branch: str) -> bool:
    """Return whether a run belongs to a branch; an empty name stands for all branches.

    A run of a pull request does not belong to the base branch, even if its branch has the same name. A run inside
    another run belongs to no branch.
    """
    is_foreign = bool(branch and run.pull_request) and branch in base_branches(run)
    return not (run.nested or is_foreign)


def is_same_work(run: Run, other: Run, base_branch: str) -> bool:
    """Return whether two runs with the same branch name belong to the same branch or pull request.

    Pull requests from several forks can have the same branch name, which can also be the name of the base branch.
    """
    if run.nested or other.nested:
        return False
    if other.pull_request == run.pull_request:
        return True
    return other.pull_request is None and run.branch != base_branch

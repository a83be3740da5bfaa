"""Choose the branch that a run is compared with, and the runs that count for a branch.

A pull request is never the base, whatever its branch is called, nor is a run inside another run.
"""

from __future__ import annotations

from collections.abc import Iterator

from akastats.queries.runs import Run

#: The default branch of a repository that does not say which it is.
DEFAULT_BRANCHES = ("main", "master")


def base_branches(run: Run) -> Iterator[str]:
    """Yield the branches that a run may be compared with; the first one with runs counts.

    The one that is configured or that its pull request goes into, the repository's default branch, main, master.
    """
    known = (run.base_branch or "", run.default_branch or "", *DEFAULT_BRANCHES)
    yield from dict.fromkeys(filter(None, known))


def is_base_itself(run: Run) -> bool:
    """Return whether a run is compared with earlier runs of its own branch, as one on the default branch is."""
    if run.pull_request or run.nested:
        return False
    if run.base_branch:
        return run.branch == run.base_branch
    return (run.branch or "") in ("", run.default_branch, *DEFAULT_BRANCHES)


def can_be_base(run: Run) -> bool:
    """Return whether a run counts for the branch that it names."""
    return not (run.pull_request or run.nested)


def is_of_branch(run: Run, branch: str) -> bool:
    """Return whether a run counts among those of a branch, or of all for an empty name.

    A pull request counts for its own branch, unless that has the name of a base; a run inside another one never.
    """
    is_foreign = bool(branch and run.pull_request) and branch in base_branches(run)
    return not (run.nested or is_foreign)


def is_same_work(run: Run, other: Run, base_branch: str) -> bool:
    """Return whether another run of the same branch name tests the same work.

    Of several forks' pull requests each may come from a branch of that name, which may be the base's too.
    """
    if run.nested or other.nested:
        return False
    if other.pull_request == run.pull_request:
        return True
    return other.pull_request is None and run.branch != base_branch

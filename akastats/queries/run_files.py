"""List the test files of one run, from its profile: filter, sort, paginate."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from akastats.analysis.comparison import FAILING
from akastats.model.profile import Profile

SORTS = ("path", "collection", "tests", "failed", "seconds")


@dataclass(frozen=True)
class RunFile:
    """One test file in a run.

    path: path of the file
    collection: seconds to import and collect the file
    tests: number of attempts of its tests; 0 if none ran
    failed: number of attempts that failed or had an error
    seconds: seconds of all these attempts, setup and teardown included
    """

    path: str
    collection: float
    tests: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class FileQuery:
    """Filter and order of a list.

    q: words that must all occur in the path; empty for all files
    sort: one of `SORTS`, with a leading `-` for descending
    """

    q: str = ""
    sort: str = "-seconds"


@dataclass(frozen=True)
class RunFiles:
    """A page of files.

    items: files of the page
    next: index of the first file of the next page; `None` on the last page
    total: number of files on all pages
    """

    items: list[RunFile]
    next: int | None
    total: int


def select_page(content: Profile, query: FileQuery, start: int, size: int) -> RunFiles:
    """Return at most `size` files of a profile that match a query, from the match at index `start` on."""
    words = query.q.casefold().split()
    matches = [file for file in files_of(content) if all(word in file.path.casefold() for word in words)]
    # The sort is stable, so files with equal values stay in the order of their paths.
    matches.sort(key=attrgetter(query.sort.removeprefix("-")), reverse=query.sort.startswith("-"))
    following = start + size if start + size < len(matches) else None
    return RunFiles(matches[start : start + size], following, len(matches))


def files_of(content: Profile) -> list[RunFile]:
    """Return the collected files of a profile and the files of its tests, by path."""
    collection_us = dict(zip(content.files.path, content.files.seconds, strict=True))
    attempts: dict[str, list[tuple[float, bool]]] = {path: [] for path in collection_us}
    tests = content.tests
    columns = zip(tests.nodeid, tests.outcome, tests.setup, tests.call, tests.teardown, strict=True)
    for nodeid, outcome, setup, call, teardown in columns:
        attempts.setdefault(nodeid.partition("::")[0], []).append((setup + call + teardown, outcome in FAILING))
    return [
        RunFile(
            path=path,
            collection=collection_us.get(path, 0) / 1e6,
            tests=len(of_file),
            failed=sum(is_failing for _, is_failing in of_file),
            seconds=sum(duration_us for duration_us, _ in of_file) / 1e6,
        )
        for path, of_file in sorted(attempts.items())
    ]

"""The test files of a run, from its profile, without a server."""

from __future__ import annotations

import pytest

from akastats.model.profile import Profile
from akastats.queries.run_files import SORTS, FileQuery, RunFile, select_page
from tests.profiles import profile_with

ROWS = [
    ("tests/test_a.py::quick", "passed", 1_000, 2_000, 1_000),
    ("tests/test_a.py::Class::slow", "rerun", 0, 500_000, 0),
    ("tests/test_a.py::Class::slow", "passed", 0, 500_000, 0),
    ("tests/Test_B.py::broken", "error", 700_000, 0, 0),
    ("ghost.py::uncollected", "skipped", 2_000, 0, 0),
]


def content() -> Profile:
    """Return a profile with these tests, and a file without tests."""
    names = ("nodeid", "outcome", "setup", "call", "teardown")
    files = {"path": ["tests/test_a.py", "tests/Test_B.py", "empty.py"], "seconds": [30_000, 10_000, 900_000]}
    return profile_with({name: [row[at] for row in ROWS] for at, name in enumerate(names)}, files=files)


def paths(query: FileQuery) -> list[str]:
    """Return the paths that a query matches, without their directory."""
    return [file.path.rpartition("/")[2] for file in select_page(content(), query, 0, 100).items]


def test_file_counts_all_attempts_of_its_tests():
    """Seconds include setup and teardown; a rerun is an attempt and no failure."""
    assert [
        RunFile("tests/test_a.py", 0.03, 3, 0, 1.004),
        RunFile("tests/Test_B.py", 0.01, 1, 1, 0.7),
        RunFile("ghost.py", 0.0, 1, 0, 0.002),
        RunFile("empty.py", 0.9, 0, 0, 0.0),
    ] == select_page(content(), FileQuery(), 0, 100).items


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("path", ["empty.py", "ghost.py", "Test_B.py", "test_a.py"]),
        ("-collection", ["empty.py", "test_a.py", "Test_B.py", "ghost.py"]),
        ("tests", ["empty.py", "ghost.py", "Test_B.py", "test_a.py"]),
        ("-failed", ["Test_B.py", "empty.py", "ghost.py", "test_a.py"]),
        ("seconds", ["empty.py", "ghost.py", "Test_B.py", "test_a.py"]),
    ],
)
def test_files_are_sorted(sort, expected):
    """Files with equal values stay in the order of their paths."""
    assert expected == paths(FileQuery(sort=sort))


def test_each_sort_is_a_field():
    """The API offers these names."""
    assert set(SORTS) == set(RunFile.__dataclass_fields__)


def test_words_match_in_any_case():
    """All words must occur in the path."""
    assert ["test_a.py", "Test_B.py"] == paths(FileQuery(q="TESTS test_"))
    assert [] == paths(FileQuery(q="test_a ghost"))


def test_page_has_the_position_of_the_next_one():
    """The last page has none."""
    first, last = (select_page(content(), FileQuery(), start, 3) for start in (0, 3))

    assert (3, 3, 4) == (len(first.items), first.next, first.total)
    assert (1, None, 4) == (len(last.items), last.next, last.total)

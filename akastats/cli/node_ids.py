"""Find the test for an argument: a node id, or a unique part of one."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from akastats.errors import NotFoundError
from akastats.model.results import NamedTest
from akastats.queries import suggestions

#: Maximum number of tests in an error message.
MAX_LISTED = 20


def find(tests: Collection[NamedTest], nodeid: str, suite: str) -> NamedTest | None:
    """Return the test with this node id and suite, else the one that `find_by_part` returns."""
    exact = NamedTest(suite, nodeid)
    return exact if exact in tests else find_by_part(tests, nodeid, suite)


def find_by_part(tests: Collection[NamedTest], part: str, suite: str) -> NamedTest | None:
    """Return the only test of a suite (empty: of any suite) whose node id contains `part`; `None` without one.

    Raises `NotFoundError` with a list of the tests if there are several.
    """
    matches = suggestions.find_matching(tests, part, suite)
    if len(matches) > 1:
        raise NotFoundError(with_tests(f"{part[:200]!r} matches {len(matches)} tests", matches, suite))
    return matches[0] if matches else None


def with_tests(error: str, tests: Sequence[NamedTest], suite: str) -> str:
    """Return an error message that suggests at most 20 tests, as shell arguments, and counts the rest."""
    if not tests:
        return error
    names = ", ".join(_argument(test, suite) for test in tests[:MAX_LISTED])
    more = f" and {len(tests) - MAX_LISTED} more" if len(tests) > MAX_LISTED else ""
    return f"{error}; did you mean {names}{more}?"


def _argument(test: NamedTest, suite: str) -> str:
    """Return a test as shell arguments."""
    option = f" --suite={test.suite}" if test.suite != suite else ""
    return shlex.quote(test.nodeid) + option

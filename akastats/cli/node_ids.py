"""Find the test that a command's argument means: a node id, or a part of one that no other test has. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from akastats.errors import NotFoundError
from akastats.model.results import NamedTest
from akastats.queries import suggestions

#: Tests that are listed if several contain the given part of a node id.
MOST_LISTED = 20


def find(known: Collection[NamedTest], nodeid: str, suite: str) -> NamedTest | None:
    """Return the test with this node id and suite, else the one that `find_by_part` returns."""
    exact = NamedTest(suite, nodeid)
    return exact if exact in known else find_by_part(known, nodeid, suite)


def find_by_part(known: Collection[NamedTest], part: str, suite: str) -> NamedTest | None:
    """Return the only test whose node id contains `part`, in one suite or in any (empty); `None` if none does.

    Raises `NotFoundError`, which lists the tests, if several do.
    """
    matches = suggestions.matching(known, part, suite)
    if len(matches) > 1:
        raise NotFoundError(with_tests(f"{part[:200]!r} is part of {len(matches)} tests", matches, suite))
    return matches[0] if matches else None


def with_tests(error: str, tests: Sequence[NamedTest], suite: str) -> str:
    """Return an error message that ends with the first 20 tests, as arguments of a shell, and counts the rest."""
    if not tests:
        return error
    named = ", ".join(_argument(test, suite) for test in tests[:MOST_LISTED])
    more = f" and {len(tests) - MOST_LISTED} more" if len(tests) > MOST_LISTED else ""
    return f"{error}; there is {named}{more}"


def _argument(test: NamedTest, suite: str) -> str:
    """Return a test as a shell takes it."""
    option = f" --suite={test.suite}" if test.suite != suite else ""
    return shlex.quote(test.nodeid) + option

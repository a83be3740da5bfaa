"""Find the test for an argument: a node id, or a unique part of one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence

from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.model.results import NamedTest
from akastats.queries import history, suggestions
from akastats.queries.history import Attempt
from akastats.redis import sync_redis

#: Pattern of the id of a run.
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
#: Maximum number of tests in an error message.
MAX_LISTED = 20


def read_attempts(config: Config, nodeid: str, suite: str, size: int) -> tuple[str, str, list[Attempt]]:
    """Return a test with its newest attempts; `nodeid` may be a unique part of the node id.

    Raises `NotFoundError` with suggestions if no test matches, or several.
    """
    try:
        return nodeid, suite, sync_redis.run(history.read_attempts(config.namespace, nodeid, suite, size))
    except NotFoundError as error:
        candidates = sync_redis.run(suggestions.read_tests(config.namespace))
        test = find_by_part(candidates, nodeid, suite)
        if test is None:
            similar = suggestions.find_most_similar(candidates, nodeid, suite)
            raise NotFoundError(with_tests(str(error), similar, suite)) from error
        attempts = history.read_attempts(config.namespace, test.nodeid, test.suite, size)
        return test.nodeid, test.suite, sync_redis.run(attempts)


def find(tests: Collection[NamedTest], nodeid: str, suite: str) -> NamedTest | None:
    """Return the test with this node id and suite, else the one that `find_by_part` returns."""
    exact = NamedTest(suite, nodeid)
    return exact if exact in tests else find_by_part(tests, nodeid, suite)


def find_by_part(tests: Collection[NamedTest], part: str, suite: str) -> NamedTest | None:
    """Return the only test of a suite (empty: of any suite) whose node id contains `part`; `None` if none does.

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

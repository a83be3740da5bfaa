"""Suggest similarly named tests for an unknown node id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from akastats.model.results import NamedTest, test_of
from akastats.queries import cached_lists
from akastats.queries.cached_lists import CachedList
from akastats.store import keys
from akastats.store.requests import Operation

#: Maximum number of suggestions.
MAX_SUGGESTIONS = 5


def suggest(namespace: str, nodeid: str, suite: str) -> Operation[list[NamedTest]]:
    """Read at most five tests with a similar name, the most similar first."""
    return find_most_similar((yield from read_tests(namespace)), nodeid, suite)


def read_tests(namespace: str) -> Operation[list[NamedTest]]:
    """Read all tests with a history; 10,000 tests take about ten round trips."""
    empty: CachedList[NamedTest] = CachedList()
    index = yield from cached_lists.refresh(keys.tests_at(namespace), _to_named_tests, namespace, empty)
    return list(index.items.values())


def find_matching(tests: Iterable[NamedTest], part: str, suite: str) -> list[NamedTest]:
    """Return the tests of a suite (empty: of any suite) whose node id contains `part`, sorted.

    If some node ids end with `part` after a separator, only these match: then `test_a` does not match `test_ab`.
    """
    matches = sorted(test for test in tests if part and part in test.nodeid and suite in ("", test.suite))
    ending = [test for test in matches if test.nodeid.endswith((f"::{part}", f"/{part}"))]
    return ending or matches


def _to_named_tests(namespace: str, labels: Sequence[str]) -> Operation[Mapping[str, NamedTest]]:
    """Return the tests of labels without a request to the server, because a label contains suite and node id."""
    yield from ()
    named = {label: test_of(label) for label in labels}
    return {label: test for label, test in named.items() if test is not None}


def find_most_similar(tests: Iterable[NamedTest], nodeid: str, suite: str) -> list[NamedTest]:
    """Return at most five tests with the same name, the most similar first; parameters may differ."""
    name = name_of(nodeid)
    alike = (test for test in tests if name and name_of(test.nodeid) == name)
    return sorted(alike, key=lambda test: (_distance(test.nodeid, nodeid), test.suite != suite, test))[
        :MAX_SUGGESTIONS
    ]


def _distance(candidate: str, requested: str) -> int:
    """Rank a node id by similarity.

    0: equal; 1: only the parameters differ; 2: the candidate has a longer path; 3: it has a longer path or a
    class, and the parameters may differ; 4: other.
    """
    plain_candidate, plain_requested = candidate.partition("[")[0], requested.partition("[")[0]
    alike = (
        candidate == requested,
        plain_candidate == plain_requested,
        candidate.endswith(f"/{requested}"),
        plain_candidate.endswith((f"/{plain_requested}", f"::{plain_requested}")),
    )
    return (*alike, True).index(True)


def name_of(nodeid: str) -> str:
    """Return the function name of a test, without file, class and parameters."""
    return nodeid.partition("[")[0].rpartition("::")[2]

"""Which tests somebody may have meant who named one that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from akastats.model.results import NamedTest, test_of
from akastats.queries import cached_lists
from akastats.queries.cached_lists import CachedList
from akastats.store import keys
from akastats.store.requests import Operation

#: More nobody looks through.
MAX_SUGGESTIONS = 5


def suggest(namespace: str, nodeid: str, suite: str) -> Operation[list[NamedTest]]:
    """Read which tests have a name like that, those most alike first, at most five; 10,000 take some ten steps."""
    return most_similar((yield from known_tests(namespace)), nodeid, suite)


def known_tests(namespace: str) -> Operation[list[NamedTest]]:
    """Read the names of all tests that have a history; 10,000 take some ten steps."""
    unseen: CachedList[NamedTest] = CachedList()
    seen = yield from cached_lists.refresh(keys.tests_at(namespace), _named, namespace, unseen)
    return list(seen.items.values())


def matching(known: Iterable[NamedTest], part: str, suite: str) -> list[NamedTest]:
    """Return the tests whose node id contains `part`, of one suite or of any (empty), in their order.

    Those that end with it after a separator come alone: `test_a` is no part of `test_ab` then.
    """
    found = sorted(test for test in known if part and part in test.nodeid and suite in ("", test.suite))
    ending = [test for test in found if test.nodeid.endswith((f"::{part}", f"/{part}"))]
    return ending or found


def _named(namespace: str, labels: Sequence[str]) -> Operation[Mapping[str, NamedTest]]:
    """Return the tests of labels: their rows need not be read."""
    yield from ()
    named = {label: test_of(label) for label in labels}
    return {label: test for label, test in named.items() if test is not None}


def most_similar(known: Iterable[NamedTest], nodeid: str, suite: str) -> list[NamedTest]:
    """Return those of the `known` tests that have the same name, parameters aside, most alike first."""
    name = name_of(nodeid)
    alike = (test for test in known if name and name_of(test.nodeid) == name)
    return sorted(alike, key=lambda test: (_distance(test.nodeid, nodeid), test.suite != suite, test))[
        :MAX_SUGGESTIONS
    ]


def _distance(known: str, asked: str) -> int:
    """Return how far a node id is from the one asked for: the same, its parameters, a longer path, other."""
    plain, wanted = known.partition("[")[0], asked.partition("[")[0]
    alike = (
        known == asked,
        plain == wanted,
        known.endswith(f"/{asked}"),
        plain.endswith((f"/{wanted}", f"::{wanted}")),
    )
    return (*alike, True).index(True)


def name_of(nodeid: str) -> str:
    """Return a test's own name, without its file, class and parameters."""
    return nodeid.partition("[")[0].rpartition("::")[2]

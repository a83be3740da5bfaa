"""The quarantine as it is asked for and changed: one place for the rules that the API and the command keep."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.errors import NotFoundError, RefusedError
from akastats.model import rows
from akastats.model.results import NamedTest, label, test_of
from akastats.store.requests import Operation
from akastats.triage import quarantine_rules as rules
from akastats.triage import quarantine_storage
from akastats.triage.quarantine_rules import QuarantinedTest
from akastats.triage.quarantine_storage import MAX_ENTRIES, StoredTest

_FORCE = "ask again with force (--force, ?force=true)"


@dataclass(frozen=True)
class QuarantineRequest:
    """A test that somebody wants in quarantine: until when (epoch seconds), why, and who that is, if known."""

    nodeid: str
    suite: str
    until: float
    reason: str
    by: str = ""


def read_entries(namespace: str, suite: str | None = None) -> Operation[list[QuarantinedTest]]:
    """Read what is in quarantine now, what ends first at the head; entries whose time is over are left out.

    A `suite` leaves out all others; an empty one is that of runs without any.
    """
    stored = yield from quarantine_storage.read_entries(namespace)
    found = (_entry(name, packed) for name, packed in stored.entries.items())
    current = [each for each in found if each is not None and each.until > stored.now]
    wanted = [each for each in current if suite is None or each.suite == suite]
    return sorted(wanted, key=lambda each: (each.until, each.label))


def _entry(name: str, packed: bytes) -> QuarantinedTest | None:
    test = test_of(name)
    return None if test is None else rules.unpack(name, test.nodeid, test.suite, packed)


def put(
    namespace: str, wish: QuarantineRequest, protected: str, is_forced: bool = False
) -> Operation[QuarantinedTest]:
    """Put a test into quarantine, or change for how long and why it is; return its entry.

    Raises `RefusedError` for one that a rule keeps out; two of the rules give way to force. `protected` are the
    patterns of `AKA_STATS_PROTECTED`.
    """
    name = _label(wish.nodeid, wish.suite)
    _check_unprotected(wish.nodeid, protected)
    known = yield from quarantine_storage.read_test(namespace, name)
    _check_until(wish.until, known.now)
    if not is_forced:
        _check_row(wish, known)
    before = rules.unpack(name, wish.nodeid, wish.suite, known.entry)
    since = before.since if before is not None and before.until > known.now else known.now
    entry = QuarantinedTest(name, wish.nodeid, wish.suite, wish.until, wish.reason, since, wish.by)
    if not (yield from quarantine_storage.put(namespace, name, rules.pack(entry))):
        raise RefusedError(f"{MAX_ENTRIES} tests are in quarantine, which is all it holds: take others out first")
    return entry


def _label(nodeid: str, suite: str) -> str:
    name = label("test", nodeid, suite)
    if test_of(name) != NamedTest(suite, nodeid):
        raise RefusedError(
            f"no test can be called {nodeid[:200]!r} in suite {suite[:64]!r}: look at the names of tests"
        )
    return name


def _check_unprotected(nodeid: str, protected: str) -> None:
    pattern = rules.protecting_pattern(protected, nodeid)
    if pattern is not None:
        raise RefusedError(
            f"{nodeid[:200]} is protected by {pattern!r} of AKA_STATS_PROTECTED, so its failures always count: "
            "repair it, or skip it where everybody sees that"
        )


def _check_until(until: float, now: float) -> None:
    if until <= now:
        raise RefusedError("until: that is over already; name a day from today on")
    if rules.is_too_far(until, now):
        raise RefusedError(f"until: more than {rules.MAX_DAYS} days ahead; name an earlier day, and renew it then")


def _check_row(wish: QuarantineRequest, known: StoredTest) -> None:
    row = rows.unpack(known.row)
    within = f" in suite {wish.suite!r}" if wish.suite else ""
    if row is None:
        raise RefusedError(
            f"no test {wish.nodeid[:200]!r}{within} is known: look at its spelling and its suite, or {_FORCE}"
        )
    if rules.is_always_failing(row.outcomes):
        raise RefusedError(
            f"{wish.nodeid[:200]}{within} failed in all of its newest attempts: it is broken, not flaky, and "
            f"quarantine would hide that. Repair it, or {_FORCE}"
        )


def remove(namespace: str, nodeid: str, suite: str) -> Operation[None]:
    """Take a test out; raises `NotFoundError` for one that is not in."""
    name = label("test", nodeid, suite)
    if not (yield from quarantine_storage.remove(namespace, name)):
        within = f" in suite {suite!r}" if suite else ""
        raise NotFoundError(f"{nodeid[:200]!r}{within} is not in quarantine")

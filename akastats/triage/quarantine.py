"""Read and change the quarantine, with the checks that API and command line share."""

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

_USE_FORCE = "repeat the request with force (--force, ?force=true)"


@dataclass(frozen=True)
class QuarantineRequest:
    """A request to put a test into quarantine.

    nodeid: node id of the test
    suite: suite of the test; empty if there is none
    until: end of the quarantine, epoch seconds
    reason: reason as it was entered
    by: user who requests it; empty if unknown
    """

    nodeid: str
    suite: str
    until: float
    reason: str
    by: str = ""


def read_entries(namespace: str, suite: str | None = None) -> Operation[list[QuarantinedTest]]:
    """Read the tests in quarantine, sorted by the end of their quarantine; omit expired entries.

    `suite` selects one suite; empty selects tests without a suite, `None` all tests.
    """
    stored = yield from quarantine_storage.read_entries(namespace)
    entries = (_entry(name, packed) for name, packed in stored.entries.items())
    current = [each for each in entries if each is not None and each.until > stored.now]
    selected = [each for each in current if suite is None or each.suite == suite]
    return sorted(selected, key=lambda each: (each.until, each.label))


def _entry(name: str, packed: bytes) -> QuarantinedTest | None:
    test = test_of(name)
    return None if test is None else rules.unpack(name, test.nodeid, test.suite, packed)


def put(
    namespace: str, request: QuarantineRequest, protected: str, is_forced: bool = False
) -> Operation[QuarantinedTest]:
    """Put a test into quarantine, or change the end and reason of its entry; return the entry.

    Raises `RefusedError` if a rule of the quarantine forbids this, or if the quarantine is full.

    protected: patterns of `AKA_STATS_PROTECTED`
    is_forced: whether to accept unknown tests and tests that always fail
    """
    name = _label(request.nodeid, request.suite)
    _check_unprotected(request.nodeid, protected)
    stored = yield from quarantine_storage.read_test(namespace, name)
    _check_until(request.until, stored.now)
    if not is_forced:
        _check_row(request, stored)
    before = rules.unpack(name, request.nodeid, request.suite, stored.entry)
    since = before.since if before is not None and before.until > stored.now else stored.now
    entry = QuarantinedTest(name, request.nodeid, request.suite, request.until, request.reason, since, request.by)
    if not (yield from quarantine_storage.put(namespace, name, rules.pack(entry))):
        raise RefusedError(f"{MAX_ENTRIES} tests are in quarantine, which is the limit: remove others first")
    return entry


def _label(nodeid: str, suite: str) -> str:
    name = label("test", nodeid, suite)
    if test_of(name) != NamedTest(suite, nodeid):
        raise RefusedError(
            f"{nodeid[:200]!r} in suite {suite[:64]!r} cannot be the name of a test: check node id and suite"
        )
    return name


def _check_unprotected(nodeid: str, protected: str) -> None:
    pattern = rules.protecting_pattern(protected, nodeid)
    if pattern is not None:
        raise RefusedError(
            f"{nodeid[:200]} is protected by {pattern!r} of AKA_STATS_PROTECTED, so its failures always count: "
            "repair the test, or skip it in its code"
        )


def _check_until(until: float, now: float) -> None:
    if until <= now:
        raise RefusedError("until: the day is in the past; choose today or a later day")
    if rules.is_too_far(until, now):
        raise RefusedError(
            f"until: more than {rules.MAX_DAYS} days ahead; choose an earlier day and renew the quarantine then"
        )


def _check_row(request: QuarantineRequest, stored: StoredTest) -> None:
    row = rows.unpack(stored.row)
    within = f" in suite {request.suite!r}" if request.suite else ""
    if row is None:
        raise RefusedError(
            f"unknown test {request.nodeid[:200]!r}{within}: check its spelling and its suite, or {_USE_FORCE}"
        )
    if rules.is_always_failing(row.outcomes):
        raise RefusedError(
            f"{request.nodeid[:200]}{within} failed in all of its newest attempts: it is broken, not flaky, and "
            f"quarantine would hide its failures. Repair the test, or {_USE_FORCE}"
        )


def remove(namespace: str, nodeid: str, suite: str) -> Operation[None]:
    """Remove a test from quarantine; raises `NotFoundError` if it is not in quarantine."""
    name = label("test", nodeid, suite)
    if not (yield from quarantine_storage.remove(namespace, name)):
        within = f" in suite {suite!r}" if suite else ""
        raise NotFoundError(f"{nodeid[:200]!r}{within} is not in quarantine")

"""The quarantine's rules on a real server, as the API and the command keep them."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from akastats.errors import NotFoundError, RefusedError
from akastats.model import rows
from akastats.redis import sync_redis
from akastats.store import indexes, keys
from akastats.triage import quarantine_storage as stored
from akastats.triage.quarantine import QuarantineRequest, put, read_entries, remove
from akastats.triage.quarantine_rules import QuarantinedTest, pack

NAMESPACE = "N"
NODEID = "tests/test_pay.py::test_refund"
DAY_S = 86_400


@pytest.fixture
def now(redis_client: Redis, server: str) -> float:
    """The server's time."""
    return float(redis_client.time()[0])


def known(outcomes: str, label: str = f"test::{NODEID}") -> None:
    """Store a test's row with these newest outcomes, newest first."""
    attempts = [rows.Attempt(1e9 - number, 0.1, letter) for number, letter in enumerate(outcomes)]
    row = rows.row_of(attempts, len(attempts), 0.1)
    assert row is not None
    sync_redis.run(indexes.store_rows(NAMESPACE, {label: rows.pack(row)}))


def wish(now: float, **changes: Any) -> QuarantineRequest:
    """Return what somebody wants for a week."""
    return QuarantineRequest(
        **{"nodeid": NODEID, "suite": "", "until": now + 7 * DAY_S, "reason": "hangs", "by": "ada", **changes}
    )


def put_in(wanted: QuarantineRequest, protected: str = "", is_forced: bool = False) -> QuarantinedTest:
    """Put a test into quarantine."""
    return sync_redis.run(put(NAMESPACE, wanted, protected, is_forced))


def test_a_flaky_test_is_put_in(now: float) -> None:
    """With all that was told, since now."""
    known("pfpp")

    entry = put_in(wish(now))

    assert 0 <= entry.since - now <= 60
    assert QuarantinedTest(f"test::{NODEID}", NODEID, "", now + 7 * DAY_S, "hangs", entry.since, "ada") == entry
    assert [entry] == sync_redis.run(read_entries(NAMESPACE))


def test_putting_in_again_changes_the_day_and_keeps_the_first(now: float, redis_client: Redis) -> None:
    """So that one sees for how long it has been there; once it was over, that begins anew."""
    known("pfpp")
    before = QuarantinedTest(f"test::{NODEID}", NODEID, "", now + DAY_S, "x", now - 50 * DAY_S)
    redis_client.hset(keys.quarantine(NAMESPACE), before.label, pack(before))
    renewed = put_in(wish(now))
    over = QuarantinedTest(f"test::{NODEID}", NODEID, "", now - 1, "x", now - 50 * DAY_S)
    redis_client.hset(keys.quarantine(NAMESPACE), before.label, pack(over))
    anew = put_in(wish(now))

    assert (now - 50 * DAY_S, now + 7 * DAY_S) == (renewed.since, renewed.until)
    assert anew.since >= now


def test_lists_leave_out_what_is_over_and_other_suites(now: float, redis_client: Redis) -> None:
    """What ends first stands first; what is no test's is nothing."""
    told = {
        "test::a": now + 9,
        "test@unit::b": now + 5000,
        "test@unit::a": now + 4000,
        "test@unit::c": now - 1,
        "fixture::x": now + 9,
    }
    for label, until in told.items():
        redis_client.hset(keys.quarantine(NAMESPACE), label, pack(QuarantinedTest(label, "", "", until, "x", now)))
    redis_client.hset(keys.quarantine(NAMESPACE), "test::torn", b"{")

    names = {
        suite: [entry.label for entry in sync_redis.run(read_entries(NAMESPACE, suite))]
        for suite in (None, "", "unit")
    }

    assert ["test::a", "test@unit::a", "test@unit::b"] == names[None]
    assert (["test::a"], ["test@unit::a", "test@unit::b"]) == (names[""], names["unit"])


def test_a_test_that_always_fails_is_refused_unless_forced(now: float) -> None:
    """It is broken: in quarantine nobody would see that."""
    known("ffeff")

    with pytest.raises(RefusedError, match=r"broken, not flaky.*--force"):
        put_in(wish(now))
    assert NODEID == put_in(wish(now), is_forced=True).nodeid


def test_an_unknown_test_is_refused_unless_forced(now: float) -> None:
    """Most likely it is called otherwise, or is another suite's."""
    known("pf")

    with pytest.raises(RefusedError, match=r"in suite 'unit': check.*--force"):
        put_in(wish(now, suite="unit"))
    assert f"test@unit::{NODEID}" == put_in(wish(now, suite="unit"), is_forced=True).label


def test_a_protected_test_is_refused_by_force_too(now: float) -> None:
    """That is what protected means."""
    known("pf")

    with pytest.raises(RefusedError, match=r"protected by 'tests/\*' of AKA_STATS_PROTECTED"):
        put_in(wish(now), protected="a, tests/*", is_forced=True)
    assert [] == sync_redis.run(read_entries(NAMESPACE))


@pytest.mark.parametrize(
    ("days", "told"), [(-0.001, "in the past"), (0, "in the past"), (91.1, "more than 90 days")]
)
def test_a_day_that_cannot_be_is_refused_by_force_too(now: float, days: float, told: str) -> None:
    """What is over excuses nothing; what is far away nobody looks at again."""
    known("pf")

    with pytest.raises(RefusedError, match=told):
        put_in(wish(now, until=now + days * DAY_S), is_forced=True)


@pytest.mark.parametrize(("nodeid", "suite"), [("x" * 4096, ""), ("", ""), ("a\udc80", ""), ("a", "b::c")])
def test_what_no_test_can_be_called_is_refused(now: float, nodeid: str, suite: str) -> None:
    """It would be stored under a name that is another test's, or none."""
    with pytest.raises(RefusedError, match="cannot be the name of a test"):
        put_in(wish(now, nodeid=nodeid, suite=suite), is_forced=True)


def test_a_full_quarantine_is_told(now: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even by force."""
    monkeypatch.setattr(stored, "MAX_ENTRIES", 1)
    put_in(wish(now, nodeid="a"), is_forced=True)

    with pytest.raises(RefusedError, match="remove others first"):
        put_in(wish(now, nodeid="b"), is_forced=True)


def test_taking_out_what_is_not_in_says_so(now: float) -> None:
    """A wrong suite is the usual reason."""
    put_in(wish(now, suite="unit"), is_forced=True)

    with pytest.raises(NotFoundError, match="is not in quarantine"):
        sync_redis.run(remove(NAMESPACE, NODEID, ""))
    sync_redis.run(remove(NAMESPACE, NODEID, "unit"))
    assert [] == sync_redis.run(read_entries(NAMESPACE))

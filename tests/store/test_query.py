"""Reading, fed by hand; and the matcher, against the server's own."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from akastats.errors import NotFoundError
from akastats.store import keys, query
from conftest import replay

SHARED = settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GLOBS = st.text(st.sampled_from("ab-^]\\*?[c"), min_size=1, max_size=12)
LABELS = st.text(st.sampled_from("ab-^]\\*?[cé"), min_size=1, max_size=8)


def test_a_summary_is_one_command():
    """One MGET of eight keys gives the eight numbers."""
    stored = [b"3", b"6", b"3", b"1", b"2", b"1", b"2", b"1700000000.5"]

    asked, found = replay(query.read_summary("N", "a"), [stored])

    assert [command[0] for request in asked for command in request.commands] == ["MGET"]
    assert found == (3, 6, 3, 1, 2, 1, 2, 1700000000.5)


def test_an_unknown_label_raises():
    """Nothing stored is a `NotFoundError` that names the label."""
    with pytest.raises(NotFoundError, match="'a'"):
        replay(query.read_summary("N", "a"), [[None] * 8])


def test_an_older_writer_s_nan_is_none():
    """An invalid number is `None`, and the others are read."""
    _, found = replay(query.read_summary("N", "a"), [[b"3", b"-nan", b"3", b"nan", b"2", b"inf", b"x", None]])

    assert found == (3, None, 3, None, 2, None, None, None)


def test_huge_numbers_are_read():
    """Numbers whose sum leaves the range of a double are numbers."""
    _, found = replay(query.read_summary("N", "a"), [[b"1.7e308"] * 8])

    assert set(found) == {1.7e308}


def test_a_thousand_labels_are_one_request():
    """Many labels are read by a few commands in one round trip; unknown ones are left out."""
    labels = [f"label {number}" for number in range(1000)]

    asked, found = replay(query.read_summaries("N", labels), [[b"1"] * 1000] * 7 + [[b"1"] * 992 + [None] * 8])

    assert (len(asked), len(asked[0].commands), len(found)) == (1, 8, 999)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (b"1.5;2;06466bfef6e7e40e52d572902df6757d", (1.5, "a", 2.0, "06466bfef6e7e40e52d572902df6757d")),
        (b"1.5;2;", (1.5, "a", 2.0, "")),
        (b"1.5;2", (1.5, "a", 2.0, "")),
        (b"", None),
        (b"\xff;1;", None),
    ],
)
def test_history_entries_of_every_writer(entry, expected):
    """An entry without a context id is valid; one without a time is omitted, and a text as value is nan."""
    assert query.parse_point("a", entry) == expected
    assert str(query.parse_point("a", b"1.5;text;")) == "Stat(timestamp=1.5, label='a', value=nan, context_id='')"


def test_no_contexts_ask_nothing():
    """An empty list of ids needs no server."""
    with pytest.raises(StopIteration) as stopped:
        next(query.read_contexts("N", []))

    assert stopped.value.value == {}


@SHARED
@given(glob=GLOBS, labels=st.sets(LABELS, min_size=1, max_size=6))
@example(glob="[a-", labels={"a", "-", "b"})
@example(glob="[\\", labels={"\\"})
@example(glob="a\\", labels={"a\\"})
@example(glob="[]a]", labels={"a", "]", "a]"})
@example(glob="[^]", labels={"a", "é"})
@example(glob="?", labels={"é", "a"})
@example(glob="**a*", labels={"a", "bab", "b"})
def test_the_matcher_is_the_server_s(redis_client: Redis, glob, labels):
    """Whatever the glob, it matches what the server's own `KEYS` matches."""
    redis_client.flushall()
    redis_client.mset(dict.fromkeys(labels, "1"))

    matcher = query.compile_glob(glob)

    expected = {name.decode() for name in redis_client.keys(glob)}
    assert {label for label in labels if matcher.matches(label.encode())} == expected


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_an_escaped_label_matches_itself_alone(label):
    """`escape_matcher` makes any label literal."""
    matcher = query.compile_glob(query.escape_matcher(label))

    assert matcher.matches(label.encode())
    assert not matcher.matches(label.encode() + b"x")
    assert matcher.prefix == label.encode()


def test_a_hostile_matcher_takes_no_longer():
    """Fifty stars over a long label are answered at once: pieces are looked for once each."""
    matcher = query.compile_glob("*a" * 50 + "*b")
    start = time.process_time()

    assert not matcher.matches(b"a" * 4096)
    assert time.process_time() - start < 1.0


@SHARED
@given(glob=GLOBS, label=LABELS)
def test_the_prefix_is_that_of_everything_matched(glob, label):
    """Nothing is lost by reading only the labels that begin with a matcher's prefix."""
    matcher = query.compile_glob(glob)

    assert not matcher.matches(label.encode()) or label.encode().startswith(matcher.prefix)


def test_pages_cover_everything_once(server, redis_client: Redis):
    """Small pages give every live label once, in byte order, the last one saying so."""
    from akastats.redis import sync_redis

    names = sorted(f"label {number}" for number in range(25))
    redis_client.zadd(keys.index("N"), dict.fromkeys(names, 1))
    redis_client.zadd(keys.seen("N"), dict.fromkeys(names, time.time()))

    pages, after = [], ""
    while not pages or after:
        page, after = sync_redis.run(query.read_label_page("N", "*", after, size=10))
        pages.append(page)

    assert [len(page) for page in pages] == [10, 10, 5]
    assert [label for page in pages for label in page] == names


@pytest.mark.parametrize("timestamp", ["inf", "-inf", "nan", "1e999", "", "text"])
def test_a_point_without_a_finite_time_is_left_out(timestamp):
    """What another writer left in a history costs no other point."""
    found = query.parse_points("a", [f"{timestamp};1.0;".encode(), b"100.0;2.0;"])

    assert [point.value for point in found] == [2.0]

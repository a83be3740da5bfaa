"""Reading, blocking and awaiting: the same functions, the same answers."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import threading
import time

import pytest
from redis import Redis

from akastats import Stats, async_stats, push_stat, sync_stats
from akastats.errors import AkastatsError, NotFoundError

LABELS = [
    "url-downloader",
    "DEVICE::172.26.185.3",
    "test::tests/unit/test_a.py::test_b[1-x]",
    ":: ; , = / * ? [ ] \n \0",
    "back\\slash*[?]",
    "é🎂",
    "x" * 4096,
]


class Reader:
    """The functions of either module, called as if they blocked."""

    def __init__(self, flavour: str) -> None:
        self._module = sync_stats if flavour == "sync" else async_stats

    def __getattr__(self, name: str):
        function = getattr(self._module, name)

        def ask(*given, **named):
            async def gather():
                found = function(*given, **named)
                if inspect.isasyncgen(found):
                    return [label async for label in found]
                return await found

            if self._module is async_stats:
                return asyncio.run(gather())
            found = function(*given, **named)
            return list(found) if inspect.isgenerator(found) else found

        return ask


@pytest.fixture(params=["sync", "async"])
def reader(request, server) -> Reader:
    """The readers of one flavour, over an empty server."""
    return Reader(request.param)


@pytest.mark.parametrize("label", LABELS, ids=ascii)
def test_any_label_round_trips(reader, label):
    """Whatever a label holds, it is listed, matched by its escaped self, and read back."""
    push_stat(label, 1.5, "why")
    push_stat(label[:-1] + "!", 1)

    known = hashlib.md5(b"why").hexdigest()
    assert label in reader.available_stats()
    assert reader.available_stats(sync_stats.escape_matcher(label)) == [label]
    assert reader.fetch_stats(label).avg == 1.5
    assert reader.fetch_stats_of([label, "unknown"]) == {label: reader.fetch_stats(label)}
    assert [(point.label, point.value, point.context_id) for point in reader.stat_history(label)] == [
        (label, 1.5, known)
    ]
    assert reader.contexts([known, "unknown"]) == {known: b"why"}


def test_unknown_labels(reader):
    """An unknown label is a `NotFoundError`; its history is empty."""
    with pytest.raises(NotFoundError, match="'a'"):
        reader.fetch_stats("a")

    assert issubclass(NotFoundError, AkastatsError)
    assert (reader.stat_history("a"), reader.fetch_stats_of(["a"]), reader.contexts([])) == ([], {}, {})


def test_the_listing_has_no_duplicates_and_no_expired_labels(reader, redis_client: Redis):
    """Live labels come once; unseen for two weeks, or an older writer's without a history, do not."""
    for label in ("live", "expired", "older writer's"):
        push_stat(label, 1)
    redis_client.zadd("AKA-STATS::SEEN", {"expired": time.time() - 14 * 86_400 - 5})
    redis_client.zrem("AKA-STATS::SEEN", "older writer's")
    redis_client.zadd("AKA-STATS::INDEX", {"older and expired": 1})

    assert reader.available_stats() == ["live", "older writer's"]


def test_labels_in_another_encoding_do_not_cost_the_listing(reader, redis_client: Redis):
    """A member of the index that is not UTF-8 is omitted, also at the end of a page."""
    members = [b"a%04d\xff" % number for number in range(1000)]
    redis_client.zadd("AKA-STATS::INDEX", dict.fromkeys(members, 1))
    redis_client.zadd("AKA-STATS::SEEN", dict.fromkeys(members, time.time()))
    push_stat("b", 1)

    assert reader.available_stats() == ["b"]


def test_a_matcher_is_a_redis_glob(reader):
    """Stars, question marks and classes as the server reads them; a pytest id has to be escaped."""
    for label in ("test_a[1]", "test_a1", "test_b1", "errors__all"):
        push_stat(label, 1)

    found = {glob: reader.available_stats(glob) for glob in ("errors__*", "test_?1", "test_a[1]", r"test_a\[1\]")}

    assert found == {
        "errors__*": ["errors__all"],
        "test_?1": ["test_a1", "test_b1"],
        "test_a[1]": ["test_a1"],
        r"test_a\[1\]": ["test_a[1]"],
    }


def test_the_guide_s_errors(reader):
    """The guide's session: an error's labels, numbers, history and traceback."""
    with pytest.raises(ValueError, match="test"), Stats():
        int("test")

    keys = reader.available_stats("errors__*")
    numbers = {key: reader.fetch_stats(key) for key in keys}
    (point,) = reader.stat_history("errors__EXC:ValueError")

    assert keys == ["errors__EXC:ValueError", "errors__all"]
    assert numbers["errors__all"][:7] == (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0)
    assert reader.contexts([point.context_id])[point.context_id].endswith(b"'test'\n")


def test_a_history_of_no_size_is_empty(reader):
    """The newest 0 points are none, not all of them."""
    push_stat("a", 1)
    push_stat("a", 2)

    sizes = [len(reader.stat_history("a", size=size)) for size in (-1, 0, 1, 2, 3)]

    assert sizes == [0, 0, 1, 2, 2]


def test_labels_and_ids_may_come_from_any_iterable(reader):
    """Generators and sets are as good as lists."""
    push_stat("a", 1, "why")

    numbers = [reader.fetch_stats_of(labels) for labels in ({"a"}, iter(["a"]))]
    found = reader.contexts(point.context_id for point in reader.stat_history("a"))

    assert [list(each) for each in numbers] == [["a"], ["a"]]
    assert list(found.values()) == [b"why"]


def commands(client: Redis) -> dict[str, int]:
    """How often each command was called."""
    return {name: values["calls"] for name, values in client.info("commandstats").items()}


def test_one_label_s_numbers_are_one_round_trip(reader, redis_client: Redis):
    """`fetch_stats` is one MGET and nothing else; a thousand labels are eight in one go."""
    push_stat("a", 1)
    redis_client.config_resetstat()
    reader.fetch_stats("a")
    one = commands(redis_client)
    redis_client.config_resetstat()
    reader.fetch_stats_of([f"label {number}" for number in range(1000)])
    thousand = commands(redis_client)

    assert one.get("cmdstat_mget") == 1
    assert thousand.get("cmdstat_mget") == 8
    assert not {"cmdstat_get", "cmdstat_scan", "cmdstat_zscan", "cmdstat_keys"} & {*one, *thousand}


def test_listing_a_hundred_thousand_labels_holds_nobody_up(server, redis_client: Redis):
    """They come in pages through the index, and no command of it takes the server 10 ms."""
    now = time.time()
    for start in range(0, 100_000, 10_000):
        labels = [
            f"test::tests/unit/package/test_module.py::test_case_{n:06d}" for n in range(start, start + 10_000)
        ]
        redis_client.zadd("AKA-STATS::INDEX", dict.fromkeys(labels, 1))
        redis_client.zadd("AKA-STATS::SEEN", dict.fromkeys(labels, now))
    redis_client.config_set("slowlog-log-slower-than", 10_000)
    slow: list[set[bytes]] = []

    # The best of five for each command: the server's clock runs on while another process has its core, which on a
    # busy machine comes some times in each listing, amid another command each time.
    while len(slow) < 5 and (not slow or set.intersection(*slow)):
        redis_client.slowlog_reset()
        found = sum(1 for _ in sync_stats.available_stats())
        slow.append({entry["command"] for entry in redis_client.slowlog_get(1000)})

    assert (found, set.intersection(*slow)) == (100_000, set())


def test_a_reader_never_sees_half_a_batch(server, server_url):
    """COUNT and the length of HISTORY, read together, agree at every moment."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with Stats() as stat:
                for number in range(7):
                    stat("a", number)
                    stat("b", number)

    push_stat("warm", 1)
    writer = threading.Thread(target=write)
    writer.start()
    with Redis.from_url(server_url) as client:
        for _ in range(200):
            pipe = client.pipeline(transaction=True)
            count, length, other = (
                pipe.get("AKA-STATS::COUNT::a").llen("AKA-STATS::HISTORY::a").get("AKA-STATS::COUNT::b").execute()
            )
            assert int(count or 0) % 7 == 0
            assert min(int(count or 0), 1000) == length
            assert count == other
    stop.set()
    writer.join()

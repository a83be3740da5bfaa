"""push.lua on a real server: exact, ordered, all or nothing. Through both runners, and both ways of writing."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import math
import statistics
import time
from fractions import Fraction
from itertools import count

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from akastats.config import Config
from akastats.errors import ServerError
from akastats.redis import async_redis, connect, run, sync_redis
from akastats.store import keys, push
from akastats.store.push import Batch, Context, Entry, RunChange, Step, Write, apply_batch
from akastats.store.query import read_summary
from akastats.store.scripts import PUSH, Script

NAMESPACE = "N"
CONFIG = Config(namespace=NAMESPACE)
TWO_WEEKS = 14 * 86_400
names = count()
SHARED = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def one_by_one() -> Script:
    """The script as it runs where numbers cannot be set together: before Valkey 9.1 and Redis 8.4."""
    source = PUSH.source.replace(b"local has_msetex =", b"local has_msetex = false and")
    assert source != PUSH.source
    return Script("push", source, hashlib.sha1(source).hexdigest())


@pytest.fixture(params=["sync", "async", "one by one"])
def execute(request, server, monkeypatch):
    """Execute an operation: blocking, with asyncio, and with the script's older way of writing."""
    if request.param == "one by one":
        monkeypatch.setattr(push, "PUSH", one_by_one())
    if request.param == "async":
        return lambda operation: asyncio.run(async_redis.run(operation))
    return sync_redis.run


def pushed(execute, label: str, *entries: tuple, config: Config = CONFIG) -> str:
    """Push entries of one label in one batch."""
    return execute(apply_batch(Batch({label: [Entry(*entry) for entry in entries]}), config))


def history(client: Redis, label: str) -> list[str]:
    """A label's stored history."""
    return [entry.decode() for entry in client.lrange(keys.history(NAMESPACE, label), 0, -1)]


def stored(client: Redis, label: str) -> dict[str, str]:
    """A label's nine stored numbers."""
    fields = keys.LABEL_FIELDS[:-1]
    values = client.mget(keys.label(NAMESPACE, label)[:-1])
    return {field: value.decode() for field, value in zip(fields, values, strict=True) if value is not None}


def everything(client: Redis) -> dict[bytes, bytes]:
    """All that the server holds."""
    return {name: client.dump(name) for name in client.scan_iter(count=1000)}


# Exact


def off(found: float, expected: Fraction | float) -> float:
    """The relative error."""
    expected = Fraction(expected)
    return float(abs(Fraction(found) - expected) / abs(expected)) if expected else abs(found)


def stdev_of(values: list[float]) -> float:
    """The sample standard deviation, from exact fractions."""
    return statistics.stdev(map(Fraction, values)) if len(values) > 1 else 0.0


def push_in_parts(execute, label: str, values: list[float], sizes: list[int]) -> None:
    """Push values in batches of the given sizes, again and again."""
    at = turn = 0
    while at < len(values):
        size = sizes[turn % len(sizes)]
        pushed(execute, label, *[(1000.0 + n, v) for n, v in enumerate(values[at : at + size], at)])
        at, turn = at + size, turn + 1


def check(values: list[float], label: str, bound: float) -> None:
    """Compare the stored numbers with exact ones."""
    found = sync_redis.run(read_summary(NAMESPACE, label))
    assert (found.min, found.max, found.count) == (min(values), max(values), len(values))
    assert off(found.stdev, stdev_of(values)) <= bound
    scale = max(map(abs, values)) or 1.0
    exact = sum(map(Fraction, values))
    assert abs(Fraction(found.avg) - exact / len(values)) <= Fraction(scale) * Fraction(1e-9)
    assert abs(Fraction(found.total) - exact) <= Fraction(scale) * len(values) * Fraction(1e-9)


random = numpy.random.default_rng(3)
SERIES = {
    "durations": (random.lognormal(-3, 1, 1000), 1e-9),
    "100 +- 1e-3": (100 + random.normal(0, 1e-3, 1000), 1e-9),
    "1e4 +- 1e-3": (1e4 + random.normal(0, 1e-3, 1000), 1e-6),
    "1e6 +- 1e-3": (1e6 + random.normal(0, 1e-3, 1000), 1e-6),
    "timestamps within a second": (1.7639290e9 + random.random(1000), 1e-6),
    "timestamps within a day": (1.7639290e9 + random.random(1000) * 86400, 1e-9),
    "negatives": (-10 + 9 * random.random(1000), 1e-9),
    "constant 0.1": (numpy.full(1000, 0.1), 0.0),
    "constant third": (numpy.full(1000, 1e6 / 3), 0.0),
    "1e-9": (1e-9 * random.random(1000), 1e-9),
    "bytes": (2e9 + random.normal(0, 1e5, 1000), 1e-9),
    "one huge, then small": (numpy.concatenate([[1e12], random.random(999)]), 1e-9),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("sizes", [[1], [50], [1, 7, 100, 3]], ids=str)
def test_series_are_exact_in_any_batches(server, name, sizes):
    """Every series of the hostile kind is within its bound, however it is batched."""
    series, bound = SERIES[name]
    values = series.tolist()[: 1000 if sizes != [1] else 300]

    push_in_parts(sync_redis.run, "a", values, sizes)

    check(values, "a", bound)


ORDINARY = st.floats(1e-6, 1e6).map(lambda value: round(value, 6))


@SHARED
@given(
    values=st.lists(ORDINARY, min_size=1, max_size=40), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4)
)
def test_ordinary_values_are_exact_in_any_batches(server, values, sizes):
    """Any ordinary values in any batches give the numbers of `statistics`."""
    label = f"label {next(names)}"

    push_in_parts(sync_redis.run, label, values, sizes)

    found = sync_redis.run(read_summary(NAMESPACE, label))
    spread = stdev_of(values)
    check(values, label, math.inf)
    # If the values differ by a millionth, only the last bit of the mean differs.
    assert abs(found.stdev - spread) <= 1e-9 * max(spread, 1e-6 * max(values))


@SHARED
@given(
    values=st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_any_batching_gives_the_same_numbers(server, values, sizes):
    """The same pushes in one batch and in many differ by at most 1e-9."""
    one, many = f"one {next(names)}", f"many {next(names)}"

    push_in_parts(sync_redis.run, one, values, [len(values)])
    push_in_parts(sync_redis.run, many, values, sizes)

    left, right = (sync_redis.run(read_summary(NAMESPACE, label)) for label in (one, many))
    assert left == pytest.approx(right, rel=1e-9, abs=0)


@SHARED
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_no_value_makes_nan_or_infinity(server, redis_client, values):
    """The largest and smallest doubles leave finite numbers, the right count and extremes, in any order."""
    label = f"label {next(names)}"

    push_in_parts(sync_redis.run, label, values, [3])

    found = sync_redis.run(read_summary(NAMESPACE, label))
    assert all(math.isfinite(number) for number in found)
    assert (found.min, found.max, found.count) == (min(values), max(values), len(values))
    assert not {"nan", "-nan", "inf", "-inf"} & set(stored(redis_client, label).values())


def test_the_largest_values_have_a_true_deviation(server):
    """Squares that leave the range of a double are scaled first."""
    pushed(sync_redis.run, "a", (1.0, 1e200), (2.0, 3e200))
    pushed(sync_redis.run, "b", (1.0, 1e-200), (2.0, 3e-200))

    for label, scale in (("a", 1e200), ("b", 1e-200)):
        found = sync_redis.run(read_summary(NAMESPACE, label))
        assert found.stdev / scale == pytest.approx(math.sqrt(2), rel=1e-12)
        assert found.avg / scale == pytest.approx(2, rel=1e-12)


@pytest.mark.thorough
def test_a_hundred_thousand_single_pushes_do_not_drift(server):
    """Rebuilding from the stored numbers 100,000 times keeps within 1e-6, on a hostile series."""
    values = (1e6 + numpy.random.default_rng(5).normal(0, 1e-3, 100_000)).tolist()
    config = dataclasses.replace(CONFIG, history_size=10)

    def singles():
        for number, value in enumerate(values):
            yield apply_batch(Batch({"a": [Entry(1000.0 + number, value)]}), config)

    assert len(sync_redis.run_all(singles())) == 100_000

    found = sync_redis.run(read_summary(NAMESPACE, "a"))
    assert found.count == 100_000
    assert off(found.stdev, numpy.std(values, ddof=1)) <= 1e-6


def test_labels_interleaved_in_a_batch_do_not_touch_each_other(execute):
    """A batch of many labels gives each its own numbers."""
    made = Batch({f"label {n}": [Entry(1.0, float(n)), Entry(2.0, float(n + 2))] for n in range(100)})

    execute(apply_batch(made, CONFIG))

    for number in (0, 57, 99):
        found = sync_redis.run(read_summary(NAMESPACE, f"label {number}"))
        assert (found.count, found.avg, found.stdev) == (2, number + 1, math.sqrt(2))


def test_what_goes_in_comes_out(execute, redis_client):
    """Seventeen digits of values and timestamps survive."""
    pushed(execute, "a", (1763929000.123456, 0.1 + 0.2))

    assert history(redis_client, "a") == ["1763929000.123456;0.30000000000000004;"]
    assert stored(redis_client, "a") == {
        "COUNT": "1",
        "AVG": "0.30000000000000004",
        "STDEV": "0",
        "MIN": "0.30000000000000004",
        "MAX": "0.30000000000000004",
        "TOTAL": "0.30000000000000004",
        "TOTAL_SQ": "0.090000000000000024",
        "LAST": "0.30000000000000004",
        "LAST_TIME": "1763929000.123456",
    }


# Histories


@SHARED
@given(times=st.lists(st.integers(0, 60), min_size=1, max_size=40), sizes=st.lists(st.integers(1, 9), min_size=1))
def test_late_points_are_inserted_in_order(server, redis_client, times, sizes):
    """However points arrive, the history is ordered by time and LAST is the newest one's."""
    label, at, turn = f"label {next(names)}", 0, 0
    while at < len(times):
        part = sorted(times[at : at + sizes[turn % len(sizes)]])
        pushed(sync_redis.run, label, *[(float(moment), float(moment)) for moment in part])
        at, turn = at + len(part), turn + 1

    found = [float(entry.split(";")[0]) for entry in history(redis_client, label)]
    assert found == sorted(times, reverse=True)
    assert (
        float(stored(redis_client, label)["LAST_TIME"]) == float(stored(redis_client, label)["LAST"]) == max(times)
    )


def test_the_trim_cuts_the_oldest(execute, redis_client):
    """A history keeps its newest points, also when a late one arrives; older than all goes nowhere."""
    config = dataclasses.replace(CONFIG, history_size=3)
    pushed(execute, "a", *[(float(n), float(n)) for n in (10, 20, 30, 40)], config=config)

    pushed(execute, "a", (35.0, 35.0), config=config)
    pushed(execute, "a", (5.0, 5.0), config=config)

    assert history(redis_client, "a") == ["40;40;", "35;35;", "30;30;"]
    assert stored(redis_client, "a")["COUNT"] == "6"


def test_equal_times_keep_the_order_of_arrival(execute, redis_client):
    """Of two points of one moment, the later to arrive is nearer the head."""
    pushed(execute, "a", (1.0, 1.0), (1.0, 2.0))
    pushed(execute, "a", (1.0, 3.0))

    assert history(redis_client, "a") == ["1;3;", "1;2;", "1;1;"]
    assert stored(redis_client, "a")["LAST"] == "3"


def test_late_points_of_a_batch_are_inserted_together(execute, redis_client):
    """What two writers measured side by side is merged in one pass a label: reading again for each point held the
    server for seconds."""
    mine = [Entry(float(n), float(n)) for n in range(0, 400, 2)]
    theirs = [Entry(float(n), float(n)) for n in range(1, 400, 2)]
    execute(apply_batch(Batch(dict.fromkeys(("a", "b"), mine)), CONFIG))
    redis_client.config_resetstat()

    execute(apply_batch(Batch(dict.fromkeys(("a", "b"), theirs)), CONFIG))

    calls = {name: values["calls"] for name, values in redis_client.info("commandstats").items()}
    assert history(redis_client, "a") == history(redis_client, "b") == [f"{n};{n};" for n in range(399, -1, -1)]
    assert calls["cmdstat_lrange"] <= 10
    assert "cmdstat_linsert" not in calls


def test_late_points_older_than_a_full_history_cost_no_writing(execute, redis_client):
    """What would be cut off at once is not put in: the numbers count it, the history stays as it is."""
    config = dataclasses.replace(CONFIG, history_size=3)
    pushed(execute, "a", *[(float(n), float(n)) for n in (10, 20, 30)], config=config)

    pushed(execute, "a", (1.0, 1.0), (2.0, 2.0), (15.0, 15.0), config=config)
    pushed(execute, "a", (3.0, 3.0), (4.0, 4.0), config=config)

    assert history(redis_client, "a") == ["30;30;", "20;20;", "15;15;"]
    assert stored(redis_client, "a")["COUNT"] == "8"


def test_a_time_too_far_ahead_is_set_to_the_server_s(execute, redis_client):
    """Four minutes ahead stand as they are; more than five become now."""
    now = time.time()

    pushed(execute, "near", (now + 240, 1.0))
    pushed(execute, "far", (now + 400, 1.0, "c" * 32), (now + 10_000, 2.0))

    assert float(history(redis_client, "near")[0].split(";")[0]) == now + 240
    times = [float(entry.split(";")[0]) for entry in history(redis_client, "far")]
    assert all(abs(found - now) < 60 for found in times)
    assert [entry.split(";", 1)[1] for entry in history(redis_client, "far")] == ["2;", "1;" + "c" * 32]
    assert float(stored(redis_client, "far")["LAST_TIME"]) == times[0]


# What 21.2.5 left


def older_writer(client: Redis, label: str, values: list[float]) -> None:
    """Leave what 21.2.5's layout holds after `values`: 14 digits, LAST and INDEX without expiry."""
    numbers = {
        "COUNT": len(values),
        "TOTAL": sum(values),
        "TOTAL_SQ": sum(value * value for value in values),
        "AVG": f"{statistics.fmean(values):.14g}",
        "STDEV": f"{statistics.stdev(values):.14g}",
        "MIN": min(values),
        "MAX": max(0, *values),
    }
    for field, value in numbers.items():
        client.set(keys.number(NAMESPACE, field, label), value, ex=TWO_WEEKS)
    for moment, value in enumerate(values):
        client.lpush(keys.history(NAMESPACE, label), f"{1587673195.4 + moment};{value};")
    client.set(keys.number(NAMESPACE, "LAST", label), values[-1])
    client.set(keys.number(NAMESPACE, "LAST_TIME", label), 1587673195.4 + len(values) - 1)
    client.zadd(keys.index(NAMESPACE), {label: 1})


def test_an_older_writer_s_series_is_continued(execute, redis_client):
    """Numbers and history begun by 21.2.5 continue as one series, and all keys expire from then on."""
    old, new = [0.5, 1.5, 2.5, 4.0], [1.25, 8.0]
    older_writer(redis_client, "a", old)

    pushed(execute, "a", *[(1.7e9 + moment, value) for moment, value in enumerate(new)])

    found = sync_redis.run(read_summary(NAMESPACE, "a"))
    values = old + new
    assert (found.count, found.min, found.max, found.last, found.total) == (6, 0.5, 8.0, 8.0, sum(values))
    assert found.stdev == pytest.approx(statistics.stdev(values), rel=1e-12)
    assert [float(entry.split(";")[1]) for entry in history(redis_client, "a")] == values[::-1]
    assert all(redis_client.ttl(name) > TWO_WEEKS - 60 for name in keys.label(NAMESPACE, "a"))


def test_an_older_writer_s_nan_counts_as_nothing(execute, redis_client):
    """A STDEV of nan is taken as 0, and later numbers are numbers."""
    older_writer(redis_client, "a", [2.0, 2.0])
    redis_client.set(keys.number(NAMESPACE, "STDEV", "a"), "-nan")

    pushed(execute, "a", (1.7e9, 5.0))

    found = sync_redis.run(read_summary(NAMESPACE, "a"))
    assert (found.count, found.avg, found.stdev) == (3, 3.0, pytest.approx(math.sqrt(3)))


@pytest.mark.parametrize("field", [field for field in keys.LABEL_FIELDS if field != "HISTORY"])
def test_text_where_a_number_belongs_costs_no_push(execute, redis_client, field):
    """What no number can be read from counts as absent, for its label and for no other of the batch."""
    pushed(execute, "a", (1.0, 1.0), (2.0, 3.0))
    pushed(execute, "b", (1.0, 1.0))
    redis_client.set(keys.number(NAMESPACE, field, "a"), "12 monkeys")

    execute(apply_batch(Batch({"a": [Entry(3.0, 5.0)], "b": [Entry(2.0, 2.0)]}), CONFIG))

    assert history(redis_client, "a") == ["3;5;", "2;3;", "1;1;"]
    assert (stored(redis_client, "a")["LAST"], stored(redis_client, "a")["MAX"]) == ("5", "5")
    assert (stored(redis_client, "b")["COUNT"], stored(redis_client, "b")["TOTAL"]) == ("2", "3")


def test_a_history_that_holds_rubbish_is_continued(execute, redis_client):
    """An invalid entry in a history neither stops a push nor counts as a time."""
    redis_client.lpush(keys.history(NAMESPACE, "a"), "rubbish", "1.5;text;")

    pushed(execute, "a", (1.0, 1.0))
    pushed(execute, "a", (2.0, 2.0))

    assert history(redis_client, "a")[0] == "2;2;"
    assert stored(redis_client, "a")["LAST"] == "2"


# All or nothing


@pytest.mark.parametrize("field", keys.LABEL_FIELDS)
@pytest.mark.parametrize("known", [False, True], ids=["new label", "known label"])
def test_another_type_under_a_label_s_key_leaves_nothing_half_written(execute, redis_client, field, known):
    """Whichever of a label's ten keys holds another type, the whole batch is refused and changes nothing."""
    if known:
        pushed(execute, "bad", (1.0, 1.0))
        pushed(execute, "good", (0.0, 0.0), (1.0, 1.0))
    name = keys.label(NAMESPACE, "bad")[keys.LABEL_FIELDS.index(field)]
    redis_client.delete(name)
    redis_client.hset(name, "a", "b")
    before = everything(redis_client)

    with pytest.raises(ServerError, match=f"BADTYPE {name} holds a hash") as caught:
        execute(apply_batch(Batch({"good": [Entry(2.0, 2.0), Entry(3.0, 3.0)], "bad": [Entry(2.0, 2.0)]}), CONFIG))

    assert caught.value.kind == "refused"
    assert everything(redis_client) == before


def test_another_type_under_a_history_is_detected_with_late_points_only(execute, redis_client):
    """Also a batch that pushes nothing onto a history looks at its type before it writes the numbers."""
    pushed(execute, "good", (1.0, 1.0))
    pushed(execute, "bad", (10.0, 1.0))
    redis_client.delete(keys.history(NAMESPACE, "bad"))
    redis_client.set(keys.history(NAMESPACE, "bad"), "in the way")
    before = everything(redis_client)

    with pytest.raises(ServerError, match="BADTYPE"):
        execute(apply_batch(Batch({"good": [Entry(2.0, 2.0)], "bad": [Entry(5.0, 2.0)]}), CONFIG))

    assert everything(redis_client) == before


@pytest.mark.parametrize("command", ["lpush", "ltrim", "expire", "zadd", "zrem", "zrangebyscore", "set", "ttl"])
def test_a_user_who_may_do_a_part_leaves_nothing_half_written(execute, server_url, redis_client, command):
    """A command that the user's permissions lack is found before the first write, and is called denied."""
    pushed(execute, "a", (1.0, 1.0))
    before = everything(redis_client)
    redis_client.execute_command("ACL", "SETUSER", "some", "on", ">word", "~*", "+@all", f"-{command}")
    made = Batch({"a": [Entry(0.5, 2.0), Entry(2.0, 2.0)]}, {"c": Context("c", b"why")})

    with (
        Redis.from_url(server_url, username="some", password="word") as client,
        pytest.raises(ServerError) as caught,
    ):
        run(apply_batch(made, CONFIG), client, client)

    redis_client.execute_command("ACL", "DELUSER", "some")
    assert caught.value.kind == "denied"
    assert everything(redis_client) == before


@pytest.mark.parametrize(
    ("hinder", "allow"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["out of memory", "read-only"],
)
def test_a_server_that_cannot_write_says_why(execute, redis_client, hinder, allow):
    """Another time it can: the error is `busy`, and nothing was written."""
    redis_client.execute_command(*hinder)

    with pytest.raises(ServerError) as caught:
        pushed(execute, "a", (1.0, 1.0))

    redis_client.execute_command(*allow)
    assert caught.value.kind == "busy"
    assert everything(redis_client) == {}


@pytest.mark.parametrize("name", ["N::INDEX", "N::SEEN", "N::RUN::1", "N::RUNS", "N::CURSOR::p"])
def test_another_type_under_a_shared_key_leaves_nothing_half_written(execute, redis_client, name):
    """The index, a run, its sets and a cursor are checked before anything is written."""
    redis_client.rpush(name, "in the way")
    before = everything(redis_client)
    run = RunChange(
        "N::RUN::1", "crashed", (Write("HSET", "N::RUN::1", ("a", "b")), Write("ZADD", "N::RUNS", (1, "1")))
    )
    made = Batch({"a": [Entry(1.0, 1.0)]}, run=run, step=Step("N::CURSOR::p", "0", "1"))

    with pytest.raises(ServerError):
        execute(apply_batch(made, CONFIG))

    assert everything(redis_client) == before


def test_a_batch_too_large_leaves_nothing_half_written(execute, redis_client):
    """More labels or arguments than one script can take are refused before the first write."""
    many = Batch({f"label {number}": [Entry(1.0, 1.0)] for number in range(701)})
    run = RunChange("N::RUN::1", "", (Write("ZADD", "N::RUNS", tuple(range(7002))),))

    for made in (many, Batch({"a": [Entry(1.0, 1.0)]}, run=run)):
        with pytest.raises(ServerError, match="TOOMANY"):
            execute(apply_batch(made, CONFIG))

    assert everything(redis_client) == {}


def test_seven_hundred_labels_are_not_too_many(execute, redis_client):
    """The bound is the bound."""
    execute(apply_batch(Batch({f"label {number}": [Entry(1.0, 1.0)] for number in range(700)}), CONFIG))

    assert redis_client.zcard("N::SEEN") == 700
    assert stored(redis_client, "label 699")["COUNT"] == "1"


# Expiry


def test_all_ten_keys_expire_two_weeks_after_the_last_report(execute, redis_client):
    """Each report, a late one too, gives every key two weeks again."""
    pushed(execute, "a", (10.0, 1.0))
    for moment in (20.0, 5.0):
        for name in keys.label(NAMESPACE, "a"):
            redis_client.expire(name, 100)

        pushed(execute, "a", (moment, 1.0))

        # Up to a minute may pass on a busy machine; a key that was not renewed has 100 s left.
        left = [redis_client.ttl(name) for name in keys.label(NAMESPACE, "a")]
        assert TWO_WEEKS - 60 < min(left) <= max(left) <= TWO_WEEKS


def test_unseen_labels_are_pruned_a_hundred_at_a_time(execute, redis_client):
    """A push removes at most 100 labels without a report for two weeks; others stay."""
    old = {f"old {number}": time.time() - TWO_WEEKS - 10 for number in range(150)}
    redis_client.zadd("N::SEEN", old | {"younger": time.time() - TWO_WEEKS + 60})
    redis_client.zadd("N::INDEX", dict.fromkeys([*old, "younger", "older writer's"], 1))

    sizes = []
    for moment in range(2):
        pushed(execute, "a", (float(moment), 1.0))
        sizes.append((redis_client.zcard("N::INDEX"), redis_client.zcard("N::SEEN")))

    assert sizes == [(53, 52), (3, 2)]


def test_a_context_s_life_is_only_extended(execute, redis_client):
    """A context written again for a shorter time keeps its longer life, and its bytes."""
    for ttl in (1000, 5000, 2000):
        execute(
            apply_batch(Batch({"a": [Entry(1.0, 1.0, "id")]}, {"id": Context("id", b"\x00bytes", ttl)}), CONFIG)
        )

    assert redis_client.get("N::CONTEXTS::id") == b"\x00bytes"
    assert 4900 < redis_client.ttl("N::CONTEXTS::id") <= 5000


# Cursors and runs


def test_a_batch_of_a_producer_is_applied_once(execute, redis_client):
    """A batch that is sent again finds the cursor elsewhere, and changes nothing."""
    made = Batch({"a": [Entry(1.0, 1.0)]}, step=Step("N::CURSOR::p", "0", "7"))

    assert [execute(apply_batch(made, CONFIG)) for _ in range(2)] == ["7", "7"]

    assert stored(redis_client, "a")["COUNT"] == "1"
    assert 29 * 86_400 < redis_client.ttl("N::CURSOR::p") <= 30 * 86_400


def test_a_final_status_replaces_crashed_and_never_the_other_way_round(execute, redis_client):
    """The run's writes are done while its status is absent or one that may be replaced."""

    def change(status: str, replaceable: str) -> None:
        run = RunChange("N::RUN::1", replaceable, (Write("HSET", "N::RUN::1", ("status", status)),))
        execute(apply_batch(Batch(run=run), CONFIG))

    change("crashed", "running")
    change("passed", "running crashed")
    change("crashed", "running")

    assert redis_client.hget("N::RUN::1", "status") == b"passed"


def test_an_unknown_script_is_taught_to_the_server(execute, redis_client):
    """After a restart or a flush of scripts the next push works."""
    pushed(execute, "a", (1.0, 1.0))
    redis_client.script_flush()

    pushed(execute, "a", (2.0, 1.0))

    assert stored(redis_client, "a")["COUNT"] == "2"


# Batches that may have been applied before


def doubtful(execute, label: str, *entries: tuple) -> None:
    """Push entries of one label of which some may have been applied before."""
    execute(apply_batch(Batch({label: [Entry(*entry) for entry in entries]}, recheck_s=0.0), CONFIG))


def test_a_doubtful_batch_adds_what_the_history_lacks(execute):
    """Points that are there are left out, also one that came ahead of the clock; the others are added in order."""
    ahead = time.time() + 10_000
    pushed(execute, "doubtful", (100.0, 1.0, "c"), (300.0, 3.0))
    pushed(execute, "doubtful", (ahead, 4.0))

    doubtful(
        execute, "doubtful", (100.0, 1.0, "c"), (100.0, 1.0, "other"), (200.0, 2.0), (300.0, 3.0), (ahead, 4.0)
    )

    found = execute(read_summary(NAMESPACE, "doubtful"))
    assert (found.count, found.total) == (5, 11)
    with sync_redis() as (reader, _):
        stored = reader.lrange(keys.history(NAMESPACE, "doubtful"), 0, -1)
    assert [entry.split(b";")[1] for entry in stored] == [b"4", b"3", b"2", b"1", b"1"]


def test_shifted_times_are_recognised(execute):
    """Where a wrong clock is corrected anew, a point of the same value and context nearby is the same one."""
    pushed(execute, "moved", (100.0, 1.0, "c"), (200.0, 1.0, "c"))

    batch = Batch(
        {"moved": [Entry(100.3, 1.0, "c"), Entry(120.0, 1.0, "c"), Entry(199.8, 1.0, "d")]}, recheck_s=5.0
    )
    execute(apply_batch(batch, CONFIG))

    assert execute(read_summary(NAMESPACE, "moved")).count == 4


def test_a_doubtful_batch_leaves_alone_what_has_lost_its_evidence(execute, redis_client):
    """Numbers without a history, and a full history of newer points, count as applied."""
    pushed(execute, "bare", (100.0, 1.0))
    redis_client.delete(keys.history(NAMESPACE, "bare"))
    small = dataclasses.replace(CONFIG, history_size=2)
    pushed(execute, "full", (100.0, 1.0), (200.0, 2.0), (300.0, 3.0), config=small)

    doubtful(execute, "bare", (100.0, 1.0))
    batch = Batch({"full": [Entry(100.0, 1.0), Entry(250.0, 2.5)]}, recheck_s=0.0)
    execute(apply_batch(batch, small))
    doubtful(execute, "new", (100.0, 1.0))

    counts = {label: execute(read_summary(NAMESPACE, label)).count for label in ("bare", "full", "new")}
    assert counts == {"bare": 1, "full": 4, "new": 1}


# Remaining points, and permissions


def test_nothing_of_the_library_lives_longer_than_two_weeks(execute, redis_client):
    """Every key expires two weeks after the last push, the lists of labels included."""
    redis_client.flushall()
    execute(apply_batch(Batch({"a": [Entry(100.0, 1.0, "c")]}, {"c": Context("c", b"bytes")}), CONFIG))

    lives = {name: redis_client.ttl(name) for name in redis_client.scan_iter("*")}

    assert len(lives) == 13
    assert all(TWO_WEEKS - 60 < life <= TWO_WEEKS for life in lives.values()), lives


def test_a_user_without_msetex_pushes_one_number_at_a_time(server, redis_client, server_url):
    """Permissions granted before the server had MSETEX suffice; without SET nothing is written."""
    redis_client.acl_setuser(
        "old", enabled=True, nopass=True, reset=True, keys=["*"], commands=["+@all", "-msetex"]
    )
    client = connect(server_url.replace("unix://", "unix://old:x@"))
    try:
        run(apply_batch(Batch({"a": [Entry(100.0, 1.0)]}), CONFIG), client, client)
        assert run(read_summary(NAMESPACE, "a"), client, client).count == 1
        redis_client.acl_setuser("old", commands=["-set"])
        with pytest.raises(ServerError, match="permission for the command SET") as caught:
            run(apply_batch(Batch({"a": [Entry(200.0, 1.0)]}), CONFIG), client, client)
        assert caught.value.kind == "denied"
    finally:
        client.connection_pool.disconnect()
        redis_client.acl_deluser("old")
    assert sync_redis.run(read_summary(NAMESPACE, "a")).count == 1

"""Live events of runs: their contents, their receivers, and slow clients."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from akastats.api import events
from akastats.api.events import MAX_LISTENERS, Listener, Stream, Watch
from akastats.api.problems import Problem
from akastats.config import Config, config
from akastats.errors import ServerUnreachableError
from akastats.queries.live_runs import MAX_RUNNING, find_changed, find_running
from akastats.queries.runs import Run
from akastats.store import keys
from tests.api.conftest import SERVE, call
from tests.api.test_runs import NAMESPACE, put_run

SOON_S = 30.0


def summary(runs: list[Run]) -> list[tuple[str, str | None, int | None]]:
    """Return the fields that the tests compare."""
    return [(run.id, run.status, run.tests) for run in runs]


def test_what_is_new_or_different_is_a_change():
    """An unchanged run is not sent; changed ones are sent oldest first."""
    before = {"a": Run("a", "running", tests=1, started=1.0), "b": Run("b", "running", started=2.0)}
    now = {
        "c": Run("c", "passed", started=3.0),
        "a": Run("a", "running", tests=2, started=1.0),
        "b": Run("b", "running", started=2.0),
    }

    assert summary(find_changed(before, now)) == [("a", "running", 2), ("c", "passed", None)]
    assert summary(find_running(now)) == [("a", "running", 2), ("b", "running", None)]


@pytest.fixture
def _fast(monkeypatch):
    """Poll without pauses, and send heartbeats soon."""
    monkeypatch.setattr(events, "POLL_S", 0.001)


@pytest.mark.usefixtures("server", "_fast")
def test_a_listener_receives_running_runs_then_each_change(redis_client):
    """First the runs in progress; then changes, new runs, ended runs, and a run that was never seen running."""
    put_run(redis_client, 1, status="passed")
    going = put_run(redis_client, 2, status="running", tests=3)

    async def listen():
        watching = Watch()
        listener = await watching.join()
        heard = [await listener.take(SOON_S)]
        redis_client.hset(keys.run(NAMESPACE, going), "tests", 4)
        heard.append(await listener.take(SOON_S))
        redis_client.zrem(keys.runs(NAMESPACE, "status", "running"), going)
        redis_client.hset(keys.run(NAMESPACE, going), "status", "failed")
        heard.append(await listener.take(SOON_S))
        put_run(redis_client, 3, status="passed")
        heard.append(await listener.take(SOON_S))
        watching.leave(listener)
        return heard

    heard = asyncio.run(listen())

    assert [summary(runs) for runs in heard] == [
        [("run-00002", "running", 3)],
        [("run-00002", "running", 4)],
        [("run-00002", "failed", 4)],
        [("run-00003", "passed", None)],
    ]


@pytest.mark.usefixtures("server", "_fast")
def test_the_end_of_a_run_behind_many_newer_ones_is_sent(redis_client):
    """A run is followed to its end, even if it is no longer among the newest."""
    going = put_run(redis_client, 0, status="running")

    async def listen():
        watching = Watch()
        listener = await watching.join()
        await listener.take(SOON_S)
        for number in range(1, 30):
            put_run(redis_client, number)
        while summary(await listener.take(SOON_S))[-1][0] != "run-00029":
            pass
        redis_client.zrem(keys.runs(NAMESPACE, "status", "running"), going)
        redis_client.hset(keys.run(NAMESPACE, going), "status", "passed")
        heard = await listener.take(SOON_S)
        watching.leave(listener)
        return heard

    assert summary(asyncio.run(listen())) == [(going, "passed", None)]


async def first_news():
    """Return the first message of a new listener."""
    watching = Watch()
    listener = await watching.join()
    heard = await listener.take(SOON_S)
    watching.leave(listener)
    return heard


@pytest.mark.usefixtures("server")
def test_of_many_that_seem_to_run_the_newest_are_followed(redis_client):
    """A machine that disappears leaves a run without an end, so the number of followed runs is limited."""
    for number in range(MAX_RUNNING + 20):
        put_run(redis_client, number, status="running")

    heard = asyncio.run(first_news())

    assert (len(heard), heard[-1].id) == (MAX_RUNNING, f"run-{MAX_RUNNING + 19:05d}")


@pytest.mark.usefixtures("server", "_fast")
def test_many_listeners_share_one_poll(redis_client, monkeypatch):
    """One task reads the server for all listeners, and stops when the last one leaves."""
    put_run(redis_client, 1, status="running")

    async def listen():
        watching = Watch()
        listeners = [await watching.join() for _ in range(MAX_LISTENERS)]
        tasks = [task for task in asyncio.all_tasks() if "_keep_polling" in str(task.get_coro())]
        with pytest.raises(Problem) as refused:
            await watching.join()
        for listener in listeners:
            watching.leave(listener)
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(tasks), refused.value.status_code, refused.value.limit, tasks[0].cancelled()

    assert asyncio.run(listen()) == (1, 503, MAX_LISTENERS, True)


@pytest.mark.usefixtures("server", "_fast")
def test_one_client_s_listeners_keep_no_other_client_out():
    """A new listener replaces the oldest one of the network with the most, until both have the same number."""

    async def listen():
        watching = Watch()
        many = [await watching.join("10.0.0.1") for _ in range(MAX_LISTENERS)]
        with pytest.raises(Problem):
            await watching.join("10.0.0.1")
        few = [await watching.join("10.0.0.2") for _ in range(MAX_LISTENERS // 2)]
        with pytest.raises(Problem):
            await watching.join("10.0.0.2")
        ended = [listener.has_ended for listener in many]
        for listener in [*many, *few]:
            watching.leave(listener)
        return ended, any(listener.has_ended for listener in few)

    ended = [True] * (MAX_LISTENERS // 2) + [False] * (MAX_LISTENERS // 2)
    assert asyncio.run(listen()) == (ended, False)


@pytest.mark.usefixtures("server", "_fast")
@pytest.mark.parametrize("error", [ServerUnreachableError("gone"), ValueError("an internal fault")], ids=repr)
def test_a_server_that_comes_back_is_followed_on(redis_client, error):
    """An error of a poll ends no stream, because the next poll may succeed."""
    put_run(redis_client, 1, status="running")

    async def listen():
        watching = Watch()
        listener = await watching.join()
        await listener.take(SOON_S)
        look, left = watching._poll, [error] * 3

        async def failing():
            if left:
                raise left.pop()
            await look()

        watching._poll = failing
        redis_client.hset(keys.run(NAMESPACE, "run-00001"), "tests", 9)
        heard = await listener.take(SOON_S)
        watching.leave(listener)
        return heard

    assert summary(asyncio.run(listen())) == [("run-00001", "running", 9)]


@pytest.mark.usefixtures("server", "_fast")
def test_what_is_no_run_is_not_followed(redis_client):
    """A member that is not UTF-8 and a record without an id hide no other run."""
    put_run(redis_client, 1, status="running")
    redis_client.hset(keys.run(NAMESPACE, "none"), "status", "running")
    redis_client.zadd(keys.runs(NAMESPACE, "status", "running"), {b"\xff": 2.0, "none": 3.0})

    assert ["run-00001"] == [run.id for run in asyncio.run(first_news())]


def test_a_slow_listener_receives_the_latest_state():
    """Earlier states of a run are omitted, so memory is limited by the number of runs."""

    async def listen():
        listener = Listener()
        for tests in range(1000):
            listener.put([Run("a", "running", tests=tests)])
        return await listener.take(SOON_S), await listener.take(0.001)

    heard, nothing = asyncio.run(listen())

    assert (summary(heard), nothing) == ([("a", "running", 999)], [])


@pytest.mark.usefixtures("server")
def test_a_listener_that_leaves_before_its_first_message_is_removed():
    """A client that disconnects immediately does not count for ever."""

    async def hang_up():
        watching = Watch()
        stream = Stream(watching, await watching.join())

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            await asyncio.Event().wait()

        await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        return watching.listeners

    assert asyncio.run(hang_up()) == {}


@pytest.mark.usefixtures("server", "_fast")
def test_silence_is_a_comment(monkeypatch):
    """Without events, a heartbeat keeps the connection open."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.001)

    async def listen():
        return await anext(events.events_of(Listener()))

    assert asyncio.run(listen()) == ": still here\n\n"


def test_an_unreachable_server_is_503_at_once():
    """Without a server the response is 503, not an empty stream."""
    from akastats.app import app

    config.use(Config(redis_url="redis://127.0.0.1:1"))
    try:
        answer = call(app, "GET", "/api/v1/events")
    finally:
        config.use(None)

    assert (answer.status_code, "127.0.0.1:1" in answer.json()["detail"]) == (503, True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_served_stream_is_followed_and_ends_with_the_service(server_url, redis_client, ending):
    """Each event is a run as JSON; a service that ends does not wait for its listeners."""
    going = put_run(redis_client, 1, status="running", branch="a\nb: é")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-c", SERVE, str(listening.fileno())]
        variables = {**os.environ, "AKA_STATS_REDIS_URL": server_url}
        service = subprocess.Popen(command, pass_fds=[listening.fileno()], env=variables)
        port = listening.getsockname()[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S)
    try:
        connection.request("GET", "/api/v1/events")
        answer = connection.getresponse()

        first = [answer.readline() for _ in range(3)]
        redis_client.hset(keys.run(NAMESPACE, going), "tests", 5)
        second = [answer.readline() for _ in range(3)]
        service.send_signal(ending)
        rest = answer.read()
        answer.close()

        assert service.wait(SOON_S) in (0, -ending)
    finally:
        connection.close()
        service.kill()
        service.wait()
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "text/event-stream; charset=utf-8",
        "no-store",
    )
    events_of_runs = [json.loads(lines[1].removeprefix(b"data: ")) for lines in (first, second)]
    assert [lines[0] for lines in (first, second)] == [b"event: run\n"] * 2
    assert [(run["branch"], run["status"], run["tests"]) for run in events_of_runs] == [
        ("a\nb: é", "running", None),
        ("a\nb: é", "running", 5),
    ]
    assert set(rest.splitlines()) <= {b"", b": still here"}

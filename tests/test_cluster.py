"""A server that is part of a cluster is named as such everywhere, and nothing answers as if it were empty."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from akastats import Stats, async_stats, push_stat, push_stat_async, sync_stats
from akastats.app import app
from akastats.config import Config, config
from akastats.errors import ServerError
from conftest import eventually, server_binary
from tests.api.conftest import call
from tests.cli.conftest import COMMAND


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[int]:
    """A node of a cluster that has no slots yet: its port."""
    directory = tmp_path_factory.mktemp("cluster")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, bus = one.getsockname()[1], other.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    arguments += ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
    server = subprocess.Popen([server_binary(), *arguments], stdout=subprocess.DEVNULL)
    with Redis(port=port) as client:
        eventually(lambda: answers(client))
        yield port
    server.kill()
    server.wait()


def answers(client: Redis) -> bool:
    """Whether a server is up."""
    try:
        return bool(client.ping())
    except ConnectionError:
        return False
    except Exception as error:  # noqa: BLE001 - redis-py's own, while nobody listens
        return "connecting" not in str(error)


@pytest.fixture(params=["without slots", "with all slots"])
def cluster(request, node: int) -> Iterator[str]:
    """A cluster of one node, before and after it has its slots: its URL."""
    with Redis(port=node) as client:
        if request.param == "with all slots" and client.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "0":
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
    url = f"redis://127.0.0.1:{node}"
    config.use(Config(redis_url=url))
    yield url
    config.use(None)


def block() -> None:
    """Save a block."""
    with Stats() as stat:
        stat("a", 1)


ACTS = {
    "push_stat": lambda: push_stat("a", 1),
    "push_stat_async": lambda: asyncio.run(push_stat_async("a", 1)),
    "Stats": block,
    "available_stats": lambda: list(sync_stats.available_stats()),
    "fetch_stats": lambda: sync_stats.fetch_stats("a"),
    "stat_history": lambda: sync_stats.stat_history("a"),
    "contexts": lambda: sync_stats.contexts(["0" * 32]),
    "async contexts": lambda: asyncio.run(async_stats.contexts(["0" * 32])),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_library_says_that_it_is_a_cluster(cluster, act):
    """Writing and reading raise the same kind of error, which names the cluster and the way out."""
    said = r"127\.0\.0\.1:\d+ is a cluster .*not support.*AKA_STATS_REDIS_URL to a single server"
    with pytest.raises(ServerError, match=said) as caught:
        ACTS[act]()

    assert caught.value.kind == "cluster"


QUERIES = ["/api/v1/available-stats", "/api/v1/stats/a", "/api/v1/stats-history/a", "/api/v1/stats-prometheus"]
QUERIES += [f"/api/v1/{name}" for name in ("runs", "tests", "errors", "trends", "quarantine", "regressions")]
QUERIES += ["/api/v1/runs/a", "/api/v1/runs/a/tests", "/api/v1/tests/a", "/api/v1/tests/a/history"]


@pytest.mark.parametrize("query", QUERIES)
def test_no_endpoint_answers_that_there_is_nothing(cluster, query):
    """Each answers 503."""
    answer = call(app, "GET", query)

    assert (answer.status_code, "cluster" in answer.text) == (503, True), answer.text


def test_health_names_the_cluster(cluster):
    """The server cannot be used, so it does not count as reachable."""
    server = call(app, "GET", "/api/v1/health").json()["server"]

    assert (server["reachable"], "is a cluster" in server["detail"]) == (False, True)


@pytest.mark.parametrize("command", ["doctor", "runs", "slowest", "export"])
def test_commands_name_the_cluster(cluster, command, tmp_path: Path):
    """They end with an error instead of an empty list."""
    ran = subprocess.run([*COMMAND, command, "--url", cluster], capture_output=True, text=True, cwd=tmp_path)

    assert ran.returncode != 0
    assert "is a cluster" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_namespace_in_one_slot_is_served(node):
    """A hash tag keeps a namespace together: then a cluster's node is a server like others."""
    with Redis(port=node) as client:
        if client.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "0":
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
    config.use(Config(redis_url=f"redis://127.0.0.1:{node}", namespace="{mine}"))

    push_stat("a", 1)

    assert list(sync_stats.available_stats()) == ["a"]
    assert sync_stats.fetch_stats("a").count == 1
    assert call(app, "GET", "/api/v1/health").json()["server"]["reachable"] is True
    config.use(None)

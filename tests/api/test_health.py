"""Health: version and server, also when there is none."""

from __future__ import annotations

from redis import Redis

from akastats import __version__
from akastats.config import Config, config


def test_health_names_version_and_server(ask, redis_client: Redis):
    """Kind and version are the server's own."""
    version = redis_client.info("server")["valkey_version"]

    answer = ask("GET", "/api/v1/health")

    assert answer.json() == {
        "version": __version__,
        "server": {"reachable": True, "kind": "valkey", "version": version, "detail": None},
    }


def test_health_without_a_server_is_an_answer(ask):
    """200 and `reachable: false`, with what to do and without the password."""
    config.use(Config(redis_url="redis://user:s3cret@127.0.0.1:1"))

    answer = ask("GET", "/api/v1/health")

    server = answer.json()["server"]
    assert answer.status_code == 200
    assert (server["reachable"], server["kind"], server["version"]) == (False, None, None)
    assert "127.0.0.1:1" in server["detail"]
    assert "s3cret" not in answer.text


def test_a_server_that_denies_is_reachable(ask, server_url, redis_client: Redis):
    """A user who may not ask INFO gets `reachable: true` and the reason."""
    redis_client.acl_setuser("weak", enabled=True, passwords=["+p"], keys=["*"], commands=["+get"])
    config.use(Config(redis_url=f"{server_url}?username=weak&password=p"))

    answer = ask("GET", "/api/v1/health")
    redis_client.acl_deluser("weak")

    server = answer.json()["server"]
    assert (server["reachable"], server["kind"]) == (True, None)
    assert "denies" in server["detail"]

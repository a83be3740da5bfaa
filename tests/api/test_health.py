"""Health: version and server, also without a server."""

from __future__ import annotations

from redis import Redis

from akastats import __version__
from akastats.config import Config, config


def test_health_names_version_and_server(call_api, redis_client: Redis):
    """Kind and version are those of the server."""
    version = redis_client.info("server")["valkey_version"]

    answer = call_api("GET", "/api/v1/health")

    assert answer.json() == {
        "version": __version__,
        "server": {"reachable": True, "kind": "valkey", "version": version, "detail": None},
    }


def test_health_without_a_server_is_an_answer(call_api):
    """200 and `reachable: false`, with the remedy and without the password."""
    config.use(Config(redis_url="redis://user:s3cret@127.0.0.1:1"))

    answer = call_api("GET", "/api/v1/health")

    server = answer.json()["server"]
    assert answer.status_code == 200
    assert (server["reachable"], server["kind"], server["version"]) == (False, None, None)
    assert "127.0.0.1:1" in server["detail"]
    assert "s3cret" not in answer.text


def test_a_server_that_denies_is_reachable(call_api, server_url, redis_client: Redis):
    """If INFO is denied, `reachable` is true and the reason is given."""
    redis_client.acl_setuser("weak", enabled=True, passwords=["+p"], keys=["*"], commands=["+get"])
    config.use(Config(redis_url=f"{server_url}?username=weak&password=p"))

    answer = call_api("GET", "/api/v1/health")
    redis_client.acl_deluser("weak")

    server = answer.json()["server"]
    assert (server["reachable"], server["kind"]) == (True, None)
    assert "denies" in server["detail"]

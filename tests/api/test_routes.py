"""`attach_routes`: the host application keeps its behaviour."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from redis.asyncio import Redis as AsyncRedisClient

from akastats import push_stat
from akastats.api import app as stats_app
from akastats.config import Config, config
from akastats.redis import async_redis


@pytest.fixture
def host() -> FastAPI:
    """An application with its own route, middleware and exception handler."""
    app = FastAPI(redirect_slashes=True)

    @app.middleware("http")
    async def stamp(request: Request, call_next):
        response = await call_next(request)
        response.headers["x-host"] = "yes"
        return response

    @app.get("/api/v1/stats-of-mine/{item}")
    def mine(item: int) -> dict[str, int]:
        return {"item": item}

    return app


def test_attach_routes_returns_the_host(host):
    """So that it can be used in an expression, as in 21.2.5."""
    assert stats_app.attach_routes(host) is host


def test_the_host_keeps_its_own(server, call, host):
    """Routes, middleware, handlers and the format of errors are those of the host."""
    handlers, middleware = dict(host.exception_handlers), list(host.user_middleware)
    before = call(host, "GET", "/api/v1/stats-of-mine/x").json()

    stats_app.attach_routes(host)

    assert (dict(host.exception_handlers), list(host.user_middleware)) == (handlers, middleware)
    assert call(host, "GET", "/api/v1/stats-of-mine/x").json() == before
    assert call(host, "GET", "/api/v1/stats-of-mine/7").json() == {"item": 7}
    assert call(host, "GET", "/nothing").json() == {"detail": "Not Found"}


@pytest.mark.parametrize("prefix", ["", "/inner/of", "/slash/"])
def test_the_endpoints_answer_below_a_prefix(server, call, host, prefix):
    """Labels may contain slashes and newlines, and the host's middleware runs."""
    stats_app.attach_routes(host, prefix=prefix)
    push_stat("a/b\n", 4)
    path = prefix.rstrip("/") + "/api/v1"

    assert call(host, "GET", f"{path}/stats/a/b%0A").json()["last"] == 4
    assert call(host, "POST", f"{path}/stats", json=["a/b\n"]).json()["a/b\n"]["last"] == 4
    answer = call(host, "GET", f"{path}/available-stats")
    assert (answer.json(), answer.headers["x-host"]) == (["a/b\n"], "yes")


def test_only_the_endpoints_of_the_library_are_attached_by_default(server, call, host):
    """`everything=True` adds health and the other endpoints."""
    stats_app.attach_routes(host)
    assert call(host, "GET", "/api/v1/health").status_code == 404

    stats_app.attach_routes(host, prefix="/all", everything=True)

    assert call(host, "GET", "/all/api/v1/health").json()["server"]["reachable"] is True


def test_errors_on_a_host_are_its_plain_json(server, call, host):
    """Every error has a `detail`: refused, unknown, too large, invalid, and without a server."""
    stats_app.attach_routes(host)
    requests = [
        ("GET", "/api/v1/stats/unknown", b"", 404),
        ("GET", f"/api/v1/available-stats?matcher={'x' * 513}", b"", 422),
        ("POST", "/api/v1/stats", b"[NaN]", 422),
        ("POST", "/api/v1/stats", b" " * 1_048_577, 413),
    ]

    answers = [(call(host, method, path, content=body), status) for method, path, body, status in requests]
    config.use(Config(redis_url="redis://127.0.0.1:1"))
    answers.append((call(host, "GET", "/api/v1/stats/a"), 503))

    for answer, status in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert list(answer.json()) == ["detail"]
        assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("decode_responses", [True, False])
@pytest.mark.parametrize("protocol", [2, 3])
def test_attached_clients_may_decode_or_not(server, host, decode_responses, protocol):
    """Every endpoint has the same response with a client of the user."""
    stats_app.attach_routes(host, everything=True)
    push_stat("ä", 1.5, context=b"\xff")
    context_id = hashlib.md5(b"\xff").hexdigest()

    async def call_all():
        redis = AsyncRedisClient.from_url(server, decode_responses=decode_responses, protocol=protocol)
        async_redis.attach(redis, redis)
        transport = httpx.ASGITransport(host)
        async with redis, httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            return [
                (await client.get("/available-stats")).json(),
                (await client.post("/stats", json=["ä"])).json()["ä"]["avg"],
                (await client.get("/stats-history/ä")).json()[0]["context_id"],
                (await client.post("/stat-contexts", json=[context_id])).json(),
                (await client.get("/health")).json()["server"]["kind"],
            ]

    try:
        answers = asyncio.run(call_all())
    finally:
        async_redis.detach()

    assert answers == [["ä"], 1.5, context_id, {context_id: "�"}, "valkey"]


def test_a_router_and_a_mounted_application_can_be_hosts(server, call):
    """Routes can be attached to a router, and to a mounted application."""
    router, inner, outer = APIRouter(), FastAPI(), FastAPI()
    stats_app.attach_routes(router)
    inner.include_router(router)
    outer.mount("/mounted", inner)
    push_stat("/a/", 5)

    assert call(outer, "GET", "/mounted/api/v1/stats//a/").json()["last"] == 5


def test_a_host_that_has_read_the_body_already(server, call, host):
    """A middleware of the host may read the body first."""

    @host.middleware("http")
    async def read(request: Request, call_next):
        await request.body()
        return await call_next(request)

    stats_app.attach_routes(host)
    push_stat("a", 1)

    assert list(call(host, "POST", "/api/v1/stats", json=["a"]).json()) == ["a"]


def test_the_host_s_openapi_describes_them(host):
    """Paths, bodies and errors are in the host's document."""
    document = stats_app.attach_routes(host, prefix="/inner").openapi()

    assert "/inner/api/v1/stats/{label}" in document["paths"]
    assert document["paths"]["/inner/api/v1/stats"]["post"]["requestBody"]["required"] is True


def included(app: FastAPI, path: str) -> None:
    """Declare a route of the host on a separate router."""
    router = APIRouter()
    router.add_api_route(path, lambda: "mine")
    app.include_router(router)


def mounted(app: FastAPI, path: str) -> None:
    """Mount an application of the host."""
    inner = FastAPI()
    inner.add_api_route("/", lambda: "mine")
    app.mount(path, inner)


def direct(app: FastAPI, path: str) -> None:
    """Declare a route of the host."""
    app.add_api_route(path, lambda: "mine")


@pytest.mark.parametrize("prefix", ["", "/inner"])
@pytest.mark.parametrize(
    ("declare", "path", "request_path"),
    [
        (direct, "/api/v1/stats/summary", "/api/v1/stats/summary"),
        (direct, "/api/v1/stats/{device}/latest", "/api/v1/stats/a/latest"),
        (direct, "/api/v1/stats-history/{number:int}", "/api/v1/stats-history/7"),
        (included, "/api/v1/stats/summary", "/api/v1/stats/summary"),
        (mounted, "/api/v1/stats/ui", "/api/v1/stats/ui/"),
        (direct, "/api/v1/tests/{name}/history/chart", "/api/v1/tests/a/history/chart"),
    ],
)
def test_routes_that_the_host_declares_later_are_its_own(server, call, host, prefix, declare, path, request_path):
    """An endpoint that ends in a label does not receive paths of more specific routes of the host."""
    stats_app.attach_routes(host, prefix=prefix, everything=True)
    declare(host, f"{prefix}{path}")
    push_stat("summary", 3)
    push_stat("other", 4)

    assert call(host, "GET", f"{prefix}{request_path}").json() == "mine"
    assert call(host, "GET", f"{prefix}/api/v1/stats/other").json()["last"] == 4
    assert call(host, "POST", f"{prefix}/api/v1/stats", json=["summary"]).json()["summary"]["last"] == 3


@pytest.mark.parametrize("path", ["/{rest:path}", "/api/v1/stats/{device}"])
def test_a_later_route_for_everything_takes_no_label(server, call, host, path):
    """The catch-all route of a single-page application is not more specific than a label."""
    stats_app.attach_routes(host)
    direct(host, path)
    push_stat("a", 5)

    assert call(host, "GET", "/api/v1/stats/a").json()["last"] == 5


def test_a_host_s_dependencies_run_before_each_endpoint(server, call, host):
    """The host can check callers in one dependency."""

    def refuse() -> None:
        raise HTTPException(401, "who are you?")

    stats_app.attach_routes(host, dependencies=[Depends(refuse)])

    for method, path in [
        ("GET", "/api/v1/stats/a"),
        ("GET", "/api/v1/available-stats"),
        ("POST", "/api/v1/stats"),
    ]:
        assert call(host, method, path, json=[]).status_code == 401


def test_the_host_s_openapi_has_its_tags_and_short_names(host):
    """Operations have the names of their functions, each once, and can be omitted."""
    stats_app.attach_routes(host, tags=["numbers"])
    stats_app.attach_routes(host, prefix="/inner/of")
    stats_app.attach_routes(host, prefix="/hidden", include_in_schema=False)

    paths = host.openapi()["paths"]

    assert paths["/api/v1/stats/{label}"]["get"]["tags"] == ["numbers", "stats"]
    assert paths["/api/v1/stats/{label}"]["get"]["operationId"] == "get_stats"
    assert paths["/inner/of/api/v1/stats/{label}"]["get"]["operationId"] == "inner_of_get_stats"
    assert not [path for path in paths if path.startswith("/hidden")]


def test_a_host_s_callers_learn_no_address(call, host, caplog):
    """The response has no address; the log has address and remedy."""
    stats_app.attach_routes(host, everything=True)
    config.use(Config(redis_url="redis://user:secret@127.0.0.1:1/3"))

    answers = [call(host, "GET", "/api/v1/stats/a"), call(host, "POST", "/api/v1/stats", json=["a"])]
    health = call(host, "GET", "/api/v1/health")

    assert [answer.json() for answer in answers] == [{"detail": "the statistics server is unreachable"}] * 2
    assert health.json()["server"]["detail"] == "the statistics server is unreachable"
    assert "127.0.0.1:1" in caplog.text
    assert "secret" not in caplog.text


def test_the_complete_application_names_the_remedy(call):
    """Its callers may know the address of the server."""
    from akastats.app import app

    config.use(Config(redis_url="redis://127.0.0.1:1"))

    assert "127.0.0.1:1" in call(app, "GET", "/api/v1/stats/a").json()["detail"]

"""The ready application, and the guide's FastAPI snippets."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis as AsyncRedisClient

from akastats import __version__, push_stat
from akastats.api import app as stats_app
from akastats.api import events
from akastats.app import create_app
from akastats.config import Config, config
from akastats.redis import async_redis


async def ask(app: FastAPI, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask `app` once, in the running loop."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.request(method, path, headers=headers)


def test_one_connection_stays_open_while_it_serves(server):
    """The lifespan opens the connection and closes it; requests in between do not."""
    app = create_app()

    async def live():
        async with app.router.lifespan_context(app):
            client = async_redis.reader
            await ask(app, "/api/v1/available-stats")
            assert async_redis.reader is client
            return async_redis.call_count
        return 0

    async def then():
        return await live(), async_redis.reader

    assert asyncio.run(then()) == (1, None)


def test_it_starts_without_a_server(server):
    """An unreachable server is reported by health and by 503s, not by a failed start."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))
    app = create_app()

    async def live():
        async with app.router.lifespan_context(app):
            return await ask(app, "/api/v1/health")

    assert asyncio.run(live()).json()["server"]["reachable"] is False


def test_openapi_describes_every_route_with_examples():
    """Each operation has a summary, its errors as problem+json, and examples in what it answers."""
    document = create_app().openapi()

    operations = {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert (document["info"]["title"], document["info"]["version"]) == ("Akastats", __version__)
    assert len(operations) == 38
    for operation in operations.values():
        assert operation["description"]
        if operation.keys() & {"parameters", "requestBody"}:
            assert "application/problem+json" in operation["responses"]["422"]["content"]
    numbers = document["components"]["schemas"]["Numbers"]["properties"]
    assert all(field["examples"] for field in numbers.values())


def is_leaf(schema: dict) -> bool:
    """Whether a schema has values of its own, and not those of another one."""
    if "anyOf" in schema:
        return any(is_leaf(each) for each in schema["anyOf"] if each.get("type") != "null")
    return "$ref" not in schema and ("items" not in schema or is_leaf(schema["items"]))


def test_openapi_describes_everything_with_examples():
    """Each operation, parameter, body and field has a description, and an example if it needs one."""
    document = create_app().openapi()
    undescribed, unexampled = [], []

    def check(name: str, described: dict, schema: dict) -> None:
        if not described.get("description"):
            undescribed.append(name)
        if is_leaf(schema) and not (schema.get("examples") or schema.get("default")):
            unexampled.append(name)

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            check(name, operation, {"$ref": ""})
            for parameter in operation.get("parameters", []):
                check(f"{name} {parameter['name']}", parameter, parameter["schema"])
            for body in [operation["requestBody"]] if "requestBody" in operation else []:
                schema = body["content"]["application/json"]["schema"]
                check(name, body, {"$ref": ""})
                for field, described in schema.get("properties", {"": schema | {"description": "a list"}}).items():
                    check(f"{name} {field}", described, described)
            for status, answer in operation["responses"].items():
                check(f"{name} {status}", answer, {"$ref": ""})
    for name, schema in document["components"]["schemas"].items():
        check(name, schema, {"$ref": ""})
        for field, described in schema["properties"].items():
            check(f"{name}.{field}", described, described)

    assert (undescribed, unexampled) == ([], [])


def test_openapi_has_short_names_and_one_schema_of_problems():
    """Operations have the names of their functions, and errors are described once: all of it was 504 KB."""
    document = create_app().openapi()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    errors = [
        answer["content"]
        for operation in operations
        for status, answer in operation["responses"].items()
        if status >= "4"
    ]

    assert "get_stats" in [operation["operationId"] for operation in operations]
    assert {json.dumps(content) for content in errors} == {
        '{"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}'
    }
    assert len(json.dumps(document)) < 225_000


def test_openapi_says_what_a_label_may_be():
    """What the document calls valid is not refused: labels have 1 to 4096 characters, ids may be empty."""
    paths = create_app().openapi()["paths"]
    items = {
        name: paths[f"/api/v1/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]["items"]
        for name in ("stats", "stat-contexts")
    }

    assert items == {
        "stats": {"type": "string", "minLength": 1, "maxLength": 4096},
        "stat-contexts": {"type": "string", "minLength": 0, "maxLength": 4096},
    }


def test_the_guide_s_attachment(server):
    """`stats_app.attach_routes(app)` is all it takes."""
    app = FastAPI()
    stats_app.attach_routes(app)
    push_stat("url-downloader", 1)

    answer = asyncio.run(ask(app, "/api/v1/available-stats"))

    assert answer.json() == ["url-downloader"]


def test_the_guide_s_own_connection_attached_in_a_lifespan(server):
    """A pool of one's own is used by the endpoints, and left open for its owner."""

    @asynccontextmanager
    async def connect_redis(app: FastAPI):
        redis = AsyncRedisClient.from_url(server)
        async_redis.attach(redis, redis)
        await redis.set("key", "value")
        yield
        async_redis.detach()
        assert await redis.get("key") == b"value"
        await redis.aclose()

    app = stats_app.attach_routes(FastAPI(lifespan=connect_redis))
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    @app.get("/api/v1/endpoint")
    async def endpoint() -> str:
        async with async_redis as (reader, _):
            return (await reader.get("key")).decode("utf8")

    async def live():
        async with app.router.lifespan_context(app):
            return await ask(app, "/api/v1/endpoint"), await ask(app, "/api/v1/available-stats")

    mine, theirs = asyncio.run(live())
    assert (mine.json(), theirs.json()) == ("value", [])


def test_the_guide_s_connection_of_ours_in_a_lifespan(server):
    """`open_connection` at start keeps the connection; `async_redis()` is the guide's other spelling."""

    @asynccontextmanager
    async def connect_redis(app: FastAPI):
        await async_redis.open_connection()
        yield
        await async_redis.close()

    app = stats_app.attach_routes(FastAPI(lifespan=connect_redis))

    @app.get("/api/v1/endpoint")
    async def endpoint() -> str:
        async with async_redis() as (reader, writer):
            await writer.set("endpoint_key", "something")
            return (await reader.get("endpoint_key")).decode("utf8")

    async def live():
        async with app.router.lifespan_context(app):
            return await ask(app, "/api/v1/endpoint"), async_redis.call_count

    answer, users = asyncio.run(live())
    assert (answer.json(), users) == ("something", 1)


@pytest.mark.filterwarnings(r"ignore:\s*on_event is deprecated")
def test_the_guide_s_connection_with_on_event(server):
    """The older hooks do the same where this FastAPI still has them."""
    app = FastAPI()
    if not hasattr(app, "on_event"):
        pytest.skip("this FastAPI has no on_event any more")

    @app.on_event("startup")
    async def connect_redis():
        await async_redis.open_connection()

    @app.on_event("shutdown")
    async def close_redis():
        await async_redis.close()

    async def live():
        async with app.router.lifespan_context(app):
            return async_redis.reader is not None

    assert asyncio.run(live()) is True


@pytest.mark.parametrize("path", ["/", "/runs/2026", "/docs", "/openapi.json", "/api/v1/runs", "/api/v1/scopes"])
def test_head_answers_as_get_without_the_body(server, path):
    """Monitors and `curl -I` ask so, of the page and of the API."""
    app = create_app()

    got, head = (asyncio.run(ask(app, path, method)) for method in ("GET", "HEAD"))

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


def test_head_does_not_wait_for_a_stream_s_end(server):
    """The answer to GET has none."""
    assert asyncio.run(ask(create_app(), "/api/v1/events", "HEAD")).status_code == 405


@pytest.mark.parametrize(
    ("headers", "encoding"),
    [
        ({"accept-encoding": "gzip, br"}, "gzip"),
        ({"accept-encoding": "gzip", "sec-fetch-site": "same-origin"}, "gzip"),
        ({"accept-encoding": "identity"}, None),
        # Its length would reveal the content to another site's page.
        ({"accept-encoding": "gzip", "sec-fetch-site": "cross-site"}, None),
        ({"accept-encoding": "gzip", "sec-fetch-site": "same-site"}, None),
    ],
)
def test_json_is_compressed_for_who_accepts_it(server, headers, encoding):
    """The same answer, in a tenth of the bytes."""
    answer = asyncio.run(ask(create_app(), "/openapi.json", **headers))

    assert answer.headers.get("content-encoding") == encoding
    assert answer.json()["info"]["title"] == "Akastats"
    if encoding:
        assert int(answer.headers["content-length"]) < 30_000


def test_a_stream_is_not_compressed(server, monkeypatch):
    """Each event is to arrive when it happens."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.001)
    sent = []

    async def listen():
        over = asyncio.Event()

        async def receive():
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if message.get("body"):
                over.set()

        scope = {"type": "http", "method": "GET", "path": "/api/v1/events", "raw_path": b"/api/v1/events"}
        scope |= {"query_string": b"", "asgi": {"spec_version": "2.3"}, "client": ("127.0.0.1", 1)}
        headers = [(b"host", b"localhost"), (b"accept-encoding", b"gzip")]
        await create_app()({**scope, "headers": headers, "server": ("127.0.0.1", 8321)}, receive, send)

    asyncio.run(listen())

    assert b"content-encoding" not in dict(sent[0]["headers"])
    assert sent[1]["body"] == b": still here\n\n"

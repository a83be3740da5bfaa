"""Access: an unauthorised request is refused before it is parsed, and every response has security headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Mount, Route

from akastats import push_stat
from akastats.api.access import Access, ReadsContexts, check_origin, requires_write
from akastats.api.problems import Problem
from akastats.api.rate_limit import Rate
from akastats.app import create_app
from akastats.config import Config, config
from akastats.errors import ConfigError

TOKEN = "correct-horse-battery"
NUMBERS = "numbers-only-battery"
HERE, LAN, STRANGER = "http://127.0.0.1:8321", "http://192.0.2.1:8321", "http://evil.example:8321"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
NOWHERE = "redis://127.0.0.1:1"


def send(app: Any, method: str, base: str, path: str, **options: Any) -> httpx.Response:
    """Send a request to `app`, from this machine if the address is a loopback address, else from another."""
    client = ("127.0.0.1" if "127.0.0.1" in base or "[::1]" in base else "192.0.2.7", 50_000)
    client = (options.pop("client", client[0]), client[1])

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=base) as session:
            return await session.request(method, path, **options)

    return asyncio.run(go())


def bearer(token: str) -> dict[str, str]:
    """Return the header with a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """The complete application with two tokens; its server is down, so an endpoint that reads returns 503."""
    config.use(Config(redis_url=NOWHERE, token=f"{TOKEN} stats:{NUMBERS}"))
    yield create_app()
    config.use(None)


@pytest.fixture
def without_token() -> Iterator[FastAPI]:
    """The complete application without a token."""
    config.use(Config(redis_url=NOWHERE))
    yield create_app()
    config.use(None)


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    """Return every path of an application, with a value for each parameter."""
    for route in routes:
        # Newer versions of FastAPI store the included routers, older ones their routes.
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from paths(included.routes)
        elif isinstance(route, Mount):
            yield route.path + "/some.js"
        else:
            assert isinstance(route, Route), route
            yield re.sub(r"\{[^}]*\}", "some", route.path)


def every_path() -> list[str]:
    """Return the paths of the complete application, those of a login, and an unknown one."""
    return sorted({*paths(create_app().routes), "/login", "/nothing/here"})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", every_path())
def test_every_route_is_401_without_a_token(app, path, method):
    """Existing and missing resources have the same response."""
    answer = send(app, method, LAN, path, content=b"[" * 1000 if method == "POST" else None)

    assert (401, 'Bearer realm="akastats"') == (answer.status_code, answer.headers["www-authenticate"])


@pytest.mark.parametrize("path", every_path())
@pytest.mark.parametrize("base", [LAN, "http://[2001:db8::1]:8321"])
def test_without_any_token_set_only_this_machine_has_access(without_token, base, path):
    """An application that is served to other machines is closed until a token is set."""
    answer = send(without_token, "GET", base, path)

    assert 401 == answer.status_code


def test_every_path_is_really_there():
    """The list above has the paths of the application."""
    listed = every_path()

    assert {"/", "/openapi.json", "/api/v1/runs", "/api/v1/runs/some", "/api/v1/stats/some"} <= set(listed)
    # The page of akastats, not that of FastAPI, which loads files from a CDN.
    assert [path for path in listed if "doc" in path] == ["/docs"]


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "[::1]:8321", "LOCALHOST.:9", "127.0.0.2"])
def test_this_machine_needs_no_token_where_none_is_set(without_token, host):
    """Requests to the loopback address are answered, with any of its names and ports."""
    answer = send(without_token, "GET", HERE, "/api/v1/health", headers={"Host": host})

    assert 200 == answer.status_code


@pytest.mark.parametrize("base", [HERE, LAN])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer stats:{NUMBERS}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Cookie": f"akastats={TOKEN}"},
        {"Cookie": f"akastats-8321={TOKEN}; ;=;akastats-8321"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    ],
    ids=ascii,
)
def test_if_a_token_is_set_every_request_needs_it(app, base, headers):
    """On this machine too, because behind a proxy or a container port all clients are local."""
    answer = send(app, "GET", base, "/api/v1/health", headers=headers)

    assert 401 == answer.status_code


def test_two_tokens_in_one_request_are_none(app):
    """Which of two headers counts must not be guessed."""
    answer = send(app, "GET", LAN, "/api/v1/health", headers=[("Authorization", f"Bearer {TOKEN}")] * 2)

    assert 401 == answer.status_code


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER "])
def test_a_token_lets_in(app, kind):
    """The word before the token is case-insensitive."""
    answer = send(app, "GET", LAN, "/api/v1/health", headers={"Authorization": f"{kind} {TOKEN}"})

    assert 200 == answer.status_code


def test_off_gives_everyone_access():
    """`off` is explicit: no token is required."""
    config.use(Config(redis_url=NOWHERE, token="off"))
    answer = send(create_app(), "GET", LAN, "/api/v1/health")
    config.use(None)

    assert 200 == answer.status_code


def test_a_proxy_on_this_machine_does_not_make_others_local(without_token):
    """The client is the one that the proxy names."""
    answer = send(without_token, "GET", HERE, "/api/v1/health", client="203.0.113.9")

    assert 401 == answer.status_code


def test_an_allowed_name_needs_a_token_on_this_machine_too():
    """An allowed name is that of a proxy, which may serve any client."""
    config.use(Config(redis_url=NOWHERE, allowed_hosts="stats.example.org"))
    answer = send(create_app(), "GET", HERE, "/api/v1/health", headers={"Host": "stats.example.org"})
    config.use(None)

    assert 401 == answer.status_code


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8321",
        "192.0.2.1",
        "",
        "::1",
        "[::1",
        "a b",
    ],
)
def test_an_unknown_host_name_is_refused(without_token, host):
    """A page whose name resolves to this machine (DNS rebinding) cannot read anything."""
    answer = send(without_token, "GET", HERE, "/api/v1/health", headers={"Host": host})

    assert (421, "host") == (answer.status_code, answer.json()["field"])


def test_two_hosts_are_refused(without_token):
    """Which of two headers counts must not be guessed."""
    answer = send(
        without_token, "GET", HERE, "/api/v1/health", headers=[("Host", "localhost"), ("Host", "localhost")]
    )

    assert 421 == answer.status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.0.2.1:1", 200), ("[2001:db8::9]", 200), ("ci.example.org:8080", 200), ("evil.example", 421)],
)
def test_other_machines_use_an_address_or_an_allowed_name(host, status):
    """An address cannot be rebound; an allowed name matches completely, at any port."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN, allowed_hosts="ci.example.org"))
    answer = send(create_app(), "GET", LAN, "/api/v1/health", headers={"Host": host, **bearer(TOKEN)})
    config.use(None)

    assert status == answer.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8321.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": HERE.replace("http", "ftp")},
        [("Origin", HERE), ("Origin", "http://evil.example")],
        [("Origin", HERE), ("Origin", HERE)],
        [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")],
    ],
    ids=str,
)
def test_a_foreign_page_may_not_post(without_token, headers):
    """On the loopback address too: a browser sends the origin of its page."""
    answer = send(without_token, "POST", f"{HERE}", "/api/v1/stats", headers=headers, content=b"[]")

    assert (403, "origin") == (answer.status_code, answer.json()["field"])


@pytest.mark.usefixtures("without_token")
@pytest.mark.parametrize(("scheme", "allowed"), [("https", True), ("http", False)])
def test_a_request_by_https_needs_an_https_origin(scheme, allowed):
    """A page of the same name over http may come from an attacker between it and this machine."""
    headers = [(b"host", b"stats.example.org"), (b"origin", f"{scheme}://stats.example.org".encode())]
    scope = {"type": "http", "method": "POST", "scheme": "https", "headers": headers}

    if allowed:
        check_origin(scope)
    else:
        with pytest.raises(Problem):
            check_origin(scope)


@pytest.mark.parametrize(("count", "status"), [(1000, 200), (10_000, 431)])
def test_many_short_headers_are_a_long_one(without_token, count, status):
    """Separators and line ends count."""
    answer = send(without_token, "GET", HERE, "/api/v1/scopes", headers=[("a", "")] * count)

    assert status == answer.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": HERE},
        {"Origin": HERE.replace("http", "https")},
        {"Origin": HERE, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_pages_of_the_same_origin_and_programs_may_post(server, headers):
    """With the same origin or without an `Origin`."""
    answer = send(create_app(), "POST", HERE, "/api/v1/stats", headers=headers, content=b"[]")

    assert (200, {}) == (answer.status_code, answer.json())


def test_no_origin_is_allowed_to_read_across(without_token):
    """CORS is not supported: neither a request nor a preflight gets an allowing header."""
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    answers = [
        send(without_token, method, HERE, "/api/v1/stats", headers=headers) for method in ("GET", "OPTIONS")
    ]

    assert [] == [name for answer in answers for name in answer.headers if name.startswith("access-control")]


def test_numbers_alone_show_no_context(server):
    """A token with the scope `stats` reads numbers and histories. Contexts are 403 and name the missing scope."""
    config.use(Config(redis_url=server, token=f"{TOKEN} stats:{NUMBERS}"))
    push_stat("a", 1, context="why")
    app = create_app()

    numbers = send(app, "GET", LAN, "/api/v1/stats/a", headers=bearer(NUMBERS))
    refused = send(app, "POST", LAN, "/api/v1/stat-contexts", headers=bearer(NUMBERS), content=b"[]")
    allowed = send(app, "POST", LAN, "/api/v1/stat-contexts", headers=bearer(TOKEN), content=b"[]")

    assert (200, 403, 200) == (numbers.status_code, refused.status_code, allowed.status_code)
    assert "'contexts'" in refused.json()["detail"]


@pytest.fixture
def changing() -> APIRouter:
    """Return an application with a route that changes something, and one that omits contexts."""
    router = APIRouter()

    @router.post("/change", dependencies=[requires_write])
    async def change() -> str:
        return "changed"

    @router.get("/reads")
    async def reads(reads_contexts: ReadsContexts) -> bool:
        return reads_contexts

    return router


def test_only_write_changes_anything(changing):
    """The scopes for reading are not enough, and a foreign page may not write even with the scope."""
    config.use(Config(redis_url=NOWHERE, token=f"contexts:{NUMBERS} write:{TOKEN}"))
    app = create_app([changing])

    reader = send(app, "POST", LAN, "/change", headers=bearer(NUMBERS))
    writer = send(app, "POST", LAN, "/change", headers=bearer(TOKEN))
    foreign = send(app, "POST", LAN, "/change", headers={**bearer(TOKEN), "Origin": "http://evil.example"})
    config.use(None)

    assert (403, 200, 403) == (reader.status_code, writer.status_code, foreign.status_code)


def test_a_route_learns_whether_contexts_may_be_read(changing):
    """True with the scope, false without it."""
    config.use(Config(redis_url=NOWHERE, token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app([changing])

    answers = [send(app, "GET", LAN, "/reads", headers=bearer(token)).json() for token in (TOKEN, NUMBERS)]
    config.use(None)

    assert [True, False] == answers


def test_on_a_host_access_is_the_host_s_but_origins_are_checked(changing):
    """The host authorises callers; a foreign page still cannot write."""
    host = FastAPI()
    host.include_router(changing)

    plain = send(host, "POST", HERE, "/change")
    foreign = send(host, "POST", HERE, "/change", headers={"Origin": "http://evil.example"})

    assert (200, 403, True) == (plain.status_code, foreign.status_code, send(host, "GET", HERE, "/reads").json())


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/stats/a", "/openapi.json", "/nothing", "/login"])
@pytest.mark.parametrize("base", [HERE, LAN, STRANGER])
def test_every_response_has_security_headers(without_token, base, path):
    """Responses and errors have a strict policy, no sniffing, no referrer and no caching."""
    headers = send(without_token, "GET", base, path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert ("nosniff", "no-store") == (headers["x-content-type-options"], headers["cache-control"])
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_client_that_sends_too_many_requests_waits():
    """429 contains the seconds to wait, with and without a token; this machine is not limited."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN))
    inner = FastAPI()
    app = Access(inner, Rate(per_second=1, burst=3, clock=lambda: 0.0))

    answers = [send(app, "GET", LAN, "/", headers=bearer(TOKEN)) for _ in range(4)]
    local = [send(app, "GET", HERE, "/", headers=bearer(TOKEN)).status_code for _ in range(4)]
    config.use(None)

    assert [404, 404, 404, 429] == [answer.status_code for answer in answers]
    assert ("1", "application/problem+json") == (
        answers[3].headers["retry-after"],
        answers[3].headers["content-type"],
    )
    assert [404] * 4 == local


def test_guessing_tokens_is_slow():
    """A wrong token counts as eleven requests."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN))
    app = Access(FastAPI(), Rate(per_second=50, burst=200, clock=lambda: 0.0))

    statuses = [send(app, "GET", LAN, "/", headers=bearer(f"wrong-{n}")).status_code for n in range(25)]
    config.use(None)

    assert (19, 6) == (statuses.count(401), statuses.count(429))


def test_a_token_that_cannot_be_used_fails_the_start():
    """Otherwise its owner would believe that it protects the service."""
    config.use(Config(redis_url=NOWHERE, token="short"))
    app = create_app()

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    try:
        with pytest.raises(ConfigError, match="AKA_STATS_TOKEN"):
            asyncio.run(start())
    finally:
        config.use(None)


def test_a_websocket_is_closed(without_token):
    """The application has no websockets, so it closes them without a look-up."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "subprotocols": []}
    asyncio.run(without_token(scope, receive, send))

    assert [{"type": "websocket.close", "code": 1008}] == sent


def test_a_unix_socket_is_this_machine(without_token):
    """Its ends have no addresses, or a path."""
    transport = httpx.ASGITransport(without_token, client=("", 0))

    async def through(scope, receive, send):
        await without_token({**scope, "server": ("/run/akastats.sock", None), "client": None}, receive, send)

    transport.app = through

    async def go() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/api/v1/health")).status_code

    assert 200 == asyncio.run(go())

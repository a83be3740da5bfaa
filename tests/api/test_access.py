"""Access: nothing is parsed or looked up for those who may not ask, and every answer is told how to be shown."""

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


def ask(app: Any, method: str, base: str, path: str, **options: Any) -> httpx.Response:
    """Ask `app` at an address of this machine: from itself at the loopback, else from another."""
    client = ("127.0.0.1" if "127.0.0.1" in base or "[::1]" in base else "192.0.2.7", 50_000)
    client = (options.pop("client", client[0]), client[1])

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=client)
        async with httpx.AsyncClient(transport=transport, base_url=base) as session:
            return await session.request(method, path, **options)

    return asyncio.run(go())


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """The ready application with two tokens, whose server is away: what looks something up is 503."""
    config.use(Config(redis_url=NOWHERE, token=f"{TOKEN} stats:{NUMBERS}"))
    yield create_app()
    config.use(None)


@pytest.fixture
def without_token() -> Iterator[FastAPI]:
    """The ready application where nobody has set a token."""
    config.use(Config(redis_url=NOWHERE))
    yield create_app()
    config.use(None)


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    """Every path of an application, with something in place of its parameters."""
    for route in routes:
        # Newer versions of FastAPI keep the routers that were included, older ones their routes.
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from paths(included.routes)
        elif isinstance(route, Mount):
            yield route.path + "/some.js"
        else:
            assert isinstance(route, Route), route
            yield re.sub(r"\{[^}]*\}", "some", route.path)


def every_path() -> list[str]:
    """The paths of the ready application, those of a login, and one that leads nowhere."""
    return sorted({*paths(create_app().routes), "/login", "/nothing/here"})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", every_path())
def test_every_route_is_401_without_a_token(app, path, method):
    """Whatever there is, or is not, answers the same to those who may not ask."""
    answer = ask(app, method, LAN, path, content=b"[" * 1000 if method == "POST" else None)

    assert (401, 'Bearer realm="akastats"') == (answer.status_code, answer.headers["www-authenticate"])


@pytest.mark.parametrize("path", every_path())
@pytest.mark.parametrize("base", [LAN, "http://[2001:db8::1]:8321"])
def test_without_any_token_set_only_this_machine_may_ask(without_token, base, path):
    """An application that somebody serves to others by hand is closed until a token is set."""
    answer = ask(without_token, "GET", base, path)

    assert 401 == answer.status_code


def test_every_path_is_really_there():
    """The list above has what the application has."""
    found = every_path()

    assert {"/", "/openapi.json", "/api/v1/runs", "/api/v1/runs/some", "/api/v1/stats/some"} <= set(found)
    # Our own, not FastAPI's, which come from a CDN.
    assert [path for path in found if "doc" in path] == ["/docs"]


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "[::1]:8321", "LOCALHOST.:9", "127.0.0.2"])
def test_this_machine_needs_no_token_where_none_is_set(without_token, host):
    """At the loopback, by any of its names and ports, everything is answered."""
    answer = ask(without_token, "GET", HERE, "/api/v1/health", headers={"Host": host})

    assert 200 == answer.status_code


@pytest.mark.parametrize("base", [HERE, LAN])
@pytest.mark.parametrize(
    "given",
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
def test_where_a_token_is_set_nothing_else_will_do(app, base, given):
    """On the machine itself too: behind a proxy or a container's port everybody comes from there."""
    answer = ask(app, "GET", base, "/api/v1/health", headers=given)

    assert 401 == answer.status_code


def test_two_tokens_in_one_request_are_none(app):
    """Which of two headers counts is nothing to guess at."""
    answer = ask(app, "GET", LAN, "/api/v1/health", headers=[("Authorization", f"Bearer {TOKEN}")] * 2)

    assert 401 == answer.status_code


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER "])
def test_a_token_lets_in(app, kind):
    """The word before it may be written in any case."""
    answer = ask(app, "GET", LAN, "/api/v1/health", headers={"Authorization": f"{kind} {TOKEN}"})

    assert 200 == answer.status_code


def test_off_lets_everybody_in():
    """Told so in as many words, nobody is asked."""
    config.use(Config(redis_url=NOWHERE, token="off"))
    answer = ask(create_app(), "GET", LAN, "/api/v1/health")
    config.use(None)

    assert 200 == answer.status_code


def test_a_proxy_on_this_machine_does_not_make_others_local(without_token):
    """Who the proxy says is asking is who is asking."""
    answer = ask(without_token, "GET", HERE, "/api/v1/health", client="203.0.113.9")

    assert 401 == answer.status_code


def test_an_allowed_name_needs_a_token_on_this_machine_too():
    """A name from elsewhere is a proxy's, whoever is behind it."""
    config.use(Config(redis_url=NOWHERE, allowed_hosts="stats.example.org"))
    answer = ask(create_app(), "GET", HERE, "/api/v1/health", headers={"Host": "stats.example.org"})
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
def test_a_name_that_is_not_ours_is_refused(without_token, host):
    """A stranger's page whose name points here (DNS rebinding) reads nothing; here an address must be ours too."""
    answer = ask(without_token, "GET", HERE, "/api/v1/health", headers={"Host": host})

    assert (421, "host") == (answer.status_code, answer.json()["field"])


def test_two_hosts_are_refused(without_token):
    """Which of two headers counts is nothing to guess at."""
    answer = ask(
        without_token, "GET", HERE, "/api/v1/health", headers=[("Host", "localhost"), ("Host", "localhost")]
    )

    assert 421 == answer.status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.0.2.1:1", 200), ("[2001:db8::9]", 200), ("ci.example.org:8080", 200), ("evil.example", 421)],
)
def test_others_ask_for_an_address_or_an_allowed_name(host, status):
    """An address cannot be made to point here; a name is allowed by its whole, at any port."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN, allowed_hosts="ci.example.org"))
    answer = ask(create_app(), "GET", LAN, "/api/v1/health", headers={"Host": host, **bearer(TOKEN)})
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
def test_a_page_of_somebody_else_may_not_post(without_token, headers):
    """On the loopback too: a browser carries its page's origin."""
    answer = ask(without_token, "POST", f"{HERE}", "/api/v1/stats", headers=headers, content=b"[]")

    assert (403, "origin") == (answer.status_code, answer.json()["field"])


@pytest.mark.usefixtures("without_token")
@pytest.mark.parametrize(("scheme", "allowed"), [("https", True), ("http", False)])
def test_what_came_by_https_was_sent_by_a_page_of_https(scheme, allowed):
    """A page of the same name by http may be anybody's between it and here."""
    headers = [(b"host", b"stats.example.org"), (b"origin", f"{scheme}://stats.example.org".encode())]
    scope = {"type": "http", "method": "POST", "scheme": "https", "headers": headers}

    if allowed:
        check_origin(scope)
    else:
        with pytest.raises(Problem):
            check_origin(scope)


@pytest.mark.parametrize(("count", "status"), [(1000, 200), (10_000, 431)])
def test_many_short_headers_are_a_long_one(without_token, count, status):
    """What stands between a name and its value counts, and the end of its line."""
    answer = ask(without_token, "GET", HERE, "/api/v1/scopes", headers=[("a", "")] * count)

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
def test_our_own_pages_and_programs_may_post(server, headers):
    """Same origin, or none at all."""
    answer = ask(create_app(), "POST", HERE, "/api/v1/stats", headers=headers, content=b"[]")

    assert (200, {}) == (answer.status_code, answer.json())


def test_no_origin_is_allowed_to_read_across(without_token):
    """There is no CORS: neither a request nor a preflight is told that it may."""
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    answers = [ask(without_token, method, HERE, "/api/v1/stats", headers=headers) for method in ("GET", "OPTIONS")]

    assert [] == [name for answer in answers for name in answer.headers if name.startswith("access-control")]


def test_numbers_alone_show_no_context(server):
    """A token of scope `stats` reads numbers and histories; contexts are 403, and say which scope is missing."""
    config.use(Config(redis_url=server, token=f"{TOKEN} stats:{NUMBERS}"))
    push_stat("a", 1, context="why")
    app = create_app()

    numbers = ask(app, "GET", LAN, "/api/v1/stats/a", headers=bearer(NUMBERS))
    refused = ask(app, "POST", LAN, "/api/v1/stat-contexts", headers=bearer(NUMBERS), content=b"[]")
    allowed = ask(app, "POST", LAN, "/api/v1/stat-contexts", headers=bearer(TOKEN), content=b"[]")

    assert (200, 403, 200) == (numbers.status_code, refused.status_code, allowed.status_code)
    assert "'contexts'" in refused.json()["detail"]


@pytest.fixture
def changing() -> APIRouter:
    """Routes that use what the others will: one changes something, one leaves contexts out."""
    router = APIRouter()

    @router.post("/change", dependencies=[requires_write])
    async def change() -> str:
        return "changed"

    @router.get("/reads")
    async def reads(reads_contexts: ReadsContexts) -> bool:
        return reads_contexts

    return router


def test_only_write_changes_anything(changing):
    """Reading everything is not enough; a foreign page may not even with the scope."""
    config.use(Config(redis_url=NOWHERE, token=f"contexts:{NUMBERS} write:{TOKEN}"))
    app = create_app([changing])

    reader = ask(app, "POST", LAN, "/change", headers=bearer(NUMBERS))
    writer = ask(app, "POST", LAN, "/change", headers=bearer(TOKEN))
    foreign = ask(app, "POST", LAN, "/change", headers={**bearer(TOKEN), "Origin": "http://evil.example"})
    config.use(None)

    assert (403, 200, 403) == (reader.status_code, writer.status_code, foreign.status_code)


def test_a_route_learns_whether_contexts_may_be_read(changing):
    """With the scope, yes; without, no."""
    config.use(Config(redis_url=NOWHERE, token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app([changing])

    answers = [ask(app, "GET", LAN, "/reads", headers=bearer(token)).json() for token in (TOKEN, NUMBERS)]
    config.use(None)

    assert [True, False] == answers


def test_on_a_host_access_is_the_host_s_but_origins_are_checked(changing):
    """Whom a host lets in may do everything; a foreign page still changes nothing."""
    host = FastAPI()
    host.include_router(changing)

    plain = ask(host, "POST", HERE, "/change")
    foreign = ask(host, "POST", HERE, "/change", headers={"Origin": "http://evil.example"})

    assert (200, 403, True) == (plain.status_code, foreign.status_code, ask(host, "GET", HERE, "/reads").json())


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/stats/a", "/openapi.json", "/nothing", "/login"])
@pytest.mark.parametrize("base", [HERE, LAN, STRANGER])
def test_every_answer_tells_the_browser_to_be_careful(without_token, base, path):
    """Answers and errors alike: a policy that begins with nothing, no sniffing, no referrer, no copy kept."""
    headers = ask(without_token, "GET", base, path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert ("nosniff", "no-store") == (headers["x-content-type-options"], headers["cache-control"])
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_client_that_asks_too_often_waits():
    """429 says after how many seconds; with or without a token, and this machine itself is not counted."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN))
    inner = FastAPI()
    app = Access(inner, Rate(per_second=1, burst=3, clock=lambda: 0.0))

    answers = [ask(app, "GET", LAN, "/", headers=bearer(TOKEN)) for _ in range(4)]
    local = [ask(app, "GET", HERE, "/", headers=bearer(TOKEN)).status_code for _ in range(4)]
    config.use(None)

    assert [404, 404, 404, 429] == [answer.status_code for answer in answers]
    assert ("1", "application/problem+json") == (
        answers[3].headers["retry-after"],
        answers[3].headers["content-type"],
    )
    assert [404] * 4 == local


def test_guessing_tokens_is_slow():
    """A wrong token costs as much as eleven requests."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN))
    app = Access(FastAPI(), Rate(per_second=50, burst=200, clock=lambda: 0.0))

    statuses = [ask(app, "GET", LAN, "/", headers=bearer(f"wrong-{n}")).status_code for n in range(25)]
    config.use(None)

    assert (19, 6) == (statuses.count(401), statuses.count(429))


def test_a_token_that_cannot_be_used_fails_the_start():
    """Who set it would believe that it protects something."""
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
    """There are none here, so none is let through to be looked at."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "subprotocols": []}
    asyncio.run(without_token(scope, receive, send))

    assert [{"type": "websocket.close", "code": 1008}] == sent


def test_a_unix_socket_is_this_machine(without_token):
    """Its two ends have no addresses, or a path."""
    transport = httpx.ASGITransport(without_token, client=("", 0))

    async def through(scope, receive, send):
        await without_token({**scope, "server": ("/run/akastats.sock", None), "client": None}, receive, send)

    transport.app = through

    async def go() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/api/v1/health")).status_code

    assert 200 == asyncio.run(go())

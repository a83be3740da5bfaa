"""Access: who may ask, for what, and from which pages; and what every answer tells the browser.

An ASGI middleware, so that nothing of a request is parsed or looked up for those who may not ask. It stands
before our own application alone; a host of `attach_routes` has its own.

| checked, in this order | else |
|---|---|
| the header's size | 431 |
| the rate, where others than this machine ask | 429 |
| `Host` is a name we know | 421 |
| an unsafe method comes from a page of ours, or from no page | 403 |
| a token, or its cookie | 401 |
| the token's scopes, by the routes | 403 |
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akastats import hosts, tokens
from akastats.api import login
from akastats.api.problems import OWN, Problem, answer_of
from akastats.api.rate_limit import WRONG_TOKEN, Rate
from akastats.config import Config, config
from akastats.tokens import CONTEXTS, EVERYTHING, WRITE, Token

# A label of 4,096 bytes takes 12 KiB of a path percent-encoded; the rest is for cookies.
MAX_HEADER_BYTES = 32 * 1024

#: The end of the one path whose answer does not end: HEAD would wait for it.
ENDLESS = "/api/v1/events"
_SAFE = ("GET", "HEAD", "OPTIONS")

#: For whatever brings no policy of its own: nothing is fetched or run, and no frame shows it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Policy:
    """Who may ask: the holders of `tokens`, or everybody; under this machine's own names and `hosts`."""

    tokens: tuple[Token, ...]
    hosts: frozenset[str]
    is_open: bool


def policy_of(settings: Config) -> Policy:
    """Return what a configuration says of access; raises `ConfigError` for what cannot be used."""
    return _policy(settings.token, settings.allowed_hosts)


@functools.lru_cache(maxsize=4)
def _policy(token: str, allowed_hosts: str) -> Policy:
    is_open = token == tokens.OFF
    known = () if is_open else tokens.parse_tokens("AKA_STATS_TOKEN", token)
    return Policy(known, hosts.parse_hosts("AKA_STATS_ALLOWED_HOSTS", allowed_hosts), is_open)


@dataclass(frozen=True)
class Asking:
    """What access depends on of one request; `host` is `None` where the header is none or there are several."""

    method: str
    path: str
    headers: Headers
    host: str | None
    client: str
    is_of_this_machine: bool

    @property
    def is_for_a_page(self) -> bool:
        """Whether a person looks at the answer, not a program."""
        wants_html = "text/html" in self.headers.get("accept", "")
        return self.method in _SAFE and wants_html and not self.path.startswith("/api/")


def asking(scope: Scope) -> Asking:
    """Return what access depends on of a request."""
    headers = Headers(scope=scope)
    named = headers.getlist("host")
    client = (scope.get("client") or ("",))[0]
    return Asking(
        method=scope["method"],
        path=scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")),
        headers=headers,
        host=hosts.parse_host_header(named[0]) if len(named) == 1 else None,
        client=client,
        # Both ends: behind a proxy on this machine the client is who the proxy says.
        is_of_this_machine=_is_near(client) and _is_near((scope.get("server") or ("",))[0]),
    )


def _is_near(end: str) -> bool:
    """Tell whether one end of a connection is on this machine; a Unix socket's has no name, or a path."""
    return not end or end.startswith("/") or hosts.is_loopback(end)


def check_size(scope: Scope) -> None:
    """Raise a problem for a header that is too large: h11 takes any that comes in one piece."""
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    # With a colon, a blank and the line's end each: thousands of short ones are long too.
    if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        raise Problem(431, f"header: more than {MAX_HEADER_BYTES} bytes", "header", MAX_HEADER_BYTES)


def check_host(policy: Policy, asked: Asking) -> None:
    """Raise a problem unless the request names this service as we know it.

    An address as such is fine where others reach us: only names can be made to point here.
    """
    host = asked.host
    if host is not None and (hosts.is_loopback(host) or host in policy.hosts):
        return
    if host is not None and hosts.is_address(host) and not asked.is_of_this_machine:
        return
    raise Problem(
        421, "host: this name is not known here; allow it with --allow-host or AKA_STATS_ALLOWED_HOSTS", "host"
    )


def check_origin(scope: Scope) -> None:
    """Raise a problem where a page of somebody else sends what may change something.

    Programs send neither of the two headers; a browser sends at least one with an unsafe method, and none twice.
    """
    if scope["method"] in _SAFE:
        return
    headers = Headers(scope=scope)
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    is_once = len(origins) < 2 and len(sites) < 2
    is_ours = all(_is_own(origin, scope, headers) for origin in origins)
    if not (is_once and is_ours and all(site in ("same-origin", "none") for site in sites)):
        raise Problem(403, "origin: pages of other origins may not ask this", "origin")


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    scheme, _, host = origin.lower().partition("://")
    # What came by http may have come by https to a proxy that does not say so; the other way round nothing does.
    is_possible = scheme == "https" or (scheme == "http" and scope.get("scheme") != "https")
    return is_possible and [host] == [named.lower() for named in headers.getlist("host")]


def scopes_of(policy: Policy, asked: Asking, now: float) -> frozenset[str]:
    """Return what the asking one may do; raises a problem where it may not even ask."""
    if policy.is_open:
        return EVERYTHING
    if policy.tokens:
        held = _held(policy, asked, now)
        if held is None:
            raise _unauthorised("a token is needed: `Authorization: Bearer TOKEN`, or the page's login")
        return held.scopes
    # A name from elsewhere is a proxy's, so somebody else may be behind it.
    if asked.is_of_this_machine and asked.host is not None and hosts.is_loopback(asked.host):
        return EVERYTHING
    raise _unauthorised("no token is set here, so only this machine itself may ask: set AKA_STATS_TOKEN")


def _held(policy: Policy, asked: Asking, now: float) -> Token | None:
    given = asked.headers.getlist("authorization")
    if given:
        kind, _, secret = given[0].partition(" ")
        is_one = len(given) == 1 and kind.lower() == "bearer"
        return tokens.find_token(policy.tokens, secret.strip().encode("latin-1")) if is_one else None
    cookies = login.cookies(asked.headers)
    return next((found for each in cookies if (found := tokens.find_by_cookie(policy.tokens, each, now))), None)


def _unauthorised(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="akastats"'})


class Access:
    """The middleware; clocks are handed in."""

    def __init__(self, app: ASGIApp, rate: Rate | None = None, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._rate = rate or Rate()
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            is_head = scope["method"] == "HEAD" and not scope["path"].endswith(ENDLESS)
            scope = {**scope, "method": "GET"} if is_head else scope
            await self._answer(scope, receive, _with_headers(_without_body(send) if is_head else send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy, asked = policy_of(config.now()), asking(scope)
        try:
            check_size(scope)
            self._check_rate(asked)
            check_host(policy, asked)
            check_origin(scope)
            answer = await self._session(policy, asked, Request(scope, receive))
            if answer is None:
                granted = self._scopes(policy, asked)
                answer = self._app if asked.path != login.LOGIN else login.onward(scope)
                scope = {**scope, OWN: granted}
        except Problem as problem:
            answer = _refusal(problem, asked, scope)
        await answer(scope, receive, send)

    def _check_rate(self, asked: Asking) -> None:
        seconds = 0 if asked.is_of_this_machine else self._rate.take(asked.client)
        if seconds:
            raise Problem(429, f"too many requests: again in {seconds} s", headers={"Retry-After": str(seconds)})

    def _scopes(self, policy: Policy, asked: Asking) -> frozenset[str]:
        try:
            return scopes_of(policy, asked, self._now())
        except Problem:
            if "authorization" in asked.headers:
                self._rate.charge(asked.client, WRONG_TOKEN)
            raise

    async def _session(self, policy: Policy, asked: Asking, request: Request) -> ASGIApp | None:
        """Return the answer to what begins or ends a session, `None` for any other request."""
        if asked.method == "POST" and asked.path == login.LOGOUT:
            return login.logged_out(request)
        if asked.method == "POST" and asked.path == login.LOGIN:
            return await self._login(policy, asked, request)
        return None

    async def _login(self, policy: Policy, asked: Asking, request: Request) -> Response:
        given = await login.read(request)
        token = tokens.find_token(policy.tokens, given.secret)
        if token is None:
            self._rate.charge(asked.client, WRONG_TOKEN)
            return login.form(request, given.then, is_second=True)
        return login.logged_in(request, given.then, tokens.make_cookie(token, int(self._now())))


def _refusal(problem: Problem, asked: Asking, scope: Scope) -> Response:
    if problem.status_code == 401 and asked.is_for_a_page:
        return login.form(Request(scope), login.target_of(scope))
    return answer_of(problem)


def _without_body(send: Send) -> Send:
    """Return `send` for HEAD, with the headers of GET and without a body."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def _with_headers(send: Send) -> Send:
    """Return `send` with our headers where an answer brings none of its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _granted(request: Request) -> frozenset[str]:
    """Return what the asking one may do; on a host of `attach_routes`, whom it lets in may do everything."""
    granted: frozenset[str] = request.scope.get(OWN, EVERYTHING)
    return granted


def _needs(scope: str) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if scope not in _granted(request):
            raise Problem(403, f"this token does not allow it: it lacks the scope {scope!r}")

    return check


#: For `dependencies=` of a route that answers tracebacks and nothing else.
needs_contexts = Depends(_needs(CONTEXTS))


def reads_contexts(request: Request) -> bool:
    """Tell whether the asking one may read tracebacks too."""
    return CONTEXTS in _granted(request)


def _may_write(request: Request) -> None:
    # Again, because on a host nobody has looked before.
    check_origin(request.scope)
    _needs(WRITE)(request)


#: For `dependencies=` of whatever changes something.
may_write = Depends(_may_write)
#: For a route that leaves tracebacks out for those who may not read them.
ReadsContexts = Annotated[bool, Depends(reads_contexts)]
#: For a route that tells what may be done.
Granted = Annotated[frozenset[str], Depends(_granted)]

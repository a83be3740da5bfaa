"""Access control: callers, their scopes, allowed hosts and origins; and the security headers of responses.

It is an ASGI middleware, so that a rejected request is neither parsed nor routed. It protects only
`akastats.app`. An application that uses `attach_routes` has its own access control.

| check, in this order | status if it fails |
|---|---|
| size of the header | 431 |
| rate of requests, except from this machine | 429 |
| `Host` is an allowed name | 421 |
| an unsafe method does not come from a page of another origin | 403 |
| a token, or its cookie | 401 |
| scopes of the token, in the routes | 403 |
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

# Maximum size of a header in bytes. A percent-encoded label of 4,096 bytes takes 12 KiB; the rest is for cookies.
MAX_HEADER_BYTES = 32 * 1024

#: End of the only path whose response does not end. A HEAD request that is handled as GET would wait forever.
ENDLESS = "/api/v1/events"
_SAFE = ("GET", "HEAD", "OPTIONS")

#: Default headers of responses: the browser loads and executes nothing, and shows the response in no frame.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Policy:
    """The access policy of the service.

    tokens: accepted tokens; empty if no token is set
    hosts: accepted names besides those of this machine
    is_open: whether no request needs a token
    """

    tokens: tuple[Token, ...]
    hosts: frozenset[str]
    is_open: bool


def policy_of(settings: Config) -> Policy:
    """Return the access policy of a configuration; raise `ConfigError` for an invalid token or host."""
    return _policy(settings.token, settings.allowed_hosts)


@functools.lru_cache(maxsize=4)
def _policy(token: str, allowed_hosts: str) -> Policy:
    is_open = token == tokens.OFF
    accepted = () if is_open else tokens.parse_tokens("AKA_STATS_TOKEN", token)
    return Policy(accepted, hosts.parse_hosts("AKA_STATS_ALLOWED_HOSTS", allowed_hosts), is_open)


@dataclass(frozen=True)
class Caller:
    """The properties of a request that determine its access.

    method: HTTP method
    path: path below the root path
    headers: all headers
    host: host name of the `Host` header; `None` if the header is invalid or repeated
    client: address of the client; empty on a Unix socket
    is_of_this_machine: whether both ends of the connection are on this machine
    """

    method: str
    path: str
    headers: Headers
    host: str | None
    client: str
    is_of_this_machine: bool

    @property
    def is_for_a_page(self) -> bool:
        """Whether a browser shows the response."""
        wants_html = "text/html" in self.headers.get("accept", "")
        return self.method in _SAFE and wants_html and not self.path.startswith("/api/")


def caller_of(scope: Scope) -> Caller:
    """Return the caller of a request."""
    headers = Headers(scope=scope)
    names = headers.getlist("host")
    client = (scope.get("client") or ("",))[0]
    return Caller(
        method=scope["method"],
        path=scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")),
        headers=headers,
        host=hosts.parse_host_header(names[0]) if len(names) == 1 else None,
        client=client,
        # Check both ends, because a proxy on this machine may report the address of its own client.
        is_of_this_machine=_is_local(client) and _is_local((scope.get("server") or ("",))[0]),
    )


def _is_local(end: str) -> bool:
    """Return whether one end of a connection is on this machine. On a Unix socket it is empty or a path."""
    return not end or end.startswith("/") or hosts.is_loopback(end)


def check_size(scope: Scope) -> None:
    """Raise `Problem` for a header that is too large; h11 accepts any size if the header arrives in one piece."""
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    # Count the separators too, because thousands of short headers are also long.
    if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        raise Problem(431, f"header: more than {MAX_HEADER_BYTES} bytes", "header", MAX_HEADER_BYTES)


def check_host(policy: Policy, caller: Caller) -> None:
    """Raise `Problem` unless the `Host` header is an allowed name.

    Any IP address is allowed if the connection is not local, because DNS rebinding needs a name.
    """
    host = caller.host
    if host is not None and (hosts.is_loopback(host) or host in policy.hosts):
        return
    if host is not None and hosts.is_address(host) and not caller.is_of_this_machine:
        return
    raise Problem(
        421, "host: this name is not allowed; allow it with --allow-host or AKA_STATS_ALLOWED_HOSTS", "host"
    )


def check_origin(scope: Scope) -> None:
    """Raise `Problem` for an unsafe method from a page of another origin.

    With an unsafe method a browser sends `Origin`, `Sec-Fetch-Site` or both, each once. Other programs send
    neither header.
    """
    if scope["method"] in _SAFE:
        return
    headers = Headers(scope=scope)
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    is_once = len(origins) < 2 and len(sites) < 2
    is_ours = all(_is_own(origin, scope, headers) for origin in origins)
    if not (is_once and is_ours and all(site in ("same-origin", "none") for site in sites)):
        raise Problem(403, "origin: pages of other origins may not send this request", "origin")


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    scheme, _, host = origin.lower().partition("://")
    # A proxy may receive https and forward http without a header that shows this. No proxy does the reverse.
    is_possible = scheme == "https" or (scheme == "http" and scope.get("scheme") != "https")
    return is_possible and [host] == [name.lower() for name in headers.getlist("host")]


def scopes_of(policy: Policy, caller: Caller, now: float) -> frozenset[str]:
    """Return the scopes of the caller; raise `Problem` with status 401 if the caller has none."""
    if policy.is_open:
        return EVERYTHING
    if policy.tokens:
        token = _token_of(policy, caller, now)
        if token is None:
            raise _make_unauthorised(
                "a token is required: send `Authorization: Bearer TOKEN`, or log in on the page"
            )
        return token.scopes
    # A request with another host name came through a proxy, which may forward requests of other machines.
    if caller.is_of_this_machine and caller.host is not None and hosts.is_loopback(caller.host):
        return EVERYTHING
    raise _make_unauthorised("no token is set, so only this machine has access: set AKA_STATS_TOKEN")


def _token_of(policy: Policy, caller: Caller, now: float) -> Token | None:
    authorizations = caller.headers.getlist("authorization")
    if authorizations:
        kind, _, secret = authorizations[0].partition(" ")
        is_one = len(authorizations) == 1 and kind.lower() == "bearer"
        return tokens.find_token(policy.tokens, secret.strip().encode("latin-1")) if is_one else None
    cookies = login.cookies(caller.headers)
    return next((token for each in cookies if (token := tokens.find_by_cookie(policy.tokens, each, now))), None)


def _make_unauthorised(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="akastats"'})


class Access:
    """Middleware that rejects requests without access, and adds security headers to responses."""

    def __init__(self, app: ASGIApp, rate: Rate | None = None, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._rate = rate or Rate()
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or reject it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            is_head = scope["method"] == "HEAD" and not scope["path"].endswith(ENDLESS)
            scope = {**scope, "method": "GET"} if is_head else scope
            await self._answer(scope, receive, _with_headers(_without_body(send) if is_head else send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy, caller = policy_of(config.now()), caller_of(scope)
        try:
            check_size(scope)
            self._check_rate(caller)
            check_host(policy, caller)
            check_origin(scope)
            answer = await self._session(policy, caller, Request(scope, receive))
            if answer is None:
                granted = self._scopes(policy, caller)
                answer = self._app if caller.path != login.LOGIN else login.redirect_home(scope)
                scope = {**scope, OWN: granted}
        except Problem as problem:
            answer = _refusal(problem, caller, scope)
        await answer(scope, receive, send)

    def _check_rate(self, caller: Caller) -> None:
        seconds = 0 if caller.is_of_this_machine else self._rate.take(caller.client)
        if seconds:
            raise Problem(
                429, f"too many requests: retry after {seconds} s", headers={"Retry-After": str(seconds)}
            )

    def _scopes(self, policy: Policy, caller: Caller) -> frozenset[str]:
        try:
            return scopes_of(policy, caller, self._now())
        except Problem:
            if "authorization" in caller.headers:
                self._rate.charge(caller.client, WRONG_TOKEN)
            raise

    async def _session(self, policy: Policy, caller: Caller, request: Request) -> ASGIApp | None:
        """Return the response to a login or logout; `None` for any other request."""
        if caller.method == "POST" and caller.path == login.LOGOUT:
            return login.redirect_after_logout(request)
        if caller.method == "POST" and caller.path == login.LOGIN:
            return await self._login(policy, caller, request)
        return None

    async def _login(self, policy: Policy, caller: Caller, request: Request) -> Response:
        form = await login.read_form(request)
        token = tokens.find_token(policy.tokens, form.secret)
        if token is None:
            self._rate.charge(caller.client, WRONG_TOKEN)
            return login.show_form(request, form.next_path, has_failed=True)
        return login.redirect_after_login(request, form.next_path, tokens.make_cookie(token, int(self._now())))


def _refusal(problem: Problem, caller: Caller, scope: Scope) -> Response:
    if problem.status_code == 401 and caller.is_for_a_page:
        return login.show_form(Request(scope), login.target_of(scope))
    return answer_of(problem)


def _without_body(send: Send) -> Send:
    """Return `send` for HEAD, with the headers of GET and without a body."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the security headers that a response lacks."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _scopes_of_request(request: Request) -> frozenset[str]:
    """Return the scopes of the caller; all scopes in an application that uses `attach_routes`."""
    granted: frozenset[str] = request.scope.get(OWN, EVERYTHING)
    return granted


def _check_scope(scope: str) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if scope not in _scopes_of_request(request):
            raise Problem(403, f"the token lacks the scope {scope!r}")

    return check


#: Dependency of a route that returns only tracebacks.
requires_contexts = Depends(_check_scope(CONTEXTS))


def reads_contexts(request: Request) -> bool:
    """Return whether the caller may read tracebacks."""
    return CONTEXTS in _scopes_of_request(request)


def _check_write(request: Request) -> None:
    # The middleware has not checked the origin if another application attached the routes.
    check_origin(request.scope)
    _check_scope(WRITE)(request)


#: Dependency of a route that changes data.
requires_write = Depends(_check_write)
#: Parameter of a route that omits tracebacks without the scope `contexts`.
ReadsContexts = Annotated[bool, Depends(reads_contexts)]
#: Parameter of a route that returns the scopes of the caller.
CallerScopes = Annotated[frozenset[str], Depends(_scopes_of_request)]

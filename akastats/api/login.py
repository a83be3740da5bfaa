"""The login of a browser: a form that works without scripts, and a cookie."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from string import Template
from urllib.parse import parse_qs, quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import Headers
from starlette.types import Scope

from akastats.api.limits import read_body
from akastats.tokens import COOKIE_DAYS

LOGIN, LOGOUT = "/login", "/logout"
COOKIE = "akastats"
# Maximum number of bytes in the login form.
MAX_FORM_BYTES = 16 * 1024
# Maximum number of cookies checked per request, because each check computes a digest.
MAX_COOKIES = 8

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 20vh auto 0; max-width: 24rem; padding: 0 1rem }
input, button { box-sizing: border-box; font: inherit; margin: .3rem 0 1rem; padding: .5rem; width: 100% }
[role=alert] { border-inline-start: .3rem solid #c22; padding-inline-start: .7rem }
"""
_FORM = Template(f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>akastats: login</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>akastats</h1>
$notice<form method="post" action="$action">
<input type="hidden" name="next" value="$next_path">
<input name="username" value="akastats" autocomplete="username" hidden>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
<p><code>akastats serve</code> printed the token when it started, unless <code>AKA_STATS_TOKEN</code> is set.</p>
</main>
</body>
</html>
""")
_NOTICE = '<p role="alert">The token is not valid for this server.</p>\n'

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "WWW-Authenticate": 'Bearer realm="akastats"',
    # With `no-referrer` a browser sends the form with `Origin: null`, as it does from any other site.
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class LoginForm:
    """The fields of the login form.

    secret: the token
    next_path: path to open after the login
    """

    secret: bytes
    next_path: str


def show_form(request: Request, next_path: str, has_failed: bool = False) -> Response:
    """Return the login form with status 401; `next_path` is the path to open after the login."""
    page = _FORM.substitute(
        notice=_NOTICE if has_failed else "",
        action=escape(_root(request.scope) + LOGIN),
        next_path=escape(next_path),
    )
    return HTMLResponse(page, 401, _HEADERS)


async def read_form(request: Request) -> LoginForm:
    """Read the fields of the form; raise a problem for a body that is too large or too slow."""
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        fields = parse_qs(body, max_num_fields=10)
    except ValueError:
        fields = {}
    (secret, *_), (next_path, *_) = fields.get(b"token", [b""]), fields.get(b"next", [b""])
    return LoginForm(secret.strip(), next_path.decode(errors="replace"))


def redirect_home(scope: Scope) -> Response:
    """Return a redirection to the front page, for a caller that needs no login."""
    return RedirectResponse(_root(scope) + "/", 303)


def redirect_after_login(request: Request, next_path: str, cookie: str) -> Response:
    """Return a redirection to `next_path` that sets the cookie."""
    answer = RedirectResponse(check_local_path(next_path) or _root(request.scope) + "/", 303)
    _set_cookie(answer, request, cookie, COOKIE_DAYS * 86_400)
    return answer


def redirect_after_logout(request: Request) -> Response:
    """Return a redirection to the front page that removes the cookie."""
    answer = redirect_home(request.scope)
    _set_cookie(answer, request, "", 0)
    return answer


def _set_cookie(answer: Response, request: Request, value: str, seconds: int) -> None:
    answer.set_cookie(
        _name_of(request.headers),
        value,
        max_age=seconds,
        path=_root(request.scope) + "/",
        secure=request.scope.get("scheme") == "https",
        httponly=True,
        samesite="strict",
    )


def _name_of(headers: Headers) -> str:
    """Return the cookie's name, with the port: a browser sends a cookie to all ports of a host."""
    port = re.search(r":([0-9]{1,5})$", headers.get("host", ""))
    return f"{COOKIE}-{port[1]}" if port else COOKIE


def cookies(headers: Headers) -> list[str]:
    """Return the values of the login cookies of a request."""
    pairs = (pair.partition("=") for line in headers.getlist("cookie") for pair in line.split(";"))
    name = _name_of(headers)
    return [value.strip() for key, _, value in pairs if key.strip() == name][:MAX_COOKIES]


def target_of(scope: Scope) -> str:
    """Return the path and query of a request, to open after the login."""
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(scope["path"], safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")


def check_local_path(next_path: str) -> str | None:
    """Return `next_path` if it is a path on this host, `None` if it could lead elsewhere."""
    return next_path if re.fullmatch(r"/(?![/\\])[!-\[\]-~]{0,4096}", next_path) else None


def _root(scope: Scope) -> str:
    return str(scope.get("root_path", "")).rstrip("/")

"""The login of a browser: a form without scripts, and a cookie that scripts cannot read."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from fastapi import FastAPI

from akastats.app import create_app
from akastats.config import Config, config
from tests.api.test_access import HERE, LAN, NOWHERE, TOKEN, send

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """The complete application with a token and an unreachable server."""
    config.use(Config(redis_url=NOWHERE, token=TOKEN))
    yield create_app()
    config.use(None)


def log_in(app: FastAPI, then: str = "/", base: str = LAN, token: str = TOKEN, **headers: str):
    """Send the form."""
    return send(app, "POST", base, "/login", data={"token": token, "next": then}, headers=headers)


def cookie_of(answer) -> dict[str, str]:
    """Return the cookie of a response as a request sends it."""
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return {"Cookie": f"other=1; {morsel.key}={morsel.value}"}


@pytest.mark.parametrize("path", ["/", "/runs/a?x=1&y=%22", "/nothing", "/login"])
def test_a_browser_without_a_token_gets_the_form(app, path):
    """401 with a form that returns to the requested address; programs get problem+json."""
    page = send(app, "GET", LAN, path, headers=HTML)
    program = send(app, "GET", LAN, path)

    assert (401, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
    assert f'name="next" value="{path.replace("&", "&amp;")}"' in page.text
    assert (401, "application/problem+json") == (program.status_code, program.headers["content-type"])


def test_the_api_never_answers_a_form(app):
    """A client of the API gets JSON, whatever it accepts."""
    answer = send(app, "GET", LAN, "/api/v1/runs", headers=HTML)

    assert "application/problem+json" == answer.headers["content-type"]


def test_the_form_sends_its_origin(app):
    """With `no-referrer` a browser would send `Origin: null`, which is refused."""
    answer = send(app, "GET", LAN, "/", headers=HTML)

    assert "same-origin" == answer.headers["referrer-policy"]


def test_the_form_has_its_style_and_no_script(app):
    """The policy allows only this style."""
    answer = send(app, "GET", LAN, "/", headers=HTML)

    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "script" not in answer.text + answer.headers["content-security-policy"]


def test_a_token_in_the_form_sets_a_cookie_that_gives_access(app):
    """HttpOnly, SameSite=Strict, for a month; it does not contain the token."""
    answer = log_in(app, then="/runs/a?b=c")

    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (303, "/runs/a?b=c") == (answer.status_code, answer.headers["location"])
    assert ("akastats-8321", True, "strict", "/", "2592000", "") == (
        morsel.key,
        morsel["httponly"],
        morsel["samesite"],
        morsel["path"],
        morsel["max-age"],
        morsel["secure"],
    )
    assert TOKEN not in answer.headers["set-cookie"]
    assert 200 == send(app, "GET", LAN, "/api/v1/health", headers=cookie_of(answer)).status_code


def test_over_https_the_cookie_is_secure(app):
    """Behind a TLS proxy it is never sent unencrypted."""
    answer = log_in(app, base="https://192.0.2.1")

    assert "; secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["set-cookie"].startswith("akastats=")


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "off"])
def test_a_wrong_token_says_so_and_leaves_nothing(app, token):
    """The form is shown again, with the same destination."""
    answer = log_in(app, then="/errors", token=token)

    assert (401, "set-cookie" in answer.headers) == (answer.status_code, False)
    assert 'role="alert"' in answer.text
    assert 'value="/errors"' in answer.text


@pytest.mark.parametrize(
    "then",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\nSet-Cookie: a=b",
        "/\t/evil.example",
        "/" + "a" * 5000,
        "evil",
    ],
    ids=ascii,
)
def test_a_login_leads_nowhere_else(app, then):
    """A destination that is not a path of this host becomes the front page."""
    answer = log_in(app, then=then)

    assert (303, "/") == (answer.status_code, answer.headers["location"])


@pytest.mark.parametrize("path", ["/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", '/?a="><script>alert(1)</script>'])
def test_an_address_is_text_in_the_form(app, path):
    """The destination is a value, never markup."""
    answer = send(app, "GET", LAN, path, headers=HTML)

    assert "<script" not in answer.text


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Origin": "http://evil.example"}])
def test_another_page_cannot_log_a_user_in(app, headers):
    """A form of a foreign page is refused before the token is checked."""
    answer = log_in(app, **headers)

    assert (403, "set-cookie" in answer.headers) == (answer.status_code, False)


def test_a_form_without_end_is_cut_off(app):
    """413 names the limit."""
    answer = send(app, "POST", LAN, "/login", content=b"token=" + b"a" * 20_000)

    assert (413, 16_384) == (answer.status_code, answer.json()["limit"])


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"token", b"&" * 5000, b"a=1&" * 1000, b"token=%ff%00&token=b", b"{}"]
)
def test_what_is_no_form_is_no_login(app, body):
    """Any other body gets the form."""
    answer = send(app, "POST", LAN, "/login", content=body)

    assert 401 == answer.status_code


def test_logging_out_takes_the_cookie_away(app):
    """The browser deletes it; a foreign page cannot log a user out."""
    answer = send(app, "POST", LAN, "/logout")
    foreign = send(app, "POST", LAN, "/logout", headers={"Origin": "http://evil.example"})

    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert ("akastats-8321", "", "0") == (morsel.key, morsel.value, morsel["max-age"])
    assert 403 == foreign.status_code


def test_a_user_with_access_needs_no_form(app):
    """`/login` redirects with a valid cookie, and if no token is needed."""
    cookie = cookie_of(log_in(app))
    with_cookie = send(app, "GET", LAN, "/login", headers={**HTML, **cookie})
    config.use(Config(redis_url=NOWHERE))
    local = send(app, "GET", HERE, "/login", headers=HTML)

    assert [(303, "/")] * 2 == [
        (answer.status_code, answer.headers["location"]) for answer in (with_cookie, local)
    ]


def test_below_a_prefix_everything_stays_there(app):
    """Mounted in another application, form, cookie and redirect have its path."""
    outer = FastAPI()
    outer.mount("/stats", app)

    page = send(outer, "GET", LAN, "/stats/runs/a", headers=HTML)
    answer = send(outer, "POST", LAN, "/stats/login", data={"token": TOKEN, "next": "/stats/runs/a"})

    assert 'action="/stats/login"' in page.text
    assert 'value="/stats/runs/a"' in page.text
    assert "/stats/runs/a" == answer.headers["location"]
    assert "Path=/stats/;" in answer.headers["set-cookie"]
    assert 200 == send(outer, "GET", LAN, "/stats/api/v1/health", headers=cookie_of(answer)).status_code

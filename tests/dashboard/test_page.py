"""The page: one shell for all addresses, which holds no data, and files that fit together."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from akastats.config import config
from akastats.dashboard import files, page
from tests.api.conftest import call
from tests.delivered_runs import deliver_run

VOID = {"meta", "link", "br", "img"}
ADDRESSES = [
    "/",
    "/tests",
    "/test",
    "/speed-up",
    "/stats",
    "/errors",
    "/errors/0a1b",
    "/runs/2026",
    "/runs/2026/compare/2025",
]


class Reader(HTMLParser):
    """Reads a page: its addresses and elements; fails where an element is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.timezone: str | None = None

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.attributes |= {name for name, _ in attrs}
        self.timezone = dict(attrs).get("data-timezone", self.timezone)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def get(path: str = "/"):
    """Ask the ready application and read its page."""
    from akastats.app import app

    answer = call(app, "GET", path)
    read = Reader()
    read.feed(answer.text)
    read.close()
    assert read.open == []
    return answer, read


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_answers_the_shell(server, address):
    """Whatever is looked at, the page is the same small one: its scripts see the address."""
    answer, read = get(address)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert len(answer.content) < 5000
    assert any(link.endswith("/app.js") for link in read.links)


@pytest.mark.parametrize("address", ADDRESSES)
def test_its_links_lead_somewhere(server, tmp_path, address):
    """Every address in the shell is answered, from however deep it is asked."""
    from akastats.app import app

    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)])
    _, read = get(address)

    links = [link for link in read.links if not link.startswith("#")]
    found = {link: call(app, "GET", urljoin(address, link)).status_code for link in links}

    assert len(found) >= 10
    assert dict.fromkeys(found, 200) == found


def test_an_encoded_slash_is_no_step(server):
    """A run's id that holds a slash does not lead the page's files astray."""
    _, plain = get("/runs/a")
    _, encoded = get("/runs/a%2Fb")

    assert plain.links == encoded.links


def test_nothing_of_it_is_inline_or_from_elsewhere(server):
    """The policy forbids all but the page's own files, and the shell needs no exception."""
    answer, read = get()

    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "require-trusted-types-for 'script'" in policy
    assert not [name for name in read.attributes if name == "style" or name.startswith("on")]
    assert not [link for link in read.links if "//" in link]


def test_a_hostile_time_zone_is_text(server):
    """What the configuration says stands escaped in an attribute."""
    config.timezone = '"><script>alert(1)</script>'

    answer, read = get()

    assert "<script>alert" not in answer.text
    assert read.timezone == '"><script>alert(1)</script>'


HTML = {"accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/runs2/x", "/apis", "/a/b/c"])
def test_a_browser_that_lost_its_way_is_shown_the_page(server, path):
    """404, with the way back around it."""
    from akastats.app import app

    answer = call(app, "GET", path, headers=HTML)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/nowhere", {}),
        ("POST", "/nowhere", HTML),
        ("GET", "/api/v1/nothing", HTML),
        ("GET", "/api/v1/runs/20260101T000000000-000000", HTML),
        ("GET", "/static/00/nothing.js", HTML),
    ],
)
def test_what_is_no_page_is_missed_as_a_problem(server, method, path, headers):
    """A client that accepts no HTML, or requests a path of the API, gets the reason as JSON."""
    from akastats.app import app

    answer = call(app, method, path, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_missing_file_is_told_apart():
    """The shell stands beside the files but is none of them: it is filled before it is answered."""
    assert Path(files.HERE / "shell.html").exists()
    assert "$" not in page.render_shell("./", "Europe/Amsterdam")

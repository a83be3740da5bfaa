"""The page: valid, small, safe, helpful when there is nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from akastats.config import Config, config
from tests.api.conftest import call
from tests.telling import tell

VOID = {"meta", "link", "br", "img"}


class Reader(HTMLParser):
    """Reads a page: its text and links; fails where an element is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def get(path: str = "/"):
    """Ask the ready application and read its page."""
    from akastats.app import app

    answer = call(app, "GET", path)
    page = Reader()
    page.feed(answer.text)
    page.close()
    assert page.open == []
    return answer, page


def test_it_lists_the_newest_runs(server, tmp_path):
    """Status, branch, short commit, counts, duration and local time stand in a row that links to the run."""
    told = {"branch": "main", "commit": "c0ffee" * 6}
    run_id = tell(server, tmp_path, [("a.py::b", "failed", 0.1), ("a.py::c", "passed", 0.1)], **told)

    answer, page = get()

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    cells = [word for word in page.words if word.strip()]
    row = cells[cells.index(run_id) :][:8]
    assert row == [run_id, "failed", "main", "c0ffeec0ff", "2", "1", "0", "1 min 00 s"]
    assert "2023-11-14 23:13:20 CET" in page.words
    assert f"api/v1/runs/{run_id}" in page.links


def test_its_links_lead_somewhere(server, tmp_path):
    """Every link on the page is answered."""
    from akastats.app import app

    tell(server, tmp_path, [("a.py::b", "passed", 0.1)])

    _, page = get()

    assert len(page.links) >= 4
    assert [call(app, "GET", f"/{link}").status_code for link in page.links] == [200] * len(page.links)


def test_an_empty_store_says_what_to_do(server):
    """Whoever opens it first learns how to record a run."""
    _, page = get()

    assert "pytest --akastats" in page.words


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "\"'><img src=x>", "\x1b[2J\u202eevil", "&lt;b&gt;", "$main"]
)
def test_what_strangers_wrote_is_shown_as_text(server, tmp_path, hostile):
    """A branch is text, whatever it holds, and is shown as it is or escaped."""
    tell(server, tmp_path, [("a.py::b", "passed", 0.1)], branch=hostile, commit=hostile, suite="s")

    answer, page = get()

    assert not page.elements & {"script", "img", "b"}
    assert hostile in page.words or "\x1b" in hostile
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text


def test_it_fetches_and_runs_nothing(server):
    """The policy that comes with the page forbids scripts, frames and everything from elsewhere."""
    answer, page = get()

    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not page.elements & {"script", "link", "img", "iframe"}
    assert len(answer.text) < 4000


def test_times_are_in_the_configured_zone(server, tmp_path):
    """AKA_STATS_TIMEZONE is what people read."""
    tell(server, tmp_path, [("a.py::b", "passed", 0.1)])
    config.timezone = "Asia/Tokyo"

    _, page = get()

    assert "2023-11-15 07:13:20 JST" in page.words


def test_a_zone_that_does_not_exist_is_said(server):
    """An unknown zone is a clear sentence, not an error page of the framework."""
    config.timezone = "Middle/Earth"

    answer, page = get()

    assert answer.status_code == 503
    assert any("Middle/Earth" in word for word in page.words)


def test_a_server_that_is_away_is_said(server):
    """Without its server the page says which one is missing."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    answer, page = get()

    assert answer.status_code == 503
    assert any("127.0.0.1:1" in word for word in page.words)

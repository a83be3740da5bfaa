"""The HTML report, parsed: it contains only tags, attributes and addresses of akastats."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from akastats.model.verdicts import ChangeVerdict, FailureVerdict
from akastats.report.document import cut
from akastats.report.html import MAX_CODE, render_html
from akastats.report.run_document import make_document
from tests.report.examples import HOSTILE, RUN, change, details, everything, failure, finding, flaky, verdicts

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section"),
    *("h1", "h2", "span", "p", "ul", "li", "code", "a"),
}
ATTRIBUTES = {
    ("html", "lang"),
    ("meta", "charset"),
    ("meta", "http-equiv"),
    ("meta", "name"),
    ("meta", "content"),
    ("h1", "class"),
    ("p", "class"),
    ("a", "href"),
    ("a", "rel"),
}
EMPTY = {"meta"}


class Page(HTMLParser):
    """A parsed page: tags, attributes, and text by its tag. Tags must be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.texts: dict[str, list[str]] = {}
        self.links: list[str | None] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def test_all_findings_are_written():
    """All contents of the markdown report, and the slowest tests and fixtures."""
    page = Page(render_html(make_document(*everything(), {"r1": "aaaabbbbccccdddd"})))

    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    titles = [text.strip() for text in page.texts["h2"]]
    assert ["New failures", "Failures", "Failures with no history", "Also failing on the base"] == titles[:4]
    assert ["Over budget", "Fixed", "Slowest tests", "Slowest fixtures"] == titles[-4:]
    assert {"tests/test_cart.py::test_total[eur]", "tests::db", "aaaabbbbcc"} <= set(page.texts["code"])
    assert ["Tests failed in unit: 5 failed, 1 error, 114 passed; 1 of the failures is quarantined"] == page.texts[
        "title"
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_has_no_effect(text):
    """It is text, and only inside of code."""
    hostile = details(
        failure(text, f"{text}2", message=text, frames=[f"{text}::{text}"], file=text, exception=text),
        run=type(RUN)(id=text, status=text, suite=text, branch=text, commit=text, build_url=f"https://{text}"),
    )
    run_verdicts = verdicts(
        failures=(FailureVerdict(text, "new"),),
        base=text,
        tests=(flaky(text, since=text, after=((text, 2),)),),
        changes=(ChangeVerdict(change(f"test::{text}", since=text, run=text, until=text), is_new=True),),
    )

    written = render_html(make_document(hostile, run_verdicts, {text: text}, [finding(text)]))

    page = Page(written)
    assert not {"\u202e", "\u2066", "\x1b", "\0", "\r", "\ud800"} & set(written)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert cut(text, MAX_CODE) in page.texts["code"]
    assert all((link or "").startswith("https://") for link in page.links)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", " https://x", "HTTPS:x"]
)
def test_only_an_address_of_the_web_is_a_link(url):
    """A variable sets the address of a build."""
    page = Page(render_html(make_document(details(run=type(RUN)(id="r", build_url=url)), None)))

    assert [] == page.links


def test_the_policy_allows_only_its_own_style():
    """By its digest: injected content could neither run, load nor style anything."""
    text = render_html(make_document(*everything()))
    (style,) = Page(text).texts["style"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;;" in text
    assert not re.search(r"url\(|@import|src=|<script|<link", text)


def test_it_is_readable_in_light_and_dark():
    """Every colour is a variable that both schemes set."""
    (style,) = Page(render_html(make_document(*everything()))).texts["style"]
    light, dark = (
        set(re.findall(r"--(\w+):", part)) for part in style.split("@media (prefers-color-scheme: dark)")
    )

    assert set(re.findall(r"var\(--(\w+)\)", style)) == light == dark
    rules = style.split("}\nbody", 1)[1]
    assert [] == re.findall(r"#[0-9a-f]{3,6}", rules)


@pytest.mark.parametrize(
    ("status", "tone"), [("passed", "passed"), ("failed", "failed"), ("crashed", "failed"), ("running", "other")]
)
def test_the_result_has_its_colour(status, tone):
    """Green if it passed, red if it failed, neither if it is in progress."""
    assert f'<h1 class="{tone}">' in render_html(
        make_document(details(run=type(RUN)(id="r", status=status)), None)
    )


def test_nothing_is_cut():
    """A file has no limit: each of 1,000 tests is named."""
    page = render_html(
        make_document(details(*(failure(*(f"a{n}.py::t{at}" for at in range(100))) for n in range(10))), None)
    )

    assert 1000 == len(re.findall(r"<code>a\d\.py::t\d+</code>", page))

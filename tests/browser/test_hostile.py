"""Names, messages, tracebacks, branches, runs and suites as attackers write them: text, and nothing else.

The browser is told to leave the page's policy out, so that what does not run does not because of the page itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from conftest import running_server
from tests.browser.payloads import ALL, BROKEN_OUT
from tests.browser.served import served
from tests.telling import tell

STRANGERS = (Path(__file__).parent / "strangers.js").read_text()

FIELDS = (
    "branch",
    "commit",
    "suite",
    "provider",
    "build_id",
    "build_url",
    "job",
    "host",
    "python",
    "platform",
    "argv",
)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory) -> Iterator[str]:
    """Where a store is served in which every payload stands in every place that a text can have."""
    now = time.time() - 3600
    home = tmp_path_factory.mktemp("hostile")
    with running_server() as url:
        for number, payload in enumerate(ALL):
            tests = [(payload, "failed", 0.1, traceback(payload))]
            told = {"id": f"{number:03d} {payload}", **dict.fromkeys(FIELDS, payload)}
            run_id = f"20261120T080000{number:03d}-000001"
            tell(url, home, tests, run_id=run_id, started=now + number, **told)
        tests = [(f"tests/{text}.py::test[{text}]", "failed", 0.1, traceback(text)) for text in ALL]
        fixtures = [[text, text, "function", 1, 0.1, 0.1] for text in ALL]
        tell(url, home, tests, run_id="20261120T090000000-000002", started=now + 900, fixtures=fixtures)
        with served(url) as where:
            yield where


def traceback(text: str) -> str:
    """A failure whose every line holds a text."""
    marked = f"E       ValueError: {text}\nE       {text}"
    return f"def test():  # {text}\n>       f('{text}')\n{marked}\n\n{text}.py:3: ValueError"


def ask(address: str, path: str):
    """What the API answers."""
    with urlopen(f"{address}/api/v1/{path}") as answer:
        return json.load(answer)


def paths(address: str, name: str) -> list[str]:
    """Return addresses of one view: where one shows one payload, of every eighth."""
    some = ALL[::8]
    if name == "runs":
        return [f"/runs/{quote(f'{number:03d} {ALL[number]}', safe='')}" for number in range(0, len(ALL), 8)]
    if name == "compare":
        return [f"/runs/20261120T090000000-000002/compare/{quote(f'000 {ALL[0]}', safe='')}"]
    if name == "test":
        return [f"/test?nodeid={quote(text, safe='')}&suite={quote(text, safe='')}" for text in some]
    if name == "error":
        return [f"/errors/{item['fingerprint']}" for item in ask(address, "errors?limit=3")["items"]]
    if name == "stat":
        return [f"/stats?label={quote(f'test@{text}::{text}', safe='')}" for text in some]
    return {
        "overview": ["/", *(f"/?branch={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "whole run": ["/runs/20261120T090000000-000002"],
        "tests": ["/tests", *(f"/tests?q={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "grid": ["/tests?view=grid"],
        "errors": ["/errors"],
        "stats": ["/stats"],
    }[name]


NAMES = ("overview", "whole run", "runs", "compare", "tests", "grid", "test", "errors", "error", "stats", "stat")


@pytest.mark.parametrize("name", NAMES)
def test_no_text_becomes_more_than_text(window, everywhere, name):
    """0 executions over all views, and no element, handler or address that a stranger wrote."""
    view = window(everywhere, bypass_csp=True)
    # What is unknown is answered so; no service but ours is asked.
    view.expected = ("404 (Not Found)",)

    for path in paths(everywhere, name):
        page = view.go(path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        view.settled()

        assert page.evaluate(STRANGERS) == []
        view.check()


def test_the_check_sees_what_a_stranger_wrote(window, everywhere):
    """Put in as HTML, each payload that is a tag would be found, and some would run."""
    view = window(everywhere, bypass_csp=True)
    page = view.go("/stats")

    page.evaluate(
        "(text) => { document.body.innerHTML = text }", "<img src=x onerror=alert(1)><a href=javascript:1>"
    )
    page.wait_for_function("() => document.images[0].complete")

    assert len(page.evaluate(STRANGERS)) == 2
    assert view.dialogs == ["1"]
    view.dialogs.clear()
    view.faults.clear()


def test_there_are_enough_payloads():
    """At least fifty, each once."""
    assert len(set(ALL)) == len(ALL) >= 50

"""axe-core finds nothing serious or critical on any view, in light and dark, wide and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser import stored_verdicts
from tests.browser.served import served
from tests.browser.test_verdict_views import PATHS as VERDICT_PATHS
from tests.browser.test_views import VIEWS, paths, runs

__all__ = ["paths", "runs"]

# The rules of WCAG 2.2 up to level AA, and what axe-core's authors hold to be good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = [1440, 390]

pytestmark = pytest.mark.thorough


def findings(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical in light and in dark, with the elements."""
    # Colours that fade in are those of no state.
    page.add_style_tag(content="* { transition: none !important; animation: none !important }")
    return [f"{scheme}: {each}" for scheme in ("light", "dark") for each in _findings(page, scheme)]


def _findings(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]} {node['any'][:1] and node['any'][0]['message']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def open_all(page: Page) -> None:
    """Expand all details."""
    page.locator("main details:not([open]) > summary, main button.expand").evaluate_all(
        "all => all.forEach((each) => each.click())"
    )
    page.wait_for_selector("main [aria-busy=true]", state="detached")


@pytest.fixture(scope="module")
def verdict_page(recorded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a page with stored verdicts."""
    stored_verdicts.fill(recorded, tmp_path_factory.mktemp("judged"))
    with served(recorded, "--namespace", stored_verdicts.NAMESPACE) as where:
        yield where


@pytest.mark.parametrize("width", WIDTHS)
def test_every_view(window, address, paths, width):
    """All views of a recorded suite, with all that they hold unfolded."""
    view = window(address, width, bypass_csp=True)
    found = {}
    for name in VIEWS:
        page = view.go(paths[name])
        open_all(page)
        found[name] = findings(page)

    assert found == {name: [] for name in VIEWS}


@pytest.mark.parametrize("width", WIDTHS)
def test_every_view_of_verdicts(window, verdict_page, width):
    """Those of flaky and slower tests too, with the dialog that asks for a reason."""
    view = window(verdict_page, width, bypass_csp=True)
    found = {}
    for name, path in VERDICT_PATHS.items():
        page = view.go(path)
        open_all(page)
        found[name] = findings(page)
    page = view.go(f"/test?nodeid={quote(stored_verdicts.PAY)}&suite=unit")
    page.locator("button", has_text="Quarantine").click()
    found["dialog"] = findings(page)

    assert found == {name: [] for name in [*VERDICT_PATHS, "dialog"]}


def test_what_stands_beside_the_views(window, address, nothing):
    """The reference, a page that is none, the keys, and every view of an empty store."""
    view = window(address, bypass_csp=True)
    view.expected = ("404 (Not Found)",)
    found = {}
    view.page.goto(f"{address}/docs")
    open_all(view.page)
    found["docs"] = findings(view.page)
    page = view.go("/nowhere")
    found["nowhere"] = findings(page)
    page.locator("#help").click()
    found["keys"] = findings(page)
    empty = window(nothing, bypass_csp=True)
    for path in ("/", "/tests", "/flaky", "/slower", "/errors", "/stats"):
        found[path] = findings(empty.go(path))

    assert found == {name: [] for name in found}

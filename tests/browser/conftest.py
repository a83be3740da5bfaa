"""Fixtures: a browser, the page of a recorded suite, and a check for errors in the browser.

`sync_playwright` runs an event loop in this thread while it is open, so it is opened and closed per module: tests
of other modules run their own loops.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from conftest import running_server
from tests.browser import chromium
from tests.browser.served import SUITE, record, served

# The recording runs this suite in its own pytest.
collect_ignore = ["suite"]

BRANCHES = ("main", "main", "feature/refunds", "main")
# Long enough for a busy machine.
TIMEOUT_S = 30
expect.set_options(timeout=TIMEOUT_S * 1000)

# The document reports violations of the Content-Security-Policy as events.
LISTEN = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
    violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Watched:
    """A page whose errors are recorded: `faults` and `dialogs` (a script was executed) fail its test."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    # Parts of faults that the test expects.
    expected: tuple[str, ...] = ()

    def go(self, path: str) -> Page:
        """Open a path and wait until the view is loaded."""
        self.page.goto(f"{self.address}{path}")
        return self.settled()

    def settled(self) -> Page:
        """Wait until the view is loaded."""
        self.page.wait_for_selector("main:not([aria-busy])")
        self.page.wait_for_selector("main [aria-busy=true]", state="detached")
        return self.page

    def check(self) -> None:
        """Fail the test if there are faults, policy violations or dialogs."""
        violations = self.page.evaluate("window.violations ?? []")
        faults = [fault for fault in self.faults if not any(piece in fault for piece in self.expected)]
        faults += [f"policy: {violation}" for violation in violations]
        faults += [f"executed: {message}" for message in self.dialogs]
        # As a complete message, because pytest shortens compared values.
        if faults:
            pytest.fail("\n".join(faults), pytrace=False)


def watched(context: BrowserContext, address: str) -> Watched:
    """Open a page that records errors, policy violations, dialogs and requests to other hosts."""
    context.add_init_script(LISTEN)
    window = Watched(context.new_page(), address)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            window.faults.append(f"console: {message.text} ({message.location['url']})")

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            window.faults.append(f"request: {request.url}")

    def on_dialog(dialog: Any) -> None:
        window.dialogs.append(dialog.message)
        dialog.dismiss()

    window.page.on("console", on_console)
    window.page.on("pageerror", lambda error: window.faults.append(f"error: {error}"))
    window.page.on("dialog", on_dialog)
    context.on("request", on_request)
    return window


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample suite in a directory of its own."""
    home = tmp_path_factory.mktemp("shop")
    shutil.copytree(SUITE, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return home


@pytest.fixture(scope="session")
def recorded(shop: Path) -> Iterator[str]:
    """Redis URL of a server with four runs of the sample suite on two branches, the last with workers."""
    with running_server() as url:
        for number, branch in enumerate(BRANCHES, 1):
            workers = ("-n", "2") if number == len(BRANCHES) else ()
            variables = {"RUN": str(number), "AKA_STATS_BRANCH": branch, "AKA_STATS_COMMIT": f"{number:040x}"}
            record(url, shop, "--akastats-suite=unit", *workers, **variables)
        yield url


@pytest.fixture(scope="session")
def address(recorded: str) -> Iterator[str]:
    """URL of the recorded suite's page."""
    with served(recorded) as where:
        yield where


@pytest.fixture(scope="session")
def nothing(recorded: str) -> Iterator[str]:
    """URL of a page without runs."""
    with served(recorded, "--namespace", "NOTHING") as where:
        yield where


@pytest.fixture(scope="session")
def live(recorded: str, shop: Path) -> Iterator[str]:
    """URL of a page with its own runs, to which a test may add."""
    record(recorded, shop, "--akastats-namespace=LIVE", RUN="1")
    with served(recorded, "--namespace", "LIVE") as where:
        yield where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one module."""
    path = chromium.path()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        yield opened
        opened.close()


Opener = Callable[..., Watched]


@pytest.fixture
def window(browser: Browser) -> Iterator[Opener]:
    """Open pages of an address, with options for their browser context; they are checked at the end."""
    contexts, windows = [], []

    def opener(address: str, width: int = 1280, **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(TIMEOUT_S * 1000)
        contexts.append(context)
        windows.append(watched(context, address))
        return windows[-1]

    yield opener
    try:
        for one in windows:
            one.check()
    finally:
        for context in contexts:
            context.close()


@pytest.fixture
def view(window: Opener, address: str) -> Watched:
    """A page of the recorded suite."""
    return window(address)

"""Take the pictures of the documentation: record the demo suite, serve it, and open it in a browser.

Run `python docs/pictures.py build/demo-pictures docs/pictures`. CHROMIUM is the path of a browser not on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

DEMO = Path(__file__).parents[1] / "examples" / "demo" / "run.py"
AKASTATS = str(Path(sys.executable).with_name("akastats"))
SHOWN = "tests/test_flaky.py::test_talks_to_the_warehouse"
# Changes are reported from the eleventh run on, and confirmed by five runs. The suite changes in run 4.
FIRST, RUNS = "-10", "21"
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


def main(home: Path, pictures: Path) -> None:
    """Record the demo below `home`, unless it exists, and write its pictures into the directory `pictures`."""
    # Settings of this shell for other projects must not apply to the demo.
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS_", "PYTEST_"))}
    if not (home / ".akastats").exists():
        environment = {**environ, "DEMO_SERVE": "0", "DEMO_FIRST": FIRST, "DEMO_RUNS": RUNS}
        subprocess.run([sys.executable, str(DEMO), str(home)], env=environment, check=True)
    pictures.mkdir(parents=True, exist_ok=True)
    with served(home, environ) as address, sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        take_all(browser, address, pictures)
        browser.close()


@contextmanager
def served(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the runs of `home`; yield the address."""
    command = [AKASTATS, "serve", "--port=0", "--json"]
    with subprocess.Popen(command, cwd=home, env=environment, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads("".join([*iter(process.stdout.readline, "}\n"), "}"]))["url"]
        finally:
            process.terminate()


def chromium() -> str:
    """Return the path of Chromium."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise SystemExit("Chromium is not on PATH: apt-get install chromium, or set CHROMIUM to its path.")
    return path


def take_all(browser: Browser, address: str, pictures: Path) -> None:
    """Take all pictures."""
    run = fetch(f"{address}api/v1/runs?limit=1")["items"][0]["id"]
    take(browser, f"{address}", pictures / "overview.png")
    take(browser, f"{address}", pictures / "overview-dark.png", color_scheme="dark")
    take(browser, f"{address}", pictures / "overview-phone.png", viewport=PHONE)
    take(browser, f"{address}runs/{run}", pictures / "run.png")
    take(browser, f"{address}tests", pictures / "tests.png")
    take(browser, f"{address}flaky", pictures / "flaky.png", unfold="button.fold")
    take(browser, f"{address}slower", pictures / "slower.png")
    take(browser, f"{address}test?nodeid={quote(SHOWN)}", pictures / "test.png")


def fetch(url: str) -> Any:
    """Return the JSON response of the API."""
    with urlopen(url) as answer:
        return json.load(answer)


def take(browser: Browser, url: str, picture: Path, unfold: str = "", **options: Any) -> None:
    """Open a page, click the first match of the selector `unfold` if there is one, and take a screenshot."""
    context = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", "locale": "en-GB", **options})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("main:not([aria-busy])")
    page.wait_for_selector("main [aria-busy=true]", state="detached")
    if unfold:
        page.locator(unfold).first.click()
    page.screenshot(path=picture)
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())

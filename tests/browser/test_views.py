"""Views of a recorded suite: content, filters, links and keyboard."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from akastats import redis
from akastats.config import Config
from akastats.records import Point
from akastats.store import push
from tests.browser.served import PYTEST, environment, fetch_api, served
from tests.delivered_runs import STARTED, deliver, spool

FLAKY = "tests/test_shop.py::test_every_second_run"


@pytest.fixture
def runs(address: str) -> list[dict]:
    """The recorded runs, newest first."""
    return [run for run in fetch_api(address, "runs")["items"] if run["status"] != "running"]


@pytest.fixture
def paths(address: str, runs: list[dict]) -> dict[str, str]:
    """An address of each view."""
    run, base = runs[0]["id"], runs[-1]["id"]
    error = fetch_api(address, "errors")["items"][0]["fingerprint"]
    return {
        "overview": "/",
        "run": f"/runs/{run}",
        "compare": f"/runs/{run}/compare/{base}",
        "tests": "/tests",
        "grid": "/tests?view=grid",
        "test": f"/test?nodeid={quote(FLAKY)}&suite=unit",
        "errors": "/errors",
        "error": f"/errors/{error}",
        "stats": "/stats",
        "stat": "/stats?label=orders",
        "speed up": "/speed-up",
    }


VIEWS = ("overview", "run", "compare", "tests", "grid", "test", "errors", "error", "stats", "stat", "speed up")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")], ids=["wide", "phone"])
@pytest.mark.parametrize("name", VIEWS)
def test_every_view(window, address, paths, name, width, scheme):
    """It has a headline, says nothing went wrong, links its JSON, and is no wider than its window."""
    view = window(address, width, color_scheme=scheme)

    page = view.go(paths[name])

    expect(page.locator("main h1")).to_have_count(1)
    expect(page.locator("main [role=alert], main .empty")).to_have_count(0)
    assert page.title().endswith("akastats")
    answer = page.request.get(page.locator("#data").evaluate("link => link.href"))
    assert (answer.status, "json" in answer.headers["content-type"]) == (200, True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["overview", "tests", "grid", "errors", "stats"])
def test_an_empty_store_says_what_to_do(window, nothing, paths, name):
    """Without any run every view says something useful."""
    page = window(nothing).go(paths[name])

    text = page.locator("main").inner_text()
    assert re.search(r"pytest --akastats|Nothing|No ", text), text


def test_colours_follow_the_system_and_the_button(window, address):
    """Dark is dark; a choice stays."""
    view = window(address, color_scheme="dark")
    page = view.go("/")
    ink = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ink)

    page.click("#scheme")
    light = page.evaluate(ink)
    page.reload()
    view.settled()

    assert (light != dark, page.evaluate(ink)) == (True, light)


def test_keys_lead_through_the_page(view):
    """Question mark, `g t`, slash, `j` and Enter: no mouse is needed."""
    page = view.go("/")

    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/tests")
    view.settled()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.locator("main input[type=search]").blur()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/test?nodeid=*")
    view.settled()


@pytest.mark.parametrize("width", [390, 260])
def test_a_phone_shows_where_one_is(window, address, width):
    """The view that is looked at is marked in sight, on a common phone all others are too, and so is the help."""
    page = window(address, width).go("/stats")
    links = page.locator(".top nav a")
    edges = links.evaluate_all("links => links.map(link => link.getBoundingClientRect().right)")

    expect(page.locator(".top nav a[aria-current]")).to_have_text("Stats")
    assert edges[-1] <= width
    assert width == 260 or min(links.evaluate_all("links => links.map(link => link.offsetLeft)")) >= 0
    page.locator("#help").click()
    expect(page.locator("dialog#keys")).to_be_visible()


def test_a_phone_shows_both_runs_in_full(window, address, paths):
    """The comparison of two runs fits on the screen."""
    page = window(address, 390).go(paths["compare"])
    frame = page.locator("main .frame").first

    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")
    expect(frame).to_contain_text("This run")
    inside = "cells => cells.every(cell => cell.getBoundingClientRect().right <= innerWidth)"
    assert frame.locator("td.number").evaluate_all(inside)


def test_a_phone_s_orders_stand_in_one_line(window, address):
    """The sort buttons are in one line with the prefix "Sort by"."""
    page = window(address, 390).go("/tests")
    heads = page.locator("main thead button:visible")

    expect(heads).to_have_text(["Test", "Failed", "p50"])
    assert len(set(heads.evaluate_all("heads => heads.map(head => head.getBoundingClientRect().top)"))) == 1
    prefix = page.locator("main thead tr").evaluate("row => getComputedStyle(row, '::before').content")
    assert prefix == '"Sort by"'


def test_the_first_tab_skips_to_the_content(view):
    """Who has no mouse need not go through the navigation on every page."""
    page = view.go("/")

    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.className") == "skip"


def test_runs_are_filtered_by_branch(view):
    """The choice stands in the address, and an address brings it back."""
    page = view.go("/")

    page.select_option("select[name=branch]", label="feature/refunds")
    page.wait_for_url("**branch=*")
    view.settled()

    branches = page.locator("#runs tbody tr")
    expect(branches).to_have_count(1)
    view.go("/?branch=main")
    expect(page.locator("#runs tbody tr").first).to_contain_text("main")
    assert page.locator("#runs tbody tr").count() >= 3


def test_tests_are_filtered_as_one_types(view):
    """Several words in any order; what is shown can be shared."""
    page = view.go("/tests")

    page.fill("main input[type=search]", "basket TEST_EMPTY")
    page.wait_for_url("**q=*")

    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page.locator("main tbody tr")).to_contain_text("test_empty")
    again = view.go(page.url.removeprefix(view.address))
    expect(again.locator("main tbody tr")).to_have_count(1)


def test_tests_are_sorted_by_a_column(view):
    """By p50, the other way round at the second click."""
    page = view.go("/tests")
    first = page.locator("main tbody tr").first

    orders = []
    for _ in range(2):
        page.locator("main thead button", has_text="p50").click()
        view.settled()
        orders.append(first.inner_text())

    assert any("test_slower_and_slower" in row for row in orders)
    assert orders[0] != orders[1]


def test_a_failure_shows_its_traceback(view, runs):
    """Grouped by what was raised; the project's own frame is open."""
    page = view.go(f"/runs/{runs[0]['id']}#failures")

    failure = page.locator("details.failure", has_text="LookupError").first
    if failure.get_attribute("open") is None:
        failure.locator("summary").first.click()

    expect(failure.locator(".traceback")).to_contain_text("an empty basket has no total")


def test_a_run_shows_where_its_time_went(view, paths):
    """A bar with a text alternative, its legend, and predicted durations with other workers."""
    page = view.go(paths["run"])

    bar = page.locator("#time .ledger [role=img]")
    expect(bar).to_have_attribute("aria-label", re.compile(r"^start-up .*collection .*call "))
    expect(page.locator("#time .ledger li").first).to_contain_text("%)")
    expect(page.locator("#speed-up table").last).to_contain_text("worksteal")
    expect(page.locator("#speed-up .good")).to_have_count(1)
    expect(page.locator("#speed-up .tag", has_text="fastest")).to_have_count(1)


def test_an_address_leads_to_its_section(view, paths):
    """Although the sections above it load later."""
    page = view.go(f"{paths['run']}#speed-up")

    page.wait_for_function(
        "Math.abs(document.querySelector('#speed-up').getBoundingClientRect().top - 64) < 8", timeout=10_000
    )


def test_the_duration_with_other_workers_is_predicted_on_request(view):
    """The address keeps the choice, and the table has the workers that were entered."""
    page = view.go("/speed-up?workers=0,3&dist=load")

    rows = page.locator("#what-if tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("3")
    page.locator("select[name=order]").select_option(label="longest-first")
    expect(page).to_have_url(re.compile(r"order=longest-first"))
    page.locator("input[name=workers]").fill("0, 1, 2")
    expect(rows).to_have_count(3)


def test_a_choice_that_is_not_possible_is_explained(view):
    """The message is that of the API."""
    view.expected = ("404 (Not Found)",)
    page = view.go("/speed-up?without=nonesuch")

    expect(page.locator("#what-if")).to_contain_text("no fixture 'nonesuch' in this run")


FINDING = {
    "kind": "fixture-scope",
    "title": "Fixture catalogue is set up 36 times",
    "saving": {"seconds": 3.8, "low": 3.5, "high": 4.0, "share": 0.66, "cpu_seconds": 3.9},
    "where": [
        {"fixture": "tests::catalogue", "file": None, "nodeid": None, "package": None, "option": None},
        {"fixture": None, "file": None, "nodeid": FLAKY, "package": None, "option": None},
    ],
    "tests": 36,
    "since": {"run": "20260801T101500123-6e913c", "commit": "1a2b3c4d5e", "first_recorded": False},
    "evidence": {"setups": 36, "mean_s": 0.12},
    "advice": "Give the fixture the scope module.",
    "needs": "ledger",
}


@pytest.mark.parametrize(("items", "text"), [([FINDING], "3.50 s to 4.00 s"), ([], "Nothing to change")])
def test_findings_name_saving_location_and_measurements(window, address, paths, items, text):
    """A run without findings has a sentence instead of a table."""
    view = window(address)
    view.page.route("**/findings", lambda route: route.fulfill(json={"findings": items}))

    section = view.go(paths["run"]).locator("#speed-up")

    expect(section).to_contain_text(text)
    facts = section.locator("td .facts span")
    expect(facts).to_have_text(["setups 36", "mean 120 ms"] if items else [])
    expect(section.get_by_text("slower since 1a2b3c4d 1 Aug 2026")).to_have_count(len(items))
    links = section.locator("td a").evaluate_all("links => links.map((link) => link.href)")
    views = ["stats", "test", "20260801T101500123-6e913c"] if items else []
    assert [link.split("?")[0].rsplit("/", 1)[-1] for link in links] == views


def test_time_that_no_span_explains_is_named(window, address, paths):
    """The bar has a gap, and the legend the seconds."""
    process = {"worker": "", "start": 0, "wall": 10, "spans": {"call": 9}, "unexplained": 1, "imports": []}
    ledger = {"processes": [process], "spans": {"call": 9}, "explained": 0.9, "lacks": ["the exit"]}
    view = window(address)
    view.page.route("**/ledger", lambda route: route.fulfill(json=ledger))

    section = view.go(paths["run"]).locator("#time")

    expect(section.locator("li")).to_have_text(["call 9.00 s (90 %)", "unexplained 1.00 s (10 %)"])
    expect(section).to_contain_text("Not recorded: the exit.")


def test_the_difference_to_the_typical_run_is_explained(window, address, paths):
    """With the words of the terminal."""
    process = {"worker": "", "start": 0, "wall": 10, "spans": {"call": 10}, "unexplained": 0, "imports": []}
    causes = [
        {"kind": "test", "name": "tests/test_shop.py::test_prices", "seconds": 0.67},
        {"kind": "fixture", "name": "::database", "seconds": 0.3},
        {"kind": "span", "name": "collect", "seconds": -0.2},
    ]
    difference = {"seconds": 4.4, "typical": 3.11, "difference": 1.29, "speed_factor": 1.02, "causes": causes}
    ledger = {"processes": [process], "spans": {"call": 10}, "explained": 1, "lacks": [], "difference": difference}
    view = window(address)
    view.page.route("**/ledger", lambda route: route.fulfill(json=ledger))

    section = view.go(paths["run"]).locator("#time")

    expect(section).to_contain_text(
        "Duration: 4.40 s, typical 3.11 s "
        "(+1.29 s: test_prices +0.67 s, fixture database +0.30 s, other +0.32 s); machine speed normal"
    )


def test_a_row_leads_to_its_test_and_back(view):
    """From the list to a test, its label, and back by the browser's own button."""
    page = view.go("/tests?q=every_second")

    page.locator("main tbody a").first.click()
    page.wait_for_url("**/test?*")
    view.settled()
    expect(page.locator("main h1")).to_contain_text("test_every_second_run")
    page.go_back()
    view.settled()

    expect(page.locator("main tbody tr")).to_have_count(1)


def test_a_test_shows_the_fixtures_that_it_requests(view, paths):
    """Also those that another fixture requests; a test without fixtures has no table of them."""
    page = view.go(f"/test?nodeid={quote('tests/test_shop.py::test_many[3]')}&suite=unit")

    expect(page.locator("#fixtures")).to_contain_text("Fixtures that this test requests")
    assert sorted(page.locator("#fixtures tbody .nodeid").all_inner_texts()) == ["basket", "catalogue"]
    expect(view.go(paths["test"]).locator("#fixtures")).to_contain_text("requests no fixture")


def test_fixtures_of_an_earlier_release_are_available(window, address):
    """If the requests are not recorded, the page lists what the test can use and explains it."""
    view = window(address)

    def forget(route):
        answer = route.fetch()
        test = answer.json()
        fixtures = [{**each, "is_requested": None} for each in test["fixtures"]]
        route.fulfill(response=answer, json={**test, "fixtures": fixtures})

    view.page.route(re.compile(r"/api/v1/tests/[^?]*every_second_run\?"), forget)

    page = view.go(f"/test?nodeid={quote(FLAKY)}&suite=unit")

    expect(page.locator("#fixtures")).to_contain_text("did not record which of them it requests")
    expect(page.locator("#fixtures tbody .nodeid")).to_contain_text(["catalogue"])


def test_the_grid_s_legend_names_every_mark(view, paths):
    """Outcomes by their colours, and what the small dots are."""
    legend = view.go(paths["grid"]).locator(".grid > .facts")

    expect(legend).to_contain_text(re.compile("passed.*failed.*error.*xfailed.*xpassed.*rerun.*skipped, absent"))


def test_a_chart_is_drawn_where_one_is(view):
    """A canvas with a size, and its description for those who do not see it."""
    page = view.go(f"/test?nodeid={quote(FLAKY)}&suite=unit")

    box = page.locator("main canvas").first.bounding_box()

    assert box is not None
    assert min(box["width"], box["height"]) > 50


def test_a_context_opens_in_place(serve, window, recorded, address):
    """A traceback as one, what a run recorded with its run; where no point has any, there is no column."""
    page = window(address).go("/stats?label=errors__all")
    page.locator("td button", has_text="Show").first.click()
    expect(page.locator("td .traceback").first).to_contain_text("Error")
    page = window(address).go("/stats?label=orders")
    page.locator("td button", has_text="Show").first.click()
    expect(page.locator("td .loading a").first).to_have_attribute("href", re.compile("/runs/"))

    with redis.connect(recorded) as client:
        odd = Point(time.time(), "odd", 1.0, '{"run": {"toString": 1}}')
        bare = push.make_batch([Point(time.time(), "bare", 1.0), odd])
        redis.run(push.apply_batch(bare, Config(redis_url=recorded, namespace="BARE")), client, client)
    view = window(serve("BARE"))

    expect(view.go("/stats?label=bare").locator("main th")).to_have_text(["When", "Value"])
    page = view.go("/stats?label=odd")
    page.locator("td button", has_text="Show").click()
    expect(page.locator("td .traceback")).to_have_text('{"run": {"toString": 1}}')


def test_a_missing_object_shows_a_message(view):
    """A run that never was, a page that is none: a sentence, and the answer's own status in the console."""
    view.expected = ("404 (Not Found)",)

    expect(view.go("/runs/nothing").locator("main")).to_contain_text("Run not found: nothing")
    expect(view.go("/runs/a/compare/b").locator("main")).to_contain_text("Run not found: a or b")
    expect(view.go("/errors/0a1b").locator("main")).to_contain_text("Error not found: 0a1b")
    lost = view.go("/test?nodeid=a.py::gone&suite=unit").locator("main")
    expect(lost).to_contain_text("Test not found: a.py::gone")
    expect(lost).to_contain_text("belongs to another suite")
    assert not re.search("namespace|label", lost.inner_text())
    expect(view.go("/test?nodeid=test_profile.py::gone").locator("main")).to_contain_text(
        "Test not found: test_pro"
    )
    expect(view.go("/runs/a/b/c").locator("main")).to_contain_text("This page does not exist")
    expect(view.go("/nowhere").locator("main")).to_contain_text("This page does not exist")


@pytest.fixture
def serve(recorded):
    """Serve namespaces; asked for before a window, which is closed before what it looks at."""
    with ExitStack() as stack:
        yield lambda namespace: stack.enter_context(served(recorded, "--namespace", namespace))


@pytest.fixture
def telling(recorded, tmp_path):
    """Deliver runs to a namespace, each an hour after the previous one."""
    count = itertools.count()

    def tell(namespace, tests, **told):
        number = next(count)
        started = STARTED + 3600 * number
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
        path = spool(tmp_path, tests, run_id=f"{moment}000-{number:06d}", started=started, **told)
        deliver(path, recorded, namespace)

    return tell


MANY = [(f"test_a.py::test_{number}", "passed", 0.1) for number in range(20)]


def test_a_run_of_a_few_tests_does_not_stand_for_all(serve, window, telling):
    """It is shown first with the previous number of tests, without a comparison of durations."""
    telling("PART", MANY)
    telling("PART", MANY[:2])

    page = window(serve("PART")).go("/")

    expect(page.locator(".verdict .summary")).to_have_text("2 tests in 1 min 00 s (previous run: 20)")
    expect(page.locator("#failing .note")).to_have_text("in the newest run")
    expect(page.locator("#failing .all-clear")).to_have_text(
        "No failures in 2 tests. The previous run had 20 tests."
    )


def test_files_that_were_not_collected_lead(serve, window, telling):
    """A run with only collection errors is shown first; a run without tests is skipped."""
    telling("UNCOLLECTED", MANY)
    telling("UNCOLLECTED", [], uncollected=["test_a.py", "test_b.py"])
    telling("UNCOLLECTED", [])

    page = window(serve("UNCOLLECTED")).go("/")

    expect(page.locator(".verdict .summary")).to_have_text("2 files could not be collected")
    expect(page.locator("#failing details.failure")).to_contain_text("2 files")
    expect(page.locator("#failing details.failure")).to_contain_text("test_b.py")
    expect(page.locator("#failing .tests a")).to_have_count(0)
    expect(page.locator("#runs tbody tr").nth(1)).to_contain_text("2")


def test_further_runs_are_appended(serve, window, telling):
    """Twelve are shown, and those before them when asked, until there are none."""
    for _ in range(14):
        telling("FURTHER", MANY[:1])
    page = window(serve("FURTHER")).go("/")
    rows = page.locator("#runs tbody tr")
    expect(rows).to_have_count(12)

    page.locator("#runs button").click()

    expect(rows).to_have_count(14)
    expect(page.locator("#runs button")).to_be_hidden()
    cell, link = rows.locator("td").first.bounding_box(), rows.locator("a").first.bounding_box()
    assert (cell["width"], cell["height"]) == pytest.approx((link["width"], link["height"]), abs=2)
    links = rows.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert links == sorted(set(links), reverse=True)


def test_a_running_run_moves(window, live, recorded, shop, tmp_path):
    """It appears while it is in progress and joins the list when it ends, without a reload."""
    gate, waiting = tmp_path / "gate", shop / "tests" / "test_waiting.py"
    os.mkfifo(gate)
    tests = "def test_breaks():\n    raise KeyError('basket')\n\ndef test_waits():\n"
    waiting.write_text(f"{tests}    open({str(gate)!r}).read()\n\ndef test_last(): pass\n")
    page = window(live).go("/")
    command = [*PYTEST, f"--akastats-url={recorded}", "--akastats-namespace=LIVE", "tests/test_waiting.py"]

    with subprocess.Popen(
        command, cwd=shop, env=environment(AKA_STATS_BRANCH="live"), stdout=subprocess.PIPE
    ) as run:
        try:
            line = page.locator(".verdict.running")
            expect(line.locator(".summary")).to_have_text("1 of 3 tests, 1 failing")
            share = "bar => bar.firstChild.offsetWidth / bar.offsetWidth"
            assert line.locator(".shares").evaluate(share) == pytest.approx(1 / 3, abs=0.02)
            one = window(live)
            followed = one.go(f"/{line.get_attribute('href').removeprefix(live + '/')}")
            expect(followed.locator(".tally li").first).to_have_text("1 of 3 tests")
            expect(followed.locator("#failures details.failure")).to_contain_text("KeyError")
            expect(followed.locator("#failures .traceback")).to_contain_text("raise KeyError('basket')")
            one.go("/")
            expect(followed.locator("#runs tbody tr").first).to_contain_text("1 of 3 tests")
            gate.write_text("go on")
            expect(page.locator(".verdict.running")).to_have_count(0)
            expect(page.locator("#runs tbody tr").first).to_contain_text("live")
        finally:
            run.kill()
            waiting.unlink()


def test_back_keeps_the_place(serve, window, telling):
    """After loading more rows and following one, the browser's button leads back to that row."""
    many = [(f"test_a.py::test_{number:04}", "passed", 0.1) for number in range(350)]
    telling("BACK", many)
    view = window(serve("BACK"))
    page = view.go("/tests?sort=nodeid")
    rows = page.locator("main tbody tr")
    for count in (200, 300):
        page.mouse.wheel(0, 100_000)
        expect(rows).to_have_count(count)
    row = page.locator("main tbody tr", has_text="test_0260")
    row.scroll_into_view_if_needed()
    before = row.bounding_box()

    row.locator("a").first.click()
    page.wait_for_url("**/test?*")
    view.settled()
    page.go_back()
    page.wait_for_url("**/tests?*")

    expect(rows).to_have_count(300)
    expect(row).to_be_in_viewport()
    assert row.bounding_box()["y"] == pytest.approx(before["y"], abs=60)


def test_back_keeps_the_runs_that_were_appended(serve, window, telling):
    """And so does the overview."""
    for _ in range(20):
        telling("BACKRUNS", MANY[:1])
    view = window(serve("BACKRUNS"))
    page = view.go("/")
    rows = page.locator("#runs tbody tr")
    page.locator("#runs button").click()
    expect(rows).to_have_count(20)

    rows.last.locator("a").first.click()
    page.wait_for_url("**/runs/*")
    view.settled()
    page.go_back()

    expect(rows).to_have_count(20)


def drag(page, box, start, end):
    """Drag over a chart, by shares of its width."""
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=5)
    page.mouse.up()


def test_a_chart_is_zoomed_and_shown_whole_again(serve, window, telling):
    """A hint appears on hover; a button and a double click reset all charts of the same runs."""
    for _ in range(12):
        telling("ZOOM", MANY[:2])
    view = window(serve("ZOOM"))
    page = view.go("/")
    over = page.locator(".trend .u-over").first
    over.scroll_into_view_if_needed()
    box, resets = over.bounding_box(), page.locator(".trend .reset")
    over.hover()
    expect(page.locator(".trend .hint").first).to_have_css("opacity", "1")
    expect(resets.first).to_be_hidden()

    for back in (lambda: resets.first.click(), lambda: over.dblclick(position={"x": 60, "y": 20})):
        drag(page, box, 0.3, 0.7)
        for at in range(3):
            expect(resets.nth(at)).to_be_visible()
        back()
        for at in range(3):
            expect(resets.nth(at)).to_be_hidden()
    # Longer than a click waits for a second one.
    page.wait_for_timeout(500)
    assert "/runs/" not in page.url

    over.click(position={"x": 60, "y": 20})
    page.wait_for_url("**/runs/*")
    view.settled()


def test_the_default_branch_has_its_name(view):
    """Who has chosen none sees which one is shown."""
    for path in ("/flaky", "/slower"):
        option = view.go(f"{path}?suite=unit").locator("select[name=branch] option").first
        expect(option).to_have_text("main (default)")

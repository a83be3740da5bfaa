"""Views with verdicts: flaky tests, duration changes, labels, quarantine and acknowledgements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from akastats.report import phrases
from tests.browser import stored_verdicts
from tests.browser.conftest import Opener, Watched
from tests.browser.served import fetch_api, served
from tests.browser.stored_verdicts import BROKEN, HELD, NEW, PAY, RUNS, SKIPPED, TOTAL, UNKNOWN, commit, run_id

READER = "reads-but-never-writes"
PATHS = {
    "flaky": "/flaky",
    "broken": "/flaky?state=broken",
    "slower": "/slower",
    "faster": "/slower?faster=true",
    "run": f"/runs/{run_id(RUNS - 1)}",
    "test": f"/test?nodeid={quote(PAY)}&suite=unit",
    "slower test": f"/test?nodeid={quote(TOTAL)}&suite=unit",
}


@pytest.fixture(scope="module")
def filled(recorded: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Redis URL of a server with stored verdicts."""
    stored_verdicts.fill(recorded, tmp_path_factory.mktemp("judged"))
    return recorded


@pytest.fixture(scope="module")
def judged(filled: str) -> Iterator[str]:
    """URL of the page with permission to write."""
    with served(filled, "--namespace", stored_verdicts.NAMESPACE) as where:
        yield where


@pytest.fixture
def seen(window: Opener, judged: str) -> Watched:
    """A page with verdicts."""
    return window(judged)


def row(page: Page, nodeid: str):
    """The row of a test."""
    return page.locator("main .paged-list tbody tr", has_text=nodeid.split("::")[1]).first


def move(page: Page, name: str):
    """The frame of one change."""
    return page.locator("article.change-card", has_text=name)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")], ids=["wide", "phone"])
@pytest.mark.parametrize("name", PATHS)
def test_every_view(window, judged, name, width, scheme):
    """It has a headline, says nothing went wrong, links its JSON, and is no wider than its window."""
    page = window(judged, width, color_scheme=scheme).go(PATHS[name])

    expect(page.locator("main h1")).to_have_count(1)
    expect(page.locator("main [role=alert]")).to_have_count(0)
    answer = page.request.get(page.locator("#data").evaluate("link => link.href"))
    assert (answer.status, "json" in answer.headers["content-type"]) == (200, True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_flaky_tests_stand_by_what_they_cost(seen):
    """The most expensive first, each with its failure rate; the number of analysed runs is shown."""
    page = seen.go("/flaky")

    rows = page.locator("main .paged-list tbody tr:not(.details-row)")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("test_refund")
    expect(rows.first).to_contain_text("25 %")
    expect(rows.first).to_contain_text("3 min 04 s")
    expect(rows.nth(1).locator(".tag.new")).to_have_count(1)
    expect(page.locator("main .paged-list .facts")).to_contain_text(
        re.compile("2 flaky.*1 broken.*based on 12 runs")
    )


def test_the_order_is_chosen_and_kept(seen):
    """A column's title turns the order round, and the address brings it back."""
    page = seen.go("/flaky")

    page.locator("main thead button", has_text="Time lost").click()
    page.wait_for_url("**sort=seconds_lost*")
    seen.settled()

    expect(page.locator("main .paged-list tbody tr").first).to_contain_text("test_count")
    again = seen.go(page.url.removeprefix(seen.address))
    expect(again.locator("main .paged-list tbody tr").first).to_contain_text("test_count")


def test_why_a_test_is_flaky_unfolds(seen):
    """By keyboard: the runs that failed, the workers, what ran before it, and what fails together with it."""
    page = seen.go("/flaky")

    row(page, PAY).locator("button.expand").focus()
    page.keyboard.press("Enter")

    details = page.locator("tr.details-row:not([hidden])")
    expect(details).to_contain_text("Workers (12 attempts in runs with several workers)")
    expect(details).to_contain_text("gw0: 3 of 6 attempts")
    expect(details).to_contain_text("no failures on 1 other worker")
    expect(details.locator("a", has_text="test_total")).to_have_count(1)
    expect(details.locator("a", has_text="test_count")).to_have_count(1)
    assert details.locator(f"a[href*='{run_id(7)}']").count() == 1
    expect(row(page, PAY).locator("button.expand")).to_have_attribute("aria-expanded", "true")


def test_a_test_is_quarantined_and_released(seen, judged):
    """A day and a reason are asked for; it is listed with both, and taken out again."""
    page = seen.go("/flaky")
    row(page, PAY).locator("button.expand").click()

    page.locator("tr.details-row:not([hidden]) button", has_text="Quarantine").click()
    expect(page.locator("dialog input[name=reason]")).to_be_focused()
    page.keyboard.type("the sandbox hangs up")
    page.fill("dialog input[type=date]", f"{date.today() + timedelta(days=7)}")
    page.keyboard.press("Enter")

    listed = page.locator("#quarantined tbody tr", has_text="test_refund")
    expect(listed).to_contain_text("the sandbox hangs up")
    expect(row(page, PAY).locator(".tag.quarantined")).to_have_count(1)
    (entry,) = fetch_api(judged, "quarantine?suite=unit")["items"]
    assert (entry["nodeid"], entry["reason"]) == (PAY, "the sandbox hangs up")
    listed.locator("button", has_text="Release").click()
    expect(page.locator("#quarantined")).to_contain_text("No quarantined tests")
    assert fetch_api(judged, "quarantine?suite=unit")["items"] == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_the_day_that_is_chosen_is_the_day_that_is_shown(window, judged, zone):
    """Wherever the browser is: it ends with that day there."""
    page = window(judged, timezone_id=zone).go("/flaky")
    row(page, PAY).locator("button.expand").click()
    page.locator("tr.details-row:not([hidden]) button", has_text="Quarantine").click()
    day = datetime.now(ZoneInfo(zone)).date() + timedelta(days=7)

    page.fill("dialog input[name=reason]", "elsewhere")
    page.fill("dialog input[type=date]", f"{day}")
    page.keyboard.press("Enter")

    shown = f"{day.day} {day:%b %Y}"
    expect(page.locator("#quarantined tbody tr", has_text="test_refund")).to_contain_text(shown)
    expect(row(page, PAY).locator(".tag.quarantined")).to_have_text(f"quarantined until {shown}")
    (entry,) = fetch_api(judged, "quarantine?suite=unit")["items"]
    assert (
        datetime.fromtimestamp(entry["until"], ZoneInfo(zone)).isoformat()[:19] == f"{day + timedelta(1)}T00:00:00"
    )
    page.locator("#quarantined button", has_text="Release").click()
    expect(page.locator("#quarantined")).to_contain_text("No quarantined tests")


def test_what_always_fails_is_put_in_only_by_who_insists(seen, judged):
    """The dialog shows the refusal and then offers to force it."""
    seen.expected = ("409 (Conflict)",)
    page = seen.go("/flaky?state=broken")
    row(page, BROKEN).locator("button.expand").click()
    page.locator("tr.details-row:not([hidden]) button", has_text="Quarantine").click()

    page.fill("dialog input[name=reason]", "until the new schema")
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog [role=alert]")).to_contain_text("it is broken, not flaky")
    page.locator("dialog button", has_text="anyway").click()

    expect(page.locator("dialog[aria-label=Quarantine]")).to_have_count(0)
    release = page.locator("#quarantined button", has_text="Release")
    release.click()
    expect(release).to_have_count(0)


def test_escape_leaves_the_question(seen, judged):
    """Nothing is put in, and keys of the page do nothing while it is open."""
    page = seen.go("/flaky")
    row(page, PAY).locator("button.expand").click()
    page.locator("tr.details-row:not([hidden]) button", has_text="Quarantine").click()
    page.locator("dialog button", has_text="Cancel").focus()

    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.keyboard.press("Escape")

    expect(page.locator("dialog[open]")).to_have_count(0)
    assert fetch_api(judged, "quarantine")["items"] == []


def test_without_a_token_to_write_there_is_nothing_to_press(window, filled):
    """Who may only read sees the same, without a button that would be refused."""
    with served(filled, "--namespace", stored_verdicts.NAMESPACE, "--token", f"contexts:{READER}") as where:
        view = window(where)
        view.expected = ("401 (Unauthorized)",)
        view.page.goto(f"{where}/flaky")
        view.page.fill("input[type=password]", READER)
        view.page.keyboard.press("Enter")
        view.page.wait_for_selector("main .paged-list tbody tr")

        page = view.go("/flaky")
        row(page, PAY).locator("button.expand").click()
        expect(page.locator("tr.details-row:not([hidden])")).to_contain_text("gw0: 3 of 6 attempts")
        buttons = page.locator("main button", has_text=re.compile("Quarantine|Release"))
        expect(buttons).to_have_count(0)
        page = view.go("/slower")
        expect(page.locator("article.change-card").first).to_be_visible()
        expect(page.locator("main button.chip")).to_have_count(0)


def test_what_became_slower_stands_newest_first(seen):
    """From what to what, by which factor, since which commit, how sure; what moved together in one frame."""
    page = seen.go("/slower")

    moves = page.locator(".paged-list > .rows article.change-card")
    for at, name in enumerate(["test_finds", "test_tax", "test_total", "database", "tests/test_pay.py"]):
        expect(moves.nth(at)).to_contain_text(name)
    expect(moves.first).to_contain_text("300 ms → 450 ms")
    expect(moves.first).to_contain_text("×1.50")
    expect(moves.first).to_contain_text("suspected")
    expect(moves.first).to_contain_text(re.compile(f"between {commit(9)[:8]} .* and {commit(11)[:8]} "))
    together = page.locator("section.change-group")
    expect(together).to_contain_text("2 durations changed together")
    expect(together.locator("article.change-card")).to_have_count(2)
    expect(page.locator("main")).not_to_contain_text("rows")


def test_faster_durations_are_shown_on_request(seen):
    """And one kind alone; the choice stands in the address."""
    page = seen.go("/slower")

    page.select_option("select[name=faster]", label="slower and faster")
    page.wait_for_url("**faster=true*")
    page.select_option("select[name=kind]", label="other labels")
    page.wait_for_url("**kind=stat*")
    seen.settled()

    moves = page.locator(".paged-list > .rows article.change-card")
    expect(moves).to_have_count(1)
    expect(moves).to_contain_text("rows")
    expect(moves).to_contain_text("faster")


def test_the_whole_suite_comes_first(seen):
    """A chart of the machine speed factor, and the change of the suite."""
    page = seen.go("/slower")

    suite = page.locator("#suite")
    expect(suite).to_contain_text("10.00 s → 13.00 s")
    expect(suite).to_contain_text("14.20 s")
    box = suite.locator("canvas").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 50


def test_a_change_is_acknowledged_and_the_acknowledgement_deleted(seen, judged):
    """By keyboard; the page shows the stored state, and a second press deletes it."""
    page = seen.go("/slower")
    noise = move(page, "test_finds").locator("button", has_text="Noise")

    noise.focus()
    page.keyboard.press("Enter")
    expect(noise).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.activeElement.textContent") == "Noise"
    marks = {item["name"]: item["mark"] for item in fetch_api(judged, "regressions?suite=unit")["items"]}
    assert marks[stored_verdicts.SEARCH]["mark"] == "noise"
    noise = move(seen.go("/slower"), "test_finds").locator("button", has_text="Noise")
    expect(noise).to_have_attribute("aria-pressed", "true")
    noise.click()

    expect(noise).to_have_attribute("aria-pressed", "false")
    assert all(item["mark"] is None for item in fetch_api(judged, "regressions?suite=unit")["items"])


def test_an_acknowledgement_has_a_reason(seen, judged):
    """The reason field appears with an acknowledgement, and its text stays when that changes."""
    page = seen.go("/slower")
    change = move(page, "test_finds")
    why = change.get_by_label("Reason")
    expect(why).to_be_hidden()

    change.locator("button", has_text="Expected").click()
    why.fill("the new index")
    why.press("Enter")
    change.locator("button", has_text="Acknowledge").click()

    expect(change.locator("button", has_text="Acknowledge")).to_have_attribute("aria-pressed", "true")
    expect(move(seen.go("/slower"), "test_finds").get_by_label("Reason")).to_have_value("the new index")
    (stored,) = (item["mark"] for item in fetch_api(judged, "regressions?suite=unit")["items"] if item["mark"])
    assert (stored["mark"], stored["reason"]) == ("acknowledged", "the new index")
    move(page, "test_finds").locator("button", has_text="Acknowledge").click()
    expect(move(page, "test_finds").get_by_label("Reason")).to_be_hidden()


def test_each_failure_has_its_label(seen):
    """New, known flaky with its rate, also failing on base, quarantined, or without history."""
    page = seen.go(f"/runs/{run_id(RUNS - 1)}")

    failures = page.locator("#failures")
    for nodeid, label in [
        (PAY, "known flaky 25 %"),
        (BROKEN, "also failing on base"),
        (NEW, "new"),
        (HELD, "quarantined"),
        (UNKNOWN, "no history"),
    ]:
        expect(failures.locator("li", has_text=nodeid.split("::")[1]).locator(".tag")).to_have_text(label)
    expect(failures.locator(".labels")).to_contain_text("1 no history")
    expect(failures.locator(".labels")).to_contain_text("2 known flaky")
    expect(page.locator("main header")).to_contain_text("typical 10.90 s")


def test_what_took_longer_than_allowed_is_listed(seen):
    """With what it took, what its marker allows, and by which rule."""
    page = seen.go(PATHS["run"])

    row_ = page.locator("#budget tbody tr")
    expect(row_).to_have_count(1)
    expect(row_).to_contain_text("test_finds")
    expect(row_).to_contain_text("300 ms")
    expect(row_).to_contain_text("250 ms")


def test_newly_skipped_tests_are_listed(seen):
    """With the heading and the explanation of the reports, and a link in the table of contents."""
    page = seen.go(PATHS["run"])
    heading = phrases.TEST_LISTS["newly_skipped"]

    section = page.locator("#newly_skipped")
    expect(section.locator("h2")).to_have_text("Newly skipped")
    expect(section.locator(".note")).to_have_text(heading.note)
    expect(section.locator("tbody tr")).to_have_count(1)
    expect(section.locator("tbody a")).to_have_text(SKIPPED)
    expect(page.locator("nav.contents a", has_text="Newly skipped")).to_have_count(1)


def test_a_run_without_verdicts_has_no_labels(seen):
    """A run without verdicts shows its failures without labels."""
    page = seen.go(f"/runs/{run_id(3)}")

    expect(page.locator("#failures details.failure").first).to_be_visible()
    expect(page.locator("#failures .labels")).to_have_count(0)


def test_a_flaky_test_says_so_and_why(seen):
    """Its state beside its name, its rate with the interval, and what it fails together with."""
    page = seen.go(PATHS["test"])

    expect(page.locator("main header .badge", has_text="flaky")).to_have_count(1)
    state = page.locator("#state")
    expect(state.locator(".measure")).to_contain_text("25 %")
    expect(state).to_contain_text("gw0: 3 of 6 attempts")
    expect(state.locator("a", has_text="test_count")).to_have_count(1)
    expect(page.locator("main header button", has_text="Quarantine")).to_have_count(1)


def test_a_tests_changes_stand_beside_its_durations(seen):
    """As steps in the chart, and below it in words with their marks."""
    page = seen.go(PATHS["slower test"])

    expect(page.locator("#changes article.change-card")).to_contain_text("100 ms → 200 ms")
    expect(page.locator("#durations canvas")).to_be_visible()
    expect(page.locator("#changes button.chip")).to_have_count(3)


@pytest.mark.parametrize("name", ["flaky", "slower"])
def test_too_few_runs_show_a_message(window, recorded, tmp_path, name):
    """How many commits are needed, instead of an empty table."""
    namespace = f"FEW-{name}"
    stored_verdicts.store_runs(recorded, Path(tmp_path), namespace, range(2))
    stored_verdicts.put(recorded, stored_verdicts.too_few_runs(run_id(1)), namespace)

    with served(recorded, "--namespace", namespace) as where:
        page = window(where).go(f"/{name}")

        expect(page.locator("main .paged-list .empty")).to_contain_text(
            "Not enough data for a verdict: at least 5 commits are needed"
        )


@pytest.mark.parametrize("name", ["flaky", "slower"])
def test_an_empty_store_says_what_to_do(window, nothing, name):
    """Without verdicts the view explains how to record a run."""
    page = window(nothing).go(f"/{name}")

    expect(page.locator("main .paged-list .empty")).to_contain_text("pytest --akastats")


def test_another_suite_has_its_own_verdicts(seen):
    """The newest run's suite unless one is chosen; runs without one are a choice too."""
    page = seen.go("/flaky")
    assert "suite=unit" in page.url

    page.select_option("select[name=suite]", index=0)
    page.wait_for_url(re.compile("suite=(&|$)"))
    seen.settled()

    expect(page.locator("main .paged-list .empty")).to_contain_text("No verdicts yet")


@pytest.mark.parametrize(("key", "name"), [("f", "flaky"), ("l", "slower")])
def test_keys_lead_there(seen, key, name):
    """`g f` and `g l`, and then `j` to the first row."""
    page = seen.go("/")

    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(f"**/{name}*")
    seen.settled()
    page.keyboard.press("j")

    assert page.evaluate("document.activeElement.closest('main tr, main article.change-card') !== null")
    expect(page.locator("nav a[aria-current]")).to_have_text(name.capitalize())

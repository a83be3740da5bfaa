"""Names, messages, tracebacks, branches, runs and suites as attackers write them: text, and nothing else.

The browser ignores the page's Content-Security-Policy, so that the page itself must prevent each execution.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from akastats.model.verdicts import ChangeVerdict, FailureVerdict, OverBudget, UnhealthyTest, Verdicts
from akastats.triage import acknowledgement_rules, acknowledgement_storage, quarantine_storage
from akastats.triage import quarantine_rules as rules
from akastats.triage.quarantine_rules import QuarantinedTest
from conftest import running_server
from tests.browser import stored_verdicts
from tests.browser.payloads import ALL, BROKEN_OUT
from tests.browser.served import fetch_api, served
from tests.delivered_runs import deliver_run

PAYLOAD_RUN = "20261120T090000000-000002"
UNTRUSTED_CONTENT = (Path(__file__).parent / "untrusted_content.js").read_text()

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
    """URL of a page whose data has every payload in every text field."""
    now = time.time() - 3600
    home = tmp_path_factory.mktemp("hostile")
    with running_server() as url:
        for number, payload in enumerate(ALL):
            tests = [(payload, "failed", 0.1, traceback(payload))]
            header = {"id": f"{number:03d} {payload}", **dict.fromkeys(FIELDS, payload)}
            run_id = f"20261120T080000{number:03d}-000001"
            deliver_run(url, home, tests, run_id=run_id, started=now + number, **header)
        tests = [(f"tests/{text}.py::test[{text}]", "failed", 0.1, traceback(text)) for text in ALL]
        fixtures = [[text, text, "function", 1, 0.1, 0.1] for text in ALL]
        deliver_run(url, home, tests, run_id=PAYLOAD_RUN, started=now + 900, fixtures=fixtures)
        store_verdicts(url)
        with served(url) as where:
            yield where


def store_verdicts(url: str) -> None:
    """Store verdicts, acknowledgements and quarantine entries whose texts are payloads."""
    stored_verdicts.put(url, payload_verdicts(), "AKA-STATS")
    for text in ALL:
        entry = QuarantinedTest(f"test::{nodeid(text)}", nodeid(text), "", time.time() + 9999, text, 0.0, text)
        stored_verdicts.execute(url, quarantine_storage.put("AKA-STATS", entry.label, rules.pack(entry)))
        change = changes(text)[0].change
        said = acknowledgement_rules.pack(
            acknowledgement_rules.new_acknowledgement(change, "acknowledged", text, time.time())
        )
        stored_verdicts.execute(
            url, acknowledgement_storage.put("AKA-STATS", acknowledgement_rules.id_of(change), said, [], 9999)
        )


def nodeid(text: str) -> str:
    """A test of the whole run."""
    return f"tests/{text}.py::test[{text}]"


def changes(text: str) -> list[ChangeVerdict]:
    """Changes of everything there is that can change."""
    ends = {"environment": text, "since": text, "run": text, "until": text}
    labels = (f"test::{nodeid(text)}", f"fixture::{text}::{text}", f"collect::{text}", text)
    return [stored_verdicts.change(label, 1, **ends) for label in labels]


def payload_verdicts() -> Verdicts:
    """Verdicts made of payloads."""
    rate = {"rate": 0.2, "low": 0.1, "high": 0.4, "probability": 0.9}
    evidence = {"workers": ((ALL[0], 1, 2), (ALL[1], 1, 2)), "after": ((ALL[2], 3),)}
    return Verdicts(
        run=PAYLOAD_RUN,
        suite="",
        branch=ALL[0],
        base=ALL[1],
        runs=50,
        failures=tuple(FailureVerdict(nodeid(text), "known flaky", 0.2) for text in ALL),
        tests=tuple(
            UnhealthyTest(nodeid(text), "flaky", evidence=(text,), since=text, **rate, **evidence) for text in ALL
        ),
        clusters=(tuple(map(nodeid, ALL)),),
        counts={"flaky": len(ALL)},
        changes=tuple(change for text in ALL for change in changes(text)),
        suite_changes=tuple(stored_verdicts.change("", 1, environment=text, run=text) for text in ALL),
        together=((f"test::{nodeid(ALL[0])}", f"fixture::{ALL[0]}::{ALL[0]}"),),
        paces=tuple((text, 1.0) for text in ALL),
        over_budget=tuple(OverBudget(nodeid(text), 2.0, 1.0, text) for text in ALL),
        pace=1.0,
        seconds=1.0,
        usual_seconds=1.0,
    )


def traceback(text: str) -> str:
    """A failure whose every line holds a text."""
    marked = f"E       ValueError: {text}\nE       {text}"
    return f"def test():  # {text}\n>       f('{text}')\n{marked}\n\n{text}.py:3: ValueError"


def paths(address: str, name: str) -> list[str]:
    """Return addresses of one view: where one shows one payload, of every eighth."""
    some = ALL[::8]
    if name == "runs":
        return [f"/runs/{quote(f'{number:03d} {ALL[number]}', safe='')}" for number in range(0, len(ALL), 8)]
    if name == "compare":
        return [f"/runs/{PAYLOAD_RUN}/compare/{quote(f'000 {ALL[0]}', safe='')}"]
    if name == "test":
        return [f"/test?nodeid={quote(text, safe='')}&suite={quote(text, safe='')}" for text in some]
    if name == "test with verdict":
        return [f"/test?nodeid={quote(nodeid(text), safe='')}" for text in some]
    if name == "error":
        return [f"/errors/{item['fingerprint']}" for item in fetch_api(address, "errors?limit=3")["items"]]
    if name == "stat":
        return [f"/stats?label={quote(f'test@{text}::{text}', safe='')}" for text in some]
    return {
        "overview": ["/", *(f"/?branch={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "whole run": [f"/runs/{PAYLOAD_RUN}"],
        "flaky": ["/flaky", *(f"/flaky?branch={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "slower": ["/slower", *(f"/slower?branch={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "speed up": ["/speed-up", f"/speed-up?run={PAYLOAD_RUN}"],
        "tests": ["/tests", *(f"/tests?q={quote(text, safe='')}" for text in BROKEN_OUT[::8])],
        "grid": ["/tests?view=grid"],
        "errors": ["/errors"],
        "stats": ["/stats"],
    }[name]


NAMES = (
    *("overview", "whole run", "runs", "compare", "tests", "grid", "test", "test with verdict"),
    *("flaky", "slower", "speed up", "errors", "error", "stats", "stat"),
)
UNFOLD = """() => {
    document.querySelectorAll("details").forEach((one) => (one.open = true));
    const folded = "button.expand, .change-group > button.plain, td button.plain:not([aria-label])";
    document.querySelectorAll(folded).forEach((one) => one.click());
}"""


@pytest.mark.parametrize("name", NAMES)
def test_no_text_becomes_more_than_text(window, everywhere, name):
    """0 executions over all views, and no element, handler or address that a stranger wrote."""
    view = window(everywhere, bypass_csp=True)
    # Unknown runs and tests are answered with 404.
    view.expected = ("404 (Not Found)",)

    for path in paths(everywhere, name):
        page = view.go(path)
        page.evaluate(UNFOLD)
        view.settled()

        assert page.evaluate(UNTRUSTED_CONTENT) == []
        view.check()


def test_a_question_about_a_stranger_s_test_is_text(window, everywhere):
    """The dialog shows the node id and the error of the API as text."""
    view = window(everywhere, bypass_csp=True)
    view.expected = ("409 (Conflict)",)
    page = view.go(f"/test?nodeid={quote(nodeid(ALL[0]), safe='')}")
    page.locator("#quarantined").wait_for(state="detached")
    verdict = page.locator("main header")
    expect(verdict).to_contain_text("quarantined until")

    page = view.go(f"/test?nodeid={quote(ALL[0], safe='')}&suite={quote(ALL[0], safe='')}")
    page.locator("main button", has_text="Quarantine").click()
    page.fill("dialog input[name=reason]", ALL[0])
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog [role=alert]")).not_to_be_empty()

    assert page.evaluate(UNTRUSTED_CONTENT) == []


def test_the_check_sees_what_a_stranger_wrote(window, everywhere):
    """Put in as HTML, each payload that is a tag would be found, and some would run."""
    view = window(everywhere, bypass_csp=True)
    page = view.go("/stats")

    page.evaluate(
        "(text) => { document.body.innerHTML = text }", "<img src=x onerror=alert(1)><a href=javascript:1>"
    )
    page.wait_for_function("() => document.images[0].complete")

    assert len(page.evaluate(UNTRUSTED_CONTENT)) == 2
    assert view.dialogs == ["1"]
    view.dialogs.clear()
    view.faults.clear()


def test_there_are_enough_payloads():
    """At least fifty, each once."""
    assert len(set(ALL)) == len(ALL) >= 50

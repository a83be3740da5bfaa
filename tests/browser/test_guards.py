"""The checks of the browser tests detect what they should."""

from __future__ import annotations

import pytest

from conftest import eventually
from tests.browser import chromium
from tests.browser.conftest import TIMEOUT_S, Watched


def complaint(view: Watched) -> str:
    """Return the faults so far."""
    try:
        view.check()
    except pytest.fail.Exception as failed:
        return str(failed)
    return ""


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("console.error('x')", "console: x"),
        ("setTimeout(() => { throw new Error('x') })", "error: x"),
        ("fetch('http://127.0.0.1:9/x').catch(() => 0)", "policy: connect-src http://127.0.0.1:9/x"),
        (
            "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
            "policy: require-trusted-types-for",
        ),
        ("document.body.setAttribute('style', 'color: red')", "policy: style-src"),
    ],
    ids=["console", "error", "elsewhere", "script", "style"],
)
def test_what_must_not_happen_is_seen(view, script, fault):
    """An error, a request to another host, a report of the policy: the test would fail."""
    page = view.go("/")

    page.evaluate(f"() => {{ try {{ {script} }} catch {{}} }}")
    # Some come as events, in the browser's own time; Playwright takes them in while it waits.
    eventually(lambda: page.wait_for_timeout(10) or fault in complaint(view), within_s=TIMEOUT_S)

    with pytest.raises(pytest.fail.Exception, match=fault):
        view.check()
    view.faults.clear()
    page.goto("about:blank")


def test_a_request_to_another_host_is_seen_without_a_policy_too(window, address):
    """Whatever the policy would have kept from being sent."""
    view = window(address, bypass_csp=True)
    page = view.go("/")

    page.evaluate("() => fetch('http://127.0.0.1:9/x').catch(() => 0)")

    with pytest.raises(pytest.fail.Exception, match=r"request: http://127\.0\.0\.1:9/x"):
        view.check()
    view.faults.clear()


def test_a_dialog_counts_as_an_execution(view):
    """The check detects the dialogs that injected scripts open."""
    page = view.go("/")

    page.evaluate("() => alert(1)")

    assert view.dialogs == ["1"]
    view.dialogs.clear()


def test_a_missing_browser_fails_the_test(monkeypatch):
    """Without a browser the tests fail instead of skipping."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CHROMIUM", raising=False)

    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        chromium.path()

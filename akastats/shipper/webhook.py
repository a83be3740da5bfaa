"""Telling somebody else what is newly flaky or slower: one POST of JSON, once, within two seconds."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from akastats.analysis.verdicts import Verdicts

#: For so long (seconds) the other side may take: somebody waits for the run's end.
TIMEOUT_S = 2.0
#: Of each kind so many are named, the rest is counted.
MOST_NAMED = 50


def news(found: Verdicts) -> dict[str, Any] | None:
    """Return what there is to tell of a run: newly flaky and newly slower; `None` where there is neither."""
    flaky = [test for test in found.tests if test.is_new and test.state == "flaky"]
    slower = [
        each.change for each in (*found.suite_changes, *found.changes) if each.is_new and each.change.is_slower
    ]
    if not (flaky or slower):
        return None
    return {
        "run": found.run,
        "suite": found.suite,
        "branch": found.branch,
        "text": f"akastats: {len(flaky)} newly flaky, {len(slower)} newly slower in run {found.run}",
        "flaky_total": len(flaky),
        "flaky": [{"nodeid": test.nodeid, "rate": test.rate, "since": test.since} for test in flaky[:MOST_NAMED]],
        "slower_total": len(slower),
        "slower": [
            {
                "label": change.label,
                "before": change.before,
                "after": change.after,
                "ratio": round(change.ratio, 3),
                "since": change.since,
                "run": change.run,
                "is_suspected": change.is_suspected,
            }
            for change in slower[:MOST_NAMED]
        ],
    }


class _Unredirected(HTTPRedirectHandler):
    """Follows no redirect: the address was given by whoever may know the news, not by who answers there."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, told: dict[str, Any]) -> str:
    """Send what is told to `url`; return what went wrong, empty where nothing did. The address is a secret."""
    body = json.dumps(told).encode()
    request = Request(url, body, {"Content-Type": "application/json", "User-Agent": "akastats"}, method="POST")
    try:
        with build_opener(_Unredirected).open(request, timeout=TIMEOUT_S):
            return ""
    except URLError as error:
        reason = getattr(error, "code", None) or type(error.reason).__name__
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    return f"AKA_STATS_WEBHOOK was not told ({reason})"

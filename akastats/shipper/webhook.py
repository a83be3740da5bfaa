"""Send newly flaky and newly slower tests to a webhook: one POST of JSON, once, within two seconds."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from akastats.model.verdicts import Verdicts, newly_flaky, newly_slower, suite_newly_slower

#: Seconds that the request may take, because the tests wait for the end of the run.
TIMEOUT_S = 2.0
#: Names per kind; the rest is counted.
MOST_NAMED = 50


def news(found: Verdicts) -> dict[str, Any] | None:
    """Return the newly flaky and newly slower tests of a run; `None` without any."""
    flaky, slower = newly_flaky(found), [*suite_newly_slower(found), *newly_slower(found)]
    if not (flaky or slower):
        return None
    return {
        "run": found.run,
        "suite": found.suite,
        "branch": found.branch,
        "text": f"akastats: {_counted(len(flaky), len(slower))} in run {found.run}",
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


def _counted(flaky: int, slower: int) -> str:
    return ", ".join(f"{count} newly {word}" for count, word in ((flaky, "flaky"), (slower, "slower")) if count)


class _Unredirected(HTTPRedirectHandler):
    """Follows no redirect: the address was given by whoever may know the news, not by who answers there."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, told: dict[str, Any]) -> str:
    """Send the verdicts to `url`; return the problem, empty without one. The address is a secret."""
    troubles: list[str] = []
    # A time-out of a socket is one of each byte, and a name is looked up without any.
    sending = threading.Thread(target=lambda: troubles.append(_sent(url, told)), daemon=True)
    sending.start()
    sending.join(TIMEOUT_S)
    trouble = troubles[0] if troubles else f"no answer within {TIMEOUT_S:g} s"
    return f"AKA_STATS_WEBHOOK was not told ({trouble})" if trouble else ""


def _request(url: str, told: dict[str, Any]) -> Request:
    """Return the request; user and password become a header: urllib takes them for part of the host."""
    parts = urlsplit(url)
    credentials, _, place = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": "akastats"}
    if credentials:
        headers["Authorization"] = _basic(credentials)
    # urllib resolves a host name that is not ASCII, but sends it unencoded, which is not a valid header.
    name, colon, port = place.partition(":")
    asked = parts._replace(netloc=name.encode("idna").decode() + colon + port)
    return Request(urlunsplit(asked), json.dumps(told).encode(), headers, method="POST")


def _basic(credentials: str) -> str:
    pair = credentials if ":" in credentials else f"{credentials}:"
    return f"Basic {b64encode(unquote_to_bytes(pair)).decode()}"


def _sent(url: str, told: dict[str, Any]) -> str:
    try:
        with build_opener(_Unredirected).open(_request(url, told), timeout=TIMEOUT_S):
            return ""
    except URLError as error:
        return str(getattr(error, "code", None) or type(error.reason).__name__)
    except (OSError, ValueError, HTTPException) as error:
        return type(error).__name__

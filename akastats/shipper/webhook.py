"""Send newly flaky, slower and skipped tests to a webhook: one POST of JSON, with a timeout of two seconds."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from akastats.model.verdicts import DurationChange, Verdicts, newly_flaky, newly_slower, suite_newly_slower
from akastats.report.phrases import NEWLY_FLAKY, NEWLY_SKIPPED, NEWLY_SLOWER

#: Maximum number of seconds for the whole exchange, because pytest waits for it.
TIMEOUT_S = 2.0
#: Maximum number of entries per list; the totals also count the omitted entries.
MAX_NAMED = 50


def make_message(verdicts: Verdicts) -> dict[str, Any] | None:
    """Return the newly flaky, slower and skipped tests of a run as JSON; `None` if there are none."""
    flaky, slower = newly_flaky(verdicts), [*suite_newly_slower(verdicts), *newly_slower(verdicts)]
    skipped = verdicts.newly_skipped
    counts = {NEWLY_FLAKY: len(flaky), NEWLY_SLOWER: len(slower), NEWLY_SKIPPED.title: len(skipped)}
    if not any(counts.values()):
        return None
    return {
        "run": verdicts.run,
        "suite": verdicts.suite,
        "branch": verdicts.branch,
        "text": f"akastats: {_format_counts(counts)} in run {verdicts.run}",
        "flaky_total": len(flaky),
        "flaky": [{"nodeid": test.nodeid, "rate": test.rate, "since": test.since} for test in flaky[:MAX_NAMED]],
        "slower_total": len(slower),
        "slower": list(map(_encode_change, slower[:MAX_NAMED])),
        "newly_skipped_total": len(skipped),
        "newly_skipped": list(skipped[:MAX_NAMED]),
    }


def _encode_change(change: DurationChange) -> dict[str, Any]:
    names = ("label", "before", "after", "since", "run", "is_suspected")
    return {"ratio": round(change.ratio, 3), **{name: getattr(change, name) for name in names}}


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {title}" for title, count in counts.items() if count)


class _Unredirected(HTTPRedirectHandler):
    """Refuses redirects, because only the configured address may receive the message."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, message: dict[str, Any]) -> str:
    """Send a message to `url`; return the error text, empty after success. The text never contains the URL."""
    errors: list[str] = []
    # Send in a thread, because a socket's timeout restarts with each byte and a DNS look-up has none.
    sending = threading.Thread(target=lambda: errors.append(_send(url, message)), daemon=True)
    sending.start()
    sending.join(TIMEOUT_S)
    error = errors[0] if errors else f"no answer within {TIMEOUT_S:g} s"
    return f"webhook failed ({error}); check AKA_STATS_WEBHOOK" if error else ""


def _request(url: str, message: dict[str, Any]) -> Request:
    """Return the request. User and password become a header, because urllib would treat them as host name."""
    parts = urlsplit(url)
    credentials, _, address = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": "akastats"}
    if credentials:
        headers["Authorization"] = _basic(credentials)
    # urllib writes the host name into a header, where only ASCII is valid.
    name, colon, port = address.partition(":")
    encoded = parts._replace(netloc=name.encode("idna").decode() + colon + port)
    return Request(urlunsplit(encoded), json.dumps(message).encode(), headers, method="POST")


def _basic(credentials: str) -> str:
    pair = credentials if ":" in credentials else f"{credentials}:"
    return f"Basic {b64encode(unquote_to_bytes(pair)).decode()}"


def _send(url: str, message: dict[str, Any]) -> str:
    try:
        with build_opener(_Unredirected).open(_request(url, message), timeout=TIMEOUT_S):
            return ""
    except URLError as error:
        return str(getattr(error, "code", None) or type(error.reason).__name__)
    except (OSError, ValueError, HTTPException) as error:
        return type(error).__name__

"""What a run means, in at most 15 lines of the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from akastats.visible import seconds, visible

#: So many lines in all, and of each kind of news.
MOST_LINES = 15
MOST_FAILURES, MOST_FLAKY, MOST_SLOWER, MOST_OVER = 5, 2, 3, 1
WIDTH = 22


def verdict_lines(told: Mapping[str, Any]) -> list[str]:
    """Return the lines of verdicts as the shipper tells them, each at most some 200 characters."""
    found = [
        *_section(_headline(told), list(map(_failure, told["failures"])), MOST_FAILURES),
        *_section("  newly flaky:", [_flaky(*row) for row in told["flaky"]], MOST_FLAKY, told["news"]["flaky"]),
        *_slower(told),
        *_section("", [_over(*row) for row in told["over_budget"]], MOST_OVER, told["news"]["over_budget"]),
        *_suite(told),
    ]
    return found[:MOST_LINES]


def _headline(told: Mapping[str, Any]) -> str:
    counts = [f"{count} {_named(label, told)}" for label, count in told["labels"].items()]
    if told["unlabelled"]:
        counts.append(f"{told['unlabelled']} without a history")
    if told["is_outage"]:
        counts.append("far more than usual: an outage?")
    return f"  failures: {', '.join(counts)}"


def _named(label: str, told: Mapping[str, Any]) -> str:
    return (
        f"also failing on {visible(told['base'])}" if label == "also failing on base" and told["base"] else label
    )


def _section(title: str, lines: Sequence[str], most: int, total: int = 0) -> Iterator[str]:
    if not lines:
        return
    if title:
        yield title
    yield from lines[:most]
    more = max(total, len(lines)) - most
    if more > 0:
        yield f"    ... and {more} more: akastats report"


def _failure(row: Sequence[Any]) -> str:
    nodeid, label, rate = row
    said = "no history" if label is None else label if rate is None else f"{label} {rate:.0%}"
    return f"    {said:<{WIDTH}} {_short(nodeid)}"


def _flaky(nodeid: str, rate: float) -> str:
    return f"    {f'fails {rate:.0%}':<{WIDTH}} {_short(nodeid)}"


def _slower(told: Mapping[str, Any]) -> Iterator[str]:
    rows = [f"    {_change(change):<{WIDTH}} {_short(change['label'])}" for change in told["slower"]]
    yield from _section("  newly slower:", rows, MOST_SLOWER, told["news"]["slower"])


def _change(change: Mapping[str, Any]) -> str:
    doubt = "?" if change["is_suspected"] else ""
    return f"{seconds(change['before']).strip()} -> {seconds(change['after']).strip()}{doubt}"


def _over(nodeid: str, taken: float, allowed: float, rule: str) -> str:
    said = f"over {rule}: {seconds(taken).strip()} > {seconds(allowed).strip()}"
    return f"  {said:<{WIDTH + 2}} {_short(nodeid)}"


def _suite(told: Mapping[str, Any]) -> Iterator[str]:
    if told["seconds"] is None or told["usual_seconds"] is None:
        return
    slower = "".join(f"; slower since run {visible(change['since'])}" for change in told["suite"][:1])
    pace = "" if told["pace"] is None else f", tests at {told['pace']:.2f} of their usual time"
    taken, usual = seconds(told["seconds"]).strip(), seconds(told["usual_seconds"]).strip()
    yield f"  suite: {taken}, usual {usual}{pace}{slower}"


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= 100 else "..." + shown[-97:]

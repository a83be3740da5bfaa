"""What a run means, in at most 15 lines of the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from akastats.visible import seconds, visible

# So many of each kind are named, which makes 15 lines with three titles and the suite; titles count the rest.
MOST_FAILURES, MOST_FLAKY, MOST_SLOWER, MOST_OVER = 5, 2, 3, 1
WIDTH = 22


def verdict_lines(told: Mapping[str, Any]) -> list[str]:
    """Return the lines of verdicts as the shipper tells them; what is in quarantine has lines of its own."""
    flaky, slower = told["news"]["flaky"], told["news"]["slower"]
    failures = [row for row in told["failures"] if row[1] != "quarantined"]
    return [
        *_section(_headline(told), map(_failure, failures[:MOST_FAILURES])),
        *_section(f"  newly flaky: {flaky}", (_flaky(*row) for row in told["flaky"][:MOST_FLAKY])),
        *_section(f"  newly slower: {slower}", map(_slower, told["slower"][:MOST_SLOWER])),
        *(_over(row, told["news"]["over_budget"] - 1) for row in told["over_budget"][:MOST_OVER]),
        *_suite(told),
    ]


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


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [title, *found] if found else []


def _failure(row: Sequence[Any]) -> str:
    nodeid, label, rate = row
    said = "no history" if label is None else label if rate is None else f"{label} {rate:.0%}"
    return f"    {said:<{WIDTH}} {_short(nodeid)}"


def _flaky(nodeid: str, rate: float) -> str:
    return f"    {f'fails {rate:.0%}':<{WIDTH}} {_short(nodeid)}"


def _slower(change: Mapping[str, Any]) -> str:
    doubt = "?" if change["is_suspected"] else ""
    said = f"{seconds(change['before'])} -> {seconds(change['after'])}{doubt}"
    return f"    {said:<{WIDTH}} {_short(change['label'])}"


def _over(row: Sequence[Any], others: int) -> str:
    nodeid, taken, allowed, rule = row
    said = f"over {rule}: {seconds(taken)} > {seconds(allowed)}"
    more = f" and {others} more" if others else ""
    return f"  {said:<{WIDTH + 2}} {_short(nodeid)}{more}"


def _suite(told: Mapping[str, Any]) -> Iterator[str]:
    if told["seconds"] is None or told["usual_seconds"] is None:
        return
    slower = "".join(f"; slower since run {visible(change['since'])}" for change in told["suite"][:1])
    pace = "" if told["pace"] is None else f", tests at {told['pace']:.2f} of their usual time"
    taken, usual = seconds(told["seconds"]), seconds(told["usual_seconds"])
    yield f"  suite: {taken}, usual {usual}{pace}{slower}"


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= 100 else "..." + shown[-97:]

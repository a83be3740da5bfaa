"""What a run means, in at most 15 lines of the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from akastats.visible import percent, seconds, visible

#: More lines than this nobody reads.
MOST_LINES = 15
# So many of each kind are named; titles count the rest.
MOST_FAILURES, MOST_FLAKY, MOST_SLOWER, MOST_OVER, MOST_FIXED = 5, 2, 3, 1, 2
WIDTH = 22


def verdict_lines(told: Mapping[str, Any]) -> list[str]:
    """Return the lines of verdicts as the shipper tells them; what is in quarantine has lines of its own."""
    news = told["news"]
    failures = [row for row in told["failures"] if row[1] != "quarantined"]
    sections = [
        _section(_headline(told), [_failure(row, told) for row in failures[:MOST_FAILURES]]),
        _fixed(told["fixed"], news["fixed"]),
        _section(f"newly flaky: {news['flaky']}", map(_flaky, told["flaky"][:MOST_FLAKY])),
        _section(f"newly slower: {news['slower']}", map(_slower, told["slower"][:MOST_SLOWER])),
        _section(f"over budget: {news['over_budget']}", map(_over, told["over_budget"][:MOST_OVER])),
        list(_suite(told)),
        [f"  {visible(told['note'])}"] if told.get("note") else [],
    ]
    return _fitted(sections)


def _fitted(sections: Sequence[list[str]]) -> list[str]:
    """Return no more lines than are read: of what stands last names go first, but of each kind one stays."""
    for section in reversed(sections):
        while len(section) > 2 and sum(map(len, sections)) > MOST_LINES:
            section.pop()
    return [line for section in sections for line in section]


def _headline(told: Mapping[str, Any]) -> str:
    counts = [f"{count} {_named(label, told)}" for label, count in told["labels"].items()]
    if told["unlabelled"]:
        counts.append(f"{told['unlabelled']} with no history")
    if told["is_outage"]:
        counts.append("far more than usual: an outage?")
    return f"failures: {', '.join(counts)}{_compared(told)}"


def _compared(told: Mapping[str, Any]) -> str:
    """Return the name of the branch that failures are compared with, if no label names it."""
    is_named = "also failing on base" in told["labels"]
    is_judged = bool(told["labels"].keys() - {"quarantined"})
    return f"; compared with {visible(told['base'])}" if told["base"] and is_judged and not is_named else ""


def _named(label: str, told: Mapping[str, Any]) -> str:
    return (
        f"also failing on {visible(told['base'])}" if label == "also failing on base" and told["base"] else label
    )


def _section(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return a title and a row each for what is named, in columns; nothing where nothing is."""
    found = list(rows)
    width = max([WIDTH, *(len(said) for said, _ in found)])
    return [f"  {title}", *(f"    {said:<{width}} {_short(name)}" for said, name in found)] if found else []


def _failure(row: Sequence[Any], told: Mapping[str, Any]) -> tuple[str, str]:
    nodeid, label, rate = row
    said = "no history" if label is None else _named(label, told)
    return (said if rate is None else f"{said} {percent(rate)}", nodeid)


def _fixed(names: Sequence[str], count: int) -> list[str]:
    if not count:
        return []
    shown = ", ".join(map(_short, names[:MOST_FIXED]))
    more = f" and {count - MOST_FIXED} more" if count > MOST_FIXED else ""
    return [f"  {f'fixed: {count}':<{WIDTH + 2}} {shown}{more}"]


def _flaky(row: Sequence[Any]) -> tuple[str, str]:
    nodeid, rate = row
    return (f"fails {percent(rate)}", nodeid)


def _slower(change: Mapping[str, Any]) -> tuple[str, str]:
    doubt = "?" if change["is_suspected"] else ""
    return (f"{seconds(change['before'])} -> {seconds(change['after'])}{doubt}", change["name"])


def _over(row: Sequence[Any]) -> tuple[str, str]:
    nodeid, taken, allowed, _ = row
    return (f"{seconds(taken)} > {seconds(allowed)}", nodeid)


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

"""What a run means, in at most 15 lines of the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from akastats.formatting import escape_unprintable, format_duration, format_percent

#: Most lines of verdicts.
MOST_LINES = 15
# Names per kind; the last line of each kind counts the rest.
MOST_FAILURES, MOST_FLAKY, MOST_SLOWER, MOST_OVER, MOST_FIXED = 5, 2, 3, 1, 2
WIDTH = 22


class Section:
    """A title with the rows beneath it: `count` is the number of all rows, of which only the first are named."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]] = (), count: int = 0) -> None:
        self.title = title
        self.rows = rows
        self.count = count


def verdict_lines(told: Mapping[str, Any]) -> list[str]:
    """Return the lines for the shipper's verdicts; tests in quarantine have lines of their own."""
    news = told["news"]
    failures = [row for row in told["failures"] if row[1] != "quarantined"]
    named = [_failure(row, told) for row in failures[:MOST_FAILURES]]
    found = [
        Section(_headline(told), named, _count_failures(told)) if named else None,
        _fixed(told["fixed"], news["fixed"]),
        _news("newly flaky", news["flaky"], map(_flaky, told["flaky"][:MOST_FLAKY])),
        _news("newly slower", news["slower"], map(_slower, told["slower"][:MOST_SLOWER])),
        _news("over budget", news["over_budget"], map(_over, told["over_budget"][:MOST_OVER])),
        *(Section(line) for line in _suite(told)),
        Section(escape_unprintable(told["note"])) if told.get("note") else None,
    ]
    sections = [section for section in found if section]
    _fit(sections)
    return [line for section in sections for line in _lines(section)]


def _count_failures(told: Mapping[str, Any]) -> int:
    labels = told["labels"]
    return int(sum(labels.values()) - labels.get("quarantined", 0) + told["unlabelled"])


def _news(title: str, count: int, rows: Iterable[tuple[str, str]]) -> Section | None:
    named = list(rows)
    return Section(f"{title}: {count}", named, count) if named else None


def _fit(sections: Sequence[Section]) -> None:
    """Cut sections to at most `MOST_LINES` lines: names of the last ones go first, but each keeps one."""
    excess = sum(1 + len(section.rows) for section in sections) - MOST_LINES
    for section in reversed(sections):
        cut = max(0, min(excess, len(section.rows) - 1))
        section.rows = section.rows[: len(section.rows) - cut]
        excess -= cut


def _lines(section: Section) -> Iterator[str]:
    """Yield a section's title and its rows in columns; the last row ends with the number of rows left out."""
    yield f"  {section.title}"
    width = max([WIDTH, *(len(label) for label, _ in section.rows)])
    for number, (label, name) in enumerate(section.rows, 1):
        more = _more(section.count, number) if number == len(section.rows) else ""
        yield f"    {label:<{width}} {_short(name)}{more}"


def _more(count: int, named: int) -> str:
    return f" and {count - named} more" if count > named else ""


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
    return (
        f"; compared with {escape_unprintable(told['base'])}"
        if told["base"] and is_judged and not is_named
        else ""
    )


def _named(label: str, told: Mapping[str, Any]) -> str:
    return (
        f"also failing on {escape_unprintable(told['base'])}"
        if label == "also failing on base" and told["base"]
        else label
    )


def _failure(row: Sequence[Any], told: Mapping[str, Any]) -> tuple[str, str]:
    nodeid, label, rate = row
    said = "no history" if label is None else _named(label, told)
    return (said if rate is None else f"{said} {format_percent(rate)}", nodeid)


def _fixed(names: Sequence[str], count: int) -> Section | None:
    if not count:
        return None
    named = names[:MOST_FIXED]
    shown = ", ".join(map(_short, named))
    return Section(f"{f'fixed: {count}':<{WIDTH + 2}} {shown}{_more(count, len(named))}")


def _flaky(row: Sequence[Any]) -> tuple[str, str]:
    nodeid, rate = row
    return (f"fails {format_percent(rate)}", nodeid)


def _slower(change: Mapping[str, Any]) -> tuple[str, str]:
    doubt = "?" if change["is_suspected"] else ""
    return (f"{format_duration(change['before'])} -> {format_duration(change['after'])}{doubt}", change["name"])


def _over(row: Sequence[Any]) -> tuple[str, str]:
    nodeid, taken, allowed, _ = row
    return (f"{format_duration(taken)} > {format_duration(allowed)}", nodeid)


def _suite(told: Mapping[str, Any]) -> Iterator[str]:
    if told["seconds"] is None or told["usual_seconds"] is None:
        return
    slower = "".join(f"; slower since run {escape_unprintable(change['since'])}" for change in told["suite"][:1])
    pace = "" if told["pace"] is None else f", tests at {told['pace']:.2f} of their usual time"
    taken, usual = format_duration(told["seconds"]), format_duration(told["usual_seconds"])
    yield f"suite: {taken}, usual {usual}{pace}{slower}"


def _short(name: str) -> str:
    shown = escape_unprintable(name)
    return shown if len(shown) <= 100 else "..." + shown[-97:]

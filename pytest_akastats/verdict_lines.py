"""Format the verdicts of a run in at most 15 lines of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from akastats.formatting import escape_unprintable
from akastats.report import phrases
from akastats.spool.shipper_answer import FailingTest, FlakyTest, OverBudgetTest, RunVerdicts, Slowdown

#: Maximum number of lines of all sections.
MAX_LINES = 15
# Maximum number of names per section; its last line counts the others.
MAX_FAILURES, MAX_FLAKY, MAX_SLOWER, MAX_OVER_BUDGET, MAX_LISTED = 5, 2, 3, 1, 2
#: Width of the first column in characters.
WIDTH = 22
#: Maximum number of characters of a node id.
MAX_NAME = 100


class Section:
    """A title with rows of label and name.

    title: first line.
    rows: label and name of each named entry.
    count: number of entries, including those that are not named.
    """

    def __init__(self, title: str, rows: Sequence[tuple[str, str]] = (), count: int = 0) -> None:
        self.title = title
        self.rows = rows
        self.count = count


def format_verdicts(verdicts: RunVerdicts) -> list[str]:
    """Return the verdicts of a run as lines, without quarantined failures."""
    totals = verdicts.totals
    failures = [failure for failure in verdicts.failures if failure.label != "quarantined"]
    rows = [_make_failure_row(failure, verdicts.base) for failure in failures[:MAX_FAILURES]]
    flaky, slower = verdicts.flaky[:MAX_FLAKY], verdicts.slower[:MAX_SLOWER]
    over_budget = verdicts.over_budget[:MAX_OVER_BUDGET]
    candidates = [
        Section(_format_headline(verdicts), rows, _count_failures(verdicts)) if rows else None,
        *(_make_list_section(verdicts, name, heading.title) for name, heading in phrases.TEST_LISTS.items()),
        _make_section(phrases.NEWLY_FLAKY, totals.get("flaky", 0), map(_make_flaky_row, flaky)),
        _make_section(phrases.NEWLY_SLOWER, totals.get("slower", 0), map(_make_slower_row, slower)),
        _make_section(phrases.OVER_BUDGET, totals.get("over_budget", 0), map(_make_over_budget_row, over_budget)),
        *(Section(line) for line in _format_suite(verdicts)),
        Section(escape_unprintable(verdicts.note)) if verdicts.note else None,
    ]
    sections = [section for section in candidates if section]
    _cut_rows(sections)
    return [line for section in sections for line in _format_section(section)]


def _count_failures(verdicts: RunVerdicts) -> int:
    return sum(verdicts.labels.values()) - verdicts.labels.get("quarantined", 0) + verdicts.unlabelled


def _make_section(title: str, count: int, rows: Iterable[tuple[str, str]]) -> Section | None:
    named = list(rows)
    return Section(f"{title}: {count}", named, count) if named else None


def _cut_rows(sections: Sequence[Section]) -> None:
    """Cut rows to `MAX_LINES` lines in total, from the last section on; each section keeps one row."""
    excess = sum(1 + len(section.rows) for section in sections) - MAX_LINES
    for section in reversed(sections):
        cut = max(0, min(excess, len(section.rows) - 1))
        section.rows = section.rows[: len(section.rows) - cut]
        excess -= cut


def _format_section(section: Section) -> Iterator[str]:
    """Yield a section's title and its rows in columns; the last row ends with the number of omitted entries."""
    yield f"  {section.title}"
    width = max([WIDTH, *(len(label) for label, _ in section.rows)])
    for number, (label, name) in enumerate(section.rows, 1):
        more = _count_others(section.count, number) if number == len(section.rows) else ""
        yield f"    {label:<{width}} {_shorten(name)}{more}"


def _count_others(count: int, named: int) -> str:
    return f" and {count - named} more" if count > named else ""


def _format_headline(verdicts: RunVerdicts) -> str:
    base = escape_unprintable(verdicts.base)
    counts = [f"{count} {phrases.failure_label(label, base=base)}" for label, count in verdicts.labels.items()]
    if verdicts.unlabelled:
        counts.append(f"{verdicts.unlabelled} with {phrases.NO_HISTORY}")
    compared = f"; {phrases.compared_with(base)}" if _needs_base(verdicts) else ""
    outage = f"; {phrases.OUTAGE}" if verdicts.is_outage else ""
    return f"failures: {', '.join(counts)}{compared}{outage}"


def _needs_base(verdicts: RunVerdicts) -> bool:
    """Return whether failures are compared with a branch that no label names."""
    labels = verdicts.labels.keys() - {"quarantined"}
    return bool(verdicts.base and labels and "also failing on base" not in labels)


def _make_failure_row(failure: FailingTest, base: str) -> tuple[str, str]:
    return (phrases.failure_label(failure.label, failure.rate, escape_unprintable(base)), failure.nodeid)


def _make_list_section(verdicts: RunVerdicts, name: str, title: str) -> Section | None:
    count, tests = verdicts.totals.get(name, 0), verdicts.test_lists.get(name, ())[:MAX_LISTED]
    if not count:
        return None
    shown = ", ".join(map(_shorten, tests))
    return Section(f"{f'{title}: {count}':<{WIDTH + 2}} {shown}{_count_others(count, len(tests))}")


def _make_flaky_row(test: FlakyTest) -> tuple[str, str]:
    return (phrases.failure_rate_cell(test.rate), test.nodeid)


def _make_slower_row(slowdown: Slowdown) -> tuple[str, str]:
    doubt = "?" if slowdown.is_suspected else ""
    return (phrases.change_cell(slowdown.before, slowdown.after) + doubt, slowdown.name)


def _make_over_budget_row(test: OverBudgetTest) -> tuple[str, str]:
    return (phrases.over_budget_cell(test.seconds, test.allowed), test.nodeid)


def _format_suite(verdicts: RunVerdicts) -> Iterator[str]:
    if verdicts.seconds is None or verdicts.typical_seconds is None:
        return
    slower = "".join(f"; slower since run {escape_unprintable(each.since)}" for each in verdicts.suite[:1])
    duration = phrases.suite_duration(
        verdicts.seconds, verdicts.typical_seconds, verdicts.speed_factor, verdicts.causes
    )
    yield f"suite: {duration}{slower}"


def _shorten(name: str) -> str:
    shown = escape_unprintable(name)
    return shown if len(shown) <= MAX_NAME else "..." + shown[3 - MAX_NAME :]

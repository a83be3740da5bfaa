"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from scoring import CaseScore, WasteScore, quantile

#: Planted waste must be this share of the wall time.
LEAST, MOST = 0.15, 0.70


def case_table(scores: Iterable[CaseScore]) -> str:
    """Return one row per planted waste or clean suite."""
    lines = [
        "| case | wall s | true saving s | share | rank | predicted s | error | first finding | explained |",
        "|---|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    for score in scores:
        lines += [row(score, waste) for waste in score.wastes] or [clean_row(score)]
    return "\n".join(lines)


def row(score: CaseScore, waste: WasteScore) -> str:
    """Return the row of a planted waste."""
    share = waste.true_s / score.wall_s
    name = score.case.name + (f": {waste.waste.kinds[0]}" if len(score.wastes) > 1 else "")
    cells = [
        name + (" *" if score.case.is_held_out else ""),
        f"{score.wall_s:.2f}",
        f"{waste.true_s:.2f} (range {waste.spread_s:.2f})",
        percent(share) + ("" if LEAST <= share <= MOST else " !"),
        str(waste.rank or "-"),
        number(waste.predicted_s),
        percent(waste.error),
        first(score),
        percent(score.explained),
    ]
    return f"| {' | '.join(cells)} |"


def clean_row(score: CaseScore) -> str:
    """Return the row of a clean suite."""
    false = ", ".join(f"{finding.name} {number(finding.seconds)} s" for finding in score.false)
    name = score.case.name + (" *" if score.case.is_held_out else "")
    cells = [name, f"{score.wall_s:.2f}", "0", "-", "-", "-", "-", false or "none", percent(score.explained)]
    return f"| {' | '.join(cells)} |"


def first(score: CaseScore) -> str:
    """Return the first finding as text."""
    return f"{score.findings[0].name} {number(score.findings[0].seconds)} s" if score.findings else "none"


def number(value: float | None) -> str:
    """Return seconds as text."""
    return "-" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Return a share as text."""
    return "-" if value is None else f"{value:.0%}"


def summary(results: Mapping[str, Sequence[CaseScore]]) -> str:
    """Return one row per tool and part of the corpus."""
    lines = [
        "| tool | part | cases | first finding right | wastes among the first three | error median | error 90 % "
        "| predictions | false on clean suites | explained, least | explained, median |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for tool, scores in results.items():
        for part, is_held_out in (("development", False), ("held out", True)):
            chosen = [score for score in scores if score.case.is_held_out == is_held_out]
            if chosen:
                lines.append(f"| {tool} | {part} | {' | '.join(summary_cells(chosen))} |")
    return "\n".join(lines)


def summary_cells(scores: Sequence[CaseScore]) -> list[str]:
    """Return the figures of one part of the corpus."""
    planted = [score for score in scores if score.wastes]
    clean = [score for score in scores if not score.wastes]
    wastes = [waste for score in planted for waste in score.wastes]
    errors = [waste.error for waste in wastes if waste.error is not None]
    explained = [score.explained for score in scores if score.explained is not None]
    return [
        f"{len(planted)} + {len(clean)} clean",
        ratio([bool(score.is_first) for score in planted]),
        ratio([waste.rank is not None and waste.rank <= 3 for waste in wastes]),
        percent(median(errors) if errors else None),
        percent(quantile(errors, 0.9)),
        f"{len(errors)} of {len(wastes)}",
        f"{sum(len(score.false) for score in clean)} in {sum(bool(score.false) for score in clean)} suites",
        percent(min(explained, default=None)),
        percent(median(explained) if explained else None),
    ]


def ratio(results: Sequence[bool]) -> str:
    """Return a count and its share as text."""
    return f"{sum(results)} of {len(results)} ({sum(results) / len(results):.2f})" if results else "-"

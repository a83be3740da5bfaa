"""Findings as GitHub's workflow commands, which its runner reads out of what a step prints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from akastats.formatting import escape_unprintable
from akastats.report.code_annotations import Finding
from akastats.report.document import cut
from akastats.report.failing_tests import Standing

Level = Literal["error", "warning"]

#: Of each level GitHub shows so many a step, and leaves the others out without a word.
MOST_OF_A_LEVEL = 10
MOST_TITLE, MOST_TEXT = 250, 1_000

#: What may be the change's own fault; the rest was there before, or fails nothing.
_ERRORS: frozenset[Standing | None] = frozenset({"new", "not judged", "no history"})


def commands(findings: Iterable[Finding]) -> list[str]:
    """Return lines to be printed, at most ten errors and ten warnings; the tenth counts what is left out."""
    found = list(findings)
    errors = [each for each in found if each.standing in _ERRORS]
    warnings = [each for each in found if each.standing not in _ERRORS]
    return [*_level("error", errors), *_level("warning", warnings)]


def _level(level: Level, found: Sequence[Finding]) -> Iterator[str]:
    shown = found if len(found) <= MOST_OF_A_LEVEL else found[: MOST_OF_A_LEVEL - 1]
    for each in shown:
        yield _command(level, each)
    if len(found) > len(shown):
        yield f"::{level} title=akastats::and {len(found) - len(shown):,} more: the summary names them"


def _command(level: Level, finding: Finding) -> str:
    place = f"file={_property(escape_unprintable(finding.path))},line={finding.line}," if finding.path else ""
    title = _property(cut(finding.title, MOST_TITLE))
    return f"::{level} {place}title={title}::{_data(cut(finding.text, MOST_TEXT))}"


# The order matters: what escapes is escaped first. Ends of lines are visible escapes already, and stay so if not.
_IN_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES = (*_IN_DATA, (":", "%3A"), (",", "%2C"))


def _data(text: str) -> str:
    return _replaced(text, _IN_DATA)


def _property(text: str) -> str:
    return _replaced(text, _IN_PROPERTIES)


def _replaced(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    for character, escape in pairs:
        text = text.replace(character, escape)
    return text

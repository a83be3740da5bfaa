"""Annotations as workflow commands, which the runner of GitHub Actions reads from the output of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from akastats.formatting import escape_unprintable
from akastats.report.code_annotations import Annotation
from akastats.report.document import cut
from akastats.report.failing_tests import ReportedLabel

Level = Literal["error", "warning"]

#: Maximum number of annotations of each level per step. GitHub silently drops further annotations.
MAX_PER_LEVEL = 10
#: Maximum number of characters of a title, and of a message.
MAX_TITLE, MAX_TEXT = 250, 1_000

#: Failures that the change may have caused are errors; all other annotations are warnings.
_ERRORS: frozenset[ReportedLabel | None] = frozenset({"new", "not analysed", "no history"})


def render_commands(annotations: Iterable[Annotation]) -> list[str]:
    """Return the lines to print: at most ten errors and ten warnings; if there are more, the tenth counts them."""
    everything = list(annotations)
    errors = [each for each in everything if each.label in _ERRORS]
    warnings = [each for each in everything if each.label not in _ERRORS]
    return [*_level("error", errors), *_level("warning", warnings)]


def _level(level: Level, annotations: Sequence[Annotation]) -> Iterator[str]:
    shown = annotations if len(annotations) <= MAX_PER_LEVEL else annotations[: MAX_PER_LEVEL - 1]
    for annotation in shown:
        yield _command(level, annotation)
    if len(annotations) > len(shown):
        yield f"::{level} title=akastats::and {len(annotations) - len(shown):,} more: see the summary"


def _command(level: Level, annotation: Annotation) -> str:
    path = annotation.path
    location = f"file={_property(escape_unprintable(path))},line={annotation.line}," if path else ""
    title = _property(cut(annotation.title, MAX_TITLE))
    return f"::{level} {location}title={title}::{_data(cut(annotation.text, MAX_TEXT))}"


# The percent sign comes first, because the escapes contain percent signs. `cut` usually escapes line ends before.
_IN_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES = (*_IN_DATA, (":", "%3A"), (",", "%2C"))


def _data(text: str) -> str:
    return _escape(text, _IN_DATA)


def _property(text: str) -> str:
    return _escape(text, _IN_PROPERTIES)


def _escape(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    for character, escape in pairs:
        text = text.replace(character, escape)
    return text

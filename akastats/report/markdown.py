"""A report as markdown for the comments of any forge: only headings, lists and code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from akastats.formatting import escape_unprintable
from akastats.report.document import Code, Document, Line, Link, Section, cut

#: Maximum number of characters of a report. GitHub refuses more than 65,536 characters per comment, and a CI job
#: may add its own text.
MAX_CHARACTERS = 60_000
#: Maximum number of entries per section, and maximum number of lines below an entry. The others are only counted.
MAX_ITEMS, MAX_DETAILS = 50, 10
#: Maximum number of characters of a node id or a message.
MAX_CODE = 300

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&@#]")
_TICKS = re.compile(r"`+")
#: Characters of an address that are not percent-encoded. Angle brackets are encoded, because they enclose the
#: address.
_ADDRESS = ":/?#[]@!$&'()*+,;=%"
#: Maximum number of characters of the line that counts the omitted entries.
_COUNT_LINE = 40


def render_markdown(document: Document, size: int = MAX_CHARACTERS) -> str:
    """Return a report of at most `size` characters; sections omit and count the entries that do not fit."""
    head = [f"### {_line(document.title)}", *map(_line, document.facts), *map(_line, document.notes)]
    blocks = ["\n\n".join(head)]
    sections = [_SectionText(section) for section in document.sections]
    room = size - len(blocks[0]) - 3 * len(sections) - 1
    for section, share in zip(sections, _shares([each.size for each in sections], room), strict=True):
        blocks.append(section.within(share))
    return "\n\n".join(blocks)[: size - 1] + "\n"


class _SectionText:
    """Heading and entries of a section as text."""

    def __init__(self, section: Section) -> None:
        note = f"\n\n{_line(section.note)}" if section.note else ""
        self._head = f"#### {section.title}: {section.count:,}{note}"
        self._items = [
            ("\n".join(_item(item.head, item.details)), item.count) for item in section.items[:MAX_ITEMS]
        ]
        self._count = section.count
        self.size = len(self._head) + 2 + sum(len(text) + 1 for text, _ in self._items) + _COUNT_LINE

    def within(self, room: int) -> str:
        """Return the section in at most `room` characters; the heading is never cut. Omissions are counted."""
        left, lines, shown = room - len(self._head) - 2 - _COUNT_LINE, [], 0
        for text, count in self._items:
            left -= len(text) + 1
            if left < 0:
                break
            lines.append(text)
            shown += count
        if shown < self._count:
            lines.append(f"- and {self._count - shown:,} more")
        return f"{self._head}\n\n" + "\n".join(lines)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return the maximum number of characters per section: its size, or an equal share of the remaining room."""
    shares = [0] * len(sizes)
    for rank, at in enumerate(sorted(range(len(sizes)), key=lambda at: sizes[at])):
        shares[at] = min(sizes[at], room // (len(sizes) - rank))
        room -= shares[at]
    return shares


def _item(head: Line, details: Sequence[Line]) -> Iterator[str]:
    yield f"- {_line(head)}"
    for line in details[:MAX_DETAILS]:
        yield f"  - {_line(line)}"
    if len(details) > MAX_DETAILS:
        yield f"  - and {len(details) - MAX_DETAILS:,} more"


def _line(line: Line) -> str:
    return "".join(map(_piece, line))


def _piece(piece: str | Code | Link) -> str:
    if isinstance(piece, Code):
        return _code(cut(piece.text, MAX_CODE))
    if isinstance(piece, Link):
        return f"[{_escape(piece.text)}](<{quote(piece.url, _ADDRESS)}>)"
    return _escape(piece)


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", escape_unprintable(text))


def _code(text: str) -> str:
    """Return a text as code, between more backticks than it contains in a row, so that it contains no markup."""
    if not text:
        return "(empty)"
    fence = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    # Markdown removes one space at both ends, unless the code is only spaces.
    edge = " " if text.strip(" ") and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{edge}{text}{edge}{fence}"

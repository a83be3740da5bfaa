"""A report as markdown that any forge's comments take: headings, lists and code, nothing else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from akastats.formatting import escape_unprintable
from akastats.report.document import Code, Document, Line, Link, Section, cut

#: Characters; GitHub refuses a comment of more than 65,536, and whoever posts it may add words.
MOST_CHARACTERS = 60_000
#: Of a section so many findings are told, beneath each so many lines; the rest is counted.
MOST_ITEMS, MOST_BENEATH = 50, 10
#: A node id or a message has at most so many characters.
MOST_CODE = 300

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&@#]")
_TICKS = re.compile(r"`+")
#: What stays of an address; in its angle brackets it may hold neither of them, nor a line's end.
_ADDRESS = ":/?#[]@!$&'()*+,;=%"
#: Room for the line that counts what is left out.
_COUNT_LINE = 40


def markdown(document: Document, most: int = MOST_CHARACTERS) -> str:
    """Return a report of at most `most` characters, as many in each section as there is room for."""
    head = [f"### {_line(document.title)}", *map(_line, document.facts), *map(_line, document.notes)]
    blocks = ["\n\n".join(head)]
    written = [_Written(section) for section in document.sections]
    room = most - len(blocks[0]) - 3 * len(written) - 1
    for section, size in zip(written, _shares([each.size for each in written], room), strict=True):
        blocks.append(section.within(size))
    return "\n\n".join(blocks)[: most - 1] + "\n"


class _Written:
    """A section's heading and its findings, each as text."""

    def __init__(self, section: Section) -> None:
        note = f"\n\n{_line(section.note)}" if section.note else ""
        self._head = f"#### {section.title}: {section.count:,}{note}"
        self._items = [
            ("\n".join(_item(item.head, item.beneath)), item.count) for item in section.items[:MOST_ITEMS]
        ]
        self._count = section.count
        self.size = len(self._head) + 2 + sum(len(text) + 1 for text, _ in self._items) + _COUNT_LINE

    def within(self, room: int) -> str:
        """Return the section in at most `room` characters, if its heading fits: what is left out is counted."""
        left, kept, told = room - len(self._head) - 2 - _COUNT_LINE, [], 0
        for text, count in self._items:
            left -= len(text) + 1
            if left < 0:
                break
            kept.append(text)
            told += count
        if told < self._count:
            kept.append(f"- and {self._count - told:,} more")
        return f"{self._head}\n\n" + "\n".join(kept)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Return how much room each gets: what it needs where that is no more than a fair share of what is left."""
    shares = [0] * len(sizes)
    for rank, at in enumerate(sorted(range(len(sizes)), key=lambda at: sizes[at])):
        shares[at] = min(sizes[at], room // (len(sizes) - rank))
        room -= shares[at]
    return shares


def _item(head: Line, beneath: Sequence[Line]) -> Iterator[str]:
    yield f"- {_line(head)}"
    for line in beneath[:MOST_BENEATH]:
        yield f"  - {_line(line)}"
    if len(beneath) > MOST_BENEATH:
        yield f"  - and {len(beneath) - MOST_BENEATH:,} more"


def _line(line: Line) -> str:
    return "".join(map(_piece, line))


def _piece(piece: str | Code | Link) -> str:
    if isinstance(piece, Code):
        return _code(cut(piece.text, MOST_CODE))
    if isinstance(piece, Link):
        return f"[{_escaped(piece.text)}](<{quote(piece.url, _ADDRESS)}>)"
    return _escaped(piece)


def _escaped(words: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", escape_unprintable(words))


def _code(text: str) -> str:
    """Return a text between more backticks than it holds in a row: in there nothing else means anything."""
    if not text:
        return "(empty)"
    fence = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    # One space at both ends is taken away again, unless there is nothing else.
    edge = " " if text.strip(" ") and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{edge}{text}{edge}{fence}"

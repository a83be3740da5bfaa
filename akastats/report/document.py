"""The content of a report, independent of its format: sections with lines of text."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.formatting import escape_unprintable


@dataclass(frozen=True, slots=True)
class Code:
    """Untrusted text, such as a node id or a message: a format must escape it and show it as code.

    text: the text
    """

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page.

    text: text of the link
    url: address, which begins with http:// or https://
    """

    text: str
    url: str


#: A line: trusted text as `str`, other pieces as `Code` or `Link`.
Line = tuple[str | Code | Link, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a section.

    head: its first line
    details: lines below it
    count: number of tests or durations in the entry
    """

    head: Line
    details: tuple[Line, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """Entries of one kind.

    title: title, without a number
    items: the entries
    note: a sentence that explains the title; empty if there is none
    left_out: number of additional tests, whose names are unknown
    """

    title: str
    items: tuple[Item, ...]
    note: Line = ()
    left_out: int = 0

    @property
    def count(self) -> int:
        """Return the number of tests or durations, including those whose names are unknown."""
        return sum(item.count for item in self.items) + self.left_out


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    status: status of the run, as stored
    title: result of the run
    facts: lines about the run, such as branch and duration
    notes: lines about the limits of the report
    sections: failures and changes
    more: sections that short formats leave out
    """

    status: str
    title: Line
    facts: tuple[Line, ...] = ()
    notes: tuple[Line, ...] = ()
    sections: tuple[Section, ...] = ()
    more: tuple[Section, ...] = ()


def cut(text: str, size: int) -> str:
    """Return a text as one line of at most `size` characters; the middle of a longer text is omitted."""
    shown = escape_unprintable(text)
    if len(shown) <= size:
        return shown
    head = (size - len(_CUT)) * 2 // 3
    return shown[:head] + _CUT + shown[len(_CUT) + head - size :]


_CUT = " ... "

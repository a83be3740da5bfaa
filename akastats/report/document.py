"""A report before it has a form: lines of words and strangers' texts, in sections. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.formatting import escape_unprintable


@dataclass(frozen=True, slots=True)
class Code:
    """A text that strangers wrote, such as a node id or a message: it is shown as it is and means nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page; `url` begins with http:// or https://."""

    text: str
    url: str


#: A line: our own words as `str`, all else as what it is.
Line = tuple[str | Code | Link, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A finding with lines beneath it; it stands for `count` tests or the like."""

    head: Line
    beneath: tuple[Line, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """Findings of one kind; `left_out` counts those that nobody can name."""

    title: str
    items: tuple[Item, ...]
    note: Line = ()
    left_out: int = 0

    @property
    def count(self) -> int:
        """How many there are, named or not."""
        return sum(item.count for item in self.items) + self.left_out


@dataclass(frozen=True, slots=True)
class Document:
    """A report: what the run came to, facts and notes on it, and what was found.

    `more` is only for who looks for it. `status` is the run's, as stored.
    """

    status: str
    title: Line
    facts: tuple[Line, ...] = ()
    notes: tuple[Line, ...] = ()
    sections: tuple[Section, ...] = ()
    more: tuple[Section, ...] = ()


def cut(text: str, most: int) -> str:
    """Return a text on one line of at most `most` characters, its middle left out if it is longer."""
    shown = escape_unprintable(text)
    if len(shown) <= most:
        return shown
    head = (most - len(_CUT)) * 2 // 3
    return shown[:head] + _CUT + shown[len(_CUT) + head - most :]


_CUT = " ... "

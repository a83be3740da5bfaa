"""What commands write: tables and lines for people, JSON for machines, warnings to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from akastats.formatting import escape_unprintable

# Nothing is cut or folded to the terminal's width: node ids and run ids are what people copy.
UNLIMITED_WIDTH = 10_000

_STYLES = {
    "passed": "green",
    "failed": "bold red",
    "error": "bold red",
    "crashed": "bold red",
    "rerun": "yellow",
    "interrupted": "yellow",
    "xpassed": "yellow",
    "running": "cyan",
}
_LETTERS = {"passed": ".", "failed": "F", "error": "E", "xfailed": "x", "xpassed": "X", "rerun": "R"}


def write_json(value: Any) -> None:
    """Write one JSON document, ASCII, whole times and numbers as they are."""
    print(json_of(value))


def json_of(value: Any) -> str:
    """Return one JSON document, ASCII, whole times and numbers as they are."""
    # JSON lets this one control character through, a terminal does not show it.
    return json.dumps(value, default=_plain, indent=2, allow_nan=False).replace("\x7f", "\\u007f")


def write(text: str) -> None:
    """Write a text whose strangers' parts are visible already."""
    sys.stdout.write(text)


def write_line(value: Any) -> None:
    """Write one JSON object on a line, ASCII."""
    print(json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).replace("\x7f", "\\u007f"))


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def say(*lines: str) -> None:
    """Write lines, what strangers wrote in them made visible."""
    console = _console()
    for line in lines:
        console.print(Text(escape_unprintable(line)), soft_wrap=True)


def warn(message: str) -> None:
    """Write one line to stderr."""
    print(f"akastats: {escape_unprintable(message)}", file=sys.stderr)


# Newer releases of typer have pydantic check what was given, and pass its words on.
_INVALID = re.compile(r"^(Error: Invalid value for .*?: )Value error, ")


class Escaping:
    """A stream that shows what strangers wrote, also in the words of the libraries that write to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, all but its ends of lines made visible."""
        return self._stream.write(
            "\n".join(escape_unprintable(_INVALID.sub(r"\1", line)) for line in text.split("\n"))
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Write a table; the `numbers` are its columns that align right. Absent values stay empty."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    _console().print(drawn)


def _cell(value: object) -> Text:
    text = "" if value is None else escape_unprintable(str(value))
    return Text(text, style=_STYLES.get(text, ""))


def strip(outcomes: Sequence[str | None]) -> str:
    """Return outcomes as a letter each, in pytest's letters; `?` for one that nobody knows any more."""
    return "".join(_LETTERS.get(outcome or "", "?") for outcome in outcomes)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far long work is while the block runs, on a terminal only; yields what is told each advance.

    Without a `total` the bar only shows that the work goes on.
    """
    # Not sys.stderr, which shows the bar's own control characters as text; of ours nothing else is in it.
    console = Console(file=sys.__stderr__, markup=False, highlight=False, emoji=False)
    # Lines that go to a terminal themselves are the progress.
    is_hidden = not console.is_terminal or (total is None and sys.stdout.isatty())
    with Progress(console=console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda amount: bar.advance(task, amount)


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False, width=UNLIMITED_WIDTH)


def flush() -> None:
    """Have what was written be read, though the command goes on."""
    sys.stdout.flush()

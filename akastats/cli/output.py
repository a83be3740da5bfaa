"""Output of commands: tables and lines, JSON, warnings on stderr."""

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

# Do not truncate or wrap lines at the terminal's width: users copy node ids and run ids.
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
    """Write a JSON document in ASCII; times and numbers are not rounded."""
    print(format_json(value))


def format_json(value: Any) -> str:
    """Return a JSON document in ASCII; times and numbers are not rounded."""
    # JSON allows this control character unescaped, but a terminal does not display it.
    return json.dumps(value, default=_to_json_value, indent=2, allow_nan=False).replace("\x7f", "\\u007f")


def write(text: str) -> None:
    """Write text in which untrusted parts are already escaped."""
    sys.stdout.write(text)


def write_json_line(value: Any) -> None:
    """Write a JSON object as one line of ASCII."""
    print(
        json.dumps(value, default=_to_json_value, separators=(",", ":"), allow_nan=False).replace(
            "\x7f", "\\u007f"
        )
    )


def _to_json_value(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def write_lines(*lines: str) -> None:
    """Write lines with unprintable characters escaped."""
    console = _console()
    for line in lines:
        console.print(Text(escape_unprintable(line)), soft_wrap=True)


def warn(message: str) -> None:
    """Write a warning to stderr."""
    print(f"akastats: {escape_unprintable(message)}", file=sys.stderr)


# Newer releases of typer validate with pydantic and show its message, with this prefix.
_INVALID = re.compile(r"^(Error: Invalid value for .*?: )Value error, ")


class EscapingStream:
    """Stream that escapes unprintable characters, including those in messages of libraries."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text` with unprintable characters escaped, except line feeds."""
        return self._stream.write(
            "\n".join(escape_unprintable(_INVALID.sub(r"\1", line)) for line in text.split("\n"))
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Write a table; columns in `numbers` are right-aligned, `None` is an empty cell."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    _console().print(grid)


def _cell(value: object) -> Text:
    text = "" if value is None else escape_unprintable(str(value))
    return Text(text, style=_STYLES.get(text, ""))


def format_outcomes(outcomes: Sequence[str | None]) -> str:
    """Return one letter per outcome, as pytest does; `?` for an expired outcome."""
    return "".join(_LETTERS.get(outcome or "", "?") for outcome in outcomes)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal while the block runs, and yield the function that advances it.

    Without a `total` the bar shows activity, but not a percentage.
    """
    # Do not use sys.stderr, because it escapes the control characters of the bar.
    console = Console(file=sys.__stderr__, markup=False, highlight=False, emoji=False)
    # Without a total the output lines show the progress.
    is_hidden = not console.is_terminal or (total is None and sys.stdout.isatty())
    with Progress(console=console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda amount: bar.advance(task, amount)


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False, width=UNLIMITED_WIDTH)


def flush() -> None:
    """Flush stdout, for readers of a command that keeps running."""
    sys.stdout.flush()

"""Output of commands: JSON, outcomes and tables."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from akastats.cli import output


@dataclass
class Row:
    """A value with a name."""

    name: str
    seconds: float


def test_json_is_exact_and_ascii() -> None:
    """Numbers are not rounded; values of other types become text."""
    written = output.format_json([Row("é\x7f", 0.1 + 0.2), Path("a/b")])

    assert written.isascii()
    assert "\x7f" not in written
    assert json.loads(written) == [{"name": "é\x7f", "seconds": 0.1 + 0.2}, "a/b"]


def test_json_without_numbers_is_an_error() -> None:
    """JSON has no NaN, so a reader of the output would fail."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.format_json(float("nan"))


def test_a_json_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A line feed in a value is escaped."""
    output.write_json_line(Row("a\nb", 1.5))

    assert capsys.readouterr().out == '{"name":"a\\nb","seconds":1.5}\n'


def test_outcomes_are_letters_as_in_pytest() -> None:
    """An expired outcome is a question mark."""
    outcomes = ["passed", "failed", "error", "xfailed", "xpassed", "rerun", None]

    assert output.format_outcomes(outcomes) == ".FExXR?"


def test_a_table_escapes_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    """`None` is an empty cell, and a number is right-aligned."""
    output.table(["name", "count"], [["a\x1b[2J", 7], ["b", None]], numbers=["count"])

    header, first, second = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert header.split() == ["name", "count"]
    assert first.endswith("    7")
    assert "\x1b" not in first
    assert second == "b"


def test_the_stream_for_messages_escapes_all_but_line_feeds() -> None:
    """It also removes the prefix that pydantic adds to messages of typer."""
    stream = io.StringIO()

    output.EscapingStream(stream).write("Error: Invalid value for '--days': Value error, too long\n\x1b[2J")

    assert stream.getvalue().startswith("Error: Invalid value for '--days': too long\n")
    assert "\x1b" not in stream.getvalue()

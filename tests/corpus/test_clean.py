"""Failures without secrets: what is stored of them is what pytest shows."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from akastats.redact import MASK, create_redactor
from tests.corpus.conftest import Store
from tests.corpus.ordinary import STATEMENTS, suite


@pytest.mark.thorough
@pytest.mark.parametrize("arguments", [(), ("--tb=native",)], ids=str)
def test_ordinary_tracebacks_stay(arguments, pytester, store: Store, record_property):
    """Of the lines of several hundred real tracebacks at most one in a hundred is altered."""
    pytester.makepyfile(test_ordinary=suite())

    stored = store(*arguments)

    lines = [line for text in stored.failures for line in text.split("\n")]
    altered = [line for line in lines if MASK in line]
    share = len(altered) / len(lines)
    told = f"{len(stored.failures)} tracebacks, {len(lines)} lines, {len(altered)} altered ({share:.2%})"
    record_property("clean", told)
    print(told, *(f"altered: {line}" for line in altered), sep="\n")
    # A few of them are right somewhere, or their package is not there.
    assert len(stored.failures) == stored.result.parseoutcomes()["failed"]
    assert len(stored.failures) > 0.9 * len(STATEMENTS)
    assert len(lines) > 3000
    assert len(altered) <= len(lines) / 100


def test_other_peoples_source_stays():
    """Source files of the standard library, read as texts: at most one line in a hundred is altered."""
    sources = sorted(Path(re.__file__).parent.parent.glob("*.py"))[:30]
    redact = create_redactor({})
    lines = altered = 0
    for source in sources:
        text = source.read_text("utf-8", "replace")
        for part in _parts(text):
            shown = redact(part)
            lines += part.count("\n")
            matcher = difflib.SequenceMatcher(None, part.split("\n"), shown.split("\n"), autojunk=False)
            altered += sum(end - begin for tag, begin, end, *_ in matcher.get_opcodes() if tag != "equal")

    print(f"{len(sources)} files, {lines} lines, {altered} altered ({altered / lines:.2%})")
    assert altered <= lines / 100


def _parts(text: str) -> list[str]:
    lines = text.split("\n")
    return ["\n".join(f"    {line}" for line in lines[at : at + 60]) + "\n" for at in range(0, len(lines), 60)]

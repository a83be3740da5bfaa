"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import re

import pytest

from akastats.redact.lazy_patterns import late


def test_a_pattern_is_compiled_at_its_first_use_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import alone costs no compilation."""
    compiled = []
    original = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or original(*given))

    pattern = late("a+", re.IGNORECASE)
    before = list(compiled)
    results = pattern.sub("-", "bAab"), pattern.fullmatch("b")

    assert before == []
    assert compiled == [("a+", re.IGNORECASE)]
    assert results == ("b-b", None)

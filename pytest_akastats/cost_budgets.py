"""Read the budgets of fixtures, files, imports and spans from the ini key `akastats_budgets`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

# Kinds of durations, as in their labels.
_KINDS = ("fixture", "collect", "import", "span")
_MINIMUM = {"max_seconds": 1e-6, "max_slowdown": 1.0}
_LIMIT = re.compile(r"(max_seconds|max_slowdown)=(\d{1,9}(?:\.\d{1,9})?)")
# Maximum number of lines: they are part of the first record of a spool, which has at most 64 KiB.
_MAX_LINES, _MAX_LENGTH = 100, 300


def read_cost_budgets(lines: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return limits by label: `{"import::numpy": {"max_seconds": 0.5}}`.

    Raises `pytest.UsageError` for an invalid line.
    """
    if len(lines) > _MAX_LINES:
        raise pytest.UsageError(f"akastats_budgets: {len(lines)} lines, at most {_MAX_LINES} are allowed")
    return dict(map(_read_line, lines))


def _read_line(line: str) -> tuple[str, dict[str, float]]:
    kind, *words = line.split()
    matches = [_LIMIT.fullmatch(word) for word in words]
    limits = {match[1]: float(match[2]) for match in matches if match}
    # The name of a test file may contain spaces.
    name = " ".join(word for word, match in zip(words, matches, strict=True) if not match)
    are_valid = limits and all(_MINIMUM[limit] <= value for limit, value in limits.items())
    if kind not in _KINDS or not name or "=" in name or not are_valid or len(line) > _MAX_LENGTH:
        raise pytest.UsageError(
            f"akastats_budgets: {line[:_MAX_LENGTH]!r} is not `KIND NAME max_seconds=SECONDS "
            f"max_slowdown=FACTOR`: KIND is one of {', '.join(_KINDS)}, SECONDS is above 0, FACTOR is at least 1"
        )
    return f"{kind}::{name}", limits

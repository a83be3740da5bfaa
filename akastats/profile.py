"""One run's profile: every test, fixture and collected file, column-wise, compressed. Pure.

`{"version": 1, "tests": {column: [...]}, "errors": {...}, "fixtures": {...}, "files": {...}, "unfinished":
[node ids]}`, JSON in zlib. Durations are whole microseconds, a test's start is counted from the run's. Where
a test is marked with a budget, the column `budget` of `tests` holds what its markers say, `null` for others.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from akastats.errors import AkastatsError
from akastats.outcomes import Budget, Story

VERSION = 1


def encode(story: Story) -> bytes:
    """Return the profile of a run as it is stored."""
    began = float(story.header.get("started", 0.0))
    rows = [
        (
            r.nodeid,
            r.outcome,
            _us(r.start - began),
            _us(r.setup),
            _us(r.call),
            _us(r.teardown),
            r.worker,
            list(r.stats),
        )
        for r in story.results
    ]
    tests = _columns(("nodeid", "outcome", "start", "setup", "call", "teardown", "worker", "stats"), rows)
    if story.budgets:
        tests["budget"] = [_told(story.budgets.get(r.nodeid)) for r in story.results]
    fixtures = [
        (f.name, f.baseid, f.scope, f.count, _us(f.setup), _us(f.teardown)) for f in story.fixtures.values()
    ]
    files = [(path, _us(seconds)) for path, seconds in story.files()]
    content = {
        "version": VERSION,
        "tests": tests,
        "errors": _columns(("nodeid", "phase", "error", "exception", "fingerprint"), story.errors),
        "fixtures": _columns(("name", "baseid", "scope", "count", "setup", "teardown"), fixtures),
        "files": _columns(("path", "seconds"), files),
        "unfinished": sorted(story.running),
    }
    return zlib.compress(_sendable(json.dumps(content, separators=(",", ":"))).encode())


def _told(budget: Budget | None) -> dict[str, float] | None:
    given = asdict(budget) if budget else {}
    return {name: value for name, value in given.items() if value is not None} or None


# In JSON of ASCII alone: an escaped backslash, a character of two surrogates, a surrogate without its other half.
_SURROGATES = re.compile(r"\\\\|\\ud[89ab]..\\ud[c-f]..|(\\ud[89a-f]..)")


def _sendable(written: str) -> str:
    """Return JSON with lone surrogates spelled out, as in labels: no answer could carry them in UTF-8.

    A node id has them where a file's name is in another encoding.
    """
    if "\\ud" not in written:
        return written
    return _SURROGATES.sub(lambda found: "\\" + found[0] if found[1] else found[0], written)


def decode(stored: bytes) -> dict[str, Any]:
    """Return a stored profile; raises `AkastatsError` for one that is damaged, or of an unknown version."""
    try:
        content: dict[str, Any] = json.loads(zlib.decompress(stored))
    except (zlib.error, ValueError) as error:
        raise AkastatsError("this profile is damaged, or none of ours") from error
    if content.get("version") != VERSION:
        raise AkastatsError(
            f"this profile has version {content.get('version')}, known is {VERSION}: update pytest-akastats"
        )
    return content


def rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return a table of columns as a list of rows."""
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _columns(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def _us(seconds: float) -> int:
    return round(seconds * 1e6)

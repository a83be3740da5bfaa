"""Encode the profile of a run for storage. Pure."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, replace

from akastats.delivery.run_builder import RunBuilder
from akastats.model.profile import ERROR_COLUMNS, VERSION, columns
from akastats.model.results import Budget
from akastats.model.stored_values import sendable

_FAILING = ("failed", "error")
#: The failures of a run in progress are part of its record, which lists read: 100 tests, and short ones.
MOST_FAILING, MOST_FAILING_TEXT = 100, 64 * 1024


def encode(builder: RunBuilder) -> bytes:
    """Return the profile of a run as it is stored."""
    return zlib.compress(_content(builder))


def encode_failing(builder: RunBuilder) -> str:
    """Return the profile of the first tests that fail so far as text, for the record of a run in progress.

    At most 100 tests and files with 64 KiB of node ids; empty where nothing fails.
    """
    outcomes = {result.nodeid: result.outcome for result in builder.results}
    names: dict[str, None] = {}
    size = 0
    for error in builder.errors:
        if error.nodeid in names or not (error.phase == "collect" or outcomes.get(error.nodeid) in _FAILING):
            continue
        size += len(error.nodeid)
        if len(names) == MOST_FAILING or size > MOST_FAILING_TEXT:
            break
        names[error.nodeid] = None
    part = replace(
        builder,
        results=[result for result in builder.results if result.nodeid in names],
        errors=[error for error in builder.errors if error.nodeid in names],
        budgets={},
        fixtures={},
        collected={},
        running={},
    )
    return base64.b64encode(zlib.compress(_content(part))).decode() if names else ""


def _content(builder: RunBuilder) -> bytes:
    began = float(builder.header.get("started", 0.0))
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
        for r in builder.results
    ]
    tests = columns(("nodeid", "outcome", "start", "setup", "call", "teardown", "worker", "stats"), rows)
    if builder.budgets:
        tests["budget"] = [_told(builder.budgets.get(r.nodeid)) for r in builder.results]
    fixtures = [
        (f.name, f.baseid, f.scope, f.count, _us(f.setup), _us(f.teardown)) for f in builder.fixtures.values()
    ]
    files = [(path, _us(seconds)) for path, seconds in builder.files()]
    content = {
        "version": VERSION,
        "tests": tests,
        "errors": columns(ERROR_COLUMNS, builder.errors),
        "fixtures": columns(("name", "baseid", "scope", "count", "setup", "teardown"), fixtures),
        "files": columns(("path", "seconds"), files),
        "unfinished": sorted(builder.running),
    }
    return sendable(json.dumps(content, separators=(",", ":")).encode())


def _told(budget: Budget | None) -> dict[str, float] | None:
    given = asdict(budget) if budget else {}
    return {name: value for name, value in given.items() if value is not None} or None


def _us(seconds: float) -> int:
    return round(seconds * 1e6)

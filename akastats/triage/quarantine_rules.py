"""Quarantine: tests whose failures fail no run for a while, and the rules of what may be in it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from akastats.errors import CorruptDataError
from akastats.model.rows import UNKNOWN
from akastats.model.stored_values import json_of, read
from akastats.triage.globs import Glob

#: What is not dealt with by then is put in anew, by somebody who looks at it.
MAX_DAYS = 90
MAX_REASON, MAX_BY = 500, 100
#: A character that shows something: spelled out, since languages differ in what `\s` is. Beyond U+FFFF they differ
#: in how one is written at all, so that what is hidden there counts as seen.
VISIBLE_CHARACTER = (
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
    # Without a width, a direction, a filler, a blank pattern.
    r"\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\uffa0\ufff0-\ufffb"
    # What only changes the character before it.
    r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
#: A test that failed in each of so many newest attempts is broken, not flaky.
NEWEST = 10
_FAILING = frozenset("fer")


@dataclass(frozen=True, slots=True)
class QuarantinedTest:
    """A test in quarantine: `until` and `since` in epoch seconds, `suite` empty without one, `by` as told."""

    label: str
    nodeid: str
    suite: str
    until: float
    reason: str
    since: float
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What is stored of an entry under its label."""

    until: float
    reason: str
    since: float
    by: str = ""


def pack(entry: QuarantinedTest) -> bytes:
    """Return an entry as it is stored under its label."""
    told = {"until": entry.until, "reason": entry.reason, "since": entry.since, "by": entry.by}
    return json.dumps(told, separators=(",", ":")).encode()


def unpack(label: str, nodeid: str, suite: str, stored: bytes | None) -> QuarantinedTest | None:
    """Return a stored entry, `None` for none and for one that this release cannot read."""
    try:
        told = read(_Told, json_of(stored or b""))
    except CorruptDataError:
        return None
    return QuarantinedTest(label, nodeid, suite, told.until, told.reason, told.since, told.by)


def is_too_far(until: float, now: float) -> bool:
    """Tell whether something ends later than the 90th day from now does, wherever that day ends."""
    return until > now + (MAX_DAYS + 1) * 86_400


def check_text(text: str, most: int = MAX_REASON) -> str:
    """Return a text without the blanks around it; raises `ValueError` for none, and for one that is too long."""
    told = text.strip()
    if not re.search(VISIBLE_CHARACTER, told) or len(told) > most:
        raise ValueError(f"1 to {most} characters that can be seen are needed, and these are {len(told)}")
    # A lone surrogate, which JSON can spell, could not be stored.
    return told.encode("utf-8", "backslashreplace").decode()


def protecting_pattern(patterns: str, nodeid: str) -> str | None:
    """Return the first of the patterns, which have commas or line ends between, that protects a test.

    `*` is any text and `?` one character; all else, brackets too, is itself. What lies below is protected as well.
    """
    return next((pattern for pattern, globs in _globs(patterns) if _match(globs, nodeid)), None)


def patterns_without_match(patterns: str, nodeids: Iterable[str]) -> list[str]:
    """Return the patterns that protect none of the tests, in their order."""
    names = list(nodeids)
    return [pattern for pattern, globs in _globs(patterns) if not any(_match(globs, name) for name in names)]


def protects_nothing(pattern: str) -> str:
    """Return the warning about a pattern that matches no known test."""
    return (
        f"AKA_STATS_PROTECTED: {pattern!r} protects no known test; write node ids or paths as pytest shows them, "
        "such as tests/test_pay.py"
    )


def _match(globs: tuple[Glob, ...], nodeid: str) -> bool:
    return any(glob.matches(nodeid) for glob in globs)


@lru_cache(maxsize=4)
def _globs(patterns: str) -> tuple[tuple[str, tuple[Glob, ...]], ...]:
    names = filter(None, (pattern.strip() for pattern in re.split(r"[,\n]", patterns)))
    return tuple((pattern, _with_below(_normal(pattern))) for pattern in names)


def _normal(pattern: str) -> str:
    """Return a path in the form of node ids: relative to the root, separated by `/`."""
    path, separator, name = pattern.partition("::")
    path = path.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return f"{path}{separator}{name}".rstrip("/")


def _with_below(pattern: str) -> tuple[Glob, ...]:
    return tuple(Glob(f"{pattern}{below}") for below in ("", "/*", "::*", "[*"))


def is_always_failing(outcomes: str) -> bool:
    """Tell whether a test failed in all of its newest 10 known outcomes, letters of a row, newest first."""
    known = [letter for letter in outcomes if letter != UNKNOWN][:NEWEST]
    return bool(known) and _FAILING.issuperset(known)

"""Rules of the quarantine: failures of a quarantined test do not fail a run until the entry ends."""

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

#: Maximum length of a quarantine in days. A longer quarantine needs a renewal, so that a person reviews the test.
MAX_DAYS = 90
#: Maximum number of characters of a reason, and of a user name.
MAX_REASON, MAX_BY = 500, 100
#: Pattern of a visible character. It lists the hidden characters, because the meaning of `\s` differs between
#: programming languages. Hidden characters above U+FFFF count as visible, because their notation differs too.
VISIBLE_CHARACTER = (
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
    # Zero-width characters, direction marks, fillers and the blank Braille pattern.
    r"\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\uffa0\ufff0-\ufffb"
    # Combining characters.
    r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
#: Maximum number of newest attempts that are checked. A test that failed in all of them is broken, not flaky.
NEWEST = 10
_FAILING = frozenset("fer")


@dataclass(frozen=True, slots=True)
class QuarantinedTest:
    """A test in quarantine.

    label: label of the test
    nodeid: node id of the test
    suite: suite of the test; empty if there is none
    until: end of the quarantine, epoch seconds
    reason: reason as it was entered
    since: start of the quarantine, epoch seconds
    by: user who put it in; empty if unknown
    """

    label: str
    nodeid: str
    suite: str
    until: float
    reason: str
    since: float
    by: str = ""


@dataclass(frozen=True, slots=True)
class _StoredEntry:
    """The stored fields of an entry, as in `QuarantinedTest`."""

    until: float
    reason: str
    since: float
    by: str = ""


def pack(entry: QuarantinedTest) -> bytes:
    """Encode an entry for storage, as JSON."""
    fields = {"until": entry.until, "reason": entry.reason, "since": entry.since, "by": entry.by}
    return json.dumps(fields, separators=(",", ":")).encode()


def unpack(label: str, nodeid: str, suite: str, stored: bytes | None) -> QuarantinedTest | None:
    """Decode a stored entry; `None` if there is none, or if this release cannot read it."""
    try:
        fields = read(_StoredEntry, json_of(stored or b""))
    except CorruptDataError:
        return None
    return QuarantinedTest(label, nodeid, suite, fields.until, fields.reason, fields.since, fields.by)


def is_too_far(until: float, now: float) -> bool:
    """Return whether a time is after the end of the 90th day from now, in every time zone."""
    return until > now + (MAX_DAYS + 1) * 86_400


def check_text(text: str, max_length: int = MAX_REASON) -> str:
    """Return a text without surrounding blanks; raises `ValueError` if it is blank or too long."""
    stripped = text.strip()
    if not re.search(VISIBLE_CHARACTER, stripped) or len(stripped) > max_length:
        raise ValueError(
            f"expected 1 to {max_length} characters, at least one of them visible, got {len(stripped)}"
        )
    # JSON can contain a lone surrogate, which cannot be stored.
    return stripped.encode("utf-8", "backslashreplace").decode()


def protecting_pattern(patterns: str, nodeid: str) -> str | None:
    """Return the first pattern that protects a test; `patterns` are separated by commas or line ends.

    `*` matches any text and `?` one character; all other characters, including brackets, are literal. A pattern
    also protects everything below the matched directory, file or class.
    """
    return next((pattern for pattern, globs in _globs(patterns) if _match(globs, nodeid)), None)


def patterns_without_match(patterns: str, nodeids: Iterable[str]) -> list[str]:
    """Return the patterns that match none of the tests, in their order."""
    names = list(nodeids)
    return [pattern for pattern, globs in _globs(patterns) if not any(_match(globs, name) for name in names)]


def protects_nothing(pattern: str) -> str:
    """Return the warning about a pattern that matches no test with a history."""
    return (
        f"AKA_STATS_PROTECTED: {pattern!r} protects no known test; write node ids or paths as pytest shows them, "
        "such as tests/test_pay.py"
    )


def _match(globs: tuple[Glob, ...], nodeid: str) -> bool:
    return any(glob.matches(nodeid) for glob in globs)


@lru_cache(maxsize=4)
def _globs(patterns: str) -> tuple[tuple[str, tuple[Glob, ...]], ...]:
    names = filter(None, (pattern.strip() for pattern in re.split(r"[,\n]", patterns)))
    return tuple((pattern, _globs_below(_normal(pattern))) for pattern in names)


def _normal(pattern: str) -> str:
    """Return a path in the form of node ids: relative to the root, separated by `/`."""
    path, separator, name = pattern.partition("::")
    path = path.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return f"{path}{separator}{name}".rstrip("/")


def _globs_below(pattern: str) -> tuple[Glob, ...]:
    return tuple(Glob(f"{pattern}{below}") for below in ("", "/*", "::*", "[*"))


def is_always_failing(outcomes: str) -> bool:
    """Return whether all of the newest 10 known outcomes are failures.

    outcomes: letters of a row, newest first
    """
    letters = [letter for letter in outcomes if letter != UNKNOWN][:NEWEST]
    return bool(letters) and _FAILING.issuperset(letters)

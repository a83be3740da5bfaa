"""Failures of one run, grouped by what makes them the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from akastats.analysis.comparison import FAILING
from akastats.model.error_records import ErrorRecord, unpack
from akastats.model.fingerprint import Frame, fingerprint, innermost, message_in
from akastats.model.profile import Profile
from akastats.model.results import Error
from akastats.store import indexes, query
from akastats.store.requests import Operation

#: Of each failure so many tests are named, and of a run so many failures told: the rest is counted.
MAX_TESTS = 100
MAX_FAILURES = 100
#: The fields of a failure that come out of its traceback, as those see them who may not read it.
WITHOUT_TEXTS: Mapping[str, Any] = MappingProxyType({"message": None, "frames": [], "file": None, "line": None})


@dataclass(frozen=True)
class Failure:
    """Failures of one run that have the same exception class, masked message and innermost project frames.

    fingerprint: id of a group of equal failures; null without a traceback
    exception: exception class
    message: message of the exception; with numbers masked once its traceback has expired
    frames: innermost frames of the project, the innermost last
    error_id: context id of the traceback, which `/stat-contexts` returns
    count: number of tests
    tests: node ids, at most 100
    first_seen: first occurrence in any run, epoch seconds; null if unknown
    seen_before: whether it occurred before this run
    file: file of the innermost project frame, as the traceback writes it
    line: line number of the innermost project frame
    """

    fingerprint: str | None
    exception: str | None
    message: str | None
    frames: list[str]
    error_id: str | None
    count: int
    tests: list[str]
    first_seen: float | None = None
    seen_before: bool | None = None
    file: str | None = None
    line: int | None = None


@dataclass
class Group:
    """Failures that are the same one: the tests it hit, each once, as they ran, and its newest traceback."""

    fingerprint: str
    exception: str
    error_id: str = ""
    tests: dict[str, None] = field(default_factory=dict)


def grouped(content: Profile) -> list[Group]:
    """Return what a profile's failing tests and uncollected files failed with, the most frequent first.

    What a test failed with before it was run again and passed is left out.
    """
    # Of a test that was run again the last attempt stays.
    outcomes = dict(zip(content.tests.nodeid, content.tests.outcome, strict=True))
    failing = {nodeid: None for nodeid, outcome in outcomes.items() if outcome in FAILING}
    groups: dict[tuple[str, ...], Group] = {}
    told = set()
    for error in content.errors.rows():
        if error.nodeid in failing or error.phase == "collect":
            told.add(error.nodeid)
            _put(groups, error)
    for nodeid in failing:
        if nodeid not in told:
            _put(groups, Error(nodeid, "", "", "", ""))
    return sorted(groups.values(), key=lambda group: -len(group.tests))


def _put(groups: dict[tuple[str, ...], Group], error: Error) -> None:
    # Failures without a text are told apart by their class: there is nothing else.
    key = (error.fingerprint,) if error.fingerprint else ("", error.exception)
    group = groups.setdefault(key, Group(error.fingerprint, error.exception))
    group.error_id = error.error or group.error_id
    group.tests[error.nodeid] = None


def failures(namespace: str, content: Profile, began: float) -> Operation[tuple[list[Failure], int]]:
    """Read what a run that `began` then failed with; return it, and how many failing tests it does not name."""
    groups = grouped(content)
    shown = groups[:MAX_FAILURES]
    stored = yield from query.read_contexts(
        namespace, sorted({group.error_id for group in shown if group.error_id})
    )
    texts = {id_: text.decode(errors="replace") for id_, text in stored.items()}
    records = yield from _records(namespace, [group.fingerprint for group in shown if group.fingerprint])
    told = [_failure(each, texts.get(each.error_id), records.get(each.fingerprint), began) for each in shown]
    everyone = {nodeid for group in groups for nodeid in group.tests}
    return told, len(everyone - {nodeid for failure in told for nodeid in failure.tests})


def _records(namespace: str, fingerprints: list[str]) -> Operation[dict[str, ErrorRecord]]:
    """Read what is known of failures over all runs, in one round trip; unknown ones are left out."""
    stored = yield from indexes.read_error_fields(namespace, fingerprints, _KNOWN)
    return {each: record for each, fields in stored.items() if (record := unpack(fields))}


_KNOWN = ("first_seen", "message", "frames")


def _failure(group: Group, text: str | None, record: ErrorRecord | None, began: float) -> Failure:
    message, frames, place = _words(group, text, record)
    return Failure(
        fingerprint=group.fingerprint or None,
        exception=group.exception or None,
        message=message,
        frames=frames,
        error_id=group.error_id or None,
        count=len(group.tests),
        tests=list(group.tests)[:MAX_TESTS],
        first_seen=record.first_seen if record else None,
        seen_before=record.first_seen < began if record else None,
        file=place.file if place else None,
        line=place.line if place else None,
    )


def _words(
    group: Group, text: str | None, record: ErrorRecord | None
) -> tuple[str | None, list[str], Frame | None]:
    """Return message, frames and place: out of a failure's own traceback, else as they are known from other runs.

    Beyond 200 tracebacks a run's failures share others', which tell of something else.
    """
    told = fingerprint(text, group.exception) if text else None
    if text and told and group.fingerprint in ("", told.id):
        return message_in(text, group.exception), list(told.frames), innermost(text)
    return (record.message or None, list(record.frames), None) if record else (None, [], None)

"""Group the failures of one run by fingerprint."""

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

#: Maximum number of tests per failure; further tests are only counted.
MAX_TESTS = 100
#: Maximum number of failures per run; the tests of further failures are only counted.
MAX_FAILURES = 100
#: Values of the fields that come from a traceback, for callers without the scope to read tracebacks.
WITHOUT_TEXTS: Mapping[str, Any] = MappingProxyType({"message": None, "frames": [], "file": None, "line": None})


@dataclass(frozen=True)
class Failure:
    """Failures of one run that have the same exception class, masked message and innermost project frames.

    fingerprint: id of a group of equal failures; null without a traceback
    exception: exception class
    message: message of the exception; its numbers are masked once the traceback has expired
    frames: innermost frames of the project, the innermost last
    error_id: context id of the traceback, which `/stat-contexts` returns
    count: number of tests
    tests: node ids, at most 100
    first_seen: first occurrence in any run, epoch seconds; null if unknown
    seen_before: whether the failure occurred before this run; null if unknown
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
    """Equal failures of one run.

    fingerprint: id of the group; empty without a traceback
    exception: exception class
    error_id: context id of the newest traceback; empty if there is none
    tests: node ids of the failing tests, in the order in which they ran, as keys
    """

    fingerprint: str
    exception: str
    error_id: str = ""
    tests: dict[str, None] = field(default_factory=dict)


def group_failures(content: Profile) -> list[Group]:
    """Return the failures of a profile's failing tests and of files that could not be collected.

    The most frequent failure comes first. Failures of a test that passed in a rerun are omitted.
    """
    # The last attempt of a test overwrites earlier ones.
    outcomes = dict(zip(content.tests.nodeid, content.tests.outcome, strict=True))
    failing = {nodeid: None for nodeid, outcome in outcomes.items() if outcome in FAILING}
    groups: dict[tuple[str, ...], Group] = {}
    with_error = set()
    for error in content.errors.rows():
        if error.nodeid in failing or error.phase == "collect":
            with_error.add(error.nodeid)
            _put(groups, error)
    for nodeid in failing:
        if nodeid not in with_error:
            _put(groups, Error(nodeid, "", "", "", ""))
    return sorted(groups.values(), key=lambda group: -len(group.tests))


def _put(groups: dict[tuple[str, ...], Group], error: Error) -> None:
    # Failures without a traceback are grouped by exception class.
    key = (error.fingerprint,) if error.fingerprint else ("", error.exception)
    group = groups.setdefault(key, Group(error.fingerprint, error.exception))
    group.error_id = error.error or group.error_id
    group.tests[error.nodeid] = None


def read_failures(namespace: str, content: Profile, began: float) -> Operation[tuple[list[Failure], int]]:
    """Read the failures of a run; return them and the number of failing tests that they do not contain.

    began: start of the run, epoch seconds
    """
    groups = group_failures(content)
    shown = groups[:MAX_FAILURES]
    stored = yield from query.read_contexts(
        namespace, sorted({group.error_id for group in shown if group.error_id})
    )
    texts = {id_: text.decode(errors="replace") for id_, text in stored.items()}
    records = yield from _records(namespace, [group.fingerprint for group in shown if group.fingerprint])
    listed = [_failure(each, texts.get(each.error_id), records.get(each.fingerprint), began) for each in shown]
    failing = {nodeid for group in groups for nodeid in group.tests}
    return listed, len(failing - {nodeid for failure in listed for nodeid in failure.tests})


def _records(namespace: str, fingerprints: list[str]) -> Operation[dict[str, ErrorRecord]]:
    """Read the error records of fingerprints, in one round trip; fingerprints without a record are omitted."""
    stored = yield from indexes.read_error_fields(namespace, fingerprints, _RECORD_FIELDS)
    return {each: record for each, fields in stored.items() if (record := unpack(fields))}


_RECORD_FIELDS = ("first_seen", "message", "frames")


def _failure(group: Group, text: str | None, record: ErrorRecord | None, began: float) -> Failure:
    message, frames, frame = _texts(group, text, record)
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
        file=frame.file if frame else None,
        line=frame.line if frame else None,
    )


def _texts(
    group: Group, text: str | None, record: ErrorRecord | None
) -> tuple[str | None, list[str], Frame | None]:
    """Return message, frames and innermost frame, from the traceback of the failure or from its error record.

    A run stores at most 200 tracebacks. Later failures share one of them, which may have another fingerprint.
    """
    print_ = fingerprint(text, group.exception) if text else None
    if text and print_ and group.fingerprint in ("", print_.id):
        return message_in(text, group.exception), list(print_.frames), innermost(text)
    return (record.message or None, list(record.frames), None) if record else (None, [], None)

"""Acknowledge or dismiss findings: a mark per finding, by its kind, first place and suite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from akastats.errors import CorruptDataError
from akastats.model.findings import Finding, FindingMark, MarkName, get_place
from akastats.model.stored_values import json_of, read
from akastats.store import keys
from akastats.store.requests import Operation, send_reads, send_writes
from akastats.store.runs import DAY_S

#: Maximum number of stored marks; the oldest are removed.
MAX_MARKS = 1000


def id_of(finding: Finding, suite: str) -> str:
    """Return the id of a finding, which is the same in each run of its suite."""
    identity = json.dumps([finding.kind, get_place(finding), suite])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def read_marks(namespace: str) -> Operation[Mapping[str, FindingMark]]:
    """Read all marks by id of the finding; marks that this release cannot read are omitted."""
    (reply,) = yield from send_reads([("HGETALL", keys.finding_marks(namespace))])
    entries = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    marks = {id_.decode(errors="replace"): _unpack(bytes(entry)) for id_, entry in entries.items()}
    return {id_: mark for id_, mark in marks.items() if mark is not None}


def put_mark(namespace: str, days: int, id_: str, name: MarkName, reason: str) -> Operation[FindingMark]:
    """Store the mark of a finding, which replaces an earlier one; return it.

    All marks expire `days` days after the last change.
    """
    ((seconds, _),) = yield from send_reads([("TIME",)])
    marks = yield from read_marks(namespace)
    others = sorted((other for other in marks if other != id_), key=lambda other: marks[other].since, reverse=True)
    surplus = others[MAX_MARKS - 1 :]
    mark = FindingMark(name, reason, float(seconds))
    key = keys.finding_marks(namespace)
    packed = json.dumps(asdict(mark), separators=(",", ":")).encode()
    removal = [("HDEL", key, *surplus)] if surplus else []
    yield from send_writes(("HSET", key, id_, packed), *removal, ("EXPIRE", key, days * DAY_S))
    return mark


def remove_mark(namespace: str, id_: str) -> Operation[bool]:
    """Remove the mark of a finding; return whether it existed."""
    (removed,) = yield from send_writes(("HDEL", keys.finding_marks(namespace), id_))
    return bool(removed)


def add_marks(findings: Iterable[Finding], suite: str, marks: Mapping[str, FindingMark]) -> list[Finding]:
    """Return findings with their ids and marks."""
    named = [(each, id_of(each, suite)) for each in findings]
    return [replace(each, id=id_, mark=marks.get(id_)) for each, id_ in named]


def without_dismissed(
    findings: Iterable[Finding], suite: str, marks: Mapping[str, FindingMark]
) -> tuple[Finding, ...]:
    """Return the findings that nobody has dismissed, with their ids and marks."""
    return tuple(
        each for each in add_marks(findings, suite, marks) if each.mark is None or each.mark.mark != "dismissed"
    )


def _unpack(stored: bytes) -> FindingMark | None:
    try:
        return read(FindingMark, json_of(stored))
    except CorruptDataError:
        return None

"""Read and change the acknowledgements of duration changes; each change has at most one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akastats.model.verdicts import DurationChange, Verdicts
from akastats.store.requests import Operation
from akastats.store.runs import DAY_S
from akastats.triage import acknowledgement_rules as marks
from akastats.triage import acknowledgement_storage as stored_marks
from akastats.triage.acknowledgement_rules import AcknowledgedChange, AcknowledgementKind

#: Acknowledgements that are stored, the newest: each has about 300 bytes, and all are read at once.
MAX_ACKNOWLEDGEMENTS = 1000


@dataclass(frozen=True)
class _Current:
    """Acknowledgements in force.

    marks: acknowledgements by id
    gone: ids of expired and unreadable ones
    now: time of the server, epoch seconds
    """

    marks: dict[str, AcknowledgedChange]
    gone: list[str]
    now: float


def current(namespace: str, days: int) -> Operation[list[AcknowledgedChange]]:
    """Read the acknowledgements of the last `days` days."""
    state = yield from _read(namespace, days)
    return list(state.marks.values())


def news(namespace: str, days: int, found: Verdicts) -> Operation[Verdicts]:
    """Return verdicts without the changes that are acknowledged as expected or noise."""
    if not (found.changes or found.suite_changes):
        return found
    acknowledged = yield from current(namespace, days)
    changes, of_suite = (
        tuple(marks.without_quiet(each, acknowledged)) for each in (found.changes, found.suite_changes)
    )
    return replace(found, changes=changes, suite_changes=of_suite)


def _read(namespace: str, days: int) -> Operation[_Current]:
    stored = yield from stored_marks.read_entries(namespace)
    unpacked = {id_: marks.unpack(entry) for id_, entry in stored.entries.items()}
    oldest = stored.now - days * DAY_S
    fresh = {id_: mark for id_, mark in unpacked.items() if mark is not None and mark.since > oldest}
    return _Current(fresh, [id_ for id_ in unpacked if id_ not in fresh], stored.now)


def put(
    namespace: str, days: int, change: DurationChange, kind: AcknowledgementKind, reason: str
) -> Operation[AcknowledgedChange]:
    """Store an acknowledgement of a change, in place of earlier ones; return it."""
    state = yield from _read(namespace, days)
    mark = marks.new_acknowledgement(change, kind, reason, state.now)
    obsolete = [*state.gone, *_ids_about(change, state), *_surplus(state)]
    yield from stored_marks.put(namespace, marks.id_of(change), marks.pack(mark), obsolete, days * DAY_S)
    return mark


def remove(namespace: str, days: int, id_: str) -> Operation[bool]:
    """Remove the acknowledgement with this id; return whether there was one."""
    state = yield from _read(namespace, days)
    if id_ in state.marks:
        yield from stored_marks.remove(namespace, [id_])
    return id_ in state.marks


def remove_about(namespace: str, days: int, change: DurationChange) -> Operation[None]:
    """Remove the acknowledgements of a change, under whichever ids they are stored."""
    state = yield from _read(namespace, days)
    yield from stored_marks.remove(namespace, _ids_about(change, state))


def _ids_about(change: DurationChange, state: _Current) -> list[str]:
    """Return the ids of all acknowledgements of a change, whose likeliest run may have moved."""
    series = marks.by_series(state.marks.values())
    acknowledged = marks.about(change, series)
    return [id_ for id_, mark in state.marks.items() if mark in acknowledged]


def _surplus(state: _Current) -> Sequence[str]:
    newest = sorted(state.marks, key=lambda id_: state.marks[id_].since, reverse=True)
    return newest[MAX_ACKNOWLEDGEMENTS - 1 :]

"""What people say of changes of a duration, read and written: one mark a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akastats.model.verdicts import DurationChange, Verdicts
from akastats.store.requests import Operation
from akastats.store.runs import DAY_S
from akastats.triage import acknowledgement_rules as marks
from akastats.triage import acknowledgement_storage as stored_marks
from akastats.triage.acknowledgement_rules import AcknowledgedChange, AcknowledgementKind

#: So many are kept, those made last: each is some 300 bytes, and all are read at once.
MAX_ACKNOWLEDGEMENTS = 1000


@dataclass(frozen=True)
class _Known:
    """The marks that are in force, by the id under which each is stored, and ids of those that are not."""

    marks: dict[str, AcknowledgedChange]
    gone: list[str]
    now: float


def current(namespace: str, days: int) -> Operation[list[AcknowledgedChange]]:
    """Read what was said in the last so many days."""
    known = yield from _known(namespace, days)
    return list(known.marks.values())


def news(namespace: str, days: int, found: Verdicts) -> Operation[Verdicts]:
    """Read what people say of the changes in verdicts; return them without those that nobody wants to hear of."""
    if not (found.changes or found.suite_changes):
        return found
    said = yield from current(namespace, days)
    kept, of_suite = (tuple(marks.without_quiet(each, said)) for each in (found.changes, found.suite_changes))
    return replace(found, changes=kept, suite_changes=of_suite)


def _known(namespace: str, days: int) -> Operation[_Known]:
    stored = yield from stored_marks.read_entries(namespace)
    unpacked = {id_: marks.unpack(entry) for id_, entry in stored.entries.items()}
    oldest = stored.now - days * DAY_S
    fresh = {id_: mark for id_, mark in unpacked.items() if mark is not None and mark.since > oldest}
    return _Known(fresh, [id_ for id_ in unpacked if id_ not in fresh], stored.now)


def put(
    namespace: str, days: int, change: DurationChange, kind: AcknowledgementKind, reason: str
) -> Operation[AcknowledgedChange]:
    """Store an acknowledgement of a change, in place of earlier ones; return it."""
    known = yield from _known(namespace, days)
    mark = marks.new_acknowledgement(change, kind, reason, known.now)
    obsolete = [*known.gone, *_ids_about(change, known), *_surplus(known)]
    yield from stored_marks.put(namespace, marks.id_of(change), marks.pack(mark), obsolete, days * DAY_S)
    return mark


def remove(namespace: str, days: int, id_: str) -> Operation[bool]:
    """Remove the acknowledgement with this id; return whether there was one."""
    known = yield from _known(namespace, days)
    if id_ in known.marks:
        yield from stored_marks.remove(namespace, [id_])
    return id_ in known.marks


def remove_about(namespace: str, days: int, change: DurationChange) -> Operation[None]:
    """Remove the acknowledgements of a change, under whichever ids they are stored."""
    known = yield from _known(namespace, days)
    yield from stored_marks.remove(namespace, _ids_about(change, known))


def _ids_about(change: DurationChange, known: _Known) -> list[str]:
    """Return under which ids marks about a change are stored: it may have moved to another run since."""
    series = marks.by_series(known.marks.values())
    said = marks.about(change, series)
    return [id_ for id_, mark in known.marks.items() if mark in said]


def _surplus(known: _Known) -> Sequence[str]:
    newest = sorted(known.marks, key=lambda id_: known.marks[id_].since, reverse=True)
    return newest[MAX_ACKNOWLEDGEMENTS - 1 :]

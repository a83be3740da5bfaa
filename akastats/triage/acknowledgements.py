"""Read and change the acknowledgements of duration changes; each change has at most one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akastats.model.verdicts import DurationChange, Verdicts
from akastats.store.requests import Operation
from akastats.store.runs import DAY_S
from akastats.triage import acknowledgement_rules as rules
from akastats.triage import acknowledgement_storage as storage
from akastats.triage.acknowledgement_rules import AcknowledgedChange, AcknowledgementKind

#: Maximum number of stored acknowledgements; the oldest are removed. Each read returns all of them, about 300 KB.
MAX_ACKNOWLEDGEMENTS = 1000


@dataclass(frozen=True)
class _Current:
    """Acknowledgements in force.

    entries: acknowledgements by id
    obsolete: ids of expired and unreadable acknowledgements
    now: time of the server, epoch seconds
    """

    entries: dict[str, AcknowledgedChange]
    obsolete: list[str]
    now: float


def read_current(namespace: str, days: int) -> Operation[list[AcknowledgedChange]]:
    """Read the acknowledgements of the last `days` days."""
    current = yield from _read(namespace, days)
    return list(current.entries.values())


def drop_quiet_changes(namespace: str, days: int, verdicts: Verdicts) -> Operation[Verdicts]:
    """Return verdicts without the changes that are acknowledged as expected or noise."""
    if not (verdicts.changes or verdicts.suite_changes):
        return verdicts
    entries = yield from read_current(namespace, days)
    changes, suite_changes = (
        tuple(rules.without_quiet(each, entries)) for each in (verdicts.changes, verdicts.suite_changes)
    )
    return replace(verdicts, changes=changes, suite_changes=suite_changes)


def _read(namespace: str, days: int) -> Operation[_Current]:
    stored = yield from storage.read_entries(namespace)
    unpacked = {id_: rules.unpack(entry) for id_, entry in stored.entries.items()}
    oldest = stored.now - days * DAY_S
    entries = {id_: entry for id_, entry in unpacked.items() if entry is not None and entry.since > oldest}
    return _Current(entries, [id_ for id_ in unpacked if id_ not in entries], stored.now)


def put(
    namespace: str, days: int, change: DurationChange, kind: AcknowledgementKind, reason: str
) -> Operation[AcknowledgedChange]:
    """Store an acknowledgement of a change, which replaces earlier ones of this change; return it."""
    current = yield from _read(namespace, days)
    entry = rules.new_acknowledgement(change, kind, reason, current.now)
    obsolete = [*current.obsolete, *_ids_of(change, current), *_surplus(current)]
    yield from storage.put(namespace, rules.id_of(change), rules.pack(entry), obsolete, days * DAY_S)
    return entry


def remove(namespace: str, days: int, id_: str) -> Operation[bool]:
    """Remove the acknowledgement with this id; return whether it existed."""
    current = yield from _read(namespace, days)
    if id_ in current.entries:
        yield from storage.remove(namespace, [id_])
    return id_ in current.entries


def remove_all(namespace: str, days: int, change: DurationChange) -> Operation[None]:
    """Remove all acknowledgements of a change, including those with the id of an earlier likeliest run."""
    current = yield from _read(namespace, days)
    yield from storage.remove(namespace, _ids_of(change, current))


def _ids_of(change: DurationChange, current: _Current) -> list[str]:
    """Return the ids of all acknowledgements of a change, including those of an earlier likeliest run."""
    series = rules.by_series(current.entries.values())
    acknowledgements = rules.acknowledgements_of(change, series)
    return [id_ for id_, entry in current.entries.items() if entry in acknowledgements]


def _surplus(current: _Current) -> Sequence[str]:
    newest = sorted(current.entries, key=lambda id_: current.entries[id_].since, reverse=True)
    return newest[MAX_ACKNOWLEDGEMENTS - 1 :]

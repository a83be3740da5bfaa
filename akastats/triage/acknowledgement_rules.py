"""Rules of acknowledgements: users mark duration changes as acknowledged, expected or noise. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from akastats.errors import CorruptDataError
from akastats.model.stored_values import json_of, read
from akastats.model.verdicts import ChangeVerdict, DurationChange

AcknowledgementKind = Literal["acknowledged", "expected", "noise"]

#: Changes with these acknowledgements are no longer reported as new.
QUIET: tuple[AcknowledgementKind, ...] = ("expected", "noise")


@dataclass(frozen=True, slots=True)
class AcknowledgedChange:
    """An acknowledgement of a duration change, as it is stored.

    It applies to every change of its series and direction whose interval from `since` to `until` contains `run`,
    because new data may move the likeliest run of a change.

    mark: acknowledged, expected or noise
    reason: reason in the user's words
    label: label of the duration
    environment: environment class of the change
    run: likeliest run of the change at the time of the acknowledgement
    is_slower: direction of the change
    since: time of the acknowledgement, epoch seconds
    """

    mark: AcknowledgementKind
    reason: str
    label: str
    environment: str
    run: str
    is_slower: bool
    since: float


#: Acknowledgements by series, which is a label and an environment class.
BySeries = Mapping[tuple[str, str], Sequence[AcknowledgedChange]]


def new_acknowledgement(
    change: DurationChange, kind: AcknowledgementKind, reason: str, since: float
) -> AcknowledgedChange:
    """Return a new acknowledgement of a change."""
    return AcknowledgedChange(kind, reason, change.label, change.environment, change.run, change.is_slower, since)


def id_of(change: DurationChange | AcknowledgedChange) -> str:
    """Return the id of a change; it depends on the series and the likeliest run."""
    identity = json.dumps([change.label, change.environment, change.run])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def by_series(marks: Iterable[AcknowledgedChange]) -> BySeries:
    """Group acknowledgements by series, newest first."""
    groups: dict[tuple[str, str], list[AcknowledgedChange]] = {}
    for mark in sorted(marks, key=lambda mark: mark.since, reverse=True):
        groups.setdefault((mark.label, mark.environment), []).append(mark)
    return groups


def about(change: DurationChange, marks: BySeries) -> list[AcknowledgedChange]:
    """Return the acknowledgements of a change: those of its own run first, then newest first."""
    matches = [mark for mark in marks.get((change.label, change.environment), ()) if _is_about(mark, change)]
    return sorted(matches, key=lambda mark: mark.run != change.run)


def find_acknowledgement(change: DurationChange, marks: BySeries) -> AcknowledgedChange | None:
    """Return the acknowledgement of a change; `None` without one."""
    return next(iter(about(change, marks)), None)


def _is_about(mark: AcknowledgedChange, change: DurationChange) -> bool:
    # Run ids sort by time.
    return mark.is_slower == change.is_slower and change.since < mark.run <= change.until


def without_quiet(changes: Iterable[ChangeVerdict], marks: Iterable[AcknowledgedChange]) -> list[ChangeVerdict]:
    """Return the changes without those acknowledged as expected or noise."""
    series = by_series(marks)
    return [each for each in changes if not _is_quiet(find_acknowledgement(each.change, series))]


def _is_quiet(mark: AcknowledgedChange | None) -> bool:
    return mark is not None and mark.mark in QUIET


def pack(mark: AcknowledgedChange) -> bytes:
    """Encode an acknowledgement for storage, as JSON."""
    return json.dumps(asdict(mark), separators=(",", ":")).encode()


def unpack(stored: bytes) -> AcknowledgedChange | None:
    """Decode a stored acknowledgement; `None` if this release cannot read it."""
    try:
        return read(AcknowledgedChange, json_of(stored))
    except CorruptDataError:
        return None

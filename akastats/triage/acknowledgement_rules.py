"""Rules of acknowledgements: a user acknowledges a duration change as known, expected or noise."""

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

    It applies to each change with its series and direction whose interval from `since` to `until` contains `run`.
    The likeliest run of a change can differ once more runs are recorded.

    mark: acknowledged, expected or noise
    reason: reason as it was entered
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


def by_series(acknowledgements: Iterable[AcknowledgedChange]) -> BySeries:
    """Group acknowledgements by series, newest first."""
    groups: dict[tuple[str, str], list[AcknowledgedChange]] = {}
    for each in sorted(acknowledgements, key=lambda each: each.since, reverse=True):
        groups.setdefault((each.label, each.environment), []).append(each)
    return groups


def acknowledgements_of(change: DurationChange, series: BySeries) -> list[AcknowledgedChange]:
    """Return the acknowledgements of a change: those of its likeliest run first, then the others, newest first."""
    matches = [each for each in series.get((change.label, change.environment), ()) if _applies(each, change)]
    return sorted(matches, key=lambda each: each.run != change.run)


def find_acknowledgement(change: DurationChange, series: BySeries) -> AcknowledgedChange | None:
    """Return the first acknowledgement of a change; `None` if there is none."""
    return next(iter(acknowledgements_of(change, series)), None)


def _applies(acknowledgement: AcknowledgedChange, change: DurationChange) -> bool:
    # Run ids sort by time.
    is_within = change.since < acknowledgement.run <= change.until
    return acknowledgement.is_slower == change.is_slower and is_within


def without_quiet(
    changes: Iterable[ChangeVerdict], acknowledgements: Iterable[AcknowledgedChange]
) -> list[ChangeVerdict]:
    """Return the changes without those acknowledged as expected or noise."""
    series = by_series(acknowledgements)
    return [each for each in changes if not _is_quiet(find_acknowledgement(each.change, series))]


def _is_quiet(acknowledgement: AcknowledgedChange | None) -> bool:
    return acknowledgement is not None and acknowledgement.mark in QUIET


def pack(acknowledgement: AcknowledgedChange) -> bytes:
    """Encode an acknowledgement for storage, as JSON."""
    return json.dumps(asdict(acknowledgement), separators=(",", ":")).encode()


def unpack(stored: bytes) -> AcknowledgedChange | None:
    """Decode a stored acknowledgement; `None` if this release cannot read it."""
    try:
        return read(AcknowledgedChange, json_of(stored))
    except CorruptDataError:
        return None

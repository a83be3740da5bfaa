"""What people say of changes of a duration: that they know, that it was to be, that it is noise. Pure."""

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

#: Changes with these are nobody's news any more.
QUIET: tuple[AcknowledgementKind, ...] = ("expected", "noise")


@dataclass(frozen=True, slots=True)
class AcknowledgedChange:
    """What somebody said of a change, `since` when, in epoch seconds; `run` is its likeliest first one as of then.

    That run may shift while data comes in, so a mark is about every change of its series and direction between
    whose `since` and `until` it lies.
    """

    mark: AcknowledgementKind
    reason: str
    label: str
    environment: str
    run: str
    is_slower: bool
    since: float


#: Marks by the series that they are about, label and environment.
BySeries = Mapping[tuple[str, str], Sequence[AcknowledgedChange]]


def new_acknowledgement(
    change: DurationChange, kind: AcknowledgementKind, reason: str, since: float
) -> AcknowledgedChange:
    """Return a mark about a change."""
    return AcknowledgedChange(kind, reason, change.label, change.environment, change.run, change.is_slower, since)


def id_of(change: DurationChange | AcknowledgedChange) -> str:
    """Return by which name a change is known while its likeliest run stays the same."""
    named = json.dumps([change.label, change.environment, change.run])
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def by_series(marks: Iterable[AcknowledgedChange]) -> BySeries:
    """Return marks by what they are about, those made last first."""
    found: dict[tuple[str, str], list[AcknowledgedChange]] = {}
    for mark in sorted(marks, key=lambda mark: mark.since, reverse=True):
        found.setdefault((mark.label, mark.environment), []).append(mark)
    return found


def about(change: DurationChange, marks: BySeries) -> list[AcknowledgedChange]:
    """Return the marks about a change, that of its own run first, then those made last."""
    found = [mark for mark in marks.get((change.label, change.environment), ()) if _is_about(mark, change)]
    return sorted(found, key=lambda mark: mark.run != change.run)


def find_acknowledgement(change: DurationChange, marks: BySeries) -> AcknowledgedChange | None:
    """Return what was said of a change, `None` where nobody said anything."""
    return next(iter(about(change, marks)), None)


def _is_about(mark: AcknowledgedChange, change: DurationChange) -> bool:
    # Run ids sort by time.
    return mark.is_slower == change.is_slower and change.since < mark.run <= change.until


def without_quiet(changes: Iterable[ChangeVerdict], marks: Iterable[AcknowledgedChange]) -> list[ChangeVerdict]:
    """Return the changes that are news: all but those said to be expected or noise."""
    known = by_series(marks)
    return [judged for judged in changes if not _is_quiet(find_acknowledgement(judged.change, known))]


def _is_quiet(mark: AcknowledgedChange | None) -> bool:
    return mark is not None and mark.mark in QUIET


def pack(mark: AcknowledgedChange) -> bytes:
    """Return a mark as it is stored: JSON."""
    return json.dumps(asdict(mark), separators=(",", ":")).encode()


def unpack(stored: bytes) -> AcknowledgedChange | None:
    """Return a stored mark; `None` for what is none of this release."""
    try:
        return read(AcknowledgedChange, json_of(stored))
    except CorruptDataError:
        return None

"""Models of quarantine entries, and of the body that adds one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from akastats.api.models.common import LABEL, NODEID
from akastats.api.models.derived import add_examples
from akastats.local_time import check_day
from akastats.triage.quarantine_rules import MAX_BY, MAX_REASON, VISIBLE_CHARACTER, QuarantinedTest, check_text

Moment = Annotated[float, Field(strict=True, ge=-1e12, le=1e12)]
Day = Annotated[str, AfterValidator(check_day), Field(strict=True, json_schema_extra={"format": "date"})]


class QuarantineBody(BaseModel):
    """The end of a test's quarantine, at most 90 days ahead, and the reason for it."""

    # The title in the OpenAPI document names classes of generated clients.
    model_config = ConfigDict(title="QuarantineWish")

    until: Moment | Day = Field(
        description="epoch seconds, or the last day, in AKA_STATS_TIMEZONE or the service's own time zone",
        examples=["2026-12-24"],
    )
    reason: Annotated[str, AfterValidator(check_text)] = Field(
        description="reason, at most 500 characters",
        min_length=1,
        max_length=MAX_REASON,
        pattern=VISIBLE_CHARACTER,
        examples=["the bank's sandbox hangs up, PAY-7"],
    )
    by: str = Field(
        default="", max_length=MAX_BY, description="name of the person, not verified", examples=["ada"]
    )


@dataclass(frozen=True)
class QuarantineEntry:
    """A test in quarantine.

    label: label of the test's durations
    nodeid: node id of the test
    suite: suite of the test; null if there is none
    until: end of the quarantine, epoch seconds
    reason: reason as it was entered
    since: start of the uninterrupted quarantine, epoch seconds
    by: name of the person who added the entry, not verified; null if unknown
    """

    label: str
    nodeid: str
    suite: str | None
    until: float
    reason: str
    since: float
    by: str | None


add_examples(
    QuarantineEntry,
    label=LABEL,
    nodeid=NODEID,
    suite="unit",
    until=1798153200.0,
    reason="the bank's sandbox hangs up, PAY-7",
    since=1785579300.0,
    by="ada",
)


def answer_entry(entry: QuarantinedTest) -> QuarantineEntry:
    """Return a quarantine entry as the API returns it."""
    return QuarantineEntry(
        label=entry.label,
        nodeid=entry.nodeid,
        suite=entry.suite or None,
        until=entry.until,
        reason=entry.reason,
        since=entry.since,
        by=entry.by or None,
    )


@dataclass(frozen=True)
class QuarantinePage:
    """All tests in quarantine.

    items: all tests in quarantine
    next: always null, because there is one page
    """

    items: list[QuarantineEntry]
    next: None = None


add_examples(QuarantinePage, next=None)

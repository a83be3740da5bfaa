"""Read the quarantined tests of a suite for the test process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any

from akastats.config import Config
from akastats.errors import AccessDeniedError, ConfigError, RequestRefusedError
from akastats.local_time import LOCAL, format_last_day, load_zone
from akastats.report.phrases import quarantine_end
from akastats.spool.quarantine_list import Listed
from akastats.store.requests import Operation
from akastats.triage.quarantine import read_entries
from akastats.triage.quarantine_rules import QuarantinedTest, protecting_pattern


def read_quarantine(suite: str, config: Config, execute: Callable[[Operation[Any]], Any]) -> Listed:
    """Read the quarantined tests of a suite; a refusal of the server becomes the problem of the list."""
    try:
        return make_list(execute(read_entries(config.namespace, suite)), config)
    except (AccessDeniedError, RequestRefusedError) as error:
        # The delivery does not need the list.
        return Listed(problem=str(error))


def make_list(entries: Iterable[QuarantinedTest], config: Config) -> Listed:
    """Return the list of quarantined tests, each with its end and reason, without protected tests."""
    zone = _zone(config.timezone)
    return Listed(
        {
            each.nodeid: quarantine_end(format_last_day(each.until, zone), each.reason)
            for each in entries
            if not protecting_pattern(config.protected, each.nodeid)
        }
    )


def _zone(name: str) -> tzinfo:
    try:
        return load_zone(name)
    except ConfigError:
        # Names of time zones require an optional dependency.
        return LOCAL

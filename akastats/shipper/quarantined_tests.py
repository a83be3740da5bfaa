"""Read the quarantined tests of a suite for the process of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any

from akastats.config import Config
from akastats.errors import AccessDeniedError, ConfigError, RequestRefusedError
from akastats.local_time import LOCAL, format_last_day, load_zone
from akastats.spool.quarantine_list import Listed
from akastats.store.requests import Operation
from akastats.triage.quarantine import read_entries
from akastats.triage.quarantine_rules import QuarantinedTest, protecting_pattern


def excuses(suite: str, config: Config, execute: Callable[[Operation[Any]], Any]) -> Listed:
    """Read the quarantined tests of a suite; a refusal of the server becomes the problem of the list."""
    try:
        return listed_of(execute(read_entries(config.namespace, suite)), config)
    except (AccessDeniedError, RequestRefusedError) as error:
        # The run is delivered without the list.
        return Listed(problem=str(error))


def listed_of(entries: Iterable[QuarantinedTest], config: Config) -> Listed:
    """Return the list of entries without protected tests."""
    where = _zone(config.timezone)
    tests = {each.nodeid: f"until {format_last_day(each.until, where)}: {each.reason}" for each in entries}
    return Listed({name: told for name, told in tests.items() if not protecting_pattern(config.protected, name)})


def _zone(name: str) -> tzinfo:
    try:
        return load_zone(name)
    except ConfigError:
        # The names of time zones need an extra.
        return LOCAL

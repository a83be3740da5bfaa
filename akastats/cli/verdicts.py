"""`akastats flaky`, `slower` and `errors`: list the newest verdicts, and the failures of all runs."""

from __future__ import annotations

from datetime import tzinfo
from enum import Enum
from typing import Annotated, Any

import typer

from akastats.cli import output, target
from akastats.cli.options import Directory, Json, Limit, Namespace, Suite, Url
from akastats.cli.verdict_tables import COMMIT_WIDTH
from akastats.formatting import format_decimal_seconds, format_percent
from akastats.local_time import format_time, load_zone
from akastats.model.results import test_of
from akastats.queries import errors as reading_errors
from akastats.queries import flaky as reading_flaky
from akastats.queries import regressions
from akastats.queries.cached_lists import CachedList
from akastats.queries.errors import ListedError
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import ListedChange
from akastats.queries.verdicts import DatedVerdicts
from akastats.redis import sync_redis

#: Characters of a failure's message in a table.
MOST_MESSAGE = 100

Branch = Annotated[
    str, typer.Option(help="Branch whose newest verdicts are read; default: the default branch, else any.")
]
_NO_VERDICTS = "No verdicts yet: each recorded run gets them when it ends. Record one with pytest --akastats."


class State(str, Enum):
    """The states that `akastats flaky` lists."""

    FLAKY = "flaky"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    ALL = "all"


def flaky(
    state: Annotated[State, typer.Option(help="Only tests in this state.")] = State.FLAKY,
    suite: Suite = "",
    branch: Branch = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List flaky tests, or those in another state, the costliest first."""
    wanted = reading_flaky.ListQuery(None if state is State.ALL else state.value)
    with target.opened(target.of_options(url, namespace, directory)) as config:
        found = sync_redis.run(
            reading_flaky.page(config.namespace, wanted, None, limit, suite or None, branch or None)
        )
    if as_json:
        output.write_json(
            {**_basis(found.source), "items": list(map(_plain_test, found.items)), "total": found.total}
        )
    elif found.source is None:
        output.say(_NO_VERDICTS)
    elif not found.items:
        output.say(f"No test is {'flaky, broken or undecided' if state is State.ALL else state.value}.")
    else:
        columns = ("fails (%)", "runs failed", "time lost (s)", "state", "since run", "commit", "test")
        output.table(columns, list(map(_test_row, found.items)), columns[:3])
        _count_left_out(len(found.items), found.total)


def _test_row(listed: ListedTest) -> tuple[object, ...]:
    test = listed.test
    cost = (format_percent(test.rate).removesuffix(" %"), test.runs_failed, f"{test.seconds_lost:.1f}")
    return (*cost, test.state, test.since, test.since_commit[:COMMIT_WIDTH], test.nodeid)


def _plain_test(listed: ListedTest) -> dict[str, Any]:
    test = {name: getattr(listed.test, name) for name in listed.test.__slots__}
    held = {"cluster": listed.cluster, "quarantine": listed.quarantine}
    return {**test, "suite": listed.suite or None, **held}


def slower(
    faster: Annotated[bool, typer.Option("--faster", help="Also what became faster.")] = False,
    suite: Suite = "",
    branch: Branch = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List tests, fixtures, files and numbers that became slower for good, newest first."""
    wanted = regressions.ListQuery(faster=faster)
    with target.opened(target.of_options(url, namespace, directory)) as config:
        found = sync_redis.run(
            regressions.page(config.namespace, config.run_days, wanted, None, limit, suite or None, branch or None)
        )
    changes = [*found.suite_changes, *found.items]
    if as_json:
        items, of_suite = (list(map(_plain_change, each)) for each in (found.items, found.suite_changes))
        output.write_json(
            {**_basis(found.source), "items": items, "suite_changes": of_suite, "total": found.total}
        )
    elif found.source is None:
        output.say(_NO_VERDICTS)
    elif not changes:
        output.say("Nothing became slower.")
    else:
        columns = ("before (s)", "after (s)", "times", "certainty", "since run", "commit", "name")
        output.table(columns, list(map(_change_row, changes)), columns[:3])
        _count_left_out(len(found.items), found.total)


def _change_row(listed: ListedChange) -> tuple[object, ...]:
    change, kind = listed.change, listed.named.kind
    name = "the whole suite" if kind == "suite" else listed.named.name
    certainty = "suspected" if change.is_suspected else "confirmed"
    levels = (format_decimal_seconds(change.before), format_decimal_seconds(change.after), f"{change.ratio:.2f}")
    shown = name if kind in ("test", "suite", "stat") else f"{kind} {name}"
    return (*levels, certainty, change.run, (listed.commit or "")[:COMMIT_WIDTH], shown)


def _plain_change(listed: ListedChange) -> dict[str, Any]:
    change = {name: getattr(listed.change, name) for name in listed.change.__slots__}
    derived = {name: getattr(listed.change, name) for name in ("ratio", "is_slower", "is_suspected")}
    named = {"id": listed.id, "kind": listed.named.kind, "name": listed.named.name, "suite": listed.suite or None}
    commits = {name: getattr(listed, name) for name in ("since_commit", "commit", "until_commit")}
    news = {"is_new": listed.verdict.is_new, "group": listed.group, "mark": listed.acknowledgement}
    return {**named, **change, **derived, **commits, **news}


def errors(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Words that all occur in class, message, frames or test.", metavar="[WORD]..."),
    ] = None,
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List what failed over all runs, each failure once, the newest first."""
    wanted = reading_errors.ListQuery(" ".join(words or ()))
    with target.opened(target.of_options(url, namespace, directory)) as config:
        unseen: CachedList[ListedError] = CachedList()
        seen = sync_redis.run(reading_errors.refresh(config.namespace, unseen))
        where = load_zone(config.timezone)
    found = reading_errors.page(seen, wanted, None, limit)
    if as_json:
        output.write_json({"items": list(map(_plain_error, found.items)), "total": found.total})
    elif not found.items:
        output.say("No failure has these words." if words else "Nothing has failed.")
    else:
        columns = ("failures", "runs", "tests", "last seen", "first seen", "fingerprint", "failure")
        output.table(columns, [_error_row(each, where) for each in found.items], columns[:3])
        _count_left_out(len(found.items), found.total)


def _error_row(listed: ListedError, where: tzinfo) -> tuple[object, ...]:
    record = listed.record
    lines = (record.message or "").splitlines()
    text = ": ".join(filter(None, (record.exception, lines[0][:MOST_MESSAGE] if lines else "")))
    seen = (format_time(record.last_seen, where), format_time(record.first_seen, where))
    return (record.count, record.runs, record.tests, *seen, listed.fingerprint, text)


_OF_RECORD = ("first_seen", "last_seen", "count", "runs", "tests")


def _plain_error(listed: ListedError) -> dict[str, Any]:
    record, test = listed.record, test_of(listed.record.newest_test)
    texts = {name: getattr(record, name) or None for name in ("exception", "message", "error_id", "newest_run")}
    numbers = {name: getattr(record, name) for name in _OF_RECORD}
    newest = {"newest_test": test.nodeid if test else None}
    return {"fingerprint": listed.fingerprint, **numbers, **texts, "frames": list(record.frames), **newest}


def _basis(told: DatedVerdicts | None) -> dict[str, Any]:
    verdicts = told.verdicts if told else None
    return {"run": verdicts.run if verdicts else None, "runs": verdicts.runs if verdicts else 0}


def _count_left_out(shown: int, total: int) -> None:
    if total > shown:
        output.say("", f"and {total - shown:,} more: --limit shows them")

"""`akastats flaky`, `slower` and `errors`: list the newest verdicts and the errors of all runs."""

from __future__ import annotations

from datetime import tzinfo
from enum import Enum
from typing import Annotated, Any

import typer

from akastats.cli import output, targets
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
from akastats.report import phrases

#: Maximum number of characters of an error message in a table.
MAX_MESSAGE = 100

Branch = Annotated[str, typer.Option(help="Branch of the verdicts; default: the default branch, else any branch.")]
_NO_VERDICTS = "No verdicts yet: each recorded run is analysed when it ends. Record one with pytest --akastats."


class State(str, Enum):
    """The states that `akastats flaky` lists."""

    FLAKY = "flaky"
    BROKEN = "broken"
    NOT_ENOUGH_DATA = "undecided"
    ALL = "all"


_NO_TESTS = {
    State.FLAKY: "No flaky tests.",
    State.BROKEN: "No broken tests.",
    State.NOT_ENOUGH_DATA: "No tests without enough data.",
    State.ALL: "No flaky or broken tests, and none without enough data.",
}


def flaky(
    state: Annotated[
        State, typer.Option(help="Only tests in this state; undecided: not enough data.")
    ] = State.FLAKY,
    suite: Suite = "",
    branch: Branch = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List flaky tests, the most costly first."""
    query = reading_flaky.ListQuery(None if state is State.ALL else state.value)
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        page = sync_redis.run(
            reading_flaky.read_page(config.namespace, query, None, limit, suite or None, branch or None)
        )
    if as_json:
        output.write_json(
            {**_run_json(page.source), "items": list(map(_test_json, page.items)), "total": page.total}
        )
    elif page.source is None:
        output.write_lines(_NO_VERDICTS)
    elif not page.items:
        output.write_lines(_NO_TESTS[state])
    else:
        columns = ("fails (%)", "runs failed", "time lost (s)", "state", "since run", "commit", "test")
        output.table(columns, list(map(_test_row, page.items)), columns[:3])
        _write_rest(len(page.items), page.total)


def _test_row(listed: ListedTest) -> tuple[object, ...]:
    test = listed.test
    cost = (format_percent(test.rate).removesuffix(" %"), test.runs_failed, f"{test.seconds_lost:.1f}")
    return (*cost, phrases.state_name(test.state), test.since, test.since_commit[:COMMIT_WIDTH], test.nodeid)


def _test_json(listed: ListedTest) -> dict[str, Any]:
    test = {name: getattr(listed.test, name) for name in listed.test.__slots__}
    details = {"cluster": listed.cluster, "quarantine": listed.quarantine}
    return {**test, "suite": listed.suite or None, **details}


def slower(
    faster: Annotated[bool, typer.Option("--faster", help="Also list durations that became faster.")] = False,
    suite: Suite = "",
    branch: Branch = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List lasting slowdowns, newest first.

    The list contains tests, fixtures, test files, imports, spans of the run and your own labels.
    """
    query = regressions.ListQuery(faster=faster)
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        operation = regressions.read_page(
            config.namespace, config.run_days, query, None, limit, suite or None, branch or None
        )
        page = sync_redis.run(operation)
    if as_json:
        output.write_json(_changes_json(page))
    elif page.source is None:
        output.write_lines(_NO_VERDICTS)
    else:
        _write_changes(page)


def _write_changes(page: regressions.Page) -> None:
    changes = [*page.suite_changes, *page.items]
    if not changes:
        output.write_lines("Nothing became slower.")
        return
    columns = ("before (s)", "after (s)", "ratio", "certainty", "since run", "commit", "name")
    output.table(columns, list(map(_change_row, changes)), columns[:3])
    _write_rest(len(page.items), page.total)


def _changes_json(page: regressions.Page) -> dict[str, Any]:
    items, suite_changes = (list(map(_change_json, each)) for each in (page.items, page.suite_changes))
    return {**_run_json(page.source), "items": items, "suite_changes": suite_changes, "total": page.total}


def _change_row(listed: ListedChange) -> tuple[object, ...]:
    change, kind = listed.change, listed.subject.kind
    name = "whole suite" if kind == "suite" else listed.subject.name
    certainty = phrases.certainty_cell(change.is_suspected)
    levels = (format_decimal_seconds(change.before), format_decimal_seconds(change.after), f"{change.ratio:.2f}")
    if kind == "span":
        name = phrases.SPAN_NAMES.get(name, name)
    shown = name if kind in ("test", "suite", "stat", "span") else f"{kind} {name}"
    return (*levels, certainty, change.run, (listed.commit or "")[:COMMIT_WIDTH], shown)


def _change_json(listed: ListedChange) -> dict[str, Any]:
    change = {name: getattr(listed.change, name) for name in listed.change.__slots__}
    derived = {name: getattr(listed.change, name) for name in ("ratio", "is_slower", "is_suspected")}
    subject = {
        "id": listed.id,
        "kind": listed.subject.kind,
        "name": listed.subject.name,
        "suite": listed.suite or None,
    }
    commits = {name: getattr(listed, name) for name in ("since_commit", "commit", "until_commit")}
    news = {"is_new": listed.verdict.is_new, "group": listed.group, "mark": listed.acknowledgement}
    return {**subject, **change, **derived, **commits, **news}


Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="Only errors whose exception, message, frames or test contain all of these words.",
        metavar="WORD",
    ),
]


def errors(
    words: Words = None,
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List the errors of all runs, newest first.

    Failures with the same exception and location are one error.
    """
    query = reading_errors.ListQuery(" ".join(words or ()))
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        cache: CachedList[ListedError] = CachedList()
        current = sync_redis.run(reading_errors.refresh(config.namespace, cache))
        zone = load_zone(config.timezone)
    page = reading_errors.select_page(current, query, None, limit)
    if as_json:
        output.write_json({"items": list(map(_error_json, page.items)), "total": page.total})
    elif not page.items:
        output.write_lines("No matching errors." if words else "No failures yet.")
    else:
        columns = ("failures", "runs", "tests", "last seen", "first seen", "fingerprint", "failure")
        output.table(columns, [_error_row(each, zone) for each in page.items], columns[:3])
        _write_rest(len(page.items), page.total)


def _error_row(listed: ListedError, zone: tzinfo) -> tuple[object, ...]:
    record = listed.record
    lines = (record.message or "").splitlines()
    text = ": ".join(filter(None, (record.exception, lines[0][:MAX_MESSAGE] if lines else "")))
    seen = (format_time(record.last_seen, zone), format_time(record.first_seen, zone))
    return (record.count, record.runs, record.tests, *seen, listed.fingerprint, text)


_RECORD_FIELDS = ("first_seen", "last_seen", "count", "runs", "tests")


def _error_json(listed: ListedError) -> dict[str, Any]:
    record, test = listed.record, test_of(listed.record.newest_test)
    texts = {name: getattr(record, name) or None for name in ("exception", "message", "error_id", "newest_run")}
    numbers = {name: getattr(record, name) for name in _RECORD_FIELDS}
    newest = {"newest_test": test.nodeid if test else None}
    return {"fingerprint": listed.fingerprint, **numbers, **texts, "frames": list(record.frames), **newest}


def _run_json(newest: DatedVerdicts | None) -> dict[str, Any]:
    verdicts = newest.verdicts if newest else None
    return {"run": verdicts.run if verdicts else None, "runs": verdicts.runs if verdicts else 0}


def _write_rest(shown: int, total: int) -> None:
    if total > shown:
        output.write_lines("", f"and {total - shown:,} more: increase --limit")

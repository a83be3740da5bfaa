"""`akastats runs`, `show` and `slowest`: what has been recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from enum import Enum
from typing import Annotated

import typer

from akastats.cli import node_ids, output, target, verdict_tables
from akastats.cli.options import Directory, Json, Limit, Namespace, Suite, Url
from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.formatting import format_decimal_seconds, format_duration
from akastats.local_time import format_last_day, format_time, load_zone
from akastats.model.results import label
from akastats.queries import run_details, tests, verdicts
from akastats.queries import runs as reading
from akastats.queries import suggestions as near_tests
from akastats.queries.run_comparison import Changes
from akastats.queries.run_details import Details, Slow
from akastats.queries.runs import Run
from akastats.queries.tests import Attempt
from akastats.records import Summary
from akastats.redis import sync_redis
from akastats.store import query
from akastats.triage import quarantine

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
#: The strip shows so many of the newest outcomes.
STRIP = 60


class Status(str, Enum):
    """What a run can be."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"
    EMPTY = "empty"


def runs(
    branch: Annotated[str, typer.Option(help="Only runs of this branch.")] = "",
    suite: Suite = "",
    status: Annotated[Status | None, typer.Option(help="Only runs of this status.")] = None,
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List the newest runs."""
    filters = {"branch": branch, "suite": suite, "status": status.value if status else ""}
    with target.opened(target.of_options(url, namespace, directory)) as config:
        page = sync_redis.run(reading.page(config.namespace, filters, size=limit))
    if as_json:
        output.write_json({"items": page.items, "next": reading.encode(page.next)})
    elif not page.items:
        output.say("No such run." if any(filters.values()) else "No run yet: record one with pytest --akastats.")
    else:
        _write_runs(page.items, config)


def _write_runs(items: Sequence[Run], config: Config) -> None:
    where = load_zone(config.timezone)
    numbers = ("tests", "failed", "errors", "duration (s)")
    columns = ("run", "status", *numbers, "when", "branch", "commit", "suite")
    output.table(columns, [_run_row(run, where) for run in items], numbers)


def _run_row(run: Run, where: tzinfo) -> tuple[object, ...]:
    errors = run.errors if run.collect_errors is None else (run.errors or 0) + run.collect_errors
    counts = (run.id, run.status, run.tests, run.failed, errors, _seconds(run.duration))
    return (*counts, format_time(run.started, where), _branch(run), _short(run.commit, run.dirty), run.suite)


def _branch(run: Run) -> str:
    """Return a run's branch, with a note if the run does not count for that branch."""
    number = "pull request" + (f" {run.pull_request}" if run.pull_request != "true" else "")
    notes = [number if run.pull_request else "", "nested" if run.nested else ""]
    noted = ", ".join(note for note in notes if note)
    return " ".join(part for part in (run.branch or "", noted and f"({noted})") if part)


def show(
    nodeid: Annotated[
        str,
        typer.Argument(help="A test's node id, a part that no other has, or a run's id.", metavar="NODEID|RUN"),
    ],
    suite: Suite = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Show one test's history, or one run."""
    with target.opened(target.of_options(url, namespace, directory)) as config:
        found = _run_details(config, nodeid, limit)
        if found is None:
            _show_test(config, nodeid, suite, limit, as_json)
        else:
            _show_run(config, found, as_json)


def _run_details(config: Config, run_id: str, limit: int) -> Details | None:
    """Return a run, `None` if that is no run's id, or not one that is known."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        return sync_redis.run(run_details.details(config.namespace, run_id, limit))
    except NotFoundError:
        return None


def _show_test(config: Config, nodeid: str, suite: str, limit: int, as_json: bool) -> None:
    name = label("test", nodeid, suite or "")
    nodeid, suite, points = _history(config, nodeid, suite, max(limit, STRIP))
    name = label("test", nodeid, suite or "")
    numbers = sync_redis.run(query.read_summaries(config.namespace, [name])).get(name)
    newest = sync_redis.run(verdicts.newest_of(config.namespace, suite or "", None))
    stands = next((test for test in newest.tests if test.nodeid == nodeid), None) if newest else None
    held = sync_redis.run(quarantine.read_entries(config.namespace, suite or ""))
    entry = next((each for each in held if each.nodeid == nodeid), None)
    shown = points[:limit]
    if as_json:
        known = numbers._asdict() if numbers else None
        told = {"nodeid": nodeid, "suite": suite or None, "numbers": known, "verdict": stands}
        output.write_json({**told, "quarantine": entry, "items": shown})
        return
    output.say(
        nodeid, "", f"outcomes  {output.strip([at.outcome for at in reversed(points[:STRIP])])}  (newest last)"
    )
    if numbers:
        output.say(_numbers(numbers))
    changes = [each.change for each in newest.changes if each.change.label == name] if newest else []
    output.say(*verdict_tables.standing_lines(stands, changes))
    if entry:
        until = format_last_day(entry.until, load_zone(config.timezone))
        output.say(f"state     in quarantine until {until}: {entry.reason}")
    output.say("")
    _write_attempts(shown, config)


def _history(config: Config, nodeid: str, suite: str, size: int) -> tuple[str, str, list[Attempt]]:
    """Return a test with its newest attempts; `nodeid` may be a part that is unique to one test.

    Raises `NotFoundError`, which lists what matches or is near, for any other.
    """
    try:
        return nodeid, suite, sync_redis.run(tests.history(config.namespace, nodeid, suite, size))
    except NotFoundError as error:
        known = sync_redis.run(near_tests.known_tests(config.namespace))
        test = node_ids.find_by_part(known, nodeid, suite)
        if test is None:
            suggestions = near_tests.most_similar(known, nodeid, suite)
            raise NotFoundError(node_ids.with_tests(str(error), suggestions, suite)) from error
        history = tests.history(config.namespace, test.nodeid, test.suite, size)
        return test.nodeid, test.suite, sync_redis.run(history)


def _numbers(numbers: Summary) -> str:
    named = {"last": numbers.last, "avg": numbers.avg, "min": numbers.min, "max": numbers.max}
    told = [f"{name} {format_duration(value)}" for name, value in named.items() if value is not None]
    return "numbers   " + ", ".join([*told, f"attempts {numbers.count or 0:.0f}"])


def _write_attempts(attempts: Sequence[Attempt], config: Config) -> None:
    where = load_zone(config.timezone)
    rows = [
        (format_time(at.timestamp, where), at.outcome, _seconds(at.value), at.run, at.branch, _short(at.commit))
        for at in attempts
    ]
    output.table(("when", "outcome", "duration (s)", "run", "branch", "commit"), rows, ("duration (s)",))


def _show_run(config: Config, found: Details, as_json: bool) -> None:
    if as_json:
        output.write_json({**vars(found.run), **{name: of for name, of in vars(found).items() if name != "run"}})
        return
    _write_runs([found.run], config)
    output.say(*(f"died in {nodeid}" for nodeid in found.run.died_in or ()))
    labels = verdict_tables.labels(found.verdicts)
    for failure in found.failures:
        output.say("", f"{failure.count} x {failure.exception or 'expired'}: {failure.message or ''}")
        output.say(*verdict_tables.failing_lines(failure.tests, labels))
    if found.failing_left_out:
        output.say("", f"and {found.failing_left_out} more failing tests")
    if found.base and found.changes:
        output.say("", f"against {found.base.id}: {_changes(found.changes)}")
    if found.verdicts and found.verdicts.over_budget:
        output.say("", *verdict_tables.over_lines(found.verdicts.over_budget))
    output.say("")
    if found.has_profile:
        _write_slowest("slowest tests", found.slowest)
    else:
        output.say("No profile: the run is not over, or its profile has expired.")


def _changes(found: Changes) -> str:
    counts = {
        name.replace("_", " "): len(getattr(found, name))
        for name in ("newly_failing", "fixed", "slower", "faster")
    }
    told = {**counts, "added": found.added, "removed": found.removed, "within noise": found.noise}
    return ", ".join(f"{count} {name}" for name, count in told.items() if count) or "nothing changed"


def slowest(
    fixtures: Annotated[bool, typer.Option("--fixtures/--tests", help="Fixtures, or tests.")] = False,
    limit: Limit = 20,
    run: Annotated[str, typer.Option("--run", help="Of this run; default: the newest.", metavar="RUN")] = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List the slowest tests or fixtures of the newest run, against the median of their own history."""
    word = "fixture" if fixtures else "test"
    with target.opened(target.of_options(url, namespace, directory)) as config:
        one = reading.one(config.namespace, run) if run else reading.newest_or_running(config.namespace)
        of_run = sync_redis.run(one)
        found = sync_redis.run(run_details.slowest(config.namespace, of_run, word, limit))
    if as_json:
        output.write_json({"run": of_run.id, "kind": word, "items": found})
    else:
        output.say(f"run {of_run.id}{', in progress' if of_run.status == 'running' else ''}", "")
        _write_slowest(f"slowest {word}s", found)


def _write_slowest(title: str, found: Sequence[Slow]) -> None:
    rows = [
        (
            _seconds(slow.seconds),
            "no history" if slow.usual is None else _seconds(slow.usual),
            slow.name,
            slow.outcome or slow.scope,
        )
        for slow in found
    ]
    output.table(("now (s)", "typical (s)", title, ""), rows, ("now (s)", "typical (s)"))


def _seconds(value: float | None) -> str | None:
    return None if value is None else format_decimal_seconds(value)


def _short(commit: str | None, is_dirty: bool | None = False) -> str | None:
    """Return a commit's short id, with a `+` if there were uncommitted changes."""
    return commit and commit[: verdict_tables.COMMIT_WIDTH] + ("+" if is_dirty else "")

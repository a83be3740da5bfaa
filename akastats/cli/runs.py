"""`akastats runs`, `show` and `slowest`: list runs, show a run or test, list the slowest tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum
from typing import Annotated

import typer

from akastats.cli import node_ids, output, targets, verdict_tables
from akastats.cli.options import Directory, Json, Limit, Namespace, Suite, Url
from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.formatting import format_decimal_seconds, format_duration
from akastats.local_time import format_last_day, format_time, load_zone
from akastats.model.results import label
from akastats.model.verdicts import DurationChange, UnhealthyTest
from akastats.queries import ledger, run_details, verdicts
from akastats.queries import runs as reading
from akastats.queries.history import Attempt
from akastats.queries.run_comparison import Changes
from akastats.queries.run_details import Details, Slow
from akastats.queries.runs import Run
from akastats.records import Summary
from akastats.redis import sync_redis
from akastats.report import finding_phrases, phrases
from akastats.store import query
from akastats.triage import quarantine
from akastats.triage.quarantine_rules import QuarantinedTest

#: Maximum number of outcomes in the summary of a test.
SHOWN_OUTCOMES = 60


class Status(str, Enum):
    """Status of a run."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"
    EMPTY = "empty"


@dataclass(frozen=True)
class _TestHistory:
    """History of one test.

    nodeid: Node id of the test.
    suite: Its suite; empty if there is none.
    attempts: Attempts, newest first.
    summary: Summary of its durations.
    verdict: Its state in the newest verdicts, `None` if it is healthy or new.
    changes: Changes of its duration in the newest verdicts, newest first.
    quarantine: Its quarantine entry.
    """

    nodeid: str
    suite: str
    attempts: list[Attempt]
    summary: Summary | None
    verdict: UnhealthyTest | None
    changes: list[DurationChange]
    quarantine: QuarantinedTest | None


def runs(
    branch: Annotated[str, typer.Option(help="Only runs of this branch.")] = "",
    suite: Suite = "",
    status: Annotated[Status | None, typer.Option(help="Only runs with this status.")] = None,
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List the newest runs."""
    filters = {"branch": branch, "suite": suite, "status": status.value if status else ""}
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        page = sync_redis.run(reading.read_page(config.namespace, filters, size=limit))
    if as_json:
        output.write_json({"items": page.items, "next": reading.encode(page.next)})
    elif not page.items:
        output.write_lines(
            "No matching runs." if any(filters.values()) else "No runs yet. Record one with pytest --akastats."
        )
    else:
        _write_runs(page.items, config)


def _write_runs(items: Sequence[Run], config: Config) -> None:
    zone = load_zone(config.timezone)
    numbers = ("tests", "failed", "errors", "duration (s)")
    columns = ("run", "status", *numbers, "when", "branch", "commit", "suite")
    output.table(columns, [_run_row(run, zone) for run in items], numbers)


def _run_row(run: Run, zone: tzinfo) -> tuple[object, ...]:
    errors = run.errors if run.collect_errors is None else (run.errors or 0) + run.collect_errors
    counts = (run.id, run.status, run.tests, run.failed, errors, _seconds(run.duration))
    return (*counts, format_time(run.started, zone), _branch(run), _short(run.commit, run.dirty), run.suite)


def _branch(run: Run) -> str:
    """Return the branch of a run, with a note if the run does not count as a run of that branch."""
    number = "pull request" + (f" {run.pull_request}" if run.pull_request != "true" else "")
    notes = [number if run.pull_request else "", "nested" if run.nested else ""]
    text = ", ".join(note for note in notes if note)
    return " ".join(part for part in (run.branch or "", text and f"({text})") if part)


def show(
    nodeid: Annotated[
        str,
        typer.Argument(help="Node id of a test, a unique part of it, or the id of a run.", metavar="NODEID|RUN"),
    ],
    suite: Suite = "",
    limit: Limit = 20,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Show the history of a test, or one run."""
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        details = _run_details(config, nodeid, limit)
        if details is None:
            _show_test(config, nodeid, suite, limit, as_json)
        else:
            _show_run(config, details, as_json)


def _run_details(config: Config, run_id: str, limit: int) -> Details | None:
    """Return the details of a run; `None` for another id or an unknown run."""
    if not node_ids.RUN_ID.fullmatch(run_id):
        return None
    try:
        return sync_redis.run(run_details.read_details(config.namespace, run_id, limit))
    except NotFoundError:
        return None


def _show_test(config: Config, nodeid: str, suite: str, limit: int, as_json: bool) -> None:
    shown_test = _read_history(config, nodeid, suite, max(limit, SHOWN_OUTCOMES))
    shown = shown_test.attempts[:limit]
    if as_json:
        output.write_json(
            {
                "nodeid": shown_test.nodeid,
                "suite": shown_test.suite or None,
                "numbers": shown_test.summary._asdict() if shown_test.summary else None,
                "verdict": shown_test.verdict,
                "quarantine": shown_test.quarantine,
                "items": shown,
            }
        )
        return
    outcomes = [attempt.outcome for attempt in reversed(shown_test.attempts[:SHOWN_OUTCOMES])]
    output.write_lines(shown_test.nodeid, "", f"outcomes  {output.format_outcomes(outcomes)}  (newest last)")
    if shown_test.summary:
        output.write_lines(_format_summary(shown_test.summary))
    output.write_lines(*verdict_tables.state_lines(shown_test.verdict, shown_test.changes))
    if shown_test.quarantine:
        until = format_last_day(shown_test.quarantine.until, load_zone(config.timezone))
        output.write_lines(f"state     {phrases.quarantine(until, shown_test.quarantine.reason)}")
    output.write_lines("")
    _write_attempts(shown, config)


def _read_history(config: Config, nodeid: str, suite: str, size: int) -> _TestHistory:
    nodeid, suite, attempts = node_ids.read_attempts(config, nodeid, suite, size)
    name = label("test", nodeid, suite or "")
    newest = sync_redis.run(verdicts.read_newest(config.namespace, suite or "", None))
    entries = sync_redis.run(quarantine.read_entries(config.namespace, suite or ""))
    return _TestHistory(
        nodeid,
        suite,
        attempts,
        summary=sync_redis.run(query.read_summaries(config.namespace, [name])).get(name),
        verdict=next((test for test in newest.tests if test.nodeid == nodeid), None) if newest else None,
        changes=[each.change for each in newest.changes if each.change.label == name] if newest else [],
        quarantine=next((each for each in entries if each.nodeid == nodeid), None),
    )


def _format_summary(numbers: Summary) -> str:
    fields = {"last": numbers.last, "avg": numbers.avg, "min": numbers.min, "max": numbers.max}
    values = [f"{name} {format_duration(value)}" for name, value in fields.items() if value is not None]
    return "durations " + ", ".join([*values, f"attempts {numbers.count or 0:.0f}"])


def _write_attempts(attempts: Sequence[Attempt], config: Config) -> None:
    zone = load_zone(config.timezone)
    rows = [
        (
            format_time(each.timestamp, zone),
            each.outcome,
            _seconds(each.value),
            each.run,
            each.branch,
            _short(each.commit),
        )
        for each in attempts
    ]
    output.table(("when", "outcome", "duration (s)", "run", "branch", "commit"), rows, ("duration (s)",))


def _show_run(config: Config, details: Details, as_json: bool) -> None:
    if as_json:
        output.write_json(
            {**vars(details.run), **{name: value for name, value in vars(details).items() if name != "run"}}
        )
        return
    _write_runs([details.run], config)
    output.write_lines(*(f"the test process died while running {nodeid}" for nodeid in details.run.died_in or ()))
    labels = verdict_tables.labels(details.verdicts)
    for failure in details.failures:
        output.write_lines("", f"{failure.count} x {failure.exception or 'expired'}: {failure.message or ''}")
        output.write_lines(*verdict_tables.failing_lines(failure.tests, labels))
    if details.failing_left_out:
        output.write_lines("", f"and {details.failing_left_out} more failing tests")
    if details.base and details.changes:
        output.write_lines("", f"{phrases.compared_with(details.base.id)}: {_format_changes(details.changes)}")
    if details.verdicts and details.verdicts.over_budget:
        output.write_lines("", *verdict_tables.over_lines(details.verdicts.over_budget))
    output.write_lines("")
    if details.has_profile:
        of_run = sync_redis.run(ledger.read_ledger(config.namespace, details.run.id))
        output.write_lines(*finding_phrases.describe_ledger(of_run), "")
        _write_slowest("slowest tests", details.slowest)
    else:
        output.write_lines("No profile: the run is in progress, or its profile has expired.")


def _format_changes(changes: Changes) -> str:
    counts = {
        name.replace("_", " "): len(getattr(changes, name))
        for name in ("newly_failing", "fixed", "slower", "faster")
    }
    counts |= {"added": changes.added, "removed": changes.removed, "within noise": changes.noise}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no differences"


def slowest(
    fixtures: Annotated[bool, typer.Option("--fixtures/--tests", help="List fixtures or tests.")] = False,
    limit: Limit = 20,
    run: Annotated[str, typer.Option("--run", help="Run id; default: the newest run.", metavar="RUN")] = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """List the slowest tests or fixtures of a run.

    The typical duration is the median of earlier runs.
    """
    kind = "fixture" if fixtures else "test"
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        operation = (
            reading.read_run(config.namespace, run) if run else reading.read_newest_or_running(config.namespace)
        )
        selected = sync_redis.run(operation)
        items = sync_redis.run(run_details.read_slowest(config.namespace, selected, kind, limit))
    if as_json:
        output.write_json({"run": selected.id, "kind": kind, "items": items})
    else:
        output.write_lines(f"run {selected.id}{', in progress' if selected.status == 'running' else ''}", "")
        _write_slowest(f"slowest {kind}s", items)


def _write_slowest(title: str, items: Sequence[Slow]) -> None:
    rows = [
        (
            _seconds(slow.seconds),
            phrases.NO_HISTORY if slow.usual is None else _seconds(slow.usual),
            slow.name,
            slow.outcome or slow.scope,
        )
        for slow in items
    ]
    output.table(("now (s)", "typical (s)", title, ""), rows, ("now (s)", "typical (s)"))


def _seconds(value: float | None) -> str | None:
    return None if value is None else format_decimal_seconds(value)


def _short(commit: str | None, is_dirty: bool | None = False) -> str | None:
    """Return a short commit id, with a `+` if there were uncommitted changes."""
    return commit and commit[: verdict_tables.COMMIT_WIDTH] + ("+" if is_dirty else "")

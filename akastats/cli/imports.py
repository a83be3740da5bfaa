"""`akastats import`: create runs from JUnit XML reports."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import redis
from akastats.cli import output, project, targets
from akastats.cli.drain import update_indexes
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.cli.targets import Target
from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.spool_delivery import ExecuteAll
from akastats.errors import AkastatsError, ConfigError, ReportError
from akastats.extensions import load_redactors
from akastats.importers.junit.runs import Outline, RunFields, read_outline, write_spool
from akastats.importers.junit.times import parse_time
from akastats.redact import Redactor, create_redactor
from akastats.store import runs
from akastats.store.push import BATCH_LABELS
from akastats.store.requests import Operation

DAY_S = 86_400
_SUITE = re.compile(r"[A-Za-z0-9._-]{0,64}")
#: Maximum number of characters in a commit or branch, as for values from CI variables.
MAX_NAME = 500

Execute = Callable[[Operation[Any]], Any]


@dataclass(frozen=True)
class Imported:
    """Result of importing one run.

    reports: Paths of its reports.
    state: imported, known (imported before) or refused.
    run_id: Id of the run; empty if the reports could not be read.
    cases: Number of test cases.
    remark: Reason of a refusal, or numbers of unreadable values.
    repaired: Number of replaced characters that XML forbids.
    """

    reports: tuple[str, ...]
    state: str
    run_id: str = ""
    cases: int = 0
    remark: str = ""
    repaired: int = 0


@dataclass(frozen=True)
class Destination:
    """Server that runs are delivered to.

    config: Its configuration.
    execute: Executes one operation.
    execute_all: Executes several operations in one pipeline.
    """

    config: Config
    execute: Execute
    execute_all: ExecuteAll


Reports = Annotated[list[Path], typer.Argument(help="JUnit XML files.", metavar="REPORT")]
Branch = Annotated[str, typer.Option(help="Branch that was tested.")]
Commit = Annotated[str, typer.Option(help="Commit that was tested.")]
SuiteName = Annotated[
    str, typer.Option("--suite", help="Name of the suite; durations are compared within a suite.")
]
Started = Annotated[
    str,
    typer.Option(
        help="Start of the run if the report has none: 2026-11-25T08:30:00Z, or epoch seconds.",
        metavar="TIME",
    ),
]
OneRun = Annotated[
    bool, typer.Option("--one-run", help="Import all reports as one run; default: one run per report.")
]


def imports(
    reports: Reports,
    branch: Branch = "",
    commit: Commit = "",
    suite: SuiteName = "",
    started: Started = "",
    one_run: OneRun = False,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Import runs from JUnit XML reports.

    A report that was imported before is skipped.
    """
    options = _check_options(branch, commit, suite, started)
    target = targets.from_options(url, namespace, directory)
    groups = [tuple(reports)] if one_run else [(path,) for path in dict.fromkeys(reports)]
    results = _read_outlines(groups, options)
    # Import the oldest run first, so that each point is appended to its history.
    outlines = sorted((run for run in results if isinstance(run, Outline)), key=lambda run: run.started)
    outcomes = [refused for refused in results if isinstance(refused, Imported)]
    if outlines:
        outcomes += _import(outlines, options, target)
    _report(outcomes, as_json)
    if any(outcome.state == "refused" for outcome in outcomes):
        raise typer.Exit(1)


def _import(outlines: Sequence[Outline], options: RunFields, target: Target) -> list[Imported]:
    """Deliver runs to the server of a target, and update its indexes."""
    with targets.open_config(target, make=True) as config, redis.connect(config.redis_url) as client:
        execute_all = partial(redis.run_all, writer=client)
        destination = Destination(config, lambda operation: redis.run(operation, client, client), execute_all)
        outcomes = _deliver_all(outlines, options, destination)
        imported = [outcome.run_id for outcome in outcomes if outcome.state == "imported"]
        update_indexes(config, destination.execute, imported)
        return outcomes


def _check_options(branch: str, commit: str, suite: str, started: str) -> RunFields:
    if not _SUITE.fullmatch(suite):
        raise ConfigError(f"--suite: {suite!r} must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
    when = parse_time(started) if started else None
    if started and (when is None or when > time.time() + 300):
        raise ConfigError(f"--started: {started!r} is not a past time such as 2026-11-25T08:30:00Z")
    return RunFields(suite, branch[:MAX_NAME], commit[:MAX_NAME], when)


def _read_outlines(groups: Sequence[tuple[Path, ...]], options: RunFields) -> list[Outline | Imported]:
    results: list[Outline | Imported] = []
    with output.progress("reading", sum(map(_size, groups))) as advance:
        for paths in groups:
            try:
                results.append(read_outline(paths, options, advance))
            except ReportError as error:
                results.append(Imported(tuple(map(str, paths)), "refused", remark=str(error)))
    return results


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths if os.path.isfile(path))


def _deliver_all(outlines: Sequence[Outline], options: RunFields, destination: Destination) -> list[Imported]:
    """Deliver runs one after another; a failure does not affect the other runs."""
    patterns = (*destination.config.redact.splitlines(), *_patterns())
    redact = create_redactor(os.environ, patterns, load_redactors())
    with output.progress("importing", sum(run.cases for run in outlines)) as advance:
        return [_deliver(run, options, destination, redact, advance) for run in outlines]


def _patterns() -> list[str]:
    return project.find(targets.here()).options.get("akastats_redact", "").splitlines()


def _deliver(
    run: Outline, options: RunFields, destination: Destination, redact: Redactor, advance: Callable[[int], None]
) -> Imported:
    result = Imported(tuple(map(str, run.paths)), "imported", run.run_id, run.cases, repaired=run.repaired)
    try:
        if _is_imported(run, destination):
            return replace(result, state="known", remark=_repairs(run))
        if time.time() - run.started > destination.config.run_days * DAY_S:
            days = destination.config.run_days
            return replace(
                result,
                state="refused",
                remark=f"older than {days} days, the retention of runs (set another start with --started TIME)",
            )
        # The spool is temporary, because an interrupted import is repeated from the report.
        with tempfile.TemporaryDirectory(prefix="akastats-") as directory:
            state, remark = _deliver_spool(Path(directory), run, options, destination, redact, advance)
            return replace(result, state=state, remark=remark)
    except AkastatsError as error:
        return replace(result, state="refused", remark=str(error))


def _deliver_spool(
    directory: Path,
    run: Outline,
    options: RunFields,
    destination: Destination,
    redact: Redactor,
    advance: Callable[[int], None],
) -> tuple[str, str]:
    """Write the spool of a run and deliver it; return the state and a remark."""
    spooled = write_spool(directory, run, options, redact, lambda size: None)

    def execute_all(operations: Iterable[Operation[str]]) -> list[str]:
        return destination.execute_all(_with_progress(operations, advance))

    # Deliver old runs too: the run id shows whether one was delivered before.
    drained = drain_one(spooled.path, destination.config, destination.execute, force=True, execute_all=execute_all)
    if drained.problem or drained.left:
        return "refused", drained.problem or drained.left
    remarks = {"durations unreadable": spooled.unreadable, "points refused": drained.refused}
    counts = [f"{count} {noun}" for noun, count in remarks.items() if count]
    return "imported", ", ".join(filter(None, [_repairs(run), *counts]))


def _repairs(run: Outline) -> str:
    plural = "" if run.repaired == 1 else "s"
    return f"{run.repaired:,} character{plural} repaired" if run.repaired else ""


def _with_progress(
    operations: Iterable[Operation[str]], advance: Callable[[int], None]
) -> Iterator[Operation[str]]:
    """Yield the batches; advance the progress bar by the number of labels, about one per test."""
    for operation in operations:
        yield operation
        advance(BATCH_LABELS)


def _is_imported(run: Outline, destination: Destination) -> bool:
    """Return whether a run was imported before: it is stored and complete, or its spool has a cursor.

    The run id can differ between imports, because it begins with the file's time if the report has no time.
    """
    namespace = destination.config.namespace
    stored = destination.execute(runs.read_fields(namespace, [run.run_id], ("status",)))
    status = stored.get(run.run_id, {}).get("status")
    if status is None:
        return bool(destination.execute(runs.read_cursor(namespace, run.producer)) != "0")
    return bool(status not in runs.UNFINISHED)


def _report(outcomes: Sequence[Imported], as_json: bool) -> None:
    if as_json:
        output.write_json({"items": [asdict(outcome) for outcome in outcomes]})
        return
    rows = [(run.run_id, run.state, run.cases, _format_reports(run.reports), run.remark) for run in outcomes]
    output.table(("run", "state", "cases", "report", ""), rows, ("cases",))


def _format_reports(reports: Sequence[str]) -> str:
    return reports[0] if len(reports) == 1 else f"{reports[0]} and {len(reports) - 1} more"

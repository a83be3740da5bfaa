"""`akastats import`: runs out of the reports that a CI has kept."""

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
from akastats.cli import output, project, target
from akastats.cli.drain import update_lists
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.spool_delivery import ExecuteAll
from akastats.errors import AkastatsError, ConfigError, ReportError
from akastats.importers.junit.runs import Outline, RunFields, read_outline, write_spool
from akastats.importers.junit.times import parse_time
from akastats.redact import Redactor, create_redactor
from akastats.store import runs
from akastats.store.push import BATCH_LABELS
from akastats.store.requests import Operation

DAY_S = 86_400
_SUITE = re.compile(r"[A-Za-z0-9._-]{0,64}")
#: Of a commit or branch no more is kept of what a CI says either.
MAX_NAME = 500

Carry = Callable[[Operation[Any]], Any]


@dataclass(frozen=True)
class Imported:
    """Result of importing the reports of one run: `state` of imported, known (since earlier), refused.

    `repaired` counts characters that XML forbids and that were replaced.
    """

    reports: tuple[str, ...]
    state: str
    run_id: str = ""
    cases: int = 0
    remark: str = ""
    repaired: int = 0


@dataclass(frozen=True)
class Place:
    """Where runs are delivered."""

    config: Config
    execute: Carry
    execute_all: ExecuteAll


def imports(
    reports: Annotated[list[Path], typer.Argument(help="Files of JUnit XML.", metavar="REPORT.xml ...")],
    branch: Annotated[str, typer.Option(help="The branch that was tested.")] = "",
    commit: Annotated[str, typer.Option(help="The commit that was tested.")] = "",
    suite: Annotated[str, typer.Option("--suite", help="The name of the job: its durations are its own.")] = "",
    started: Annotated[
        str,
        typer.Option(
            help="When the run began, if the report does not say: 2026-11-25T08:30:00Z, or epoch seconds.",
            metavar="TIME",
        ),
    ] = "",
    one_run: Annotated[
        bool, typer.Option("--one-run", help="All reports are of one run; default: each is a run of its own.")
    ] = False,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Read reports in JUnit XML into runs; what was read before is not counted again."""
    given = _given(branch, commit, suite, started)
    chosen = target.of_options(url, namespace, directory)
    groups = [tuple(reports)] if one_run else [(path,) for path in dict.fromkeys(reports)]
    found = _outlined(groups, given)
    outlines = sorted((run for run in found if isinstance(run, Outline)), key=lambda run: run.started)
    outcomes = [refused for refused in found if isinstance(refused, Imported)]
    if outlines:
        with target.opened(chosen, make=True) as config, redis.connect(config.redis_url) as client:
            execute_all = partial(redis.run_all, writer=client)
            place = Place(config, lambda operation: redis.run(operation, client, client), execute_all)
            # Oldest first, so that each point joins its history at the end.
            delivered = _delivered(outlines, given, place)
            imported = [outcome.run_id for outcome in delivered if outcome.state == "imported"]
            update_lists(config, place.execute, imported)
            outcomes += delivered
    _report(outcomes, as_json)
    if any(outcome.state == "refused" for outcome in outcomes):
        raise typer.Exit(1)


def _given(branch: str, commit: str, suite: str, started: str) -> RunFields:
    if not _SUITE.fullmatch(suite):
        raise ConfigError(f"--suite: {suite!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    when = parse_time(started) if started else None
    if started and (when is None or when > time.time() + 300):
        raise ConfigError(f"--started: {started!r} is no past time such as 2026-11-25T08:30:00Z")
    return RunFields(suite, branch[:MAX_NAME], commit[:MAX_NAME], when)


def _outlined(groups: Sequence[tuple[Path, ...]], given: RunFields) -> list[Outline | Imported]:
    found: list[Outline | Imported] = []
    with output.progress("reading", sum(map(_size, groups))) as advance:
        for paths in groups:
            try:
                found.append(read_outline(paths, given, advance))
            except ReportError as error:
                found.append(Imported(tuple(map(str, paths)), "refused", remark=str(error)))
    return found


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths if os.path.isfile(path))


def _delivered(outlines: Sequence[Outline], given: RunFields, place: Place) -> list[Imported]:
    """Deliver runs one after another; what one costs another is nothing."""
    patterns = (*place.config.redact.splitlines(), *_patterns())
    redact = create_redactor(os.environ, patterns)
    with output.progress("importing", sum(run.cases for run in outlines)) as advance:
        return [_deliver(run, given, place, redact, advance) for run in outlines]


def _patterns() -> list[str]:
    return project.find(target.here()).options.get("akastats_redact", "").splitlines()


def _deliver(
    run: Outline, given: RunFields, place: Place, redact: Redactor, advance: Callable[[int], None]
) -> Imported:
    told = Imported(tuple(map(str, run.paths)), "imported", run.run_id, run.cases, repaired=run.repaired)
    try:
        if _is_known(run, place):
            return replace(told, state="known", remark=_repairs(run))
        if time.time() - run.started > place.config.run_days * DAY_S:
            days = place.config.run_days
            return replace(
                told,
                state="refused",
                remark=f"older than the {days} days that runs are kept (--started TIME dates it anew)",
            )
        # Not among the spools of the project: the report itself is what an import that breaks off begins with.
        with tempfile.TemporaryDirectory(prefix="akastats-") as directory:
            state, remark = _spooled(Path(directory), run, given, place, redact, advance)
            return replace(told, state=state, remark=remark)
    except AkastatsError as error:
        return replace(told, state="refused", remark=str(error))


def _spooled(
    directory: Path,
    run: Outline,
    given: RunFields,
    place: Place,
    redact: Redactor,
    advance: Callable[[int], None],
) -> tuple[str, str]:
    """Write a run's spool, deliver it, and return what became of it, and a remark."""
    spooled = write_spool(directory, run, given, redact, lambda size: None)

    def execute_all(operations: Iterable[Operation[str]]) -> list[str]:
        return place.execute_all(_counted(operations, advance))

    # By force: how old a run is says nothing here, since its name tells whether it was delivered.
    drained = drain_one(spooled.path, place.config, place.execute, force=True, execute_all=execute_all)
    if drained.problem or drained.left:
        return "refused", drained.problem or drained.left
    remarks = {"durations unreadable": spooled.unreadable, "points refused": drained.refused}
    counts = [f"{count} {what}" for what, count in remarks.items() if count]
    return "imported", ", ".join(filter(None, [_repairs(run), *counts]))


def _repairs(run: Outline) -> str:
    plural = "" if run.repaired == 1 else "s"
    return f"{run.repaired:,} character{plural} repaired" if run.repaired else ""


def _counted(operations: Iterable[Operation[str]], advance: Callable[[int], None]) -> Iterator[Operation[str]]:
    """Yield batches, and tell of each how many tests are in it: a label each, but for a few."""
    for operation in operations:
        yield operation
        advance(BATCH_LABELS)


def _is_known(run: Outline, place: Place) -> bool:
    """Whether a run has been delivered: it is there and over, or its spool is known from a run of another id.

    The id begins with the time, which may be the file's.
    """
    namespace = place.config.namespace
    stored = place.execute(runs.read_fields(namespace, [run.run_id], ("status",)))
    status = stored.get(run.run_id, {}).get("status")
    if status is None:
        return bool(place.execute(runs.read_cursor(namespace, run.producer)) != "0")
    return bool(status not in runs.UNFINISHED)


def _report(outcomes: Sequence[Imported], as_json: bool) -> None:
    if as_json:
        output.write_json({"items": [asdict(outcome) for outcome in outcomes]})
        return
    rows = [(run.run_id, run.state, run.cases, _shown(run.reports), run.remark) for run in outcomes]
    output.table(("run", "state", "cases", "report", ""), rows, ("cases",))


def _shown(reports: Sequence[str]) -> str:
    return reports[0] if len(reports) == 1 else f"{reports[0]} and {len(reports) - 1} more"

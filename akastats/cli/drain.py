"""`akastats drain`: deliver the runs that are still in spools."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import config as configuration
from akastats import embedded, redis
from akastats.cli import output, spools, targets
from akastats.cli.options import Directory, Json, Namespace
from akastats.cli.spools import EMBEDDED, Destination, Spool
from akastats.cli.targets import Target
from akastats.config import Config
from akastats.delivery.analysing import analyse_late_runs
from akastats.delivery.draining import Drained, drain_one, tidy
from akastats.delivery.indexing import refresh
from akastats.delivery.spool_delivery import UNSOUND, ExecuteAll
from akastats.errors import AkastatsError, EmbeddedError
from akastats.formatting import escape_unprintable
from akastats.store import runs
from akastats.store.indexes import MAX_OTHERS
from akastats.store.requests import Operation
from akastats.store.server import identify

Execute = Callable[[Operation[Any]], Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Result of delivering one spool.

    destination: Server of the spool.
    drained: Counts and problems of the delivery.
    was_known: Whether the run was stored completely before.
    """

    destination: Destination
    drained: Drained
    was_known: bool = False


SpoolDirectory = Annotated[
    Path | None,
    typer.Argument(
        help="Spool directory, .akastats directory or project; default: the current project.", metavar="DIR"
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        help="Deliver to this server instead of the one in the spools: a URL, or embedded:DIR.",
        metavar="URL",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Also deliver runs older than 21 days; runs that were delivered before count twice."
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Start embedded servers in other directories without confirmation.")
]


def drain(
    path: SpoolDirectory = None,
    to: To = "",
    force: Force = False,
    yes: Yes = False,
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Deliver undelivered runs to their servers.

    A spool is deleted one day after its delivery. Until then it is delivered again if the server was restored from
    older data. No run is counted twice.
    """
    _check_destination(to)
    configured = targets.from_options("", namespace, directory)
    is_named = path is not None
    here = targets.here()
    directories = spools.directories_of(here / path) if path else spools.directories(configured.directory)
    pending = spools.list_spools(directories, force, is_named)
    for obstacle in () if is_named else spools.obstacles(configured.directory):
        output.warn(obstacle)
    groups = _group_by_destination(pending, configured, to, namespace)
    outcomes: list[Outcome] = []
    with output.progress("delivering", len(pending)) as advance:
        for destination, group in groups.items():
            refusal = "" if to or yes else _refusal(destination, configured)
            if refusal:
                outcomes += _failed_outcomes(group, destination, refusal)
            else:
                outcomes += deliver(group, destination, configured, force, advance, is_named)
    _finish(directories, outcomes, as_json)


def _finish(directories: Sequence[Path], outcomes: Sequence[Outcome], as_json: bool) -> None:
    """Delete delivered spools and report the outcomes; the exit code is 1 if a run was not delivered."""
    drained = [outcome.drained for outcome in outcomes]
    for directory in directories:
        tidy(directory, drained, time.time)
    _report(outcomes, as_json)
    if any(each.problem or each.left for each in drained):
        raise typer.Exit(1)


def _check_destination(to: str) -> None:
    if to and not to.startswith(EMBEDDED):
        configuration.check_redis_url("--to", to)


def _refusal(destination: Destination, configured: Target) -> str:
    """Return the reason not to start the embedded server of a destination; empty if it can be started.

    A spool is untrusted and can name any directory of this machine.
    """
    if not destination.server.startswith(EMBEDDED) or destination.server == f"{EMBEDDED}{configured.directory}":
        return ""
    directory = destination.server.removeprefix(EMBEDDED)
    question = f"Undelivered runs need the embedded server in {directory}, which is another project. Start it?"
    if sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(escape_unprintable(question), err=True):
        return ""
    return (
        f"recorded for the embedded server in {directory}, which belongs to another project. "
        f"Start it with --yes, or choose another server with --to URL or --to embedded:DIR"
    )


def _failed_outcomes(group: Sequence[Spool], destination: Destination, problem: str) -> list[Outcome]:
    return [Outcome(destination, Drained(spool.path, spool.run_id, problem=problem)) for spool in group]


def _group_by_destination(
    pending: Sequence[Spool], configured: Target, to: str, namespace: str
) -> dict[Destination, list[Spool]]:
    """Group spools by destination: the --to option, else the spool's header, else the configured server."""
    default = spools.destination_of(configured)
    groups: dict[Destination, list[Spool]] = {}
    for spool in pending:
        server = to or spool.destination.server or default.server
        space = namespace or spool.destination.namespace or default.namespace
        groups.setdefault(Destination(server, space), []).append(spool)
    return groups


def deliver(
    group: Sequence[Spool],
    destination: Destination,
    configured: Target,
    force: bool = False,
    advance: Callable[[int], object] = int,
    is_named: bool = False,
) -> list[Outcome]:
    """Deliver the spools of one destination; the `problem` of an outcome is the reason of a failure.

    is_named: whether the user named the spools or their directory; then their owner is not checked
    """
    outcomes = []
    try:
        with _connect(destination, configured) as (config, execute, execute_all):
            for spool in group:
                before = _progress(spool, config, execute)
                drained = drain_one(
                    spool.path, config, execute, force=force, execute_all=execute_all, is_named=is_named
                )
                was_known = drained.complete and before is not None and before == _progress(spool, config, execute)
                outcomes.append(Outcome(destination, drained, was_known))
                advance(1)
            complete = [outcome.drained for outcome in outcomes if outcome.drained.complete]
            update_indexes(config, execute, [drained.run_id for drained in complete])
            return outcomes
    except AkastatsError as error:
        return _failed_outcomes(group, destination, str(error))


def _progress(spool: Spool, config: Config, execute: Execute) -> tuple[str, str] | None:
    """Return the cursor of a spool and the status of its run; `None` if they cannot be read."""
    try:
        cursor = execute(runs.read_cursor(config.namespace, spool.producer))
        fields = execute(runs.read_fields(config.namespace, [spool.run_id], ("status",)))
    except (AkastatsError, *UNSOUND):
        # The delivery reports the error.
        return None
    return cursor, fields[spool.run_id].get("status", "")


def update_indexes(config: Config, execute: Execute, run_ids: Sequence[str]) -> None:
    """Update the indexes and analyse the newest of these runs; the next delivery repeats a failed update."""
    try:
        for at in range(0, len(run_ids), MAX_OTHERS):
            execute(refresh(config, run_ids[at : at + MAX_OTHERS]))
    except AkastatsError as error:
        output.warn(f"runs are delivered, but the indexes are not updated yet: {error}")
    except UNSOUND as error:
        # Other servers are not affected, so their spools are still delivered.
        output.warn(
            "runs are delivered, but the indexes are not updated: "
            f"stored data is corrupt ({type(error).__name__}: {error})"
        )
    for hook_error in analyse_late_runs(config, execute, run_ids):
        output.warn(hook_error)


@contextmanager
def _connect(destination: Destination, configured: Target) -> Iterator[tuple[Config, Execute, ExecuteAll]]:
    """Connect to a destination and yield its configuration and executors; raises `AkastatsError` on failure."""
    with _url(destination.server, configured) as url:
        settings = dataclasses.replace(configured.config, redis_url=url, namespace=destination.namespace)
        with redis.connect(url) as client:

            def execute(operation: Operation[Any]) -> Any:
                return redis.run(operation, client, client)

            execute(identify())
            yield settings, execute, partial(redis.run_all, writer=client)


@contextmanager
def _url(server: str, configured: Target) -> Iterator[str]:
    """Yield a server's URL, with credentials if the server is configured; start an embedded server."""
    if server.startswith(EMBEDDED):
        with _lease(Path(server.removeprefix(EMBEDDED))) as lease:
            yield lease.url
    elif server == spools.destination_of(configured).server:
        yield configured.config.redis_url
    else:
        yield server


def _lease(directory: Path) -> embedded.Lease:
    directory = targets.here() / directory
    if not directory.parent.is_dir():
        raise EmbeddedError(
            f"recorded for the embedded server in {directory}, which does not exist on this machine. "
            "Choose a server with --to URL or --to embedded:DIR"
        )
    return embedded.use(directory)


def _report(outcomes: Sequence[Outcome], as_json: bool) -> None:
    if as_json:
        output.write_json({"items": list(map(_outcome_json, outcomes))})
        return
    others = [outcome for outcome in outcomes if not outcome.was_known]
    if others:
        output.table(("run", "tests", "state", "", "server"), list(map(_row, others)), ("tests",))
    # Copies of one spool belong to the same run.
    delivered_before = {outcome.drained.run_id for outcome in outcomes if outcome.was_known}
    output.write_lines(*_summary_lines(len(delivered_before), bool(others)))
    for outcome in others:
        drained = outcome.drained
        if drained.problem or drained.left:
            output.warn(f"{drained.path}: {drained.problem or drained.left}")


def _summary_lines(delivered_before: int, has_others: bool) -> Iterator[str]:
    """Yield a line about runs that were delivered before, or about missing spools."""
    if delivered_before:
        noun = "run was" if delivered_before == 1 else "runs were"
        line = f"{delivered_before} {noun} delivered before; a spool is deleted one day after its delivery."
        yield line if has_others else f"No undelivered runs. {line}"
    elif not has_others:
        yield "No undelivered runs."


def _row(outcome: Outcome) -> tuple[object, ...]:
    drained = outcome.drained
    name, server = drained.run_id or drained.path.name, _display_server(outcome.destination.server)
    return (name, drained.tests, _state(drained), _remarks(drained), server)


def _display_server(server: str) -> str:
    # The URL of --to may contain a password.
    return server if server.startswith(EMBEDDED) else configuration.remove_credentials(server)


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    drained, destination = outcome.drained, outcome.destination
    fields = dataclasses.asdict(drained) | {"path": str(drained.path), "state": _state(drained)}
    server = {"server": _display_server(destination.server), "namespace": destination.namespace}
    return {**fields, "was_known": outcome.was_known, **server}


def _state(drained: Drained) -> str:
    if drained.problem or drained.left:
        return "waits" if drained.problem else "left"
    return "delivered" if drained.complete else "running"


def _remarks(drained: Drained) -> str:
    """Return remarks: damaged and refused records, and the tests in which the process died."""
    remarks = []
    if drained.damaged:
        remarks.append(f"{drained.damaged} damaged lines skipped")
    if drained.refused:
        remarks.append(f"{drained.refused} points refused, see {drained.path.name}.refused")
    if drained.complete and drained.unfinished:
        more = f" and {len(drained.unfinished) - 1} more" if len(drained.unfinished) > 1 else ""
        remarks.append(f"the test process died while running {drained.unfinished[0]}{more}")
    return "; ".join(remarks)

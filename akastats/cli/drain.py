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
from akastats.cli import output, spools, target
from akastats.cli.options import Directory, Json, Namespace
from akastats.cli.spools import EMBEDDED, Destination, Spool
from akastats.cli.target import Target
from akastats.config import Config
from akastats.delivery.analysing import judge_late
from akastats.delivery.draining import Drained, drain_one, tidy
from akastats.delivery.indexing import refresh
from akastats.delivery.spool_delivery import UNSOUND, ExecuteAll
from akastats.errors import AkastatsError, EmbeddedError
from akastats.formatting import escape_unprintable
from akastats.store import runs
from akastats.store.indexes import ORPHANS
from akastats.store.requests import Operation
from akastats.store.server import identify

Carry = Callable[[Operation[Any]], Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one spool, where it goes; `was_known`: all of it was there before."""

    destination: Destination
    drained: Drained
    was_known: bool = False


def drain(
    place: Annotated[
        Path | None,
        typer.Argument(help="A spool directory, a .akastats, or a project; default: this one.", metavar="[DIR]"),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to", help="Deliver there, whatever the spools say: a URL, or embedded:DIR.", metavar="URL"
        ),
    ] = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Deliver runs of more than 21 days ago too: those delivered before count double."
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Start embedded servers in other directories too, if spools name them."),
    ] = False,
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Deliver what waits in spools, each to the server that it was recorded for.

    A spool is kept for a day after it was delivered, for a server that comes back from older data: then it is
    delivered again, and nothing else is delivered twice.
    """
    _check_destination(to)
    configured = target.of_options("", namespace, directory)
    is_named = place is not None
    places = spools.directories_of(target.here() / place) if place else spools.directories(configured.directory)
    found = spools.here(places, force, is_named)
    for obstacle in () if is_named else spools.obstacles(configured.directory):
        output.warn(obstacle)
    outcomes: list[Outcome] = []
    with output.progress("delivering", len(found)) as advance:
        for destination, group in _grouped(found, configured, to, namespace).items():
            refusal = "" if to or yes else _refusal(destination, configured)
            if refusal:
                outcomes += _undelivered(group, destination, refusal)
            else:
                outcomes += deliver(group, destination, configured, force, advance, is_named)
    drained = [outcome.drained for outcome in outcomes]
    for place in places:
        tidy(place, drained, time.time)
    _report(outcomes, as_json)
    if any(each.problem or each.left for each in drained):
        raise typer.Exit(1)


def _check_destination(to: str) -> None:
    if to and not to.startswith(EMBEDDED):
        configuration.check_redis_url("--to", to)


def _refusal(destination: Destination, configured: Target) -> str:
    """Return why no server may be started for a destination that only a spool names; empty if one may.

    A spool may come from anywhere, and name any directory of this machine.
    """
    if not destination.server.startswith(EMBEDDED) or destination.server == f"{EMBEDDED}{configured.directory}":
        return ""
    directory = destination.server.removeprefix(EMBEDDED)
    question = f"Runs wait for an embedded server in {directory}, which is another project's. Start it?"
    if sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(escape_unprintable(question), err=True):
        return ""
    return (
        f"recorded for the embedded server in {directory}, which is not this project's: "
        f"--yes starts a server there, --to URL or --to embedded:DIR names another"
    )


def _undelivered(group: Sequence[Spool], destination: Destination, problem: str) -> list[Outcome]:
    return [Outcome(destination, Drained(spool.path, spool.run_id, problem=problem)) for spool in group]


def _grouped(
    found: Sequence[Spool], configured: Target, to: str, namespace: str
) -> dict[Destination, list[Spool]]:
    """Return spools by where they go: what is asked for, else what they name, else what is configured."""
    default = spools.named(configured)
    grouped: dict[Destination, list[Spool]] = {}
    for spool in found:
        server = to or spool.destination.server or default.server
        space = namespace or spool.destination.namespace or default.namespace
        grouped.setdefault(Destination(server, space), []).append(spool)
    return grouped


def deliver(
    group: Sequence[Spool],
    destination: Destination,
    configured: Target,
    force: bool = False,
    advance: Callable[[int], object] = int,
    is_named: bool = False,
) -> list[Outcome]:
    """Deliver spools of one destination; the `problem` of each tells why it was not delivered.

    `is_named`: the user has named the spools or their directory, so they are read whoever owns them.
    """
    outcomes = []
    try:
        with _connected(destination, configured) as (config, execute, execute_all):
            for spool in group:
                stood = _stands(spool, config, execute)
                drained = drain_one(
                    spool.path, config, execute, force=force, execute_all=execute_all, is_named=is_named
                )
                was_known = drained.complete and stood is not None and stood == _stands(spool, config, execute)
                outcomes.append(Outcome(destination, drained, was_known))
                advance(1)
            complete = [outcome.drained for outcome in outcomes if outcome.drained.complete]
            update_lists(config, execute, [drained.run_id for drained in complete])
            return outcomes
    except AkastatsError as error:
        return _undelivered(group, destination, str(error))


def _stands(spool: Spool, config: Config, execute: Carry) -> tuple[str, str] | None:
    """Return how far a spool is applied and what its run is; `None` where nobody knows."""
    try:
        cursor = execute(runs.read_cursor(config.namespace, spool.producer))
        told = execute(runs.read_fields(config.namespace, [spool.run_id], ("status",)))
    except (AkastatsError, *UNSOUND):
        # As it is delivered all that is wrong with it is told.
        return None
    return cursor, told[spool.run_id].get("status", "")


def update_lists(config: Config, execute: Carry, run_ids: Sequence[str]) -> None:
    """Bring lists up to date and judge the newest runs; what is not listed now the next delivery lists."""
    try:
        for at in range(0, len(run_ids), ORPHANS):
            execute(refresh(config, run_ids[at : at + ORPHANS]))
    except AkastatsError as error:
        output.warn(f"delivered, but not listed yet: {error}")
    except UNSOUND as error:
        # They stay noted as not listed. The other servers' spools are waiting.
        output.warn(
            f"delivered, but not listed: no sense can be made of what is there ({type(error).__name__}: {error})"
        )
    judge_late(config, execute, run_ids)


@contextmanager
def _connected(destination: Destination, configured: Target) -> Iterator[tuple[Config, Carry, ExecuteAll]]:
    """Yield what is needed to deliver to a destination that answers; raises `AkastatsError` if it does not."""
    with _url(destination.server, configured) as url:
        settings = dataclasses.replace(configured.config, redis_url=url, namespace=destination.namespace)
        with redis.connect(url) as client:

            def execute(operation: Operation[Any]) -> Any:
                return redis.run(operation, client, client)

            execute(identify())
            yield settings, execute, partial(redis.run_all, writer=client)


@contextmanager
def _url(server: str, configured: Target) -> Iterator[str]:
    """Yield a server's URL, with the credentials that are configured for it, an embedded one started."""
    if server.startswith(EMBEDDED):
        with _lease(Path(server.removeprefix(EMBEDDED))) as lease:
            yield lease.url
    elif server == spools.named(configured).server:
        yield configured.config.redis_url
    else:
        yield server


def _lease(directory: Path) -> embedded.Lease:
    directory = target.here() / directory
    if not directory.parent.is_dir():
        raise EmbeddedError(
            f"recorded for the embedded server in {directory}, which is not on this machine: "
            "name a server with --to URL or --to embedded:DIR"
        )
    return embedded.use(directory)


def _report(outcomes: Sequence[Outcome], as_json: bool) -> None:
    if as_json:
        output.write_json({"items": list(map(_item, outcomes))})
        return
    told = [outcome for outcome in outcomes if not outcome.was_known]
    if told:
        output.table(("run", "tests", "state", "", "server"), list(map(_row, told)), ("tests",))
    # A run can lie in several files: copies of one spool are one run.
    known = {outcome.drained.run_id for outcome in outcomes if outcome.was_known}
    output.say(*_known_lines(len(known), bool(told)))
    for outcome in told:
        drained = outcome.drained
        if drained.problem or drained.left:
            output.warn(f"{drained.path}: {drained.problem or drained.left}")


def _known_lines(known: int, has_others: bool) -> Iterator[str]:
    """Yield a line on what there is beside what was delivered now."""
    if known:
        were = "run was" if known == 1 else "runs were"
        kept = f"{known} {were} delivered before; a spool is kept for a day then."
        yield kept if has_others else f"Nothing waits: {kept}"
    elif not has_others:
        yield "No spools: nothing waits."


def _row(outcome: Outcome) -> tuple[object, ...]:
    drained = outcome.drained
    name, server = drained.run_id or drained.path.name, _shown(outcome.destination.server)
    return (name, drained.tests, _state(drained), _remarks(drained), server)


def _shown(server: str) -> str:
    # What --to was given may hold a password.
    return server if server.startswith(EMBEDDED) else configuration.remove_credentials(server)


def _item(outcome: Outcome) -> dict[str, Any]:
    drained, destination = outcome.drained, outcome.destination
    told = dataclasses.asdict(drained) | {"path": str(drained.path), "state": _state(drained)}
    where = {"server": _shown(destination.server), "namespace": destination.namespace}
    return {**told, "was_known": outcome.was_known, **where}


def _state(drained: Drained) -> str:
    if drained.problem or drained.left:
        return "waits" if drained.problem else "left"
    return "delivered" if drained.complete else "running"


def _remarks(drained: Drained) -> str:
    """Return what did not come through, and in which test a run died."""
    remarks = []
    if drained.damaged:
        remarks.append(f"{drained.damaged} damaged lines left out")
    if drained.refused:
        remarks.append(f"{drained.refused} points refused, see {drained.path.name}.refused")
    if drained.complete and drained.unfinished:
        more = f" and {len(drained.unfinished) - 1} more" if len(drained.unfinished) > 1 else ""
        remarks.append(f"died in {drained.unfinished[0]}{more}")
    return "; ".join(remarks)

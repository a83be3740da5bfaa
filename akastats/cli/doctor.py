"""`akastats doctor`: what there is, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from akastats.cli import output, spools, target
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.cli.spools import Spool
from akastats.cli.target import Target
from akastats.config import Config
from akastats.embedded import binary, clock_jumps
from akastats.errors import AkastatsError, NotFoundError
from akastats.queries.quarantine import patterns_without_effect
from akastats.redis import sync_redis
from akastats.store import query, runs
from akastats.store.server import NO_EVICTION, Health, identify_single, read_health
from akastats.triage.quarantine_rules import protects_nothing


@dataclass
class Report:
    """What was found; `server` is `None` while there is none to ask."""

    namespace: str
    where: str
    source: str
    server: Health | None = None
    binaries: list[str] = field(default_factory=list)
    spools: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    labels_added: int | None = None


Reindex = Annotated[
    bool,
    typer.Option("--reindex", help="Scan the whole keyspace for labels that are not listed, and list them."),
]


def doctor(
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
    reindex: Reindex = False,
) -> None:
    """Say which server is used, how it keeps data, which spools wait, and what is wrong."""
    chosen = target.of_options(url, namespace, directory)
    report = Report(chosen.config.namespace, chosen.shown, chosen.source)
    found = spools.here(spools.directories(chosen.directory))
    used, delivered = _ask_server(chosen, found, report, reindex)
    _look_at_spools(chosen, found, delivered, report)
    report.problems += spools.obstacles(chosen.directory)
    report.notes += _moved_aside(used)
    _look_for_binaries(chosen, report)
    if as_json:
        output.write_json(report)
    else:
        _write(report)
    if report.problems:
        raise typer.Exit(1)


def _ask_server(
    chosen: Target, found: Sequence[Spool], report: Report, reindex: bool
) -> tuple[Target, frozenset[Path]]:
    """Note the server's health; return the target really used, and the paths of the delivered spools."""
    used = chosen
    try:
        with target.located(chosen) as used:
            report.where = used.shown
            _examine(used.config, report, reindex)
            return used, _delivered(used.config, found)
    except NotFoundError as error:
        report.notes.append(str(error))
    except AkastatsError as error:
        report.problems.append(str(error))
    return used, frozenset()


def _examine(config: Config, report: Report, reindex: bool) -> None:
    report.server = sync_redis.run(read_health())
    report.problems += problems_of(report.server)
    report.notes += notes_of(config.redis_url, report.server)
    sync_redis.run(identify_single(config.namespace))
    if reindex:
        report.labels_added = sync_redis.run(query.reindex(config.namespace))
    patterns = sync_redis.run(patterns_without_effect(config.namespace, config.protected))
    report.notes += map(protects_nothing, patterns)


def _delivered(config: Config, found: Sequence[Spool]) -> frozenset[Path]:
    """Return the paths of the spools whose run is stored completely, or was before the server evicted it."""
    ids = [spool.run_id for spool in found if spool.run_id]
    stored = sync_redis.run(runs.read_fields(config.namespace, ids, ("status",)))
    statuses = {run_id: values.get("status", "") for run_id, values in stored.items()}
    return frozenset(
        spool.path
        for spool in found
        if spool.run_id and (statuses[spool.run_id] not in ("", "running") or _is_applied(config, spool))
    )


def _is_applied(config: Config, spool: Spool) -> bool:
    """Return whether the server's cursor is at the end of a spool: `akastats drain` delivers nothing of it."""
    cursor = sync_redis.run(runs.read_cursor(config.namespace, spool.producer))
    if cursor == "0" or not cursor.isdecimal():
        return False
    end = spools.end_of(spool.path)
    return end is not None and int(cursor) >= end


def problems_of(health: Health) -> list[str]:
    """Return what is wrong with how a server keeps data."""
    found = []
    if health.version_numbers < (6, 2):
        found.append(f"{health.kind} {health.version} is too old: at least 6.2 is needed")
    if health.evicted_keys or (health.max_memory and health.eviction not in (NO_EVICTION, "unknown")):
        found.append(_eviction(health))
    if health.persistence == "none":
        found.append("the server keeps nothing on disk: statistics are gone when it restarts")
    if health.write_error:
        found.append("the server could not write its data to disk the last time it tried: see its log")
    return found


def _eviction(health: Health) -> str:
    dropped = f"has dropped {health.evicted_keys} keys" if health.evicted_keys else "may drop keys"
    return (
        f"the server {dropped} (maxmemory-policy is {health.eviction}): history is lost, and the numbers of a "
        "label may not agree any more. Set maxmemory-policy to noeviction, or use a server of its own"
    )


# The first of each line in which the known ways out of Lua are closed: CVE-2025-49844, CVE-2026-23631.
FIRST_MENDED: dict[str, dict[tuple[int, int], int]] = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 9, (8, 0): 4, (8, 2): 6, (8, 4): 3, (8, 6): 3},
    "valkey": {(7, 2): 13, (8, 0): 9, (8, 1): 7, (9, 0): 4},
}


def notes_of(url: str, health: Health) -> list[str]:
    """Return what is unwise about a server and the way to it, though nothing is lost by it."""
    parts = urlsplit(url)
    found = []
    if parts.hostname and not _is_loopback(parts.hostname):
        if parts.scheme == "redis":
            found.append("what is sent to the server can be read on its way: use rediss:// where it knows TLS")
        if not parts.password:
            found.append("the server asks for no password: whoever reaches it reads and changes statistics")
    if health.eviction not in (NO_EVICTION, "unknown") and not health.max_memory and not health.evicted_keys:
        found.append(
            f"maxmemory-policy is {health.eviction}: with a maxmemory, the server drops keys. Set noeviction"
        )
    mended = _first_mended(health)
    if mended:
        told = f"{health.kind} {health.version} has known security holes in Lua"
        found.append(f"{told}: use {mended} or later, unless your distribution has mended it")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _first_mended(health: Health) -> str:
    """Return the first version that lacks a server's known holes, empty if it is none older."""
    lines, numbers = FIRST_MENDED[health.kind], health.version_numbers
    line = min((each for each in lines if each >= numbers[:2]), default=None)
    if line is None or (line == numbers[:2] and numbers[2:] >= (lines[line],)):
        return ""
    return f"{line[0]}.{line[1]}.{lines[line]}"


def _look_at_spools(chosen: Target, found: Sequence[Spool], delivered: Set[Path], report: Report) -> None:
    ours = spools.named(chosen)
    for spool in found:
        destination = spool.destination
        is_ours = destination.server in ("", ours.server) and destination.namespace in ("", ours.namespace)
        state = _state(spool, delivered if is_ours and report.server else None)
        told = {"path": str(spool.path), "run": spool.run_id, "state": state, "server": destination.server}
        report.spools.append(told)
    waiting = sum(told["state"] == "waits" for told in report.spools)
    unreadable = sum(told["state"] == "unreadable" for told in report.spools)
    report.problems += [
        f"a spool is not read, and may hold a run: {spool.problem}" for spool in found if spool.problem
    ]
    if waiting:
        report.problems.append(f"{waiting} spools wait: `akastats drain` delivers them")
    if unreadable:
        report.notes.append(f"{unreadable} spools hold nothing that can be read: they can be removed")


def _state(spool: Spool, delivered: Set[Path] | None) -> str:
    """Return `delivered`, `running`, `waits`, `unreadable` for one that holds nothing, or `unknown`.

    That is one whose server was not asked, or that may not be read.
    """
    if spool.problem:
        return "unknown"
    if not spool.run_id:
        return "unreadable"
    if spool.is_running:
        return "running"
    if delivered is None:
        return "unknown"
    return "delivered" if spool.path in delivered else "waits"


def _moved_aside(used: Target) -> list[str]:
    """Return a line for each history that was moved aside or copied, with the command that adds its runs."""
    if not os.access(used.directory, os.X_OK):
        return []
    home = used.directory / "server"
    damaged = [
        f"a history was moved aside: `akastats merge {path}` adds its runs"
        for path in sorted(home.glob("damaged-*"))
    ]
    return damaged + [
        f"a history was copied before the clock went ahead: "
        f"if that clock was wrong, `akastats merge {path}` adds its runs"
        for path in clock_jumps.list_copies(home)
    ]


def _look_for_binaries(chosen: Target, report: Report) -> None:
    try:
        for found in binary.find_candidates(os.environ):
            report.binaries.append(f"{found.path} ({'.'.join(map(str, found.version))})")
    except AkastatsError as error:
        # Who has a server of their own needs no program.
        (report.problems if chosen.is_embedded else report.notes).append(str(error))


def _write(report: Report) -> None:
    server = report.server
    output.say(f"server     {report.where} ({report.source}), namespace {report.namespace}")
    if server:
        output.say(f"           {server.kind} {server.version}, {server.memory_bytes / 2**20:.1f} MiB used")
        output.say(f"           persistence {server.persistence}, eviction {server.eviction}")
    if report.labels_added is not None:
        output.say(f"labels     {report.labels_added} were not listed, and are now")
    output.say(*(f"program    {found}" for found in report.binaries))
    states = [told["state"] for told in report.spools]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    output.say(f"spools     {counted or 'none'}")
    output.say(
        *(f"           {told['run']} for {told['server']}" for told in report.spools if told["state"] == "waits")
    )
    output.say(*(f"note       {note}" for note in report.notes))
    output.say(*(f"wrong      {problem}" for problem in report.problems) if report.problems else ("all is well",))

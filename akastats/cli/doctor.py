"""`akastats doctor`: check the server, its data and the spools of a project."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from akastats.cli import output, spools, targets
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.cli.spools import Spool
from akastats.cli.targets import Target
from akastats.config import Config
from akastats.embedded import binary, clock_jumps
from akastats.errors import AkastatsError, NotFoundError
from akastats.queries.quarantine import find_patterns_without_effect
from akastats.redis import sync_redis
from akastats.store import query, runs
from akastats.store.server import NO_EVICTION, Health, identify_single, read_health
from akastats.triage.quarantine_rules import protects_nothing


@dataclass
class Report:
    """Results of all checks, written as JSON.

    namespace: Redis key prefix.
    where: URL of the server without credentials, or directory of an embedded server.
    source: Option, variable or file that configures the server.
    server: Health of the server, `None` if it cannot be reached.
    binaries: Installed server programs, with versions.
    spools: Per spool: path, run, state and server.
    notes: Advice about conditions that do not lose data.
    problems: Errors; the exit code is 1 if there are any.
    labels_added: Number of labels that --reindex added, `None` if it was not used.
    """

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
    typer.Option(
        "--reindex", help="Scan all Redis keys for labels that are missing in the label index, and add them."
    ),
]


def doctor(
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
    reindex: Reindex = False,
) -> None:
    """Check the server, its data and undelivered runs.

    The exit code is 1 if there is a problem.
    """
    target = targets.from_options(url, namespace, directory)
    report = Report(target.config.namespace, target.display_name, target.source)
    project_spools = spools.list_spools(spools.directories(target.directory))
    used, delivered = _check_server(target, project_spools, report, reindex)
    _check_spools(target, project_spools, delivered, report)
    report.problems += spools.obstacles(target.directory)
    report.notes += _describe_copies(used)
    _check_binaries(target, report)
    if as_json:
        output.write_json(report)
    else:
        _write(report)
    if report.problems:
        raise typer.Exit(1)


def _check_server(
    target: Target, project_spools: Sequence[Spool], report: Report, reindex: bool
) -> tuple[Target, frozenset[Path]]:
    """Add the server's health to the report; return the target in use and the paths of the delivered spools."""
    used = target
    try:
        with targets.open_target(target) as used:
            report.where = used.display_name
            _check_health(used.config, report, reindex)
            return used, _delivered_paths(used.config, project_spools)
    except NotFoundError as error:
        report.notes.append(str(error))
    except AkastatsError as error:
        report.problems.append(str(error))
    return used, frozenset()


def _check_health(config: Config, report: Report, reindex: bool) -> None:
    report.server = sync_redis.run(read_health())
    report.problems += problems_of(report.server)
    report.notes += notes_of(config.redis_url, report.server)
    sync_redis.run(identify_single(config.namespace))
    if reindex:
        report.labels_added = sync_redis.run(query.reindex(config.namespace))
    patterns = sync_redis.run(find_patterns_without_effect(config.namespace, config.protected))
    report.notes += map(protects_nothing, patterns)


def _delivered_paths(config: Config, project_spools: Sequence[Spool]) -> frozenset[Path]:
    """Return the paths of the spools whose run was stored completely, even if the server evicted it later."""
    ids = [spool.run_id for spool in project_spools if spool.run_id]
    stored = sync_redis.run(runs.read_fields(config.namespace, ids, ("status",)))
    statuses = {run_id: values.get("status", "") for run_id, values in stored.items()}
    return frozenset(
        spool.path
        for spool in project_spools
        if spool.run_id and (statuses[spool.run_id] not in ("", "running") or _is_applied(config, spool))
    )


def _is_applied(config: Config, spool: Spool) -> bool:
    """Return whether the server has stored every record of a spool, according to its cursor."""
    cursor = sync_redis.run(runs.read_cursor(config.namespace, spool.producer))
    if cursor == "0" or not cursor.isdecimal():
        return False
    end = spools.end_of(spool.path)
    return end is not None and int(cursor) >= end


def problems_of(health: Health) -> list[str]:
    """Return the problems of a server that can lose data."""
    problems = []
    if health.version_numbers < (6, 2):
        problems.append(f"{health.kind} {health.version} is too old; at least 6.2 is required")
    if health.evicted_keys or (health.max_memory and health.eviction not in (NO_EVICTION, "unknown")):
        problems.append(_eviction(health))
    if health.persistence == "none":
        problems.append("the server has no persistence: statistics are lost when it restarts")
    if health.write_error:
        problems.append("the server failed to write its data to disk: see its log")
    return problems


def _eviction(health: Health) -> str:
    evicted = f"has evicted {health.evicted_keys} keys" if health.evicted_keys else "may evict keys"
    return (
        f"the server {evicted} (maxmemory-policy is {health.eviction}): history is lost and summaries become "
        "inconsistent. Set maxmemory-policy to noeviction, or use a separate server"
    )


# First patch release of each minor version without the known Lua vulnerabilities (CVE-2025-49844, CVE-2026-23631).
FIRST_FIXED: dict[str, dict[tuple[int, int], int]] = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 9, (8, 0): 4, (8, 2): 6, (8, 4): 3, (8, 6): 3},
    "valkey": {(7, 2): 13, (8, 0): 9, (8, 1): 7, (9, 0): 4},
}


def notes_of(url: str, health: Health) -> list[str]:
    """Return security and configuration advice for a server, about settings that do not lose data."""
    parts = urlsplit(url)
    notes = []
    if parts.hostname and not _is_loopback(parts.hostname):
        if parts.scheme == "redis":
            notes.append("the connection is not encrypted: use rediss:// if the server supports TLS")
        if not parts.password:
            notes.append("the server has no password: anyone who can connect can read and change statistics")
    if health.eviction not in (NO_EVICTION, "unknown") and not health.max_memory and not health.evicted_keys:
        notes.append(
            f"maxmemory-policy is {health.eviction}: with a maxmemory limit it evicts keys. Set noeviction"
        )
    fixed = _first_fixed(health)
    if fixed:
        notes.append(
            f"{health.kind} {health.version} has known Lua vulnerabilities: upgrade to {fixed} or later, "
            "unless your distribution has backported the fix"
        )
    return notes


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _first_fixed(health: Health) -> str:
    """Return the first version without a server's known vulnerabilities; empty if the server has none."""
    lines, numbers = FIRST_FIXED[health.kind], health.version_numbers
    line = min((each for each in lines if each >= numbers[:2]), default=None)
    if line is None or (line == numbers[:2] and numbers[2:] >= (lines[line],)):
        return ""
    return f"{line[0]}.{line[1]}.{lines[line]}"


def _check_spools(target: Target, project_spools: Sequence[Spool], delivered: Set[Path], report: Report) -> None:
    configured = spools.destination_of(target)
    for spool in project_spools:
        destination = spool.destination
        is_configured = destination.server in ("", configured.server) and destination.namespace in (
            "",
            configured.namespace,
        )
        state = _state(spool, delivered if is_configured and report.server else None)
        entry = {"path": str(spool.path), "run": spool.run_id, "state": state, "server": destination.server}
        report.spools.append(entry)
    waiting = sum(entry["state"] == "waits" for entry in report.spools)
    unreadable = sum(entry["state"] == "unreadable" for entry in report.spools)
    report.problems += [
        f"cannot read a spool, which may contain a run: {spool.problem}"
        for spool in project_spools
        if spool.problem
    ]
    if waiting:
        report.problems.append(f"{waiting} undelivered spools: deliver them with `akastats drain`")
    if unreadable:
        report.notes.append(f"{unreadable} spools without readable data: you can delete them")


def _state(spool: Spool, delivered: Set[Path] | None) -> str:
    """Return `delivered`, `running`, `waits` (undelivered), `unreadable` (no data) or `unknown`.

    The state is `unknown` if the spool's server was not read, or the file cannot be read.
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


def _describe_copies(used: Target) -> list[str]:
    """Return a note for each copy of the data, with the command that merges its runs."""
    if not os.access(used.directory, os.X_OK):
        return []
    home = used.directory / "server"
    damaged = [
        f"damaged data was moved aside: add its runs with `akastats merge {path}`"
        for path in sorted(home.glob("damaged-*"))
    ]
    return damaged + [
        f"the clock jumped ahead, so a copy of the data was made: "
        f"if the clock was wrong, add the runs of the copy with `akastats merge {path}`"
        for path in clock_jumps.list_copies(home)
    ]


def _check_binaries(target: Target, report: Report) -> None:
    try:
        for program in binary.find_candidates(os.environ):
            report.binaries.append(f"{program.path} ({'.'.join(map(str, program.version))})")
    except AkastatsError as error:
        # A configured URL needs no server program.
        (report.problems if target.is_embedded else report.notes).append(str(error))


def _write(report: Report) -> None:
    server = report.server
    output.write_lines(f"server     {report.where} ({report.source}), namespace {report.namespace}")
    if server:
        output.write_lines(
            f"           {server.kind} {server.version}, {server.memory_bytes / 2**20:.1f} MiB used"
        )
        output.write_lines(f"           persistence {server.persistence}, eviction {server.eviction}")
    if report.labels_added is not None:
        output.write_lines(f"labels     {report.labels_added} added to the index")
    output.write_lines(*(f"program    {each}" for each in report.binaries))
    states = [entry["state"] for entry in report.spools]
    # The JSON output contains `waits` for an undelivered spool.
    names = {state: "undelivered" if state == "waits" else state for state in dict.fromkeys(states)}
    counted = ", ".join(f"{states.count(state)} {name}" for state, name in names.items())
    output.write_lines(f"spools     {counted or 'none'}")
    output.write_lines(
        *(f"           {each['run']} for {each['server']}" for each in report.spools if each["state"] == "waits")
    )
    output.write_lines(*(f"note       {note}" for note in report.notes))
    output.write_lines(
        *(f"problem    {problem}" for problem in report.problems) if report.problems else ("no problems",)
    )

"""Deliver the spools of earlier runs, newest first, and remove spools that are no longer needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from akastats import detached
from akastats.config import Config
from akastats.delivery import checkout
from akastats.delivery.spool_delivery import UNSOUND, Delivery, Execute, ExecuteAll
from akastats.embedded import locks
from akastats.errors import AkastatsError, SpoolError
from akastats.spool import directories, duration_list, quarantine_list, recorded_runs, shipper_state
from akastats.spool.files import is_locked
from akastats.spool.format import SUFFIX, VERSION
from akastats.spool.records import Destination, RunHeader
from akastats.spool.writer import DIRECTORY_BYTES
from akastats.store import runs
from akastats.store.server import read_time

# Seconds for which an applied spool is stored, so that a server restored from older data receives it again.
RETENTION_S = 86_400

# Maximum age in seconds of a spool that is delivered without `--force`. A cursor expires after 30 days, and then
# the applied records of the spool are unknown.
OLDEST_S = 21 * 86_400
# 2026-01-01 in epoch seconds: no spool is older.
FIRST_SPOOL = 1_767_225_600.0
OLD = ".old"

# Suffixes of the files beside spools, and the seconds for which they outlive their spool.
BESIDE = {
    **dict.fromkeys((".state", ".quarantine", ".durations", ".checkout", ".tmp", ".lock"), RETENTION_S),
    **dict.fromkeys((".bad", ".refused", recorded_runs.SUFFIX), OLDEST_S),
}


@dataclass(frozen=True)
class Drained:
    """The result of draining one spool.

    path: path of the spool
    run_id: id of its run; empty if unknown
    tests: number of attempts in the spool
    complete: whether all its records are applied
    damaged: number of damaged lines
    refused: number of points that the server refused
    unfinished: node ids of the tests that were running when the process died
    left: why the spool was skipped; empty otherwise. Other spools are not affected.
    problem: why the server failed, which stops draining; empty otherwise
    """

    path: Path
    run_id: str = ""
    tests: int = 0
    complete: bool = False
    damaged: int = 0
    refused: int = 0
    unfinished: tuple[str, ...] = ()
    left: str = ""
    problem: str = ""


def find_spools(*spool_directories: Path, old: bool = False, is_named: bool = False) -> list[Path]:
    """Return the spools in some directories, newest run first; `old` includes spools renamed because of age.

    Directories that other users can write to are skipped, unless the user named them (`is_named`). If the writer
    moved a spool, only its longest copy is returned.
    """
    longest: dict[str, tuple[int, Path]] = {}
    for directory in spool_directories:
        if not is_named:
            directories.restrict_spool_directory(directory)
            if directories.check_spool_directory(directory):
                continue
        for name, size in _files(directory):
            if name.endswith((SUFFIX, SUFFIX + OLD) if old else (SUFFIX,)):
                longest[name] = max(longest.get(name, (-1, directory)), (size, directory / name))
    return [longest[name][1] for name in sorted(longest, reverse=True)]


def lock_of(path: Path) -> Path:
    """Return the path of the file that a shipper locks while it delivers a spool."""
    return path.with_suffix(".lock")


def _is_claimed(path: Path) -> bool:
    """Return whether the shipper of a spool is delivering it."""
    try:
        descriptor = os.open(lock_of(path), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not locks.try_exclusive(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _files(directory: Path) -> list[tuple[str, int]]:
    """Return the names and sizes of the files in a directory; empty if it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return [(entry.name, entry.stat(follow_symlinks=False).st_size) for entry in entries]
    except OSError:
        return []


def drain(
    directory: Path,
    config: Config,
    execute: Execute,
    destination: Destination | None = None,
    now: Callable[[], float] = time.time,
    execute_all: ExecuteAll | None = None,
) -> list[Drained]:
    """Deliver every spool of a project whose run is over; stop at the first problem of the server.

    `directory` is one of the spool directories of the project. Spools that a shipper is delivering are skipped.
    With a `destination`, spools for other destinations are skipped too.
    """
    drained = []
    everywhere = [directory, *directories.list_alternatives(directory, os.environ)]
    for path in find_spools(*everywhere):
        if _is_claimed(path):
            continue
        drained.append(drain_one(path, config, execute, destination, now=now, execute_all=execute_all))
        if drained[-1].problem:
            break
    for each in everywhere:
        tidy(each, drained, now)
    return drained


def drain_one(
    path: Path,
    config: Config,
    execute: Execute,
    destination: Destination | None = None,
    *,
    force: bool = False,
    now: Callable[[], float] = time.time,
    execute_all: ExecuteAll | None = None,
    is_named: bool = False,
) -> Drained:
    """Deliver one spool if its run is over. Skip it if no run can be read or it has another destination.

    A spool is renamed if it is so old that its cursor may have expired; `force` delivers it anyway. The spool of
    another user is read only if the user named it or its directory (`is_named`).
    """
    if version_of(path) > VERSION:
        return Drained(
            path, left=f"written by a later release (version {version_of(path)}): update pytest-akastats"
        )
    delivery = Delivery(path, config, execute, syncs=False, execute_all=execute_all, is_named=is_named)
    try:
        outcome = _deliver(delivery, config, execute, destination, force)
    except (SpoolError, OSError) as error:
        # The spool is missing, not a file, or owned by another user.
        return replace(_so_far(delivery), left=str(error))
    except AkastatsError as error:
        return replace(_so_far(delivery), problem=str(error))
    except UNSOUND as error:
        return replace(_so_far(delivery), left=f"its records are invalid ({type(error).__name__}: {error})")
    finally:
        delivery.close()
    if outcome.complete:
        _remove_applied(delivery, config, execute, now)
    return outcome


def version_of(path: Path) -> int:
    """Return the format version in the name of a spool; 0 if there is none."""
    version = path.name.partition("-")[0]
    return int(version) if version.isdecimal() and len(version) < 9 else 0


def _deliver(
    delivery: Delivery, config: Config, execute: Execute, destination: Destination | None, force: bool
) -> Drained:
    while not delivery.builder.header and delivery.read():
        pass
    header = delivery.builder.header
    if header is None:
        return replace(_so_far(delivery), left="no run can be read from it")
    if destination and (header.destination or destination) != destination:
        return replace(_so_far(delivery), left="it was recorded for another server")
    dead = is_dead(header, delivery.path)
    if not force and (outcome := _check_stored_run(delivery, config, execute)) is not None:
        return outcome
    if dead and not force and _is_too_old(delivery, config, execute):
        return _put_aside(delivery)
    delivery.deliver()
    if delivery.is_done or dead:
        _complete(delivery, config, execute)
        delivery.set_aside()
    return replace(_so_far(delivery), complete=delivery.is_done or dead)


def _check_stored_run(delivery: Delivery, config: Config, execute: Execute) -> Drained | None:
    """Return the outcome for a spool whose run is stored, but which has no cursor; `None` for other spools.

    Either its points were merged, or an earlier release delivered a copy under another name.
    """
    run_id = delivery.builder.run_id
    fields = execute(runs.read_fields(config.namespace, [run_id], ("status",)))[run_id]
    # Read in this order, because storing a run and moving the cursor are one step.
    if not fields or delivery.read_cursor() != "0":
        return None
    if fields.get("status", "running") == "running":
        problem = "its run is stored, but it is unknown which of its records are applied"
        advice = "`akastats drain --force` delivers it, but some points may count twice"
        return replace(_so_far(delivery), left=f"{problem}: {advice}")
    delivery.note_as_applied()
    return replace(_so_far(delivery), complete=True)


def _so_far(delivery: Delivery) -> Drained:
    builder = delivery.builder
    unfinished = tuple(sorted(builder.running)) if builder.end is None else ()
    return Drained(
        delivery.path,
        builder.run_id,
        len(builder.results),
        damaged=delivery.damaged,
        refused=delivery.refused,
        unfinished=unfinished,
    )


def _complete(delivery: Delivery, config: Config, execute: Execute) -> None:
    delivery.finish()
    if delivery.is_done:
        return
    if delivery.is_cut_short and _stored_status(delivery, config, execute) != "running":
        # The run was delivered completely from a longer copy.
        return
    # Call this first, because the compared counts include the test that was running.
    delivery.crash()
    if not delivery.applied and _has_result(delivery, config, execute):
        return
    delivery.complete_as_crashed()


def _stored_status(delivery: Delivery, config: Config, execute: Execute) -> str:
    """Return the stored status of a run; `running` if there is none."""
    run_id = delivery.builder.run_id
    return str(execute(runs.read_fields(config.namespace, [run_id], ("status",)))[run_id].get("status", "running"))


def _has_result(delivery: Delivery, config: Config, execute: Execute) -> bool:
    """Return whether the result of a run is stored. Writing it again would keep the cursor from expiring."""
    builder = delivery.builder
    fields = execute(runs.read_fields(config.namespace, [builder.run_id], ("status", "tests")))[builder.run_id]
    is_over = fields.get("status", "running") != "running"
    return bool(is_over and fields.get("tests", "0") == str(builder.counts()["tests"]))


def _is_too_old(delivery: Delivery, config: Config, execute: Execute) -> bool:
    """Return whether the cursor of a spool may have expired after its delivery, by the clock of the server.

    The server stores a run for `run_days`, so a younger run that is not stored was never delivered. A start before
    the first spool comes from a wrong clock, so the age is unknown.
    """
    if delivery.read_cursor() != "0":
        return False
    started = delivery.builder.started
    age = float(execute(read_time())) - started
    if age <= OLDEST_S:
        return False
    run_id = delivery.builder.run_id
    is_stored = bool(execute(runs.read_fields(config.namespace, [run_id], ("id",)))[run_id])
    return is_stored or (started >= FIRST_SPOOL and age > config.run_days * runs.DAY_S)


def _put_aside(delivery: Delivery) -> Drained:
    path = delivery.path
    aside = path if path.suffix == OLD else path.with_name(path.name + OLD)
    for copy in _copies(path):
        copy.rename(copy.with_name(aside.name))
    reason = (
        f"older than {OLDEST_S // 86_400} days, so it may have been delivered before: "
        "`akastats drain --force` delivers it"
    )
    return replace(_so_far(delivery), path=aside, left=reason)


def is_dead(header: RunHeader, path: Path) -> bool:
    """Return whether the process that wrote a spool has ended; true for a process of another machine.

    If the process is in another container or hidden by the system, the lock on its spool decides.
    """
    if header.pid is None or header.pid_mark is None:
        return True
    try:
        is_alive = detached.check_liveness(header.pid, header.pid_mark)
    except (ValueError, OverflowError):
        return True
    space = header.process_space
    if is_alive is not None and (space is None or (space and space == detached.get_pid_namespace())):
        return not is_alive
    if is_locked(path):
        return False
    return not is_alive if is_alive is not None else bool(header.locked)


def _remove_applied(delivery: Delivery, config: Config, execute: Execute, now: Callable[[], float]) -> None:
    """Remove an applied spool if its last change and its delivery are more than a day ago.

    The age of the delivery is measured with the clock of the server.
    """
    path = delivery.path
    try:
        if now() - path.stat().st_mtime <= RETENTION_S:
            return
        if execute(runs.read_cursor_age(config.namespace, delivery.producer)) > RETENTION_S:
            remove(path)
    except (AkastatsError, OSError):
        # Another process has removed the spool, or a later delivery will remove it.
        return


def remove(path: Path) -> None:
    """Remove a spool, its copies, and the files beside them: state, lists for the tests, checkout and lock."""
    for copy in _copies(path):
        lists = (quarantine_list.path_for, duration_list.path_for)
        beside = (shipper_state.path_for, *lists, checkout.path_for, lock_of)
        for each in (copy, *(path_for(copy) for path_for in beside)):
            each.unlink(missing_ok=True)


def _copies(path: Path) -> list[Path]:
    """Return a spool and its shorter copies in directories that became unwritable."""
    others = directories.list_alternatives(path.parent, os.environ)
    elsewhere = [each / path.name for each in others if not directories.check_spool_directory(each)]
    return [copy for copy in (path, *elsewhere) if copy.exists()]


def tidy(directory: Path, drained: Sequence[Drained], now: Callable[[], float]) -> None:
    """Remove empty spools, files whose spool is gone, and applied spools, oldest first, above the size limit.

    A directory that is a symbolic link, or that another user may have created, is not changed.
    """
    if directories.check_spool_directory(directory):
        return
    files = dict(_files(directory))
    spools = {name: size for name, size in files.items() if name.endswith((SUFFIX, SUFFIX + OLD))}
    runs_here = {name.partition(SUFFIX)[0] for name in spools}
    for name, size in files.items():
        retention_s = BESIDE.get(os.path.splitext(name)[1], 0.0)
        if name in spools:
            retention_s = 0.0 if size else RETENTION_S
        elif name.partition(".")[0] in runs_here:
            continue
        if retention_s and not _is_younger(directory / name, retention_s, now):
            (directory / name).unlink(missing_ok=True)
    for outcome in drained:
        if outcome.complete and outcome.path.name in spools and not outcome.path.exists():
            # Also remove the files beside the earlier location of a moved spool.
            remove(directory / outcome.path.name)
    _make_room(directory, drained, spools)


def _make_room(directory: Path, drained: Sequence[Drained], spools: Mapping[str, int]) -> None:
    excess = sum(spools.values()) - DIRECTORY_BYTES
    for outcome in sorted(drained, key=lambda outcome: outcome.path.name):
        if excess > 0 and outcome.complete and outcome.path.parent == directory:
            excess -= spools.get(outcome.path.name, 0)
            remove(outcome.path)


def _is_younger(path: Path, seconds: float, now: Callable[[], float]) -> bool:
    try:
        return now() - path.stat().st_mtime <= seconds
    except OSError:
        return True

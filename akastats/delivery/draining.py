"""Spools that other runs left behind: delivered newest first, removed when they can no longer be needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from akastats import detached
from akastats.config import Config
from akastats.delivery import checkout
from akastats.delivery.spool_delivery import UNSOUND, Delivery, ExecuteAll
from akastats.embedded import locks
from akastats.errors import AkastatsError, SpoolError
from akastats.spool import directories as places
from akastats.spool import quarantine_list, recorded_runs, shipper_state
from akastats.spool.files import is_locked
from akastats.spool.format import SUFFIX, VERSION
from akastats.spool.writer import DIRECTORY_BYTES
from akastats.store import runs
from akastats.store.requests import Operation
from akastats.store.server import read_time

# A server that comes back from older data is told again: an applied spool stays for a day.
KEPT_S = 86_400

# A cursor lives 30 days: of an older spool nobody could say any more what has been applied.
OLDEST_S = 21 * 86_400
# 2026-01-01: before that there were no spools, in epoch seconds.
FIRST_SPOOL = 1_767_225_600.0
OLD = ".old"

# What lies beside spools, and for how long when its spool is gone.
BESIDE = {
    **dict.fromkeys((".state", ".quarantine", ".checkout", ".tmp", ".lock"), KEPT_S),
    **dict.fromkeys((".bad", ".refused", recorded_runs.SUFFIX), OLDEST_S),
}

Carry = Callable[[Operation[Any]], Any]


@dataclass(frozen=True)
class Drained:
    """What became of one spool.

    `damaged` counts lines that did not prove themselves, `refused` points that the server would not take,
    `unfinished` names the tests that a run died in. A spool that was `left` says why, and holds no other up;
    a `problem` is the server's.
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


def waiting(*directories: Path, old: bool = False, is_named: bool = False) -> list[Path]:
    """Return the spools of some directories, newest run first; with `old`, also those set aside for their age.

    Directories that are not this user's alone are passed over, unless the user has named them (`is_named`).
    Of one that moved while it was written only the longest copy counts.
    """
    found: dict[str, tuple[int, Path]] = {}
    for directory in directories:
        if not is_named:
            places.restrict_spool_directory(directory)
            if places.check_spool_directory(directory):
                continue
        for name, size in _files(directory):
            if name.endswith((SUFFIX, SUFFIX + OLD) if old else (SUFFIX,)):
                found[name] = max(found.get(name, (-1, directory)), (size, directory / name))
    return [found[name][1] for name in sorted(found, reverse=True)]


def lock_of(path: Path) -> Path:
    """Return the file that the shipper of a spool locks while it delivers it."""
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
    """Return names and sizes of what is in a directory; nothing, if it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return [(entry.name, entry.stat(follow_symlinks=False).st_size) for entry in entries]
    except OSError:
        return []


def drain(
    directory: Path,
    config: Config,
    execute: Carry,
    destination: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.time,
    execute_all: ExecuteAll | None = None,
) -> list[Drained]:
    """Deliver every spool of a project whose run is over; stop at the first that the server does not take.

    `directory` is one of the project's spool directories. With a `destination`, spools that name another are
    left alone. So are those that their own shipper is delivering.
    """
    drained = []
    everywhere = [directory, *places.list_alternatives(directory, os.environ)]
    for path in waiting(*everywhere):
        if _is_claimed(path):
            continue
        drained.append(drain_one(path, config, execute, destination, now=now, execute_all=execute_all))
        if drained[-1].problem:
            break
    for place in everywhere:
        tidy(place, drained, now)
    return drained


def drain_one(
    path: Path,
    config: Config,
    execute: Carry,
    destination: Mapping[str, str] | None = None,
    *,
    force: bool = False,
    now: Callable[[], float] = time.time,
    execute_all: ExecuteAll | None = None,
    is_named: bool = False,
) -> Drained:
    """Deliver one spool if its run is over; keep one without a readable run, or with another destination.

    One that is too old for the server to know whether it has it is renamed and stays too, unless by `force`. One
    of another user is read only where the user has named it, or its directory (`is_named`).
    """
    if version_of(path) > VERSION:
        return Drained(
            path, left=f"written by a later release (version {version_of(path)}): update pytest-akastats"
        )
    delivery = Delivery(path, config, execute, syncs=False, execute_all=execute_all, is_named=is_named)
    try:
        outcome = _deliver(delivery, config, execute, destination, force)
    except (SpoolError, OSError) as error:
        # Nothing of the server's: it is gone, or no file, or somebody else's.
        return replace(_so_far(delivery), left=str(error))
    except AkastatsError as error:
        return replace(_so_far(delivery), problem=str(error))
    except UNSOUND as error:
        return replace(_so_far(delivery), left=f"no sense can be made of it ({type(error).__name__}: {error})")
    finally:
        delivery.close()
    if outcome.complete:
        _let_go(delivery, config, execute, now)
    return outcome


def version_of(path: Path) -> int:
    """Return the version of the format that a spool's name begins with, 0 where it says none."""
    version = path.name.partition("-")[0]
    return int(version) if version.isdecimal() and len(version) < 9 else 0


def _deliver(
    delivery: Delivery, config: Config, execute: Carry, destination: Mapping[str, str] | None, force: bool
) -> Drained:
    while not delivery.builder.header and delivery.read():
        pass
    header = delivery.builder.header
    if not header:
        return replace(_so_far(delivery), left="no run can be read from it")
    if destination and header.get("destination", destination) != destination:
        return replace(_so_far(delivery), left="it was recorded for another server")
    dead = is_dead(header, delivery.path)
    if not force and (known := _known_otherwise(delivery, config, execute)) is not None:
        return known
    if dead and not force and _is_too_old(delivery, config, execute):
        return _put_aside(delivery)
    delivery.deliver()
    if delivery.is_done or dead:
        _complete(delivery, config, execute)
        delivery.set_aside()
    return replace(_so_far(delivery), complete=delivery.is_done or dead)


def _known_otherwise(delivery: Delivery, config: Config, execute: Carry) -> Drained | None:
    """Return the outcome for a spool whose run is stored although no record of it is noted as applied.

    Its points were merged, or delivered from a copy whose name an earlier release took for its identity.
    """
    run_id = delivery.builder.run_id
    found = execute(runs.read_fields(config.namespace, [run_id], ("status",)))[run_id]
    # Read in this order, because storing a run and moving the cursor are one step.
    if not found or delivery.stands() != "0":
        return None
    if found.get("status", "running") == "running":
        problem = "its run is stored, but its applied records are unknown: `akastats drain --force` delivers it"
        return replace(_so_far(delivery), left=f"{problem}, and points may count twice")
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


def _complete(delivery: Delivery, config: Config, execute: Carry) -> None:
    delivery.finish()
    if delivery.is_done:
        return
    if delivery.is_cut_short and _stored_status(delivery, config, execute) != "running":
        # A longer copy was delivered completely.
        return
    # Before the counts are compared, because they include the test that was running.
    delivery.crash()
    if not delivery.applied and _is_told(delivery, config, execute):
        return
    delivery.complete_as_crashed()


def _stored_status(delivery: Delivery, config: Config, execute: Carry) -> str:
    """Return the status that the server has of a run, `running` where it has none."""
    run_id = delivery.builder.run_id
    return str(execute(runs.read_fields(config.namespace, [run_id], ("status",)))[run_id].get("status", "running"))


def _is_told(delivery: Delivery, config: Config, execute: Carry) -> bool:
    """Whether the server knows already what became of a run: telling it again would keep its cursor moving."""
    builder = delivery.builder
    found = execute(runs.read_fields(config.namespace, [builder.run_id], ("status", "tests")))[builder.run_id]
    is_over = found.get("status", "running") != "running"
    return bool(is_over and found.get("tests", "0") == str(builder.counts()["tests"]))


def _is_too_old(delivery: Delivery, config: Config, execute: Carry) -> bool:
    """Return whether a spool's cursor may have expired after its delivery, by the server's clock.

    The server knows a run for `run_days`, so an unknown one that is younger was never delivered. One that bears a
    time before there were spools was dated by a wrong clock, which says nothing of its age.
    """
    if delivery.stands() != "0":
        return False
    started = float(delivery.builder.header["started"])
    age = float(execute(read_time())) - started
    if age <= OLDEST_S:
        return False
    run_id = delivery.builder.run_id
    is_known = bool(execute(runs.read_fields(config.namespace, [run_id], ("id",)))[run_id])
    return is_known or (started >= FIRST_SPOOL and age > config.run_days * runs.DAY_S)


def _put_aside(delivery: Delivery) -> Drained:
    path = delivery.path
    aside = path if path.suffix == OLD else path.with_name(path.name + OLD)
    for copy in _copies(path):
        copy.rename(copy.with_name(aside.name))
    told = f"older than {OLDEST_S // 86_400} days, so it may have been delivered before: `akastats drain --force`"
    return replace(_so_far(delivery), path=aside, left=told)


def is_dead(header: Mapping[str, Any], path: Path) -> bool:
    """Return whether the process that wrote a spool is gone; one of another machine is, once its spool is here.

    Of a process of another container, or one that this system does not show, the lock on its spool tells.
    """
    try:
        is_alive = detached.check_liveness(int(header["pid"]), str(header["pid_mark"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return True
    space = header.get("process_space")
    if is_alive is not None and (space is None or (space and space == detached.get_pid_namespace())):
        return not is_alive
    if is_locked(path):
        return False
    return not is_alive if is_alive is not None else bool(header.get("locked"))


def _let_go(delivery: Delivery, config: Config, execute: Carry, now: Callable[[], float]) -> None:
    """Remove a spool that is applied, is a day old, and was applied a day ago by the server's clock."""
    path = delivery.path
    try:
        if now() - path.stat().st_mtime <= KEPT_S:
            return
        if execute(runs.read_cursor_age(config.namespace, delivery.producer)) > KEPT_S:
            remove(path)
    except (AkastatsError, OSError):
        # Another drainer was faster, or the next one does it.
        return


def remove(path: Path) -> None:
    """Remove a spool, its copies, the state of its delivery, and whose failures did not count in its run."""
    for copy in _copies(path):
        beside = (shipper_state.path_for, quarantine_list.path_for, checkout.path_for, lock_of)
        for each in (copy, *(path_for(copy) for path_for in beside)):
            each.unlink(missing_ok=True)


def _copies(path: Path) -> list[Path]:
    """Return a spool and the shorter copies that it left where it could not be written on."""
    others = places.list_alternatives(path.parent, os.environ)
    elsewhere = [place / path.name for place in others if not places.check_spool_directory(place)]
    return [copy for copy in (path, *elsewhere) if copy.exists()]


def tidy(directory: Path, drained: Sequence[Drained], now: Callable[[], float]) -> None:
    """Remove what is needed no more: spools of nothing, what lies beside spools that are gone, and, where all
    take too much room, applied spools, oldest first.

    Nothing is removed from a directory that somebody else may have put there, or a link to another.
    """
    if places.check_spool_directory(directory):
        return
    files = dict(_files(directory))
    spools = {name: size for name, size in files.items() if name.endswith((SUFFIX, SUFFIX + OLD))}
    runs_here = {name.partition(SUFFIX)[0] for name in spools}
    for name, size in files.items():
        kept_s = BESIDE.get(os.path.splitext(name)[1], 0.0)
        if name in spools:
            kept_s = 0.0 if size else KEPT_S
        elif name.partition(".")[0] in runs_here:
            continue
        if kept_s and not _is_younger(directory / name, kept_s, now):
            (directory / name).unlink(missing_ok=True)
    for outcome in drained:
        if outcome.complete and outcome.path.name in spools and not outcome.path.exists():
            # What a spool left behind when it moved goes with it.
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

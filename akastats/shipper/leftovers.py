"""Spools that other runs left behind: delivered newest first, removed when they can no longer be needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akastats import detached
from akastats.config import Config
from akastats.errors import AkastatsError
from akastats.operations.requests import Operation
from akastats.shipper import state
from akastats.shipper.delivery import Delivery
from akastats.spool.format import SUFFIX

# A server that comes back from older data is told again: an applied spool stays for a day.
KEPT_S = 86_400


@dataclass(frozen=True)
class Drained:
    """What became of one spool; `damaged` counts lines that did not prove themselves."""

    path: Path
    run_id: str = ""
    tests: int = 0
    complete: bool = False
    damaged: int = 0
    problem: str = ""


def waiting(directory: Path) -> list[Path]:
    """Return the spools of a directory, newest run first."""
    return sorted(directory.glob(f"*{SUFFIX}"), key=lambda path: path.name, reverse=True)


def drain(
    directory: Path,
    config: Config,
    carry: Callable[[Operation[Any]], Any],
    destination: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.time,
) -> list[Drained]:
    """Deliver every spool of a directory whose run is over; stop at the first that the server does not take.

    With a `destination`, those that name another are left alone.
    """
    drained = []
    for path in waiting(directory):
        outcome = drain_one(path, config, carry, destination)
        drained.append(outcome)
        if outcome.problem:
            break
        if outcome.complete and now() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)
            state.path_for(path).unlink(missing_ok=True)
    return drained


def drain_one(
    path: Path,
    config: Config,
    carry: Callable[[Operation[Any]], Any],
    destination: Mapping[str, str] | None = None,
) -> Drained:
    """Deliver one spool, if its run is over; one that no run can be read from, or that goes elsewhere, stays."""
    delivery = Delivery(path, config, carry)
    try:
        delivery.read()
        header = delivery.story.header
        if not header or (destination and header.get("destination", destination) != destination):
            return Drained(path, delivery.story.run_id, damaged=delivery.damaged)
        delivery.apply()
        while delivery.read():
            delivery.apply()
        over = delivery.is_done or _is_dead(header)
        if over and not delivery.is_done:
            delivery.complete_as_crashed()
    except (AkastatsError, OSError) as error:
        return Drained(path, delivery.story.run_id, len(delivery.story.results), problem=str(error))
    return Drained(path, delivery.story.run_id, len(delivery.story.results), over, delivery.damaged)


def _is_dead(header: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a spool is gone; one of another machine is, once its spool is here."""
    return not detached.is_running(int(header["pid"]), str(header["pid_mark"]))

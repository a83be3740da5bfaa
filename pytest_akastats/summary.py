"""What the terminal says at the end: one short block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

from akastats.shipper import state as states
from akastats.shipper.state import State
from akastats.visible import seconds, short_url, visible

# A server that does not answer is given this long, whatever --akastats-wait says: with all else that we do at
# the end that stays under 2 s.
SILENT_WAIT_S = 1.5
LOOK_S = 0.01
MOMENT_S = 0.5
NAME_WIDTH = 60


def wait(spool: Path, wait_s: float, clock: Callable[[], float], show: Callable[[str], None]) -> State | None:
    """Wait until the run is delivered, `wait_s` seconds at most; 2 s where no server answers.

    `show` is told how far it is, once it takes longer than a moment.
    """
    began = clock()
    shown = ""
    while True:
        state = states.read(spool)
        waited = clock() - began
        if waited > MOMENT_S and _progress(state) != shown:
            shown = _progress(state)
            show(shown)
        if state is not None and state.phase in (states.DONE, states.FAILED):
            return state
        silent = state is None or state.phase == states.SILENT
        if waited >= (min(wait_s, SILENT_WAIT_S) if silent else wait_s):
            return state
        sleep(LOOK_S)


def _progress(state: State | None) -> str:
    return f"akastats: {state.applied if state else 0} tests delivered ..."


def lines(state: State | None, problem: str, spool: Path | None, verbosity: int) -> Iterator[str]:
    """Yield the block's lines; `verbosity` is pytest's, at -2 only problems are told."""
    if state is not None and state.phase == states.DONE:
        if verbosity > -2:
            yield from _recorded(state)
    elif spool is not None:
        yield f"akastats: kept in {visible(str(spool.parent))}, not delivered yet: {_reason(state)}"
    if state is not None and state.notice:
        yield f"akastats: {visible(state.notice)}"
    if problem:
        yield f"akastats: not everything was recorded: {visible(problem)}"


def _reason(state: State | None) -> str:
    if state is None:
        return "the delivering process has not started; the next run or `akastats drain` delivers it"
    if state.message:
        return visible(state.message)
    return f"{state.applied} tests are, the rest goes on in the background"


def _recorded(state: State) -> Iterator[str]:
    answer = state.answer
    run, tests = visible(answer["run"]), answer["counts"]["tests"]
    yield f"akastats: {tests} tests recorded as run {run} at {short_url(state.server)}"
    for title, rows in (("slowest tests", answer["tests"]), ("slowest fixtures", answer["fixtures"])):
        if rows:
            yield f"  {title:<{NAME_WIDTH}}       now     usual"
            for row in rows:
                yield _row(row)
    yield "  more: akastats serve, akastats show NODEID"


def _row(row: dict[str, Any]) -> str:
    name = visible(row["name"])
    shown = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
    usual = "new" if row["usual"] is None else seconds(row["usual"])
    return f"    {shown:<{NAME_WIDTH}} {seconds(row['seconds']):>9} {usual:>9}"

"""What the terminal says at the end: one short block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from akastats.formatting import escape_unprintable, format_decimal_seconds, shorten_url
from akastats.spool import shipper_state as states
from akastats.spool.shipper_state import State
from pytest_akastats.clocks import sleep
from pytest_akastats.verdict_lines import verdict_lines

# A server that does not answer is given this long, whatever --akastats-wait says: with all that is around it the
# end is held up by less than 2 s. One that cannot be reached or refuses gets the time of one more attempt.
SILENT_WAIT_S, ABSENT_WAIT_S = 1.5, 0.25
LOOK_S = 0.01
MOMENT_S = 0.5
NAME_WIDTH = 60


class Patience:
    """How long a delivery is waited for: `wait_s` seconds at most, less where no server answers."""

    def __init__(self, wait_s: float, now: float) -> None:
        self._wait_s = wait_s
        self._began = self._asked_at = self._heard_at = now
        self._answers = 0
        self._has_asked = False
        # A longer wait is configured for slow or busy machines, whose pauses look like silence.
        self._busy_s = max(SILENT_WAIT_S, wait_s / 7)
        self._first_s = min(SILENT_WAIT_S, wait_s / 25)
        self._limits = {states.RAISING: wait_s, states.SILENT: SILENT_WAIT_S, states.ABSENT: ABSENT_WAIT_S}

    def is_over(self, state: State | None, now: float) -> bool:
        """Take in the state at a moment; return whether it has been enough."""
        phase = state.phase if state else states.STARTING
        if state is not None and phase not in (states.STARTING, states.RAISING):
            self._hear(state, now)
        # One that fails at the end is not waited for again and again between its answers.
        since = self._asked_at if phase in (states.SILENT, states.ABSENT) else self._heard_at
        return now - self._began >= self._wait_s or now - since >= self._limits.get(phase, self._busy_s)

    def _hear(self, state: State, now: float) -> None:
        if not self._has_asked:
            # A moment to be answered, for a shipper that asks only now.
            self._asked_at = self._heard_at = max(self._began, now - SILENT_WAIT_S + self._first_s)
        elif state.answers > self._answers:
            self._heard_at = now
        self._has_asked, self._answers = True, state.answers


def wait(spool: Path, wait_s: float, clock: Callable[[], float], show: Callable[[str], None]) -> State | None:
    """Wait until the run is delivered, at most `wait_s` seconds, and less if no server answers.

    `show` receives the progress, once it takes longer than a moment. A clock that stands still does not prolong
    the wait: a look takes at least `LOOK_S`.
    """
    began = clock()
    patience = Patience(wait_s, began)
    shown, looks = "", 0
    while True:
        state, now = states.read(spool), max(clock(), began + looks * LOOK_S)
        if now - began > MOMENT_S and _progress(state) != shown:
            shown = _progress(state)
            show(shown)
        if (state is not None and state.phase in (states.DONE, states.FAILED)) or patience.is_over(state, now):
            return state
        sleep(LOOK_S)
        looks += 1


def _progress(state: State | None) -> str:
    return f"akastats: {_counted(state.applied if state else 0, 'test')} delivered ..."


def lines(state: State | None, problem: str, spool: Path | None, verbosity: int) -> Iterator[str]:
    """Yield the block's lines; `verbosity` is pytest's; at -2 only problems are shown."""
    lost = f"not everything was recorded: {escape_unprintable(problem)}" if problem else ""
    if state is not None and state.phase in states.APPLIED:
        if verbosity > -2:
            yield from _recorded(state)
    elif spool is not None:
        kept = f"akastats: kept in {escape_unprintable(str(spool.parent))}, not delivered yet: {_reason(state)}"
        yield "; ".join(filter(None, (kept, lost)))
        lost = ""
    if state is not None and state.notice:
        yield f"akastats: {escape_unprintable(state.notice)}"
    if lost:
        yield f"akastats: {lost}"
    if state is not None and verbosity > -2:
        # Commands to GitHub's runner, which reads them at the beginning of a line.
        yield from map(escape_unprintable, state.answer.get("annotations", ()))


def _reason(state: State | None) -> str:
    if state is None or state.phase == states.STARTING:
        return "the delivering process has not started; the next run or `akastats drain` delivers it"
    if state.message:
        return escape_unprintable(state.message)
    are = "test is" if state.applied == 1 else "tests are"
    return f"{state.applied} {are}, the rest goes on in the background"


def _recorded(state: State) -> Iterator[str]:
    answer = state.answer
    counts = answer["counts"]
    uncollected = counts.get("collect_errors", 0)
    lacking = f"; {_counted(uncollected, 'file')} could not be collected" if uncollected else ""
    told = f"{_counted(counts['tests'], 'test')} recorded as run {escape_unprintable(answer['run'])}"
    yield f"akastats: {told} at {shorten_url(state.server)}{lacking}"
    yield from _verdicts(state)
    for title, rows in (("slowest tests", answer["tests"]), ("slowest fixtures", answer["fixtures"])):
        if rows:
            yield f"  {title:<{NAME_WIDTH + 2}} {'now (s)':>9} {'typical (s)':>11}"
            for row in rows:
                yield _row(row)
    yield f"  more: akastats serve, akastats show NODEID{_extra()}"


def _extra() -> str:
    """Return the extra to install for these commands; empty if it is installed."""
    try:
        is_there = find_spec("typer") is not None
    except ValueError:
        # A test has left something of its own in its place.
        is_there = True
    return "" if is_there else ' (pip install "pytest-akastats[api]")'


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _verdicts(state: State) -> Iterator[str]:
    if "verdicts" in state.answer:
        yield from verdict_lines(state.answer["verdicts"])
    elif "unjudged" in state.answer:
        yield f"  no verdicts: {escape_unprintable(state.answer['unjudged'])}"
    elif state.phase == states.JUDGING:
        yield "  no verdicts yet: `akastats report` will tell them"
    if "trouble" in state.answer:
        yield f"  {escape_unprintable(state.answer['trouble'])}"


def _row(row: dict[str, Any]) -> str:
    name = escape_unprintable(row["name"])
    shown = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
    typical = "no history" if row["usual"] is None else format_decimal_seconds(row["usual"])
    return f"    {shown:<{NAME_WIDTH}} {format_decimal_seconds(row['seconds']):>9} {typical:>11}"

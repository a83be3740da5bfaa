"""Wait for the delivery of the run, and format the lines of the terminal summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from akastats.formatting import escape_unprintable, format_decimal_seconds, shorten_url
from akastats.report.phrases import NO_HISTORY
from akastats.spool import shipper_state as states
from akastats.spool.shipper_answer import Answer, Timing
from akastats.spool.shipper_state import State
from pytest_akastats.clocks import sleep
from pytest_akastats.verdict_lines import format_verdicts

# Seconds to wait for a server that does not answer, even with a longer --akastats-wait, so that the session ends
# less than 2 s later. If it is unreachable or refuses requests, there is time for one more attempt.
SILENT_WAIT_S, ABSENT_WAIT_S = 1.5, 0.25
# Seconds between reads of the shipper's state.
POLL_S = 0.01
# Seconds before the first progress line.
QUIET_S = 0.5
NAME_WIDTH = 60
#: Maximum number of characters of a finding.
MAX_FINDING = 160


class DeliveryTimeout:
    """Decides how long to wait for a delivery: at most `wait_s` seconds, less if no server answers."""

    def __init__(self, wait_s: float, now: float) -> None:
        self._wait_s = wait_s
        self._began = self._contacted_at = self._answered_at = now
        self._answers = 0
        self._has_contacted = False
        # Users set a longer wait on a slow or busy machine, on which a working server also answers late.
        self._busy_s = max(SILENT_WAIT_S, wait_s / 7)
        self._first_s = min(SILENT_WAIT_S, wait_s / 25)
        self._limits = {states.RAISING: wait_s, states.SILENT: SILENT_WAIT_S, states.ABSENT: ABSENT_WAIT_S}

    def is_over(self, state: State | None, now: float) -> bool:
        """Note the shipper's state at a time; return whether the wait ends."""
        phase = state.phase if state else states.STARTING
        if state is not None and phase not in (states.STARTING, states.RAISING):
            self._note(state, now)
        # A server that fails occasionally between answers does not prolong the wait each time.
        since = self._contacted_at if phase in (states.SILENT, states.ABSENT) else self._answered_at
        return now - self._began >= self._wait_s or now - since >= self._limits.get(phase, self._busy_s)

    def _note(self, state: State, now: float) -> None:
        if not self._has_contacted:
            # Allow time for the first answer, because the shipper has only now contacted the server.
            self._contacted_at = self._answered_at = max(self._began, now - SILENT_WAIT_S + self._first_s)
        elif state.answers > self._answers:
            self._answered_at = now
        self._has_contacted, self._answers = True, state.answers


def wait(spool: Path, wait_s: float, clock: Callable[[], float], show: Callable[[str], None]) -> State | None:
    """Wait until the run is delivered, at most `wait_s` seconds, and less if no server answers.

    `show` receives the progress after `QUIET_S`. A stopped clock does not prolong the wait, because each read
    counts as at least `POLL_S`.
    """
    began = clock()
    timeout = DeliveryTimeout(wait_s, began)
    shown, polls = "", 0
    while True:
        state, now = states.read(spool), max(clock(), began + polls * POLL_S)
        if now - began > QUIET_S and _progress(state) != shown:
            shown = _progress(state)
            show(shown)
        if (state is not None and state.phase in (states.DONE, states.FAILED)) or timeout.is_over(state, now):
            return state
        sleep(POLL_S)
        polls += 1


def _progress(state: State | None) -> str:
    return f"akastats: {_format_count(state.applied if state else 0, 'test')} delivered ..."


def format_summary(state: State | None, problem: str, spool: Path | None, verbosity: int) -> Iterator[str]:
    """Yield the lines of the summary; with pytest's `verbosity` -2, only problems."""
    loss = f"not everything was recorded: {escape_unprintable(problem)}" if problem else ""
    if state is not None and state.phase in states.APPLIED:
        if verbosity > -2 and state.answer is not None:
            yield from _format_run(state, state.answer)
    elif spool is not None:
        directory = escape_unprintable(str(spool.parent))
        stored = f"akastats: stored in {directory}, not delivered yet: {_find_reason(state)}"
        yield "; ".join(filter(None, (stored, loss)))
        loss = ""
    if state is not None and state.notice:
        yield f"akastats: {escape_unprintable(state.notice)}"
    if loss:
        yield f"akastats: {loss}"
    if state is not None and state.answer is not None and verbosity > -2:
        # The runner of GitHub Actions reads commands at the beginning of a line.
        yield from map(escape_unprintable, state.answer.annotations)


def _find_reason(state: State | None) -> str:
    """Return why the run is not delivered yet."""
    if state is None or state.phase == states.STARTING:
        return "the delivering process has not started; the next run or `akastats drain` delivers it"
    if state.message:
        return escape_unprintable(state.message)
    are = "test is" if state.applied == 1 else "tests are"
    return f"{state.applied} {are} delivered, delivery continues in the background"


def _format_run(state: State, answer: Answer) -> Iterator[str]:
    uncollected = answer.counts.get("collect_errors", 0)
    errors = f"; {_format_count(uncollected, 'file')} could not be collected" if uncollected else ""
    tests = _format_count(answer.counts.get("tests", 0), "test")
    run, server = escape_unprintable(answer.run), shorten_url(state.server)
    yield f"akastats: {tests} recorded as run {run} at {server}{errors}"
    yield from _format_verdicts(state, answer)
    for title, timings in (("slowest tests", answer.tests), ("slowest fixtures", answer.fixtures)):
        if timings:
            yield f"  {title:<{NAME_WIDTH + 2}} {'now (s)':>9} {'typical (s)':>11}"
            for timing in timings:
                yield _format_timing(timing)
    for finding in answer.findings:
        yield _format_finding(finding)
    why = ", akastats why" if answer.findings else ""
    yield f"  more: akastats serve, akastats show NODEID{why}{_get_install_hint()}"


def _get_install_hint() -> str:
    """Return how to install the commands; empty if they are installed."""
    try:
        is_installed = find_spec("typer") is not None
    except ValueError:
        # A test has replaced the module in `sys.modules`.
        is_installed = True
    return "" if is_installed else ' (pip install "pytest-akastats[api]")'


def _format_count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _format_verdicts(state: State, answer: Answer) -> Iterator[str]:
    if answer.verdicts is not None:
        yield from format_verdicts(answer.verdicts)
    elif answer.analysis_error:
        yield f"  no verdicts: {escape_unprintable(answer.analysis_error)}"
    elif state.phase == states.ANALYSING:
        yield "  no verdicts yet: `akastats report` shows them"
    for error in filter(None, (answer.webhook_error, answer.hook_errors)):
        yield f"  {escape_unprintable(error)}"


def _format_finding(finding: str) -> str:
    shown = escape_unprintable(finding)
    return f"  speed up: {shown if len(shown) <= MAX_FINDING else shown[: MAX_FINDING - 3] + '...'}"


def _format_timing(timing: Timing) -> str:
    name = escape_unprintable(timing.name)
    shown = name if len(name) <= NAME_WIDTH else "..." + name[3 - NAME_WIDTH :]
    typical = NO_HISTORY if timing.typical is None else format_decimal_seconds(timing.typical)
    return f"    {shown:<{NAME_WIDTH}} {format_decimal_seconds(timing.seconds):>9} {typical:>11}"

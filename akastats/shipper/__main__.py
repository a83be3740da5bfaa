"""`python -m akastats.shipper SPOOL`: deliver one run while it is in progress, then other undelivered runs.

Environment: `AKA_STATS_*` as for the library, and `AKA_STATS_EMBEDDED` with the directory of the embedded server
if no URL is configured. Paths in tracebacks are relative to `AKA_STATS_STARTED_IN`, and node ids to
`AKA_STATS_ROOT`. `AKA_STATS_STARTED_AT` is the start of the run.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from akastats import config as configuration
from akastats import embedded, redis
from akastats.analysis.findings.rules import MAX_FIRST
from akastats.config import Config, remove_credentials
from akastats.delivery.analysing import Analyser, analyse_late_runs
from akastats.delivery.checkout import Checkout
from akastats.delivery.draining import drain, lock_of
from akastats.delivery.indexing import refresh
from akastats.delivery.spool_delivery import UNSOUND, Delivery
from akastats.embedded import locks
from akastats.errors import (
    AccessDeniedError,
    AkastatsError,
    ConnectionLostError,
    ServerBusyError,
    ServerError,
    ServerUnreachableError,
)
from akastats.model.findings import Finding
from akastats.model.verdicts import Verdicts
from akastats.report.finding_phrases import describe_finding
from akastats.shipper.expected_durations import read_durations
from akastats.shipper.lifetime import AFTERLIFE_S, ExitWatch, Lifetime, writer_of
from akastats.shipper.publishing import ROOT, publish_run
from akastats.shipper.quarantined_tests import read_quarantine
from akastats.shipper.sampler import Sampler
from akastats.shipper.summary import find_costs, summarise_run, summarise_verdicts
from akastats.shipper.webhook import make_message, post
from akastats.spool import duration_list, quarantine_list
from akastats.spool import shipper_state as states
from akastats.spool.quarantine_list import Listed
from akastats.spool.shipper_answer import Answer
from akastats.spool.shipper_state import State
from akastats.store import indexes as listing
from akastats.store import runs
from akastats.store.requests import Operation
from akastats.triage import acknowledgements
from akastats.triage.finding_marks import read_marks, without_dismissed

# Minimum and maximum seconds between two reads of new records. The interval doubles while there are none.
MIN_POLL_S, MAX_POLL_S = 0.01, 0.2
# First and largest upper bound in seconds of the pause between attempts to reach an unavailable server. The pause
# is random, because many runs may end simultaneously.
MIN_PAUSE_S, MAX_PAUSE_S = 0.1, 5.0

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 0.5, 1.0
# Maximum timeout in seconds. The timeout doubles after each missing reply, because a slow network needs seconds
# for a batch of 256 KiB.
MAX_REPLY_TIMEOUT_S = 8.0
# Seconds after which an unused connection is closed, because servers limit their number.
IDLE_S = 2.0
# Seconds between two reports to the test process while the server answers.
REPORT_S = 0.2
# Maximum number of reports during one step without a reply. An analysis counts as progress for at most 5 minutes.
MAX_REPORTS = 1500


class Shipper:
    """Delivers one spool and keeps its state file up to date."""

    def __init__(
        self,
        spool: Path,
        config: Config,
        lifetime: Lifetime,
        checkout: Checkout | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self.spool = spool
        self.sampler = sampler or Sampler(0)
        self.delivery = Delivery(
            spool,
            config,
            self.execute,
            checkout=self._read_checkout if checkout else None,
            observe=self.sampler.observe,
        )
        self._checkout = checkout
        self._config = config
        self.lifetime = self._lifetime = lifetime
        self._answered = 0.0
        self._client: Any = None
        self._reply_timeout_s = REPLY_TIMEOUT_S
        self._state = State(server=remove_credentials(config.redis_url))
        # Nothing waits for the history of a run, so its replies do not count as progress of the delivery.
        self._analyser = Analyser(config, self._try_execute)
        self._quarantine: Listed | None = None
        # Whether the expected durations of the tests were written.
        self._has_durations = False
        self._answers = 0
        self._reported_at = self._answered_at = 0.0
        # A retried operation receives the replies of its first requests again, which is not progress.
        self._is_repeating, self._position = False, ""

    def execute(self, operation: Operation[Any]) -> Any:
        """Execute an operation on the server, each request once, and report to the plugin that the server answers.

        Raises `ServerError` if the server fails, or if the run ended more than `AFTERLIFE_S` seconds ago.
        """
        result = self._try_execute(operation)
        self._note_answer()
        return result

    def _try_execute(self, operation: Operation[Any]) -> Any:
        if self._lifetime.is_over(AFTERLIFE_S):
            raise ServerUnreachableError("the run ended long ago: `akastats drain` delivers the rest")
        if self._client is None:
            timeouts = {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_timeout": self._reply_timeout_s}
            self._client = redis.connect(self._config.redis_url, **timeouts)
        began = time.monotonic()
        try:
            result = redis.run(self._execute_observed(operation), self._client, self._client)
        except AkastatsError:
            if time.monotonic() - began >= self._reply_timeout_s:
                self._reply_timeout_s = min(2 * self._reply_timeout_s, MAX_REPLY_TIMEOUT_S)
            raise
        except Exception as error:
            # redis-py raises built-in exceptions for bytes that are not a valid reply.
            raise ConnectionLostError(f"{self._state.server} {UNREADABLE} ({type(error).__name__})") from error
        return result

    def _execute_observed(self, operation: Operation[Any]) -> Operation[Any]:
        """Execute an operation, and note each reply as progress, because some operations have 100 requests."""
        try:
            request = next(operation)
            while True:
                try:
                    replies = yield request
                except ServerError as error:
                    request = operation.throw(error)
                else:
                    self._note_progress()
                    request = operation.send(replies)
        except StopIteration as stop:
            return stop.value

    def _read_checkout(self, waits: bool) -> Mapping[str, Any]:
        """Return the fields of the checkout; while waiting for git, report that this process is alive."""
        assert self._checkout is not None
        if not waits or self._checkout.is_read:
            return self._checkout.fields(waits)
        self.update_state(phase=states.DELIVERING, message="git has not answered yet")
        with self._reporting():
            return self._checkout.fields(waits)

    def _note_progress(self) -> None:
        position = self.delivery.position
        if not self._is_repeating or position != self._position:
            self._is_repeating, self._position = False, position
            self._lifetime.note_progress()

    def _note_answer(self) -> None:
        self._answers += 1
        self._answered_at = time.monotonic()
        is_over = self._state.phase in (*states.APPLIED, states.FAILED)
        if not is_over and time.monotonic() - self._reported_at >= REPORT_S:
            self.update_state(phase=states.DELIVERING, answers=self._answers, message="")

    def update_state(self, **changes: Any) -> None:
        """Change fields of the state, and write the state file if they differ."""
        changed = dataclasses.replace(self._state, **changes)
        if changed != self._state:
            self._reported_at = time.monotonic()
            self._state = changed
            states.write(self.spool, changed)

    def run(self) -> bool:
        """Deliver until the run has ended; return whether all of it is applied."""
        self.update_state(phase=states.SILENT, message=f"{self._state.server} has not answered yet")
        poll_s = MIN_POLL_S
        while True:
            # Check this before reading, so that the last records of a dead process are read.
            has_died = self._lifetime.has_died()
            has_records = self._read()
            if not self._retry(self._apply):
                return False
            if self.delivery.is_done:
                return self._retry(self._finish)
            if has_died and not has_records:
                # Without a header the run is unknown.
                return self.delivery.builder.header is not None and self._retry(self._complete_as_crashed)
            if not has_records and self.delivery.builder.header:
                self._analyser.prepare(self.delivery.builder.run_id)
            if time.monotonic() - self._answered_at > IDLE_S:
                self.disconnect()
            poll_s = MIN_POLL_S if has_records else min(2 * poll_s, MAX_POLL_S)
            time.sleep(poll_s)

    def _read(self) -> bool:
        """Read some of the new records; return whether there were any, or may be more."""
        has_records = self.delivery.read()
        self._lifetime.note_run(self.delivery.builder)
        self.sampler.note_run(self.delivery.builder)
        return has_records

    def _retry(self, step: Callable[[], Any]) -> bool:
        """Execute a step, and repeat it while the server is unavailable; return whether it succeeded.

        Raises `AccessDeniedError` immediately, because a retry does not help.
        """
        waits, answered = pauses(), self._answers
        while True:
            try:
                step()
                self._reply_timeout_s, self._is_repeating = REPLY_TIMEOUT_S, False
                return True
            except AccessDeniedError:
                raise
            except ServerError as error:
                self._is_repeating, self._position = True, self.delivery.position
                self.update_state(phase=PHASES.get(type(error), states.SILENT), message=str(error))
            self.disconnect()
            if self._lifetime.is_over(AFTERLIFE_S):
                return False
            if self._answers > answered:
                # The server answered meanwhile: start again with short pauses.
                waits, answered = pauses(), self._answers
            self._pause(next(waits))

    def disconnect(self) -> None:
        """Close the connection; the next request opens another one."""
        # After a failover the host name belongs to another server, and the old one refuses writes.
        if self._client is not None:
            self._client.connection_pool.disconnect()
            self._client = None

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; stop when the run ends, because pytest then waits for the delivery."""
        had_ended = self._lifetime.has_ended
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._lifetime.has_ended == had_ended:
            time.sleep(min(MAX_POLL_S, max(0.0, until - time.monotonic())))
            self._read()

    def _apply(self) -> None:
        # Write the list first, because the tests wait for it.
        self._write_quarantine()
        self._write_durations()
        self.delivery.apply()
        # Bypass `execute`, which counts replies as progress: these also arrive if a full disk lost the run's end.
        self.delivery.store_progress(self._try_execute)
        applied = len(self.delivery.builder.results)
        self.update_state(phase=states.DELIVERING, answers=self._answers, applied=applied, message="")

    def _write_quarantine(self) -> None:
        """Write the list of quarantined tests once, if the header of the run requests it."""
        header = self.delivery.builder.header
        if header is not None and header.quarantine and self._quarantine is None:
            self._quarantine = read_quarantine(self.delivery.builder.suite, self._config, self.execute)
            quarantine_list.write(self.spool, self._quarantine)

    def _write_durations(self) -> None:
        """Write the expected durations of the tests once, if the header of the run requests them."""
        header = self.delivery.builder.header
        if header is not None and header.order and not self._has_durations:
            expected = read_durations(self.delivery.builder.suite, self._config, self.execute)
            duration_list.write(self.spool, expected)
            self._has_durations = True

    def _complete_as_crashed(self) -> None:
        self.delivery.complete_as_crashed(time.time())

    def _finish(self) -> None:
        summary = summarise_run(self.delivery.builder, self._config, self.execute)
        self.update_state(phase=states.ANALYSING, answer=summary)
        with self._reporting():
            summary = self._analyse(summary)
            summary = dataclasses.replace(summary, findings=tuple(map(describe_finding, self._findings)))
        self.update_state(phase=states.DONE, answer=summary)
        self._answered = time.time()

    def _analyse(self, summary: Answer) -> Answer:
        """Analyse the run once and publish its verdicts; return the summary with them.

        If the analysis fails, the run stays delivered, and the summary contains the error.
        """
        try:
            quarantined = self._quarantine.tests if self._quarantine else ()
            all_verdicts = self._analyser.analyse(self.delivery.builder.run_id, quarantined)
            # Changes that are acknowledged as expected or as noise are not reported again.
            verdicts = self.execute(
                acknowledgements.drop_quiet_changes(self._config.namespace, self._config.run_days, all_verdicts)
            )
        except (AkastatsError, *UNSOUND) as error:
            message = f"{type(error).__name__}: {error}"[:200]
            return dataclasses.replace(summary, analysis_error=message, annotations=self._publish(None))
        return dataclasses.replace(
            summary,
            verdicts=summarise_verdicts(verdicts),
            annotations=self._publish(verdicts),
            webhook_error=self._call_webhook(verdicts),
            hook_errors=self._analyser.hook_errors,
        )

    @cached_property
    def _findings(self) -> tuple[Finding, ...]:
        """The first findings of the run; empty after an error, which must not prevent the verdicts."""
        try:
            costs = find_costs(self.delivery.builder)
            marks = self.execute(read_marks(self._config.namespace)) if costs else {}
            return without_dismissed(costs, self.delivery.builder.suite, marks)[:MAX_FIRST]
        except (AkastatsError, *UNSOUND):
            return ()

    def _publish(self, verdicts: Verdicts | None) -> tuple[str, ...]:
        """Publish the run to the forge; return the commands for its runner."""
        if self._is_nested():
            # A run that a test started is not published as a result of the build.
            return ()
        try:
            lines = publish_run(
                self.delivery.builder.run_id,
                verdicts,
                self._config,
                self.execute,
                os.environ,
                lambda: self._findings,
            )
            return tuple(lines)
        except (AkastatsError, *UNSOUND):
            return ()

    def _is_nested(self) -> bool:
        header = self.delivery.builder.header
        return bool(header and header.nested)

    def _call_webhook(self, verdicts: Verdicts) -> str:
        """Send new verdicts to the webhook; return the error, empty if there is none."""
        message = make_message(verdicts) if self._config.webhook and not self._is_nested() else None
        return post(self._config.webhook, message) if message else ""

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report progress regularly: the analysis of 10,000 tests takes seconds without a reply of the server."""
        is_over = threading.Event()

        def report() -> None:
            for _ in range(MAX_REPORTS):
                if is_over.wait(REPORT_S):
                    return
                self._answers += 1
                self._lifetime.note_progress()
                self.update_state(answers=self._answers)

        reporter = threading.Thread(target=report, daemon=True)
        reporter.start()
        try:
            yield
        finally:
            is_over.set()
            reporter.join()

    def tidy(self) -> None:
        """Finish after the run is applied: index it, deliver other undelivered runs, remove expired data."""
        self._update_indexes([self.delivery.builder.run_id], others=False)
        header = self.delivery.builder.header
        destination = header.destination if header else None
        drained = drain(self.spool.parent, self._config, self.execute, destination)
        delivered = [outcome.run_id for outcome in drained if outcome.complete]
        if delivered:
            self._update_indexes(delivered, others=False)
            analyse_late_runs(self._config, self.execute, delivered)
        self._index_orphans()
        try:
            self.execute(runs.prune_profiles(self._config))
            self.execute(runs.prune(self._config, self.delivery.builder.run_id))
        except AkastatsError:
            # The next run removes the expired data.
            pass

    def note_exit(self, exited: float | None) -> None:
        """Store the end of the test process in epoch seconds, if it was observed and the process did not crash."""
        builder = self.delivery.builder
        if exited is None or builder.end is None:
            return
        try:
            self.execute(runs.note_exit(builder.run_id, self._answered or exited, exited, self._config))
        except AkastatsError:
            # The record then lacks the time between the last test and the end of the process.
            pass

    def _update_indexes(self, delivered: list[str], others: bool) -> int:
        """Update the indexes with some runs, and with `others` some of other producers; return their number."""
        try:
            return int(self.execute(refresh(self._config, delivered, others)))
        except (AkastatsError, *UNSOUND):
            # The index update stays pending, so the next run repeats it. Other spools are delivered anyway.
            return 0

    def _index_orphans(self) -> None:
        """Update the indexes with all runs of other shippers, unless another shipper is doing so."""
        namespace = self._config.namespace
        try:
            while self.execute(listing.take_turn(namespace, self.delivery.producer)):
                if not self._update_indexes([], others=True):
                    self.execute(listing.end_turn(namespace))
                    return
        except AkastatsError:
            # The lock expires.
            pass


#: Maximum number of seconds between the start of a run and the start of this process, on a busy machine.
_MAX_START_S = 60.0

UNREADABLE = "did not send a valid Redis reply: check host, port and scheme in AKA_STATS_REDIS_URL"


#: Phase of the shipper after a failed attempt, by the class of the error; `SILENT` after other errors.
PHASES = {ServerUnreachableError: states.ABSENT, ServerBusyError: states.ABSENT}


def pauses() -> Iterator[float]:
    """Yield random pauses between attempts, in seconds; their upper bound doubles up to `MAX_PAUSE_S`."""
    longest = MIN_PAUSE_S
    while True:
        yield random.uniform(0, longest)
        longest = min(2 * longest, MAX_PAUSE_S)


def locate(environ: dict[str, str]) -> tuple[Config, embedded.Lease | None]:
    """Return the configuration to deliver with, starting the embedded server if no URL is configured."""
    config = configuration.read_environment(environ)
    directory = environ.get("AKA_STATS_EMBEDDED")
    if not directory:
        return config, None
    lease = embedded.use(Path(directory))
    return dataclasses.replace(config, redis_url=lease.url), lease


def main(arguments: list[str]) -> int:
    """Deliver the spool that `arguments` names; return the exit code."""
    spool = Path(arguments[0])
    states.write(spool, State())
    try:
        shipper, lease = prepare(spool)
        with claim(spool), lease or nullcontext():
            if shipper.run():
                watch = ExitWatch(shipper.lifetime, find_exit=shipper.sampler.find_exit)
                watch.start()
                shipper.tidy()
                shipper.note_exit(watch.wait())
            else:
                give_up(spool)
    except AkastatsError as error:
        fail(spool, str(error))
        return 1
    except BaseException as error:
        # The traceback of this process is not shown: the state file is its only output.
        fail(spool, f"{type(error).__name__}: {error}")
        raise
    return 0


@contextmanager
def claim(spool: Path) -> Iterator[None]:
    """Lock a spool against other shippers. Without the lock, 40 shippers would each deliver all spools."""
    try:
        descriptor = locks.take_exclusive(lock_of(spool))
    except OSError:
        # Deliver the spool even without a lock: its records are applied once in any case.
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            lock_of(spool).unlink(missing_ok=True)
            os.close(descriptor)


def prepare(spool: Path) -> tuple[Shipper, embedded.Lease | None]:
    """Return the shipper of a spool, and the lease on the embedded server if it is used."""
    sampler = Sampler(writer_of(spool))
    sampler.start()
    checkout = _checkout(spool)
    lifetime = Lifetime(spool)
    lifetime.bound(lambda: give_up(spool))
    # Importing redis-py takes 0.1 s, like starting the server, so both happen at the same time.
    importing = threading.Thread(target=importlib.import_module, args=("redis",))
    importing.start()
    if os.environ.get("AKA_STATS_EMBEDDED"):
        states.write(spool, State(phase=states.RAISING))
    try:
        config, lease = locate(dict(os.environ))
    finally:
        importing.join()
    shipper = Shipper(spool, config, lifetime, checkout, sampler)
    if lease is not None and lease.notice:
        shipper.update_state(notice=lease.notice)
    return shipper, lease


def _checkout(spool: Path) -> Checkout | None:
    """Start git first, because tests may change files that git tracks; `None` without a root directory."""
    root = os.environ.get(ROOT, "")
    return Checkout(spool, Path(root), _began(os.environ, time.time()), os.environ) if root else None


def _began(environ: Mapping[str, str], now: float) -> float:
    """Return the start of the run in epoch seconds; if it is invalid, the start of this process."""
    try:
        began = float(environ.get("AKA_STATS_STARTED_AT", ""))
    except ValueError:
        return now
    # If a test changed the clock, the time cannot be compared with the times of files.
    return began if now - _MAX_START_S <= began <= now else now


def give_up(spool: Path) -> None:
    """Write that the run is not delivered completely, with the last known reason."""
    state = states.read(spool)
    reason = f"{state.message}; " if state is not None and state.message else ""
    fail(spool, f"{reason}gave up after {AFTERLIFE_S:.0f} s; the next run or `akastats drain` delivers it")


def fail(spool: Path, message: str) -> None:
    """Write why the delivery of a spool ended, unless its run was applied already."""
    state = states.read(spool) or State()
    if state.phase == states.ANALYSING:
        states.write(spool, dataclasses.replace(state, phase=states.DONE))
    elif state.phase != states.DONE:
        states.write(spool, dataclasses.replace(state, phase=states.FAILED, message=message))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

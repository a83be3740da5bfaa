"""Limit the lifetime of a shipper: it ends after its run, when the delivery makes no more progress."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from akastats import detached
from akastats.delivery.run_builder import RunBuilder
from akastats.spool import shipper_state
from akastats.spool.files import is_locked

# Maximum number of seconds after the end of the run, or the last progress, for which an unavailable server is
# retried. Then the next run, or `akastats drain`, delivers the rest.
AFTERLIFE_S = 30.0
# Maximum number of seconds after the end of the run, or the last progress, until this process exits. A DNS look-up
# has no timeout and cannot be interrupted.
LAST_S = 35.0
# Seconds between two checks of this limit.
WATCH_S = 0.5
# Maximum number of seconds after a run until the end of the test process, and seconds between two checks.
EXIT_S, EXIT_POLL_S = 5.0, 0.02


class Lifetime:
    """Detects the end of a run: the last record of its spool, or the death of its process."""

    def __init__(self, spool: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended_at: float | None = None
        self._moved_at = clock()
        # Use the file name, because on a full disk the header may be missing.
        self._pid, self._mark = writer_of(spool), ""
        self._spool, self._has_lock = spool, False

    def note_run(self, builder: RunBuilder) -> None:
        """Note the process and the end of the run, as far as its spool has been read."""
        header = builder.header
        if header is not None and header.pid is not None:
            self._pid, self._mark = header.pid, header.pid_mark or ""
            self._has_lock = bool(header.locked)
        if builder.end is not None and self._ended_at is None:
            self._ended_at = self._clock()

    @property
    def has_ended(self) -> bool:
        """Return whether the end of the run has been noticed."""
        return self._ended_at is not None

    def has_died(self) -> bool:
        """Return whether the test process has died."""
        is_alive = detached.check_liveness(self._pid, self._mark)
        if is_alive is not None:
            return not is_alive
        return self._has_lock and not any(map(is_locked, shipper_state.homes(self._spool)))

    def note_progress(self) -> None:
        """Note that the delivery made progress: a server that receives 100 runs is slow, but replies."""
        self._moved_at = self._clock()

    def is_over(self, seconds: float) -> bool:
        """Return whether the run ended, and the delivery last made progress, more than `seconds` ago."""
        if self._ended_at is None and self.has_died():
            self._ended_at = self._clock()
        return self._ended_at is not None and self._clock() - max(self._ended_at, self._moved_at) > seconds

    def bound(self, give_up: Callable[[], None]) -> None:
        """Call `give_up` and end this process `LAST_S` seconds after the end of its run or its last progress."""
        threading.Thread(target=self._watch, args=(give_up,), daemon=True).start()

    def _watch(self, give_up: Callable[[], None]) -> None:
        while not self.is_over(LAST_S):
            time.sleep(WATCH_S)
        try:
            give_up()
        finally:
            os._exit(1)


class ExitWatch:
    """Observes the end of a test process whose run has ended."""

    def __init__(
        self,
        lifetime: Lifetime,
        now: Callable[[], float] = time.time,
        find_exit: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Observe the process with `lifetime`; `find_exit` may return an end that was observed more exactly."""
        self._lifetime, self._now, self._find_exit = lifetime, now, find_exit
        self._exited: float | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to observe."""
        self._thread.start()

    def wait(self) -> float | None:
        """Return the end of the process in epoch seconds; `None` if it has not ended within `EXIT_S` seconds."""
        self._thread.join()
        return self._exited

    def _watch(self) -> None:
        until = time.monotonic() + EXIT_S
        while time.monotonic() < until:
            if self._lifetime.has_died():
                self._exited = self._find_exit() or self._now()
                return
            time.sleep(EXIT_POLL_S)


def writer_of(spool: Path) -> int:
    """Return the process id in the name of a spool; 0 if there is none."""
    _, _, pid = spool.stem.rpartition("-")[0].rpartition("-")
    return int(pid) if pid.isascii() and pid.isdigit() else 0

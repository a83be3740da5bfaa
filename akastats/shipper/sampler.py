"""Sample the processes of a run from /proc while it is in progress. Other systems than Linux have no samples.

One reading takes about 0.1 ms: with 4 processes and 20 readings per second that is 0.8 % of a CPU.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from akastats.delivery.run_builder import Observations, ProcessSample, RunBuilder

#: Minimum and maximum seconds between two readings of a process.
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.05, 0.4
# Minimum number of seconds per process between two rounds, so that many processes are read less often.
ROUND_S_PER_PROCESS = 0.006
#: Maximum number of samples of a process in memory. When it is reached, each two samples are merged.
MAX_SAMPLES = 400
#: Maximum number of processes that are read simultaneously, and of processes per run.
MAX_PROCESSES, MAX_SEEN = 64, 256
#: Maximum number of stored samples per run, and of threads per process whose children are counted.
MAX_STORED, MAX_TASKS = 4000, 64
# Maximum difference in seconds between two measurements of the start of a process.
START_TOLERANCE_S = 1.0

# The fields of /proc/PID/stat after the name of the program, from 0: state, user and system time, threads, start.
_STATE, _USER, _SYSTEM, _THREADS, _START = 0, 11, 12, 17, 19
_ENDED = (b"Z", b"X")


class Sampler:
    """Reads the processes of one run in a thread, until all have ended."""

    def __init__(self, pid: int, now: Callable[[], float] = time.time, proc: Path = Path("/proc")) -> None:
        """Sample the process `pid` in which pytest was started, and the workers that its records name."""
        self._now, self._proc = now, proc
        self._lock = threading.Lock()
        # Process ids to open, and the worker and start of each named process by id.
        self._requested, self._workers = [pid] if pid > 0 else [], {pid: ("", 0.0)}
        self._main, self._has_workers = pid, False
        self._processes: dict[int, _Process] = {}

    def start(self) -> None:
        """Begin to sample, if the system has /proc."""
        if sys.platform.startswith("linux"):
            threading.Thread(target=self._run, daemon=True).start()

    def note_run(self, builder: RunBuilder) -> None:
        """Note the processes of a run, as far as its spool has been read."""
        with self._lock:
            self._has_workers = bool(builder.header and builder.header.workers)
            for worker, process in builder.processes.items():
                if worker and process.pid and process.pid not in self._workers and "start" in process.moments:
                    self._workers[process.pid] = (worker, process.moments["start"] / 1e6)
                    self._requested.append(process.pid)

    def observe(self) -> Observations:
        """Return the samples and the ends of all processes whose worker is known."""
        with self._lock:
            named = [(self._find_worker(each), each) for each in self._processes.values()]
            by_worker = {worker: each for worker, each in named if worker is not None}
            limit = MAX_STORED // max(1, len(by_worker))
            return Observations(
                {worker: tuple(each.series.shorten(limit)) for worker, each in by_worker.items()},
                {worker: each.exited for worker, each in by_worker.items() if each.exited},
            )

    def find_exit(self) -> float | None:
        """Return the end of the process in which pytest was started, in epoch seconds; `None` if unknown."""
        with self._lock:
            main = self._processes.get(self._main)
            return main.exited or None if main else None

    def _find_worker(self, process: _Process) -> str | None:
        """Return the worker of a process; `None` if it is unknown, or if the id belonged to another process."""
        worker, started = self._workers.get(process.pid, (None, 0.0))
        return worker if not started or abs(process.started - started) <= START_TOLERANCE_S else None

    def _run(self) -> None:
        try:
            while self._requested or any(not each.exited for each in self._processes.values()):
                running = self._read_all()
                self._wait(running)
        except Exception:  # noqa: BLE001 - without samples, the delivery continues
            return
        finally:
            for each in self._processes.values():
                each.close()

    def _read_all(self) -> list[_Process]:
        with self._lock:
            requested, self._requested = self._requested, []
            self._open(requested)
            running = [each for each in self._processes.values() if not each.exited]
        for each in running:
            with self._lock:
                each.read(self._now())
        main = self._processes.get(self._main)
        if self._has_workers and main is not None:
            with self._lock:
                self._open(main.children)
        return [each for each in running if not each.exited]

    def _open(self, pids: Iterable[int]) -> None:
        """Open processes that are not open yet, such as children of the main process, which may be workers."""
        for pid in pids:
            running = sum(not each.exited for each in self._processes.values())
            if pid in self._processes or running >= MAX_PROCESSES or len(self._processes) >= MAX_SEEN:
                continue
            try:
                self._processes[pid] = _Process(pid, self._proc, self._now())
            except OSError:
                # The process has ended, or the system hides it.
                continue

    def _wait(self, running: list[_Process]) -> None:
        """Wait until the next round, or until a process ends."""
        shortest = min((each.series.interval for each in running), default=MIN_INTERVAL_S)
        seconds = max(min(shortest, MAX_INTERVAL_S), ROUND_S_PER_PROCESS * len(running))
        poll = select.poll()
        by_descriptor = {each.exit_descriptor: each for each in running if each.exit_descriptor is not None}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(1000 * seconds):
            with self._lock:
                by_descriptor[descriptor].end(self._now())


class Series:
    """The samples of a process. At `MAX_SAMPLES`, each two are merged, and the interval is doubled.

    samples: the samples in the order of time.
    interval: seconds between two samples.
    """

    def __init__(self) -> None:
        self.samples: list[ProcessSample] = []
        self.interval = MIN_INTERVAL_S
        self._until = 0.0

    def add(self, sample: ProcessSample) -> None:
        """Add a sample, or update the last one if the interval has not passed."""
        if self.samples and sample.time < self._until:
            self.samples[-1] = _merge(self.samples[-1], sample)
            return
        if len(self.samples) == MAX_SAMPLES:
            self.samples = _halve(self.samples)
            self.interval *= 2
        begin = max(self.samples[-1].time, sample.time - self.interval) if self.samples else sample.time
        # Readings are late by less than half of the shortest interval, unless the machine is busy.
        self._until = begin + self.interval + MIN_INTERVAL_S / 2
        self.samples.append(sample)

    def shorten(self, limit: int) -> list[ProcessSample]:
        """Return at most `limit` samples of the same period; merge pairs if there are more."""
        samples = self.samples
        while len(samples) > max(1, limit):
            samples = _halve(samples)
        return samples


def _halve(samples: list[ProcessSample]) -> list[ProcessSample]:
    pairs = zip(samples[::2], samples[1::2], strict=False)
    last = samples[len(samples) // 2 * 2 :]
    return [_merge(earlier, later) for earlier, later in pairs] + last


def _merge(earlier: ProcessSample, later: ProcessSample) -> ProcessSample:
    numbers = [each for each in (earlier.children, later.children) if each is not None]
    return later._replace(
        # Before a new process has loaded its program, it has the memory of its parent.
        memory=min(max(earlier.memory, later.memory), later.peak),
        threads=max(earlier.threads, later.threads),
        children=max(numbers, default=None),
    )


class _Process:
    """A running process and its samples.

    pid: its id.
    started: its start in epoch seconds, exact to 10 ms.
    exited: its observed end in epoch seconds; 0 before that.
    exit_descriptor: descriptor that becomes readable when it ends; `None` if the system cannot open one.
    children: ids of its children at the last reading.
    series: its samples.
    """

    def __init__(self, pid: int, proc: Path, now: float) -> None:
        self.pid, self.exited = pid, 0.0
        self.children: tuple[int, ...] = ()
        self.series = Series()
        self._directory = str(proc / str(pid))
        # An open file refers to this process even if the system uses its id again.
        self._stat = os.open(f"{self._directory}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._status = os.open(f"{self._directory}/status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._stat)
            raise
        self.exit_descriptor = _open_exit(pid)
        self.started = now - time.clock_gettime(time.CLOCK_BOOTTIME) + self._read_start() / _TICKS

    def _read_start(self) -> int:
        try:
            return int(self._read_fields()[_START])
        except (OSError, ValueError, IndexError):
            return 0

    def _read_fields(self) -> list[bytes]:
        return os.pread(self._stat, 1024, 0).rpartition(b")")[2].split()

    def read(self, now: float) -> None:
        """Add a sample of this moment, in epoch seconds, or note that the process has ended."""
        try:
            fields = self._read_fields()
            status = os.pread(self._status, 8192, 0)
        except OSError:
            self.end(now)
            return
        if not fields or fields[_STATE] in _ENDED:
            self.end(now)
            return
        memory, peak = _find_size(status, b"VmRSS:"), _find_size(status, b"VmHWM:")
        # A process that is ending has no memory.
        if memory:
            threads = int(fields[_THREADS])
            children = self._read_children(threads)
            self.children = children or ()
            cpu = (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
            number = None if children is None else len(children)
            self.series.add(ProcessSample(now, memory, peak or self._find_peak(memory), cpu, threads, number))

    def _find_peak(self, memory: int) -> int:
        """Return the largest memory so far in bytes, on systems that do not record the peak."""
        return max(memory, self.series.samples[-1].peak if self.series.samples else 0)

    def _read_children(self, threads: int) -> tuple[int, ...] | None:
        """Return the ids of the children of all threads; `None` if the kernel does not list them."""
        try:
            tasks = [str(self.pid)] if threads == 1 else os.listdir(f"{self._directory}/task")[:MAX_TASKS]
            texts = [_read(f"{self._directory}/task/{task}/children") for task in tasks]
        except OSError:
            return None
        return tuple(int(pid) for text in texts for pid in text.split())

    def end(self, now: float) -> None:
        """Note the end of the process, and close its files."""
        if not self.exited:
            self.exited = now
            self.close()

    def close(self) -> None:
        """Close the files of the process; they are not read again."""
        for descriptor in (self._stat, self._status, self.exit_descriptor):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        self._stat = self._status = -1
        self.exit_descriptor = None


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _open_exit(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        # Linux before 5.3 lacks this call, and a sandbox may forbid it.
        return None


def _find_size(status: bytes, name: bytes) -> int:
    """Return a size of /proc/PID/status in bytes; 0 if it is missing."""
    at = status.find(name)
    return int(status[at + len(name) : at + len(name) + 24].split()[0]) * 1024 if at >= 0 else 0


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)

"""Clocks that tests cannot freeze or patch.

freezegun and `mock.patch` replace attributes of modules, so the functions here come from a private copy of `time`.
time-machine changes `time.time` for every reference to it, but not `perf_counter`. Therefore the plugin reads the
wall time before pytest loads a conftest, and computes later times from the counter.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import ModuleType

try:
    from resource import RUSAGE_CHILDREN, getrusage
except ImportError:

    def read_children_cpu() -> float:
        """Return 0, because Windows does not report it."""
        return 0.0
else:

    def read_children_cpu() -> float:
        """Return the CPU seconds of the child processes whose end this process has awaited."""
        usage = getrusage(RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime


# Tolerated difference of two readings in seconds. It is microseconds unless a clock was moved or a laptop slept.
TOLERANCE_S = 1.0
# Maximum error of a remote file system's clock in seconds; tests that move a clock usually move it further.
FILE_TOLERANCE_S = 86_400.0


def _copy_time_module() -> ModuleType:
    """Return a copy of `time` that no other code refers to; the shared module if Python makes no copy."""
    spec = BuiltinImporter.find_spec("time")
    if spec is None or spec.loader is None:
        return time
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_time = _copy_time_module()
monotonic = _time.monotonic
perf_counter = _time.perf_counter
process_time = _time.process_time
sleep = _time.sleep
gmtime = _time.gmtime
strftime = _time.strftime


def read_uptime() -> float:
    """Return the seconds since the machine started; raises `AttributeError` on systems without this clock."""
    return float(_time.clock_gettime(_time.CLOCK_BOOTTIME))


def read_epoch(at_import: float) -> float:
    """Return the true wall time minus the performance counter, in seconds.

    `at_import` is its value when the plugin was imported. The clock is read again unless it was moved, because
    pytest may be called again hours later.
    """
    now: float = _time.time() - perf_counter()
    if abs(now - at_import) <= TOLERANCE_S and "time_machine" not in sys.modules:
        return now
    return choose_nearest(_read_file_time(at_import) - perf_counter(), at_import, now)


def choose_nearest(by_file: float, *candidates: float) -> float:
    """Return the candidate nearest to the file system's time; that time itself if none is within a day."""
    best = min(candidates, key=lambda candidate: abs(candidate - by_file))
    return best if abs(best - by_file) <= FILE_TOLERANCE_S else by_file


def _read_file_time(at_import: float) -> float:
    """Return the modification time of a file written now, which no patched clock of Python affects."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return at_import + float(perf_counter())

"""Clocks that tests cannot freeze or patch.

freezegun and `mock.patch` replace attributes of modules, so the functions here come from a private copy of `time`.
time-machine changes `time.time` below every reference, and leaves `perf_counter` alone: the plugin reads the
wall time before any conftest is loaded, and it follows the counter from then on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import ModuleType

from pytest_akastats import EPOCH as _AT_IMPORT

# Two readings of the same unmoved clock differ by microseconds; a suspended laptop differs by what it slept.
TOLERANCE_S = 1.0
# A file system of another machine may be this far off; a moved clock is further away.
FILE_TOLERANCE_S = 86_400.0


def _private_time() -> ModuleType:
    """Return a copy of `time` that no other code refers to; the shared module if Python makes no copy."""
    spec = BuiltinImporter.find_spec("time")
    if spec is None or spec.loader is None:
        return time
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_time = _private_time()
monotonic = _time.monotonic
perf_counter = _time.perf_counter
sleep = _time.sleep
gmtime = _time.gmtime
strftime = _time.strftime


def epoch() -> float:
    """Return the true wall time minus the performance counter, in seconds.

    It is read anew where nothing contradicts that: pytest may be called again hours after the import.
    """
    read: float = _time.time() - perf_counter()
    if abs(read - _AT_IMPORT) <= TOLERANCE_S and "time_machine" not in sys.modules:
        return read
    return nearest(_file_time() - perf_counter(), _AT_IMPORT, read)


def nearest(by_file: float, *candidates: float) -> float:
    """Return the candidate nearest to the file system's time; that time itself if none is within a day."""
    best = min(candidates, key=lambda candidate: abs(candidate - by_file))
    return best if abs(best - by_file) <= FILE_TOLERANCE_S else by_file


def _file_time() -> float:
    """Return the modification time of a file written now, which no patched clock of Python affects."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return _AT_IMPORT + float(perf_counter())

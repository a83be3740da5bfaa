"""The spool's line and its records. Pure.

A spool is ASCII lines, each `crc32 length body`, the body `seq json`: the CRC (eight hex digits) and the
length (bytes) are those of the body, so that each line proves itself. `seq` counts from 1. The JSON is an
array, its first element the kind:

| kind | then |
|---|---|
| `run` | an object: what is known at the start, see `outcomes.Run` |
| `began` | node id, time |
| `error` | node id, worker, phase, kind (`failed`, `rerun`, `subtest`, `crash`), class, text, time |
| `test` | node id, worker, phases (a letter each), start time, setup, call, teardown |
| `stat` | node id, worker, list of [epoch seconds, label, value, context] |
| `fixtures` | list of [base id, name, scope, count, setup, teardown], what came since the last such record |
| `collected` | worker, list of [path, seconds] |
| `uncollected` | node id, class, text, time |
| `end` | an object: finished (epoch seconds), exit_code, interrupted |

Times and durations of `began`, `error`, `test` and `uncollected` are whole microseconds (since the epoch);
those of lists are seconds. A class is empty where nobody knows it.
"""

from __future__ import annotations

import json
from binascii import crc32
from dataclasses import dataclass
from typing import Any

VERSION = 1
SUFFIX = ".aks"

#: No record is longer, so that a reader's memory is bounded and one bad record costs little.
MAX_RECORD_BYTES = 64 * 1024

#: One letter a phase, in the order setup, call, teardown.
PHASES = ("setup", "call", "teardown")
ABSENT, PASSED, FAILED, SKIPPED, XFAILED, XPASSED, RERUN = "-pfsxXr"


@dataclass(frozen=True)
class Record:
    """One line that proved itself: `seq` from 1, `content` the JSON array."""

    seq: int
    content: list[Any]


def line(seq: int, content: str) -> bytes:
    """Return a line for `content`, JSON that is already ASCII."""
    body = f"{seq} {content}".encode("ascii")
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def parse(written: bytes) -> Record | None:
    """Return the record of one line (without its newline), `None` if it does not prove itself."""
    crc, _, rest = written.partition(b" ")
    length, _, body = rest.partition(b" ")
    # Plain comparison with what we would have written: no leniency of int() with signs or underscores.
    if b"%08x %d" % (crc32(body), len(body)) != crc + b" " + length:
        return None
    seq, _, content = body.partition(b" ")
    try:
        return Record(int(seq), json.loads(content))
    except (ValueError, RecursionError):
        return None

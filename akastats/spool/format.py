"""Encode and decode the lines of a spool. Pure.

A spool is ASCII lines, each `crc32 length body`, the body `seq json`: the CRC (eight hex digits) and the
length (bytes) are those of the body, so that each line proves itself. `seq` counts from 1. The JSON is an
array, its first element the kind:

| kind | then |
|---|---|
| `run` | an object: what is known at the start, see `outcomes.Run`, and the `producer`; it stands twice |
| `planned` | how many tests pytest will run, known at the end of collection |
| `began` | node id, time |
| `error` | node id, worker, phase, kind (`failed`, `rerun`, `subtest`, `crash`), class, text, time |
| `test` | node id, worker, phases (a letter each), start time, setup, call, teardown |
| `budget` | node id, an object: `max_seconds`, `max_slowdown`, what the test's markers say of them |
| `stat` | node id, worker, list of [epoch seconds, label, value, context] |
| `fixtures` | list of [base id, name, scope, count, setup, teardown], what came since the last such record |
| `collected` | worker, list of [path, seconds] |
| `uncollected` | node id, class, text, time |
| `end` | an object: finished (epoch seconds), exit_code, interrupted |

Times and durations of `began`, `error`, `test` and `uncollected` are whole microseconds (since the epoch);
those of lists are seconds. A class is empty where nobody knows it.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import JSONDecoder, dumps, loads
from math import isfinite
from typing import Any

VERSION = 1
SUFFIX = ".aks"

#: No record is longer, so that a reader's memory is bounded and one bad record costs little.
MAX_RECORD_BYTES = 64 * 1024

#: One letter a phase, in the order setup, call, teardown.
PHASES = ("setup", "call", "teardown")
ABSENT, PASSED, FAILED, SKIPPED, XFAILED, XPASSED, RERUN = "-pfsxXr"

_PRODUCER = re.compile(r"[0-9a-f]{32}")
_PRODUCER_IN_NAME = re.compile(r"-([0-9a-f]{32})(?![0-9A-Za-z])")

# How a line begins: the CRC and the length of its body.
_HEAD = re.compile(rb"([0-9a-f]{8}) ([1-9]\d{0,5}) ")

# Damaged bytes hold a handful of beginnings; more are somebody's play, and each costs a CRC of up to 64 KiB.
_MAX_HEADS = 100


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number that we write")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number that we write")
    return number


# What JSONDecoder.decode does besides is to skip white space, which we do not write: half of its time.
_scan = JSONDecoder(parse_constant=_refuse, parse_float=_finite).scan_once  # type: ignore[attr-defined]  # not in its stub


@dataclass(frozen=True)
class Record:
    """One line that proved itself: `seq` from 1, `content` the JSON array."""

    seq: int
    content: list[Any]


@dataclass(frozen=True)
class Found:
    """A record amid damaged bytes, and where it stands among them."""

    start: int
    stop: int
    record: Record


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
        told, end = _scan(content.decode("ascii"), 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    if not (end == len(content) and seq.isdigit() and len(seq) < 16):
        return None
    if not (isinstance(told, list) and told and isinstance(told[0], str)):
        return None
    return Record(int(seq), told)


def records_in(damaged: bytes) -> Iterator[Found]:
    """Yield the records that stand whole in a damaged line: glued together, or behind what is no record.

    None of them is part of another's text: every record holds quotation marks, which a text has escaped.
    """
    at = 0
    for _ in range(_MAX_HEADS):
        head = _HEAD.search(damaged, at)
        if head is None:
            return
        at = head.start() + 1
        stop = head.end() + int(head[2])
        record = parse(damaged[head.start() : stop]) if stop <= len(damaged) else None
        if record is not None:
            yield Found(head.start(), stop, record)
            at = stop


def identity(name: str, header: Mapping[str, Any]) -> str:
    """Return the producer of a spool, which is the same for each copy, whatever its name.

    The first record names it. Of spools of earlier releases the file's name does; one that was renamed is known by
    what its first record holds.
    """
    producer = header.get("producer")
    if isinstance(producer, str) and _PRODUCER.fullmatch(producer):
        return producer
    named = _PRODUCER_IN_NAME.findall(name)
    if named:
        return str(named[-1])
    if not header:
        return name.partition(SUFFIX)[0].rpartition("-")[2]
    return sha256(dumps(header, sort_keys=True).encode()).hexdigest()[:32]


def shortened(content: str, limit: int = MAX_RECORD_BYTES - 64) -> str:
    """Return a record's JSON with its longest texts cut, so that it has at most `limit` bytes."""
    told = loads(content)
    size = limit
    while len(content) > limit and size > 16:
        size //= 2
        content = dumps(_cut(told, size), separators=(",", ":"))
    return content


def _cut(told: Any, size: int) -> Any:
    if isinstance(told, str):
        return told if len(told) <= size else f"{told[: size // 2 - 3]} ... {told[len(told) - size // 2 + 2 :]}"
    if isinstance(told, list):
        return [_cut(item, size) for item in told]
    if isinstance(told, dict):
        return {name: _cut(item, size) for name, item in told.items()}
    return told


# Position of a time in microseconds in a record, by its kind.
_TIME_AT = {"began": 2, "error": 7, "test": 4, "uncollected": 4}
# Field of a record's object with a time in seconds, by its kind.
_TIME_OF = {"run": "started", "end": "finished"}


def moved(content: list[Any], seconds: float) -> list[Any]:
    """Return the content of a record with its times moved by `seconds`, for a machine whose clock is wrong."""
    kind, changed = content[0], list(content)
    if kind in _TIME_AT:
        changed[_TIME_AT[kind]] += round(seconds * 1e6)
    elif kind in _TIME_OF:
        name = _TIME_OF[kind]
        changed[1] = {**content[1], name: float(content[1][name]) + seconds}
    elif kind == "stat":
        changed[3] = [[time + seconds, *rest] for time, *rest in content[3]]
    return changed

"""Encode and decode the lines of a spool.

A spool consists of ASCII lines of the form `crc32 length body`; the body has the form `seq json`. The CRC (eight
hex digits) and the length (bytes) of the body make damaged lines detectable. `seq` counts from 1. The JSON is an
array, whose first element is the kind:

| kind | further elements |
|---|---|
| `run` | an object: fields of the run known at its start, and the `producer`; this record is written twice |
| `planned` | number of tests that pytest will run, known at the end of collection |
| `began` | node id, time |
| `error` | node id, worker, phase, kind (`failed`, `rerun`, `subtest`, `crash`), class, text, time |
| `test` | node id, worker, phases (one letter each), start time, setup, call, teardown, CPU time of the three |
| `metrics` | worker, an object: whole numbers by name, for its next attempts until another record changes them |
| `costs` | worker, an object: whole numbers by name, for its next attempt only |
| `fixture_set` | number to which `metrics` refer, list of fixture names, list of those that only `autouse` adds |
| `process` | worker, an object of moments, an object of durations, process id or 0; later records add to it |
| `imports` | worker, `conftest`, `collect` or `tests`, list of [package, modules, seconds, node id, compiled] |
| `builds` | worker, list of [base id, name, node id, seconds]: setups of fixtures with a scope beyond a function |
| `budget` | node id, an object: `max_seconds`, `max_slowdown`, from the test's markers |
| `stat` | node id, worker, list of [epoch seconds, label, value, context] |
| `fixtures` | list of [base id, name, scope, count, setup, teardown], since the last such record |
| `collected` | worker, list of [path, seconds] |
| `uncollected` | node id, class, text, time |
| `end` | an object: finished (epoch seconds), exit_code, interrupted |

Times and durations of `began`, `error`, `test`, `uncollected` and `process` are whole microseconds (since the
epoch); those of lists are seconds. An unknown class is empty. `akastats.spool.records` decodes the elements; it
ignores further elements of a later release.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecoder, dumps, loads
from math import isfinite
from typing import Any

VERSION = 1
SUFFIX = ".aks"

#: Maximum number of bytes per record. It limits the memory of a reader, and the data lost with a damaged record.
MAX_RECORD_BYTES = 64 * 1024

#: The phases of a test, in the order of its letters.
PHASES = ("setup", "call", "teardown")
ABSENT, PASSED, FAILED, SKIPPED, XFAILED, XPASSED, RERUN = "-pfsxXr"

# Templates of the records that are written for every test. A node id is inserted as JSON, with its quotes.
BEGAN = '["began",%s,%d]'
ATTEMPT = '["test",%s,"%s","%s",%d,%d,%d,%d,%d,%d,%d]'
PASSED_ATTEMPT = '["test",%s,"","ppp",%d,%d,%d,%d,%d,%d,%d]'

# The start of a line: CRC and length of its body.
_HEAD = re.compile(rb"([0-9a-f]{8}) ([1-9]\d{0,5}) ")

# Maximum number of line starts that are tried per damaged line. Each one costs a CRC of up to 64 KiB, so a crafted
# file could otherwise block the reader.
_MAX_HEADS = 100


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number that akastats writes")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a number that akastats writes")
    return number


# JSONDecoder.decode spends half of its time on skipping white space, which akastats does not write.
_scan = JSONDecoder(parse_constant=_refuse, parse_float=_finite).scan_once  # type: ignore[attr-defined]  # not in its stub


@dataclass(frozen=True)
class Record:
    """One valid line.

    seq: number of the record, from 1
    content: the JSON array
    """

    seq: int
    content: list[Any]

    @property
    def kind(self) -> str:
        """Return the kind of the record."""
        return str(self.content[0])


@dataclass(frozen=True)
class EmbeddedRecord:
    """A record inside damaged bytes.

    start: position of its first byte
    stop: position after its last byte
    record: the record
    """

    start: int
    stop: int
    record: Record


def encode_line(seq: int, content: str) -> bytes:
    """Return the line for `content`, which is ASCII JSON."""
    body = f"{seq} {content}".encode("ascii")
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def decode_line(written: bytes) -> Record | None:
    """Return the record of one line without its newline; `None` if the line is not valid."""
    crc, _, rest = written.partition(b" ")
    length, _, body = rest.partition(b" ")
    # Compare bytes, because int() would also accept signs and underscores.
    if b"%08x %d" % (crc32(body), len(body)) != crc + b" " + length:
        return None
    seq, _, content = body.partition(b" ")
    try:
        value, end = _scan(content.decode("ascii"), 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    if not (end == len(content) and seq.isdigit() and len(seq) < 16):
        return None
    if not (isinstance(value, list) and value and isinstance(value[0], str)):
        return None
    return Record(int(seq), value)


def find_records(damaged: bytes) -> Iterator[EmbeddedRecord]:
    """Yield the complete records inside a damaged line: several joined lines, or a record after invalid bytes.

    A text inside a record never looks like another record, because quotation marks in texts are escaped.
    """
    at = 0
    for _ in range(_MAX_HEADS):
        head = _HEAD.search(damaged, at)
        if head is None:
            return
        at = head.start() + 1
        stop = head.end() + int(head[2])
        record = decode_line(damaged[head.start() : stop]) if stop <= len(damaged) else None
        if record is not None:
            yield EmbeddedRecord(head.start(), stop, record)
            at = stop


def shorten(content: str, limit: int = MAX_RECORD_BYTES - 64) -> str:
    """Return a record's JSON, with its longest texts truncated until it has at most `limit` bytes.

    Texts keep at least 8 characters, so a record with very many texts can remain longer.
    """
    value = loads(content)
    size = limit
    while len(content) > limit and size > 16:
        size //= 2
        content = dumps(_cut(value, size), separators=(",", ":"))
    return content


def _cut(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return (
            value if len(value) <= size else f"{value[: size // 2 - 3]} ... {value[len(value) - size // 2 + 2 :]}"
        )
    if isinstance(value, list):
        return [_cut(item, size) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item, size) for name, item in value.items()}
    return value

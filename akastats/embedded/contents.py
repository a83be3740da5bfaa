"""Check, without a server, that the files of an append-only log contain only data and commands that write data.

A server executes each command of such a file when it starts: EVAL and FUNCTION run programs, REPLICAOF and MODULE
load data and code from elsewhere. A snapshot may contain functions and data of modules.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

#: Commands that only change data, by older and newer names; the log contains the effects of scripts.
COMMANDS = frozenset(
    b"""
    SELECT MULTI EXEC
    SET SETEX PSETEX SETNX MSET MSETNX MSETEX GETSET GETDEL GETEX DELEX DELIFEQ APPEND SETRANGE SETBIT
    INCR INCRBY INCRBYFLOAT DECR DECRBY
    DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST RENAME RENAMENX COPY MOVE FLUSHDB FLUSHALL SWAPDB
    LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LTRIM LINSERT LSET LREM LMOVE RPOPLPUSH LMPOP
    HSET HMSET HSETNX HDEL HINCRBY HINCRBYFLOAT HSETEX HGETDEL HGETEX HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT
    HPERSIST
    SADD SREM SPOP SMOVE SUNIONSTORE SINTERSTORE SDIFFSTORE
    ZADD ZREM ZINCRBY ZPOPMIN ZPOPMAX ZMPOP ZREMRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYLEX
    ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZRANGESTORE
    PFADD PFMERGE GEOADD BITOP BITFIELD
    """.split()
)

_HEAD = re.compile(rb"\*([1-9]\d{0,8})\r\n")
_BULK = re.compile(rb"\$(\d{1,10})\r\n")
_MAGIC = re.compile(rb"(?:REDIS|VALKEY)\d{3,4}")

# Opcodes of a snapshot, from rdb.h of Redis and Valkey.
_SLOT_INFO, _IDLE, _FREQUENCY, _AUX, _RESIZE = 0xF4, 0xF8, 0xF9, 0xFA, 0xFB
_EXPIRES_MS, _EXPIRES_S, _SELECT, _END = 0xFC, 0xFD, 0xFE, 0xFF
_PROGRAMS = {0xF5: "functions", 0xF6: "functions", 0xF7: "data of a module"}
# Number of strings per value, or per element of a value, by type.
_SINGLE = frozenset((0, 9, 10, 11, 12, 13, 16, 17, 20))
_STRINGS_PER_ITEM = {1: 1, 2: 1, 4: 2, 14: 1}
_SCORES_AS_TEXT, _SCORES, _QUICK_LIST = 3, 5, 18


class ForeignError(Exception):
    """A file contains something that akastats does not write; the message describes it."""


class DamageError(ForeignError):
    """A file contains bytes that are not a command."""


def find_foreign_content(files: list[Path]) -> str:
    """Return a description of content that no akastats server writes; empty if the files contain only data.

    Raises `DamageError` if commands are followed by invalid bytes.
    """
    for file in files:
        try:
            _check(file)
        except DamageError:
            raise
        except ForeignError as error:
            return f"{file.name} contains {error}"
        except FileNotFoundError:
            # The server reports the missing part.
            continue
        except OSError as error:
            return f"{file.name} cannot be read ({error.strerror})"
    return ""


def _check(file: Path) -> None:
    with file.open("rb") as opened:
        if not opened.read(1):
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            check(content)


def check(content: bytes | mmap.mmap) -> None:
    """Check a file of an append-only log: a snapshot, commands, or a snapshot followed by commands.

    Raises `ForeignError` for anything but data. A truncated command at the end is accepted, because the server
    ignores it.
    """
    magic = _MAGIC.match(content)
    try:
        check_commands(content, check_snapshot(content, magic.end()) if magic else 0)
    except IndexError:
        if magic is None:
            raise
        raise ForeignError("a truncated snapshot") from None


def check_commands(content: bytes | mmap.mmap, at: int) -> None:
    """Check the commands from the offset `at` (bytes); raise `ForeignError` for one that is not in the list."""
    size, head, bulk = len(content), _HEAD.match, _BULK.match
    while at < size:
        begin = head(content, at)
        if begin is None:
            at = _skip_annotation(content, at)
            continue
        at, name = begin.end(), b""
        for position in range(int(begin[1])):
            length = bulk(content, at)
            if length is None:
                _check_truncated(content, at)
                return
            start = length.end()
            at = start + int(length[1]) + 2
            if position == 0:
                name = content[start : at - 2]
        if at <= size and name.upper() not in COMMANDS:
            raise ForeignError(f"the command {name[:40].decode('ascii', 'backslashreplace')}")


def _skip_annotation(content: bytes | mmap.mmap, at: int) -> int:
    """Return the end offset of an annotation line; raise `ForeignError` if it is not an annotation."""
    if content[at : at + 1] == b"#":
        end = content.find(b"\n", at)
        return len(content) if end < 0 else end + 1
    _check_truncated(content, at)
    return len(content)


def _check_truncated(content: bytes | mmap.mmap, at: int) -> None:
    """Raise `DamageError` unless the rest is a truncated command or zeros."""
    rest = content[at : at + 16]
    is_head = re.fullmatch(rb"[*$]\d{0,10}\r?", rest) and at + len(rest) == len(content)
    # After a power failure a file may end in zeros.
    if rest and not is_head and content[at:].strip(b"\0"):
        raise DamageError(f"invalid data instead of a command at byte {at}")


def check_snapshot(content: bytes | mmap.mmap, at: int) -> int:
    """Check a snapshot after its magic number; return the offset of its end.

    Raises `ForeignError` for functions, modules and unknown types, `IndexError` at the end of the content.
    """
    while True:
        kind = content[at]
        at += 1
        if kind == _END:
            return at + 8
        if kind == _AUX:
            # A compressed name is refused, because it could be any name.
            if content[at : at + 4] == b"\3lua" or content[at] >= 0xC0:
                raise ForeignError("scripts")
            at = _skip_string(content, _skip_string(content, at))
        elif kind in _HEADERS:
            at = _skip_header(content, kind, at)
        elif kind in _PROGRAMS:
            raise ForeignError(_PROGRAMS[kind])
        else:
            at = _skip_value(content, kind, _skip_string(content, at))


_HEADERS = {_SELECT: 1, _RESIZE: 2, _SLOT_INFO: 3, _IDLE: 1, _FREQUENCY: -1, _EXPIRES_MS: -8, _EXPIRES_S: -4}


def _skip_header(content: bytes | mmap.mmap, kind: int, at: int) -> int:
    """Return the offset after the fields that precede a key: a number of lengths, or of bytes."""
    lengths = _HEADERS[kind]
    if lengths < 0:
        return at - lengths
    for _ in range(lengths):
        _, at = _length(content, at)
    return at


def _length(content: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    first = content[at]
    if first < 0x40:
        return first, at + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | content[at + 1], at + 2
    if first in (0x80, 0x81):
        size = 4 if first == 0x80 else 8
        return int.from_bytes(content[at + 1 : at + 1 + size], "big"), at + 1 + size
    raise ForeignError("a length in an unknown encoding")


def _skip_string(content: bytes | mmap.mmap, at: int) -> int:
    first = content[at]
    if first < 0xC0:
        size, at = _length(content, at)
        return at + size
    if first <= 0xC2:
        return at + 1 + (1, 2, 4)[first - 0xC0]
    if first != 0xC3:
        raise ForeignError("a string in an unknown encoding")
    packed, at = _length(content, at + 1)
    _, at = _length(content, at)
    return at + packed


def _skip_value(content: bytes | mmap.mmap, kind: int, at: int) -> int:
    if kind in _SINGLE:
        return _skip_string(content, at)
    if kind not in _STRINGS_PER_ITEM and kind not in (_SCORES_AS_TEXT, _SCORES, _QUICK_LIST):
        raise ForeignError(f"values of type {kind}, which akastats does not write")
    count, at = _length(content, at)
    for _ in range(count):
        at = _skip_item(content, kind, at)
    return at


def _skip_item(content: bytes | mmap.mmap, kind: int, at: int) -> int:
    if kind == _QUICK_LIST:
        _, at = _length(content, at)
    for _ in range(_STRINGS_PER_ITEM.get(kind, 1)):
        at = _skip_string(content, at)
    if kind == _SCORES:
        return at + 8
    if kind == _SCORES_AS_TEXT:
        size = content[at]
        return at + 1 + (size if size < 253 else 0)
    return at

"""Fingerprints of failures, computed from the exception class, the message without numbers, and the frames."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import NamedTuple

#: Maximum number of characters of a message.
MAX_MESSAGE = 500
#: Maximum number of the project's own innermost frames in a fingerprint.
MAX_FRAMES = 3
# Maximum number of characters of a line with a location. A longer line is a printed value.
_MAX_LOCATION_LENGTH = 1000


@dataclass(frozen=True)
class Fingerprint:
    """A failure without the parts that change from run to run.

    id: 32 hexadecimal digits, computed from the other fields
    exception: class of the exception
    message: message with numbers, paths and ids replaced
    frames: frames as `file::function`, innermost last
    """

    id: str
    exception: str
    message: str
    frames: tuple[str, ...]


class Frame(NamedTuple):
    """A frame of a traceback.

    file: path as in the traceback
    line: line number, from 1
    function: name of the function; empty if the traceback has none
    """

    file: str
    line: int
    function: str


def fingerprint(text: str, raised: str = "") -> Fingerprint:
    """Return the fingerprint of a traceback of Python, or of pytest in any of its styles.

    `raised` is the class of the exception; by default it is taken from the text.
    """
    exception = raised or class_in(text)
    if is_group(text):
        message, frames = _of_group(text, exception)
    else:
        message, frames = mask(message_in(text, exception)), _distinctive_frames(list(own_frames(text)))
    identity = "\0".join((exception, message, *frames)).encode(errors="backslashreplace")
    return Fingerprint(hashlib.blake2b(identity, digest_size=16).hexdigest(), exception, message, frames)


# The last line of a traceback of pytest or Python, which names the exception.
_RAISED = re.compile(
    r"^(?:E\s+)?(?:[\w.]+\.)?((?:[A-Za-z_]\w*)?(?:Error|Exception|ExceptionGroup|Exit|Warning|Interrupt))\b", re.M
)
# pytest's closing line of a traceback: `file.py:3: ValueError`.
_LOCATION = re.compile(r"^\S+:\d+: ([A-Za-z_]\w*)$", re.MULTILINE)


# pytest's `E` line with any class name. It is used only if the other patterns do not match.
_NAMED = re.compile(r"^E\s+(?:[\w.]+\.)?([A-Z]\w*)(?:: |$)", re.MULTILINE)
# The message of pytest-xdist about a dead worker.
_CRASHED = re.compile(r"\Aworker '[^'\n]*' crashed while running ")
#: Class of the failure of a test whose worker died.
WORKER_CRASH = "WorkerCrash"
#: Class of the failure of a test whose process died: `os._exit`, a signal, or lack of memory.
PROCESS_CRASH = "ProcessCrash"


def class_in(text: str) -> str:
    """Return the class of the exception at the end of a traceback; `Error` if there is none."""
    if _CRASHED.match(text):
        return WORKER_CRASH
    if is_group(text):
        text = group_parts(text)[0]
    placed: list[str] = _LOCATION.findall(text)
    classes: list[str] = placed or _RAISED.findall(text) or _NAMED.findall(text)
    return classes[-1] if classes else "Error"


def message_in(text: str, raised: str) -> str:
    """Return the first line of a traceback's message without the class, at most 500 characters.

    The message is in pytest's last `E` lines, otherwise in the last line that names the class. For an exception
    group, return the message of the group itself.
    """
    if is_group(text):
        text = group_parts(text)[0]
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    message_lines = takewhile(
        _is_message_line, dropwhile(lambda line: not _is_message_line(line), reversed(lines))
    )
    naming = [line for line in lines if raised in line] or lines
    first = next(reversed(list(message_lines)), naming[-1] if naming else "")
    return _without_class(first.removeprefix("E ").strip(), raised)[:MAX_MESSAGE]


def _is_message_line(line: str) -> bool:
    # An empty line of a message, as in a string comparison, is a single E once its blanks are stripped.
    return line.startswith("E  ") or line == "E"


def _without_class(line: str, raised: str) -> str:
    name, colon, message = line.partition(": ")
    return message.strip() if colon and name.rpartition(".")[2] == raised else line


_MASKS = (
    # Mask long texts, because pytest truncates them depending on its verbosity.
    (re.compile(r"""'(?:[^'\\\n]|\\.)*(?:\.\.\.(?:[^'\\\n]|\\.)*|(?<=.{100}))'"""), "'<text>'"),
    (re.compile(r'''"(?:[^"\\\n]|\\.)*(?:\.\.\.(?:[^"\\\n]|\\.)*|(?<=.{100}))"'''), "'<text>'"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]+(?:\.\.\.\w*)?"), "<hex>"),
    # An absolute path in quotes, or a path below a directory of temporary files.
    (re.compile(r"""(?<=['"`])(?:/|[A-Za-z]:[\\/])[^'"`\n]*(?=['"`])"""), "<path>"),
    (re.compile(r"(?:/private)?(?:/tmp|/var/tmp|/var/folders|/dev/shm)/[^\s'\"`,;:)\]]+"), "<path>"),
    (re.compile(r"[^\s'\"`(\[]*[\\/]pytest-(?:of-[^\s\\/]+|\d+)[\\/][^\s'\"`,;:)\]]+"), "<path>"),
    (re.compile(r"[A-Za-z]:[\\/][^\s'\"`]*[\\/]Temp[\\/][^\s'\"`,;:)\]]+"), "<path>"),
    # Digests and ids have at least one digit, which distinguishes them from words.
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{12,}\b|\b(?=[A-F]*[0-9])[0-9A-F]{12,}\b"), "<hex>"),
    # Names of pytest-xdist workers.
    (re.compile(r"\bgw\d+\b"), "gw<n>"),
    # Do not mask numbers within a name: `x2` and `x3` are different names.
    (re.compile(r"(?<!\w)-?\d+(?:[.,:]\d+)*(?:[eE][+-]?\d+)?"), "<n>"),
    # The number of values that pytest shows of a container depends on the verbosity of pytest.
    (re.compile(r"(<\w+>|'<\w+>')(?:, \1)+(?:, \.\.\.)?"), r"\1, ..."),
)


def mask(message: str) -> str:
    """Return a message with numbers, addresses, ids, and temporary and absolute paths replaced."""
    for pattern, name in _MASKS:
        message = pattern.sub(name, message)
    return message


_GROUP = re.compile(r"^\s*\+ Exception Group Traceback \(most recent call last\):$", re.MULTILINE)
_MEMBER = re.compile(r"^\s*\+(?:-\+)?-{4,} (?:\d+|\.\.\.) -{4,}$", re.MULTILINE)
_BAR = re.compile(r"^\s*[|+](?: |-+$|$)", re.MULTILINE)
#: Maximum number of members that the message of a group names.
MAX_MEMBERS = 5


def is_group(text: str) -> bool:
    """Return whether a traceback ends with an exception group."""
    return _GROUP.search(_last_of_chain(text)) is not None


def group_parts(text: str) -> list[str]:
    """Return the traceback of an exception group, then those of its members at any depth, without margin bars."""
    return [_BAR.sub("", part) for part in _MEMBER.split(_last_of_chain(text))]


def _leaves(text: str) -> list[str]:
    """Return the tracebacks of the members that are not groups, in an order that does not depend on timing."""
    parts = group_parts(text)[1:] if is_group(text) else []
    leaves = [part.strip() for part in parts if "Exception Group Traceback (" not in part]
    return sorted((leaf for leaf in leaves if leaf), key=lambda leaf: (leaf.splitlines()[-1], leaf))


def _of_group(text: str, exception: str) -> tuple[str, tuple[str, ...]]:
    """Return message and frames of an exception group, combined from its members."""
    members = {(each.exception, each.message): each for each in map(fingerprint, _leaves(text))}
    described = [f"{name}: {message}" for name, message in sorted(members)[:MAX_MEMBERS]]
    message = f"{mask(message_in(text, exception))} [{'; '.join(described)}]"[:MAX_MESSAGE]
    share = max(1, MAX_FRAMES // max(1, len(members)))
    frames = [frame for key in sorted(members) for frame in members[key].frames[-share:]]
    return message, tuple(frames[:MAX_FRAMES]) or _distinctive_frames(list(own_frames(group_parts(text)[0])))


_CHAINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_NATIVE = re.compile(r'\s*File "([^"]+)", line (\d+), in (.+)')
_SHORT = re.compile(r"(\S.*?):(\d+): in (\S+)")
_LONG = re.compile(r"(\S.*?):(\d+): ?[\w.]*")
_LINE = re.compile(r"(\S+?\.py):(\d+): [A-Za-z_][\w.]*: .*")
# The leading characters are optional, because the first line of a stripped traceback lacks them.
_DEF = re.compile(r"(?:[> ]\s*)?(?:async )?def (\w+)")


def own_frames(text: str) -> Iterator[str]:
    """Yield the project's own frames of the exception raised last, as `file::function`, outermost first."""
    for frame in _own(text):
        yield f"{_short(frame.file)}::{frame.function}"


def innermost(text: str) -> Frame | None:
    """Return the project's own innermost frame of the exception raised last; `None` if the text has none."""
    for part in (*_leaves(text), text):
        if frames := list(_own(part)):
            return frames[-1]
    return None


def _own(text: str) -> Iterator[Frame]:
    return (frame for frame in _frames(_last_of_chain(text).splitlines()) if not _is_foreign(frame.file))


def _last_of_chain(text: str) -> str:
    at = max(text.rfind(words) for words in _CHAINED)
    return text[at:] if at >= 0 else text


def _frames(lines: list[str]) -> Iterator[Frame]:
    # In the long style of pytest, only the source code above a location names the function.
    function, before = "", ("", "")
    for line in lines:
        if len(line) > _MAX_LOCATION_LENGTH:
            continue
        if match := _NATIVE.fullmatch(line):
            yield _frame(match, match[3])
        elif match := _SHORT.fullmatch(line):
            function, before = "", (match[1], match[2])
            yield _frame(match, match[3])
        elif not function and (match := _DEF.match(line)):
            function = match[1]
        elif match := _LONG.fullmatch(line):
            if function or (match[1], match[2]) != before:
                yield _frame(match, function or "<module>")
            function, before = "", (match[1], match[2])
        elif match := _LINE.fullmatch(line):
            yield _frame(match, function)


def _frame(match: re.Match[str], function: str) -> Frame:
    # Ten digits are not a line number, and Python converts at most 4,300 digits to a number.
    return Frame(match[1], int(match[2][:9]), function)


_FOREIGN = re.compile(
    r"(?:^|[\\/])(?:site-packages|dist-packages|_pytest|pluggy)[\\/]"
    r"|[\\/][Ll]ib[\\/]python\d[^\\/]*[\\/]|[\\/]Python\d+[\\/][Ll]ib[\\/]|^<"
)


def _is_foreign(file: str) -> bool:
    """Return whether a file belongs to an installed package, to Python or to pytest."""
    return _FOREIGN.search(file) is not None


def _short(file: str) -> str:
    """Return a relative path unchanged, and only the last 3 parts of an absolute path, because checkouts move."""
    parts = file.replace("\\", "/").split("/")
    is_absolute = file.startswith("/") or re.match(r"[A-Za-z]:[\\/]", file)
    return "/".join(parts[-3:] if is_absolute else parts)


# Frames of test functions. If a helper fails for 100 tests, these failures must have the same fingerprint.
_OF_TESTS = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py::test|::test_")


def _distinctive_frames(frames: list[str]) -> tuple[str, ...]:
    """Return the innermost frames that identify a failure; omit those of test functions if a helper failed."""
    called = [frame for frame in frames if not _OF_TESTS.search(frame)]
    is_deeper = bool(called) and frames[-1] == called[-1]
    return tuple((called if is_deeper else frames)[-MAX_FRAMES:])

"""Reading a report: XML as a stream, so that neither its size nor what hides in it costs more than it may.

Anybody may have written it. A document type is refused, and with it every entity; nothing outside of the file
is ever looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol
from xml.parsers import expat

from akastats.errors import ReportError
from akastats.importers.junit.characters import Repair

CHUNK_BYTES = 64 * 1024
#: A report of 10,000 tests has some 2 MB.
MAX_BYTES = 256 * 1024 * 1024
#: The results of a run are held in memory while it is delivered, some 500 bytes each.
MAX_CASES = 200_000
#: Reports nest three levels, where suites hold suites a few more.
MAX_DEPTH = 50
#: Bytes of one tag with its attributes: messages stand in them.
MAX_TAG_BYTES = 2 * 1024 * 1024
#: Failures, errors and reruns that are kept of one test, and characters of each: its head and its tail.
MAX_PROBLEMS = 20
MAX_TEXT = 64 * 1024
MAX_NAME = 4096

FAILURE, ERROR, SKIPPED, RERUN = "failure", "error", "skipped", "rerun"
_PROBLEMS = {
    "failure": FAILURE,
    "error": ERROR,
    "skipped": SKIPPED,
    "rerunFailure": RERUN,
    "rerunError": RERUN,
    "flakyFailure": RERUN,
    "flakyError": RERUN,
}
#: What googletest, Catch2 and CTest write in a test's `status` or `result` instead of an element in it.
_STATES = {
    "notrun": SKIPPED,
    "disabled": SKIPPED,
    "suppressed": SKIPPED,
    "skipped": SKIPPED,
    "fail": FAILURE,
    "failed": FAILURE,
    "failure": FAILURE,
    "error": ERROR,
}
#: Tests that CTest lists as failed, although their reports have `<skipped>` in them.
_NOT_STARTED = {"Unable to find executable", "Required Files Missing", "Fixture dependency failed"}
#: Errors of the parser at the end of a file that was not written to its end.
_CUT_OFF = {
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
}


@dataclass(frozen=True)
class Suite:
    """A `testsuite` as its tag tells it: all as written, empty where absent."""

    name: str = ""
    file: str = ""
    timestamp: str = ""
    time: str = ""
    host: str = ""


@dataclass(frozen=True)
class Problem:
    """What a test says of an attempt that did not pass: `kind` of failure, error, skipped, rerun."""

    kind: str
    type: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True)
class Case:
    """A `testcase` and the suite it stands in."""

    suite: Suite
    classname: str
    name: str
    file: str = ""
    time: str = ""
    problems: tuple[Problem, ...] = ()


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def read(stream: Readable, repair: Repair | None = None) -> Iterator[Suite | Case]:
    """Yield suites as they begin and cases as they end; raises `ReportError` for what is no report.

    `repair` counts the characters that had to be replaced.
    """
    reader = _Reader(repair or Repair())
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise ReportError(f"it has more than {MAX_BYTES // 2**20} MiB: split it")
        yield from reader.feed(chunk)
    yield from reader.feed(b"", is_last=True)


class _Reader:
    """The state between the parser's calls: what is open, and what is complete and not yet taken."""

    def __init__(self, repair: Repair) -> None:
        self._repair, self._size = repair, 0
        self._depth = 0
        self._suites: list[Suite] = []
        self._case: Case | None = None
        self._state: Problem | None = None
        self._problem: Problem | None = None
        self._text, self._at = _Text(), 0
        self._open: list[str] = []
        self._complete: list[Suite | Case] = []
        self._count = 0
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.buffer_text = True

    def feed(self, chunk: bytes, is_last: bool = False) -> list[Suite | Case]:
        """Parse the next bytes; return what they complete."""
        piece = self._repair.feed(chunk, is_last)
        self._size += len(piece)
        try:
            self._parser.Parse(piece, is_last)
        except expat.ExpatError as error:
            if is_last and self._size and error.code in _CUT_OFF:
                raise ReportError(f"it is cut off: it ends in line {error.lineno}, {self._position()}") from error
            raise ReportError(f"it is no XML: {error}") from error
        if self._size - max(0, self._parser.CurrentByteIndex) > MAX_TAG_BYTES:
            raise ReportError(f"one of its tags has more than {MAX_TAG_BYTES // 2**20} MiB")
        complete, self._complete = self._complete, []
        return complete

    def _position(self) -> str:
        return f"within <{self._open[-1][:100]}>" if self._open else "before its first element"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ReportError(f"its elements nest deeper than {MAX_DEPTH}")
        if self._depth == 1 and tag not in ("testsuites", "testsuite"):
            raise ReportError(f"it is no JUnit report: its root is <{tag[:100]}>")
        self._open.append(tag)
        if tag == "testsuite":
            self._begin_suite(attributes)
        elif tag == "testcase" and self._case is None:
            self._begin_case(attributes)
        elif tag in _PROBLEMS and self._case is not None and self._open[-2] == "testcase":
            told = attributes.get("type", "")[:MAX_NAME], attributes.get("message", "")[:MAX_TEXT]
            self._problem, self._text, self._at = Problem(_PROBLEMS[tag], *told), _Text(), self._depth

    def _begin_suite(self, attributes: dict[str, str]) -> None:
        get = attributes.get
        outer = self._suites[-1] if self._suites else Suite()
        suite = Suite(
            get("name", "")[:MAX_NAME],
            (get("file") or get("filepath") or outer.file)[:MAX_NAME],
            get("timestamp", ""),
            get("time", ""),
            get("hostname", "")[:MAX_NAME] or outer.host,
        )
        self._suites.append(suite)
        self._complete.append(suite)

    def _begin_case(self, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_CASES:
            raise ReportError(f"it has more than {MAX_CASES:,} tests")
        get = attributes.get
        told = (get("classname", "")[:MAX_NAME], get("name", "")[:MAX_NAME], get("file", "")[:MAX_NAME])
        self._case = Case(self._suites[-1] if self._suites else Suite(), *told, get("time", ""))
        self._state = _state(get("status", ""), get("result", ""))

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._open.pop()
        if tag == "testsuite":
            self._suites.pop()
        elif tag == "testcase" and self._case is not None and "testcase" not in self._open:
            self._complete.append(_with_state(self._case, self._state))
            self._case = self._problem = self._state = None
        elif self._case is not None and self._problem is not None and self._depth < self._at:
            told = replace(self._problem, text=self._text.taken())
            if len(self._case.problems) < MAX_PROBLEMS:
                self._case = replace(self._case, problems=(*self._case.problems, told))
            self._problem = None

    def _characters(self, text: str) -> None:
        # Surefire puts the text of a rerun one level further down.
        if self._problem is not None and (self._depth == self._at or self._open[self._at :] == ["stackTrace"]):
            self._text.add(text)


def _state(status: str, result: str) -> Problem | None:
    """Return what the attributes of a test report, a failure first; `None` if neither is a known word for one."""
    found = [
        Problem(kind, message=f'{name}="{value.strip()}"')
        for name, value in (("status", status), ("result", result))
        if (kind := _STATES.get(value.strip().lower()))
    ]
    return min(found, key=lambda problem: problem.kind == SKIPPED, default=None)


def _with_state(case: Case, state: Problem | None) -> Case:
    """Return a case with what its attributes report, unless it holds an element for that."""
    if state is None:
        return case
    if any(problem.kind != RERUN for problem in case.problems):
        return replace(case, problems=tuple(map(_as_ctest_counts, case.problems)))
    return replace(case, problems=(*case.problems, state))


def _as_ctest_counts(problem: Problem) -> Problem:
    is_error = problem.kind == SKIPPED and problem.message in _NOT_STARTED
    return replace(problem, kind=ERROR) if is_error else problem


class _Text:
    """A text's head and tail, however long it is."""

    def __init__(self) -> None:
        self._head, self._head_size = [""], 0
        self._tail, self._tail_size = [""], 0
        self._left_out = 0

    def add(self, text: str) -> None:
        """Take a further piece of it."""
        if self._head_size < MAX_TEXT:
            self._head.append(text)
            self._head_size += len(text)
            return
        self._tail.append(text)
        self._tail_size += len(text)
        if self._tail_size > 4 * MAX_TEXT:
            kept = "".join(self._tail)[-MAX_TEXT:]
            self._left_out += self._tail_size - len(kept)
            self._tail, self._tail_size = [kept], len(kept)

    def taken(self) -> str:
        """Return it, with a line where its middle is left out."""
        middle = f"\n... {self._left_out} characters left out ...\n" if self._left_out else ""
        return "".join([*self._head, middle, *self._tail])


def _refuse_doctype(*_: object) -> None:
    raise ReportError(
        "it declares a document type: no report needs one, and attacks on readers of XML begin there"
    )

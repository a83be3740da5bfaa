"""Parse a report as a stream, with limits on size and nesting.

A report may come from an untrusted source. Document types, and therefore all entities, are rejected; no external
resource is ever loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol
from xml.parsers import expat

from akastats.errors import ReportError
from akastats.importers.junit.characters import Repair

CHUNK_BYTES = 64 * 1024
#: Maximum size of a report in bytes; one of 10,000 tests has about 2 MB.
MAX_BYTES = 256 * 1024 * 1024
#: Maximum number of tests, because their results are in memory during delivery, about 500 bytes each.
MAX_CASES = 200_000
#: Maximum number of nested elements; most reports have three levels, and nested suites have a few more.
MAX_DEPTH = 50
#: Maximum size of one tag with its attributes in bytes; attributes contain messages.
MAX_TAG_BYTES = 2 * 1024 * 1024
#: Maximum number of failures, errors and reruns per test, and of characters of each (beginning and end).
MAX_PROBLEMS = 20
MAX_TEXT = 64 * 1024
#: Maximum number of characters in a name, path, class or host.
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
#: Values of the attributes `status` and `result` in reports of googletest, Catch2 and CTest.
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
#: Tests that CTest lists as failed, although its reports contain `<skipped>` for them.
_NOT_STARTED = {"Unable to find executable", "Required Files Missing", "Fixture dependency failed"}
#: Errors of the parser at the end of a truncated file.
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
    """A `testsuite` element.

    name, file, timestamp, time, host: its attributes, as written; empty if absent
    """

    name: str = ""
    file: str = ""
    timestamp: str = ""
    time: str = ""
    host: str = ""


@dataclass(frozen=True)
class Problem:
    """An attempt that did not pass.

    kind: failure, error, skipped or rerun.
    type: class of the exception; often empty.
    message: message of the exception.
    text: traceback and output.
    """

    kind: str
    type: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True)
class Case:
    """A `testcase` element.

    suite: the suite that contains it
    classname, name, file, time: its attributes, as written; empty if absent
    problems: attempts that did not pass, in their order
    """

    suite: Suite
    classname: str
    name: str
    file: str = ""
    time: str = ""
    problems: tuple[Problem, ...] = ()


class Readable(Protocol):
    """Source of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


def read_report(stream: Readable, repair: Repair | None = None) -> Iterator[Suite | Case]:
    """Yield suites as they begin and cases as they end; raise `ReportError` if the input is not a report.

    `repair` counts the replaced characters.
    """
    reader = _Reader(repair or Repair())
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise ReportError(f"it has more than {MAX_BYTES // 2**20} MiB; split it")
        yield from reader.feed(chunk)
    yield from reader.feed(b"", is_last=True)


class _Reader:
    """State between the parser's calls: open elements, and complete items that were not returned yet."""

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
        """Parse the next bytes; return the items that they complete."""
        piece = self._repair.feed(chunk, is_last)
        self._size += len(piece)
        try:
            self._parser.Parse(piece, is_last)
        except expat.ExpatError as error:
            if is_last and self._size and error.code in _CUT_OFF:
                raise ReportError(f"it is truncated in line {error.lineno}, {self._position()}") from error
            raise ReportError(f"it is not XML: {error}") from error
        if self._size - max(0, self._parser.CurrentByteIndex) > MAX_TAG_BYTES:
            raise ReportError(f"one of its tags has more than {MAX_TAG_BYTES // 2**20} MiB")
        complete, self._complete = self._complete, []
        return complete

    def _position(self) -> str:
        return f"within <{self._open[-1][:100]}>" if self._open else "before its first element"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ReportError(f"its elements are nested more than {MAX_DEPTH} levels deep")
        if self._depth == 1 and tag not in ("testsuites", "testsuite"):
            raise ReportError(f"it is not a JUnit report: its root element is <{tag[:100]}>")
        self._open.append(tag)
        if tag == "testsuite":
            self._begin_suite(attributes)
        elif tag == "testcase" and self._case is None:
            self._begin_case(attributes)
        elif tag in _PROBLEMS and self._case is not None and self._open[-2] == "testcase":
            texts = attributes.get("type", "")[:MAX_NAME], attributes.get("message", "")[:MAX_TEXT]
            self._problem, self._text, self._at = Problem(_PROBLEMS[tag], *texts), _Text(), self._depth

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
        texts = (get("classname", "")[:MAX_NAME], get("name", "")[:MAX_NAME], get("file", "")[:MAX_NAME])
        self._case = Case(self._suites[-1] if self._suites else Suite(), *texts, get("time", ""))
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
            problem = replace(self._problem, text=self._text.get_text())
            if len(self._case.problems) < MAX_PROBLEMS:
                self._case = replace(self._case, problems=(*self._case.problems, problem))
            self._problem = None

    def _characters(self, text: str) -> None:
        # Surefire writes the text of a rerun one level deeper.
        if self._problem is not None and (self._depth == self._at or self._open[self._at :] == ["stackTrace"]):
            self._text.add(text)


def _state(status: str, result: str) -> Problem | None:
    """Return the problem that the attributes of a test report, a failure first; `None` for unknown values."""
    problems = [
        Problem(kind, message=f'{name}="{value.strip()}"')
        for name, value in (("status", status), ("result", result))
        if (kind := _STATES.get(value.strip().lower()))
    ]
    return min(problems, key=lambda problem: problem.kind == SKIPPED, default=None)


def _with_state(case: Case, state: Problem | None) -> Case:
    """Return a case with the problem from its attributes, unless an element reports one."""
    if state is None:
        return case
    if any(problem.kind != RERUN for problem in case.problems):
        return replace(case, problems=tuple(map(_as_ctest_counts, case.problems)))
    return replace(case, problems=(*case.problems, state))


def _as_ctest_counts(problem: Problem) -> Problem:
    is_error = problem.kind == SKIPPED and problem.message in _NOT_STARTED
    return replace(problem, kind=ERROR) if is_error else problem


class _Text:
    """Beginning and end of a text of any length."""

    def __init__(self) -> None:
        self._head, self._head_size = [""], 0
        self._tail, self._tail_size = [""], 0
        self._left_out = 0

    def add(self, text: str) -> None:
        """Append a piece."""
        if self._head_size < MAX_TEXT:
            self._head.append(text)
            self._head_size += len(text)
            return
        self._tail.append(text)
        self._tail_size += len(text)
        if self._tail_size > 4 * MAX_TEXT:
            tail = "".join(self._tail)[-MAX_TEXT:]
            self._left_out += self._tail_size - len(tail)
            self._tail, self._tail_size = [tail], len(tail)

    def get_text(self) -> str:
        """Return the text, with a line in place of the omitted part."""
        middle = f"\n... {self._left_out} characters left out ...\n" if self._left_out else ""
        return "".join([*self._head, middle, *self._tail])


def _refuse_doctype(*_: object) -> None:
    raise ReportError("it declares a document type, which reports do not need and attacks on XML parsers use")

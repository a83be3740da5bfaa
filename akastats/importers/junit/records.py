"""Convert the cases of a report to records of a spool, and redact secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from akastats.importers.junit.names import is_from_pytest, make_node_id, name_case
from akastats.importers.junit.report import ERROR, FAILURE, RERUN, SKIPPED, Case, Problem, Suite
from akastats.importers.junit.times import Clock
from akastats.redact import Redactor
from akastats.redact.excerpt import make_excerpt
from akastats.spool.records import Attempt, CollectionError, Failure

_CLASS = re.compile(r"[A-Za-z_$][\w$]{0,199}")
_COLLECTION = "collection failure"
_TEARDOWN = "failed on teardown"

CaseRecord = Attempt | CollectionError | Failure


def convert_cases(items: Iterable[Suite | Case], clock: Clock, redact: Redactor) -> Iterator[CaseRecord]:
    """Yield the records of a report, without the first and the last record of the run."""
    for item in _merge_teardowns(_name_cases(items)):
        if isinstance(item, Suite):
            clock.begin(item)
        else:
            yield from _of_case(item, *clock.advance(item), redact)


def _name_cases(items: Iterable[Suite | Case]) -> Iterator[Suite | Case]:
    """Yield the same items; name each nameless case by its number in its suite, class and file."""
    numbers: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Case) and not item.name.strip():
            # Count per node id, so that no two cases have the same node id.
            group = make_node_id(name_case(item, 0))
            numbers[group] += 1
            yield name_case(item, numbers[group])
        else:
            yield item


def _merge_teardowns(items: Iterable[Suite | Case]) -> Iterator[Suite | Case]:
    """Yield the same items; merge the two cases that pytest writes if a test and its teardown fail."""
    held: Case | None = None
    for item in items:
        if held is not None and isinstance(item, Case) and _is_teardown_of(held, item):
            held = replace(held, problems=held.problems + item.problems)
            continue
        if held is not None:
            yield held
        held = item if isinstance(item, Case) else None
        if held is None:
            yield item
    if held is not None:
        yield held


def _is_teardown_of(case: Case, item: Case) -> bool:
    same = (case.classname, case.name, case.suite) == (item.classname, item.name, item.suite)
    return same and is_from_pytest(item) and [_phase(problem) for problem in item.problems] == ["teardown"]


def _of_case(case: Case, began: float, took: float, redact: Redactor) -> Iterator[CaseRecord]:
    name, end_us = redact.name(make_node_id(case)), _us(began + took)
    if is_from_pytest(case) and any(problem.message == _COLLECTION for problem in case.problems):
        for problem in case.problems:
            yield CollectionError(name, _class(problem), _text(problem, redact), end_us)
        return
    reruns = [problem for problem in case.problems if problem.kind == RERUN]
    for problem in reruns:
        # The duration of a repeated attempt is unknown; use the duration of the last attempt.
        yield _error(name, problem, "call", "rerun", redact, end_us)
        yield Attempt(name, "", "prp", _us(began), 0, _us(took), 0)
    for problem in case.problems:
        if problem.kind in (FAILURE, ERROR):
            yield _error(name, problem, _phase(problem), "failed", redact, end_us)
    letters = _letters(case)
    # If the setup failed or skipped the test, no other phase ran.
    durations = (_us(took), 0, 0) if letters[1] == "-" else (0, _us(took), 0)
    yield Attempt(name, "", letters, _us(began), *durations)


def _error(name: str, problem: Problem, phase: str, kind: str, redact: Redactor, at_us: int) -> Failure:
    return Failure(name, "", phase, kind, _class(problem), _text(problem, redact), at_us)


def _letters(case: Case) -> str:
    """Return a letter for each phase that the report distinguishes."""
    kinds = [problem.kind for problem in case.problems]
    teardown = "f" if any(_phase(problem) == "teardown" for problem in case.problems) else "p"
    if FAILURE in kinds:
        return f"pf{teardown}"
    if ERROR in kinds:
        return "ppf" if teardown == "f" else "f-p"
    if SKIPPED in kinds:
        return "pxp" if any(problem.type == "pytest.xfail" for problem in case.problems) else "s-p"
    return "ppp"


def _phase(problem: Problem) -> str:
    if problem.kind != ERROR:
        return "call"
    return "teardown" if problem.message.startswith(_TEARDOWN) else "setup"


def _class(problem: Problem) -> str:
    """Return the class that a report names, without its package; empty if there is none."""
    named = problem.type.rpartition(".")[-1]
    return named if _CLASS.fullmatch(named) else ""


def _text(problem: Problem, redact: Redactor) -> str:
    text = problem.text.strip("\r\n")
    return make_excerpt(text if text.strip() else problem.message, redact)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)

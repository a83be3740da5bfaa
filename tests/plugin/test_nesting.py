"""Runs inside a recorded run are detected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from pytest_akastats import nesting


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start outside of a run, also if the run of these tests is recorded."""
    monkeypatch.delenv(nesting.VARIABLE, raising=False)
    monkeypatch.setattr(nesting, "_running", [])
    yield
    # monkeypatch restores what the environment had before.
    os.environ.pop(nesting.VARIABLE, None)


def test_outside_of_a_run_there_is_no_outer_run() -> None:
    """Neither the environment nor the process has one."""
    assert nesting.outer_run(os.environ) == ""


def test_a_process_of_a_test_knows_its_run() -> None:
    """It inherits the environment variable."""
    assert nesting.outer_run({nesting.VARIABLE: "a"}) == "a"


def test_a_run_inside_knows_the_innermost_one() -> None:
    """After the inner run, the outer one is the innermost again."""
    leave_outer = nesting.enter("outer")
    leave_inner = nesting.enter("inner")

    seen = [nesting.outer_run(os.environ)]
    for leave in (leave_inner, leave_outer):
        leave()
        seen.append(nesting.outer_run(os.environ))

    assert seen == ["inner", "outer", ""]


def test_a_cleared_environment_hides_no_run() -> None:
    """The process remembers its runs."""
    leave = nesting.enter("outer")
    os.environ.pop(nesting.VARIABLE)

    assert nesting.outer_run(os.environ) == "outer"
    leave()
    assert nesting.outer_run(os.environ) == ""


@pytest.mark.parametrize("times", [1, 2])
def test_leaving_raises_nothing(times: int) -> None:
    """pytest could not report the error."""
    leave: Callable[[], None] = nesting.enter("outer")

    for _ in range(times):
        leave()

    assert nesting.outer_run(os.environ) == ""

"""The end of a run: how long a delivery is waited for, with a clock that is handed in."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from akastats.spool.shipper_answer import decode
from akastats.spool.shipper_state import ABSENT, DELIVERING, DONE, RAISING, SILENT, STARTING, State
from pytest_akastats import summary
from pytest_akastats.summary import ABSENT_WAIT_S, SILENT_WAIT_S, DeliveryTimeout, format_summary
from tests.plugin.conftest import Record


def waited(*told: tuple[float, State | None], wait_s: float = 10.0) -> float:
    """Return how long is waited when the state file says this from these moments on."""
    patience = DeliveryTimeout(wait_s, 0.0)
    for hundredth in range(100_000):
        now = hundredth / 100
        state = [state for moment, state in told if moment <= now][-1]
        if patience.is_over(state, now):
            return now
    raise AssertionError("for ever")


def answering(until: float, phase: str = DELIVERING) -> list[tuple[float, State]]:
    """A server that answers once in a tenth of a second until some moment."""
    return [(number / 10, State(phase, answers=number)) for number in range(int(until * 10) + 1)]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ([(0.0, None)], SILENT_WAIT_S),
        ([(0.0, State(STARTING))], SILENT_WAIT_S),
        ([(0.0, State(SILENT))], SILENT_WAIT_S),
        ([(0.0, State(ABSENT))], ABSENT_WAIT_S),
        ([(0.0, State(DELIVERING, answers=7))], SILENT_WAIT_S),
        ([(0.0, State(RAISING))], 10.0),
        ([(0.0, State(STARTING)), (0.3, State(SILENT))], SILENT_WAIT_S),
        ([(0.0, State(STARTING)), (1.5, State(SILENT))], 1.9),
        ([(0.0, State(RAISING)), (5.0, State(SILENT))], 5.4),
        (answering(20.0), 10.0),
        (answering(3.0), 3.0 + SILENT_WAIT_S),
        ([*answering(3.0), (3.05, State(SILENT, answers=30))], 3.05),
    ],
    ids=[
        *("no shipper", "a slow start", "a silent server", "none there", "one that answered before"),
        *("an embedded one starting", "silent from the start", "silent after a slow start", "raised, then silent"),
        *("answering", "answering, then at work", "answering, then silent"),
    ],
)
def test_a_server_is_waited_for_while_it_answers(told: list[tuple[float, State | None]], seconds: float) -> None:
    """As long as asked for while it answers, less than two seconds while it does not."""
    assert seconds == pytest.approx(waited(*told), abs=0.08)


@pytest.mark.parametrize("phase", [STARTING, RAISING, SILENT, ABSENT, DELIVERING])
def test_no_longer_than_asked_for(phase: str) -> None:
    """`--akastats-wait` bounds everything."""
    assert pytest.approx(0.1, abs=0.011) == waited((0.0, State(phase)), wait_s=0.1)


def test_a_silence_is_less_than_two_seconds() -> None:
    """What pytest itself does at the end must find room in them."""
    assert SILENT_WAIT_S + 0.3 < 2.0
    assert ABSENT_WAIT_S <= 0.3


def test_who_waits_longer_waits_longer_for_a_slow_machine() -> None:
    """A start or a delivery that takes its time is not a server that is away."""
    assert waited((0.0, None), wait_s=60.0) == pytest.approx(60 / 7, abs=0.011)
    assert waited((0.0, State(SILENT)), wait_s=60.0) < 2.0


@pytest.mark.parametrize(
    ("verbosity", "printed"), [(-2, []), (-1, ["::error ::a\\x1b[2J"]), (0, ["::error ::a\\x1b[2J"])]
)
def test_what_a_forge_is_to_read_stands_last(verbosity: int, printed: list[str]) -> None:
    """Each at the beginning of a line, on a terminal harmless; not where next to nothing is asked for."""
    told = {"run": "r", "counts": {"tests": 1}, "tests": [], "fixtures": [], "annotations": ["::error ::a\x1b[2J"]}

    found = list(format_summary(State(DONE, answer=decode(told)), "", None, verbosity))

    assert printed == found[-1:]
    assert [] == [line for line in found[:-1] if line.startswith("::")]


@pytest.mark.parametrize(("tests", "counted"), [(0, "0 tests"), (1, "1 test"), (2, "2 tests")])
def test_one_test_is_one_test(tests: int, counted: str) -> None:
    """Words go with their numbers."""
    told = {"run": "r", "counts": {"tests": tests}, "tests": [], "fixtures": []}

    first = next(iter(format_summary(State(DONE, answer=decode(told)), "", None, 0)))

    assert first.startswith(f"akastats: {counted} recorded as run r at ")


@pytest.mark.parametrize(
    ("count", "told"), [(0, ""), (1, "; 1 file could not be collected"), (3, "; 3 files could not be collected")]
)
def test_files_that_could_not_be_collected_are_counted(count: int, told: str) -> None:
    """Else `0 tests recorded` looks as if there were none."""
    answer = {"run": "r", "counts": {"tests": 0, "collect_errors": count}, "tests": [], "fixtures": []}

    first = next(iter(format_summary(State(DONE, answer=decode(answer), server="redis://h:1"), "", None, 0)))

    assert f"akastats: 0 tests recorded as run r at redis://h:1{told}" == first


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        (object(), "  more: akastats serve, akastats show NODEID"),
        (None, '  more: akastats serve, akastats show NODEID (pip install "pytest-akastats[api]")'),
    ],
    ids=["installed", "without the extra"],
)
def test_commands_that_are_not_there_are_told_with_what_brings_them(
    monkeypatch: pytest.MonkeyPatch, spec: object, more: str
) -> None:
    """Recording needs no extra, the commands do."""
    monkeypatch.setattr(summary, "find_spec", lambda name: spec)
    told = {"run": "r", "counts": {"tests": 1}, "tests": [], "fixtures": []}

    found = list(format_summary(State(DONE, answer=decode(told)), "", None, 0))

    assert more == found[-1]


def test_what_a_test_left_in_a_module_s_place_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind this line is decided whether the run fails."""
    monkeypatch.setitem(sys.modules, "typer", ModuleType("typer"))
    told = {"run": "r", "counts": {"tests": 1}, "tests": [], "fixtures": []}

    found = list(format_summary(State(DONE, answer=decode(told)), "", None, 0))

    assert "  more: akastats serve, akastats show NODEID" == found[-1]


def test_findings_precede_the_last_line() -> None:
    """Each is one line, and the last line names the command with the others."""
    content = {"run": "r", "counts": {"tests": 1}, "findings": ["1.5 s (50%): Fixture db", "x" * 500]}

    *_, first, second, last = format_summary(State(DONE, answer=decode(content)), "", None, 0)

    assert "  speed up: 1.5 s (50%): Fixture db" == first
    assert second.endswith("x...")
    assert len(second) < 200
    assert last.startswith("  more: akastats serve, akastats show NODEID, akastats why")


def test_a_costly_fixture_is_named_at_the_end(pytester: pytest.Pytester, record: Record) -> None:
    """With the scope that would avoid its cost."""
    pytester.makeconftest(
        """
        import time

        import pytest

        @pytest.fixture
        def catalogue():
            time.sleep(0.1)
        """
    )
    pytester.makepyfile(test_one="".join(f"def test_{number}(catalogue):\n    pass\n\n\n" for number in range(10)))

    lines = [line for line in record().result.outlines if "speed up: " in line]

    assert any("Fixture catalogue is set up 10 times; " in line for line in lines)
    assert len(lines) <= 3

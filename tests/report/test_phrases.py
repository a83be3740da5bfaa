"""Phrases about durations, shared by terminal, reports and page."""

from __future__ import annotations

import pytest

from akastats.report import phrases

CAUSES = (("test", "tests/test_shop.py::test_prices", 0.67), ("fixture", "conftest.py::database", 0.6))


def test_the_difference_to_the_typical_duration_is_explained() -> None:
    """By its largest causes."""
    assert phrases.suite_duration(4.4, 3.11, 1.02, CAUSES) == (
        "4.40 s, typical 3.11 s (+1.29 s: test_prices +0.67 s, fixture database +0.60 s); machine speed normal"
    )


def test_causes_of_the_other_sign_and_small_ones_are_not_named() -> None:
    """They do not explain the difference."""
    causes = (("import", "numpy", -2.0), ("span", "collect", 1.0), ("span", "startup", 0.05))

    assert " (+1.00 s: collection +1.00 s)" == phrases.duration_difference(1.0, 10.0, causes)


def test_other_causes_are_summed() -> None:
    """Three are named."""
    causes = [("import", name, 1.0) for name in ("a", "b", "c", "d")]

    assert " (+4.50 s: import a +1.00 s, import b +1.00 s, import c +1.00 s, other +1.50 s)" == (
        phrases.duration_difference(4.5, 10.0, causes)
    )


def test_what_causes_exceed_the_difference_by_is_named() -> None:
    """Processes that work at the same time need more seconds than pass."""
    assert " (+2.00 s: test_prices +3.00 s, other -1.00 s)" == phrases.duration_difference(
        2.0, 10.0, [("test", "a.py::test_prices", 3.0)]
    )


def test_a_small_difference_is_not_explained() -> None:
    """It is noise."""
    assert "10.40 s, typical 10.00 s" == phrases.suite_duration(10.4, 10.0, None, [("test", "a", 0.4)])


def test_a_difference_without_causes_is_named() -> None:
    """Runs of earlier releases recorded no spans."""
    assert "5.00 s, typical 10.00 s (-5.00 s)" == phrases.suite_duration(5.0, 10.0, None)


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.04, "machine speed normal"), (1.3, "machine 1.30 times slower"), (0.5, "machine 2.00 times faster")],
)
def test_the_speed_of_the_machine_is_named(factor: float, words: str) -> None:
    """Within 5 % it is normal."""
    assert words == phrases.machine_speed(factor)


def test_the_machine_can_be_a_cause() -> None:
    """All tests were slower."""
    assert " (+5.00 s: speed of the machine +4.00 s, other +1.00 s)" == phrases.duration_difference(
        5.0, 9.0, [("machine", "", 4.0)]
    )

"""The shipper's answer: its JSON is read back, also from other versions."""

from __future__ import annotations

import pytest

from akastats.spool.shipper_answer import (
    Answer,
    FailingTest,
    FlakyTest,
    OverBudgetTest,
    RunVerdicts,
    Slowdown,
    Timing,
    decode,
    encode,
)

ANSWER = Answer(
    run="r",
    status="failed",
    counts={"tests": 2, "failed": 1},
    tests=(Timing("a.py::t", 1.5, None, 0),),
    fixtures=(Timing("::f", 0.5, 0.25, 7),),
    verdicts=RunVerdicts(
        runs=9,
        base="main",
        labels={"new": 1},
        failures=(FailingTest("a.py::t", "new"), FailingTest("a.py::u")),
        flaky=(FlakyTest("a.py::v", 0.1),),
        slower=(Slowdown("a.py::w", 1.0, 2.0, 2.0, "r7", True),),
        over_budget=(OverBudgetTest("a.py::x", 2.0, 1.5, "max_seconds"),),
        test_lists={"fixed": ("a.py::y",)},
        totals={"fixed": 1},
        seconds=3.0,
    ),
    annotations=("::error::a",),
    webhook_error="no answer",
    hook_errors="hook mine failed",
    findings=("1.5 s (50%): Fixture db is set up 12 times",),
)


def test_an_answer_is_read_back():
    """Decoding reverses the encoding."""
    assert decode(encode(ANSWER)) == ANSWER


def test_missing_fields_have_defaults():
    """An older shipper writes fewer fields."""
    assert decode({"verdicts": {}}) == Answer(verdicts=RunVerdicts(test_lists={"fixed": ()}))


def test_unknown_fields_and_columns_are_ignored():
    """A newer shipper writes more fields."""
    content = encode(ANSWER)
    content["new"] = 1
    content["tests"][0]["new"] = 1
    content["verdicts"]["new"] = 1
    content["verdicts"]["failures"] = [[*row, "new"] for row in content["verdicts"]["failures"]]

    assert decode(content) == ANSWER


@pytest.mark.parametrize("content", [{"counts": {"tests": "many"}}, {"tests": [1]}, {"verdicts": {"runs": []}}])
def test_values_of_a_wrong_type_are_an_error(content):
    """The reader of the state file ignores such a file."""
    with pytest.raises((TypeError, ValueError)):
        decode(content)


def test_the_typical_duration_has_its_older_name_in_the_file():
    """A plugin before version 0.2 reads it as `usual`."""
    assert {"name": "::f", "seconds": 0.5, "usual": 0.25, "points": 7} == encode(ANSWER)["fixtures"][0]

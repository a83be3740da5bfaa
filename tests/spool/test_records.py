"""Contents of spool records, and compatibility between releases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from akastats.spool.format import ATTEMPT, BEGAN, PASSED_ATTEMPT, Record
from akastats.spool.records import (
    Attempt,
    BudgetMarker,
    CollectedFile,
    CollectedFiles,
    CollectionError,
    Content,
    Costs,
    Destination,
    Failure,
    FixtureBuild,
    FixtureBuilds,
    Fixtures,
    FixtureSet,
    FixtureTimes,
    Imports,
    ImportTime,
    Metrics,
    PlannedTests,
    Process,
    PushedValue,
    PushedValues,
    RunEnd,
    RunHeader,
    StartedTest,
    decode_content,
    encode_content,
    shift_times,
)

HEADER = RunHeader(
    "run-1",
    1000.0,
    suite="unit",
    workers=2,
    quarantine=True,
    destination=Destination("redis://db", "SHOP"),
    producer="0123456789abcdef" * 2,
    budgets={"import::numpy": {"max_seconds": 0.5}},
)
CONTENTS: list[Content] = [
    HEADER,
    PlannedTests(3),
    StartedTest("a.py::t", 1_000_000),
    Failure("a.py::t", "gw0", "call", "failed", "ValueError", "boom", 1_000_000),
    Attempt("a.py::t", "gw0", "pfp", 1_000_000, 1, 2, 3),
    BudgetMarker("a.py::t", max_seconds=1.5),
    PushedValues("a.py::t", "", (PushedValue(1.5, "rows", 3.0, None),)),
    Fixtures((FixtureTimes("a.py", "db", "module", 1, 0.25, 0.5),)),
    CollectedFiles("gw0", (CollectedFile("a.py", 0.5),)),
    CollectionError("a.py", "ImportError", "boom", 1_000_000),
    RunEnd(1001.0, 2, True),
    Metrics("gw0", {"memory": 17}),
    Costs("gw0", {"cpu_call": 17}),
    FixtureSet(3, ("db", "client")),
    Process("gw0", {"start": 1_000_000}, {"conftest": 5}, 4711),
    Imports("gw0", "collect", (ImportTime("numpy", 212, 0.5),)),
    FixtureBuilds("gw0", (FixtureBuild("a.py", "db", "a.py::t", 0.5),)),
]


def decode(encoded: str) -> Content | None:
    """Return the content of a record from its JSON."""
    return decode_content(Record(1, json.loads(encoded)))


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_each_content_is_decoded_as_it_was_encoded(content: Content) -> None:
    """Encoder and decoder agree for every kind."""
    assert content == decode(encode_content(content))


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_further_elements_of_a_later_release_are_ignored(content: Content) -> None:
    """An older reader delivers the elements that it knows."""
    elements = json.loads(encode_content(content))

    assert content == decode(json.dumps([*elements, 17, {"later": True}]))


@pytest.mark.parametrize("position", [6, 7, 8, 15, 16])
def test_further_elements_of_list_items_are_ignored(position: int) -> None:
    """Items of a list may get further elements as well."""
    elements = json.loads(encode_content(CONTENTS[position]))
    elements[-1] = [[*item, "later"] for item in elements[-1]]

    assert CONTENTS[position] == decode(json.dumps(elements))


def test_an_attempt_may_lack_its_cpu_times() -> None:
    """Records of an earlier release have none."""
    assert Attempt("a.py::t", "", "ppp", 7, 1, 2, 3, -1, -1, -1) == decode('["test","a.py::t","","ppp",7,1,2,3]')


def test_the_end_may_lack_the_interruption() -> None:
    """Records of an earlier release lack a field with a default."""
    assert RunEnd(1001.0, 0, False) == decode('["end",{"finished":1001,"exit_code":0}]')


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        (7, None),
        ({"import::numpy": 7}, {}),
        (
            {"import::numpy": {"max_seconds": "x", "max_slowdown": 2, "later": 3}},
            {"import::numpy": {"max_slowdown": 2.0}},
        ),
    ],
)
def test_invalid_budgets_of_a_header_are_dropped(budgets: Any, expected: Any) -> None:
    """The run is delivered without them."""
    header = decode(json.dumps(["run", {"id": "run-1", "started": 1.0, "budgets": budgets}]))

    assert isinstance(header, RunHeader)
    assert expected == header.budgets


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (BEGAN % ('"a.py::t"', 7), StartedTest("a.py::t", 7)),
        (
            ATTEMPT % ('"a.py::t"', "gw0", "pfp", 7, 1, 2, 3, 4, 5, 6),
            Attempt("a.py::t", "gw0", "pfp", 7, 1, 2, 3, 4, 5, 6),
        ),
        (
            PASSED_ATTEMPT % ('"a.py::t"', 7, 1, 2, 3, 4, 5, 6),
            Attempt("a.py::t", "", "ppp", 7, 1, 2, 3, 4, 5, 6),
        ),
    ],
)
def test_the_templates_write_what_the_decoder_reads(line: str, expected: Content) -> None:
    """The process of the tests writes the same records without the classes."""
    assert (expected, line) == (decode(line), encode_content(expected))


def test_a_kind_of_a_later_release_has_no_content() -> None:
    """A reader skips it."""
    assert decode('["hologram",3]') is None


@pytest.mark.parametrize(
    "elements",
    [
        ["test", "a.py::t", "", "ppp", 7],
        ["test", 3, "", "ppp", 7, 1, 2, 3],
        ["stat", None, "", []],
        ["stat", "a.py::t", "", [[1.5, "rows"]]],
        ["end", {}],
        ["end", []],
        ["planned"],
        ["run", {"started": 1.0}],
        ["run", {"id": "", "started": 1.0}],
        ["run", {"id": "run-1", "started": "nan"}],
        ["run", ["run-1", 1.0]],
        ["began"],
        ["process", "gw0", {"start": "soon"}, {}],
        ["fixture_set", "first", []],
        ["imports", "gw0", "collect", [["numpy", 1]]],
        ["builds", "gw0", [["a.py", "db"]]],
    ],
    ids=str,
)
def test_an_invalid_record_is_refused(elements: list[Any]) -> None:
    """The delivery counts it as damaged."""
    with pytest.raises((TypeError, ValueError, LookupError, AttributeError)):
        decode_content(Record(1, elements))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CONTENTS[0], HEADER._replace(started=1002.5)),
        (CONTENTS[1], CONTENTS[1]),
        (CONTENTS[2], StartedTest("a.py::t", 3_500_000)),
        (CONTENTS[4], Attempt("a.py::t", "gw0", "pfp", 3_500_000, 1, 2, 3)),
        (CONTENTS[6], PushedValues("a.py::t", "", (PushedValue(4.0, "rows", 3.0, None),))),
        (CONTENTS[10], RunEnd(1003.5, 2, True)),
        (CONTENTS[14], Process("gw0", {"start": 3_500_000}, {"conftest": 5}, 4711)),
    ],
    ids=lambda content: type(content).__name__,
)
def test_times_are_shifted_to_the_clock_of_the_server(content: Content, expected: Content) -> None:
    """Durations do not change."""
    assert expected == shift_times(content, 2.5)

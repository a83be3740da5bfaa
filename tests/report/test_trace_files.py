"""Files for speedscope and Perfetto: by their schemas, and what the schemas cannot say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from akastats.model.profile import Profile
from akastats.report.trace_files import lanes, perfetto, speedscope
from tests.analysis.formats import PERFETTO, SPEEDSCOPE
from tests.profiles import profile_with

US = st.integers(min_value=0, max_value=10**9)
TESTS = st.lists(
    st.tuples(
        st.text(max_size=20),
        st.sampled_from(["passed", "failed", "rerun", "skipped"]),
        st.integers(min_value=-(10**6), max_value=10**9),
        US,
        US,
        US,
        st.sampled_from(["", "gw0", "gw1", "gw10"]),
    ),
    max_size=12,
)


def content(tests: list[tuple[Any, ...]], fixtures=(), files=()) -> Profile:
    """Return a profile with these rows."""
    return profile_with(
        _columns(("nodeid", "outcome", "start", "setup", "call", "teardown", "worker"), tests),
        fixtures=_columns(("name", "baseid", "scope", "count", "setup", "teardown"), fixtures),
        files=_columns(("path", "seconds"), files),
    )


def _columns(names, rows):
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def check(schema: dict[str, Any], told: dict[str, Any]) -> None:
    """Fail where a file is not what its schema says."""
    Draft202012Validator(schema).validate(told)


def replay(view: dict[str, Any], frames: int) -> None:
    """Take an evented view's events as speedscope does: in order, each closing what was opened last."""
    opened, at = [], view["startValue"]
    for event in view["events"]:
        assert at <= event["at"] <= view["endValue"]
        assert event["frame"] < frames
        at = event["at"]
        if event["type"] == "O":
            opened.append(event["frame"])
        else:
            assert opened.pop() == event["frame"]
    assert opened == []


@given(TESTS)
def test_whatever_was_recorded_speedscope_can_open(tests):
    """By the format's schema; events in order and balanced, frames that exist."""
    told = speedscope("run", content(tests, [("db", "", "session", 1, 5, 0)], [("a.py", 7)]))

    check(SPEEDSCOPE, told)
    for view in told["profiles"]:
        if view["type"] == "evented":
            replay(view, len(told["shared"]["frames"]))
        else:
            assert len(view["samples"]) == len(view["weights"])


@given(TESTS)
def test_whatever_was_recorded_perfetto_can_open(tests):
    """By the format's schema; what is in one thread is nested or apart, never crossed."""
    told = perfetto("run", content(tests))

    check(PERFETTO, told)
    ends: dict[int, list[int]] = {}
    for event in told["traceEvents"]:
        if event["ph"] == "X":
            around = ends.setdefault(event["tid"], [])
            while around and around[-1] <= event["ts"]:
                around.pop()
            assert not around or event["ts"] + event["dur"] <= around[-1]
            around.append(event["ts"] + event["dur"])


@pytest.mark.parametrize("schema", [SPEEDSCOPE, PERFETTO])
def test_the_schemas_are_schemas(schema):
    """A slip in a schema would let everything through."""
    Draft202012Validator.check_schema(schema)


def test_a_schema_refuses_what_is_not_its_format():
    """A file that lacks what its format demands would be seen."""
    told = speedscope("run", content([("a", "passed", 0, 1, 2, 3, "")]))
    del told["profiles"][0]["events"][0]["at"]

    with pytest.raises(Exception, match="is not valid"):
        check(SPEEDSCOPE, told)


def test_lanes_are_workers_in_their_order():
    """gw2 stands before gw10; without workers there is one lane."""
    rows = [("a", "passed", 0, 0, 1, 0, worker) for worker in ("gw10", "gw2", "gw0")]

    assert list(lanes(content(rows).tests)) == ["gw0", "gw2", "gw10"]
    assert list(lanes(content([("a", "passed", 0, 0, 1, 0, "")]).tests)) == ["main"]


def test_speedscope_says_where_time_went():
    """A test spans its phases; collection and fixtures have views of their own."""
    told = speedscope(
        "run 7",
        content(
            [("a.py::b", "passed", 100, 10, 20, 0, "gw0")],
            [("db", "tests", "session", 1, 30, 5)],
            [("a.py", 7)],
        ),
    )

    names = [frame["name"] for frame in told["shared"]["frames"]]
    worker, collection, fixtures = told["profiles"]
    events = [(event["type"], names[event["frame"]], event["at"]) for event in worker["events"]]
    assert events == [
        *(("O", "a.py::b", 100), ("O", "setup", 100), ("C", "setup", 110)),
        *(("O", "call", 110), ("C", "call", 130), ("C", "a.py::b", 130)),
    ]
    assert (told["name"], worker["name"], collection["weights"], fixtures["weights"]) == (
        "run 7",
        "gw0",
        [7],
        [35],
    )
    assert [names[at] for at in fixtures["samples"][0]] == ["tests", "db"]
    assert told["shared"]["frames"][0]["file"] == "a.py"


def test_perfetto_says_what_became_of_each_test():
    """A test's event carries its outcome, its phases lie inside."""
    told = perfetto("run 7", content([("a.py::b", "failed", 100, 10, 20, 0, "gw0")]))

    named, lane, test, *phases = told["traceEvents"]
    assert (named["args"], lane["args"]) == ({"name": "run 7"}, {"name": "gw0"})
    assert (test["name"], test["ts"], test["dur"], test["args"]) == ("a.py::b", 100, 30, {"outcome": "failed"})
    assert [(phase["name"], phase["ts"], phase["dur"]) for phase in phases] == [
        ("setup", 100, 10),
        ("call", 110, 20),
    ]

"""Files for speedscope and Perfetto: they match the schemas, and rules that schemas cannot express."""

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


def check(schema: dict[str, Any], file: dict[str, Any]) -> None:
    """Fail if a file does not match its schema."""
    Draft202012Validator(schema).validate(file)


def replay(view: dict[str, Any], frames: int) -> None:
    """Process the events of a view as speedscope does: each closing event closes the last open one."""
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
def test_speedscope_can_open_any_recorded_run(tests):
    """The file matches the schema; events are ordered and balanced, and refer to existing frames."""
    file = speedscope("run", content(tests, [("db", "", "session", 1, 5, 0)], [("a.py", 7)]))

    check(SPEEDSCOPE, file)
    for view in file["profiles"]:
        if view["type"] == "evented":
            replay(view, len(file["shared"]["frames"]))
        else:
            assert len(view["samples"]) == len(view["weights"])


@given(TESTS)
def test_perfetto_can_open_any_recorded_run(tests):
    """The file matches the schema; events of one thread are nested or separate."""
    file = perfetto("run", content(tests))

    check(PERFETTO, file)
    ends: dict[int, list[int]] = {}
    for event in file["traceEvents"]:
        if event["ph"] == "X":
            around = ends.setdefault(event["tid"], [])
            while around and around[-1] <= event["ts"]:
                around.pop()
            assert not around or event["ts"] + event["dur"] <= around[-1]
            around.append(event["ts"] + event["dur"])


@pytest.mark.parametrize("schema", [SPEEDSCOPE, PERFETTO])
def test_the_schemas_are_schemas(schema):
    """An invalid schema would accept any file."""
    Draft202012Validator.check_schema(schema)


def test_a_schema_refuses_another_format():
    """A file without a required field is refused."""
    file = speedscope("run", content([("a", "passed", 0, 1, 2, 3, "")]))
    del file["profiles"][0]["events"][0]["at"]

    with pytest.raises(Exception, match="is not valid"):
        check(SPEEDSCOPE, file)


def test_lanes_are_workers_in_their_order():
    """gw2 is before gw10; without workers there is one lane."""
    rows = [("a", "passed", 0, 0, 1, 0, worker) for worker in ("gw10", "gw2", "gw0")]

    assert list(lanes(content(rows).tests)) == ["gw0", "gw2", "gw10"]
    assert list(lanes(content([("a", "passed", 0, 0, 1, 0, "")]).tests)) == ["main"]


def test_speedscope_shows_the_time_of_each_part():
    """A test spans its phases; collection and fixtures have separate views."""
    file = speedscope(
        "run 7",
        content(
            [("a.py::b", "passed", 100, 10, 20, 0, "gw0")],
            [("db", "tests", "session", 1, 30, 5)],
            [("a.py", 7)],
        ),
    )

    names = [frame["name"] for frame in file["shared"]["frames"]]
    worker, collection, fixtures = file["profiles"]
    events = [(event["type"], names[event["frame"]], event["at"]) for event in worker["events"]]
    assert events == [
        *(("O", "a.py::b", 100), ("O", "setup", 100), ("C", "setup", 110)),
        *(("O", "call", 110), ("C", "call", 130), ("C", "a.py::b", 130)),
    ]
    assert (file["name"], worker["name"], collection["weights"], fixtures["weights"]) == (
        "run 7",
        "gw0",
        [7],
        [35],
    )
    assert [names[at] for at in fixtures["samples"][0]] == ["tests", "db"]
    assert file["shared"]["frames"][0]["file"] == "a.py"


def test_perfetto_shows_the_outcome_of_each_test():
    """The event of a test has its outcome, and its phases are inside of it."""
    file = perfetto("run 7", content([("a.py::b", "failed", 100, 10, 20, 0, "gw0")]))

    named, lane, test, *phases = file["traceEvents"]
    assert (named["args"], lane["args"]) == ({"name": "run 7"}, {"name": "gw0"})
    assert (test["name"], test["ts"], test["dur"], test["args"]) == ("a.py::b", 100, 30, {"outcome": "failed"})
    assert [(phase["name"], phase["ts"], phase["dur"]) for phase in phases] == [
        ("setup", 100, 10),
        ("call", 110, 20),
    ]

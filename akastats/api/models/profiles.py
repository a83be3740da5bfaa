"""Models of a run's profile, including the formats of speedscope and Perfetto."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from akastats.api.models.common import RUN_ID
from akastats.model.profile import ProcessColumns, TestColumns, columns_of


class Profile(BaseModel):
    """The profile of a run: tables of columns. Durations are whole microseconds."""

    version: int = Field(description="version of this format", examples=[1])
    tests: dict[str, list[Any]] = Field(
        description=f"{', '.join(columns_of(TestColumns))}: start since the start of the run, stats as labels, "
        "budget as an object of max_seconds and max_slowdown; columns without values are absent",
        examples=[{"nodeid": ["test_a.py::test_b"], "outcome": ["passed"], "start": [1200], "call": [310]}],
    )
    errors: dict[str, list[Any]] = Field(
        description="nodeid, phase (setup, call, teardown, collect, crash or subtest), error (the traceback's "
        "context id), exception (class), fingerprint",
        examples=[{"nodeid": ["test_a.py::test_b"], "phase": ["call"], "exception": ["AssertionError"]}],
    )
    fixtures: dict[str, list[Any]] = Field(
        description="name, baseid, scope, count, setup, teardown",
        examples=[{"name": ["database"], "baseid": ["tests"], "scope": ["session"], "setup": [812000]}],
    )
    files: dict[str, list[Any]] = Field(
        description="path, seconds (to import and collect it)",
        examples=[{"path": ["tests/test_a.py"], "seconds": [5300]}],
    )
    processes: dict[str, list[Any]] = Field(
        description=f"{', '.join(columns_of(ProcessColumns))}: moments since the start of the run; "
        "empty if an earlier release recorded the run",
        examples=[{"worker": ["gw0"], "start": [-310000], "collection": [2000], "collected": [81000]}],
    )
    imports: dict[str, list[Any]] = Field(
        description="worker, phase (conftest, collect or tests), package, modules (their number), own (without "
        "other packages), nodeid (of the test that imports), compiled",
        examples=[
            {"worker": ["gw0"], "phase": ["collect"], "package": ["numpy"], "modules": [212], "own": [94000]}
        ],
    )
    builds: dict[str, list[Any]] = Field(
        description="set-ups of fixtures whose scope is larger than a function: name, baseid, worker, nodeid (of "
        "the test that requested it first), setup",
        examples=[{"name": ["database"], "worker": ["gw0"], "nodeid": ["test_a.py::test_b"], "setup": [812000]}],
    )
    fixture_sets: list[list[str]] = Field(
        description="names of the fixtures that a test can use, by the column `fixture_set` of the tests",
        examples=[[["database", "client"]]],
    )
    implicit_sets: list[list[str]] = Field(
        description="fixtures of these sets that only `autouse` adds, by the same column",
        examples=[[["database"]]],
    )
    budgets: dict[str, dict[str, float]] | None = Field(
        None,
        description="limits of fixtures, files, imports and spans by label; absent without any",
        examples=[{"import::numpy": {"max_seconds": 0.5}}],
    )
    unfinished: list[str] = Field(description="node ids of tests that started and never ended", examples=[[]])


class SpeedscopeFile(BaseModel):
    """A run for speedscope.app: one view per worker, one of collection, one of fixtures."""

    schema_: str = Field(
        description="schema of speedscope's format",
        alias="$schema",
        examples=["https://www.speedscope.app/file-format-schema.json"],
    )
    exporter: str = Field(description="program that wrote the file", examples=["akastats"])
    name: str = Field(description="title of the file", examples=[f"run {RUN_ID}"])
    active_profile_index: int = Field(
        description="view that is shown first", alias="activeProfileIndex", examples=[0]
    )
    shared: dict[str, list[dict[str, Any]]] = Field(
        description="frames that all views share", examples=[{"frames": [{"name": "test_a.py::test_b"}]}]
    )
    profiles: list[dict[str, Any]] = Field(
        description="the views", examples=[[{"type": "evented", "name": "gw0", "unit": "microseconds"}]]
    )


class PerfettoFile(BaseModel):
    """A run for ui.perfetto.dev and Chrome, in the JSON trace event format: one thread per worker."""

    trace_events: list[dict[str, Any]] = Field(
        description="events of the trace event format",
        alias="traceEvents",
        examples=[[{"ph": "X", "name": "test_a.py::test_b", "ts": 1200, "dur": 310}]],
    )
    display_time_unit: str = Field(
        description="unit in which the program shows times", alias="displayTimeUnit", examples=["ms"]
    )

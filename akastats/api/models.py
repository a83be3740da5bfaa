"""What the API answers: one model a shape, with examples. The page relies on nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from akastats.local_time import check_day
from akastats.triage.quarantine_rules import MAX_BY, MAX_REASON, SEEN, Quarantined, check_text

_CONTEXT_ID = "06466bfef6e7e40e52d572902df6757d"


class Numbers(BaseModel):
    """The numbers of one label: `last_time` in epoch seconds, all else in the unit of its values."""

    model_config = ConfigDict(from_attributes=True)

    avg: float | None = Field(description="mean of all values", examples=[40.351110649767])
    count: float | None = Field(description="number of values", examples=[725.0])
    last: float | None = Field(description="newest value", examples=[39.73086142539978])
    last_time: float | None = Field(
        description="time of the newest value, epoch seconds", examples=[1586883727.65556]
    )
    max: float | None = Field(description="largest value", examples=[45.452062368393])
    min: float | None = Field(description="smallest value", examples=[38.798961877823])
    stdev: float | None = Field(description="standard deviation of all values", examples=[0.79583557884292])
    total: float | None = Field(description="sum of all values", examples=[29254.55522108078])


class HistoryPoint(BaseModel):
    """One point of a history; `value` is null where an older writer stored what is no finite number."""

    model_config = ConfigDict(from_attributes=True)

    timestamp: float = Field(description="epoch seconds", examples=[1586884334.34567])
    label: str = Field(description="the label", examples=["DEVICE::172.27.217.56"])
    value: float | None = Field(
        description="the value; null if it is not a finite number", examples=[39.564290046691895]
    )
    context_id: str = Field(description="empty without a context", examples=[_CONTEXT_ID])


_RUN_ID = "20260801T101500123-6e913c"


class Run(BaseModel):
    """One run: times in epoch seconds, `duration` in seconds; what is not known is null."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="id, which sorts by time", examples=[_RUN_ID])
    status: str | None = Field(
        description="running, passed, failed, interrupted, crashed or empty", examples=["failed"]
    )
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    branch: str | None = Field(description="branch name", examples=["main"])
    commit: str | None = Field(description="full commit id", examples=["3af0983c0ffee3af0983c0ffee3af0983c0ffee0"])
    dirty: bool | None = Field(
        description="whether files that git tracks had changes that were not committed", examples=[False]
    )
    nested: bool | None = Field(description="whether it ran inside another recorded run", examples=[False])
    pull_request: str | None = Field(description="its number; true if that is unknown", examples=["7"])
    base_branch: str | None = Field(
        description="the branch to compare with: configured, or the target of the pull request",
        examples=["develop"],
    )
    default_branch: str | None = Field(description="the repository's, if it is known", examples=["main"])
    quarantine: bool | None = Field(
        description="whether failures of tests in quarantine were excused in it", examples=[True]
    )
    started: float | None = Field(description="start in epoch seconds", examples=[1785579300.123])
    finished: float | None = Field(description="end in epoch seconds", examples=[1785579361.5])
    duration: float | None = Field(description="seconds", examples=[61.377])
    exit_code: int | None = Field(description="exit code of pytest", examples=[1])
    died_in: list[str] | None = Field(
        description="node ids of tests that were running when its process died; null for a run that did not crash",
        examples=[["tests/test_orders.py::test_total"]],
    )
    tests: int | None = Field(description="tests that have ended", examples=[812])
    planned: int | None = Field(
        description="tests that it will run, known once they are collected", examples=[812]
    )
    passed: int | None = Field(description="tests that passed", examples=[801])
    failed: int | None = Field(description="tests that failed", examples=[2])
    errors: int | None = Field(description="tests with an error in setup or teardown", examples=[1])
    skipped: int | None = Field(description="tests that were skipped", examples=[8])
    xfailed: int | None = Field(description="tests that failed as expected", examples=[0])
    xpassed: int | None = Field(description="tests that passed although a failure was expected", examples=[0])
    reruns: int | None = Field(description="attempts that failed and were repeated", examples=[3])
    collect_errors: int | None = Field(description="files that could not be collected", examples=[0])
    provider: str | None = Field(description="CI provider", examples=["github"])
    build_id: str | None = Field(description="build number of the CI provider", examples=["30433642"])
    build_url: str | None = Field(
        description="address of the build", examples=["https://github.com/octo/orders/actions/runs/30433642"]
    )
    job: str | None = Field(description="job name of the CI provider", examples=["unit"])
    attempt: str | None = Field(description="attempt of the build", examples=["1"])
    host: str | None = Field(description="host name of the machine", examples=["runner-4"])
    platform: str | None = Field(description="operating system and processor", examples=["linux-x86_64"])
    python: str | None = Field(description="Python version", examples=["3.13.1"])
    pytest: str | None = Field(description="pytest version", examples=["9.0.2"])
    workers: int | None = Field(description="number of pytest-xdist workers", examples=[8])
    cpu_count: int | None = Field(description="number of processors", examples=[8])
    argv: str | None = Field(description="arguments of pytest, secrets redacted", examples=["-n 8 --akastats"])


class RunsPage(BaseModel):
    """Runs, newest first; `next` is the cursor of the next page, null at the end."""

    items: list[Run] = Field(description="the runs of this page")
    next: str | None = Field(
        description="cursor of the next page; null at the end",
        examples=["WzE3ODU1NzkzMDAuMTIzLCAiMjAyNjA4MDFUMTAxNTAwMTIzLTZlOTEzYyJd"],
    )


class Failure(BaseModel):
    """Tests that failed alike, by their fingerprint: class, masked message and the project's innermost frames."""

    model_config = ConfigDict(from_attributes=True)

    fingerprint: str | None = Field(
        description="null without a traceback", examples=["5c0ffee5c0ffee5c0ffee5c0ffee5c0f"]
    )
    exception: str | None = Field(description="its class", examples=["AssertionError"])
    message: str | None = Field(
        description="its numbers masked once its traceback has expired", examples=["assert 12 == 13"]
    )
    frames: list[str] = Field(
        description="the project's own innermost, the innermost last", examples=[["orders/total.py::total"]]
    )
    error_id: str | None = Field(description="`/stat-contexts` has the traceback", examples=[_CONTEXT_ID])
    count: int = Field(description="how many tests", examples=[1])
    tests: list[str] = Field(
        description="at most 100 of them", examples=[["tests/test_orders.py::test_total[eur]"]]
    )
    first_seen: float | None = Field(description="epoch seconds; null: not known", examples=[1785579301.4])
    seen_before: bool | None = Field(description="whether before this run", examples=[True])
    file: str | None = Field(
        description="where the innermost of them is, as the traceback writes it", examples=["orders/total.py"]
    )
    line: int | None = Field(description="and at which line", examples=[12])


class SlowTest(BaseModel):
    """A slow test: its seconds in this run, and the median of up to 100 before (null: it is new)."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    outcome: str | None = Field(description="outcome of the last attempt", examples=["passed"])
    seconds: float = Field(description="seconds in this run", examples=[2.31])
    usual: float | None = Field(description="median of up to 100 runs before; null: new", examples=[0.42])


class Change(BaseModel):
    """One test in a run and in its base; what was not there is null."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    outcome: str | None = Field(description="outcome in the run; null if it did not run", examples=["failed"])
    base_outcome: str | None = Field(
        description="outcome in the base; null if it did not run", examples=["passed"]
    )
    seconds: float | None = Field(description="duration in the run", examples=[2.31])
    base_seconds: float | None = Field(description="duration in the base", examples=[0.42])


class Changes(BaseModel):
    """Differences from the base, at most 100 per list; `slower` and `faster` exceed the test's history."""

    model_config = ConfigDict(from_attributes=True)

    newly_failing: list[Change] = Field(description="fails, and did not")
    fixed: list[Change] = Field(description="failed, and ran well now")
    slower: list[Change] = Field(description="tests that took longer, the largest difference first")
    faster: list[Change] = Field(description="tests that took less time, the largest difference first")
    added: int = Field(description="number of tests that the base does not have", examples=[3])
    removed: int = Field(description="number of tests that only the base has", examples=[0])
    noise: int = Field(description="differences that the tests' own history explains", examples=[12])


class SlowFixture(BaseModel):
    """A costly fixture: its seconds in this run, and the median of up to 100 before (null: it is new)."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="name of the fixture", examples=["database"])
    baseid: str = Field(description="where it is defined", examples=["tests"])
    scope: str = Field(description="scope of the fixture", examples=["session"])
    count: int = Field(description="how often it was set up", examples=[8])
    seconds: float = Field(description="setting it up and tearing it down", examples=[6.5])
    usual: float | None = Field(description="median of up to 100 runs before; null: new", examples=[6.1])


class RunDetails(Run):
    """One run with what failed, what was slow and what changed, which is all empty while there is no profile."""

    has_profile: bool = Field(description="false while it runs, and once the profile has expired", examples=[True])
    failures: list[Failure] = Field(description="grouped by fingerprint, the most frequent first; at most 100")
    failing_left_out: int = Field(description="failing tests that no failure names", examples=[0])
    slowest: list[SlowTest] = Field(description="the 10 slowest tests")
    slowest_fixtures: list[SlowFixture] = Field(description="the 10 most expensive fixtures")
    base: Run | None = Field(
        description="the newest earlier run of the same suite that passed or failed: of its branch or "
        "pull request, else of its base branch, else of any"
    )
    changes: Changes | None = Field(description="null if one of the two has no profile")
    verdicts: RunVerdicts | None = Field(description="null until the run is judged, and once that has expired")


class Comparison(BaseModel):
    """Two runs and what differs, at most 1,000 a list; `slower` and `faster` as in a run's `changes`."""

    run: Run = Field(description="the run that is compared")
    base: Run = Field(description="the run that it is compared with")
    newly_failing: list[Change] = Field(description="fails, and did not; new tests that fail too")
    fixed: list[Change] = Field(description="failed, and ran well now")
    slower: list[Change] = Field(description="tests that took longer, the largest difference first")
    faster: list[Change] = Field(description="tests that took less time, the largest difference first")
    added: list[Change] = Field(description="tests that the base does not have")
    removed: list[Change] = Field(description="tests that only the base has")
    noise: list[Change] = Field(
        description="differences that the tests' own history explains, or that no history can separate from noise"
    )
    left_out: int = Field(description="changes beyond 1,000 a list", examples=[0])


class RunTest(BaseModel):
    """One attempt of a test in a run: times in seconds, `start` from the run's."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    outcome: str = Field(
        description="passed, failed, error, skipped, xfailed, xpassed, or rerun: failed and tried again",
        examples=["failed"],
    )
    start: float = Field(description="seconds from the run's start", examples=[12.5])
    seconds: float = Field(description="what its history holds: the call's, or the setup's", examples=[0.42])
    setup: float = Field(description="seconds of the setup", examples=[0.01])
    call: float = Field(description="seconds of the test itself", examples=[0.42])
    teardown: float = Field(description="seconds of the teardown", examples=[0.0])
    worker: str = Field(description="empty without workers", examples=["gw0"])
    error_id: str | None = Field(description="context id of a failure's traceback", examples=[_CONTEXT_ID])
    stats: list[str] = Field(description="labels of the numbers it gave its `stat`", examples=[["rows"]])


class RunTestsPage(BaseModel):
    """Tests of one run, in the order asked for; `total` counts those on all pages."""

    items: list[RunTest] = Field(description="the attempts of this page")
    next: str | None = Field(description="cursor of the next page; null at the end", examples=["100"])
    total: int = Field(description="number of items on all pages", examples=[812])


class TrendPoint(BaseModel):
    """One run that is over; `pass_rate` is the share of the tests that ran which did not fail."""

    model_config = ConfigDict(from_attributes=True)

    run: str = Field(description="id of the run", examples=[_RUN_ID])
    started: float | None = Field(description="epoch seconds", examples=[1785579300.123])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    branch: str | None = Field(description="branch name", examples=["main"])
    commit: str | None = Field(description="full commit id", examples=["3af0983c0ffee3af0983c0ffee3af0983c0ffee0"])
    status: str | None = Field(
        description="running, passed, failed, interrupted, crashed or empty", examples=["failed"]
    )
    duration: float | None = Field(description="seconds", examples=[61.377])
    tests: int | None = Field(description="number of tests", examples=[812])
    passed: int | None = Field(description="tests that passed", examples=[801])
    failed: int | None = Field(description="tests that failed", examples=[2])
    errors: int | None = Field(description="tests with an error in setup or teardown", examples=[1])
    skipped: int | None = Field(description="tests that were skipped", examples=[8])
    pass_rate: float | None = Field(description="0 to 1; null where no test ran", examples=[0.9963])


class TrendPage(BaseModel):
    """Runs that are over, newest first; `next` is the cursor of the next page, null at the end."""

    items: list[TrendPoint] = Field(description="the runs of this page")
    next: str | None = Field(
        description="cursor of the next page; null at the end",
        examples=["WzE3ODU1NzkzMDAuMTIzLCAiMjAyNjA4MDFUMTAxNTAwMTIzLTZlOTEzYyJd"],
    )


class Facets(BaseModel):
    """Branches and suites of the newest 1,000 runs, most recently used first, and how many labels there are."""

    model_config = ConfigDict(from_attributes=True)

    branches: list[str] = Field(description="branch names", examples=[["main", "topic/faster"]])
    suites: list[str] = Field(description="suite names", examples=[["unit", "e2e"]])
    labels_total: int = Field(description="number of labels in the namespace", examples=[10412])
    default_branch: str | None = Field(
        description="the repository's default branch, else main or master; null if there are no runs of them",
        examples=["main"],
    )


class Profile(BaseModel):
    """A run column-wise: row `n` of a table is the `n`th of each list. Durations in whole microseconds."""

    version: int = Field(description="version of this format", examples=[1])
    tests: dict[str, list[Any]] = Field(
        description="nodeid, outcome, start (from the run's), setup, call, teardown, worker, stats (labels), and "
        "budget (an object of max_seconds and max_slowdown, or null) where a test of the run is marked with one",
        examples=[{"nodeid": ["test_a.py::test_b"], "outcome": ["passed"], "start": [1200], "call": [310]}],
    )
    errors: dict[str, list[Any]] = Field(
        description="nodeid, phase (setup, call, teardown, collect, crash or subtest), error (the traceback's "
        "context id), exception (its class), fingerprint",
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
    unfinished: list[str] = Field(description="node ids of tests that began and never ended", examples=[[]])


class SpeedscopeFile(BaseModel):
    """A run for speedscope.app: a view a worker, one of collection, one of fixtures."""

    schema_: str = Field(
        description="schema of speedscope's format",
        alias="$schema",
        examples=["https://www.speedscope.app/file-format-schema.json"],
    )
    exporter: str = Field(description="program that wrote the file", examples=["akastats"])
    name: str = Field(description="title of the file", examples=[f"run {_RUN_ID}"])
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
    """A run for ui.perfetto.dev and Chrome, in the JSON trace event format: a thread a worker."""

    trace_events: list[dict[str, Any]] = Field(
        description="events of the trace event format",
        alias="traceEvents",
        examples=[[{"ph": "X", "name": "test_a.py::test_b", "ts": 1200, "dur": 310}]],
    )
    display_time_unit: str = Field(
        description="unit in which the program shows times", alias="displayTimeUnit", examples=["ms"]
    )


class Attempt(BaseModel):
    """One attempt of a test; what has expired is null."""

    model_config = ConfigDict(from_attributes=True)

    timestamp: float = Field(description="its end, epoch seconds", examples=[1785579301.4])
    value: float | None = Field(description="seconds", examples=[0.42])
    outcome: str | None = Field(
        description="passed, failed, error, xfailed, xpassed, or rerun: failed and tried again",
        examples=["failed"],
    )
    run: str | None = Field(description="id of the run", examples=[_RUN_ID])
    commit: str | None = Field(description="full commit id", examples=["3af0983c0ffee3af0983c0ffee3af0983c0ffee0"])
    branch: str | None = Field(description="branch name", examples=["main"])
    error_id: str | None = Field(description="context id of a failure's traceback", examples=[_CONTEXT_ID])


class TestHistory(BaseModel):
    """A test's newest attempts, newest first, all in one page: `next` is always null."""

    __test__ = False

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    items: list[Attempt] = Field(description="the attempts, newest first")
    next: str | None = Field(default=None, description="always null: there is one page", examples=[None])


_FINGERPRINT = "5c0ffee5c0ffee5c0ffee5c0ffee5c0f"
_CURSOR = "W2ZhbHNlLCAxNzg1NTc5MzAxLjQsICJ0ZXN0Ojp0ZXN0X2EucHk6OnRlc3RfYiJd"


class TestRow(BaseModel):
    """One test in lists, seconds over its newest attempts; what is not known is null."""

    __test__ = False

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    runs: int = Field(description="attempts ever", examples=[412])
    failure_rate: float | None = Field(
        description="0 to 1: the rate of its verdict, if there is one, else of the newest 100 attempts",
        examples=[0.02],
    )
    avg: float | None = Field(description="over all attempts", examples=[0.41])
    last: float | None = Field(description="newest duration in seconds", examples=[0.42])
    p50: float | None = Field(description="of the newest 100 attempts", examples=[0.4])
    p95: float | None = Field(description="of the newest 100 attempts", examples=[0.61])
    last_time: float = Field(description="epoch seconds", examples=[1785579301.4])
    last_outcome: str | None = Field(
        description="passed, failed, error, xfailed, xpassed, or rerun: failed and tried again",
        examples=["passed"],
    )
    outcomes: str = Field(
        description="of the newest 30 attempts, newest first: p passed, f failed, e error, x xfailed, X xpassed, "
        "r rerun, ? unknown",
        examples=["pppfrp"],
    )
    durations: list[float | None] = Field(description="of the same attempts", examples=[[0.42, 0.41, 0.4]])


class TestsPage(BaseModel):
    """Tests in the order asked for; `total` counts those on all pages."""

    __test__ = False

    items: list[TestRow] = Field(description="the tests of this page")
    next: str | None = Field(description="cursor of the next page; null at the end", examples=[_CURSOR])
    total: int = Field(description="number of items on all pages", examples=[10234])


class GridLine(BaseModel):
    """One test in a grid: an outcome's letter a run, `.` where it has no point in that run."""

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    cells: str = Field(
        description="one letter per run, newest first, as in a test's `outcomes`; `.` without a point in that run",
        examples=["pp.fp"],
    )


class Grid(BaseModel):
    """Tests beside runs: the cells of each line are those of `runs`, newest first."""

    runs: list[Run] = Field(description="the runs, newest first")
    items: list[GridLine] = Field(description="the tests of this page")
    next: str | None = Field(description="cursor of the next page; null at the end", examples=[_CURSOR])
    total: int = Field(description="tests on all pages", examples=[10234])


class TestPhases(BaseModel):
    """How long each phase of a test took in its newest run, in seconds."""

    __test__ = False
    model_config = ConfigDict(from_attributes=True)

    run: str = Field(description="id of the run", examples=[_RUN_ID])
    setup: float = Field(description="seconds of the setup", examples=[0.01])
    call: float = Field(description="seconds of the test itself", examples=[0.42])
    teardown: float = Field(description="seconds of the teardown", examples=[0.0])
    worker: str = Field(description="empty without workers", examples=["gw0"])


class TestFixture(BaseModel):
    """What a fixture cost in a test's newest run, in all, in seconds."""

    __test__ = False
    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="name of the fixture", examples=["database"])
    baseid: str = Field(description="where it is defined; empty for plugins and the root", examples=["tests"])
    scope: str = Field(description="scope of the fixture", examples=["session"])
    count: int = Field(description="how often it was set up", examples=[1])
    setup: float = Field(description="seconds of all setups", examples=[0.812])
    teardown: float = Field(description="seconds of all teardowns", examples=[0.1])


class TestDetails(TestRow):
    """One test; `latest` is null and `fixtures` empty where its newest run's profile is gone.

    `verdict` and `changes` are by the newest verdicts of its suite.
    """

    label: str = Field(
        description="label of its points", examples=["test@unit::tests/test_orders.py::test_total[eur]"]
    )
    numbers: Numbers = Field(description="numbers of the test's label")
    failures: list[Failure] = Field(
        description="its newest 20 tracebacks, grouped by fingerprint, newest first; `count` is of attempts"
    )
    latest: TestPhases | None = Field(description="phases in its newest run; null if its profile has expired")
    fixtures: list[TestFixture] = Field(description="those it can see, the costliest first, at most 20")
    verdict: UnhealthyTest | None = Field(description="null for a test that is healthy, new, or not judged")
    together: list[str] = Field(
        description="tests that it fails together with, and itself",
        examples=[["tests/test_orders.py::test_tax"]],
    )
    changes: list[ChangeVerdict] = Field(description="of its duration, slower and faster, newest first")
    quarantine: InQuarantine | None = Field(description="the test's quarantine; null if it is not in quarantine")
    judged_by: str | None = Field(description="the run whose verdicts these are", examples=[_RUN_ID])


class ErrorRow(BaseModel):
    """Failures that are the same one; times are starts of runs. `newest` is null without a run or test."""

    fingerprint: str = Field(description="id of failures that are the same one", examples=[_FINGERPRINT])
    exception: str | None = Field(description="its class", examples=["AssertionError"])
    message: str | None = Field(
        description="numbers, addresses and paths masked; null where it is not known, or not to be told",
        examples=["assert <n> == <n>"],
    )
    frames: list[str] = Field(
        description="the project's own innermost, the innermost last", examples=[["orders/total.py::total"]]
    )
    first_seen: float = Field(description="epoch seconds", examples=[1785579300.123])
    last_seen: float = Field(description="epoch seconds", examples=[1785579300.123])
    count: int = Field(description="failures in all", examples=[17])
    runs: int = Field(description="runs they were in", examples=[4])
    tests: int = Field(description="tests they hit", examples=[6])
    error_id: str | None = Field(description="context id of the newest traceback", examples=[_CONTEXT_ID])
    newest_run: str | None = Field(
        description="id of the newest run with this failure; null if unknown", examples=[_RUN_ID]
    )
    newest_test: str | None = Field(description="node id", examples=["tests/test_orders.py::test_total[eur]"])


class ErrorsPage(BaseModel):
    """Failures in the order asked for; `total` counts those on all pages."""

    items: list[ErrorRow] = Field(description="the failures of this page")
    next: str | None = Field(description="cursor of the next page; null at the end", examples=[_CURSOR])
    total: int = Field(description="number of items on all pages", examples=[31])


class ErrorInRun(BaseModel):
    """How often something failed in one run; what has expired of the run is null."""

    model_config = ConfigDict(from_attributes=True)

    run: str = Field(description="id of the run", examples=[_RUN_ID])
    started: float = Field(description="epoch seconds", examples=[1785579300.123])
    branch: str | None = Field(description="branch name", examples=["main"])
    commit: str | None = Field(description="full commit id", examples=["3af0983c0ffee3af0983c0ffee3af0983c0ffee0"])
    count: int = Field(description="failures in this run", examples=[6])


class ErrorInTest(BaseModel):
    """How often a test failed with something, over all runs."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    count: int = Field(description="failures of this test", examples=[3])


class ErrorDetails(ErrorRow):
    """Failures that are the same one, with their newest traceback, which is kept as long as this is."""

    traceback: str | None = Field(
        description="the newest traceback; null if this token must not read it",
        examples=["E       assert 12 == 13"],
    )
    in_runs: list[ErrorInRun] = Field(description="the newest 100, newest first")
    in_tests: list[ErrorInTest] = Field(description="at most 100, the most frequent first")


_NODEID = "tests/test_orders.py::test_total[eur]"
_LATER_RUN, _EARLIER_RUN = "20260802T101500456-1b2c3d", "20260731T101500123-6e913c"
_TOGETHER = [f"test@unit::{_NODEID}", "fixture@unit::tests::db"]
_SHA = "3af0983c0ffee3af0983c0ffee3af0983c0ffee0"

FailureLabel = Literal["new", "known flaky", "also failing on base", "quarantined"]
State = Literal["healthy", "flaky", "broken", "new", "undecided"]
MarkKind = Literal["acknowledged", "expected", "noise"]


class FailureVerdict(BaseModel):
    """What the failure of a test is, to whoever asks whether they broke it."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=[_NODEID])
    label: FailureLabel | None = Field(
        description="null where there is no history to judge by", examples=["known flaky"]
    )
    rate: float | None = Field(
        description="how much of a known flaky test's first attempts fail, 0 to 1", examples=[0.12]
    )


class VerdictsInShort(BaseModel):
    """Which verdicts something is out of; what is not known is null."""

    model_config = ConfigDict(from_attributes=True)

    run: str = Field(description="the run that was judged", examples=[_RUN_ID])
    started: float | None = Field(description="when it began, epoch seconds", examples=[1785579300.123])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    branch: str | None = Field(description="branch name", examples=["topic/faster"])
    base: str | None = Field(description="the branch that failures are compared with", examples=["main"])
    runs: int = Field(description="how many were judged by, itself included", examples=[120])
    counts: dict[State, int] = Field(
        description="how many tests are in each state",
        examples=[{"healthy": 800, "flaky": 3, "broken": 1, "new": 6, "undecided": 2}],
    )
    undecided: int = Field(description="durations whose history is too short to be judged", examples=[14])
    pace: float | None = Field(description="how long all took against the usual, 1 the same", examples=[1.04])
    seconds: float | None = Field(description="what the run took", examples=[61.377])
    usual_seconds: float | None = Field(description="the median before it", examples=[58.9])
    is_outage: bool = Field(description="far more failed than usual: no evidence of flakiness", examples=[False])


class OverBudget(BaseModel):
    """A test that took longer than its marker allows, in seconds."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=[_NODEID])
    seconds: float = Field(description="duration in seconds", examples=[2.31])
    allowed: float = Field(description="seconds that the marker allows", examples=[1.5])
    rule: str = Field(description="max_seconds or max_slowdown", examples=["max_seconds"])


class Outlier(BaseModel):
    """A test whose duration in one run is beyond its own history, in seconds."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=[_NODEID])
    seconds: float = Field(description="seconds in this run", examples=[2.31])
    typical: float = Field(description="at the pace of this run", examples=[0.42])


class RunVerdicts(VerdictsInShort):
    """What a run means, in short, with a label for each failing test."""

    labels: dict[FailureLabel, int] = Field(
        description="how many failing tests have each label", examples=[{"new": 1, "known flaky": 2}]
    )
    failures: list[FailureVerdict] = Field(description="in the order they ended, at most 2,000")
    over_budget: list[OverBudget] = Field(description="tests that took longer than their marker allows")
    environments: list[str] = Field(
        description="of the runs of this build, if several have no suite",
        examples=[["Python 3.11, linux-x86_64, test", "Python 3.13, linux-x86_64, test"]],
    )
    equal_runs: int = Field(
        description="runs of this build that no recorded value distinguishes; 0 if this is the only one",
        examples=[0],
    )


class WorkerFailures(BaseModel):
    """How a flaky test fared on one worker."""

    worker: str = Field(description="empty without workers", examples=["gw3"])
    failed: int = Field(description="attempts that failed there", examples=[4])
    attempts: int = Field(description="attempts there", examples=[30])


class RanBefore(BaseModel):
    """A test that ran right before another one where that failed."""

    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_empties_the_cart"])
    count: int = Field(description="how often", examples=[4])


class InQuarantine(BaseModel):
    """Until when and why a test's failures fail no run."""

    model_config = ConfigDict(from_attributes=True)

    until: float = Field(description="epoch seconds", examples=[1786183199.0])
    since: float = Field(description="epoch seconds", examples=[1785579300.0])
    reason: str = Field(description="reason as it was entered", examples=["the payment sandbox is rate limited"])
    by: str = Field(description="who put the test into quarantine", examples=["ada"])


class UnhealthyTest(BaseModel):
    """A test that is not healthy, and why; what it cost is of the runs that were judged."""

    model_config = ConfigDict(from_attributes=True)

    nodeid: str = Field(description="pytest's node id", examples=[_NODEID])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    state: State = Field(description="state of the test", examples=["flaky"])
    rate: float = Field(description="how much of its first attempts fail at present, 0 to 1", examples=[0.12])
    low: float = Field(description="the rate is above this with 97.5 %", examples=[0.07])
    high: float = Field(description="the rate is below this with 97.5 %", examples=[0.19])
    probability: float = Field(description="of being flaky, 0 to 1", examples=[1.0])
    since: str | None = Field(
        description="the first run that failed since it is in this state", examples=[_EARLIER_RUN]
    )
    since_commit: str | None = Field(description="of that run", examples=[_SHA])
    is_new: bool = Field(description="whether the verdict before did not have it so", examples=[False])
    runs_failed: int = Field(description="runs that it failed from `since` on", examples=[9])
    seconds_lost: float = Field(
        description="in failed attempts, and in runs that nothing but flaky tests failed", examples=[551.2]
    )
    evidence: list[str] = Field(
        description="failing runs that speak for the state, newest first, at most 20", examples=[[_RUN_ID]]
    )
    workers: list[WorkerFailures] = Field(description="attempts by worker, in runs with several workers")
    after: list[RanBefore] = Field(
        description="tests that ran right before it more often when it failed; most frequent first"
    )
    cluster: int | None = Field(description="tests of one number fail together", examples=[0])
    quarantine: InQuarantine | None = Field(description="the test's quarantine; null if it is not in quarantine")


class FlakyPage(BaseModel):
    """Tests in the order asked for; all pages are out of the same `verdicts`, null where there are none yet."""

    items: list[UnhealthyTest] = Field(description="the tests of this page")
    next: str | None = Field(
        description="cursor of the next page; null at the end",
        examples=["WyIyMDI2MDgwMVQxMDE1MDAxMjMtNmU5MTNjIiwgMTAwXQ"],
    )
    total: int = Field(description="tests on all pages", examples=[3])
    verdicts: VerdictsInShort | None = Field(
        description="the verdicts that all pages come from; null if there are none yet"
    )


class ChangeMark(BaseModel):
    """What somebody said of a change: that they know, that it was to be, or that it is noise."""

    model_config = ConfigDict(from_attributes=True)

    mark: MarkKind = Field(description="those expected or noise are no news any more", examples=["expected"])
    reason: str = Field(description="reason as it was entered", examples=["the new tax tables"])
    since: float = Field(description="epoch seconds", examples=[1785579400.0])


class ChangeVerdict(BaseModel):
    """A lasting change of a duration between two levels, in seconds at the usual pace of its environment.

    What caused it came after the run `since` and not after the run `until`.
    """

    id: str = Field(description="for its mark", examples=["7e8a1bf79f85d966"])
    label: str = Field(description="empty: the suite as a whole", examples=[f"test@unit::{_NODEID}"])
    kind: Literal["test", "fixture", "collect", "stat", "suite"] = Field(
        description="kind of the label", examples=["test"]
    )
    name: str = Field(
        description="a test's node id, where a fixture is defined and its name, a file's path, else the label",
        examples=[_NODEID],
    )
    nodeid: str | None = Field(description="null unless it is a test", examples=[_NODEID])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    environment: str = Field(
        description="suite, workers, machine and Python of the runs compared", examples=["unit/n8/github-4/3.13"]
    )
    before: float = Field(description="seconds before the change", examples=[0.42])
    after: float = Field(description="seconds after the change", examples=[0.63])
    ratio: float = Field(description="after over before", examples=[1.499])
    low: float = Field(description="the ratio is above this with 97.5 %", examples=[1.41])
    high: float = Field(description="the ratio is below this with 97.5 %", examples=[1.59])
    since: str = Field(description="the last run that surely was before it", examples=[_EARLIER_RUN])
    run: str = Field(description="the likeliest first run", examples=[_RUN_ID])
    until: str = Field(description="the first run that surely was after it", examples=[_LATER_RUN])
    since_commit: str | None = Field(
        description="commit of the run `since`", examples=["9d1c0de9d1c0de9d1c0de9d1c0de9d1c0de9d1c0"]
    )
    commit: str | None = Field(description="of the likeliest first run", examples=[_SHA])
    until_commit: str | None = Field(
        description="commit of the run `until`", examples=["4be11e54be11e54be11e54be11e54be11e54be11"]
    )
    runs_after: int = Field(description="runs at the new level so far", examples=[7])
    is_slower: bool = Field(description="whether `after` is more than `before`", examples=[True])
    is_suspected: bool = Field(description="true until five runs are at the new level", examples=[False])
    is_new: bool = Field(description="whether the verdict before did not have it", examples=[False])
    p: float = Field(description="of chance alone", examples=[1e-9])
    confidence: float = Field(description="that it is 10 % at least, 0 to 1", examples=[0.999])
    group: int | None = Field(description="its place in `together`", examples=[0])
    mark: ChangeMark | None = Field(description="acknowledgement of the change; null without one")


class RunPace(BaseModel):
    """How long all tests of a run took against their usual: 1 the same, 2 twice as long."""

    run: str = Field(description="id of the run", examples=[_RUN_ID])
    pace: float = Field(description="duration of all tests divided by their typical duration", examples=[1.04])


class RegressionsPage(BaseModel):
    """Changes, newest first; all pages are out of the same `verdicts`, null where there are none yet."""

    items: list[ChangeVerdict] = Field(description="the changes of this page")
    next: str | None = Field(
        description="cursor of the next page; null at the end",
        examples=["WyIyMDI2MDgwMVQxMDE1MDAxMjMtNmU5MTNjIiwgMTAwXQ"],
    )
    total: int = Field(description="changes on all pages", examples=[12])
    suite_changes: list[ChangeVerdict] = Field(description="of the pace of everything, newest first")
    together: list[list[str]] = Field(description="labels that changed at one run", examples=[[_TOGETHER]])
    paces: list[RunPace] = Field(description="of the runs in the environment of the newest, oldest first")
    verdicts: VerdictsInShort | None = Field(
        description="the verdicts that all pages come from; null if there are none yet"
    )


class Verdicts(RunVerdicts):
    """All that one run means, by what was known up to it."""

    tests: list[UnhealthyTest] = Field(description="those neither healthy nor new, the costliest first")
    clusters: list[list[str]] = Field(
        description="flaky tests that fail together", examples=[[[_NODEID, "tests/test_orders.py::test_tax"]]]
    )
    changes: list[ChangeVerdict] = Field(
        description="of tests, fixtures, files and your own numbers, newest first"
    )
    suite_changes: list[ChangeVerdict] = Field(description="of the pace of everything, newest first")
    together: list[list[str]] = Field(description="labels that changed at one run", examples=[[_TOGETHER]])
    paces: list[RunPace] = Field(description="of the runs in the environment of this one, oldest first")
    outliers: list[Outlier] = Field(description="tests whose duration is beyond their own history, at most 1,000")
    fixed: list[str] = Field(
        description="failed in the run before and passed in this one, flaky ones left out",
        examples=[["tests/test_orders.py::test_b"]],
    )


class MarkWanted(BaseModel):
    """What to say of a change."""

    model_config = ConfigDict(extra="forbid")

    mark: MarkKind = Field(description="the acknowledgement", examples=["expected"])
    reason: str = Field(
        default="", description="why, in at most 500 characters", max_length=500, examples=["the new tax tables"]
    )


Moment = Annotated[float, Field(strict=True, ge=-1e12, le=1e12)]
Day = Annotated[str, AfterValidator(check_day), Field(strict=True, json_schema_extra={"format": "date"})]


class QuarantineWish(BaseModel):
    """Until when a test is to be in quarantine, at most 90 days ahead, and why."""

    until: Moment | Day = Field(
        description="epoch seconds, or the last day, in AKA_STATS_TIMEZONE or the service's own time zone",
        examples=["2026-12-24"],
    )
    reason: Annotated[str, AfterValidator(check_text)] = Field(
        description="why, in at most 500 characters",
        min_length=1,
        max_length=MAX_REASON,
        pattern=SEEN,
        examples=["the bank's sandbox hangs up, PAY-7"],
    )
    by: str = Field(default="", max_length=MAX_BY, description="who that is, as told", examples=["ada"])


class QuarantineEntry(BaseModel):
    """A test in quarantine: times in epoch seconds, `until` is the end of its last day."""

    model_config = ConfigDict(from_attributes=True)

    label: str = Field(
        description="label of its points", examples=["test@unit::tests/test_orders.py::test_total[eur]"]
    )
    nodeid: str = Field(description="pytest's node id", examples=["tests/test_orders.py::test_total[eur]"])
    suite: str | None = Field(description="suite of the run; null without one", examples=["unit"])
    until: float = Field(description="end of the quarantine, epoch seconds", examples=[1798153200.0])
    reason: str = Field(description="reason as it was entered", examples=["the bank's sandbox hangs up, PAY-7"])
    since: float = Field(description="when it was put in first, without a gap", examples=[1785579300.0])
    by: str | None = Field(description="who put it in, as told", examples=["ada"])

    @classmethod
    def of(cls, entry: Quarantined) -> QuarantineEntry:
        """Return an entry as it is answered."""
        told = cls.model_validate(entry)
        return told.model_copy(update={"suite": entry.suite or None, "by": entry.by or None})


class QuarantinePage(BaseModel):
    """What is in quarantine, all of it."""

    items: list[QuarantineEntry] = Field(description="all tests in quarantine")
    next: None = Field(default=None, description="always null: there is one page", examples=[None])


class LabelsPage(BaseModel):
    """Labels in byte order; a page may be short and not the last: `next` says."""

    items: list[str] = Field(
        description="the labels of this page",
        examples=[["run::duration", "test::tests/test_orders.py::test_total[eur]"]],
    )
    next: str | None = Field(
        description="cursor of the next page; null at the end", examples=["cnVuOjpkdXJhdGlvbg"]
    )


class Scopes(BaseModel):
    """What may be done by the one who asks; each scope stands for itself."""

    scopes: list[Literal["stats", "contexts", "write"]] = Field(
        description="scopes of the token, or of this machine without one",
        examples=[["contexts", "stats", "write"]],
    )


class ServerHealth(BaseModel):
    """The statistics server: what is null could not be learnt, and `detail` says why."""

    reachable: bool = Field(description="whether the server replies", examples=[True])
    kind: Literal["redis", "valkey"] | None = Field(description="server software", examples=["valkey"])
    version: str | None = Field(description="version of the server", examples=["9.1.0"])
    detail: str | None = Field(default=None, description="reason for what is null", examples=[None])


class Health(BaseModel):
    """Whether this service can answer: its own version and its server."""

    version: str = Field(description="version of akastats", examples=["0.1.0"])
    server: ServerHealth = Field(description="state of the statistics server")


class ProblemDetails(BaseModel):
    """An error (RFC 9457); on a foreign application only `detail` is there."""

    type: str = Field(
        default="about:blank", description="kind of the problem, always about:blank", examples=["about:blank"]
    )
    title: str = Field(default="", description="phrase of the status", examples=["Unprocessable Entity"])
    status: int = Field(default=500, description="HTTP status", examples=[422])
    detail: str = Field(
        description="the error in one sentence", examples=["matcher: String should have at most 512 characters"]
    )
    field: str | None = Field(
        default=None, description="parameter, header or part of the body that is wrong", examples=["matcher"]
    )
    limit: int | None = Field(default=None, description="the limit that was exceeded", examples=[512])

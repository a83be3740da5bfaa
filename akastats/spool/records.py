"""Decode and encode the contents of spool records, whose elements `akastats.spool.format` lists.

Each kind of record is one class, with the elements of the record as its fields, in order. A later release may
append elements: a reader ignores further ones, and a field with a default may be missing. For the records of each
passing test, the test process uses the templates of `format`, which take fewer instructions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple

from akastats.spool.format import SUFFIX, Record

#: Maximum number of bytes of the items' JSON per record with a list, far below `MAX_RECORD_BYTES`.
MAX_LIST_BYTES = 32 * 1024
#: Maximum number of items per record with a list.
MAX_LIST_ITEMS = 50

_PRODUCER = re.compile(r"[0-9a-f]{32}")
_PRODUCER_IN_NAME = re.compile(r"-([0-9a-f]{32})(?![0-9A-Za-z])")

# Bound at import, because tests may patch `json`.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Destination(NamedTuple):
    """Server to which a run is delivered.

    server: URL without credentials, or `embedded:` and a directory; empty if missing.
    namespace: Redis key prefix; empty if missing.
    """

    server: str
    namespace: str


class RunHeader(NamedTuple):
    """Start of the run. Unknown fields are `None`, and the record's object does not contain them.

    id: id of the run.
    started: epoch seconds.
    suite: name of the suite; empty if there is none.
    branch: branch that is tested.
    commit: commit id.
    dirty: whether the checkout has uncommitted changes.
    base: branch to compare with.
    pull_request: number of the pull request.
    default_branch: default branch of the repository.
    provider: CI provider.
    build_id: build of the provider.
    build_url: URL of the build.
    job: job of the build.
    attempt: attempt of the job.
    host: name of the machine.
    platform: system and machine type.
    python: version of Python.
    pytest: version of pytest.
    cpu_count: number of CPUs.
    machine_memory: memory of the machine, or of its container, in bytes.
    workers: number of pytest-xdist workers; 0 without workers.
    dist: value of the option `--dist` of pytest-xdist.
    ungrouped: whether node ids lack the group that pytest-xdist appends.
    argv: arguments of pytest.
    quarantine: whether failures of quarantined tests do not fail the run.
    order: `longest-first` if the plugin sorts the tests by their duration.
    nested: whether the run is inside another recorded run.
    destination: server to which the run is delivered.
    pid: id of the test process.
    pid_mark: start time of that process, which distinguishes it from a later one with the same id.
    process_space: PID namespace of that process, empty if unknown.
    locked: whether that process holds a lock on the spool.
    budgets: limits of fixtures, files, imports and spans by label.
    producer: id of the spool, the same for each copy.
    digest: hash of the record's object without a valid `producer`; not stored.
    """

    id: str
    started: float
    suite: str | None = None
    branch: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    base: str | None = None
    pull_request: str | None = None
    default_branch: str | None = None
    provider: str | None = None
    build_id: str | None = None
    build_url: str | None = None
    job: str | None = None
    attempt: str | None = None
    host: str | None = None
    platform: str | None = None
    python: str | None = None
    pytest: str | None = None
    cpu_count: int | None = None
    machine_memory: int | None = None
    workers: int | None = None
    dist: str | None = None
    ungrouped: bool | None = None
    argv: str | None = None
    quarantine: bool | None = None
    order: str | None = None
    nested: bool | None = None
    destination: Destination | None = None
    pid: int | None = None
    pid_mark: str | None = None
    process_space: str | None = None
    locked: bool | None = None
    budgets: Mapping[str, Mapping[str, float]] | None = None
    producer: str | None = None
    digest: str = ""


class PlannedTests(NamedTuple):
    """End of the collection.

    tests: number of tests that pytest will run.
    """

    tests: int


class StartedTest(NamedTuple):
    """Start of a test.

    nodeid: node id of the test.
    time_us: microseconds since the epoch.
    """

    nodeid: str
    time_us: int


class Failure(NamedTuple):
    """Failure of a test.

    nodeid: node id of the test.
    worker: pytest-xdist worker; empty without workers.
    phase: setup, call, teardown or a phase of a plugin.
    kind: `failed`, `rerun`, `subtest` or `crash`.
    exception: class of the exception, empty if unknown.
    text: traceback.
    time_us: microseconds since the epoch.
    """

    nodeid: str
    worker: str
    phase: str
    kind: str
    exception: str
    text: str
    time_us: int


class Attempt(NamedTuple):
    """End of one attempt of a test.

    nodeid: node id of the test.
    worker: pytest-xdist worker; empty without workers.
    letters: one letter for each phase.
    start_us: start of the attempt, in microseconds since the epoch.
    setup_us: microseconds of the setup phase.
    call_us: microseconds of the call phase.
    teardown_us: microseconds of the teardown phase.
    cpu_setup_us, cpu_call_us, cpu_teardown_us: CPU microseconds of the process in each phase; -1 if unknown.
    """

    nodeid: str
    worker: str
    letters: str
    start_us: int
    setup_us: int
    call_us: int
    teardown_us: int
    cpu_setup_us: int = -1
    cpu_call_us: int = -1
    cpu_teardown_us: int = -1


class Metrics(NamedTuple):
    """Numbers that apply to the next attempts of a worker, until another record changes them.

    worker: pytest-xdist worker; empty without workers.
    values: whole numbers by name of their column in the profile.
    """

    worker: str
    values: Mapping[str, int]


class Costs(NamedTuple):
    """Numbers that apply only to the next attempt of a worker.

    worker: pytest-xdist worker; empty without workers.
    values: whole numbers by name of their column in the profile.
    """

    worker: str
    values: Mapping[str, int]


class FixtureSet(NamedTuple):
    """Fixtures that some tests can use; the metric `fixture_set` of these tests is `number`.

    number: number of the combination, from 0.
    names: names of the fixtures.
    implicit: names of the fixtures that only `autouse` adds.
    """

    number: int
    names: tuple[str, ...]
    implicit: tuple[str, ...] = ()


class Process(NamedTuple):
    """Measurements of one process of the run; a later record adds to earlier ones of the same worker.

    worker: pytest-xdist worker; empty for the process in which pytest was started.
    moments: microseconds since the epoch, by name of their column in the profile.
    durations: microseconds and counts, by name of their column in the profile.
    pid: process id; 0 if it is unknown or an earlier record has it.
    """

    worker: str
    moments: Mapping[str, int]
    durations: Mapping[str, int]
    pid: int = 0


class ImportTime(NamedTuple):
    """Imports of one top-level package since the last such record.

    package: top-level package or module.
    modules: number of imported modules.
    seconds: duration in seconds, without the imports of other packages by these modules.
    nodeid: node id of the test that imports; empty in other phases.
    compiled: part of `seconds` in which modules without stored bytecode were compiled.
    """

    package: str
    modules: int
    seconds: float
    nodeid: str = ""
    compiled: float = 0.0


class Imports(NamedTuple):
    """Imports of one process.

    worker: pytest-xdist worker; empty without workers.
    phase: `conftest`, `collect` or `tests`.
    imports: times of each package.
    """

    worker: str
    phase: str
    imports: tuple[ImportTime, ...]


class FixtureBuild(NamedTuple):
    """One setup of a fixture whose scope is larger than a function.

    baseid: node id below which tests can request the fixture, empty for all.
    name: name of the fixture.
    nodeid: node id of the test that requested it first.
    seconds: seconds of the setup, without the setups of other fixtures that this fixture requests.
    """

    baseid: str
    name: str
    nodeid: str
    seconds: float


class FixtureBuilds(NamedTuple):
    """Setups of fixtures in one process.

    worker: pytest-xdist worker; empty without workers.
    builds: the setups, in order.
    """

    worker: str
    builds: tuple[FixtureBuild, ...]


class BudgetMarker(NamedTuple):
    """Budget from the markers of a test. The record contains an object with the limits that are set.

    nodeid: node id of the test.
    max_seconds: maximum duration in seconds; `None` without this limit.
    max_slowdown: maximum duration as a multiple of the typical one; `None` without this limit.
    """

    nodeid: str
    max_seconds: float | None = None
    max_slowdown: float | None = None


class PushedValue(NamedTuple):
    """Value that a test pushed.

    time: epoch seconds.
    label: label of the value.
    value: the number.
    context: text, an object with `base64` for bytes, or `None`.
    """

    time: float
    label: str
    value: float
    context: str | Mapping[str, str] | None


class PushedValues(NamedTuple):
    """Values that one test pushed.

    nodeid: node id of the test, empty outside of tests.
    worker: pytest-xdist worker; empty without workers.
    values: the values.
    """

    nodeid: str
    worker: str
    values: tuple[PushedValue, ...]


class FixtureTimes(NamedTuple):
    """Times of one fixture since the last such record.

    baseid: node id below which tests can request the fixture, empty for all.
    name: name of the fixture.
    scope: scope of the fixture.
    setups: number of setups.
    setup: seconds of all setups.
    teardown: seconds of all teardowns.
    """

    baseid: str
    name: str
    scope: str
    setups: int
    setup: float
    teardown: float


class Fixtures(NamedTuple):
    """Times of several fixtures.

    fixtures: times of each fixture.
    """

    fixtures: tuple[FixtureTimes, ...]


class CollectedFile(NamedTuple):
    """Collection of one file.

    path: path of the file, as node ids have it.
    seconds: seconds of its import and collection.
    """

    path: str
    seconds: float


class CollectedFiles(NamedTuple):
    """Files that one process collected.

    worker: pytest-xdist worker; empty without workers.
    files: the files.
    """

    worker: str
    files: tuple[CollectedFile, ...]


class CollectionError(NamedTuple):
    """File or directory that cannot be collected.

    nodeid: its node id.
    exception: class of the exception, empty if unknown.
    text: traceback.
    time_us: microseconds since the epoch.
    """

    nodeid: str
    exception: str
    text: str
    time_us: int


class RunEnd(NamedTuple):
    """End of the run.

    finished: epoch seconds.
    exit_code: exit code of pytest.
    interrupted: whether the user or a signal interrupted the run.
    """

    finished: float
    exit_code: int
    interrupted: bool = False


Content = (
    RunHeader
    | PlannedTests
    | StartedTest
    | Failure
    | Attempt
    | Metrics
    | Costs
    | FixtureSet
    | Process
    | Imports
    | FixtureBuilds
    | BudgetMarker
    | PushedValues
    | Fixtures
    | CollectedFiles
    | CollectionError
    | RunEnd
)


def decode_content(record: Record) -> Content | None:
    """Return the content of a record; `None` for a kind of a later release.

    Raises `TypeError`, `LookupError`, `ValueError` or `AttributeError` for a record that akastats does not write.
    The only element whose type is always checked is the first one.
    """
    kind, *elements = record.content
    flat = _FLAT.get(kind)
    if flat is None:
        decode = _NESTED.get(kind)
        return decode(elements) if decode else None
    if not isinstance(elements[0], flat.type):
        raise TypeError(f"first element of a {kind} record is not a {flat.type.__name__}")
    content: Content = flat.content(*elements[: flat.size])
    return content


def encode_content(content: Content) -> str:
    """Return the ASCII JSON of a record."""
    kind = _KINDS[type(content)]
    encode_elements = _ENCODERS.get(kind)
    return _encode([kind, *(encode_elements(content) if encode_elements else content)])


def encode_values(nodeid: str, worker: str, values: Iterable[PushedValue]) -> Iterator[str]:
    """Yield the records of the values that one test pushed, in lists of limited size."""
    return _encode_list("stat", (nodeid, worker), values)


def encode_fixtures(fixtures: Iterable[FixtureTimes]) -> Iterator[str]:
    """Yield the records of fixture times, in lists of limited size."""
    return _encode_list("fixtures", (), fixtures)


def encode_files(worker: str, files: Iterable[CollectedFile]) -> Iterator[str]:
    """Yield the records of the files that one process collected, in lists of limited size."""
    return _encode_list("collected", (worker,), files)


def encode_imports(worker: str, phase: str, imports: Iterable[ImportTime]) -> Iterator[str]:
    """Yield the records of one process's imports, in lists of limited size."""
    return _encode_list("imports", (worker, phase), imports)


def encode_builds(worker: str, builds: Iterable[FixtureBuild]) -> Iterator[str]:
    """Yield the records of the fixture setups in one process, in lists of limited size."""
    return _encode_list("builds", (worker,), builds)


def _encode_list(kind: str, elements: tuple[str, ...], items: Iterable[Any]) -> Iterator[str]:
    head = _encode([kind, *elements])[:-1]
    encoded: list[str] = []
    size = 0
    for item in items:
        text = _encode(item)
        if encoded and (len(encoded) == MAX_LIST_ITEMS or size + len(text) > MAX_LIST_BYTES):
            yield f"{head},[{','.join(encoded)}]]"
            encoded, size = [], 0
        encoded.append(text)
        size += len(text)
    if encoded:
        yield f"{head},[{','.join(encoded)}]]"


def get_producer(name: str, header: RunHeader | None = None) -> str:
    """Return the producer of a spool, which is the same for each copy, regardless of the file name.

    The header contains it, or in spools of earlier releases the file name. A renamed spool of an earlier
    release is identified by its header.
    """
    if header is not None and header.producer is not None and _is_producer(header.producer):
        return header.producer
    in_name = _PRODUCER_IN_NAME.findall(name)
    if in_name:
        return str(in_name[-1])
    return header.digest if header is not None else name.partition(SUFFIX)[0].rpartition("-")[2]


def shift_times(content: Content, seconds: float) -> Content:
    """Return the content of a record with its times shifted by `seconds`, to correct a wrong clock."""
    match content:
        case StartedTest() | Failure() | CollectionError():
            return content._replace(time_us=content.time_us + round(seconds * 1e6))
        case Attempt():
            return content._replace(start_us=content.start_us + round(seconds * 1e6))
        case Process():
            moments = {name: time + round(seconds * 1e6) for name, time in content.moments.items()}
            return content._replace(moments=moments)
        case RunHeader():
            return content._replace(started=content.started + seconds)
        case RunEnd():
            return content._replace(finished=content.finished + seconds)
        case PushedValues():
            return content._replace(
                values=tuple(value._replace(time=value.time + seconds) for value in content.values)
            )
    return content


class _Flat(NamedTuple):
    """A kind of record without nested lists.

    content: its class.
    size: number of its elements.
    type: type of the first element.
    """

    content: Callable[..., Content]
    size: int
    type: type[Any]


_HEADER_FLAGS = ("dirty", "ungrouped", "quarantine", "nested", "locked")
_HEADER_NUMBERS = ("cpu_count", "machine_memory", "workers", "pid")
_HEADER_TEXTS = frozenset(RunHeader._fields) - {
    *("id", "started", "destination", "budgets", "digest", *_HEADER_FLAGS, *_HEADER_NUMBERS)
}


def _encode_header(header: RunHeader) -> tuple[Any, ...]:
    fields = header._asdict()
    del fields["digest"]
    if header.destination is not None:
        fields["destination"] = header.destination._asdict()
    return ({name: value for name, value in fields.items() if value is not None},)


def _decode_header(elements: list[Any]) -> RunHeader:
    fields = elements[0]
    run_id, started = fields["id"], float(fields["started"])
    if not (isinstance(run_id, str) and run_id and isfinite(started)):
        raise ValueError("the header of a spool has no run id or start time")
    values: dict[str, Any] = {name: _decode_text(fields.get(name)) for name in _HEADER_TEXTS}
    values |= {name: _decode_number(fields.get(name)) for name in _HEADER_NUMBERS}
    values |= {name: bool(fields[name]) for name in _HEADER_FLAGS if fields.get(name) is not None}
    destination = _decode_destination(fields.get("destination"))
    values["budgets"] = _decode_budgets(fields.get("budgets"))
    return RunHeader(run_id, started, destination=destination, digest=_make_digest(fields), **values)


def _decode_budgets(budgets: Any) -> dict[str, dict[str, float]] | None:
    if not isinstance(budgets, dict):
        return None
    return {label: _decode_limits(limits) for label, limits in budgets.items() if isinstance(limits, dict)}


def _decode_limits(limits: Mapping[str, Any]) -> dict[str, float]:
    values = {name: _decode_limit(limits.get(name)) for name in ("max_seconds", "max_slowdown")}
    return {name: value for name, value in values.items() if value is not None}


def _decode_text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) else None


def _decode_number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _decode_destination(fields: Any) -> Destination | None:
    if not isinstance(fields, dict):
        return None
    return Destination(str(fields.get("server", "")), str(fields.get("namespace", "")))


def _make_digest(fields: Mapping[str, Any]) -> str:
    if _is_producer(fields.get("producer")):
        return ""
    return sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def _is_producer(value: Any) -> bool:
    return isinstance(value, str) and _PRODUCER.fullmatch(value) is not None


def _decode_values(elements: list[Any]) -> PushedValues:
    nodeid, worker, values, *_ = elements
    if not isinstance(nodeid, str):
        raise TypeError("node id is not a string")
    return PushedValues(nodeid, worker, tuple(PushedValue(*value[:4]) for value in values))


def _decode_fixtures(elements: list[Any]) -> Fixtures:
    return Fixtures(tuple(FixtureTimes(*fixture[:6]) for fixture in elements[0]))


def _decode_files(elements: list[Any]) -> CollectedFiles:
    worker, files, *_ = elements
    return CollectedFiles(worker, tuple(CollectedFile(*file[:2]) for file in files))


def _decode_fixture_set(elements: list[Any]) -> FixtureSet:
    number, names, *implicit = elements
    return FixtureSet(int(number), tuple(map(str, names)), tuple(map(str, implicit[0] if implicit else ())))


def _decode_process(elements: list[Any]) -> Process:
    worker, moments, durations, *others = elements
    pid = int(others[0]) if others else 0
    return Process(str(worker), _decode_integers(moments), _decode_integers(durations), pid)


def _decode_integers(values: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(value) for name, value in values.items()}


def _decode_imports(elements: list[Any]) -> Imports:
    worker, phase, imports, *_ = elements
    return Imports(str(worker), str(phase), tuple(ImportTime(*each[:5]) for each in imports))


def _decode_builds(elements: list[Any]) -> FixtureBuilds:
    worker, builds, *_ = elements
    return FixtureBuilds(str(worker), tuple(FixtureBuild(*each[:4]) for each in builds))


def _encode_end(end: RunEnd) -> tuple[Any, ...]:
    return (end._asdict(),)


def _decode_end(elements: list[Any]) -> RunEnd:
    end = elements[0]
    return RunEnd(float(end["finished"]), int(end["exit_code"]), bool(end.get("interrupted")))


def _encode_budget(budget: BudgetMarker) -> tuple[Any, ...]:
    limits = {"max_seconds": budget.max_seconds, "max_slowdown": budget.max_slowdown}
    return budget.nodeid, {name: limit for name, limit in limits.items() if limit is not None}


def _decode_budget(elements: list[Any]) -> BudgetMarker:
    nodeid, limits, *_ = elements
    if not isinstance(nodeid, str):
        raise TypeError("node id is not a string")
    return BudgetMarker(
        nodeid, _decode_limit(limits.get("max_seconds")), _decode_limit(limits.get("max_slowdown"))
    )


def _decode_limit(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


_FLAT: Mapping[str, _Flat] = {
    "planned": _Flat(PlannedTests, 1, int),
    "began": _Flat(StartedTest, 2, str),
    "error": _Flat(Failure, 7, str),
    "test": _Flat(Attempt, 10, str),
    "metrics": _Flat(Metrics, 2, str),
    "costs": _Flat(Costs, 2, str),
    "uncollected": _Flat(CollectionError, 4, str),
}

_NESTED: Mapping[str, Callable[[list[Any]], Content]] = {
    "stat": _decode_values,
    "fixtures": _decode_fixtures,
    "collected": _decode_files,
    "fixture_set": _decode_fixture_set,
    "process": _decode_process,
    "imports": _decode_imports,
    "builds": _decode_builds,
    "run": _decode_header,
    "budget": _decode_budget,
    "end": _decode_end,
}

# Encoders of the kinds whose elements differ from the fields of their class.
_ENCODERS: Mapping[str, Callable[[Any], tuple[Any, ...]]] = {
    "run": _encode_header,
    "budget": _encode_budget,
    "end": _encode_end,
}

_KINDS: Mapping[type[Any], str] = {
    RunHeader: "run",
    PlannedTests: "planned",
    StartedTest: "began",
    Failure: "error",
    Attempt: "test",
    Metrics: "metrics",
    Costs: "costs",
    FixtureSet: "fixture_set",
    Process: "process",
    Imports: "imports",
    FixtureBuilds: "builds",
    BudgetMarker: "budget",
    PushedValues: "stat",
    Fixtures: "fixtures",
    CollectedFiles: "collected",
    CollectionError: "uncollected",
    RunEnd: "end",
}

"""The profile of a run: every test attempt, failure, fixture and collected file, in columns.

Stored as JSON, compressed by zlib: `{"version": 1, "tests": {column: [...]}, "errors": {...}, "fixtures": {...},
"files": {...}, "unfinished": [...], "processes": {...}, "imports": {...}, "builds": {...}, "samples": {...},
"fixture_sets": [...], "implicit_sets": [...]}`. Profiles of earlier releases lack the last six.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import NoneType
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

from akastats.errors import CorruptDataError
from akastats.model.results import Error, FixtureResult
from akastats.model.stored_values import (
    MAX_INT,
    MIB,
    are_numbers,
    are_texts,
    decompress,
    escape_surrogates,
    json_of,
)

VERSION = 1
#: Maximum size of a decompressed profile in bytes; 100,000 tests need about 20 MB.
MAX_BYTES = 64 * MIB
#: Maximum time in microseconds. It is far beyond a real clock, and small enough for finite sums and ratios.
MAX_US = 1e30
_CORRUPT = "stored profile is not valid: record the run again, or update pytest-akastats"

Plain = str | int | float | bool | None
Check = Callable[[Any], bool]
Table = TypeVar("Table", bound="Columns")


class Column(NamedTuple):
    """Properties of a stored column.

    check: returns whether a stored column is valid
    is_optional: whether profiles may lack it
    is_metric: whether the spool contains its values under the name of the column
    """

    check: Check
    is_optional: bool = False
    is_metric: bool = False


def _are_text(column: Any) -> bool:
    return type(column) is list and are_texts(column)


def _are_us(column: Any) -> bool:
    return type(column) is list and are_numbers(column, MAX_US)


def _are_counts(column: Any) -> bool:
    return type(column) is list and are_numbers(column, MAX_INT) and {int}.issuperset(map(type, column))


def _are_counts_or_none(column: Any) -> bool:
    return type(column) is list and _are_counts([each for each in column if each is not None])


def _are_lists_of_text(column: Any) -> bool:
    is_list = type(column) is list and {list}.issuperset(map(type, column))
    return is_list and are_texts(chain.from_iterable(column))


def _are_budgets(column: Any) -> bool:
    budgets = [each for each in column if each is not None] if type(column) is list else [None]
    return all(type(each) is dict and are_numbers(each.values()) for each in budgets)


def _are_plain(column: Any) -> bool:
    if type(column) is not list or not {str, int, float, bool, NoneType}.issuperset(map(type, column)):
        return False
    return are_numbers([each for each in column if isinstance(each, (int, float))])


Texts = Annotated[list[str], Column(_are_text)]
Microseconds = Annotated[list[int], Column(_are_us)]
Counts = Annotated[list[int], Column(_are_counts)]
TextLists = Annotated[list[list[str]], Column(_are_lists_of_text)]
#: A whole number that the recorder measures for each attempt, `None` if unknown. The table has no column for a
#: number that is unknown for all attempts.
Metric = Annotated[list[int | None] | None, Column(_are_counts_or_none, is_optional=True, is_metric=True)]
#: Microseconds from the start of the run, negative before it; `None` if unknown.
Moments = Annotated[list[int | None], Column(_are_counts_or_none)]
OptionalMicroseconds = Annotated[list[int] | None, Column(_are_us, is_optional=True)]
OptionalTexts = Annotated[list[str] | None, Column(_are_text, is_optional=True)]
OptionalCounts = Annotated[list[int | None] | None, Column(_are_counts_or_none, is_optional=True)]
Budgets = Annotated[list[Mapping[str, float] | None] | None, Column(_are_budgets, is_optional=True)]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table of columns with the same length. A subclass declares each column as a field.

    later: columns of a later release, by name; columns that contain lists or objects are dropped.
    """

    later: Mapping[str, Sequence[Plain]] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True)
class TestColumns(Columns):
    """Test attempts of a run, in the order in which they ended."""

    __test__ = False

    #: node id
    nodeid: Texts
    #: outcome; `rerun` for an attempt that pytest repeats
    outcome: Texts
    #: microseconds from the start of the run to the start of the attempt
    start: Microseconds
    #: microseconds of the setup phase
    setup: Microseconds
    #: microseconds of the call phase
    call: Microseconds
    #: microseconds of the teardown phase
    teardown: Microseconds
    #: pytest-xdist worker; empty without workers
    worker: Texts
    #: labels to which the attempt pushed numbers
    stats: TextLists
    #: limits in the marker of the test, `None` without a marker; no column if no test has one
    budget: Budgets = None
    #: peak resident memory of the worker's process until the end of the attempt, in bytes
    peak_memory: Metric = None
    #: index of the fixtures that the test can use, in the profile's `fixture_sets`
    fixture_set: Metric = None
    #: CPU microseconds of the process in each phase
    cpu_setup: Metric = None
    cpu_call: Metric = None
    cpu_teardown: Metric = None
    #: CPU microseconds of child processes for which the process waited, in each phase
    children_setup: Metric = None
    children_call: Metric = None
    children_teardown: Metric = None
    #: microseconds of garbage collection, in each phase
    gc_setup: Metric = None
    gc_call: Metric = None
    gc_teardown: Metric = None
    #: number of garbage collections in all phases
    gc_passes: Metric = None

    def values_us(self) -> list[int]:
        """Return the microseconds of the call phase per attempt, or of setup if the call phase did not run."""
        return [call or setup for call, setup in zip(self.call, self.setup, strict=True)]


@dataclass(frozen=True, slots=True)
class ErrorColumns(Columns):
    """Failures of a run, in the order in which they happened; the columns are those of `Error`."""

    #: node id of the test, or of the file that was not collected
    nodeid: Texts
    #: setup, call, teardown, collect, crash or subtest
    phase: Texts
    #: context id of the traceback
    error: Texts
    #: class of the exception
    exception: Texts
    #: fingerprint of the failure
    fingerprint: Texts

    def rows(self) -> Iterator[Error]:
        """Yield each failure."""
        return map(Error, self.nodeid, self.phase, self.error, self.exception, self.fingerprint)


@dataclass(frozen=True, slots=True)
class FixtureColumns(Columns):
    """Fixtures of a run. The times of a fixture do not include the fixtures that it requests."""

    #: name of the fixture
    name: Texts
    #: node id below which tests can request it, empty for all
    baseid: Texts
    #: scope
    scope: Texts
    #: number of set-ups
    count: Counts
    #: microseconds of all set-ups
    setup: Microseconds
    #: microseconds of all teardowns
    teardown: Microseconds

    def rows(self) -> Iterator[FixtureResult]:
        """Yield each fixture, its times in seconds."""
        columns = zip(self.baseid, self.name, self.scope, self.count, self.setup, self.teardown, strict=True)
        for baseid, name, scope, count, setup, teardown in columns:
            yield FixtureResult(baseid, name, scope, count, setup / 1e6, teardown / 1e6)


@dataclass(frozen=True, slots=True)
class FileColumns(Columns):
    """Collected files of a run."""

    #: path, as node ids have it
    path: Texts
    #: microseconds of import and collection
    seconds: Microseconds


@dataclass(frozen=True, slots=True)
class ProcessColumns(Columns):
    """Processes of a run. The moments of a process are in the order of their columns."""

    #: pytest-xdist worker; empty for the process in which pytest was started
    worker: Texts
    #: start of the process
    start: Moments
    #: end of the configuration of pytest and its plugins
    configured: Moments
    #: start and end of the collection
    collection: Moments
    collected: Moments
    #: end of the last test
    finished: Moments
    #: last moment that the process itself recorded
    end: Moments
    #: end of the process, observed by another process
    exited: Moments
    #: microseconds of the import of conftest files and plugins before `configured`
    conftest: Moments
    #: microseconds without a test between `collected` and `finished`, in a worker
    wait: Moments
    #: microseconds of garbage collections between `configured` and `end`; no column if always unknown
    gc: OptionalCounts = None
    #: microseconds of garbage collections between `configured` and `collected`; no column if always unknown
    gc_collect: OptionalCounts = None
    #: number of garbage collections between `configured` and `end`; no column if always unknown
    gc_passes: OptionalCounts = None


@dataclass(frozen=True, slots=True)
class ImportColumns(Columns):
    """Imports of a run, one row for each process, phase, top-level package and test."""

    #: pytest-xdist worker; empty for the process in which pytest was started
    worker: Texts
    #: `conftest`, `collect` or `tests`
    phase: Texts
    #: top-level package or module
    package: Texts
    #: number of imported modules
    modules: Counts
    #: microseconds, without the imports of other packages by these modules
    own: Microseconds
    #: node id of the test that imports, empty in other phases; no column if no test imports
    nodeid: OptionalTexts = None
    #: part of `own` in which modules without stored bytecode were compiled; no column if none were
    compiled: OptionalMicroseconds = None


@dataclass(frozen=True, slots=True)
class BuildColumns(Columns):
    """Set-ups of fixtures whose scope is larger than a function, in order."""

    #: name of the fixture
    name: Texts
    #: node id below which tests can request it, empty for all
    baseid: Texts
    #: pytest-xdist worker; empty without workers
    worker: Texts
    #: node id of the test that requested the fixture first
    nodeid: Texts
    #: microseconds, without the set-ups of other fixtures that the fixture requests
    setup: Microseconds


@dataclass(frozen=True, slots=True)
class SampleColumns(Columns):
    """Samples of the processes of a run, taken by another process, in the order of time for each process.

    In a long run, a sample stands for the time since the previous sample: its numbers of threads and children are
    the maxima of that time.
    """

    #: pytest-xdist worker; empty for the process in which pytest was started
    worker: Texts
    #: microseconds from the start of the run
    time: Counts
    #: maximum resident memory since the previous sample, in bytes
    memory: Counts
    #: peak resident memory since the start of the process, in bytes
    peak: Counts
    #: CPU microseconds since the start of the process
    cpu: Counts
    #: number of threads
    threads: Counts
    #: number of child processes; `None` if the operating system does not report it
    children: Moments


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a run.

    tests: the attempts of its tests
    errors: its failures
    fixtures: its fixtures
    files: its collected files
    unfinished: node ids of the tests that were running when the process died
    processes: its processes; empty if an earlier release recorded the run
    imports: imports during start-up, collection and tests
    builds: set-ups of fixtures whose scope is larger than a function
    samples: memory, CPU time, threads and children of its processes; empty if nothing sampled them
    fixture_sets: names of the fixtures that a test can use, for each combination
    implicit_sets: names of the fixtures that only `autouse` adds, for each combination; a missing list is empty
    budgets: limits of fixtures, files, imports and spans by label, such as `import::numpy`
    """

    tests: TestColumns
    errors: ErrorColumns
    fixtures: FixtureColumns
    files: FileColumns
    unfinished: list[str]
    processes: ProcessColumns = field(default_factory=lambda: make_empty(ProcessColumns))
    imports: ImportColumns = field(default_factory=lambda: make_empty(ImportColumns))
    builds: BuildColumns = field(default_factory=lambda: make_empty(BuildColumns))
    fixture_sets: list[list[str]] = field(default_factory=list)
    implicit_sets: list[list[str]] = field(default_factory=list)
    samples: SampleColumns = field(default_factory=lambda: make_empty(SampleColumns))
    budgets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def get_fixture_set(self, row: int) -> frozenset[str] | None:
        """Return the names of the fixtures that the test in a row of `tests` can use; `None` if not recorded."""
        return self._get_set(self.fixture_sets, row)

    def get_implicit_set(self, row: int) -> frozenset[str]:
        """Return the names of the test's fixtures that only `autouse` adds; empty if not recorded."""
        return self._get_set(self.implicit_sets, row) or frozenset()

    def _get_set(self, sets: Sequence[Sequence[str]], row: int) -> frozenset[str] | None:
        number = self.tests.fixture_set[row] if self.tests.fixture_set else None
        return frozenset(sets[number]) if number is not None and 0 <= number < len(sets) else None


def make_empty(table: type[Table]) -> Table:
    """Return a table without rows."""
    columns: dict[str, Any] = {name: [] for name, column in columns_of(table).items() if not column.is_optional}
    return table(**columns)


def encode(profile: Profile) -> bytes:
    """Return a profile as it is stored."""
    return zlib.compress(escape_surrogates(json.dumps(to_json(profile), separators=(",", ":")).encode()))


def decode(stored: bytes) -> Profile:
    """Return a stored profile; raises `CorruptDataError` for anything else, and for another version."""
    return from_json(json_of(decompress(stored, MAX_BYTES)))


def from_json(content: Any) -> Profile:
    """Return the profile that `to_json` wrote; raises `CorruptDataError` for anything else."""
    if not isinstance(content, dict):
        raise CorruptDataError(_CORRUPT)
    if content.get("version") != VERSION:
        raise CorruptDataError(f"stored profile is not of version {VERSION}: update pytest-akastats")
    unfinished = content.get("unfinished", [])
    sets = [content.get(name, []) for name in ("fixture_sets", "implicit_sets")]
    budgets = content.get("budgets", {})
    is_valid = _are_text(unfinished) and all(map(_are_lists_of_text, sets))
    if not (is_valid and isinstance(budgets, dict) and _are_budgets(list(budgets.values()))):
        raise CorruptDataError(_CORRUPT)
    return Profile(
        _table(TestColumns, content.get("tests")),
        # Profiles of earlier releases lack the errors, processes, imports, builds and samples.
        _table_or_empty(ErrorColumns, content.get("errors")),
        _table(FixtureColumns, content.get("fixtures")),
        _table(FileColumns, content.get("files")),
        unfinished,
        _table_or_empty(ProcessColumns, content.get("processes")),
        _table_or_empty(ImportColumns, content.get("imports")),
        _table_or_empty(BuildColumns, content.get("builds")),
        sets[0],
        sets[1],
        samples=_table_or_empty(SampleColumns, content.get("samples")),
        budgets=budgets,
    )


def to_json(profile: Profile) -> dict[str, Any]:
    """Return a profile as the API returns it."""
    tables = {name: columns_to_json(getattr(profile, name)) for name in _NAMES}
    lists = {name: getattr(profile, name) for name in ("unfinished", "fixture_sets", "implicit_sets")}
    return {"version": VERSION, **tables, **lists, **({"budgets": profile.budgets} if profile.budgets else {})}


def columns_to_json(table: Columns) -> dict[str, list[Any]]:
    """Return the columns of a table by name, including columns of later releases; omit absent columns."""
    declared = {name: getattr(table, name) for name in columns_of(type(table))}
    return {**{name: column for name, column in declared.items() if column is not None}, **table.later}


def rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return columns as a list of rows, for JSON."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def encode_failing(profile: Profile) -> str:
    """Return a profile as text, for the record of a run in progress."""
    return base64.b64encode(encode(profile)).decode()


def decode_failing(stored: str) -> Profile:
    """Return a profile that `encode_failing` wrote; raises `CorruptDataError` for anything else."""
    try:
        return decode(base64.b64decode(stored, validate=True))
    except ValueError as error:
        raise CorruptDataError(_CORRUPT) from error


def columns_of(table: type[Columns]) -> Mapping[str, Column]:
    """Return the columns of a table by name, in the order of declaration."""
    return _DECLARED[table]


def _declared_columns(table: type[Any]) -> Mapping[str, Column]:
    hints = get_type_hints(table, include_extras=True)
    annotations = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: metadata[0] for name, metadata in annotations.items() if metadata}


# Read the type hints once per process: they take 0.1 ms, and one analysis decodes 200 profiles.
_NAMES: Mapping[str, type[Any]] = {
    "tests": TestColumns,
    "errors": ErrorColumns,
    "fixtures": FixtureColumns,
    "files": FileColumns,
    "processes": ProcessColumns,
    "imports": ImportColumns,
    "builds": BuildColumns,
    "samples": SampleColumns,
}
_DECLARED: Mapping[type[Any], Mapping[str, Column]] = {
    table: _declared_columns(table) for table in _NAMES.values()
}


#: Names of the columns that are metrics.
METRICS = tuple(name for name, column in columns_of(TestColumns).items() if column.is_metric)


def is_metric_value(value: Any) -> bool:
    """Return whether a value can be stored in the column of a metric."""
    return _are_counts([value])


def _table(table: type[Table], stored: Any) -> Table:
    """Return a stored table; raises `CorruptDataError` for a missing or invalid column, or unequal lengths."""
    if type(stored) is not dict:
        raise CorruptDataError(_CORRUPT)
    declared: Mapping[str, Column] = columns_of(table)
    for name, column in declared.items():
        is_valid = column.check(stored[name]) if name in stored else column.is_optional
        if not is_valid:
            raise CorruptDataError(_CORRUPT)
    later = {name: column for name, column in stored.items() if name not in declared and _are_plain(column)}
    columns = {name: stored[name] for name in declared if name in stored}
    if len({*map(len, (columns | later).values())}) > 1:
        raise CorruptDataError(_CORRUPT)
    return table(**columns, later=later)


def _table_or_empty(table: type[Table], stored: Any) -> Table:
    return make_empty(table) if stored is None else _table(table, stored)

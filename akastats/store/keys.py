"""The Redis keys. All begin with the namespace `NS` (`AKA_STATS_NAMESPACE`).

| key | type | value |
|---|---|---|
| `NS::LAST::label`, `LAST_TIME`, `MIN`, `MAX` | string | one float |
| `NS::AVG::label`, `STDEV`, `COUNT`, `TOTAL`, `TOTAL_SQ` | string | one float |
| `NS::HISTORY::label` | list | `timestamp;value;context_id`, newest first |
| `NS::CONTEXTS::md5` | string | the bytes of one context |
| `NS::INDEX` | sorted set | every label, score 1 |
| `NS::SEEN` | sorted set | labels by server time of their last report |
| `NS::CURSOR::producer` | string | position up to which a spool has been applied: `seq`, or `seq:points` |
| `NS::RUN::id` | hash | one run |
| `NS::RUNS`, `NS::RUNS::dimension::value` | sorted set | run ids by start time |
| `NS::PROFILE::id` | string | the tests, errors, fixtures and files of one run, compressed |
| `NS::UNLISTED` | sorted set | runs whose index update is pending, by server time of the report of their end |
| `NS::LISTING` | string | the producer whose shipper updates the index for other producers, for two minutes |
| `NS::TESTS` | hash | rows of tests by label, see `model/rows.py` |
| `NS::TESTS_AT` | sorted set | labels of tests by server time of the last change of their row |
| `NS::ERROR::fingerprint` | hash | failures with the same fingerprint, see `model/error_records.py` |
| `NS::ERRORS` | sorted set | fingerprints by time of the last failure |
| `NS::ERRORS_AT` | sorted set | fingerprints by server time of the last change of their record |
| `NS::VERDICTS::id` | string | the verdicts of one run, compressed, see `model/verdicts.py` |
| `NS::QUARANTINE` | hash | quarantine entries by label of the test, JSON |
| `NS::MARKS` | hash | acknowledgements by id of the duration change, JSON |
| `NS::FINDING_MARKS` | hash | marks by id of the finding, JSON |
"""

from __future__ import annotations

#: Two weeks, in seconds: the lifetime of a label after its last report.
LABEL_TTL_S = 14 * 86_400

#: The order of a label's keys in the arguments of `push.lua`.
LABEL_FIELDS = (
    "COUNT",
    "AVG",
    "STDEV",
    "MIN",
    "MAX",
    "TOTAL",
    "TOTAL_SQ",
    "LAST_TIME",
    "LAST",
    "HISTORY",
)


def label(namespace: str, name: str) -> list[str]:
    """Return the ten keys of one label, in the order of `LABEL_FIELDS`."""
    return [f"{namespace}::{field}::{name}" for field in LABEL_FIELDS]


def number(namespace: str, field: str, name: str) -> str:
    """Return the key of one statistic of a label; `field` is its name in the table above, in any case."""
    return f"{namespace}::{field.upper()}::{name}"


def history(namespace: str, name: str) -> str:
    """Return the key of a label's history."""
    # Concatenate, because an f-string formats a member of an enum that derives from str differently.
    return f"{namespace}::HISTORY::" + name


def context(namespace: str, context_id: str) -> str:
    """Return the key of one context."""
    return f"{namespace}::CONTEXTS::{context_id}"


def index(namespace: str) -> str:
    """Return the key of the set of all labels."""
    return f"{namespace}::INDEX"


def seen(namespace: str) -> str:
    """Return the key of the labels by time of their last report."""
    return f"{namespace}::SEEN"


def cursor(namespace: str, producer: str) -> str:
    """Return the key of a producer's cursor."""
    return f"{namespace}::CURSOR::{producer}"


def run(namespace: str, run_id: str) -> str:
    """Return the key of one run."""
    return f"{namespace}::RUN::{run_id}"


def runs(namespace: str, dimension: str = "", value: str = "") -> str:
    """Return the key of all runs, or of those with a `value` of branch, suite, commit or status (`dimension`)."""
    return f"{namespace}::RUNS::{dimension}::{value}" if dimension else f"{namespace}::RUNS"


def profile(namespace: str, run_id: str) -> str:
    """Return the key of one run's profile."""
    return f"{namespace}::PROFILE::{run_id}"


def pending_index(namespace: str) -> str:
    """Return the key of the runs whose index update is pending."""
    return f"{namespace}::UNLISTED"


def index_lock(namespace: str) -> str:
    """Return the key of the lock of the shipper that updates the index for other producers."""
    return f"{namespace}::LISTING"


def tests(namespace: str) -> str:
    """Return the key of the rows of all tests."""
    return f"{namespace}::TESTS"


def tests_at(namespace: str) -> str:
    """Return the key of the tests by time of the last change of their row."""
    return f"{namespace}::TESTS_AT"


def error(namespace: str, fingerprint: str) -> str:
    """Return the key of the failures with one fingerprint."""
    return f"{namespace}::ERROR::{fingerprint}"


def errors(namespace: str) -> str:
    """Return the key of the fingerprints by time of the last failure."""
    return f"{namespace}::ERRORS"


def errors_at(namespace: str) -> str:
    """Return the key of the fingerprints by time of their last change."""
    return f"{namespace}::ERRORS_AT"


def verdicts(namespace: str, run_id: str) -> str:
    """Return the key of one run's verdicts."""
    return f"{namespace}::VERDICTS::{run_id}"


def quarantine(namespace: str) -> str:
    """Return the key of the quarantined tests."""
    return f"{namespace}::QUARANTINE"


def acknowledgements(namespace: str) -> str:
    """Return the key of the acknowledgements of duration changes."""
    return f"{namespace}::MARKS"


def finding_marks(namespace: str) -> str:
    """Return the key of the marks of findings."""
    return f"{namespace}::FINDING_MARKS"

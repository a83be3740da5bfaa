"""Every Redis key is spelled here. All begin with the namespace `NS` (`AKA_STATS_NAMESPACE`).

| key | type | holds |
|---|---|---|
| `NS::LAST::label`, `LAST_TIME`, `MIN`, `MAX` | string | one float |
| `NS::AVG::label`, `STDEV`, `COUNT`, `TOTAL`, `TOTAL_SQ` | string | one float |
| `NS::HISTORY::label` | list | `timestamp;value;context_id`, newest first |
| `NS::CONTEXTS::md5` | string | the bytes of one context |
| `NS::INDEX` | sorted set | every label, score 1 |
| `NS::SEEN` | sorted set | label by server time of its last report |
| `NS::CURSOR::producer` | string | how far a spool has been applied: `seq`, or `seq:points` |
| `NS::RUN::id` | hash | one run |
| `NS::RUNS`, `NS::RUNS::dimension::value` | sorted set | run ids by start time |
| `NS::PROFILE::id` | string | the tests, errors, fixtures and files of one run, compressed |
| `NS::UNLISTED` | sorted set | runs that the next four do not tell of yet, by server time of their end's report |
| `NS::LISTING` | string | the producer whose shipper lists what others left undone, for two minutes |
| `NS::TESTS` | hash | a test's label to its row in lists, see `analysis/test_rows.py` |
| `NS::TESTS_AT` | sorted set | those labels by server time of the row's last change |
| `NS::ERROR::fingerprint` | hash | failures that are the same one, see `analysis/error_records.py` |
| `NS::ERRORS`, `NS::ERRORS_AT` | sorted set | fingerprints by when last seen, and by server time of last change |
| `NS::VERDICTS::id` | string | what one run means, compressed, see `analysis/verdicts.py` |
| `NS::QUARANTINE` | hash | a test's label to why and until when its failures fail no run, JSON |
| `NS::MARKS` | hash | a slowdown's id to what people say of it, JSON |
"""

from __future__ import annotations

#: Two weeks, in seconds: how long a label lives after its last report.
LABEL_TTL_S = 14 * 86_400

#: The order in which `push.lua` is given a label's keys.
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
    """Return the key of one of a label's numbers; `field` as in the table, in any case."""
    return f"{namespace}::{field.upper()}::{name}"


def history(namespace: str, name: str) -> str:
    """Return the key of a label's history."""
    # Added, not formatted: an enum's member is a str that is formatted as something else.
    return f"{namespace}::HISTORY::" + name


def context(namespace: str, context_id: str) -> str:
    """Return the key of one context."""
    return f"{namespace}::CONTEXTS::{context_id}"


def index(namespace: str) -> str:
    """Return the key of the set of labels."""
    return f"{namespace}::INDEX"


def seen(namespace: str) -> str:
    """Return the key of the labels by their last report."""
    return f"{namespace}::SEEN"


def cursor(namespace: str, producer: str) -> str:
    """Return the key of a producer's cursor."""
    return f"{namespace}::CURSOR::{producer}"


def run(namespace: str, run_id: str) -> str:
    """Return the key of one run."""
    return f"{namespace}::RUN::{run_id}"


def runs(namespace: str, dimension: str = "", value: str = "") -> str:
    """Return the key of all runs, or of those with one branch, suite, commit or status (the `dimension`)."""
    return f"{namespace}::RUNS::{dimension}::{value}" if dimension else f"{namespace}::RUNS"


def profile(namespace: str, run_id: str) -> str:
    """Return the key of one run's profile."""
    return f"{namespace}::PROFILE::{run_id}"


def pending_index(namespace: str) -> str:
    """Return the key of the runs that the lists do not tell of yet."""
    return f"{namespace}::UNLISTED"


def index_lock(namespace: str) -> str:
    """Return the key that names the producer whose shipper indexes the runs of others."""
    return f"{namespace}::LISTING"


def tests(namespace: str) -> str:
    """Return the key of the rows of tests."""
    return f"{namespace}::TESTS"


def tests_at(namespace: str) -> str:
    """Return the key of the tests by their rows' last change."""
    return f"{namespace}::TESTS_AT"


def error(namespace: str, fingerprint: str) -> str:
    """Return the key of the failures that have one fingerprint."""
    return f"{namespace}::ERROR::{fingerprint}"


def errors(namespace: str) -> str:
    """Return the key of the fingerprints by when they were last seen."""
    return f"{namespace}::ERRORS"


def errors_at(namespace: str) -> str:
    """Return the key of the fingerprints by their last change."""
    return f"{namespace}::ERRORS_AT"


def verdicts(namespace: str, run_id: str) -> str:
    """Return the key of what one run means."""
    return f"{namespace}::VERDICTS::{run_id}"


def quarantine(namespace: str) -> str:
    """Return the key of the tests whose failures fail no run."""
    return f"{namespace}::QUARANTINE"


def acknowledgements(namespace: str) -> str:
    """Return the key of what people say of slowdowns."""
    return f"{namespace}::MARKS"

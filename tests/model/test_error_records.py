"""Records of failures: what runs add, once each, within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.model.error_records import LISTED, MAX_RUNS, MAX_TESTS, ErrorRecord, Occurrence, merge, pack, unpack


def occurrence(run: int = 0, **tests: int) -> Occurrence:
    """Return the failures of a run that began at `run` seconds, one of test `a` unless told."""
    return Occurrence(
        fingerprint="c0ffee",
        exception="ValueError",
        message="no <n>",
        frames=("a.py::f",),
        run=f"run-{run}",
        started=float(run),
        tests=tests or {"a": 1},
        error_id=f"id-{run}",
        traceback=f"text {run}",
    )


def merged(*occurrences: Occurrence) -> ErrorRecord:
    """Return what these come to, in this order."""
    record = None
    for each in occurrences:
        record = merge(record, each)
    assert record is not None
    return record


def test_runs_add_up():
    """Counts, runs and tests; the newest run's traceback stands for all."""
    record = merged(occurrence(1, a=2, b=1), occurrence(2, a=1, c=1))

    assert (5, 2, 3) == (record.count, record.runs, record.tests)
    assert (1.0, 2.0, "run-2", "a", "id-2", "text 2") == (
        record.first_seen,
        record.last_seen,
        record.newest_run,
        record.newest_test,
        record.error_id,
        record.traceback,
    )
    assert {"a": 3, "b": 1, "c": 1} == record.in_tests


def test_a_run_that_is_told_again_changes_nothing():
    """A listing that was cut short can be done again."""
    record = merged(occurrence(1, a=2), occurrence(2))

    assert record is merge(record, occurrence(1, a=2))


def test_a_run_that_is_told_anew_adds_what_is_new():
    """A run that was taken for dead and went on has more failures in the end, and is one run."""
    record = merged(occurrence(1, a=1), occurrence(1, a=1, b=2))

    assert (3, 1, 2, {"run-1": (1.0, 3)}) == (record.count, record.runs, record.tests, record.in_runs)


def test_a_late_run_is_not_the_newest():
    """A spool that arrives late may have seen it first; the newest stays the newest."""
    record = merged(occurrence(5), occurrence(3))

    assert (3.0, 5.0, "run-5", "text 5") == (
        record.first_seen,
        record.last_seen,
        record.newest_run,
        record.traceback,
    )
    assert ["run-5", "run-3"] == list(record.in_runs)


def test_a_run_without_its_text_keeps_what_was_known():
    """A traceback that has expired, or that belongs to another failure, replaces none."""
    bare = replace(occurrence(2), message="", frames=(), error_id="", traceback="")

    record = merged(occurrence(1), bare)

    assert ("no <n>", ("a.py::f",), "id-1", "text 1", "run-2") == (
        record.message,
        record.frames,
        record.error_id,
        record.traceback,
        record.newest_run,
    )


def test_what_is_remembered_is_bounded():
    """A failure of every test in every run is still one record of bounded size; counts go on."""
    many = {f"t{at}": 1 for at in range(2 * MAX_TESTS)}

    record = merged(*(occurrence(run, **many) for run in range(MAX_RUNS + 20)))

    assert (MAX_RUNS, MAX_TESTS) == (len(record.in_runs), len(record.in_tests))
    assert MAX_RUNS + 20 == record.runs
    assert f"run-{MAX_RUNS + 19}" == next(iter(record.in_runs))


def test_a_record_round_trips():
    """What is stored is what was known, the texts of strangers included."""
    record = merged(replace(occurrence(1), message="größe \x00 🙂", traceback="x" * 20_000))

    stored = pack(record)

    assert record == unpack(stored)
    assert 2000 > sum(map(len, stored.values()))


def test_a_row_of_a_list_needs_no_traceback():
    """Of a record only what a list shows is read."""
    stored = {name: value for name, value in pack(merged(occurrence(1))).items() if name in LISTED}

    record = unpack(stored)

    assert record is not None
    assert ("ValueError", 1, {}) == (record.exception, record.count, record.in_runs)


@pytest.mark.parametrize(
    "stored", [{}, {"first_seen": None}, {"first_seen": b"x"}, {"exception": b"E"}, {"count": b"1"}]
)
def test_what_is_no_record_of_ours_is_none(stored):
    """What another release or somebody else wrote is passed over."""
    assert unpack(stored) is None


def test_names_that_are_no_utf8_are_stored_escaped():
    """An exception's name can hold anything."""
    assert b"\\ud800" == pack(replace(merged(occurrence(1)), exception="\ud800"))["exception"]

"""From records to results: a table of what each combination of phases means, and what a story adds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from akastats.delivery.run_builder import AddedPoint, Retention, RunBuilder, outcome_of
from akastats.delivery.run_profile import profile_of
from akastats.model import profile
from akastats.model.results import Budget, budget_of, fit_label
from akastats.spool.format import Record
from akastats.spool.records import decode_content

RUN = {"id": "run-1", "started": 1000.0, "suite": ""}


def tell(*contents: list[Any], header: dict[str, Any] | None = None) -> tuple[RunBuilder, list[AddedPoint]]:
    """Tell a new story these records after its header; return it and all points that they added."""
    builder = RunBuilder(Retention(outcomes_s=100, tracebacks_s=10))
    added: list[AddedPoint] = []
    for seq, content in enumerate([["run", RUN | (header or {})], *contents], 1):
        decoded = decode_content(Record(seq, content))
        added += builder.add(decoded) if decoded else []
    return builder, added


def record_of(nodeid: str, letters: str, worker: str = "") -> list[Any]:
    """Return the record of a test that began at 1001 s and took 1, 2 and 3 ms."""
    return ["test", nodeid, worker, letters, 1_001_000_000, 1000, 2000, 3000]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("ppp", "passed"),
        ("pfp", "failed"),
        ("f-p", "error"),
        ("ppf", "error"),
        ("pff", "failed"),
        ("s-p", "skipped"),
        ("psp", "skipped"),
        ("pxp", "xfailed"),
        ("x-p", "xfailed"),
        ("pXp", "xpassed"),
        ("pr-", "rerun"),
        ("prp", "rerun"),
        ("r-p", "rerun"),
        ("ppr", "rerun"),
        ("p--", None),
        ("p-p", None),
    ],
)
def test_phases_come_to_one_outcome(letters: str, expected: str | None) -> None:
    """The call's failure counts before an error of setup or teardown, a rerun before both."""
    assert expected == outcome_of(letters)


def test_a_failed_subtest_fails_a_test_that_passed() -> None:
    """A test is no better than its parts."""
    assert "failed" == outcome_of("ppp", failed_subtests=1)


def test_a_test_adds_its_call_time_at_its_end() -> None:
    """The value is the call phase in seconds, the time that of the attempt's end."""
    _, (added,) = tell(record_of("a.py::test_a", "ppp"))

    assert "test::a.py::test_a" == added.label
    assert (0.002, 1001.006) == (added.entry.value, added.entry.timestamp)
    assert b'{"outcome":"passed","run":"run-1"}' == added.contexts[0].bytes


def test_a_test_that_never_ran_adds_its_setup_time() -> None:
    """Where setup failed there is no call phase."""
    _, (added,) = tell(record_of("a.py::test_a", "f-p"))

    assert 0.001 == added.entry.value


def test_a_suite_is_part_of_its_labels() -> None:
    """Durations of a job are its own."""
    _, (added,) = tell(record_of("a.py::test_a", "ppp"), header={"suite": "py312"})

    assert "test@py312::a.py::test_a" == added.label


def test_a_failure_leads_to_its_traceback() -> None:
    """The test's context names the context of its traceback; without the worker's line it is the same text."""
    error = [
        "error",
        "a.py::t",
        "gw0",
        "call",
        "failed",
        "ValueError",
        "[gw0] linux -- Python 3\nboom",
        1_002_000_000,
    ]

    _, (of_class, of_all, of_test) = tell(error, record_of("a.py::t", "pfp", "gw0"))

    assert ["errors__EXC:ValueError", "errors__all"] == [of_class.label, of_all.label]
    assert b"boom" == of_class.contexts[0].bytes
    assert of_class.entry.context_id in of_test.contexts[0].bytes.decode()


def test_the_same_records_add_the_same_points() -> None:
    """A story is deterministic: that is what lets a spool be delivered in any pieces by anyone."""
    records = [["stat", "a.py::t", "", [[1.5, "rows", 3.0, None]]], record_of("a.py::t", "ppp")]

    assert tell(*records)[1] == tell(*records)[1]


def test_a_record_of_a_later_version_adds_nothing() -> None:
    """What this release does not know it passes over."""
    _, added = tell(["hologram", "a.py::t", 3])

    assert [] == added


def test_tracebacks_of_a_run_are_bounded() -> None:
    """From the 201st distinct text on, failures share the newest with their fingerprint, or class."""
    errors = [["error", f"a.py::t{n}", "", "call", "failed", "E", f"text {n}", 1_002_000_000] for n in range(300)]
    errors[0][-2] = "another text 1"
    errors[-1][-2] = "another text 2"

    builder, added = tell(*errors)

    assert builder.errors[0].error == builder.errors[-1].error != builder.errors[-2].error

    assert 200 == len({added.entry.context_id for added in added if added.label == "errors__all"})
    assert "" not in {added.entry.context_id for added in added}


def test_the_end_adds_what_the_run_cost() -> None:
    """Fixtures, files and the suite's own numbers come with the run's end, summed over workers."""
    _, added = tell(
        ["fixtures", [["a.py", "db", "module", 1, 0.25, 0.5]]],
        ["fixtures", [["a.py", "db", "module", 1, 0.25, 0.0]]],
        ["collected", "gw0", [["a.py", 0.5]]],
        ["collected", "gw1", [["a.py", 0.75]]],
        record_of("a.py::t", "ppp"),
        ["end", {"finished": 1010.0, "exit_code": 0, "interrupted": False}],
    )

    values = {point.label: point.entry.value for point in added}
    assert (1.0, 0.75) == (values["fixture::a.py::db"], values["collect::a.py"])
    assert (10.0, 1.0, 0.0) == (values["run::duration"], values["run::tests"], values["run::failed"])


@pytest.mark.parametrize(
    ("running", "failed"),
    [(["a.py::t"], ["a.py::t"]), (["a.py::t", "b.py::t"], []), ([], [])],
)
def test_the_one_test_that_was_running_at_a_crash_has_failed(running: list[str], failed: list[str]) -> None:
    """All that were running are named; of several nobody knows which one was the cause."""
    builder, _ = tell(*(["began", nodeid, 1_007_000_000] for nodeid in running))

    points = builder.crash(1009.5)

    assert tuple(running) == builder.died_in
    assert failed == [result.nodeid for result in builder.results]
    assert [2.5] * len(failed) == [result.call for result in builder.results]
    expected = [
        name for nodeid in failed for name in ("errors__EXC:ProcessCrash", "errors__all", f"test::{nodeid}")
    ]
    assert expected == [label for label, *_ in points]
    assert points is builder.crash(1010.0)


def test_every_failure_is_noted_with_its_phase_class_and_fingerprint() -> None:
    """What failed in a run is told by the run itself, so nobody need search histories for it."""
    errors = [
        ["error", "a.py::t", "", "setup", "failed", "KeyError", "one", 1_002_000_000],
        ["error", "a.py::u", "", "call", "subtest", "KeyError", "two 1", 1_002_000_000],
        ["error", "a.py::v", "", "call", "failed", "KeyError", "two 2", 1_002_000_000],
        ["uncollected", "b.py", "", "E   SyntaxError: no", 1_002_000_000],
    ]

    builder, added = tell(*errors)

    told = [(error.nodeid, error.phase, error.exception) for error in builder.errors]
    first, second, third, _ = builder.errors
    assert [
        ("a.py::t", "setup", "KeyError"),
        ("a.py::u", "subtest", "KeyError"),
        ("a.py::v", "call", "KeyError"),
        ("b.py", "collect", "SyntaxError"),
    ] == told
    assert [point.entry.context_id for point in added[::2]] == [error.error for error in builder.errors]
    assert first.fingerprint != second.fingerprint == third.fingerprint


@pytest.mark.parametrize("label", ["x" * 5000, "\ud800", "é" * 3000])
def test_any_label_is_made_to_fit(label: str) -> None:
    """A node id that could not be stored still has a label."""
    assert 1 <= len(fit_label(label).encode()) <= 4096


def test_long_labels_that_differ_at_their_end_stay_two() -> None:
    """Of a parameter of 5,000 characters the end may be all that tells two tests apart."""
    one, other = ("test::a.py::b[" + "x" * 5000 + end for end in ("1]", "2]"))

    assert fit_label(one) != fit_label(other)
    assert fit_label(one) == fit_label(one)
    assert fit_label(fit_label(one)) == fit_label(one)


def test_a_budget_belongs_to_its_test() -> None:
    """What a marker allows is kept under the node id that the test has without its group."""
    budget = ["budget", "a.py::test_a@one", {"max_seconds": 1.5}]

    builder, added = tell(budget, header={"dist": "loadgroup"})

    assert {"a.py::test_a": Budget(max_seconds=1.5)} == builder.budgets
    assert [] == added


@pytest.mark.parametrize("budget", [Budget(1.5, 2.0), Budget(max_seconds=1.5), Budget(max_slowdown=2.0)])
def test_a_profile_tells_what_markers_say(budget: Budget) -> None:
    """A budget comes back from the profile; a test without one has none."""
    given = {name: value for name, value in asdict(budget).items() if value is not None}
    records = [["budget", "b", given], record_of("a", "ppp"), record_of("b", "prp"), record_of("b", "ppp")]

    builder, _ = tell(*records)

    told = profile.decode(profile.encode(profile_of(builder))).tests.budget
    assert [None, given, given] == told
    assert budget == budget_of(given)


def test_a_profile_of_unmarked_tests_has_no_budgets() -> None:
    """Who does not use markers stores nothing for them."""
    builder, _ = tell(record_of("a", "ppp"))

    assert profile.decode(profile.encode(profile_of(builder))).tests.budget is None


def test_metrics_of_a_later_release_are_ignored() -> None:
    """A profile has only the columns that this release declares."""
    builder, added = tell(["metrics", "", {"later": 1}], record_of("a", "ppp"))

    assert {"": {}} == builder.metrics
    assert 1 == len(added)


def test_a_metric_holds_until_the_worker_reports_another_value() -> None:
    """Each worker has values of its own; an attempt before the first record has none."""
    builder, _ = tell(
        record_of("a", "ppp", "gw0"),
        ["metrics", "gw0", {"peak_memory": 10}],
        record_of("b", "ppp", "gw0"),
        record_of("c", "ppp", "gw1"),
        record_of("d", "ppp", "gw0"),
        ["metrics", "gw0", {"peak_memory": 20}],
        record_of("e", "ppp", "gw0"),
    )

    stored = profile.decode(profile.encode(profile_of(builder)))
    assert [None, 10, None, 10, 20] == stored.tests.peak_memory


def test_a_profile_lacks_metrics_that_no_test_has() -> None:
    """On Windows nothing measures the memory of a process."""
    builder, _ = tell(record_of("a", "ppp"))

    assert "peak_memory" not in profile.to_json(profile_of(builder))["tests"]


@pytest.mark.parametrize("value", [1.5, "1", None, True, 2**63, [1]])
def test_a_metric_that_is_not_a_whole_number_is_refused(value: Any) -> None:
    """The record counts as damaged, and the profile stays readable."""
    with pytest.raises((TypeError, ValueError)):
        tell(["metrics", "", {"peak_memory": value}])


@pytest.mark.parametrize("wrong", [{"max_seconds": "1.5"}, {"max_seconds": None}, {"max_weeks": 3}, {}])
def test_what_is_no_number_of_ours_is_no_budget(wrong: dict[str, Any]) -> None:
    """What strangers, or later releases, wrote into a spool is left aside."""
    assert Budget() == budget_of(wrong)


def test_a_process_is_stored_relative_to_the_start_of_the_run() -> None:
    """Records of one process add up; moments that no record names are unknown."""
    builder, _ = tell(
        ["process", "gw0", {"start": 999_500_000, "configured": 999_900_000}, {"conftest": 7}],
        ["process", "gw0", {"collected": 1_002_000_000}, {}],
    )

    processes = profile_of(builder).processes
    assert (["gw0"], [-500_000], [-100_000]) == (processes.worker, processes.start, processes.configured)
    assert ([2_000_000], [None], [7]) == (processes.collected, processes.finished, processes.conftest)


def test_imports_of_a_process_add_up_by_package() -> None:
    """Each phase and each worker has its own row."""
    builder, _ = tell(
        ["imports", "gw0", "collect", [["numpy", 2, 0.5], ["shop", 1, 0.25]]],
        ["imports", "gw0", "collect", [["numpy", 1, 0.25]]],
        ["imports", "gw1", "collect", [["numpy", 3, 1.0]]],
    )

    imports = profile_of(builder).imports
    assert ["gw0", "gw0", "gw1"] == imports.worker
    assert (["numpy", "shop", "numpy"], [3, 1, 3]) == (imports.package, imports.modules)
    assert [750_000, 250_000, 1_000_000] == imports.own


def test_costs_are_those_of_one_attempt() -> None:
    """The metrics of a worker stay; its costs are used up."""
    builder, _ = tell(
        ["metrics", "", {"fixture_set": 1}],
        ["costs", "", {"cpu_call": 5}],
        record_of("a.py::test_a", "ppp"),
        record_of("a.py::test_b", "ppp"),
    )

    tests = profile_of(builder).tests
    assert ([5, None], [1, 1]) == (tests.cpu_call, tests.fixture_set)


def test_a_missing_combination_of_fixtures_is_empty() -> None:
    """The positions of the others stay."""
    builder, _ = tell(["fixture_set", 1, ["db"]], ["builds", "gw1", [["", "db", "a.py::test_a", 0.5]]])

    content = profile_of(builder)
    assert [[], ["db"]] == content.fixture_sets
    assert (["gw1"], ["a.py::test_a"], [500_000]) == (
        content.builds.worker,
        content.builds.nodeid,
        content.builds.setup,
    )


def test_a_number_of_fixtures_that_no_plugin_writes_needs_no_memory() -> None:
    """A damaged record cannot create a list of a billion items."""
    builder, _ = tell(["fixture_set", 10**9, ["db"]])

    assert [] == profile_of(builder).fixture_sets

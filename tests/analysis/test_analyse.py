"""Verdicts of runs from their history, without a server."""

from __future__ import annotations

import sys
from dataclasses import replace
from math import inf, nan

import pytest

from akastats.analysis.analyse import AnalysisInput, analyse
from akastats.model.results import Budget
from akastats.model.verdicts import FailureVerdict, looks_like_outage, pack, unpack
from tests.analysis.records import run, suite

#: Ten runs of main in which all tests passed.
CALM = [run(number, suite()) for number in range(10)]
NOW = 100


def labels(verdicts):
    """Return the label of each failure, by node id."""
    return {failure.nodeid: failure.label for failure in verdicts.failures}


def states(verdicts):
    """Return the states of the tests in the verdicts, by node id."""
    return {test.nodeid: test.state for test in verdicts.tests}


def case(*now, base=CALM, own=(), branch="main", **more):
    """Return the input of the analysis: a run of `branch` whose base is main."""
    return AnalysisInput(
        run=run(NOW, *now, branch=branch), suite="", base_branch="main", base=base, own=own, **more
    )


def failing(*names, outcome="failed"):
    """Return a suite in which these tests fail."""
    return suite(dict.fromkeys(names, outcome))


def flaky(name, runs=12):
    """Return runs in which a test fails in every third run and passes when it is repeated."""
    return [
        run(number, [*suite(), *([(name, "rerun", 0.1)] if number % 3 == 0 else []), (name, "passed", 0.1)])
        for number in range(runs)
    ]


@pytest.mark.parametrize("outcome", ["failed", "error"])
def test_a_failure_of_a_test_that_passed_on_the_base_is_new(outcome):
    """This is what the author of a change needs."""
    assert {"test_03": "new"} == labels(analyse(case(failing("test_03", outcome=outcome))))


def test_an_unknown_test_that_fails_is_new():
    """It was added with this change."""
    assert {"added": "new"} == labels(analyse(case([*suite(), ("added", "failed", 0.1)])))


def test_a_test_that_fails_on_the_base_does_not_fail_here_alone():
    """A branch that was opened while main was broken did not break the test."""
    base = [*CALM, run(10, failing("test_03"))]

    assert {"test_03": "also failing on base"} == labels(
        analyse(case(failing("test_03"), base=base, branch="fix"))
    )


def test_the_own_branch_is_no_base():
    """A test that this branch broke three commits ago is still new."""
    own = [run(number, failing("test_03"), branch="fix") for number in range(20, 24)]

    assert {"test_03": "new"} == labels(analyse(case(failing("test_03"), own=own, branch="fix")))


def test_without_a_base_a_branch_s_own_runs_are_none():
    """If the profiles of the base have expired, an earlier breakage of the branch is still new."""
    own = [run(number, failing("test_03"), branch="fix") for number in range(20, 24)]

    verdicts = analyse(case(failing("test_03"), base=(), own=own, branch="fix"))

    assert ({"test_03": None}, {}) == (labels(verdicts), states(verdicts))


def test_a_known_flaky_test_is_called_so_with_its_rate():
    """Five failures in thirteen first attempts, including this run; the rate is that of its state."""
    verdicts = analyse(case([*suite(), ("often", "failed", 0.1)], base=flaky("often")))

    assert {"often": "known flaky"} == labels(verdicts)
    assert pytest.approx(5.3 / 13.8, abs=0.0001) == verdicts.failures[0].rate == verdicts.tests[0].rate


def test_a_flaky_test_that_fails_again_and_again_is_new():
    """A rate of a third does not explain six failures in a row."""
    tried = [("often", "rerun", 0.1)] * 8 + [("often", "failed", 0.1)]

    assert {"often": "new"} == labels(analyse(case([*suite(), *tried], base=flaky("often", 30))))


def test_without_any_history_there_is_no_label():
    """A first run breaks nothing; quarantined tests still have their label."""
    verdicts = analyse(case(failing("test_03", "test_04"), base=(), quarantined={"test_04"}))

    assert {"test_03": None, "test_04": "quarantined"} == labels(verdicts)


def test_a_failure_that_passed_when_repeated_is_no_failure_of_the_run():
    """The run passes, and the state of the test shows its flakiness."""
    verdicts = analyse(case([*suite(), ("t", "rerun", 0.1), ("t", "passed", 0.1)]))

    assert () == verdicts.failures


def test_the_states_of_a_suite():
    """Only tests that are not healthy are in the verdicts."""
    base = [
        run(
            number,
            [
                *suite({"test_03": "failed"} if number >= 5 else {}),
                *([("often", "rerun", 0.1)] if number % 3 == 0 else []),
                ("often", "passed", 0.1),
            ],
        )
        for number in range(12)
    ]

    verdicts = analyse(case([*failing("test_03"), ("often", "passed", 0.1), ("added", "passed", 0.1)], base=base))

    assert {"test_03": "broken", "often": "flaky"} == states(verdicts)
    assert {"healthy": 19, "broken": 1, "flaky": 1, "new": 1} == verdicts.counts


def test_a_branch_makes_no_test_of_its_base_flaky():
    """A test that fails on a branch between passes on main is a breakage of the branch."""
    base = [run(2 * number, suite()) for number in range(20)]
    own = [
        run(2 * number + 1, failing("test_03") if number % 2 else suite(), branch="fix")
        for number in range(10, 20)
    ]

    assert {} == states(analyse(case(failing("test_03"), base=base, own=own, branch="fix")))


def test_a_branch_whose_commit_contradicts_itself_is_evidence():
    """Failing and passing on one commit is proof on any branch."""
    own = [
        run(number, [*suite(), ("t", outcome, 0.1)], branch="fix", commit="same")
        for number, outcome in ((20, "failed"), (21, "passed"))
    ]

    assert {"t": "flaky"} == states(analyse(case([*suite(), ("t", "passed", 0.1)], own=own, branch="fix")))


def test_an_outage_is_no_evidence_and_is_reported():
    """If a third of the suite fails at once, the cause is the environment."""
    gone = failing(*(f"test_{number:02}" for number in range(7)))

    verdicts = analyse(case(gone))

    assert verdicts.is_outage
    assert {} == states(verdicts)
    assert 7 == len(verdicts.failures)


@pytest.mark.parametrize(
    ("new", "flaky_failures", "unlabelled", "is_reported"),
    [(10, 0, 0, True), (9, 0, 0, False), (5, 5, 0, True), (5, 6, 0, False), (0, 0, 10, True), (2, 1, 0, False)],
)
def test_an_outage_is_reported_if_nothing_else_explains_it(new, flaky_failures, unlabelled, is_reported):
    """Otherwise it would hide a line that breaks three of 34 tests."""
    labels = [*["new"] * new, *["known flaky"] * flaky_failures, *[None] * unlabelled]
    failures = tuple(FailureVerdict(f"t{number}", label) for number, label in enumerate(labels))
    verdicts = replace(analyse(case(suite())), failures=failures)

    assert is_reported == looks_like_outage(replace(verdicts, is_outage=True))
    assert not looks_like_outage(verdicts)


def test_tests_that_are_run_again_since_they_failed_are_no_outage():
    """With `--lf` most tests of a run fail."""
    verdicts = analyse(case([(f"test_{number:02}", "failed", 0.1) for number in range(5)]))

    assert not verdicts.is_outage


def test_a_test_that_failed_before_and_passes_now_is_fixed():
    """The author of a fix sees that it worked."""
    base = [*CALM, run(10, failing("test_03", "test_05"))]
    mended = failing("test_05")

    verdicts = analyse(case(mended, base=base))

    assert ("test_03",) == verdicts.fixed == unpack(pack(verdicts)).fixed
    assert () == analyse(case(mended, base=[*base, run(11, mended)])).fixed
    assert () == analyse(case(mended, base=())).fixed


def test_a_skipped_test_that_the_base_runs_is_newly_skipped():
    """The newest three runs of the base decide; a test that is skipped there too is not reported."""
    skipped = [(nodeid, "skipped" if nodeid == "test_03" else outcome, s) for nodeid, outcome, s in suite()]

    verdicts = analyse(case(skipped, base=CALM))

    assert ("test_03",) == verdicts.newly_skipped == unpack(pack(verdicts)).newly_skipped
    assert () == analyse(case(skipped, base=[*CALM, run(10, skipped)])).newly_skipped
    assert () == analyse(case(suite(), base=CALM)).newly_skipped
    assert () == analyse(case(skipped, base=CALM[-2:])).newly_skipped


def test_a_branch_fixes_what_its_own_last_run_broke_or_else_its_base():
    """Main may have been broken when the branch was opened."""
    base = [*CALM, run(10, failing("test_03"))]
    own = [run(20, failing("test_05"), branch="fix")]

    assert ("test_03",) == analyse(case(suite(), base=base, branch="fix")).fixed
    assert ("test_05",) == analyse(case(suite(), base=base, own=own, branch="fix")).fixed


def test_flaky_tests_and_tests_after_an_outage_are_not_fixed():
    """A flaky test passes in most runs, and an outage breaks no test."""
    flickering = [run(number, failing("test_03") if number % 3 == 0 else suite()) for number in range(31)]
    away = failing(*(f"test_{number:02}" for number in range(8)))

    assert () == analyse(case(suite(), base=flickering)).fixed
    assert () == analyse(case(suite(), base=[*CALM, run(10, away)])).fixed


def test_a_test_that_is_gone_has_no_verdict():
    """A deleted or renamed test cannot be fixed."""
    base = [
        *(run(number, [*suite(), ("gone", "failed", 0.1)]) for number in range(10)),
        *(run(number, suite()) for number in range(10, 31)),
    ]

    assert {} == states(analyse(case(suite(), base=base)))
    assert {"gone": "broken"} == states(analyse(case(suite(), base=base[:-3])))


def test_what_a_flaky_test_costs():
    """The time of each failed attempt, and an equal share of a run that fails only because of flaky tests."""
    alone = run(20, [*suite(), ("one", "failed", 2.0), ("two", "passed", 0.1)], duration=60.0, commit="c")
    shared = run(21, [*suite(), ("one", "failed", 2.0), ("two", "failed", 1.0)], duration=60.0, commit="c")
    passed = run(22, [*suite(), ("one", "passed", 0.1), ("two", "passed", 0.1)], commit="c")
    real = run(23, [*failing("test_03"), ("one", "failed", 2.0), ("two", "passed", 0.1)], duration=60.0)

    verdicts = analyse(case([*suite(), ("one", "passed", 0.1)], base=[*CALM, alone, shared, passed, real]))

    costs = {
        test.nodeid: (test.runs_failed, test.seconds_lost) for test in verdicts.tests if test.state == "flaky"
    }
    assert {"one": (3, 60.0 + 30.0 + 3 * 2.0), "two": (1, 30.0 + 1.0)} == costs


def ordered(number, first, outcome):
    """Return a run in which `often` has this outcome directly after `first`."""
    others = [row for row in suite() if row[0] != first]
    return run(number, [*others, (first, "passed", 0.1), ("often", outcome, 0.1)], commit=f"c{number // 2}")


def test_workers_of_a_flaky_test():
    """Most flaky tests depend on the tests before them or on the machine."""
    base = [replace(each, workers=["gw1"] * len(each.nodeids)) for each in flaky("often")]

    tests_of_run = analyse(case([*suite(), ("often", "passed", 0.1)], base=base)).tests[0]

    assert (("gw1", 4, 16),) == tests_of_run.workers


def test_tests_before_a_flaky_test_are_compared_with_its_passing_runs():
    """A fixed order has no meaning, but a test that precedes only failures has."""
    base = [
        ordered(at, "test_07", "failed") if at % 4 == 0 else ordered(at, "test_03", "passed") for at in range(24)
    ]
    now = [*suite(), ("often", "passed", 0.1)]

    assert () == analyse(case(now, base=flaky("often", 24))).tests[0].after
    assert (("test_07", 6),) == analyse(case(now, base=base)).tests[0].after


def test_a_broken_test_has_failed_since_its_first_failing_run():
    """The run after the newest pass, with its commit and its cost; an older breakage is excluded."""
    older = [run(number, failing("test_03")) for number in range(10, 14)]
    fine = [run(number, suite()) for number in range(14, 40)]
    newest = [run(number, suite({"test_03": "failed"}, {"test_03": 2.0})) for number in range(40, 44)]

    tests_of_run = analyse(case(failing("test_03"), base=[*CALM, *older, *fine, *newest])).tests

    assert [("test_03", "broken", "r040", "c40", 5, 4 * 2.0 + 0.1)] == [
        (each.nodeid, each.state, each.since, each.since_commit, each.runs_failed, each.seconds_lost)
        for each in tests_of_run
    ]


def test_a_flaky_test_is_so_since_its_first_failing_run():
    """Not since the first run of its history, in which it passed."""
    runs = [*CALM, *(run(number, failing("test_03") if number % 5 == 2 else suite()) for number in range(10, 60))]

    (test,) = analyse(case(suite(), base=runs)).tests

    assert ("flaky", "r012", "c12", 10) == (
        test.state,
        test.since,
        test.since_commit,
        test.runs_failed,
    )


def test_a_commit_that_broke_without_a_change_is_broken_since_it_failed():
    """A certificate expires at night, and earlier runs of that commit passed."""
    before = [run(number, suite(), commit="c") for number in range(10, 14)]
    after = [run(number, failing("test_03"), commit=f"c{number}") for number in range(15, 20)]
    first = run(14, failing("test_03"), commit="c")

    (verdicts,) = analyse(case(failing("test_03"), base=[*CALM, *before, first, *after])).tests

    assert ("broken", "r014", "c", 7) == (
        verdicts.state,
        verdicts.since,
        verdicts.since_commit,
        verdicts.runs_failed,
    )


def test_a_test_has_one_rate_and_one_state_in_one_run():
    """If a flaky test is broken with this run, its failure is not known flaky."""
    broken = [("often", "rerun", 0.1), ("often", "failed", 0.1)]
    base = [*flaky("often", 30), *(run(number, [*suite(), *broken]) for number in range(30, 33))]

    verdicts = analyse(case([*suite(), *broken], base=base))

    assert {"often": "broken"} == states(verdicts)
    assert {"often": "also failing on base"} == labels(verdicts)


def test_flaky_tests_that_fail_together():
    """They have one cause."""
    base = [
        run(number, [*suite(), *((name, outcome, 0.1) for name in ("a", "b"))], commit=f"c{number // 2}")
        for number in range(24)
        for outcome in [("failed" if number % 4 == 0 else "passed")]
    ]

    verdicts = analyse(case([*suite(), ("a", "passed", 0.1), ("b", "passed", 0.1)], base=base))

    assert (("a", "b"),) == verdicts.clusters


def slowed(since, until, name="test_03"):
    """Return runs in which a test takes half a second from one run on."""
    return [run(number, suite(seconds={name: 0.5} if number >= since else {})) for number in range(until)]


def test_a_slower_test_is_reported_once():
    """It is new in the run in which it is detected, not in later ones."""
    runs = slowed(20, 26)
    first = analyse(AnalysisInput(runs[23], "", "main", runs[:23]))
    second = analyse(AnalysisInput(runs[24], "", "main", runs[:24], previous=first))

    assert [("test::test_03", True)] == [(each.change.label, each.is_new) for each in first.changes]
    assert [("test::test_03", False)] == [(each.change.label, each.is_new) for each in second.changes]
    assert 5.0 == pytest.approx(first.changes[0].change.ratio, rel=0.02)


def test_a_newly_flaky_test_is_reported_once():
    """As a slower test."""
    runs = [*flaky("often", 12), run(12, [*suite(), ("often", "rerun", 0.1), ("often", "passed", 0.1)])]
    first = analyse(AnalysisInput(CALM[9], "", "main", CALM[:9]))
    second = analyse(AnalysisInput(runs[11], "", "main", runs[:11], previous=first))
    third = analyse(AnalysisInput(runs[12], "", "main", runs[:12], previous=second))

    assert [True, False] == [verdicts.tests[0].is_new for verdicts in (second, third)]


def test_findings_of_the_base_are_not_new_on_a_branch():
    """Without earlier verdicts, only changes in this run are new."""
    verdicts = analyse(case([*suite(), ("often", "passed", 0.1)], base=flaky("often", 13), branch="fix"))

    assert [("often", False)] == [(test.nodeid, test.is_new) for test in verdicts.tests]


def test_tests_that_changed_at_one_run_are_one_group():
    """A slow import affects all tests of a file."""
    slow = dict.fromkeys(("test_03", "test_04", "test_05"), 0.5)
    runs = [run(number, suite(seconds=slow if number >= 20 else {})) for number in range(26)]

    verdicts = analyse(AnalysisInput(runs[-1], "", "main", runs[:-1]))

    assert [{"test::test_03", "test::test_04", "test::test_05"}] == list(map(set, verdicts.together))


def test_a_slowdown_of_everything_is_the_suites():
    """Relative to the others no test has changed."""
    slow = {f"test_{number:02}": 0.2 for number in range(20)}
    runs = [run(number, suite(seconds=slow if number >= 20 else {})) for number in range(30)]

    verdicts = analyse(AnalysisInput(runs[-1], "", "main", runs[:-1]))

    assert () == verdicts.changes
    assert [2.0] == [pytest.approx(each.change.ratio, rel=0.02) for each in verdicts.suite_changes]


def test_durations_of_failed_attempts_are_ignored():
    """A test that runs into a timeout each time fails, but is not slower."""
    runs = [
        run(number, suite({"test_03": "failed"}, {"test_03": 9.0}) if number >= 20 else suite())
        for number in range(30)
    ]

    assert () == analyse(AnalysisInput(runs[-1], "", "main", runs[:-1])).changes


def test_a_branch_is_compared_with_its_base_as_it_was_before():
    """A later improvement of main is not a slowdown of this branch."""
    base = [run(number, suite(seconds={"test_03": 0.5 if number < 30 else 0.1})) for number in range(45)]
    own = [run(number, suite(seconds={"test_03": 0.5}), branch="fix") for number in range(30, 40)]

    now = run(NOW, suite(seconds={"test_03": 0.5}), branch="fix")

    assert () == analyse(AnalysisInput(now, "", "main", base, own)).changes


def test_numbers_of_its_users_change_without_machine_speed():
    """They are not durations, and do not depend on the speed of the machine."""
    numbers = {"queries": {f"r{number:03}": 12.0 if number < 20 else 30.0 for number in range(30)}}
    runs = [run(number, suite()) for number in range(30)]

    verdicts = analyse(AnalysisInput(runs[-1], "", "main", runs[:-1], numbers=numbers))

    assert [("queries", 12.0, 30.0)] == [
        (each.change.label, round(each.change.before, 3), round(each.change.after, 3)) for each in verdicts.changes
    ]


@pytest.mark.parametrize("great", [sys.float_info.max, 1e301, inf, nan])
@pytest.mark.parametrize("typical", [0.0, 12.0])
def test_an_extreme_number_does_not_prevent_verdicts(great, typical):
    """A user may write the greatest float for "not measured"; verdicts on other numbers exist."""
    numbers = {
        "great": {f"r{number:03}": typical if number < 20 else great for number in range(30)},
        "queries": {f"r{number:03}": 12.0 if number < 20 else 30.0 for number in range(30)},
    }
    runs = [run(number, suite()) for number in range(30)]

    verdicts = unpack(pack(analyse(AnalysisInput(runs[-1], "", "main", runs[:-1], numbers=numbers))))

    assert ["queries"] == [each.change.label for each in verdicts.changes]


def test_a_part_of_the_suite_makes_no_fixture_faster():
    """Runs with `-k` set it up less often."""

    def part(number, size, seconds):
        record = run(number, suite()[:size])
        return replace(record, fixtures={"a.py::db": seconds})

    runs = [part(number, 20, 2.0) for number in range(20)] + [part(number, 5, 0.5) for number in range(20, 26)]

    assert () == analyse(AnalysisInput(runs[-1], "", "main", runs[:-1])).changes


def test_the_typical_duration_of_a_run():
    """It needs five complete runs in the same environment."""
    runs = [run(number, suite(), duration=10.0 + number) for number in range(5)]

    few = analyse(AnalysisInput(runs[4], "", "main", runs[:4]))
    enough = analyse(case(suite(), base=runs))
    part = analyse(case(suite()[:5], base=runs))

    assert (None, 12.0, None) == (few.usual_seconds, enough.usual_seconds, part.usual_seconds)


def test_labels_contain_the_suite():
    """The test of the same name in another suite is another test."""
    runs = slowed(20, 26)

    verdicts = analyse(AnalysisInput(runs[-1], "unit", "main", runs[:-1]))

    assert ["test@unit::test_03"] == [each.change.label for each in verdicts.changes]


def over(*runs, seconds, **more):
    """Return the rules that test_03 exceeds with a limit of twice its typical duration."""
    now = run(NOW, suite(seconds=seconds), **more)
    case = AnalysisInput(now, "", "main", runs, budgets={"test_03": Budget(max_slowdown=2.0)})
    return [(each.nodeid, each.rule, round(each.allowed, 1)) for each in analyse(case).over_budget]


def test_a_test_over_its_budget_is_reported():
    """Compared with passed attempts in the same environment."""
    others = [run(number, suite(seconds={"test_03": 9.0}), environment="other") for number in range(10, 30)]
    failed = [run(number, suite({"test_03": "failed"}, {"test_03": 9.0})) for number in range(30, 50)]

    assert [("test_03", "max_slowdown", 0.2)] == over(*CALM, *others, *failed, seconds={"test_03": 0.3})
    assert [] == over(*CALM, *others, *failed, seconds={"test_03": 0.19})


def test_a_run_does_not_count_for_its_own_typical_duration():
    """Four earlier runs are not enough."""
    assert [] == over(*CALM[:4], seconds={"test_03": 9.0})
    assert [("test_03", "max_slowdown", 0.2)] == over(*CALM[:5], seconds={"test_03": 9.0})


def test_a_test_in_another_environment_has_no_typical_duration():
    """Durations of another kind of machine do not count."""
    assert [] == over(*CALM, seconds={"test_03": 9.0}, environment="other")


def test_a_slow_machine_puts_no_test_over_its_budget():
    """All twenty tests take three times as long; only one that takes nine times as long is reported."""
    slow = {f"test_{number:02}": 0.3 for number in range(20)}

    assert [] == over(*CALM, seconds=slow)
    assert [("test_03", "max_slowdown", 0.6)] == over(*CALM, seconds={**slow, "test_03": 0.9})


def test_stored_verdicts_equal_the_computed_ones():
    """Encoding and decoding keep all fields and their types."""
    verdicts = analyse(case(failing("test_03"), base=slowed(5, 20, "test_04")))

    assert verdicts == unpack(pack(verdicts))
    assert (FailureVerdict("test_03", "new"),) == verdicts.failures


def changed(numbers, outcome="failed", **facts):
    """Return runs of uncommitted code in which one test has these outcomes."""
    runs = [run(number, suite({"test_03": outcome})) for number in numbers]
    return [replace(each, facts=replace(each.facts, commit=None, is_dirty=True, **facts)) for each in runs]


def test_uncommitted_changes_make_no_test_flaky():
    """Failures and passes alternate while a developer works; then a commit breaks the test."""
    edits = [*changed((10, 12, 14, 16)), *changed((11, 13, 15, 17), "passed")]
    base = [*CALM[:3], *sorted(edits, key=lambda each: each.facts.started)]

    verdicts = analyse(case(failing("test_03"), base=base))

    assert ({"test_03": "new"}, {}) == (labels(verdicts), states(verdicts))


def test_a_rerun_of_uncommitted_code_proves_nothing():
    """Neither in a developer's run nor in a build that a script changes."""
    again = [*suite(), ("test_new", "rerun", 0.1), ("test_new", "passed", 0.1)]
    for build in ("", "7"):
        edits = [run(number, again) for number in range(10, 13)]
        edits = [replace(each, facts=replace(each.facts, is_dirty=True, build=build)) for each in edits]

        verdicts = analyse(case(suite(), base=[*CALM, *edits]))

        assert all(test.probability < 1 for test in verdicts.tests)


def test_a_build_that_a_script_changes_counts():
    """A script that writes a version into a file makes each build dirty, but its failures count."""
    base = [*CALM, *changed(range(10, 14), build="7")]

    verdicts = analyse(case(failing("test_03"), base=base))

    assert ({"test_03": "also failing on base"}, "broken") == (labels(verdicts), states(verdicts)["test_03"])


def test_a_failure_of_uncommitted_code_can_also_fail_on_the_base():
    """The label is the same as for committed code."""
    assert {"test_03": "also failing on base"} == labels(analyse(case(failing("test_03"), base=changed((1, 2)))))


def test_a_pull_request_from_a_branch_of_the_bases_name_is_not_the_base():
    """Its failures do not break tests of main."""
    pull = [run(number, failing("test_03"), commit=f"p{number}") for number in range(20, 25)]
    pull = [replace(each, facts=replace(each.facts, pull_request="7")) for each in pull]
    *own, now = pull

    verdicts = analyse(AnalysisInput(run=now, suite="", base_branch="main", base=CALM, own=own))

    assert ({"test_03": "new"}, {}) == (labels(verdicts), states(verdicts))

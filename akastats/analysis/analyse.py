"""Analyse one run with the history of its suite. Pure: run records in, verdicts out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from akastats.analysis.durations.budgets import costs_over_budget, over_budget, passed_seconds, relative_speed
from akastats.analysis.durations.suite import DurationAnalysis, Numbers, analyse_durations
from akastats.analysis.failures.labelling import align_with_states, label_failures
from akastats.analysis.flakiness.outages import Outages
from akastats.analysis.flakiness.states import SuiteStates, classify_tests, find_outages
from akastats.analysis.run_records import SKIPPED, RunRecord, complete_runs, select_tests
from akastats.model.environment import Environment
from akastats.model.results import DURATION_LABELS, Budget
from akastats.model.verdicts import FailureVerdict, OverBudget, Verdicts

#: Maximum number of stored tests over budget, the largest excess first: on a machine that stalls, all tests are
#: over budget.
MAX_OVER_BUDGET = 1000
#: Maximum number of stored fixed tests.
MAX_FIXED = 1000
#: Number of newest base runs that must have run a test, so that its skip is reported.
SKIPPED_AFTER = 3
#: Maximum number of reported newly skipped tests.
MAX_NEWLY_SKIPPED = 1000


@dataclass(frozen=True)
class AnalysisInput:
    """A run with the history that its analysis needs, in time order.

    run: the run to analyse
    suite: suite of the run; empty if there is none
    base_branch: branch that the run is compared with
    base: earlier runs of the base branch
    own: earlier runs of the run's branch; empty for a run on the base branch
    previous: verdicts of the previous run, to detect new states; `None` if there is none
    quarantined: node ids of quarantined tests
    numbers: numbers that the user's tests recorded, by label and run
    budgets: budgets of the run's tests by node id
    cost_budgets: budgets of its fixtures, files, imports and spans by label
    """

    run: RunRecord
    suite: str
    base_branch: str
    base: Sequence[RunRecord] = ()
    own: Sequence[RunRecord] = ()
    previous: Verdicts | None = None
    quarantined: Collection[str] = ()
    numbers: Numbers = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    cost_budgets: Mapping[str, Budget] = field(default_factory=dict)


def analyse(case: AnalysisInput) -> Verdicts:
    """Return the verdicts of a run."""
    run, facts = case.run, case.run.facts
    records = sorted([*case.base, *case.own, run], key=lambda record: (record.facts.started, record.facts.id))
    # A rerun of a few failed tests is not an outage, although most of them fail again.
    unusual = find_outages(complete_runs(records))
    states = classify_tests(_runs_for_states(case), unusual, case.previous, facts.id)
    failures = label_failures(run, case.base, unusual, case.quarantined, case.own)
    durations = analyse_durations(_timed_runs(case), _label_prefixes(case.suite), case.numbers, case.previous)
    return _combine(case, len(records), unusual, states, failures, durations)


def _combine(
    case: AnalysisInput,
    runs: int,
    unusual: Outages,
    states: SuiteStates,
    failures: Sequence[FailureVerdict],
    durations: DurationAnalysis,
) -> Verdicts:
    """Return the results of all analyses as the verdicts of the run."""
    facts = case.run.facts
    flaky = {test.nodeid for test in states.tests if test.state == "flaky"}
    return Verdicts(
        run=facts.id,
        suite=case.suite,
        branch=facts.branch,
        base=case.base_branch,
        runs=runs,
        failures=align_with_states(failures, {test.nodeid: test for test in states.tests}),
        tests=states.tests,
        counts=states.counts,
        clusters=states.clusters,
        changes=durations.changes,
        suite_changes=durations.suite_changes,
        together=durations.together,
        over_budget=_over_budget(case, durations.speed_factors),
        pace=durations.speed_factor,
        seconds=facts.duration,
        usual_seconds=durations.typical_seconds,
        is_outage=facts.id in unusual.counted,
        undecided=durations.too_short,
        paces=durations.speed_factors,
        fixed=_find_fixed(case, unusual, flaky),
        environments=_environments(case),
        equal_runs=_equal_runs(case),
        outliers=durations.outliers,
        newly_skipped=_find_newly_skipped(case),
        causes=durations.causes,
    )


def _environments(case: AnalysisInput) -> tuple[str, ...]:
    """Return the environments of a build's runs if there are several and no suite name distinguishes them."""
    build = case.run.facts.build
    if case.suite or not build:
        return ()
    alike = [record for record in (*case.base, *case.own, case.run) if record.facts.build == build]
    names = sorted({str(record.facts.ran_in) for record in alike} - {""})
    return tuple(names) if len(names) > 1 else ()


def _equal_runs(case: AnalysisInput) -> int:
    """Count the indistinguishable runs of a build that ran the same tests; 0 for a single one.

    Jobs that split a suite and share no test are not counted: together they are one run.
    """
    ran = case.run.ran
    equal = [
        record
        for record in (*case.base, *case.own)
        if record.facts.is_parallel_job_of(case.run.facts) and not ran.isdisjoint(record.ran)
    ]
    return len(equal) + 1 if equal else 0


def _find_fixed(case: AnalysisInput, unusual: Outages, flaky: Collection[str]) -> tuple[str, ...]:
    """Return the tests that failed in the previous run and pass now, except flaky ones; none after an outage."""
    before = (case.own or case.base)[-1:]
    if not before or before[0].facts.id in unusual.counted:
        return ()
    passed = case.run.passed()
    return tuple(nodeid for nodeid in before[0].failed() if nodeid in passed and nodeid not in flaky)[:MAX_FIXED]


def _find_newly_skipped(case: AnalysisInput) -> tuple[str, ...]:
    """Return the skipped tests that the newest 3 runs of the base in this environment ran."""
    run = case.run
    base = [record for record in case.base if record.facts.ran_in == run.facts.ran_in][-SKIPPED_AFTER:]
    if len(base) < SKIPPED_AFTER or SKIPPED not in run.letters:
        return ()
    ran = set.intersection(*(record.ran for record in base)) - run.ran
    rows = zip(run.nodeids, run.letters, strict=True)
    skipped = dict.fromkeys(nodeid for nodeid, letter in rows if letter == SKIPPED and nodeid in ran)
    return tuple(skipped)[:MAX_NEWLY_SKIPPED]


def _over_budget(case: AnalysisInput, factors: Sequence[tuple[str, float]]) -> tuple[OverBudget, ...]:
    if not (case.budgets or case.cost_budgets):
        return ()
    earlier = [
        record for record in _timed_runs(case)[:-1] if record.facts.environment == case.run.facts.environment
    ]
    compared = [nodeid for nodeid, budget in case.budgets.items() if budget.max_slowdown is not None]
    factor = relative_speed(factors, case.run.facts.id)
    exceeded = over_budget(case.run.passed(), case.budgets, passed_seconds(earlier, compared), factor)
    costs = costs_over_budget(case.run, complete_runs(earlier), case.cost_budgets, factor)
    return (*costs, *exceeded)[:MAX_OVER_BUDGET]


def _label_prefixes(suite: str) -> dict[str, str]:
    return {word: f"{word}@{suite}" if suite else word for word in DURATION_LABELS}


def _is_on_base(case: AnalysisInput) -> bool:
    # The branch of a pull request may have the name of the base branch.
    return case.run.facts.branch == case.base_branch and not case.run.facts.pull_request


def _runs_for_states(case: AnalysisInput) -> list[RunRecord]:
    """Return the runs that determine test states: base runs, and runs of the branch with contradictory results.

    A test that passes on the base and fails on the branch is not flaky: the branch may have broken it.
    """
    branch = [*case.own, case.run]
    if _is_on_base(case):
        return [*case.base, *branch]
    contradictory = (select_tests(record, contradicting) for record, contradicting in _contradictions(branch))
    return [*case.base, *(record for record in contradictory if record.nodeids)]


def _contradictions(records: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, frozenset[str]]]:
    """Yield each run with the tests that both failed and passed on its commit and in its environment."""
    passed: dict[tuple[str, Environment], set[str]] = {}
    failed: dict[tuple[str, Environment], set[str]] = {}
    for record in records:
        code = _code(record)
        failed.setdefault(code, set()).update(record.failing)
        passed.setdefault(code, set()).update(record.passing)
    for record in records:
        code = _code(record)
        yield record, frozenset(failed[code] & passed[code])


def _code(record: RunRecord) -> tuple[str, Environment]:
    return record.facts.commit or record.facts.id, record.facts.ran_in


def _timed_runs(case: AnalysisInput) -> list[RunRecord]:
    """Return the runs whose durations form one series: base runs before the branch began, then its own runs."""
    branch = [*case.own, case.run]
    if _is_on_base(case):
        return [*case.base, *branch]
    began = branch[0].facts.started
    return [*(record for record in case.base if record.facts.started < began), *branch]

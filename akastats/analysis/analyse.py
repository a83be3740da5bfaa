"""What a run means, by what is known of its suite up to it. Pure: records in, verdicts out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from akastats.analysis.durations.budgets import over_budget, passed_seconds, relative_speed
from akastats.analysis.durations.suite import Numbers, analyse_durations
from akastats.analysis.failures.labelling import align_with_states, label_failures
from akastats.analysis.flakiness.outages import Outages
from akastats.analysis.flakiness.states import classify_tests, find_outages
from akastats.analysis.run_records import RunRecord, complete_runs, select_tests
from akastats.model.environment import Environment
from akastats.model.results import Budget
from akastats.model.verdicts import OverBudget, Verdicts

#: Of the tests over their budgets so many are told, the worst: on a machine that stalls all of them are.
MOST_OVER_BUDGET = 1000
#: So many tests are told to be fixed.
MOST_FIXED = 1000


@dataclass(frozen=True)
class AnalysisInput:
    """What a run is judged by: itself, the runs of its base before it, and those of its own branch.

    All are in time order. Where the run is on its base, `own` is empty. `previous` is the verdict before, for what
    is news; `quarantined` are node ids, `numbers` a user's own by label, `budgets` what the run's tests may take.
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


def analyse(case: AnalysisInput) -> Verdicts:
    """Return what the run of a case means."""
    run, facts = case.run, case.run.facts
    known = sorted([*case.base, *case.own, run], key=lambda record: (record.facts.started, record.facts.id))
    # Of a few tests that are run again, since they failed, most fail: that is no outage.
    unusual = find_outages(complete_runs(known))
    stands = classify_tests(_speaking(case), unusual, case.previous, facts.id)
    failures = label_failures(run, case.base, unusual, case.quarantined, case.own)
    slows = analyse_durations(_paced(case), _words(case.suite), case.numbers, case.previous)
    return Verdicts(
        run=facts.id,
        suite=case.suite,
        branch=facts.branch,
        base=case.base_branch,
        runs=len(known),
        failures=align_with_states(failures, {test.nodeid: test for test in stands.tests}),
        tests=stands.tests,
        counts=stands.counts,
        clusters=stands.clusters,
        changes=slows.changes,
        suite_changes=slows.suite_changes,
        together=slows.together,
        over_budget=_over_budget(case, slows.speed_factors),
        pace=slows.speed_factor,
        seconds=facts.duration,
        usual_seconds=slows.typical_seconds,
        is_outage=facts.id in unusual.counted,
        undecided=slows.too_short,
        paces=slows.speed_factors,
        fixed=_fixed(case, unusual, {test.nodeid for test in stands.tests if test.state == "flaky"}),
        environments=_environments(case),
        equal_runs=_equal_runs(case),
        outliers=slows.outliers,
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

    Parts of a suite that share no test are not counted: a union of them is one run.
    """
    ran = case.run.ran
    equal = [
        record
        for record in (*case.base, *case.own)
        if record.facts.is_leg_of(case.run.facts) and not ran.isdisjoint(record.ran)
    ]
    return len(equal) + 1 if equal else 0


def _fixed(case: AnalysisInput, unusual: Outages, flaky: Collection[str]) -> tuple[str, ...]:
    """Return the tests that failed in the run before and pass now, except flaky ones; none after an outage."""
    before = (case.own or case.base)[-1:]
    if not before or before[0].facts.id in unusual.counted:
        return ()
    passed = case.run.passed()
    return tuple(nodeid for nodeid in before[0].failed() if nodeid in passed and nodeid not in flaky)[:MOST_FIXED]


def _over_budget(case: AnalysisInput, paces: Sequence[tuple[str, float]]) -> tuple[OverBudget, ...]:
    if not case.budgets:
        return ()
    earlier = [record for record in _paced(case)[:-1] if record.facts.environment == case.run.facts.environment]
    compared = [nodeid for nodeid, budget in case.budgets.items() if budget.max_slowdown is not None]
    pace = relative_speed(paces, case.run.facts.id)
    return over_budget(case.run.passed(), case.budgets, passed_seconds(earlier, compared), pace)[:MOST_OVER_BUDGET]


def _words(suite: str) -> dict[str, str]:
    return {word: f"{word}@{suite}" if suite else word for word in ("test", "fixture", "collect")}


def _is_on_base(case: AnalysisInput) -> bool:
    # A pull request may come from a branch of that name.
    return case.run.facts.branch == case.base_branch and not case.run.facts.pull_request


def _speaking(case: AnalysisInput) -> list[RunRecord]:
    """Return the runs that say where a test stands: the base's, and of a branch what contradicts itself.

    A branch breaks tests that its base never broke; passing there and failing here is no flakiness.
    """
    branch = [*case.own, case.run]
    if _is_on_base(case):
        return [*case.base, *branch]
    spoken = (select_tests(record, contradicting) for record, contradicting in _contradictions(branch))
    return [*case.base, *(record for record in spoken if record.nodeids)]


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


def _paced(case: AnalysisInput) -> list[RunRecord]:
    """Return the runs whose durations are one series: a branch's follow those of its base that were before it."""
    branch = [*case.own, case.run]
    if _is_on_base(case):
        return [*case.base, *branch]
    began = branch[0].facts.started
    return [*(record for record in case.base if record.facts.started < began), *branch]

"""Apply all rules to a run, rank the findings by saving, and name each cost once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from akastats.analysis.findings import durations, fixtures, garbage, imports, memory, processes
from akastats.analysis.findings.fixed import record_costs
from akastats.analysis.findings.recorded_run import RecordedRun, make_recorded_run
from akastats.model.findings import Finding, FoundCost, RunCosts, Saving
from akastats.model.profile import Profile
from akastats.model.verdicts import Verdicts

Rule = Callable[[RecordedRun], Iterable[FoundCost]]

#: The rules, the most specific first. If two rules find the same cost, the first rule counts.
RULES: tuple[Rule, ...] = (
    fixtures.find_autouse,
    fixtures.find_fixture_scope,
    fixtures.find_shared_scope,
    fixtures.find_rebuilt_fixture,
    fixtures.find_session_fixture,
    garbage.find_garbage_collection,
    fixtures.find_slow_teardown,
    durations.find_reruns,
    imports.find_first_import,
    durations.find_waiting,
    durations.find_long_test,
    durations.find_parametrised_family,
    durations.find_slow_tests,
    imports.find_compilation,
    imports.find_imports,
    processes.find_collection,
    processes.find_hooks,
    processes.find_end,
    memory.find_memory_limit,
    processes.find_distribution,
    processes.find_workers,
    processes.find_shards,
)
#: Minimum saving of a finding, as a share of the wall time and in seconds; one of the two suffices.
MIN_SHARE = 0.05
MIN_SAVING_S = 0.5
#: Minimum relative margin of a saving: the median error of predictions, see docs/accuracy.md.
MEASURED_ERROR = 0.12
#: Maximum number of findings in the terminal and in reports.
MAX_FIRST = 3
# Maximum number of attempts of a run whose findings are named there: 31 replays of 20,000 tests take 1.2 s.
MAX_REPLAYED = 20_000


def find_all(run: RecordedRun, rules: Sequence[Rule] = RULES, is_complete: bool = False) -> tuple[Finding, ...]:
    """Return the findings of a run, the largest saving first; with `is_complete` also small ones."""
    costs = [cost for rule in rules for cost in rule(run) if is_complete or _is_worth(run, cost.saved)]
    return tuple(_make_finding(run, cost) for cost in sorted(_without_repetitions(costs), key=_by_saving))


def find_first(
    content: Profile, workers: int, dist: str, cpus: int, machine_memory: int | None = None
) -> tuple[Finding, ...]:
    """Return the findings for the terminal and reports, which name the first `MAX_FIRST` that nobody dismissed.

    None for a run of more than 20,000 attempts.
    """
    if len(content.tests.nodeid) > MAX_REPLAYED:
        return ()
    return find_all(make_recorded_run(content, workers, dist, cpus, memory=machine_memory))


def compare_costs(run_id: str, run: RecordedRun, before: Verdicts | None) -> RunCosts | None:
    """Return the findings of a run, compared with those of the run before; `None` for more than 20,000 attempts.

    before: verdicts of the run before; `None` if there are none
    """
    if len(run.content.tests.nodeid) > MAX_REPLAYED:
        return None
    costs = RunCosts(run.costs.workers, run.costs.dist, len(run.costs.tests), (round(run.wall, 6),))
    findings = find_all(run, is_complete=True)
    worth = [each for each in findings if _is_worth(run, each.saving.seconds)]
    earlier = before.costs if before else None
    return record_costs(run_id, costs, findings, worth, earlier, before.run if before else "")


def guard(name: str, rule: Rule, errors: list[str]) -> Rule:
    """Return a rule of an extension that adds its error to `errors` instead of raising it."""

    def find(run: RecordedRun) -> Iterator[FoundCost]:
        try:
            yield from rule(run)
        except Exception as error:  # noqa: BLE001 - an extension may raise anything
            errors.append(f"findings of the rule {name} ({type(error).__name__}: {error})"[:300])

    return find


def _is_worth(run: RecordedRun, saved: float) -> bool:
    return saved >= MIN_SAVING_S or saved >= MIN_SHARE * run.wall > 0


def _by_saving(cost: FoundCost) -> float:
    return -cost.saved


def _without_repetitions(costs: Iterable[FoundCost]) -> Iterator[FoundCost]:
    """Yield findings in order.

    Omit a finding if an earlier finding names most of the same costs and saves at least a quarter as much.
    """
    accepted: list[FoundCost] = []
    for cost in costs:
        claims = cost.claims
        rivals = (each for each in accepted if len(each.claims & claims) * 2 > len(claims))
        if cost.saved > 0 and not any(each.saved * 4 >= cost.saved for each in rivals):
            accepted.append(cost)
            yield cost


def _make_finding(run: RecordedRun, cost: FoundCost) -> Finding:
    margin = cost.saved * min(1.0, max(MEASURED_ERROR, run.replay_error, run.costs.spread))
    saving = Saving(
        seconds=round(cost.saved, 3),
        low=round(cost.saved - margin, 3),
        high=round(cost.saved + margin, 3),
        share=round(cost.saved / run.wall, 4) if run.wall else 0.0,
        cpu_seconds=round(cost.cpu_saved, 3),
    )
    return Finding(cost.kind, cost.title, saving, cost.where, cost.tests, None, cost.evidence, cost.advice)

"""Read the input for the analysis of a run: the profiles of earlier runs of its base and its branch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from akastats.analysis.analyse import AnalysisInput
from akastats.analysis.durations.budgets import budgets_of, cost_budgets_of
from akastats.analysis.durations.changes import environment_class
from akastats.analysis.durations.suite import Numbers
from akastats.analysis.flakiness.classification import MIN_COMMITS
from akastats.analysis.run_records import RunFacts, RunRecord, record_of
from akastats.errors import CorruptDataError
from akastats.model import profile
from akastats.model.environment import environment_of
from akastats.model.results import Budget
from akastats.model.verdicts import Verdicts
from akastats.queries import runs, verdicts
from akastats.queries.base_branch import base_branches, can_be_base, is_base_itself, is_same_work
from akastats.queries.history import read_contexts
from akastats.queries.runs import Run
from akastats.records import Stat
from akastats.store import keys, query
from akastats.store import runs as stored_runs
from akastats.store import verdicts as stored_verdicts
from akastats.store.requests import Operation, send_reads
from akastats.store.runs import Position

#: Maximum number of earlier runs of the base branch per analysis, and maximum number of the run's own branch.
MAX_BASE, MAX_OWN = 200, 50
#: Maximum number of attempts per analysis. 10,000 tests in 200 runs take about 60 MB of memory.
MAX_ATTEMPTS = 2_500_000
#: Maximum number of profiles per round trip. Decoding a profile of 10,000 tests takes about 15 ms.
STEP = 5
#: Maximum number of earlier runs per branch that are searched for the previous verdicts.
STEP_RUNS = 20
#: Maximum number of labels of `stat` per analysis, and maximum number of points per label.
MAX_NUMBERS, MAX_POINTS = 100, 400

# Number of runs per page, and maximum number of pages. Two pages suffice for a suite or branch, because it has an
# index. Runs without suite and branch are only in the index of all runs.
_PAGE, _PAGES = 100, 20
_FIELDS = (
    *("id", "suite", "status", "branch", "commit", "dirty", "started", "finished", "duration"),
    *("tests", "reruns", "provider", "host", "workers", "cpu_count", "python", "platform", "job", "build_id"),
    *("attempt", "argv", "pull_request", "nested", "base", "default_branch"),
)

# pytest options that rerun the failures of the previous run.
_RERUNS = frozenset({"--lf", "--last-failed"})


@dataclass
class RecordCache:
    """Run records that were read before.

    records: record by run id; `None` for a run without a profile
    names: one copy of each name, shared by all records
    """

    records: dict[str, RunRecord | None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunHistory:
    """Earlier runs for the analysis of a run.

    base_branch: branch that the run is compared with
    base: runs of the base branch, oldest first; empty if there are none
    own: runs of the run's own branch, oldest first; empty on the base branch
    """

    base_branch: str
    base: Sequence[Run]
    own: Sequence[Run]

    @property
    def newest_first(self) -> list[Run]:
        """Runs of the base branch, newest first, then runs of the own branch, newest first."""
        return [*reversed(self.base), *reversed(self.own)]


def read_input(
    namespace: str, run_id: str, cache: RecordCache, quarantined: Collection[str] = ()
) -> Operation[AnalysisInput]:
    """Read the input for the analysis of a run; raises `NotFoundError` if its record or profile is missing."""
    run = yield from runs.read_run(namespace, run_id)
    history = yield from read_history(namespace, run)
    selected = within_bounds([run, *history.newest_first])
    yield from load_records(namespace, selected, cache)
    record = yield from _record_of(namespace, run, cache)
    budgets, cost_budgets = yield from _budgets(namespace, record)
    selected_ids = {each.id for each in selected}
    return AnalysisInput(
        run=record,
        suite=run.suite or "",
        base_branch=history.base_branch,
        base=_records(history.base, cache, selected_ids),
        own=_records(history.own, cache, selected_ids),
        previous=(yield from _previous_verdicts(namespace, history)),
        quarantined=quarantined,
        budgets=budgets,
        cost_budgets=cost_budgets,
        numbers=(yield from read_numbers(namespace, record, [*history.base, *history.own, run])),
    )


def _record_of(namespace: str, run: Run, cache: RecordCache) -> Operation[RunRecord]:
    """Return the record of a run; raise `NotFoundError` or `CorruptDataError` if its profile cannot be read."""
    record = cache.records.get(run.id)
    if record is not None:
        return record
    content = profile.decode((yield from stored_runs.read_profile(namespace, run.id)))
    return record_of(facts_of(run), content, cache.names)


def _budgets(namespace: str, record: RunRecord) -> Operation[tuple[Mapping[str, Budget], Mapping[str, Budget]]]:
    """Read the budgets of a run's tests, and of its other costs.

    Records do not contain budgets, because only the analysed run needs them.
    """
    if not record.has_budgets:
        return {}, {}
    content = profile.decode((yield from stored_runs.read_profile(namespace, record.facts.id)))
    return budgets_of(content), cost_budgets_of(content)


def _previous_verdicts(namespace: str, history: RunHistory) -> Operation[Verdicts | None]:
    """Read the newest earlier verdicts of the run's own branch, or of the base branch; `None` without any."""
    for earlier in (history.own, history.base):
        analysed = yield from stored_verdicts.filter_with_verdicts(
            namespace, [run.id for run in earlier[-STEP_RUNS:]]
        )
        if analysed:
            return (yield from verdicts.read_verdicts_if_any(namespace, analysed[-1]))
    return None


def _records(earlier: Iterable[Run], cache: RecordCache, selected_ids: Collection[str]) -> list[RunRecord]:
    records = (cache.records.get(run.id) for run in earlier if run.id in selected_ids)
    return [record for record in records if record is not None]


def read_history(namespace: str, run: Run) -> Operation[RunHistory]:
    """Read the earlier runs for the analysis of a run; no runs for a run inside another run."""
    if run.nested:
        return RunHistory(run.branch or "", [], [])
    base_branch = yield from _base_branch(namespace, run)
    has_base = bool(base_branch) or not run.pull_request
    base = (yield from _read_before(namespace, run, base_branch, MAX_BASE, can_be_base)) if has_base else []
    clean = [each for each in base if not each.dirty]
    if len(clean) >= MIN_COMMITS:
        # Runs of uncommitted code count only if there are too few runs of committed code.
        base = clean
    return RunHistory(base_branch, base, (yield from _read_own(namespace, run, base_branch)))


def _read_own(namespace: str, run: Run, base_branch: str) -> Operation[list[Run]]:
    """Read the earlier runs of the same branch or pull request; empty for a run of the base branch."""
    own = run.branch or ""
    if own == base_branch and can_be_base(run):
        return []
    return (
        yield from _read_before(namespace, run, own, MAX_OWN, lambda other: is_same_work(run, other, base_branch))
    )


def _base_branch(namespace: str, run: Run) -> Operation[str]:
    """Return the branch to compare a run with; the run's own branch if no other branch has runs."""
    own = run.branch or ""
    if is_base_itself(run):
        return own
    for branch in base_branches(run):
        if (yield from _read_before(namespace, run, branch, 1, can_be_base)):
            return branch
    # Return a branch without runs too, because later runs of this pull request are compared with that branch.
    return (run.base_branch or run.default_branch or "") if run.pull_request else own


def _read_before(
    namespace: str, run: Run, branch: str, size: int, accepts: Callable[[Run], bool]
) -> Operation[list[Run]]:
    """Read the newest `size` finished runs of a branch and suite before a run, oldest first."""
    filters = {"suite": run.suite or "", "branch": branch}
    after: Position | None = Position(run.started or 0.0, run.id)
    matches: list[Run] = []
    for _ in range(_PAGES):
        if after is None or len(matches) >= size:
            break
        page = yield from runs.read_page(namespace, filters, after, _PAGE, _FIELDS)
        matches += [each for each in page.items if _is_like(each, run, branch) and accepts(each)]
        after = page.next
    return matches[size - 1 :: -1] if len(matches) >= size else matches[::-1]


def _is_like(each: Run, run: Run, branch: str) -> bool:
    is_over = each.status != "running"
    return is_over and (each.suite or "") == (run.suite or "") and (each.branch or "") == branch


def within_bounds(newest_first: Iterable[Run]) -> list[Run]:
    """Return the newest runs, at least one, with at most `MAX_ATTEMPTS` attempts in total."""
    selected: list[Run] = []
    attempts = 0
    for run in newest_first:
        attempts += (run.tests or 0) + (run.reruns or 0)
        if selected and attempts > MAX_ATTEMPTS:
            break
        selected.append(run)
    return selected


def load_records(
    namespace: str, selected: Sequence[Run], cache: RecordCache, steps: int | None = None
) -> Operation[bool]:
    """Read missing profiles into the cache, in at most `steps` round trips; return whether the cache is complete.

    If `steps` is `None`, all missing profiles are read.
    """
    missing = [run for run in selected if run.id not in cache.records]
    chunks = [missing[at : at + STEP] for at in range(0, len(missing), STEP)]
    for chunk in chunks[:steps]:
        replies = yield from send_reads([("GET", keys.profile(namespace, run.id)) for run in chunk])
        for run, stored in zip(chunk, replies, strict=True):
            cache.records[run.id] = _record(run, stored, cache.names)
    return steps is None or len(chunks) <= steps


def _record(run: Run, stored: bytes | None, names: dict[str, str]) -> RunRecord | None:
    if stored is None:
        return None
    try:
        return record_of(facts_of(run), profile.decode(stored), names)
    except CorruptDataError:
        # A later release or another program wrote the profile.
        return None


def facts_of(run: Run) -> RunFacts:
    """Return the fields of a run that its analysis needs."""
    environment = environment_class(
        suite=run.suite or "",
        workers=run.workers or 0,
        provider=run.provider,
        host=run.host or "",
        cpu_count=run.cpu_count or 0,
        python=run.python or "",
    )
    return RunFacts(
        id=run.id,
        branch=run.branch or "",
        commit=None if run.dirty else run.commit,
        environment=environment,
        started=run.started or 0.0,
        duration=run.duration,
        status=run.status or "",
        ran_in=environment_of(run.python or "", run.platform or "", run.job or "", run.branch or ""),
        build=run.build_id or "",
        parallel_jobs=_parallel_jobs_key(run),
        is_dirty=bool(run.dirty),
        pull_request=run.pull_request or "",
    )


def _parallel_jobs_key(run: Run) -> str:
    """Return a value that is equal for runs of indistinguishable jobs; empty for a rerun within a job.

    A restarted job has another attempt number. A job such as `pytest || pytest --lf` records two runs.
    """
    if not run.build_id or not _RERUNS.isdisjoint((run.argv or "").split()):
        return ""
    return "\n".join(part or "" for part in (run.build_id, run.attempt, run.job, run.python, run.platform))


def read_numbers(namespace: str, record: RunRecord, candidates: Sequence[Run]) -> Operation[Numbers]:
    """Read the numbers that tests recorded with `stat`, as the median of the points per label and run."""
    labels = sorted(record.stats)[:MAX_NUMBERS]
    commands = [("LRANGE", keys.history(namespace, label), 0, MAX_POINTS - 1) for label in labels]
    replies = yield from send_reads(commands)
    points = {label: query.parse_points(label, reply) for label, reply in zip(labels, replies, strict=True)}
    contexts = yield from read_contexts(namespace, [point for each in points.values() for point in each])
    return {label: _by_run(each, contexts, candidates) for label, each in points.items()}


def _by_run(
    points: Sequence[Stat], contexts: Mapping[str, Mapping[str, str]], candidates: Sequence[Run]
) -> dict[str, float]:
    by_run: dict[str, list[float]] = {}
    for point in points:
        run_id = contexts.get(point.context_id, {}).get("run") or _run_at(point.timestamp, candidates)
        by_run.setdefault(run_id, []).append(point.value)
    return {run_id: median(values) for run_id, values in by_run.items() if run_id}


def _run_at(time: float, candidates: Sequence[Run]) -> str:
    """Return the id of the run that was in progress at a time; empty if there is none.

    The context of a point names its run, unless the caller replaced the context.
    """
    during = (run.id for run in candidates if (run.started or 0.0) <= time <= (run.finished or 0.0))
    return next(during, "")

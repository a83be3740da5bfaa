"""Read the input for the analysis of a run: the profiles of earlier runs of its base and its branch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from akastats.analysis.analyse import AnalysisInput
from akastats.analysis.durations.budgets import budgets_of
from akastats.analysis.durations.changes import environment_class
from akastats.analysis.durations.suite import Numbers
from akastats.analysis.flakiness.classification import MIN_COMMITS
from akastats.analysis.run_records import RunFacts, RunRecord, record_of
from akastats.errors import CorruptDataError
from akastats.model import profile
from akastats.model.environment import environment_of
from akastats.model.results import Budget
from akastats.model.verdicts import Verdicts
from akastats.queries import runs, tests, verdicts
from akastats.queries.base_branch import base_branches, can_be_base, is_base_itself, is_same_work
from akastats.queries.runs import Run
from akastats.records import Stat
from akastats.store import keys, query
from akastats.store import runs as stored_runs
from akastats.store import verdicts as stored_verdicts
from akastats.store.requests import Operation, send_reads
from akastats.store.runs import Position

#: Earlier runs that an analysis reads: of the base, and of the run's own branch.
MOST_BASE, MOST_OWN = 200, 50
#: Attempts that an analysis reads: 10,000 tests in 200 runs take about 60 MB.
MOST_ATTEMPTS = 2_500_000
#: Profiles per round trip: decoding one of 10,000 tests takes about 15 ms.
STEP = 5
#: Earlier runs that are searched for the previous verdicts.
STEP_RUNS = 20
#: Recorded numbers that are analysed, and points per number.
MOST_NUMBERS, MOST_POINTS = 100, 400

# Two pages suffice for runs with an index of their own; runs without a suite or branch are among all others.
_PAGE, _PAGES = 100, 20
_FIELDS = (
    *("id", "suite", "status", "branch", "commit", "dirty", "started", "finished", "duration"),
    *("tests", "reruns", "provider", "host", "workers", "cpu_count", "python", "platform", "job", "build_id"),
    *("attempt", "argv", "pull_request", "nested", "base", "default_branch"),
)

# Options of pytest that rerun the failures of the previous run.
_RERUNS = frozenset({"--lf", "--last-failed"})


@dataclass
class RecordCache:
    """Run records that have been read.

    records: record by run id; `None` for a run without a profile
    names: one copy of each name, shared by all records
    """

    records: dict[str, RunRecord | None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunHistory:
    """Earlier runs for the analysis of a run.

    base_branch: branch that the run is compared with
    base: runs of the base branch, oldest first
    own: runs of the run's own branch, oldest first; empty on the base branch
    """

    base_branch: str
    base: Sequence[Run]
    own: Sequence[Run]

    @property
    def newest_first(self) -> list[Run]:
        """All runs, newest first, those of the base before the others."""
        return [*reversed(self.base), *reversed(self.own)]


def read_input(
    namespace: str, run_id: str, known: RecordCache, quarantined: Collection[str] = ()
) -> Operation[AnalysisInput]:
    """Read the input for the analysis of a run; raises `NotFoundError` without its record or profile."""
    run = yield from runs.one(namespace, run_id)
    before = yield from read_history(namespace, run)
    wanted = within_bounds([run, *before.newest_first])
    yield from load_records(namespace, wanted, known)
    record = known.records.get(run_id)
    if record is None:
        # Read the profile again to raise its error.
        content = profile.decode((yield from stored_runs.read_profile(namespace, run_id)))
        record = record_of(facts_of(run), content, known.names)
    read = {each.id for each in wanted}
    suite = run.suite or ""
    return AnalysisInput(
        run=record,
        suite=suite,
        base_branch=before.base_branch,
        base=_records(before.base, known, read),
        own=_records(before.own, known, read),
        previous=(yield from _verdicts_before(namespace, before)),
        quarantined=quarantined,
        budgets=(yield from _budgets(namespace, record)),
        numbers=(yield from numbers(namespace, record, [*before.base, *before.own, run])),
    )


def _budgets(namespace: str, record: RunRecord) -> Operation[Mapping[str, Budget]]:
    """Read what a run's tests may take; of 200 runs before it, with 10,000 tests each, nobody asks."""
    if not record.has_budgets:
        return {}
    return budgets_of(profile.decode((yield from stored_runs.read_profile(namespace, record.facts.id))))


def _verdicts_before(namespace: str, before: RunHistory) -> Operation[Verdicts | None]:
    """Read the verdicts of the newest earlier run of the branch, otherwise of the base."""
    for earlier in (before.own, before.base):
        judged = yield from stored_verdicts.filter_with_verdicts(
            namespace, [run.id for run in earlier[-STEP_RUNS:]]
        )
        if judged:
            return (yield from verdicts.of_run_if_any(namespace, judged[-1]))
    return None


def _records(found: Iterable[Run], known: RecordCache, read: Collection[str]) -> list[RunRecord]:
    told = (known.records.get(run.id) for run in found if run.id in read)
    return [record for record in told if record is not None]


def read_history(namespace: str, run: Run) -> Operation[RunHistory]:
    """Read the history for the analysis of a run; empty for a run inside another one."""
    if run.nested:
        return RunHistory(run.branch or "", [], [])
    base_branch = yield from _base_branch(namespace, run)
    has_base = bool(base_branch) or not run.pull_request
    base = (yield from _before(namespace, run, base_branch, MOST_BASE, can_be_base)) if has_base else []
    clean = [each for each in base if not each.dirty]
    if len(clean) >= MIN_COMMITS:
        # Runs of uncommitted code are a base only if there are too few others.
        base = clean
    return RunHistory(base_branch, base, (yield from _own(namespace, run, base_branch)))


def _own(namespace: str, run: Run, base_branch: str) -> Operation[list[Run]]:
    """Read the earlier runs of the same work; empty if that is the work of its base."""
    own = run.branch or ""
    if own == base_branch and can_be_base(run):
        return []
    return (yield from _before(namespace, run, own, MOST_OWN, lambda other: is_same_work(run, other, base_branch)))


def _base_branch(namespace: str, run: Run) -> Operation[str]:
    """Return the branch whose runs a run is compared with; its own if no other branch has runs."""
    own = run.branch or ""
    if is_base_itself(run):
        return own
    for branch in base_branches(run):
        if (yield from _before(namespace, run, branch, 1, can_be_base)):
            return branch
    # Also without runs, because later runs of this pull request are compared with it.
    return (run.base_branch or run.default_branch or "") if run.pull_request else own


def _before(
    namespace: str, run: Run, branch: str, size: int, is_wanted: Callable[[Run], bool]
) -> Operation[list[Run]]:
    """Read the newest `size` ended runs before a run, of one branch and its suite, oldest first."""
    filters = {"suite": run.suite or "", "branch": branch}
    after: Position | None = Position(run.started or 0.0, run.id)
    found: list[Run] = []
    for _ in range(_PAGES):
        if after is None or len(found) >= size:
            break
        page = yield from runs.page(namespace, filters, after, _PAGE, _FIELDS)
        found += [each for each in page.items if _is_like(each, run, branch) and is_wanted(each)]
        after = page.next
    return found[size - 1 :: -1] if len(found) >= size else found[::-1]


def _is_like(each: Run, run: Run, branch: str) -> bool:
    is_over = each.status != "running"
    return is_over and (each.suite or "") == (run.suite or "") and (each.branch or "") == branch


def within_bounds(found: Iterable[Run]) -> list[Run]:
    """Return the first of these runs, newest first, up to MOST_ATTEMPTS attempts and at least one run."""
    kept: list[Run] = []
    attempts = 0
    for run in found:
        attempts += (run.tests or 0) + (run.reruns or 0)
        if kept and attempts > MOST_ATTEMPTS:
            break
        kept.append(run)
    return kept


def load_records(
    namespace: str, wanted: Sequence[Run], known: RecordCache, steps: int | None = None
) -> Operation[bool]:
    """Read missing profiles into the cache, in at most `steps` steps; return whether the cache is complete."""
    missing = [run for run in wanted if run.id not in known.records]
    chunks = [missing[at : at + STEP] for at in range(0, len(missing), STEP)]
    for chunk in chunks[:steps]:
        replies = yield from send_reads([("GET", keys.profile(namespace, run.id)) for run in chunk])
        for run, stored in zip(chunk, replies, strict=True):
            known.records[run.id] = _record(run, stored, known.names)
    return steps is None or len(chunks) <= steps


def _record(run: Run, stored: bytes | None, names: dict[str, str]) -> RunRecord | None:
    if stored is None:
        return None
    try:
        return record_of(facts_of(run), profile.decode(stored), names)
    except CorruptDataError:
        # A profile of a later release or of another program is ignored.
        return None


def facts_of(run: Run) -> RunFacts:
    """Return the facts about a run that its analysis needs."""
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
        legs=_legs(run),
        is_dirty=bool(run.dirty),
        pull_request=run.pull_request or "",
    )


def _legs(run: Run) -> str:
    """Return the value that indistinguishable jobs share; empty for a run that is recorded as a rerun.

    A job that is started again has another attempt. `pytest || pytest --lf` runs twice in one job.
    """
    if not run.build_id or not _RERUNS.isdisjoint((run.argv or "").split()):
        return ""
    return "\n".join(part or "" for part in (run.build_id, run.attempt, run.job, run.python, run.platform))


def numbers(namespace: str, record: RunRecord, found: Sequence[Run]) -> Operation[Numbers]:
    """Read the numbers that tests recorded: the median of the points by label and run."""
    labels = sorted(record.stats)[:MOST_NUMBERS]
    commands = [("LRANGE", keys.history(namespace, label), 0, MOST_POINTS - 1) for label in labels]
    replies = yield from send_reads(commands)
    points = {label: query.parse_points(label, reply) for label, reply in zip(labels, replies, strict=True)}
    told = yield from tests.facts(namespace, [point for each in points.values() for point in each])
    return {label: _by_run(each, told, found) for label, each in points.items()}


def _by_run(
    points: Sequence[Stat], told: Mapping[str, Mapping[str, str]], found: Sequence[Run]
) -> dict[str, float]:
    by_run: dict[str, list[float]] = {}
    for point in points:
        run_id = told.get(point.context_id, {}).get("run") or _at(point.timestamp, found)
        by_run.setdefault(run_id, []).append(point.value)
    return {run_id: median(values) for run_id, values in by_run.items() if run_id}


def _at(time: float, found: Sequence[Run]) -> str:
    """Return the run in progress at a time; empty without one. Points with a custom context name no run."""
    during = (run.id for run in found if (run.started or 0.0) <= time <= (run.finished or 0.0))
    return next(during, "")

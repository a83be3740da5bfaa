"""What a run is judged by, read from the server: the profiles of runs before it, its base's and its branch's."""

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

#: A run is judged by so many runs of its base, and so many of its own branch.
MOST_BASE, MOST_OWN = 200, 50
#: ... and by no more than so many attempts of tests: 10,000 in 200 runs take some 60 MB.
MOST_ATTEMPTS = 2_500_000
#: Profiles that one step reads: of 10,000 tests each takes some 15 ms to take apart.
STEP = 5
#: Among so many runs before it the verdicts before are looked for.
STEP_RUNS = 20
#: Of a user's own numbers so many are judged, by so many points each.
MOST_NUMBERS, MOST_POINTS = 100, 400

# Of runs that have a list of their own two pages are enough; those without suite or branch stand among all others.
_PAGE, _PAGES = 100, 20
_FIELDS = (
    *("id", "suite", "status", "branch", "commit", "dirty", "started", "finished", "duration"),
    *("tests", "reruns", "provider", "host", "workers", "cpu_count", "python", "platform", "job", "build_id"),
    *("attempt", "argv", "pull_request", "nested", "base", "default_branch"),
)

# Options by which pytest runs again what failed before.
_RERUNS = frozenset({"--lf", "--last-failed"})


@dataclass
class RecordCache:
    """The records of runs that were read before; `None` is a run without a profile. `names` are held once."""

    records: dict[str, RunRecord | None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunHistory:
    """The runs that a run is judged by, oldest first: its base's, and its branch's where that is another."""

    base_branch: str
    base: Sequence[Run]
    own: Sequence[Run]

    @property
    def newest_first(self) -> list[Run]:
        """All of them, the base's before the others: without these nothing can be said."""
        return [*reversed(self.base), *reversed(self.own)]


def read_input(
    namespace: str, run_id: str, known: RecordCache, quarantined: Collection[str] = ()
) -> Operation[AnalysisInput]:
    """Read what a run is judged by; raises `NotFoundError` without its record or profile."""
    run = yield from runs.one(namespace, run_id)
    before = yield from read_history(namespace, run)
    wanted = within_bounds([run, *before.newest_first])
    yield from load_records(namespace, wanted, known)
    record = known.records.get(run_id)
    if record is None:
        # Read again for what is wrong with it.
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
    """Read the verdicts of the newest run before: its branch's, else its base's, whose news are no branch's."""
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
        # What somebody had not committed is nobody's base, unless there is nothing else.
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
    """Read the newest `size` runs before a run that are over, of one branch and its suite, oldest first."""
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
    """Return the first of these runs, newest first, up to as many attempts as fit into memory."""
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
    """Read the profiles of runs that are not known yet, in `steps` steps at most; return whether all are known."""
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
        # Of a later release, or somebody else's: nothing that can be judged by.
        return None


def facts_of(run: Run) -> RunFacts:
    """Return what judging needs of a run's own record."""
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
    """Read what a user's own numbers came to in each of these runs: the median of a run's points."""
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
    """Return the run that went on at a moment, empty for none: a point with a context of its own names no run."""
    during = (run.id for run in found if (run.started or 0.0) <= time <= (run.finished or 0.0))
    return next(during, "")

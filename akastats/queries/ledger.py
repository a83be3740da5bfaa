"""Read the ledger of a run, which divides its time, and the input for the rules of findings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from akastats.analysis.findings.recorded_run import RecordedRun, make_recorded_run
from akastats.analysis.ledger import ProcessLedger
from akastats.model.profile import Profile
from akastats.model.verdicts import DurationCause, Verdicts
from akastats.queries.run_details import read_profile
from akastats.queries.runs import Run, read_run
from akastats.queries.shards import read_shards
from akastats.queries.verdicts import read_verdicts_if_any
from akastats.store.requests import Operation


@dataclass(frozen=True)
class RunDifference:
    """Difference between the duration of a run and the typical duration.

    seconds: duration of the run, in seconds
    typical: median duration of earlier runs, in seconds
    difference: `seconds` minus `typical`
    speed_factor: duration of the tests divided by their typical one; null if unknown
    causes: reasons for the difference in seconds of wall time, the largest first
    """

    seconds: float
    typical: float
    difference: float
    speed_factor: float | None
    causes: list[DurationCause]


@dataclass(frozen=True)
class RunLedger:
    """The wall time of the processes of a run.

    run: id of the run
    processes: the process in which pytest was started, then the pytest-xdist workers
    spans: seconds of each span over all processes
    explained: share of wall time that the spans explain, from 0 to 1
    lacks: data that the run did not record
    difference: difference to the typical duration; null without five comparable runs
    """

    run: str
    processes: list[ProcessLedger]
    spans: dict[str, float]
    explained: float
    lacks: list[str]
    difference: RunDifference | None = None


def read_recorded_run(namespace: str, run_id: str) -> Operation[tuple[Run, RecordedRun]]:
    """Read a run for the rules of findings; raise `NotFoundError` if the run or its profile is missing."""
    run = yield from read_run(namespace, run_id)
    content = add_exit((yield from read_profile(namespace, run_id)), run)
    delivery = _find_delivery(content, run)
    recorded = make_recorded_run(
        content, run.workers or 0, run.dist or "load", run.cpu_count or 1, delivery, run.machine_memory
    )
    return run, replace(recorded, shards=(yield from read_shards(namespace, run, content)))


def add_exit(content: Profile, run: Run) -> Profile:
    """Return a profile with the end of the main process, which is observed after the profile is stored.

    Returns the profile unchanged if the end is unknown.
    """
    if run.exited is None or run.started is None:
        return content
    exited = round((run.exited - run.started) * 1e6)
    processes = content.processes
    column = [
        exited if not worker and (end is None or end <= exited) else moment
        for worker, end, moment in zip(processes.worker, processes.end, processes.exited, strict=True)
    ]
    return replace(content, processes=replace(processes, exited=column))


def _find_delivery(content: Profile, run: Run) -> float:
    """Return the seconds for which the main process waited for the delivery of its run; 0 if unknown."""
    rows = zip(content.processes.worker, content.processes.end, strict=True)
    end = next((moment for worker, moment in rows if not worker and moment is not None), None)
    if end is None or run.exited is None or run.started is None:
        return 0.0
    answered = run.exited if run.answered is None else min(run.answered, run.exited)
    return max(0.0, answered - run.started - end / 1e6)


def read_ledger(namespace: str, run_id: str) -> Operation[RunLedger]:
    """Read the ledger of a run; raise `NotFoundError` if the run or its profile is missing."""
    run, recorded = yield from read_recorded_run(namespace, run_id)
    ledger = recorded.ledger
    of_run = yield from read_verdicts_if_any(namespace, run_id)
    return RunLedger(
        run.id,
        list(ledger.processes),
        ledger.sum_spans(),
        round(ledger.explained, 4),
        list(ledger.lacks),
        _describe_difference(of_run) if of_run else None,
    )


def _describe_difference(of_run: Verdicts) -> RunDifference | None:
    seconds, typical = of_run.seconds, of_run.usual_seconds
    if seconds is None or typical is None:
        return None
    difference = round(seconds - typical, 6)
    return RunDifference(seconds, typical, difference, of_run.pace, list(of_run.causes))

"""Convert a run's profile to the formats of speedscope and Perfetto.

Both show one lane per worker, with its tests and their phases in time order. Times are whole microseconds from the
start of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from akastats.model.profile import Profile, TestColumns

PHASES = ("setup", "call", "teardown")


class Span(NamedTuple):
    """A bar in a lane.

    name: node id of the test, or name of the phase
    start: start in microseconds from the start of the run
    stop: end in microseconds from the start of the run
    inner: bars inside it, such as the phases of a test
    outcome: outcome of a test; empty for other bars
    """

    name: str
    start: int
    stop: int
    inner: tuple[Span, ...] = ()
    outcome: str = ""


def lanes(tests: TestColumns) -> dict[str, list[Span]]:
    """Return the spans of each worker in time order; without workers, the only lane is `main`.

    Spans of a lane never overlap: if a test moved the clock, the next test starts at the end of the previous one.
    """
    by_worker: dict[str, list[int]] = {}
    for at, worker in enumerate(tests.worker):
        by_worker.setdefault(worker or "main", []).append(at)
    return {worker: list(_spans(tests, by_worker[worker])) for worker in sorted(by_worker, key=_natural_sort_key)}


def _natural_sort_key(worker: str) -> tuple[str, int]:
    """Return a sort key that orders gw2 before gw10."""
    digits = len(worker) - len(worker.rstrip("0123456789"))
    return (worker[: len(worker) - digits], int(worker[-digits:][:9]) if digits else -1)


def _spans(tests: TestColumns, positions: Iterable[int]) -> Iterator[Span]:
    end = 0
    for at in sorted(positions, key=lambda at: int(tests.start[at])):
        start = end = max(end, int(tests.start[at]))
        phases = []
        for phase, column in zip(PHASES, (tests.setup, tests.call, tests.teardown), strict=True):
            if column[at] > 0:
                phases.append(Span(phase, end, end + int(column[at])))
                end += int(column[at])
        yield Span(tests.nodeid[at], start, end, tuple(phases), tests.outcome[at])


def speedscope(name: str, content: Profile) -> dict[str, Any]:
    """Return a profile in the format of speedscope, with one view per worker, and for collection and fixtures.

    The views of collection and fixtures have durations without start times: their frames are side by side.
    """
    frames = _Frames()
    profiles = [_make_evented(worker, spans, frames) for worker, spans in lanes(content.tests).items()]
    files = [([path], us) for path, us in zip(content.files.path, content.files.seconds, strict=True)]
    fixtures = content.fixtures
    costs = [
        ([baseid or ".", name], setup + teardown)
        for baseid, name, setup, teardown in zip(
            fixtures.baseid, fixtures.name, fixtures.setup, fixtures.teardown, strict=True
        )
    ]
    profiles += [_make_sampled("collection", files, frames), _make_sampled("fixtures", costs, frames)]
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "akastats",
        "name": name,
        "activeProfileIndex": 0,
        "shared": {"frames": frames.entries},
        "profiles": profiles,
    }


class _Frames:
    """The frame list that all views of a speedscope file share.

    entries: the frames, each once
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self._indexes: dict[str, int] = {}

    def index(self, name: str) -> int:
        """Return the index of a frame in the list; add a new one."""
        if name not in self._indexes:
            self._indexes[name] = len(self.entries)
            file, _, rest = name.partition("::")
            self.entries.append({"name": name, "file": file} if rest else {"name": name})
        return self._indexes[name]


def _make_evented(worker: str, spans: list[Span], frames: _Frames) -> dict[str, Any]:
    events = [event for span in spans for event in _events(span, frames)]
    stop = events[-1]["at"] if events else 0
    head = {"type": "evented", "name": worker, "unit": "microseconds", "startValue": 0, "endValue": stop}
    return {**head, "events": events}


def _events(span: Span, frames: _Frames) -> Iterator[dict[str, Any]]:
    frame = frames.index(span.name)
    yield {"type": "O", "frame": frame, "at": span.start}
    for inner in span.inner:
        yield from _events(inner, frames)
    yield {"type": "C", "frame": frame, "at": span.stop}


def _make_sampled(name: str, costs: list[tuple[list[str], int]], frames: _Frames) -> dict[str, Any]:
    samples = [[frames.index(frame) for frame in stack] for stack, _ in costs]
    weights = [max(0, us) for _, us in costs]
    head = {"type": "sampled", "name": name, "unit": "microseconds", "startValue": 0, "endValue": sum(weights)}
    return {**head, "samples": samples, "weights": weights}


def perfetto(name: str, content: Profile) -> dict[str, Any]:
    """Return a profile in the JSON trace event format of Perfetto and Chrome, with one thread per worker."""
    events = [_make_name_event("process_name", 0, name)]
    for thread, (worker, spans) in enumerate(lanes(content.tests).items(), 1):
        events.append(_make_name_event("thread_name", thread, worker))
        events += [event for span in spans for event in _complete(span, "test", thread)]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _make_name_event(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": 1, "tid": thread, "args": {"name": name}}


def _complete(span: Span, category: str, thread: int) -> Iterator[dict[str, Any]]:
    event = {"ph": "X", "name": span.name, "cat": category, "pid": 1, "tid": thread}
    arguments = {"args": {"outcome": span.outcome}} if span.outcome else {}
    yield {**event, "ts": span.start, "dur": span.stop - span.start, **arguments}
    for inner in span.inner:
        yield from _complete(inner, "phase", thread)

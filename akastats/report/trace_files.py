"""A run's profile as the files that other programs open: speedscope and Perfetto. Pure.

Both show a lane a worker, and in it each test with its phases as they followed each other. Times are whole
microseconds, counted from the run's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from akastats.model.profile import Profile, TestColumns

PHASES = ("setup", "call", "teardown")


class Span(NamedTuple):
    """Something that took time in one lane: from `start` to `stop`, in microseconds from the run's start."""

    name: str
    start: int
    stop: int
    inner: tuple[Span, ...] = ()
    outcome: str = ""


def lanes(tests: TestColumns) -> dict[str, list[Span]]:
    """Return what each worker did, in order; `main` where there are no workers.

    Spans of a lane never overlap: where a test has moved the clock, it begins when the one before it ended.
    """
    by_worker: dict[str, list[int]] = {}
    for at, worker in enumerate(tests.worker):
        by_worker.setdefault(worker or "main", []).append(at)
    return {worker: list(_spans(tests, by_worker[worker])) for worker in sorted(by_worker, key=_natural)}


def _natural(worker: str) -> tuple[str, int]:
    """Return what puts gw2 before gw10."""
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
    """Return a profile as speedscope reads it: a view a worker, one of collection, one of fixtures.

    The latter two have costs and no times at which they came: their frames stand side by side.
    """
    frames = _Frames()
    profiles = [_evented(worker, spans, frames) for worker, spans in lanes(content.tests).items()]
    files = [([path], us) for path, us in zip(content.files.path, content.files.seconds, strict=True)]
    fixtures = content.fixtures
    costs = [
        ([baseid or ".", name], setup + teardown)
        for baseid, name, setup, teardown in zip(
            fixtures.baseid, fixtures.name, fixtures.setup, fixtures.teardown, strict=True
        )
    ]
    profiles += [_sampled("collection", files, frames), _sampled("fixtures", costs, frames)]
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "akastats",
        "name": name,
        "activeProfileIndex": 0,
        "shared": {"frames": frames.told},
        "profiles": profiles,
    }


class _Frames:
    """The frames that all views of a file share, each once."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self._places: dict[str, int] = {}

    def place(self, name: str) -> int:
        """Return where a frame stands, putting it there if it is new."""
        if name not in self._places:
            self._places[name] = len(self.told)
            file, _, rest = name.partition("::")
            self.told.append({"name": name, "file": file} if rest else {"name": name})
        return self._places[name]


def _evented(worker: str, spans: list[Span], frames: _Frames) -> dict[str, Any]:
    events = [event for span in spans for event in _events(span, frames)]
    stop = events[-1]["at"] if events else 0
    head = {"type": "evented", "name": worker, "unit": "microseconds", "startValue": 0, "endValue": stop}
    return {**head, "events": events}


def _events(span: Span, frames: _Frames) -> Iterator[dict[str, Any]]:
    frame = frames.place(span.name)
    yield {"type": "O", "frame": frame, "at": span.start}
    for inner in span.inner:
        yield from _events(inner, frames)
    yield {"type": "C", "frame": frame, "at": span.stop}


def _sampled(name: str, costs: list[tuple[list[str], int]], frames: _Frames) -> dict[str, Any]:
    samples = [[frames.place(frame) for frame in stack] for stack, _ in costs]
    weights = [max(0, us) for _, us in costs]
    head = {"type": "sampled", "name": name, "unit": "microseconds", "startValue": 0, "endValue": sum(weights)}
    return {**head, "samples": samples, "weights": weights}


def perfetto(name: str, content: Profile) -> dict[str, Any]:
    """Return a profile in the JSON trace event format, which Perfetto and Chrome open: a thread a worker."""
    events = [_named("process_name", 0, name)]
    for thread, (worker, spans) in enumerate(lanes(content.tests).items(), 1):
        events.append(_named("thread_name", thread, worker))
        events += [event for span in spans for event in _complete(span, "test", thread)]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _named(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": 1, "tid": thread, "args": {"name": name}}


def _complete(span: Span, category: str, thread: int) -> Iterator[dict[str, Any]]:
    event = {"ph": "X", "name": span.name, "cat": category, "pid": 1, "tid": thread}
    told = {"args": {"outcome": span.outcome}} if span.outcome else {}
    yield {**event, "ts": span.start, "dur": span.stop - span.start, **told}
    for inner in span.inner:
        yield from _complete(inner, "phase", thread)

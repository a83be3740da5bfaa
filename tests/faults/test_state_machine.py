"""Any order of faults against a model that is a set: what is stored is what was written, each point once.

Hypothesis plays: runs that record, end, or die at any byte; drainers that lose requests and replies, are killed,
or meet another amid their work; a server whose scripts are flushed and that comes back from older data. The
server is real.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from akastats import detached
from akastats.config import Config
from akastats.delivery.draining import drain
from akastats.errors import ConnectionLostError
from akastats.redis import connect, run
from akastats.spool.format import encode_line
from akastats.spool.writer import Writer
from akastats.store import keys
from akastats.store.requests import Operation
from tests.faults.table import Row, Rows

NAMESPACE = "M"
TESTS = tuple(f"a.py::t{number}" for number in range(5))
LONG_AGO = time.time() - 3600

# All keys of the server to another of its databases, and back: some 0.3 ms.
COPY = (
    "redis.call('SELECT', {to}) redis.call('FLUSHDB') redis.call('SELECT', {of}) "
    "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', key, key, 'DB', {to}) end"
)
TAKE_COPY, COME_BACK = COPY.format(of=0, to=1), COPY.format(of=1, to=0)

LOST_STEPS = ("request lost", "reply lost", "killed before", "killed behind", "another drains")


# A drain takes one step to ask where it stands, then one for each batch and for each end of a run.
STEPS = st.sampled_from([1, 2, 3, 4, 0, 5, 7])
SOME_TESTS = st.lists(st.sampled_from(TESTS), min_size=1, max_size=8)


class Killed(BaseException):
    """A drainer's process is gone."""


class Run:
    """One run of the model: its spool, and the numbers of the points that each line adds."""

    def __init__(self, directory: Path, number: int) -> None:
        self.id = f"run-{number:04d}"
        self.writer = Writer(directory, self.id)
        self.lines: dict[bytes, int] = {}
        self.ended = False
        process = {"pid": 1, "pid_mark": self.id}
        self.writer.append(json.dumps(["run", {"id": self.id, "started": LONG_AGO, "suite": "", **process}]))

    def record(self, test: str, number: int) -> None:
        """Record a test of `number` microseconds: the number tells its point from all others."""
        start = round(LONG_AGO * 1e6) + number
        content = json.dumps(["test", test, "", "ppp", start, 0, number, 0])
        self.writer.append(content)
        self.lines[encode_line(self.writer._seq, content)[:-1]] = number

    def end(self) -> None:
        """End as a run does."""
        self.writer.append(json.dumps(["end", {"finished": LONG_AGO + 60, "exit_code": 0, "interrupted": False}]))
        self.writer.close()
        self.ended = True

    def kept(self) -> set[int]:
        """Return the numbers of what is whole in the file, if the run's record is."""
        found = self.writer.path.read_bytes().split(b"\n")
        told = any(b' ["run"' in each and each.endswith(b"}]") for each in found[:2])
        return {self.lines[each] for each in found if each in self.lines} if told else set()


class Machine(RuleBasedStateMachine):
    """The rules; `steps` and `tests` count over all examples, `url` is the server's."""

    url = ""
    steps: ClassVar[Counter[str]] = Counter()
    tests: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="aks")
        self.directory = Path(self.home.name) / "home" / "spool"
        self.client = Redis.from_url(self.url)
        self.client.flushall()
        self.writer = connect(self.url)
        self.config = Config(redis_url=self.url, namespace=NAMESPACE)
        self.runs: list[Run] = []
        self.alive: list[Run] = []
        self.number = 0
        # What may be stored: all that was ever written. What must be in the end: what still stands in a file.
        self.written: set[int] = set()
        self.patches = [
            mock.patch.object(detached, "check_liveness", lambda _, mark: mark in {run.id for run in self.alive}),
            mock.patch.dict(os.environ, {"HOME": self.home.name, "TMPDIR": self.home.name}),
        ]
        for patch in self.patches:
            patch.start()

    @initialize()
    def begin(self) -> None:
        """A first run, and the server's first copy: empty."""
        self.start()

    @rule()
    @precondition(lambda self: len(self.alive) < 3)
    def start(self) -> None:
        """A run begins."""
        self.steps["start"] += 1
        self.alive.append(Run(self.directory, len(self.runs)))
        self.runs.append(self.alive[-1])

    @rule(which=st.integers(0, 2), tests=SOME_TESTS)
    @precondition(lambda self: self.alive)
    def record(self, which: int, tests: list[str]) -> None:
        """A run records some tests."""
        self.steps["record"] += 1
        self._record(which, tests)

    def _record(self, which: int, tests: list[str]) -> None:
        if not self.alive:
            self.alive.append(Run(self.directory, len(self.runs)))
            self.runs.append(self.alive[-1])
        for test in tests:
            self.number += 1
            type(self).tests += 1
            self.written.add(self.number)
            self.alive[which % len(self.alive)].record(test, self.number)

    @rule(which=st.integers(0, 2))
    @precondition(lambda self: self.alive)
    def end(self, which: int) -> None:
        """A run ends."""
        self.steps["end"] += 1
        self.alive.pop(which % len(self.alive)).end()

    @rule(which=st.integers(0, 2), cut=st.one_of(st.just(0), st.integers(1, 400), st.integers(1, 100_000)))
    @precondition(lambda self: self.alive)
    def crash(self, which: int, cut: int) -> None:
        """A run dies, and of its file's last bytes some never came to the disk."""
        self.steps["crash"] += 1
        path = self.alive.pop(which % len(self.alive)).writer.path
        os.truncate(path, max(0, path.stat().st_size - cut))

    @rule()
    def drain(self) -> None:
        """A drainer comes, and nothing happens to it."""
        self.steps["drain"] += 1
        self._drain(self._execute)

    @rule(tests=SOME_TESTS, fault=st.sampled_from(LOST_STEPS), step=STEPS, other=STEPS, which=st.integers(0, 2))
    def drain_with_fault(self, tests: list[str], fault: str, step: int, other: int, which: int) -> None:
        """Tests end, a drainer comes, and at one of its steps it loses a message, dies, or another one comes."""
        self.steps[f"drain, {fault}"] += 1
        self._record(which, tests)
        try:
            self._drain(self._faulty(fault, step, other))
        except Killed:
            pass

    @rule(what=st.sampled_from(["flush scripts", "take copy", "come back"]))
    def server(self, what: str) -> None:
        """The server forgets its scripts, writes its data to its disk, or restarts from what it wrote last."""
        self.steps[what] += 1
        if what == "flush scripts":
            self.client.script_flush()
        else:
            self.client.eval(TAKE_COPY if what == "take copy" else COME_BACK, 0)

    @invariant()
    def nothing_is_doubled_or_invented(self) -> None:
        """At every moment each stored point is one that was written, and stands once."""
        stored = self.stored()
        assert stored.keys() <= self.written
        assert {1} >= set(stored.values())

    def teardown(self) -> None:
        """When all is quiet everything that stands in a file is stored."""
        try:
            must: set[int] = set().union(*(run.kept() for run in self.runs))
            self.alive.clear()
            self._drain(self._execute)
            stored = self.stored()
            assert must <= stored.keys() <= self.written
            assert {1} >= set(stored.values())
            self._check_runs()
        finally:
            for patch in self.patches:
                patch.stop()
            self.client.close()
            self.writer.close()
            self.home.cleanup()

    def _check_runs(self) -> None:
        for each in self.runs:
            if each.kept():
                status = self.client.hget(keys.run(NAMESPACE, each.id), "status")
                assert (b"passed" if each.ended else b"crashed") == status

    def stored(self) -> Counter[int]:
        """Return how often each point is stored; that the counts of labels agree is checked."""
        pipeline = self.client.pipeline(transaction=False)
        for test in TESTS:
            pipeline.lrange(keys.history(NAMESPACE, f"test::{test}"), 0, -1)
            pipeline.get(keys.number(NAMESPACE, "count", f"test::{test}"))
        replies = pipeline.execute()
        for entries, count in zip(replies[::2], replies[1::2], strict=True):
            assert len(entries) == int(count or 0)
        return Counter(round(float(entry.split(b";")[1]) * 1e6) for entries in replies[::2] for entry in entries)

    def _drain(self, execute: Callable[[Operation[Any]], Any]) -> None:
        drain(self.directory, self.config, execute)

    def _execute(self, operation: Operation[Any]) -> Any:
        return run(operation, self.writer, self.writer)

    def _faulty(self, fault: str, step: int, other: int) -> Callable[[Operation[Any]], Any]:
        calls = 0

        def execute(operation: Operation[Any]) -> Any:
            nonlocal calls
            calls += 1
            if calls != step + 1:
                return self._execute(operation)
            if fault == "another drains":
                self._meet(other)
            elif fault.endswith("before"):
                raise Killed
            elif fault == "request lost":
                raise ConnectionLostError("cut")
            result = self._execute(operation)
            if fault == "killed behind":
                raise Killed
            if fault == "reply lost":
                raise ConnectionLostError("cut")
            return result

        return execute

    def _meet(self, steps: int) -> None:
        """Let another drainer take some steps; then it is killed, or done."""
        try:
            self._drain(self._faulty("killed behind", steps, 0))
        except Killed:
            pass


def play(server_url: str, examples: int, row: Rows) -> Counter[str]:
    """Play so many examples of 50 steps; return the steps that were taken."""
    Machine.url, Machine.steps, Machine.tests = server_url, Counter(), 0
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    played = settings(max_examples=examples, stateful_step_count=50, suppress_health_check=quiet, database=None)
    run_state_machine_as_test(Machine, settings=played)  # type: ignore[no-untyped-call]  # hypothesis has no types
    steps = Machine.steps
    row.tell(Row("38", f"{steps.total():,} random steps of a state machine", Machine.tests, 0, 0))
    return steps


@pytest.mark.thorough
def test_no_order_of_faults_loses_or_doubles(server_url: str, row: Rows) -> None:
    """10,000 steps: each point that was written is stored, once; every kind of step was taken."""
    steps = play(server_url, 250, row)

    print(f"{steps.total():,} steps: {dict(steps)}")
    assert 10_000 <= steps.total()
    assert 13 == len(steps)


@pytest.mark.thorough
def test_no_order_of_many_more_faults_does(server_url: str, row: Rows) -> None:
    """The same, eight times as long."""
    assert 80_000 <= play(server_url, 2000, row).total()

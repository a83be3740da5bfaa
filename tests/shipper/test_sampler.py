"""Samples of the processes of a run, read from /proc by the shipper."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akastats.delivery.run_builder import ProcessSample, Retention, RunBuilder
from akastats.shipper import sampler as sampling
from akastats.shipper.sampler import MAX_SAMPLES, MIN_INTERVAL_S, Sampler, Series
from akastats.spool.records import Process, RunHeader
from conftest import eventually

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

MIB = 1024 * 1024


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that allocates memory, and ends at the end of its input."""
    code = "import sys; data = b'x' * 64 * 1024 ** 2; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def sample(time: float, memory: int = 1, threads: int = 1, children: int | None = 0) -> ProcessSample:
    """Return a sample."""
    return ProcessSample(time, memory, 100, time, threads, children)


def test_a_process_is_sampled_until_its_end(process: subprocess.Popen[bytes]) -> None:
    """Its end is known without a delay."""
    sampler = Sampler(process.pid)
    sampler.start()
    eventually(lambda: len(sampler.observe().samples.get("", ())) > 2)
    assert sampler.find_exit() is None
    process.communicate()
    ended = time.time()

    exited = eventually(sampler.find_exit)

    assert abs(exited - ended) < 0.5
    (samples,) = sampler.observe().samples.values()
    assert {"": exited} == sampler.observe().exits
    assert all(64 * MIB < each.memory <= each.peak < 1024 * MIB for each in samples)
    assert {(1, 0)} == {(each.threads, each.children or 0) for each in samples}


def test_a_worker_has_a_name_once_its_record_is_read(process: subprocess.Popen[bytes]) -> None:
    """Until then it is one of the children of the main process."""
    sampler = Sampler(os.getpid())
    builder = RunBuilder(Retention(1, 1), header=RunHeader("r", 0.0, workers=1))
    sampler.note_run(builder)
    sampler.start()
    eventually(lambda: "" in sampler.observe().samples)
    assert {""} == set(sampler.observe().samples)
    started = sampling._Process(process.pid, Path("/proc"), time.time()).started

    builder.add(Process("gw0", {"start": round(started * 1e6)}, {}, process.pid))
    sampler.note_run(builder)

    eventually(lambda: "gw0" in sampler.observe().samples)


def test_a_process_with_the_id_of_another_has_no_name(process: subprocess.Popen[bytes]) -> None:
    """The worker ran on another machine, or ended before."""
    sampler = Sampler(0)
    builder = RunBuilder(Retention(1, 1), header=RunHeader("r", 0.0, workers=1))
    builder.add(Process("gw0", {"start": 1_000_000}, {}, process.pid))
    sampler.note_run(builder)
    sampler.start()

    eventually(lambda: sampler._processes and sampler._processes[process.pid].series.samples)

    assert {} == sampler.observe().samples


@pytest.mark.parametrize("pid", [0, -1, 2**30])
def test_an_unknown_process_has_no_samples(pid: int) -> None:
    """Its id is missing in the name of the spool, or it has ended."""
    sampler = Sampler(pid)
    sampler._run()

    assert {} == sampler.observe().samples
    assert sampler.find_exit() is None


def test_without_a_descriptor_of_the_end_it_is_read(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux before 5.3 has none."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    sampler = Sampler(process.pid)
    sampler.start()
    eventually(lambda: sampler.observe().samples.get(""))
    process.communicate()

    assert abs(eventually(sampler.find_exit) - time.time()) < 1


def test_a_kernel_without_lists_of_children_has_unknown_numbers(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other figures are known."""

    def refuse(path: str) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(sampling, "_read", refuse)
    sampler = Sampler(process.pid)
    sampler.start()
    eventually(lambda: sampler.observe().samples.get(""))

    assert {None} == {each.children for each in sampler.observe().samples[""]}


def test_a_long_run_has_few_samples() -> None:
    """Each stands for the time since the one before, so maxima remain."""
    series = Series()
    for number in range(100_000):
        series.add(sample(number * MIN_INTERVAL_S, memory=7 if number == 60_000 else 3))

    assert MAX_SAMPLES / 2 <= len(series.samples) <= MAX_SAMPLES
    assert 7 == max(each.memory for each in series.samples)
    steps = {
        round((later.time - earlier.time) / series.interval)
        for earlier, later in zip(series.samples, series.samples[1:-1], strict=False)
    }
    assert {1} == steps


def test_many_processes_share_the_number_of_stored_samples() -> None:
    """So that the profile of a run with 64 workers stays small."""
    series = Series()
    for number in range(300):
        series.add(sample(float(number), threads=number, children=None))

    shortened = series.shorten(100)

    assert 75 == len(shortened)
    assert (299, None) == (shortened[-1].threads, shortened[-1].children)
    assert 300 == len(series.samples)

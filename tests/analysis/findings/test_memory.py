"""The rule about memory that bounds the number of workers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.analysis.findings.memory import find_memory_limit
from akastats.analysis.findings.processes import find_workers
from akastats.model.findings import Place
from tests.analysis.findings.suites import Row, Suite

GB = 1_000_000_000
ROWS = [
    Row(f"test_a.py::test_{at}", call=1.0, cpu=1.0, memory=GB if at < 8 else 2 * GB, worker="gw0")
    for at in range(16)
]
SUITE = Suite(ROWS, workers=1, cpus=8, memory=10 * GB)


def test_memory_bounds_the_number_of_workers() -> None:
    """The test that raised the peak is named, and what more workers would save."""
    run = SUITE.record()

    (cost,) = find_memory_limit(run)

    # 9 of 10 GB, less that of the controller, which is 1 GB.
    assert 4 == run.max_workers == cost.evidence["max_workers"]
    assert cost.title.startswith("Memory allows at most -n 4: a worker needs 2 GB of 10 GB; -n 8")
    assert (Place(nodeid="test_a.py::test_8"),) == cost.where
    assert 2.0 == pytest.approx(cost.saved, abs=0.1)


def test_other_advice_respects_the_limit() -> None:
    """More workers are advised up to it."""
    (cost,) = find_workers(SUITE.record())

    assert Place(option="-n 4") == cost.where[0]


@pytest.mark.parametrize("memory", [None, 100 * GB])
def test_a_machine_with_enough_memory_has_no_finding(memory: int | None) -> None:
    """Nor has one whose memory is unknown."""
    assert [] == list(find_memory_limit(replace(SUITE, memory=memory).record()))


def test_a_run_without_workers_can_have_a_limit() -> None:
    """Then its own process shows what a worker needs."""
    rows = [replace(row, worker="") for row in ROWS]

    (cost,) = find_memory_limit(replace(SUITE, rows=rows, workers=0, memory=4 * GB).record())

    assert cost.title.startswith("Memory allows no workers")


def test_a_run_without_recorded_memory_has_no_limit() -> None:
    """On Windows it is unknown."""
    rows = [replace(row, memory=None) for row in ROWS]

    assert replace(SUITE, rows=rows).record().max_workers is None

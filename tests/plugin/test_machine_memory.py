"""Memory of the machine, or of its container."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_akastats import machine_memory
from pytest_akastats.machine_memory import read_machine_memory
from tests.plugin.conftest import Record

GIB = 1024**3


def test_the_memory_is_in_bytes() -> None:
    """A machine that runs tests has more than 256 MiB, and less than 1 PiB."""
    size = read_machine_memory()

    assert size is None or GIB / 4 < size < GIB * 1024**2


@pytest.mark.parametrize(("text", "size"), [("1073741824\n", GIB), ("max\n", 64 * GIB), ("", 64 * GIB)])
def test_the_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    """Unless it is missing, unlimited, or above the memory of the machine."""
    (tmp_path / "limit").write_text(text)
    monkeypatch.setattr(machine_memory, "_LIMITS", (tmp_path / "limit", tmp_path / "missing"))
    monkeypatch.setattr(machine_memory, "_read_physical", lambda: 64 * GIB)

    assert size == read_machine_memory()


def test_a_system_that_hides_it_has_an_unknown_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows does."""
    monkeypatch.setattr(machine_memory, "_LIMITS", ())
    monkeypatch.setattr(machine_memory, "_read_physical", lambda: 0)

    assert read_machine_memory() is None


def test_a_run_has_the_memory_of_its_machine(pytester: pytest.Pytester, record: Record) -> None:
    """As a field of the run."""
    pytester.makepyfile(test_one="def test_one():\n    pass\n")

    assert str(read_machine_memory()) == record().run["machine_memory"]

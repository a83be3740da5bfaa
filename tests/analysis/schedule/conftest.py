"""Replays with round numbers."""

from __future__ import annotations

import pytest

from akastats.analysis.schedule import crowding


@pytest.fixture(autouse=True)
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes take turns on a CPU without additional time."""
    monkeypatch.setattr(crowding, "TURNS", 0.0)

"""Statistics that the code under test pushes while its run is recorded: not among the project's own."""

from __future__ import annotations

import pytest

from akastats.sync_stats import available_stats, fetch_stats
from tests.plugin.conftest import NAMESPACE, Record

SUITE = """
import pytest
from akastats import Stats, push_stat
from akastats.config import config
from akastats.sync_stats import fetch_stats
def test_code_that_pushes(stat):
    stat("by the test", 1)
    push_stat("by the code", 1)
    with pytest.raises(ValueError), Stats() as own:
        int("x")
    assert fetch_stats("by the code").count == 1
def test_code_with_a_namespace_of_its_own(monkeypatch):
    push_stat("named", 1, prefix="NAMED")
    monkeypatch.setattr(config, "namespace", "AKA-STATS")
    push_stat("insisted", 1)
"""


def test_pushes_of_the_code_under_test_are_kept_apart(
    pytester: pytest.Pytester, record: Record, server: str, spread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers and errors go to a namespace of their own, and are read back from there; named ones go as named."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server)
    pytester.makepyfile(test_one=SUITE)

    recorded = record(spread)

    assert recorded.counts("passed", "failed") == (2, 0)
    labels = list(available_stats())
    assert {"by the test", "insisted"} <= set(labels)
    assert not {"by the code", "errors__all", "errors__EXC:ValueError"} & set(labels)
    apart = f"{NAMESPACE}-UNDER-TEST"
    assert list(available_stats(prefix=apart)) == ["by the code", "errors__EXC:ValueError", "errors__all"]
    assert fetch_stats("named", "NAMED").count == 1

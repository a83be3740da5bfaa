"""Read the quarantined tests of a run, and the patterns of `AKA_STATS_PROTECTED` that match no test."""

from __future__ import annotations

from akastats.queries.runs import Run
from akastats.queries.suggestions import read_tests
from akastats.store.requests import Operation
from akastats.triage import quarantine, quarantine_rules


def read_quarantined_during(namespace: str, run: Run) -> Operation[list[str]]:
    """Read the node ids that were in quarantine when a run started; empty for a run without quarantine.

    Entries that were removed or have ended since then are missing.
    """
    if not run.quarantine:
        return []
    entries = yield from quarantine.read_entries(namespace, run.suite or "")
    return [entry.nodeid for entry in entries if entry.since <= (run.started or 0.0)]


def find_patterns_without_effect(namespace: str, protected: str) -> Operation[list[str]]:
    """Return the patterns of `AKA_STATS_PROTECTED` that match no test with a history; empty without tests."""
    if not protected.strip():
        return []
    tests = yield from read_tests(namespace)
    return quarantine_rules.patterns_without_match(protected, (test.nodeid for test in tests)) if tests else []

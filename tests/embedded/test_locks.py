"""Locks: shared by many, exclusive for one, freed by closing."""

from __future__ import annotations

import os
import time

from akastats.embedded import locks


def test_exclusive_excludes(project):
    """While one process holds the exclusive lock, others cannot acquire it; closing releases it."""
    first = locks.take_exclusive(project / "lock")

    assert locks.take_exclusive(project / "lock") is None
    os.close(first)
    again = locks.take_exclusive(project / "lock")
    assert again is not None
    os.close(again)


def test_waiting_ends_at_the_deadline(project):
    """A shared lock that does not come free in time is None, not an endless wait."""
    held = locks.take_exclusive(project / "lock")

    assert locks.wait_shared(project / "lock", time.monotonic() - 1) is None
    os.close(held)


def test_descriptors_close_on_exec(project):
    """No program that a user starts inherits a lock."""
    descriptor = locks.open_file(project / "lock")

    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_replaced_file_is_noticed(project):
    """A lock file that was deleted, or deleted and made anew, is not the one that was opened."""
    descriptor = locks.open_file(project / "lock")
    assert locks.is_still_at(descriptor, project / "lock")

    (project / "lock").unlink()
    assert not locks.is_still_at(descriptor, project / "lock")
    (project / "lock").write_text("")
    assert not locks.is_still_at(descriptor, project / "lock")
    os.close(descriptor)

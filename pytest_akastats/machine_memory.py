"""Memory that the processes of a run can use: that of the machine, or the limit of its container."""

from __future__ import annotations

import os
from pathlib import Path

# Files with the memory limit of a container in bytes, of Linux control groups 2 and 1; "max" means no limit.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def read_machine_memory() -> int | None:
    """Return the memory in bytes; `None` if the system hides it."""
    sizes = [size for size in (_read_physical(), *map(_read_limit, _LIMITS)) if size]
    return min(sizes, default=None)


def _read_physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _read_limit(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0

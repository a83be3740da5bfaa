"""Peak resident memory of this process, as the operating system counts it."""

from __future__ import annotations

import sys

#: Minimum growth in bytes that is recorded, so that not every test writes a record.
STEP = 1024 * 1024

# macOS counts bytes, other systems KiB.
_UNIT = 1 if sys.platform == "darwin" else 1024

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:

    def read_peak_memory() -> int:
        """Return 0, because Windows does not report the peak."""
        return 0
else:

    def read_peak_memory() -> int:
        """Return the maximum of the resident memory since this process started, in bytes."""
        return getrusage(RUSAGE_SELF).ru_maxrss * _UNIT

"""Copy the data before a server expires it because the machine's clock is far ahead.

The clock at the last use is recorded beside the data. A long pause looks the same as a wrong clock, so the only
reaction is a copy. If the clock is set back later, it was wrong.
"""

from __future__ import annotations

import shutil
import time
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from akastats import trust
from akastats.embedded import append_only, formats

RECORD = "last-clock"
PREFIX = "before-clock-jump-"

_DAY_S = 86_400.0
# Minimum jump of the clock, in seconds, before which data is copied. Labels expire 14 days after their last point,
# so a smaller jump loses less than half of them.
AHEAD_S = 7 * _DAY_S
BACK_S = _DAY_S
# Jumps of more seconds are longer than a pause in ordinary work. The copy before such a jump is never replaced.
PAUSE_S = 60 * _DAY_S
KEEP_S = 30 * _DAY_S
# Maximum number of copies: the first copy of intact data, and the copy before the latest jump.
_MOST_COPIES = 2
# Earliest and latest plausible time: 2026-01-01 and 9999-12-31. A machine without a clock battery starts in 1970.
_EARLIEST, _LATEST = 1_767_225_600.0, 253_402_214_400.0
_STAMP = "%Y%m%dT%H%M%SZ"

# Tests that freeze time replace only `time.time`; the server uses the system's clock.
_system_clock = time.clock_gettime


@dataclass(frozen=True)
class Clock:
    """The clock at the last use of the data.

    last: seconds since 1970.
    steady_s: seconds since the clock last jumped.
    """

    last: float
    steady_s: float = 0.0


@dataclass(frozen=True)
class Decision:
    """Reaction to the clock before a server starts.

    clock: the clock to record; `None` if it is certainly wrong.
    is_ahead: whether the clock jumped ahead since the last use.
    is_back: whether the clock was set back since the last use.
    """

    clock: Clock | None
    is_ahead: bool = False
    is_back: bool = False

    @property
    def is_trusted(self) -> bool:
        """Whether the clock has been steady long enough to remove the copies."""
        return self.clock is not None and self.clock.steady_s >= KEEP_S


def decide(previous: Clock | None, now: float) -> Decision:
    """Compare the clock `now` with the one at the last use, which is `None` if unknown."""
    if not _EARLIEST <= now <= _LATEST:
        return Decision(None)
    if previous is None:
        return Decision(Clock(now))
    ahead = now - previous.last
    if ahead > AHEAD_S or -ahead > BACK_S:
        return Decision(Clock(now), is_ahead=ahead > 0, is_back=ahead < 0)
    return Decision(Clock(now, previous.steady_s + max(ahead, 0.0)))


def find_replaced(copies: Sequence[str]) -> str | None:
    """Return the name of the copy that a new one replaces; empty to replace none, `None` to create no copy.

    The oldest copy, and a copy before a long jump, are never replaced.

    copies: names, oldest first
    """
    if len(copies) < _MOST_COPIES:
        return ""
    return None if _is_long(copies[-1]) else copies[-1]


def _is_long(name: str) -> bool:
    start, _, end = name.removeprefix(PREFIX).partition("-to-")
    try:
        return timegm(time.strptime(end, _STAMP)) - timegm(time.strptime(start, _STAMP)) > PAUSE_S
    except (ValueError, OverflowError):
        return True


def make_copy_name(last: float, now: float) -> str:
    """Return the name of a copy: the clock at the last use and the current clock, in UTC."""
    start, end = (time.strftime(_STAMP, time.gmtime(moment)) for moment in (last, now))
    return f"{PREFIX}{start}-to-{end}"


def read_system_clock() -> float:
    """Return the system's clock in seconds since 1970, even if tests freeze `time.time`."""
    return _system_clock(time.CLOCK_REALTIME)


def list_copies(home: Path) -> list[Path]:
    """Return the copies in `home`, oldest first; empty if it cannot be read."""
    try:
        return sorted(home.glob(f"{PREFIX}*"))
    except OSError:
        return []


def protect(home: Path, now: float) -> str:
    """Copy the data in `home` if the clock jumped far ahead since its last use; return a notice.

    If the clock was set back, the notice advises to merge the copies. It is empty if there is nothing to report.
    The caller must ensure that no server uses `home`. After 30 days without a jump, the copies are removed.
    """
    previous = _read(home) or _clock_of_files(home)
    decision = decide(previous, now)
    notice = ""
    if previous is not None and decision.is_ahead:
        notice = _copy(home, previous.last, now)
    elif previous is not None and decision.is_back:
        notice = _advice(home, previous.last - now)
    elif decision.is_trusted:
        for copy in list_copies(home):
            shutil.rmtree(copy, ignore_errors=True)
    _write(home, decision.clock)
    return notice


def record(home: Path, now: float) -> None:
    """Record the clock while a server serves the data in `home`."""
    _write(home, decide(_read(home), now).clock)


def _advice(home: Path, ahead_s: float) -> str:
    copies = list_copies(home)
    if not copies:
        return ""
    command = " ".join(["akastats merge", *map(str, copies)])
    return (
        f"The clock was {ahead_s / _DAY_S:.0f} days ahead at the last use, so statistics may have expired. "
        f"Run `{command}` to add the earlier runs."
    )


def _copy(home: Path, last: float, now: float) -> str:
    days = f"{(now - last) / _DAY_S:.0f} days"
    replaced = find_replaced([copy.name for copy in list_copies(home)])
    if replaced is None:
        return ""
    copy = home / make_copy_name(last, now)
    try:
        _make_copy(home, copy)
    except OSError as error:
        return (
            f"The clock is {days} ahead of the last use, and the statistics cannot be copied to {copy}: {error}."
        )
    if replaced:
        shutil.rmtree(home / replaced, ignore_errors=True)
    if now - last <= PAUSE_S:
        return ""
    return (
        f"The clock is {days} ahead of the last use, so most statistics expire. A copy is in {copy}. "
        f"If the clock is wrong, correct it and run: akastats merge {copy}"
    )


def _make_copy(home: Path, copy: Path) -> None:
    """Copy the data; the copy appears when it is complete. Hard links would change with the original files."""
    draft = home / "copy-in-progress"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o700)
        for data in (append_only.get_parts_directory(home), home / append_only.SINGLE, home / formats.RECORD):
            if data.is_dir():
                shutil.copytree(data, draft / data.name)
            elif data.exists():
                shutil.copy2(data, draft / data.name)
        draft.rename(copy)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _clock_of_files(home: Path) -> Clock | None:
    """Return the time of the newest data file, for data of an earlier release."""
    try:
        return Clock(max(file.stat().st_mtime for file in append_only.list_files(home)))
    except (OSError, ValueError):
        return None


def _read(home: Path) -> Clock | None:
    try:
        last, steady_s = map(float, (home / RECORD).read_text("utf-8", "replace").split())
    except (OSError, ValueError):
        return None
    # A comparison with NaN is also false.
    return Clock(last, steady_s) if _EARLIEST <= last <= _LATEST and 0 <= steady_s <= _LATEST else None


def _write(home: Path, clock: Clock | None) -> None:
    if clock is None:
        return
    draft = home / f"{RECORD}.draft"
    try:
        draft.unlink(missing_ok=True)
        trust.create_private_file(draft, f"{clock.last:.0f} {clock.steady_s:.0f}\n".encode())
        draft.replace(home / RECORD)
    except OSError:
        # The disk is full: the next start compares with the previous record.
        return

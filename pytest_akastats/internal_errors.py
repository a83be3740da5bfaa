"""What went wrong in our own code while tests ran: counted, told in one line, never raised."""

from __future__ import annotations

#: Three errors of our own and we are silent for the rest of the run: something is wrong for good.
MAX_MISHAPS = 3
# What of an error's own text is told: one line of a terminal.
MAX_TEXT = 200


class Mishaps:
    """Takes errors that were caught in our hooks. KeyboardInterrupt and SystemExit are not ours to catch."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""
        # Read on the way of each test: an attribute, not a call.
        self.is_off = False

    def note(self, error: Exception) -> None:
        """Count an error; with the third the recording switches itself off."""
        self.count += 1
        self.is_off = self.count >= MAX_MISHAPS
        self.first = self.first or described(error)

    @property
    def told(self) -> str:
        """What is to be said at the end, empty where all went well."""
        return f"{self.first}; switched off after {MAX_MISHAPS} errors" if self.is_off else self.first


def described(error: Exception) -> str:
    """Return an error in one short line, also one whose own text cannot be made."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}"[:MAX_TEXT]

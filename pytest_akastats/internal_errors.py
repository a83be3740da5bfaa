"""Internal errors while tests run: counted, reported in one line, never raised."""

from __future__ import annotations

#: After three internal errors recording stops for the rest of the run.
MAX_MISHAPS = 3
# Characters of an error's text that are reported: one line of a terminal.
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
        """The message for the end of the run; empty without an error."""
        return f"{self.first}; switched off after {MAX_MISHAPS} errors" if self.is_off else self.first


def described(error: Exception) -> str:
    """Return an error in one short line, also one whose own text cannot be made."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}"[:MAX_TEXT]

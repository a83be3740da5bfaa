"""Internal errors of the plugin: counted, and reported in one line at the end of the run, never raised."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from typing import Protocol

    class HasInternalErrors(Protocol):
        """A plugin whose hooks note their errors."""

        internal_errors: InternalErrors


_P = ParamSpec("_P")
_Plugin = TypeVar("_Plugin", bound="HasInternalErrors")

#: Number of internal errors after which recording stops for the rest of the run.
MAX_ERRORS = 3
# Maximum number of characters of an error's text, so that it fits in a line of a terminal.
MAX_TEXT = 200


class InternalErrors:
    """Counts the errors that the plugin catches; `KeyboardInterrupt` and `SystemExit` are never caught.

    count: number of errors.
    first: description of the first error; empty before it.
    is_off: whether recording has stopped; not a property, because every test reads it.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first = ""
        self.is_off = False

    def note(self, error: Exception) -> None:
        """Count an error; stop recording at the third one."""
        self.count += 1
        self.is_off = self.count >= MAX_ERRORS
        self.first = self.first or describe_error(error)

    @property
    def message(self) -> str:
        """The message for the end of the run; empty without an error."""
        return f"{self.first}; switched off after {MAX_ERRORS} errors" if self.is_off else self.first


def note_errors(hook: Callable[Concatenate[_Plugin, _P], None]) -> Callable[Concatenate[_Plugin, _P], None]:
    """Decorate a method of a plugin, so that its errors are noted in `internal_errors` instead of raised.

    Used for hooks that run at most once per file or failure. Hooks that run for every test have their own `try`,
    because the additional call would cost instructions. pluggy finds the argument names through `__wrapped__`.
    """

    @wraps(hook)
    def call_hook(plugin: _Plugin, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            hook(plugin, *args, **kwargs)
        except Exception as error:
            plugin.internal_errors.note(error)

    return call_hook


def describe_error(error: Exception) -> str:
    """Return an error in one short line; only its type if its text cannot be formatted."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}"[:MAX_TEXT]

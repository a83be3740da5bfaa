"""Check the label, value and context of a point, and format numbers for storage."""

from __future__ import annotations

import math

#: Maximum number of bytes per label, in UTF-8.
MAX_LABEL_BYTES = 4096


def check_label(label: str) -> str:
    """Return `label` if it is text of 1 to 4096 bytes in UTF-8; otherwise raise `ValueError`."""
    if type(label) is str and label.isascii() and 0 < len(label) <= MAX_LABEL_BYTES:
        return label
    if not isinstance(label, str):
        raise ValueError(f"label {_shown(label)} is not a str")
    # A subclass may format differently: the text of an enum member depends on the Python version.
    label = str.__str__(label)
    try:
        size = len(label.encode())
    except UnicodeEncodeError:
        raise ValueError(f"label {label!r} contains a lone surrogate, which UTF-8 cannot encode") from None
    if not 1 <= size <= MAX_LABEL_BYTES:
        raise ValueError(f"label {label[:60]!r} has {size} bytes; allowed are 1 to {MAX_LABEL_BYTES}")
    return label


def check_value(label: str, value: object) -> float:
    """Return `value` as a float; raise `ValueError` if it is text or not a finite number."""
    if type(value) is float and math.isfinite(value):
        return value
    try:
        number = math.nan if isinstance(value, _NOT_NUMBERS) else float(value)  # type: ignore[arg-type]  # tried
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"value {_shown(value)} of label {label[:200]!r} is not a finite number")
    return number


# Types that `float` accepts although they are not real numbers: text, and NumPy's complex numbers, which would
# lose their imaginary part.
_NOT_NUMBERS = (str, bytes, bytearray, memoryview, complex)


def _shown(value: object) -> str:
    """Return a value for a message: at most 500 characters, or its type if its `repr` fails."""
    try:
        return repr(value)[:500]
    except Exception:  # noqa: BLE001 - a caller's class, or an int with more digits than Python formats
        return f"of {type(value).__name__}"


def check_context(label: str, context: object) -> str | bytes | None:
    """Return `context` if it is text, bytes or `None`; otherwise raise `ValueError`."""
    if context is not None and not isinstance(context, (str, bytes)):
        raise ValueError(f"context of label {label[:200]!r} is {type(context).__name__}, not str or bytes")
    return context


def text(number: float) -> str:
    """Return the shortest text of a float that parses to the same float, without a trailing `.0`.

    Raises `ValueError` for NaN and infinities, because they would make every later aggregate useless.
    """
    written = repr(float(number))
    if written.endswith(".0"):
        return written[:-2]
    # Only inf, -inf and nan end in a letter.
    if written[-1] in "fn":
        raise ValueError(f"{number!r} is not a finite number")
    return written

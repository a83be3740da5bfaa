"""Truncate a long text to its beginning and end, without secrets."""

from __future__ import annotations

from collections.abc import Callable

#: Approximate maximum size of a recorded traceback or context, in bytes.
MAX_TEXT = 16 * 1024
_HALF = MAX_TEXT // 2 - 50
# Number of additional characters that are searched, so that a secret at the cut is complete. No token is longer.
_MARGIN = 4 * 1024
# Placeholder for the omitted middle during redaction; no report contains such a line.
_CUT = "\n\0\n"


def make_excerpt(text: str, redact: Callable[[str], str]) -> str:
    """Return `text` without secrets, truncated to about 16 KiB of UTF-8; a line marks the cut.

    Only the beginning and the end of a long text are searched, so the time is bounded.
    """
    size = _HALF + _MARGIN
    if len(text) <= 2 * size:
        return shorten(redact(text))
    head, tail = text[:size], text[-size:]
    # Cut at the end of a line or a word, so that the margin does not split a secret.
    head = head[: next((at for at in (head.rfind(end, _HALF) for end in "\n ") if at > 0), size)]
    tail = tail[next((at for at in (tail.find(end, 0, _MARGIN) for end in "\n ") if at > 0), 0) :]
    left_out = len(text) - len(head) - len(tail)
    begin, _, end = redact(f"{head}{_CUT}{tail}").partition(_CUT)
    return shorten(begin, end, left_out)


def make_bytes_excerpt(content: bytes, redact: Callable[[str], str]) -> bytes:
    """Truncate bytes as `make_excerpt` does; bytes that are not text are not changed."""
    # Latin 1 maps every byte to a character; names, tokens and most values are ASCII.
    shown = content[: MAX_TEXT + _MARGIN].decode("latin-1")
    return redact(shown).encode("latin-1", "replace")[:MAX_TEXT]


def shorten(head: str, tail: str = "", left_out: int = 0) -> str:
    """Return beginning and end of a text in about 16 KiB; a line marks the cut (`left_out` characters)."""
    encoded = (head + tail).encode("utf-8", "backslashreplace")
    if len(encoded) <= MAX_TEXT and not left_out:
        return encoded.decode()
    begin = (head if tail else encoded[:_HALF].decode(errors="ignore")).encode("utf-8", "backslashreplace")[:_HALF]
    end = encoded[len(encoded) - min(_HALF, len(encoded) - len(begin)) :]
    cut = left_out + len(encoded) - len(begin) - len(end)
    return f"{begin.decode(errors='ignore')}\n... {cut} bytes left out ...\n{end.decode(errors='ignore')}"

"""What is kept of a long text: without secrets, its head and its tail. Pure."""

from __future__ import annotations

from collections.abc import Callable

#: Bytes that are kept of a traceback or a context.
MAX_TEXT = 16 * 1024
_HALF = MAX_TEXT // 2 - 50
# Beyond what is kept, so much is looked at: a secret at the cut is found whole. No token is longer.
_MARGIN = 4 * 1024
# Stands for what is left out while secrets are removed; no report has a line of it.
_CUT = "\n\0\n"


def kept(text: str, redact: Callable[[str], str]) -> str:
    """Return what is kept of `text`: secrets removed, then at most some 16 KiB of UTF-8, the cut marked.

    Of a long text only what is near its head and its tail is looked at, however long it is.
    """
    most = _HALF + _MARGIN
    if len(text) <= 2 * most:
        return shorten(redact(text))
    head, tail = text[:most], text[-most:]
    # At the end of a line or a word, so that no secret is in two where the margin ends.
    head = head[: next((at for at in (head.rfind(end, _HALF) for end in "\n ") if at > 0), most)]
    tail = tail[next((at for at in (tail.find(end, 0, _MARGIN) for end in "\n ") if at > 0), 0) :]
    left_out = len(text) - len(head) - len(tail)
    begin, _, end = redact(f"{head}{_CUT}{tail}").partition(_CUT)
    return shorten(begin, end, left_out)


def kept_bytes(content: bytes, redact: Callable[[str], str]) -> bytes:
    """Return what is kept of bytes: text in them is searched for secrets, what is none stays octet for octet."""
    # Latin 1 has a letter for every octet; names, tokens and most values are ASCII.
    shown = content[: MAX_TEXT + _MARGIN].decode("latin-1")
    return redact(shown).encode("latin-1", "replace")[:MAX_TEXT]


def shorten(head: str, tail: str = "", left_out: int = 0) -> str:
    """Return head and tail of a text with at most some 16 KiB of UTF-8, the cut marked; `left_out` lay between."""
    encoded = (head + tail).encode("utf-8", "backslashreplace")
    if len(encoded) <= MAX_TEXT and not left_out:
        return encoded.decode()
    begin = (head if tail else encoded[:_HALF].decode(errors="ignore")).encode("utf-8", "backslashreplace")[:_HALF]
    end = encoded[len(encoded) - min(_HALF, len(encoded) - len(begin)) :]
    cut = left_out + len(encoded) - len(begin) - len(end)
    return f"{begin.decode(errors='ignore')}\n... {cut} bytes left out ...\n{end.decode(errors='ignore')}"

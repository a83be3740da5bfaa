"""Redact the secrets of the environment by their value, in every spelling in which they occur in text."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus, unquote

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, apply_mask

# Lookarounds: `author` is not sensitive, `authorization` is.
_SOUNDS_SECRET = late(
    r"key|token|secret|pass|pwd|auth(?!or(?!i))|cred|dsn|cookie|private|signature|conn\w*_?str|webhook", re.I
)
# Names that only look sensitive: directories, sockets and steps occur in every traceback or identify the run.
_HARMLESS = {"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY", "BUILDKITE_STEP_KEY", "BUILDKITE_GROUP_KEY"}
# Minimum length of a secret, in characters. Shorter values are words such as "true" or "prod".
SHORTEST = 8
# Ordinary words, which settings such as AUTH_MODE=required also contain.
_WORDS = {"localhost", "127.0.0.1", "disabled", "required", "optional", "standard", "production", "development"}

# scheme://user:password@
_PASSWORD = late(r"://[^\s/:@]{0,200}:([^\s@]{1,400})@")

# Minimum length of a value, in characters, that is recognised by its beginning if it is truncated.
_CUTTABLE = 24
_HEAD = 16
# Continuation in the next line, as pytest and pprint write it.
_WRAP = late(r"['\"]?[ \t]*\n[E>+-]?[ \t]*[+-]?[ \t]*[bru]?['\"]?")

# Maximum number of partial matches examined per text and beginning; complete values have been removed before.
MAX_PIECES = 200
# Maximum number of values, because each requires a search in every text.
MAX_VALUES = 200


def find_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables with sensitive names, and passwords in URLs of any variable."""
    for name, value in environ.items():
        if _SOUNDS_SECRET.search(name) and name not in _HARMLESS and _is_distinctive(value):
            yield value.strip()
            # A key of several lines may be shown line by line.
            yield from (line for line in value.split("\n")[1:-1] if len(line) >= _HEAD)
        if "://" in value:
            yield from (word for password in _PASSWORD.findall(value) for word in _both(password))


def _both(password: str) -> Iterator[str]:
    for word in (password, unquote(password)):
        if _is_distinctive(word):
            yield word


def _is_distinctive(value: str) -> bool:
    return len(value.strip()) >= SHORTEST and value.strip().lower() not in _WORDS


class SecretValues:
    """Values to remove from texts; the number of values can grow."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._encoded: tuple[str, ...] = ()

    def learn(self, environ: Mapping[str, str]) -> None:
        """Add the secrets of `environ`, which remain known after they are removed from it."""
        new = set(find_secrets(environ)) - self._values
        if new and len(self._values) < MAX_VALUES:
            self._values |= new
            # Longest first, so that a value that contains another one is removed completely; then alphabetically,
            # so that every process returns the same text.
            forms = {form for value in self._values for form in spell(value)}
            encoded = {form for value in self._values for form in encode_base64(value)}
            self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
            self._encoded = tuple(sorted(encoded))

    @property
    def values(self) -> tuple[str, ...]:
        """The known values, in each spelling that a text may contain."""
        return self._forms

    def remove(self, text: str, words: str) -> str:
        """Return `text` with each value replaced by the mask.

        words: the words of `text` with at least 8 characters, in one string
        """
        for form in self._encoded:
            if form in words:
                text = text.replace(form, MASK)
        there: dict[str, list[str]] = {}
        for form in self._forms:
            head = form[:SHORTEST]
            if head in (text if head.split() != [head] else words):
                text = text.replace(form, MASK)
                there.setdefault(head, []).append(form)
        for head, forms in there.items():
            text = apply_mask(text, _pieces(text, head, forms))
        return text


def _pieces(text: str, head: str, forms: Sequence[str]) -> Iterator[Span]:
    """Yield the positions of values with the beginning `head` that are wrapped over lines, or truncated."""
    start = text.find(head)
    for _ in range(MAX_PIECES):
        if start < 0:
            return
        end = max(_find_end(text, start, form) for form in forms)
        if end > start:
            yield start, end
        start = text.find(head, max(end, start + 1))


def _find_end(text: str, start: int, form: str) -> int:
    """Return the end of a value from `start`, if it is wrapped over lines or truncated; else `start`."""
    at, matched = start, 0
    while True:
        count = _count_equal(text, at, form, matched)
        at, matched = at + count, matched + count
        if matched == len(form):
            return at
        wrap = _WRAP.match(text, at) if count else None
        if wrap is None or not text.startswith(form[matched : matched + 4], wrap.end()):
            break
        at = wrap.end()
    if len(form) < _CUTTABLE or matched < _HEAD:
        return start
    return at


def _count_equal(text: str, at: int, form: str, matched: int) -> int:
    """Return the number of equal characters of `text` from `at` and `form` from `matched`."""
    count = 0
    most = min(len(text) - at, len(form) - matched)
    while count < most and text[at + count] == form[matched + count]:
        count += 1
    return count


def spell(value: str) -> Iterator[str]:
    """Yield a value as it is, and as `repr`, JSON and URLs write it."""
    octets = value.encode("utf-8", "surrogateescape")
    yield value
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    yield repr(octets)[2:-1]
    yield quote(octets, safe="")
    yield quote_plus(octets)


def encode_base64(value: str) -> Iterator[str]:
    """Yield the constant part of a value in base64, for each of the three alignments.

    In an HTTP header `user:password` begins with an unknown user.
    """
    octets = value.encode("utf-8", "surrogateescape")
    for shift, unsure in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(b"\0" * shift + octets).decode().rstrip("=")
        sure = encoded[unsure : len(encoded) - ((len(octets) + shift) % 3 != 0)]
        yield sure
        yield sure.replace("+", "-").replace("/", "_")

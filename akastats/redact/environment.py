"""Secrets that are known by their value: those of the environment, in the forms in which texts show them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus, unquote

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, cover

# `author` is no authority, `authorization` is one.
_SOUNDS_SECRET = late(
    r"key|token|secret|pass|pwd|auth(?!or(?!i))|cred|dsn|cookie|private|signature|conn\w*_?str|webhook", re.I
)
# They sound so and hold what stands in every traceback or names the run: directories, sockets, a step.
_HARMLESS = {"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY", "BUILDKITE_STEP_KEY", "BUILDKITE_GROUP_KEY"}
# Shorter values are words like "true" or "prod" that stand everywhere.
SHORTEST = 8
# These are words too, and settings such as AUTH_MODE=required hold them.
_WORDS = {"localhost", "127.0.0.1", "disabled", "required", "optional", "standard", "production", "development"}

# scheme://user:password@
_PASSWORD = late(r"://[^\s/:@]{0,200}:([^\s@]{1,400})@")

# From this length on a value that was cut short is known by its beginning.
_CUTTABLE = 24
_HEAD = 16
# How pytest and pprint go on in the next line.
_WRAP = late(r"['\"]?[ \t]*\n[E>+-]?[ \t]*[+-]?[ \t]*[bru]?['\"]?")

# What only begins as a value does is looked at so often in one text; those that are whole are gone by then.
MOST_PIECES = 200
# So many values at most: each costs a search in every text.
MOST = 200


def secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables whose names sound secret, and passwords in URLs of any variable."""
    for name, value in environ.items():
        if _SOUNDS_SECRET.search(name) and name not in _HARMLESS and _is_telling(value):
            yield value.strip()
            # A key of several lines is shown a line at a time.
            yield from (line for line in value.split("\n")[1:-1] if len(line) >= _HEAD)
        if "://" in value:
            yield from (word for password in _PASSWORD.findall(value) for word in _both(password))


def _both(password: str) -> Iterator[str]:
    for word in (password, unquote(password)):
        if _is_telling(word):
            yield word


def _is_telling(value: str) -> bool:
    return len(value.strip()) >= SHORTEST and value.strip().lower() not in _WORDS


class Known:
    """Values to be removed wherever they stand; further ones may come to be known."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._encoded: tuple[str, ...] = ()

    def learn(self, environ: Mapping[str, str]) -> None:
        """Know the secrets of `environ` from now on, also once they have left it."""
        new = set(secrets_of(environ)) - self._values
        if new and len(self._values) < MOST:
            self._values |= new
            # Longest first, so that a value that contains another goes as a whole; then by itself, for a
            # text is to come out the same in every process.
            forms = {form for value in self._values for form in written(value)}
            encoded = {form for value in self._values for form in in_base64(value)}
            self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
            self._encoded = tuple(sorted(encoded))

    @property
    def values(self) -> tuple[str, ...]:
        """What is known, in every form that is written in letters."""
        return self._forms

    def remove(self, text: str, words: str) -> str:
        """Return `text` without them; `words` holds every word of `text` of at least 8 letters."""
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
            text = cover(text, _pieces(text, head, forms))
        return text


def _pieces(text: str, head: str, forms: Sequence[str]) -> Iterator[Span]:
    """Yield where values that begin with `head` are wrapped over lines, or have lost their end."""
    start = text.find(head)
    for _ in range(MOST_PIECES):
        if start < 0:
            return
        end = max(_reach(text, start, form) for form in forms)
        if end > start:
            yield start, end
        start = text.find(head, max(end, start + 1))


def _reach(text: str, start: int, form: str) -> int:
    """Return where a value that begins at `start` ends: wrapped over lines, or cut; `start` if it is another."""
    at, known = start, 0
    while True:
        count = _alike(text, at, form, known)
        at, known = at + count, known + count
        if known == len(form):
            return at
        wrap = _WRAP.match(text, at) if count else None
        if wrap is None or not text.startswith(form[known : known + 4], wrap.end()):
            break
        at = wrap.end()
    if len(form) < _CUTTABLE or known < _HEAD:
        return start
    return at


def _alike(text: str, at: int, form: str, known: int) -> int:
    """Return how many characters `text` from `at` and `form` from `known` have in common."""
    count = 0
    most = min(len(text) - at, len(form) - known)
    while count < most and text[at + count] == form[known + count]:
        count += 1
    return count


def written(value: str) -> Iterator[str]:
    """Yield a value as it is, and as `repr`, JSON and URLs write it."""
    octets = value.encode("utf-8", "surrogateescape")
    yield value
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    yield repr(octets)[2:-1]
    yield quote(octets, safe="")
    yield quote_plus(octets)


def in_base64(value: str) -> Iterator[str]:
    """Yield what is constant of a value in base64, at each of the three places where it may begin.

    `user:password` in a header of HTTP begins with what we do not know.
    """
    octets = value.encode("utf-8", "surrogateescape")
    for shift, unsure in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(b"\0" * shift + octets).decode().rstrip("=")
        sure = encoded[unsure : len(encoded) - ((len(octets) + shift) % 3 != 0)]
        yield sure
        yield sure.replace("+", "-").replace("/", "_")

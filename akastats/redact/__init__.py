"""Secrets out of texts, before anything is written. Pure, but for the user's patterns, whose time is measured.

Removed are values of environment variables whose name sounds secret, in several spellings (`known`), tokens and
private keys of well-known shapes and what stands before the `@` of a URL (`shapes`), values that are given to
telling names (`named`), passwords of command lines (`commands`), and what the user's own `patterns` find.
The time is linear in the length of the text. What it cannot know is told in docs/secrets.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from akastats.redact.assignments import MOST_PLACES, name_places, named, places_of
from akastats.redact.commands import commands
from akastats.redact.environment import SHORTEST, Known
from akastats.redact.mask import MASK, cover
from akastats.redact.patterns import Patterns
from akastats.redact.prose import sentences
from akastats.redact.sensitive_words import PASSWORDS, near, of_makers
from akastats.redact.sensitive_words import WORDS as NEAR
from akastats.redact.structures import structured
from akastats.redact.token_patterns import SHORTEST_TOKEN, private_keys, schemes, tokens, userinfo
from akastats.redact.truncated import cut

__all__ = ["MASK", "OFF", "Redactor", "redactor"]


OFF = "off"


class Redactor:
    """Removes secrets from texts; a variable of `environ` that is set later counts from then on."""

    def __init__(self, environ: Mapping[str, str], patterns: Iterable[str] = ()) -> None:
        self._environ = environ
        self._known = Known()
        self._patterns = Patterns(patterns)
        self._known.learn(environ)

    @property
    def warning(self) -> str:
        """What could not be done as the user has asked for; empty if all could."""
        return self._patterns.warning

    def __call__(self, text: str) -> str:
        """Return `text` with `[redacted]` where secrets were."""
        self._known.learn(self._environ)
        text, found = self._shaped(text)
        text, lowered = _pair(schemes(*_pair(text)))
        places = name_places(lowered)
        shown, learned = named(text, lowered, places)
        shown = commands(shown)
        if shown != text:
            shown, lowered = _pair(shown)
            places = name_places(lowered)
        shown = _covered(shown, lowered, places)
        return self._patterns.remove(cut(shown, [*found, *learned, *self._known.values]))

    def name(self, text: str) -> str:
        """Return a name, such as a node id, without secrets; words that only sound like one stay as they are."""
        return self._patterns.remove(self._shaped(text, with_opaque=False)[0])

    def _shaped(self, text: str, with_opaque: bool = True) -> tuple[str, list[str]]:
        """Return `text` without what is known by its value or shape, and the tokens that were in it."""
        words = list(dict.fromkeys(text.split()))
        shown = self._known.remove(private_keys(text), "\n".join(word for word in words if len(word) >= SHORTEST))
        if shown != text:
            words = list(dict.fromkeys(shown.split()))
        text, found = tokens(shown, [word for word in words if len(word) >= SHORTEST_TOKEN], with_opaque)
        return userinfo(text), found


class Unredacted(Redactor):
    """Leaves every text as it is: what `off` asks for."""

    def __call__(self, text: str) -> str:
        return text

    def name(self, text: str) -> str:
        return text


def _covered(text: str, lowered: str, names: Sequence[int]) -> str:
    """Return `text` without secrets that its structure reveals, and without values that resemble one nearby."""
    passwords = places_of(lowered, PASSWORDS)
    places = sorted({*passwords, *names, *places_of(lowered, NEAR)})[:MOST_PLACES]
    spans = [*structured(text, names[:MOST_PLACES]), *near(text, places, passwords), *of_makers(text, lowered)]
    return cover(text, sorted([*spans, *sentences(text, lowered)]))


def _pair(text: str) -> tuple[str, str]:
    """Return `text`, and the same in small letters where each stands at the same place."""
    lowered = text.lower()
    if len(lowered) != len(text):
        # A few letters, the Turkish capital I with its dot among them, become two.
        lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return text, lowered


def redactor(environ: Mapping[str, str] = os.environ, patterns: Iterable[str] = ()) -> Redactor:
    """Return a function that replaces secrets in a text by `[redacted]`, those of `environ` among them.

    `patterns` are further regular expressions, those that are empty left out; `off` as one of them switches
    all of it off.
    """
    wanted = [pattern.strip() for pattern in patterns if pattern.strip()]
    if OFF in wanted:
        return Unredacted({})
    return Redactor(environ, wanted)

"""Redact secrets from text before it is written. Pure, except that the user's patterns have a time limit.

It redacts values of environment variables with sensitive names, passwords in URLs, tokens and private keys of
known formats, random words, values assigned to sensitive names, passwords in command lines, and matches of the
user's own patterns. The time is linear in the length of the text.
docs/explanation/secrets.md documents the limits.

| file | purpose |
|---|---|
| `environment.py` | values of environment variables, in the spellings of text |
| `token_patterns.py`, `token_formats.py`, `prefixes.py` | known token formats, private keys, passwords in URLs |
| `random_tokens.py`, `letter_pairs.py` | tokens of unknown formats |
| `assignments.py`, `structures.py` | values with sensitive names, and inside structures with such names |
| `sensitive_words.py` | passwords and keys near sensitive words, and in sentences |
| `commands.py` | passwords in command lines |
| `truncated.py` | secrets whose middle is omitted |
| `patterns.py`, `search_cost.py` | the user's patterns, and a bound of their time |
| `excerpt.py`, `mask.py`, `lazy_patterns.py` | truncation of long text, the replacement, patterns compiled late |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from akastats.redact.assignments import MAX_POSITIONS, find_name_positions, find_positions, redact_assignments
from akastats.redact.commands import redact_commands
from akastats.redact.environment import SHORTEST, SecretValues
from akastats.redact.mask import MASK, apply_mask
from akastats.redact.patterns import Patterns
from akastats.redact.sensitive_words import PASSWORDS, find_beside_words, find_sentences, find_vendor_keys
from akastats.redact.sensitive_words import WORDS as SENSITIVE_WORDS
from akastats.redact.structures import find_structured
from akastats.redact.token_patterns import (
    SHORTEST_TOKEN,
    redact_private_keys,
    redact_schemes,
    redact_tokens,
    redact_userinfo,
)
from akastats.redact.truncated import redact_truncated

__all__ = ["MASK", "OFF", "Redactor", "redactor"]


OFF = "off"


class Redactor:
    """Removes secrets from text, including those of variables that are added to `environ` later."""

    def __init__(self, environ: Mapping[str, str], patterns: Iterable[str] = ()) -> None:
        self._environ = environ
        self._values_seen = SecretValues()
        self._patterns = Patterns(patterns)
        self._values_seen.learn(environ)

    @property
    def warning(self) -> str:
        """Return why the user's patterns cannot be used as requested; empty if they can."""
        return self._patterns.warning

    def __call__(self, text: str) -> str:
        """Return `text` with each secret replaced by `[redacted]`."""
        self._values_seen.learn(self._environ)
        text, secrets = self._redact_values(text)
        text, lowered = _lower(redact_schemes(*_lower(text)))
        positions = find_name_positions(lowered)
        shown, learned = redact_assignments(text, lowered, positions)
        shown = redact_commands(shown)
        if shown != text:
            shown, lowered = _lower(shown)
            positions = find_name_positions(lowered)
        shown = _redact_structures(shown, lowered, positions)
        return self._patterns.remove(redact_truncated(shown, [*secrets, *learned, *self._values_seen.values]))

    def name(self, text: str) -> str:
        """Return a name, such as a node id, without secrets; random words in it are not removed."""
        return self._patterns.remove(self._redact_values(text, with_opaque=False)[0])

    def _redact_values(self, text: str, with_opaque: bool = True) -> tuple[str, list[str]]:
        """Return `text` without secrets known by value or format, and the tokens that it contained."""
        words = list(dict.fromkeys(text.split()))
        shown = self._values_seen.remove(
            redact_private_keys(text), "\n".join(word for word in words if len(word) >= SHORTEST)
        )
        if shown != text:
            words = list(dict.fromkeys(shown.split()))
        text, secrets = redact_tokens(shown, [word for word in words if len(word) >= SHORTEST_TOKEN], with_opaque)
        return redact_userinfo(text), secrets


class ExtendedRedactor(Redactor):
    """Applies further functions after the rules; a text is omitted if one of them fails."""

    def __init__(
        self, environ: Mapping[str, str], patterns: Iterable[str], functions: Mapping[str, Callable[[str], str]]
    ) -> None:
        super().__init__(environ, patterns)
        self._functions = functions
        self._failure = ""

    @property
    def warning(self) -> str:
        """Reason why patterns or functions cannot be used as requested; empty if they can."""
        return super().warning or self._failure

    def __call__(self, text: str) -> str:
        return self._extend(super().__call__(text), MASK)

    def name(self, text: str) -> str:
        """Return a name without secrets; if a function fails, its parameters are omitted."""
        shown = super().name(text)
        return self._extend(shown, shown.partition("[")[0] + MASK)

    def _extend(self, text: str, replacement: str) -> str:
        for name, function in self._functions.items():
            try:
                text = function(text)
                if not isinstance(text, str):
                    raise TypeError("the result is not a string")
            except Exception as error:  # noqa: BLE001 - an extension may raise anything
                # Omit the text of the error, which may contain a secret.
                problem = f"redactor {name} failed ({type(error).__name__}): texts are omitted"
                self._failure = self._failure or problem
                return replacement
        return text


class Unredacted(Redactor):
    """Returns every text unchanged; selected by the pattern `off`."""

    def __call__(self, text: str) -> str:
        return text

    def name(self, text: str) -> str:
        return text


def _redact_structures(text: str, lowered: str, names: Sequence[int]) -> str:
    """Return `text` without secrets that its structure reveals, and without words that resemble passwords."""
    passwords = find_positions(lowered, PASSWORDS)
    positions = sorted({*passwords, *names, *find_positions(lowered, SENSITIVE_WORDS)})[:MAX_POSITIONS]
    spans = [
        *find_structured(text, names[:MAX_POSITIONS]),
        *find_beside_words(text, positions, passwords),
        *find_vendor_keys(text, lowered),
    ]
    return apply_mask(text, sorted([*spans, *find_sentences(text, lowered)]))


def _lower(text: str) -> tuple[str, str]:
    """Return `text`, and the same in lower case with every character at the same position."""
    lowered = text.lower()
    if len(lowered) != len(text):
        # A few letters, such as the Turkish capital I with its dot, become two characters.
        lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return text, lowered


def create_redactor(
    environ: Mapping[str, str] = os.environ,
    patterns: Iterable[str] = (),
    functions: Mapping[str, Callable[[str], str]] | None = None,
) -> Redactor:
    """Return a function that replaces secrets in a text by `[redacted]`, including those of `environ`.

    `patterns` are further regular expressions; empty ones are ignored. The pattern `off` disables redaction.
    `functions` of extensions, by name, are applied after the rules.
    """
    expressions = [pattern.strip() for pattern in patterns if pattern.strip()]
    if OFF in expressions:
        return Unredacted({})
    if functions:
        return ExtendedRedactor(environ, expressions, functions)
    return Redactor(environ, expressions)

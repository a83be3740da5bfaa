"""Secrets out of texts, before anything is written. Pure; every pattern runs in linear time.

It removes: values of environment variables whose name sounds secret, user and password in URLs, values given
to names that sound secret, tokens of well-known shapes, private keys. It cannot know a secret that looks like
any other word and stands under a harmless name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

MASK = "[redacted]"

_SOUNDS_SECRET = r"key|token|secret|pass|pwd|auth|cred|dsn|session|cookie|signature"
_NAME = re.compile(_SOUNDS_SECRET, re.IGNORECASE)
# Shorter values are words like "true" or "prod" that stand everywhere.
_SHORTEST = 8

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(-----END [A-Z ]{0,40}-----)?"),
        MASK,
    ),
    # scheme://user:password@host
    (re.compile(r"(?<=://)[^\s/@'\"]{1,400}@"), f"{MASK}@"),
    (re.compile(r"\b(Bearer|Basic|Token) +[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.?[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"), MASK),
    (re.compile(r"\bglpat-[A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}"), MASK),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"), MASK),
    (re.compile(r"\b(?:sk|pk|rk)[_-](?:live|test|proj|ant)[_-][A-Za-z0-9_-]{12,}"), MASK),
    (re.compile(r"\bpypi-[A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\bnpm_[A-Za-z0-9]{20,}"), MASK),
    # name = value, name: value, 'name': 'value'; KeyError: 'x' is no name and its value.
    (
        re.compile(
            rf"(?P<name>(?:{_SOUNDS_SECRET})(?!Error|Exception|Warning)[\w-]{{0,60}}['\"]?\s{{0,9}}[=:]\s{{0,9}})"
            r"(?:b?(?P<quote>['\"])(?P<quoted>[^'\"\n]{1,2000})(?P=quote)|(?P<bare>[^\s'\"(){}\[\],;<>=]{8,2000}))",
            re.IGNORECASE,
        ),
        rf"\g<name>{MASK}",
    ),
)


def redactor(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces secrets in a text by `[redacted]`; it keeps those of `environ` now."""
    values = {value for name, value in environ.items() if len(value) >= _SHORTEST and _NAME.search(name)}
    # Longest first, so that a value that contains another goes as a whole.
    ordered = sorted(values, key=len, reverse=True)
    known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(text: str) -> str:
        if known is not None:
            text = known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    return redact

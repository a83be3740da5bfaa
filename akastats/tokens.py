"""Tokens of the API, their scopes, and the cookie that replaces a token in a browser.

Only the digest of a token is stored, so that the token itself cannot be logged.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from akastats.errors import ConfigError

#: Scopes of a token: read statistics, read tracebacks and other contexts, change data.
STATS, CONTEXTS, WRITE = "stats", "contexts", "write"
EVERYTHING = frozenset((STATS, CONTEXTS, WRITE))
#: Value that disables tokens: everyone has access.
OFF = "off"

#: Minimum number of characters in a token.
MIN_LENGTH = 16
#: Number of days for which a cookie is valid.
COOKIE_DAYS = 30
_COOKIE_SECONDS = COOKIE_DAYS * 86_400
# RFC 6750 allows these characters in `Authorization: Bearer`. The colon after the scopes is not one of them.
_WORD = re.compile(r"(?:([a-z,]*):)?([A-Za-z0-9._~+/=-]+)")


@dataclass(frozen=True)
class Token:
    """One token.

    digest: SHA-256 of the token.
    scopes: scopes of the token.
    """

    digest: bytes = field(repr=False)
    scopes: frozenset[str]


def generate_token() -> str:
    """Return a new token of 32 random bytes."""
    return secrets.token_urlsafe(32)


def parse_tokens(variable: str, text: str) -> tuple[Token, ...]:
    """Return the tokens in `text`, separated by white space, each as `TOKEN` or `scope,scope:TOKEN`.

    A `TOKEN` without scopes has all scopes. Every token has the scope `stats`. Raises `ConfigError`, which names
    `variable` but never the token.
    """
    return tuple(_parse_one(variable, word) for word in text.split())


def _parse_one(variable: str, word: str) -> Token:
    match = _WORD.fullmatch(word)
    if not match:
        raise ConfigError(
            f"{variable}: a token may contain only letters, digits and -._~+/=, after optional scopes and a colon"
        )
    scopes, secret = match.groups()
    if len(secret) < MIN_LENGTH:
        raise ConfigError(
            f"{variable}: a token needs at least {MIN_LENGTH} characters; create one with `openssl rand -hex 32`"
        )
    return Token(hash_token(secret.encode()), _scopes(variable, scopes))


def _scopes(variable: str, text: str | None) -> frozenset[str]:
    if text is None:
        return EVERYTHING
    scopes = frozenset(text.split(","))
    if not scopes <= EVERYTHING:
        raise ConfigError(f"{variable}: the scopes are stats, contexts and write, separated by commas")
    return scopes | {STATS}


def hash_token(secret: bytes) -> bytes:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(secret).digest()


def find_token(tokens: Iterable[Token], secret: bytes) -> Token | None:
    """Return the token with the value `secret`, compared in constant time; `None` if there is none."""
    digest = hash_token(secret)
    match = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            match = token
    return match


def make_cookie(token: Token, issued: int) -> str:
    """Return the cookie that replaces a token; `issued` is the time of the login in epoch seconds.

    The cookie becomes invalid when the token is removed. The token cannot be computed from the cookie.
    """
    message = f"akastats cookie {issued}".encode()
    return f"{issued}.{hmac.new(token.digest, message, hashlib.sha256).hexdigest()}"


def find_by_cookie(tokens: Iterable[Token], cookie: str, now: float) -> Token | None:
    """Return the token that a cookie replaces; `None` if there is none, or the cookie is too old."""
    issued, _, _ = cookie.partition(".")
    if not re.fullmatch(r"[0-9]{1,12}", issued) or not 0 <= now - int(issued) <= _COOKIE_SECONDS:
        return None
    match = None
    for token in tokens:
        if hmac.compare_digest(make_cookie(token, int(issued)).encode(), cookie.encode(errors="replace")):
            match = token
    return match

"""Tokens: what one allows, and the cookie that stands for one in a browser. Pure.

A token is kept as its digest alone: what is not there cannot be logged.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from akastats.errors import ConfigError

#: What a token may allow: numbers; tracebacks too; changing things.
STATS, CONTEXTS, WRITE = "stats", "contexts", "write"
EVERYTHING = frozenset((STATS, CONTEXTS, WRITE))
#: In place of a token: nobody need have one.
OFF = "off"

MIN_LENGTH = 16
COOKIE_DAYS = 30
_COOKIE_SECONDS = COOKIE_DAYS * 86_400
# What a header `Authorization: Bearer` may carry (RFC 6750); a colon is not among it, so scopes can stand before.
_WORD = re.compile(r"(?:([a-z,]*):)?([A-Za-z0-9._~+/=-]+)")


@dataclass(frozen=True)
class Token:
    """One token, by its SHA-256, and what it allows."""

    digest: bytes = field(repr=False)
    scopes: frozenset[str]


def generate_token() -> str:
    """Return a token that nobody can guess: 32 random bytes."""
    return secrets.token_urlsafe(32)


def parse_tokens(variable: str, text: str) -> tuple[Token, ...]:
    """Return the tokens of `text`, which stand between blanks, each as `TOKEN` or `scope,scope:TOKEN`.

    A token without scopes allows everything; each reads numbers. Raises `ConfigError` naming `variable`,
    never the token.
    """
    return tuple(_parse_one(variable, word) for word in text.split())


def _parse_one(variable: str, word: str) -> Token:
    found = _WORD.fullmatch(word)
    if not found:
        raise ConfigError(f"{variable}: a token has letters, digits and -._~+/= alone, after `scopes:` or nothing")
    scopes, secret = found.groups()
    if len(secret) < MIN_LENGTH:
        raise ConfigError(f"{variable}: a token has at least {MIN_LENGTH} characters: try `openssl rand -hex 32`")
    return Token(hash_token(secret.encode()), _scopes(variable, scopes))


def _scopes(variable: str, text: str | None) -> frozenset[str]:
    if text is None:
        return EVERYTHING
    named = frozenset(text.split(","))
    if not named <= EVERYTHING:
        raise ConfigError(f"{variable}: scopes are stats, contexts and write, with commas between")
    return named | {STATS}


def hash_token(secret: bytes) -> bytes:
    """Return that by which a token is known."""
    return hashlib.sha256(secret).digest()


def find_token(tokens: Iterable[Token], secret: bytes) -> Token | None:
    """Return the token that `secret` is; how long that takes does not tell how near it was."""
    presented = hash_token(secret)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, presented):
            found = token
    return found


def make_cookie(token: Token, issued: int) -> str:
    """Return what a browser keeps in place of a token from `issued` on, in epoch seconds.

    It dies with the token, and the token cannot be had from it.
    """
    message = f"akastats cookie {issued}".encode()
    return f"{issued}.{hmac.new(token.digest, message, hashlib.sha256).hexdigest()}"


def find_by_cookie(tokens: Iterable[Token], cookie: str, now: float) -> Token | None:
    """Return the token that a cookie stands for, if it is of these and not older than `COOKIE_DAYS`."""
    issued, _, _ = cookie.partition(".")
    if not re.fullmatch(r"[0-9]{1,12}", issued) or not 0 <= now - int(issued) <= _COOKIE_SECONDS:
        return None
    found = None
    for token in tokens:
        if hmac.compare_digest(make_cookie(token, int(issued)).encode(), cookie.encode(errors="replace")):
            found = token
    return found

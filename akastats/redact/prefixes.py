"""Find tokens by their prefixes, which published rule sets list (`token_formats`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from akastats.redact.random_tokens import score
from akastats.redact.token_formats import ALPHABETS, ROWS

#: Number of leading characters of a prefix that are searched first, in the complete text.
_HEAD = 3
#: Minimum length of a token as a share of the published length, because vendors change the length.
_SHORTER = 0.8


class _Format(NamedTuple):
    """Format of a vendor's tokens.

    prefix: their first characters
    rest: pattern of the other characters
    is_hex: whether the other characters are hexadecimal digits
    """

    prefix: str
    rest: re.Pattern[str]
    is_hex: bool


@lru_cache(maxsize=1)
def _heads() -> re.Pattern[str]:
    heads = sorted({row.split()[1][:_HEAD] for row in ROWS.strip().split("\n")})
    first = sorted({head[0] for head in heads})
    choices = (
        re.escape(each) + f"(?:{'|'.join(re.escape(head[1:]) for head in heads if head[0] == each)})"
        for each in first
    )
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(choices)})")


@lru_cache(maxsize=256)
def _formats(head: str) -> list[_Format]:
    """Return the formats with this beginning, longest prefix first."""
    rows = [row.split()[1:] for row in ROWS.strip().split("\n")]
    formats = [_format(prefix, rest) for prefix, rest in rows if prefix[:_HEAD] == head]
    return sorted(formats, key=lambda each: -len(each.prefix))


def _format(prefix: str, rest: str) -> _Format:
    alphabet, least = rest[0], int(int(rest[1:]) * _SHORTER)
    return _Format(prefix, re.compile(f"[{ALPHABETS[alphabet]}]{{{least},}}"), alphabet in "hH")


def find_prefixed(words: str) -> Iterator[str]:
    """Yield the tokens in `words` that begin with the prefix of a known vendor."""
    at = 0
    for match in _heads().finditer(words):
        if match.start() >= at:
            token = _token(words, match.start(), match.group())
            if token:
                yield token
                at = match.start() + len(token)


def _token(words: str, start: int, head: str) -> str:
    for format_ in _formats(head):
        behind = start + len(format_.prefix)
        if words.startswith(format_.prefix, start):
            rest = format_.rest.match(words, behind)
            if rest and _is_random(rest.group(), format_.is_hex):
                return words[start : rest.end()].rstrip(".")
    return ""


def _is_random(rest: str, is_hex: bool) -> bool:
    """Return whether the text after a prefix is random, unlike `sk_learn_and_nothing_else`."""
    return any(map(str.isdigit, rest)) if is_hex else score(rest) > len(rest) / 4

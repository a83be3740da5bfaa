"""Redact secrets whose middle is omitted: pytest shortens long values to `'head...tail'`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, apply_mask

_CUT = "..."
# Number of characters to examine on each side of `...`; pytest and its assertions show at most 120.
_SHOWN = 130
# Minimum number of visible characters of a secret: on one side, or on each of the two sides.
_ONE_SIDE, _BOTH_SIDES = 8, 3
# Maximum number of cuts examined per text, and of secrets at each.
MAX_CUTS, MAX_SECRETS = 60, 300

_TOKEN = late(
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA|eyJ|gh[pousr]_|github_pat_|gl[a-z]{1,5}-|xox[abeoprs]-|xapp-|AIza|ya29\.|GOCSPX-"
    r"|(?:sk|pk|rk)[_-]|whsec_|pypi-|npm_|SG\.|hf_|do[opr]_v1_|dapi|hv[sbr]\.|dckr_|sntry[su]_|shp[a-z]{2}_|AGE-"
    r"|hooks\.slack\.com/services/|\d{8,10}:AA|[a-z0-9_]{0,20}key-)"
    r"[A-Za-z0-9_./+=-]{0,130}?\.\.\.[A-Za-z0-9_./+=-]{0,130}"
)


def redact_truncated(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the visible parts of `secrets` and of known tokens, on both sides of a `...`."""
    if _CUT not in text:
        return text
    words = dict.fromkeys(word for word in text.split() if _CUT in word and len(word) > len(_CUT))
    for word in islice(words, MAX_CUTS):
        text = text.replace(word, _TOKEN.sub(MASK, word))
    long_secrets = [secret for secret in dict.fromkeys(secrets) if len(secret) >= _ONE_SIDE][:MAX_SECRETS]
    return apply_mask(text, _spans(text, long_secrets)) if long_secrets else text


def _spans(text: str, secrets: Sequence[str]) -> Iterator[Span]:
    at = text.find(_CUT)
    for _ in range(MAX_CUTS):
        if at < 0:
            return
        while text.startswith(_CUT, at + 1):
            # The dot before the ellipsis is part of the secret.
            at += 1
        heads = text[max(0, at - _SHOWN) : at]
        tails = text[at + len(_CUT) : at + len(_CUT) + _SHOWN]
        shown = [(_head(heads, secret), _tail(tails, secret)) for secret in secrets]
        before = max((head for head, tail in shown if _is_shown(head, tail)), default=0)
        behind = max((tail for head, tail in shown if _is_shown(head, tail)), default=0)
        if before or behind:
            yield at - before, at + len(_CUT) + behind
        at = text.find(_CUT, at + len(_CUT))


def _is_shown(head: int, tail: int) -> bool:
    return max(head, tail) >= _ONE_SIDE or min(head, tail) >= _BOTH_SIDES


def _head(before: str, secret: str) -> int:
    """Return the number of first characters of `secret` with which `before` ends."""
    start = before.find(secret[:_BOTH_SIDES])
    while start >= 0 and not secret.startswith(before[start:]):
        start = before.find(secret[:_BOTH_SIDES], start + 1)
    return len(before) - start if start >= 0 else 0


def _tail(behind: str, secret: str) -> int:
    """Return the number of last characters of `secret` with which `behind` begins."""
    end = behind.rfind(secret[-_BOTH_SIDES:])
    while end >= 0 and not secret.endswith(behind[: end + _BOTH_SIDES]):
        end = behind.rfind(secret[-_BOTH_SIDES:], 0, end + _BOTH_SIDES - 1)
    return end + _BOTH_SIDES if end >= 0 else 0

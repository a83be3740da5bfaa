"""Secrets that are known by their shape: tokens of well-known makers, private keys, passwords in URLs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, cover
from akastats.redact.prefixes import prefixed
from akastats.redact.random_tokens import opaque

# What begins a token, and what follows.
_TOKENS = (
    # AWS access keys
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    # JSON web tokens, signed or encrypted
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.|\.\.\.)[A-Za-z0-9_-]{4,}(?:\.+[A-Za-z0-9_-]*){0,4}",
    # GitHub, GitLab
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{16,}",
    r"gl(?:sa|c)_[A-Za-z0-9_+/=]{20,}",
    r"eyJrIjoi[A-Za-z0-9+/]{50,}=*",
    # Slack, Discord
    r"xox[abeoprs]-[A-Za-z0-9.-]{8,}",
    r"xapp-[A-Za-z0-9-]{8,}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/+-]{16,}",
    r"discord(?:app)?\.com/api/webhooks/\d{1,30}/[A-Za-z0-9_-]{16,}",
    # Google
    r"AIza[A-Za-z0-9_-]{30,}",
    r"ya29\.[A-Za-z0-9_-]{16,}",
    r"GOCSPX-[A-Za-z0-9_-]{16,}",
    r"1//0[A-Za-z0-9_-]{20,}",
    # Stripe; OpenAI, Anthropic and those who write keys like them
    r"(?:sk|pk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    r"whsec_[A-Za-z0-9+/=]{16,}",
    r"(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}",
    # Packages: PyPI, npm, RubyGems, Docker
    r"pypi-[A-Za-z0-9_-]{16,}",
    r"npm_[A-Za-z0-9]{20,}",
    r"rubygems_[a-f0-9]{32,}",
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
    # Mail: SendGrid, Mailgun, Mailchimp
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"key-[a-f0-9]{32}\b",
    r"[a-f0-9]{32}-us\d{1,2}\b",
    # Azure: the signature of an address that is signed; it may begin with what begins no word
    r"(?:(?<=\bsig=)|(?<=\bsig=[+/%]))[A-Za-z0-9+/%]{38,}=?",
    # Others
    r"hf_[A-Za-z0-9]{20,}",
    r"do[opr]_v1_[a-f0-9]{32,}",
    r"dapi[a-f0-9]{32}\b",
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{24,}",
    r"SK[a-f0-9]{32}\b",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"lin_api_[A-Za-z0-9]{20,}",
    r"ntn_[A-Za-z0-9]{20,}",
    r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",
    r"ATATT3x[A-Za-z0-9_=.-]{20,}",
    r"sntry[su]_[A-Za-z0-9_=+/-]{20,}",
    r"NRAK-[A-Z0-9]{20,}",
    r"PMAK-[a-f0-9-]{20,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{40,}",
    r"(?:gsk|xai|pplx|fw|r8|sbp|re)[_-][A-Za-z0-9]{24,}",
    r"\d{8,10}:AA[A-Za-z0-9_-]{30,}",
    r"[A-Za-z0-9][A-Za-z0-9_~.-]{2}8Q~[A-Za-z0-9_~.-]{30,}",
)
_WORDY = ("sk-", "pk-", "rk-", "pypi-", "gsk", "xai", "pplx", "fw", "r8", "sbp", "re_", "re-", "gl")
_TOKEN = late(rf"(?<![A-Za-z0-9])(?=[A-Za-z0-9])(?:{'|'.join(_TOKENS)})")
# Whoever sees an AWS access key looks for its other half: 40 letters without a shape.
_AWS_KEY = late(r"(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_AWS_SECRET = late(
    r"(?<![A-Za-z0-9/+=])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
)
#: No token is shorter.
SHORTEST_TOKEN = 16
# Further distinct ones are removed by searching the whole text once more.
_FEW = 16
_MOST_SEARCHED = 200
_LONG_WORD = late(r"\S{16,}")

# scheme://user:password@host: up to the last @ of the host's part; or a password with a slash in it, where
# what stands behind the colon is no port.
_USERINFO = late(
    r"(?<=://)(?:[^\s/'\"<>]{1,400}@|[^\s/@:'\"<>]{0,200}:(?!\d{1,5}[/?#])(?:[^\s'\"<>/@]|/(?!/)){1,400}@)"
)

# A word behind the scheme is prose: a digit, a capital behind a small letter or padding makes it a secret.
_SCHEME = late(
    r"\b(?i:(bearer|basic|token|apikey|negotiate|digest|jwt))(['\"]?[ :]{1,3}['\"]?)"
    r"(?=[A-Za-z._~+/-]{0,400}(?:\d|=|[a-z][A-Z]))[A-Za-z0-9._~+/=-]{8,}"
)
_SCHEMES = ("bearer", "basic", "token", "apikey", "negotiate", "digest", "jwt")

# Every kind of private key says so between dashes; PuTTY's file says so in its first line.
_SAYS = "PRIVATE KEY"
_BEGINS = late(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}\Z")
_ENDS = late(r"-{4,5} ?END [A-Z0-9 ]{0,40}\Z")
_CLOSES = late(r"(?: BLOCK)? ?-{4,5}")
# A key's lines, however they are quoted, indented and escaped.
_BETWEEN = r"(?:\\[nr]|\.\.\.|[\s'\",+|>E()-]){0,40}"
_BODY = late(rf"(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})+")
_REST = late(rf"[A-Za-z0-9+/=]{{16,}}(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})*")
_LONGEST_KEY = 20_000
# A key's last line may be shorter than what is taken for one of its lines.
_LAST_LINE = 80
# Of a text with more keys than this, the rest is left out.
_MOST_KEYS = 100


def tokens(text: str, words: Sequence[str], with_opaque: bool = True) -> tuple[str, list[str]]:
    """Return `text` without tokens, and the tokens; `words` are its words of at least 16 letters, each once.

    `with_opaque`: also those without a known form, which only look drawn by lot.
    """
    joined = "\n".join(words)
    found = dict.fromkeys(match.group() for match in _TOKEN.finditer(joined) if _is_token(match))
    found |= dict.fromkeys(prefixed(joined))
    if any(map(_AWS_KEY.match, found)):
        found |= dict.fromkeys(_AWS_SECRET.findall(joined))
    if with_opaque:
        found |= dict.fromkeys(opaque(joined))
    longest_first = sorted(found, key=lambda token: (-len(token), token))
    if len(found) <= _FEW:
        for token in longest_first:
            text = text.replace(token, MASK)
        return text, list(found)
    return _in_words(text, joined, longest_first), longest_first


def _in_words(text: str, joined: str, found: Sequence[str]) -> str:
    """Return `text` without many tokens, in one pass over the words that contain them."""
    shown = joined
    for token in islice(found, _MOST_SEARCHED):
        shown = shown.replace(token, MASK)
    masked = dict(zip(joined.split("\n"), shown.split("\n"), strict=True))
    if len(found) > _MOST_SEARCHED:
        # Nobody reads this many: words that contain further tokens are removed completely.
        masked = {word: MASK if _holds_token(short) else short for word, short in masked.items()}
    return _LONG_WORD.sub(lambda match: masked.get(match.group(), match.group()), text)


def _holds_token(word: str) -> bool:
    return bool(_TOKEN.search(word)) or any(prefixed(word)) or any(opaque(word))


def _is_token(match: re.Match[str]) -> bool:
    """Whether it has a digit: `pypi-server-of-our-own` begins as a token does, and is none."""
    return any(map(str.isdigit, match.group())) or not match.group().startswith(_WORDY)


def userinfo(text: str) -> str:
    """Return `text` without the user and password of its URLs."""
    return _USERINFO.sub(f"{MASK}@", text) if "://" in text and "@" in text else text


def schemes(text: str, lowered: str) -> str:
    """Return `text` without what follows `Bearer`, `Basic` and their like."""
    if any(scheme in lowered for scheme in _SCHEMES):
        return _SCHEME.sub(rf"\1\2{MASK}", text)
    return text


def private_keys(text: str) -> str:
    """Return `text` without private keys, also those whose beginning or end is cut off."""
    return cover(text, _key_spans(text)) if _SAYS in text else text


def _key_spans(text: str) -> Iterator[Span]:
    """Yield where keys stand: from each line that begins one to the line that ends it."""
    begun: int | None = None
    after = 0
    for is_begin, start, end in _marks(text):
        if is_begin:
            if begun is not None:
                yield begun, _end_of_body(text, after)
            begun, after = start, end
        else:
            is_whole = begun is not None and start - after <= _LONGEST_KEY
            yield begun if begun is not None and is_whole else _start_of_body(text, after, start), end
            begun, after = None, end
    if begun is not None:
        yield begun, _end_of_body(text, after)


def _marks(text: str) -> Iterator[tuple[bool, int, int]]:
    """Yield (begins a key, start, end) of the lines that say `PRIVATE KEY` between dashes."""
    at = text.find(_SAYS)
    for _ in range(2 * _MOST_KEYS):
        if at < 0:
            return
        before = text[max(0, at - 60) : at]
        closes = _CLOSES.match(text, at + len(_SAYS))
        begins = _BEGINS.search(before)
        opens = begins or _ENDS.search(before)
        if opens and closes:
            yield begins is not None, at - len(before) + opens.start(), closes.end()
        at = text.find(_SAYS, at + 1)
    if at >= 0:
        yield True, at, len(text)


def _end_of_body(text: str, start: int) -> int:
    body = _BODY.match(text, start, start + _LONGEST_KEY)
    return body.end() if body else start


def _start_of_body(text: str, least: int, end: int) -> int:
    start = max(least, end - _LONGEST_KEY)
    bodies = list(_REST.finditer(text, start, end))
    return bodies[-1].start() if bodies and end - bodies[-1].end() <= _LAST_LINE else end

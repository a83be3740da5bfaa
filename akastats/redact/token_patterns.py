"""Find secrets by their format: tokens of known vendors, private keys, passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, apply_mask
from akastats.redact.prefixes import find_prefixed
from akastats.redact.random_tokens import find_random

# Regular expressions of the token formats of known vendors.
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
    # Stripe; OpenAI, Anthropic and vendors with similar keys
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
    # Azure: the signature of a signed address; it may begin with a character that does not begin a word
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
# Near an AWS access key, 40 characters without a known format are probably its secret key.
_AWS_KEY = late(r"(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_AWS_SECRET = late(
    r"(?<![A-Za-z0-9/+=])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
)
#: Minimum length of a token.
SHORTEST_TOKEN = 16
# Maximum number of distinct tokens that are replaced one by one; more tokens are replaced in one pass.
_FEW = 16
_MOST_SEARCHED = 200
_LONG_WORD = late(r"\S{16,}")

# scheme://user:password@host: up to the last @ of the authority; or a password with a slash, if the text after the
# colon is not a port.
_USERINFO = late(
    r"(?<=://)(?:[^\s/'\"<>]{1,400}@|[^\s/@:'\"<>]{0,200}:(?!\d{1,5}[/?#])(?:[^\s'\"<>/@]|/(?!/)){1,400}@)"
)

# An ordinary word may follow the scheme; a digit, a capital after a lower-case letter or padding indicates a
# secret.
_SCHEME = late(
    r"\b(?i:(bearer|basic|token|apikey|negotiate|digest|jwt))(['\"]?[ :]{1,3}['\"]?)"
    r"(?=[A-Za-z._~+/-]{0,400}(?:\d|=|[a-z][A-Z]))[A-Za-z0-9._~+/=-]{8,}"
)
_SCHEMES = ("bearer", "basic", "token", "apikey", "negotiate", "digest", "jwt")

# Every private key in PEM contains this between dashes; PuTTY's file contains it in its first line.
_LABEL = "PRIVATE KEY"
_BEGINS = late(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}\Z")
_ENDS = late(r"-{4,5} ?END [A-Z0-9 ]{0,40}\Z")
_CLOSES = late(r"(?: BLOCK)? ?-{4,5}")
# The lines of a key, quoted, indented or escaped in any way.
_BETWEEN = r"(?:\\[nr]|\.\.\.|[\s'\",+|>E()-]){0,40}"
_BODY = late(rf"(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})+")
_REST = late(rf"[A-Za-z0-9+/=]{{16,}}(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})*")
_LONGEST_KEY = 20_000
# Maximum number of characters between the body of a key and its end line, for a shorter last line.
_LAST_LINE = 80
# Maximum number of private keys per text; if there are more, the remaining text is omitted.
_MOST_KEYS = 100


def redact_tokens(text: str, words: Sequence[str], with_opaque: bool = True) -> tuple[str, list[str]]:
    """Return `text` without tokens, and the tokens; `words` are its words of at least 16 letters, once each.

    `with_opaque`: also remove tokens without a known format, which look random.
    """
    joined = "\n".join(words)
    matches = dict.fromkeys(match.group() for match in _TOKEN.finditer(joined) if _is_token(match))
    matches |= dict.fromkeys(find_prefixed(joined))
    if any(map(_AWS_KEY.match, matches)):
        matches |= dict.fromkeys(_AWS_SECRET.findall(joined))
    if with_opaque:
        matches |= dict.fromkeys(find_random(joined))
    longest_first = sorted(matches, key=lambda token: (-len(token), token))
    if len(matches) <= _FEW:
        for token in longest_first:
            text = text.replace(token, MASK)
        return text, list(matches)
    return _in_words(text, joined, longest_first), longest_first


def _in_words(text: str, joined: str, matches: Sequence[str]) -> str:
    """Return `text` without many tokens, in one pass over the words that contain them."""
    shown = joined
    for token in islice(matches, _MOST_SEARCHED):
        shown = shown.replace(token, MASK)
    masked = dict(zip(joined.split("\n"), shown.split("\n"), strict=True))
    if len(matches) > _MOST_SEARCHED:
        # Words that contain further tokens are removed completely.
        masked = {word: MASK if _holds_token(short) else short for word, short in masked.items()}
    return _LONG_WORD.sub(lambda match: masked.get(match.group(), match.group()), text)


def _holds_token(word: str) -> bool:
    return bool(_TOKEN.search(word)) or any(find_prefixed(word)) or any(find_random(word))


def _is_token(match: re.Match[str]) -> bool:
    """Return whether a match is a token; without a digit, words such as `pypi-server` are not."""
    return any(map(str.isdigit, match.group())) or not match.group().startswith(_WORDY)


def redact_userinfo(text: str) -> str:
    """Return `text` without user and password in its URLs."""
    return _USERINFO.sub(f"{MASK}@", text) if "://" in text and "@" in text else text


def redact_schemes(text: str, lowered: str) -> str:
    """Return `text` without the credentials after `Bearer`, `Basic` and similar schemes."""
    if any(scheme in lowered for scheme in _SCHEMES):
        return _SCHEME.sub(rf"\1\2{MASK}", text)
    return text


def redact_private_keys(text: str) -> str:
    """Return `text` without private keys, including truncated ones."""
    return apply_mask(text, _key_spans(text)) if _LABEL in text else text


def _key_spans(text: str) -> Iterator[Span]:
    """Yield the positions of keys: from each first line to the corresponding last line."""
    begun: int | None = None
    after = 0
    for is_begin, start, end in _find_key_lines(text):
        if is_begin:
            if begun is not None:
                yield begun, _end_of_body(text, after)
            begun, after = start, end
        else:
            is_complete = begun is not None and start - after <= _LONGEST_KEY
            yield begun if begun is not None and is_complete else _start_of_body(text, after, start), end
            begun, after = None, end
    if begun is not None:
        yield begun, _end_of_body(text, after)


def _find_key_lines(text: str) -> Iterator[tuple[bool, int, int]]:
    """Yield (begins a key, start, end) of the lines that contain `PRIVATE KEY` between dashes."""
    at = text.find(_LABEL)
    for _ in range(2 * _MOST_KEYS):
        if at < 0:
            return
        before = text[max(0, at - 60) : at]
        closes = _CLOSES.match(text, at + len(_LABEL))
        begins = _BEGINS.search(before)
        opens = begins or _ENDS.search(before)
        if opens and closes:
            yield begins is not None, at - len(before) + opens.start(), closes.end()
        at = text.find(_LABEL, at + 1)
    if at >= 0:
        yield True, at, len(text)


def _end_of_body(text: str, start: int) -> int:
    body = _BODY.match(text, start, start + _LONGEST_KEY)
    return body.end() if body else start


def _start_of_body(text: str, least: int, end: int) -> int:
    start = max(least, end - _LONGEST_KEY)
    bodies = list(_REST.finditer(text, start, end))
    return bodies[-1].start() if bodies and end - bodies[-1].end() <= _LAST_LINE else end

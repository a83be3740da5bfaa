"""Secrets that are known by their shape: tokens of well-known makers, private keys, passwords in URLs. Pure."""

from __future__ import annotations

import re

from akastats.redact.mask import MASK, Span, cover

# What begins a token, and what follows. A digit is asked for where the beginning is also that of words.
_DIGIT = r"(?=[A-Za-z_-]{0,200}\d)"
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
    rf"(?:sk|pk|rk)-{_DIGIT}[A-Za-z0-9_-]{{20,}}",
    # Packages: PyPI, npm, RubyGems, Docker
    rf"pypi-{_DIGIT}[A-Za-z0-9_-]{{16,}}",
    r"npm_[A-Za-z0-9]{20,}",
    r"rubygems_[a-f0-9]{32,}",
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
    # Mail: SendGrid, Mailgun, Mailchimp
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"key-[a-f0-9]{32}\b",
    r"[a-f0-9]{32}-us\d{1,2}\b",
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
    r"(?:gsk|xai|pplx|fw|r8|sbp|re)[_-](?=[A-Za-z]{0,60}\d)[A-Za-z0-9]{24,}",
    r"\d{8,10}:AA[A-Za-z0-9_-]{30,}",
    r"[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{30,}",
)
_TOKEN = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TOKENS)})")
# Whoever sees an AWS access key looks for its other half: 40 letters without a shape.
_AWS_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])(?=[a-z0-9/+]*[A-Z])(?=[A-Z0-9/+]*[a-z])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
#: No token is shorter.
SHORTEST_TOKEN = 16
# Further distinct ones are removed by searching the whole text once more.
_FEW = 16

# scheme://user:password@host: up to the last @ of the host's part; or a password with a slash in it, where
# what stands behind the colon is no port.
_USERINFO = re.compile(
    r"(?<=://)(?:[^\s/'\"<>]{1,400}@|[^\s/@:'\"<>]{0,200}:(?!\d{1,5}[/?#])(?:[^\s'\"<>/@]|/(?!/)){1,400}@)"
)

# A word behind the scheme is prose: a digit, a capital behind a small letter or padding makes it a secret.
_SCHEME = re.compile(
    r"\b(?i:(bearer|basic|token|apikey|negotiate|digest|jwt))(['\"]?[ :]{1,3}['\"]?)"
    r"(?=[A-Za-z._~+/-]{0,400}(?:\d|=|[a-z][A-Z]))[A-Za-z0-9._~+/=-]{8,}"
)
_SCHEMES = ("bearer", "basic", "token", "apikey", "negotiate", "digest", "jwt")

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----|PuTTY-User-Key-File-\d:")
_PEM_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# A key's lines, however they are quoted, indented and escaped.
_BETWEEN = r"(?:\\[nr]|\.\.\.|[\s'\",+|>E()-]){0,40}"
_PEM_BODY = re.compile(rf"(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})+")
_PEM_REST = re.compile(rf"[A-Za-z0-9+/=]{{16,}}(?:{_BETWEEN}[A-Za-z0-9+/=]{{16,}})*")
_LONGEST_PEM = 20_000


def tokens(text: str, words: str) -> str:
    """Return `text` without tokens; `words` holds each of its words of at least 16 letters once."""
    found = dict.fromkeys(match.group() for match in _TOKEN.finditer(words))
    if any(map(_AWS_KEY.match, found)):
        found |= dict.fromkeys(_AWS_SECRET.findall(words))
    if len(found) > _FEW:
        return _TOKEN.sub(MASK, text)
    for token in sorted(found, key=len, reverse=True):
        text = text.replace(token, MASK)
    return text


def userinfo(text: str) -> str:
    """Return `text` without the user and password of its URLs."""
    return _USERINFO.sub(f"{MASK}@", text) if "://" in text else text


def schemes(text: str, lowered: str) -> str:
    """Return `text` without what follows `Bearer`, `Basic` and their like."""
    if any(scheme in lowered for scheme in _SCHEMES):
        return _SCHEME.sub(rf"\1\2{MASK}", text)
    return text


def private_keys(text: str) -> str:
    """Return `text` without private keys in PEM and its relatives, also those whose end or beginning is cut off."""
    if "-----" not in text and "PRIVATE KEY" not in text and "PuTTY" not in text:
        return text
    return _headless(cover(text, _key_spans(text)))


def _key_spans(text: str) -> list[Span]:
    spans: list[Span] = []
    for begin in _PEM.finditer(text):
        if spans and begin.start() < spans[-1][1]:
            continue
        end = _PEM_END.search(text, begin.end(), begin.end() + _LONGEST_PEM)
        if end is None:
            end = _PEM_BODY.match(text, begin.end())
        spans.append((begin.start(), end.end() if end else begin.end()))
    return spans


def _headless(text: str) -> str:
    """Return `text` without the lines before an end of a key whose beginning is not there."""
    spans: list[Span] = []
    for end in _PEM_END.finditer(text):
        start = max(end.start() - _LONGEST_PEM, spans[-1][1] if spans else 0)
        bodies = list(_PEM_REST.finditer(text, start, end.start()))
        near = bodies and end.start() - bodies[-1].end() <= 80
        spans.append((bodies[-1].start() if near else end.start(), end.end()))
    return cover(text, spans)

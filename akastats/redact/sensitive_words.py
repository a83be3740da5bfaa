"""Find words that look like a password or a key near a sensitive word: in prose, commands, calls.

Module `assignments` finds values of names, regardless of their form. Here the form of the word decides: letters
and digits mixed as in secrets, and not as in names, paths, versions and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span
from akastats.redact.random_tokens import score
from akastats.redact.token_formats import MAKERS

#: Words that occur near passwords and keys, in addition to `assignments.WORDS`.
WORDS = (
    *(
        "login",
        "log in",
        "logon",
        "basic",
        "bearer",
        "identif",
        "connect",
        "crypt",
        "hmac",
        "sign",
        "jwt",
        "sqlplus",
    ),
    *(
        "ftp",
        "jdbc",
        "ldap",
        "openssl",
        "chpasswd",
        "user",
        "account",
        "--",
        " -p",
        " -u",
        "otp",
        "pin",
        "license",
    ),
    *("ssh", "wpa"),
)
#: Words that indicate a password nearby.
PASSWORDS = ("passw", "passp", "pwd", "secret", "cred", "login", "crypt", "hmac", " -p ", " -pw ", "sqlplus")
#: Number of lines after a sensitive word that are examined too: rows of a table, or a value in the next line.
LINES_BEHIND = 2

_WORD = late(r"[^\s'\"`,;|<>()\[\]{}\\=]{8,200}")
_MARK = late(r"[!#$%^&*~+?@]")
_STRIPPED = ".,:;"
_ORDINARY = late(
    r"""
      [\w.+-]+@[\w-]+\.[\w.-]+                                  # an address of mail
    | (?:[\w-]+\.)+(?:py|pyc|so|js|json|ya?ml|toml|txt|c|h|md|html|cfg|ini|whl|gz|zip)(?::\d+.*)?
    | (?:[\w-]+\.)+(?:com|org|net|io|dev|local)(?::\d+.*)?
    | v?\d+(?:\.\w+)+(?:[+-][\w.]+)?                            # a version
    | [\w.-]*\d+:\d+\S*                                         # a time, a host with its port
    | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\S*                        # a date
    | .*/.*/.* | \.{0,2}/.* | ~.* | .*\.\..* | .*::.* | .*://.* # a path, a node id
    | [A-Za-z_][A-Za-z]*(?:_[A-Za-z0-9]*)+                      # a name in a program
    | (?:[A-Za-z]+[.-])+[A-Za-z]*\d?                           # words with a number
    | (?:[A-Za-z]{1,12}[.-])+\d{1,4}
    | AAAA[BCE]3Nza\S*                                           # a public key
    | 0x[0-9a-f]+ | [0-9a-f-]+ | [\d.,:%+eE-]+ | \S*%[sdrif]\S* | \S*\{.*
    | (?:[a-z]*sha|utf|latin|base|python|oauth|http|ipv|pbkdf|cp|iso|win|linux|x86|amd|arm|line|test|py|int|float
      |uint)[_-]?\d+\w{0,6}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_HEX = late(
    r"(?<![\w.-])(?:[0-9a-f]{32,128}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![\w.-])", re.IGNORECASE
)
_DIGEST = late(
    r"commit|sha|md5|digest|hash|etag|revision|\brev\b|tree|blob|checksum|uuid|\bid\b|_id\b|trace|span|nonce"
)
#: Maximum distance of a vendor's name from its key, in characters.
_MAKER_BEFORE = 60


@lru_cache(maxsize=1)
def _makers() -> frozenset[str]:
    return frozenset(MAKERS.split())


def find_beside_words(text: str, positions: Sequence[int], passwords: Sequence[int]) -> Iterator[Span]:
    """Yield the positions of secrets in lines with a sensitive word and in the lines after it, in order.

    positions: positions of sensitive words, in order
    passwords: those that indicate a password, which may be two words and a number
    """
    at = 0
    lenient = iter(passwords)
    following = next(lenient, len(text))
    for position in positions:
        if position < at:
            continue
        start = max(at, text.rfind("\n", 0, position) + 1)
        at = position
        for _ in range(LINES_BEHIND + 1):
            end = text.find("\n", at)
            at = end + 1 if end >= 0 else len(text) + 1
        while following < start:
            following = next(lenient, len(text))
        yield from _in_lines(text, start, min(at, len(text)), following < at)


def _in_lines(text: str, start: int, end: int, is_lenient: bool) -> Iterator[Span]:
    for match in _WORD.finditer(text, start, end):
        if text[match.end() : match.end() + 1] in ("(", "["):
            continue
        word = match.group().rstrip(_STRIPPED)
        head = word.rpartition(":")[0]
        tail = word[len(head) + 1 :] if head and len(word) - len(head) > 8 and not head.endswith("/") else word
        if looks_like_password(tail) or (is_lenient and _TWO_WORDS.fullmatch(tail)):
            yield match.start() + len(word) - len(tail), match.start() + len(word)


_TWO_WORDS = late(r"(?:[A-Za-z]{3,12}[.+~_-]){1,3}(?:[A-Za-z]{3,12})?\d{2,6}")


def looks_like_password(word: str) -> bool:
    """Return whether a word mixes letters, digits and punctuation as passwords do."""
    digits = sum(map(str.isdigit, word))
    if len(word) < 8 or MASK in word or not digits or not any(map(str.isalpha, word)) or _ORDINARY.fullmatch(word):
        return False
    return bool(_MARK.search(word)) or score(word) > _CHOSEN or bool(digits > 1 and _LONG_NUMBER.search(word))


#: Minimum score of a word of letters and digits that is not an identifier.
_CHOSEN = 9
_LONG_NUMBER = late(r"[A-Za-z]{3}\d{2,}(?:$|[^\d\s]*[A-Za-z])")


def find_vendor_keys(text: str, lowered: str) -> Iterator[Span]:
    """Yield hexadecimal strings and UUIDs after the name of a vendor whose keys have that form."""
    if not any(len(word) >= 32 and _HEX.search(word) for word in dict.fromkeys(text.split())):
        return
    for match in _HEX.finditer(text):
        before = lowered[max(0, match.start() - _MAKER_BEFORE) : match.start()].rpartition("\n")[2]
        if not _DIGEST.search(before) and not _makers().isdisjoint(re.split(r"[^a-z]+", before)):
            yield match.span()


# Sentences

#: Maximum number of sentences of each form that are read per text.
_MOST = 100

_PHRASE = late(
    r"(?i)pass[ _-]?phrase['\"]?(?:[ \t]{1,4}(?:is|was)[ \t]{1,4}|[ \t]{0,4}[:=][ \t]{0,4})['\"]?"
    r"(?P<secret>[a-z\d'-]{1,30}(?:[ \t][a-z\d'-]{1,30}){2,30})(?=[.!?]?(?:\s|$|['\",;)]))"
)
# Words of a sentence about a passphrase: "passphrase is required for this key".
_ABOUT = late(
    r"(?i)(?<![\w'-])(?:a|an|and|are|as|at|be|by|can|cannot|empty|expected|expired|for|from|given|has|if"
    r"|in|incorrect|invalid|is|it|long|longer|missing|must|needed|never|no|none|not|of"
    r"|only|or|provided|required|set|short|shorter|than|that|the|this|to|too|unset|used"
    r"|using|was|when|which|with|without|wrong|you|your)(?![\w'-])"
)
_PIN = late(
    r"(?<![A-Za-z])(?:PIN|Pin|pin)(?:[ _-]?code)?['\"]?[ \t]{0,4}(?:[:=]|is|was)[ \t]{0,4}['\"]?"
    r"(?P<secret>\d{4,12})(?![\w.-])"
)
_CODES = late(
    r"(?i)(?:recovery|backup|scratch|rescue|emergency)[ _-]?codes?['\"]?"
    r"(?:[ \t]{1,4}(?:is|are|was|were)|[ \t]{0,4}[:=])"
    r"[ \t]{0,4}(?P<codes>(?:[\[( ]{0,2}(?:\n[E>]?[ \t]{0,20})?['\"]?(?=[a-z-]{0,40}\d)[a-z\d-]{4,40}['\"]?"
    r"[,;]?(?:[ \t]and)?[ \t]{0,4}){1,30})"
)
_CODE = late(r"(?i)(?=[a-z-]{0,40}\d)[a-z\d-]{4,40}")


def find_sentences(text: str, lowered: str) -> Iterator[Span]:
    """Yield the positions of passphrases, PINs and recovery codes."""
    if "phrase" in lowered:
        for match in islice(_PHRASE.finditer(text), _MOST):
            if not _ABOUT.search(match["secret"]):
                yield match.span("secret")
    if "pin" in lowered:
        yield from (match.span("secret") for match in islice(_PIN.finditer(text), _MOST))
    if "code" in lowered:
        for match in islice(_CODES.finditer(text), _MOST):
            yield from (code.span() for code in _CODE.finditer(text, *match.span("codes")))

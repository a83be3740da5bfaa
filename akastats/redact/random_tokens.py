"""Find tokens without a known format: words that are long and unlike source text.

The score of a word is the sum, over its pairs of adjacent characters, of the log-likelihood ratio of the pair in
random text over source text (`letter_pairs`). Random words that are not secrets are not removed: hexadecimal
digests, UUIDs, public keys, base64 of texts and of files.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from akastats.redact.lazy_patterns import late
from akastats.redact.letter_pairs import PAIRS


class Classes(NamedTuple):
    """Character classes of the letter pairs: each letter, all digits, each punctuation mark.

    size: number of classes
    digit: class of the digits
    table: class by character code, for `bytes.translate`
    """

    size: int
    digit: int
    table: bytes


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PUNCTUATION = "_-./+=~"


def _classes() -> Classes:
    digit, rest = len(_LETTERS), len(_LETTERS) + 1 + len(_PUNCTUATION)
    table = bytearray([rest] * 256)
    for index, characters in enumerate([*_LETTERS, "0123456789", *_PUNCTUATION]):
        for character in characters:
            table[ord(character)] = index
    return Classes(rest + 1, digit, bytes(table))


CLASSES = _classes()

#: Minimum length of a token in characters.
SHORTEST = 16
#: Maximum length of a token in characters; longer words are data.
_LONGEST = 300
#: Minimum scores of a random word, in nats; words of letters alone require a higher one.
_SCORE, _SCORE_OF_LETTERS = 17.0, 25.0
#: Correction per pair for words in one case, whose alphabet is half the size.
_ONE_CASE = 0.54
#: Minimum number of distinct characters in a word; lines and masks have fewer.
_FEWEST_CHARACTERS = 8
_RUN = late(rf"[A-Za-z0-9_+/=.~%-]{{{SHORTEST},}}")
_DIGIT = late(r"\d")
#: Minimum length of a random word that consists of letters only, in characters.
_LETTERS_ONLY = 24
_SEGMENT = late(r"[A-Za-z0-9_+~-]+")
_HEX = late(r"(?:[0-9a-f]+|[0-9A-F]+)(?:[_-](?:[0-9a-f]+|[0-9A-F]+))*")
# Not secrets: digests of files, public keys, mangled names, addresses, versions of wheels, and alphabets.
_ORDINARY = late(
    r"^(?:AAAA[BCE]3Nza|_Z[NKTS]|0x[0-9a-f]+$)|(?:^|[_-])(?:cpython|cp3\d|manylinux|macosx|musllinux)"
    r"|abcdefg|bcdfgh|01234567|12345678|23456789",
    re.IGNORECASE,
)
# Beginning of a string that contains a digest: its name.
_DIGEST = late(r"(?:sha-?\d{1,3}|md5|blake2[bs])[-:=_]", re.IGNORECASE)
_DIGEST_BEFORE = late(r"(?:sha-?\d{1,3}|md5|blake2[bs]|nix/store)[-:=/]\Z", re.IGNORECASE)
#: First bytes of files in base64: pictures, archives, pickles.
_FILES = (
    b"\x89PNG",
    b"\xff\xd8",
    b"GIF8",
    b"PK\x03",
    b"\x1f\x8b",
    b"%PDF",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"0\x82",
)


def classes(word: str) -> bytes:
    """Return the class of each character."""
    return word.encode("latin-1", "replace").translate(CLASSES.table)


@lru_cache(maxsize=1)
def _pairs() -> list[float]:
    return [(ord(code) - 75) / 8 for code in PAIRS.replace("\n", "")]


def score(word: str) -> float:
    """Return the log-likelihood ratio of a word, random text over source text, in nats."""
    codes, pairs, count = classes(word), _pairs(), CLASSES.size
    total = sum([pairs[before * count + after] for before, after in pairwise(codes)])
    return total + (_ONE_CASE * (len(word) - 1) if word.islower() or word.isupper() else 0)


def find_random(words: str) -> Iterator[str]:
    """Yield the words, or parts of them, that are random."""
    for match in _RUN.finditer(words):
        run = match.group()
        if not _DIGIT.search(run) and len(run) < _LETTERS_ONLY:
            continue
        if not _DIGEST.match(run) and not _DIGEST_BEFORE.search(words, max(0, match.start() - 12), match.start()):
            yield from _parts(run)


def _parts(run: str) -> Iterator[str]:
    """Split a string at characters such as `.` and `/`; yield each random part with the parts that continue it."""
    segments = list(_SEGMENT.finditer(run))
    at = 0
    for index, segment in enumerate(segments):
        if segment.start() >= at and is_opaque(segment.group()):
            first = last = index
            while first and segments[first - 1].start() >= at and _is_continued(segments[first - 1].group()):
                first -= 1
            while last + 1 < len(segments) and _is_continued(segments[last + 1].group()):
                last += 1
            at = segments[last].end()
            yield run[segments[first].start() : at]
    if (
        not at
        and len(segments) > 1
        and all(_can_be_random(segment.group()) for segment in segments)
        and is_opaque(run)
    ):
        yield run


def _can_be_random(segment: str) -> bool:
    """Return whether the text between two punctuation marks can be part of a random token."""
    return len(segment) <= 3 or (score(segment) > 0 and not _HEX.fullmatch(segment) and not segment.isupper())


def _is_continued(segment: str) -> bool:
    """Return whether the text beside a random part belongs to it."""
    return len(segment) <= 2 or score(segment) > 0


def is_opaque(word: str) -> bool:
    """Return whether a word is random, and not an ordinary random value such as a digest."""
    if not SHORTEST <= len(word) <= _LONGEST or _HEX.fullmatch(word) or _ORDINARY.search(word):
        return False
    if len(set(word)) < _FEWEST_CHARACTERS:
        return False
    has_digit = any(map(str.isdigit, word))
    return score(word) >= (_SCORE if has_digit else _SCORE_OF_LETTERS) and not _is_data(word)


def _is_data(word: str) -> bool:
    """Return whether a word is the base64 of a text or of a file."""
    try:
        octets = b64decode(word.replace("-", "+").replace("_", "/") + "=" * (-len(word) % 4), validate=True)
    except ValueError:
        return False
    printable = sum(32 <= octet < 127 or octet in b"\t\n\r" for octet in octets)
    return printable > 0.9 * len(octets) or octets.startswith(_FILES) or octets.count(0) > len(octets) / 5

"""Find secrets that sentences name: passphrases of several words, PINs, recovery codes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import Span

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

"""Decode a report, and replace characters that XML 1.0 forbids by escapes such as `\\x1b`.

Programs copy the output of tests into reports: control characters, bytes of other encodings, and lone surrogates,
literally or as character references. A parser rejects the whole file because of one of them.
"""

from __future__ import annotations

import codecs
import re

from akastats.errors import ReportError

#: Maximum number of bytes until the end of the XML declaration.
MAX_DECLARATION_BYTES = 1024
#: Maximum number of characters of a reference, or a marker such as `<![CDATA[`, that two pieces may split.
MAX_TOKEN = 64

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"<\?xml[^>]{1,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
#: Text codecs of Python that are not encodings of files; decoding with idna and punycode takes quadratic time.
_NOT_FOR_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

_FORBIDDEN = r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
_COLOR = r"\[[0-9;]{0,40}[mK]"
_ANY_FORBIDDEN = re.compile(_FORBIDDEN)
# An escape character is matched separately from others, because it may begin a colour code.
_RAW = re.compile(rf"\x1b{_COLOR}|(?P<raw>(?:(?!\x1b){_FORBIDDEN})+|\x1b+(?!\[)|\x1b)")
_REFERENCE = re.compile(
    rf"&#(?:(?:27|x1[bB]);{_COLOR}|(?:x(?P<hex>[0-9a-fA-F]{{1,50}})|(?P<decimal>[0-9]{{1,50}}));)"
)
_EITHER = re.compile(f"{_RAW.pattern}|{_REFERENCE.pattern}")
#: Sections in which `&#x1b;` is six literal characters, and the end of each.
_SECTIONS = {"<![CDATA[": "]]>", "<!--": "-->", "<?": "?>"}
_OPENING = re.compile("|".join(map(re.escape, _SECTIONS)))
_SPLIT = re.compile(r"(?:[<&\x1b][^<&\x1b]*|[\]?-]{1,2})\Z")


class Repair:
    """Converts the bytes of a report into UTF-8 that a parser accepts.

    `count` is the number of replaced characters. Every byte that is invalid in the report's encoding counts as
    one. Terminal colour codes are removed, and each of them counts as one as well.
    """

    def __init__(self) -> None:
        self.count = 0
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held, self._until = "", ""

    def feed(self, chunk: bytes, is_last: bool = False) -> bytes:
        """Return the repaired text in UTF-8, without an incomplete token at its end.

        Raises `ReportError` for an unknown encoding.
        """
        if self._decoder is None:
            self._head += chunk
            if not (is_last or b">" in self._head or len(self._head) >= MAX_DECLARATION_BYTES):
                return b""
            self._decoder, chunk, self._head = _decoder(self._head), self._head, b""
        text = self._held + self._decoder.decode(chunk, is_last)
        self._held = "" if is_last else _split_token(text)
        return self._repair(text[: len(text) - len(self._held)]).encode()

    def _repair(self, text: str) -> str:
        # A search takes a quarter of the time of a replacement, and most reports contain nothing to replace.
        is_clean = not _ANY_FORBIDDEN.search(text)
        pieces, at = [], 0
        while at < len(text):
            start, at = at, self._end_of_section(text, at)
            pieces.append(self._without_forbidden(text[start:at], is_clean))
            self._switch(text, at)
        return "".join(pieces)

    def _without_forbidden(self, piece: str, is_clean: bool) -> str:
        if self._until:
            return piece if is_clean else _RAW.sub(self._of_raw, piece)
        if is_clean:
            return _REFERENCE.sub(self._of_reference, piece)
        return _EITHER.sub(self._of_either, piece)

    def _end_of_section(self, text: str, start: int) -> int:
        """Return the end of the current section, else of the marker that opens the next one, else of the text."""
        if self._until:
            end = text.find(self._until, start)
            return len(text) if end < 0 else end + len(self._until)
        opening = _OPENING.search(text, start)
        return opening.end() if opening else len(text)

    def _switch(self, text: str, at: int) -> None:
        """Record whether the piece that ends at `at` ends a section or begins one."""
        if self._until:
            self._until = "" if text.endswith(self._until, 0, at) else self._until
        else:
            marker = next((marker for marker in _SECTIONS if text.endswith(marker, 0, at)), "")
            self._until = _SECTIONS.get(marker, "")

    def _of_either(self, match: re.Match[str]) -> str:
        return self._of_reference(match) if match[0][0] == "&" else self._of_raw(match)

    def _of_reference(self, match: re.Match[str]) -> str:
        hexadecimal, decimal = match.group("hex", "decimal")
        code = int(hexadecimal, 16) if hexadecimal else int(decimal or "27")
        if _is_allowed(code):
            return match[0]
        self.count += 1
        return _escape(code) if hexadecimal or decimal else ""

    def _of_raw(self, match: re.Match[str]) -> str:
        raw: str | None = match["raw"]
        self.count += len(raw or "1")
        return "".join(_escape(_byte_or_code(character)) for character in raw or "")


def _decoder(head: bytes) -> codecs.IncrementalDecoder:
    name = _encoding(head)
    try:
        # Some codecs, such as "hex" and "zip", do not encode text.
        b"<".decode(name, "replace")
        if codecs.lookup(name).name.replace("_", "-") in _NOT_FOR_FILES:
            raise LookupError(f"{name} is not an encoding of files")
        # `surrogateescape` is faster, but it cannot escape bytes below 128, which other encodings may reject.
        errors = "surrogateescape" if name.startswith("utf-8") else _ERRORS
        return codecs.getincrementaldecoder(name)(errors)
    except (LookupError, UnicodeError) as error:
        raise ReportError(f"the file cannot be decoded: {error}. Convert it to UTF-8.") from error


def _encoding(head: bytes) -> str:
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    declared = _DECLARED.match(head.lstrip())
    name = declared[1].decode().lower() if declared else "utf-8"
    # A declaration that is readable byte by byte is not UTF-16, although .NET declares the encoding of its
    # strings.
    return "utf-8" if re.match(r"utf[-_]?(16|32)|ucs|iso-10646", name) else name


def _split_token(text: str) -> str:
    """Return the end of a piece that may be an incomplete reference or marker."""
    split = _SPLIT.search(text, max(0, len(text) - MAX_TOKEN))
    return split[0] if split else ""


def _mark_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode invalid bytes as lone surrogates, which valid text does not contain."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_ERRORS = "akastats-mark-bytes"
codecs.register_error(_ERRORS, _mark_bytes)


def _byte_or_code(character: str) -> int:
    """Return the byte that `_mark_bytes` decoded, or the code of another character."""
    code = ord(character)
    return code - 0xDC00 if 0xDC00 <= code <= 0xDCFF else code


def _is_allowed(code: int) -> bool:
    """Return whether XML 1.0 allows the character with this code point."""
    if code < 0x20:
        return code in (0x09, 0x0A, 0x0D)
    return code < 0xD800 or 0xDFFF < code < 0xFFFE or 0xFFFF < code < 0x110000


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""Characters that XML forbids are replaced and counted; everything else stays as it is."""

from __future__ import annotations

import io
import random

import pytest

from akastats.errors import ReportError
from akastats.importers.junit.characters import Repair
from akastats.importers.junit.report import Case, read_report


def repaired(report: bytes, size: int = 65_536) -> tuple[str, int]:
    """Feed a report in pieces of `size` bytes; return the text and the number of replaced characters."""
    repair = Repair()
    pieces = [repair.feed(report[at : at + size]) for at in range(0, len(report), size)]
    return b"".join([*pieces, repair.feed(b"", is_last=True)]).decode(), repair.count


def case_of(text: str | bytes) -> Case:
    """Return the only case of a report whose failure and name contain `text`."""
    piece = text.encode() if isinstance(text, str) else text
    head = b"<testsuite><testcase name='n" + piece + b"'><failure message='m" + piece + b"'>t"
    stream = io.BytesIO(head + piece + b"</failure></testcase></testsuite>")
    (case,) = (item for item in read_report(stream) if isinstance(item, Case))
    return case


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\x00", "\\x00"),
        (b"\x0b", "\\x0b"),
        (b"\x1b", "\\x1b"),
        (b"&#0;", "\\x00"),
        (b"&#x1b;", "\\x1b"),
        (b"&#x1B;", "\\x1b"),
        (b"&#0027;", "\\x1b"),
        (b"&#xD800;", "\\ud800"),
        (b"&#xFFFE;", "\\ufffe"),
        (b"&#x110000;", "\\U00110000"),
        (b"\xff", "\\xff"),
        (b"\xef\xbf\xbe", "\\ufffe"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"\xc3", "\\xc3"),
    ],
)
def test_forbidden_characters_become_escapes(raw, expected):
    """In names, messages and texts, so that two names that differ by such a character stay two."""
    case = case_of(raw)

    (problem,) = case.problems
    assert ("n" + expected, "m" + expected, "t" + expected) == (case.name, problem.message, problem.text)


@pytest.mark.parametrize("raw", ["é", "\x7f", "\u0085", "😀", "\ufffd", "a]]b", "\\x1b"])
def test_allowed_characters_stay(raw):
    """A replacement character or an escape that the report holds is not counted."""
    report = f"<a b='{raw}'>\t{raw}\r\n</a>"

    assert (report, 0) == repaired(report.encode())
    assert f"n{raw}" == case_of(raw).name


def test_allowed_references_stay():
    """Line ends and tabs of messages are written so."""
    report = "<a b='&#10;&#xA;&#13;&#9;&#x1F600;&amp;&#xFFFD;'/>"

    assert (report, 0) == repaired(report.encode())


def test_each_replaced_character_counts_once():
    """A byte of an invalid sequence counts as one, a colour code too."""
    assert ("<a>\\x00\\x0b\\x1b\\xff\\xfered</a>", 6) == repaired(b"<a>\x00&#11;\x1b\xff\xfe\x1b[31mred</a>")


@pytest.mark.parametrize("raw", ["\x1b[31m", "\x1b[0m", "\x1b[1;38;5;9m", "\x1b[K", "&#27;[31m", "&#x1B;[31m"])
def test_colors_of_terminals_are_removed(raw):
    """They are removed from names and messages."""
    assert "nred" == case_of(f"{raw}red").name


@pytest.mark.parametrize(
    "section",
    ["<![CDATA[&#x1b; <!-- &#0; ]] >]]>", "<!-- &#x1b; <![CDATA[ -->", "<?x &#x1b; <!-- ?>"],
    ids=["cdata", "comment", "instruction"],
)
def test_references_in_sections_are_text(section):
    """Nothing is a reference there; the one behind the section is."""
    report = f"<a>{section}&#x1b;</a>"

    assert (f"<a>{section}\\x1b</a>", 1) == repaired(report.encode())


def test_characters_in_sections_are_replaced():
    """A failure's text is often in such a section."""
    assert ("<a><![CDATA[\\x1b]]></a>", 1) == repaired(b"<a><![CDATA[\x1b]]></a>")


MIXED = (
    "<?xml version='1.0'?><a b='&#x1b;&#10;'>é😀\x1b[31m\x00<!-- &#0; --><![CDATA[&#x1b;]]]]></a>".encode()
    + b"\xff\xed\xa0\x80"
    + b"&#xD800;&#27;[0m<b>&amp;</b><?x &#1; ?>&#1;&#00000000000000000000000000000000000000000000000001;"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 65])
def test_pieces_of_any_size_give_the_same(size):
    """A reference, a marker or a character that two pieces share is seen whole."""
    assert repaired(MIXED) == repaired(MIXED, size)
    assert 11 == repaired(MIXED, size)[1]


def test_random_pieces_give_the_same():
    """Any order of the parts, cut anywhere."""
    generator = random.Random(7)
    parts = [b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?", b"?>", b"&#x1b;", b"&#", b"\x1b", b"[0m", b"\xff", b"]"]
    for _ in range(300):
        report = b"<a>" + b"".join(generator.choices(parts, k=30))
        assert repaired(report) == repaired(report, generator.randint(1, 20))


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-8", "UTF-16"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
        ("cp1252", "Windows-1252"),
        ("iso-8859-15", "ISO-8859-15"),
        ("shift_jis", "Shift_JIS"),
        ("gb18030", "GB18030"),
        ("euc_kr", "EUC-KR"),
    ],
)
@pytest.mark.parametrize("size", [1, 65_536])
def test_encodings(codec, declared, size):
    """The declared one, or that of the byte order mark; encodings of several bytes a character too."""
    text = {"shift_jis": "合計", "gb18030": "总计", "euc_kr": "합계"}.get(codec, "größer")
    head = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    report = f"{head}<a>{text}\x1b</a>"

    assert (report.replace("\x1b", "\\x1b"), 1) == repaired(report.encode(codec), size)


@pytest.mark.parametrize(
    "name", ["klingon", "hex", "zip", "idna", "punycode", "unicode_escape", "utf-7", "undefined"]
)
def test_what_is_no_encoding_of_files_is_refused(name):
    """Python has codecs for much more than texts."""
    with pytest.raises(ReportError, match="the file cannot be decoded"):
        repaired(f"<?xml version='1.0' encoding='{name}'?><a/>".encode())


def test_half_a_pair_in_utf_16_is_replaced():
    """What remains of a character that was cut in the middle."""
    report = "<a>".encode("utf-16") + b"\x3d\xd8" + "b</a>".encode("utf-16-le")

    assert ("<a>\\x3d\\xd8b</a>", 2) == repaired(report)


@pytest.mark.parametrize(
    "piece", [b"&#x1b;", b"\x1b", b"<!---->", b"<![CDATA[]]>", b"&", b"]", b"\xff", b"&#00000"]
)
def test_work_grows_as_the_report_does(piece):
    """Each character is examined a bounded number of times: the part held back for the next piece stays short."""
    repair, held = Repair(), []

    for _ in range(10):
        repair.feed(piece * 1000)
        held.append(len(repair._held))

    assert max(held) <= 64

"""Read untrusted reports: invalid ones are rejected, at a bounded cost."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tracemalloc
from itertools import chain, repeat
from pathlib import Path

import pytest

from akastats.errors import ReportError
from akastats.importers.junit import report
from akastats.importers.junit.report import Case, Problem, Suite, read_report

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>
<testsuite><testcase name="&c;"/></testsuite>"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE testsuite [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite>"""
PARAMETER = """<?xml version="1.0"?>
<!DOCTYPE testsuite [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><testsuite/>"""
FOREIGN_DTD = '<?xml version="1.0"?><!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite/>'


def found(text: str | bytes) -> list[Suite | Case]:
    """Read a report that is given as text."""
    return list(read_report(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def cases(text: str | bytes) -> list[Case]:
    """Read the cases of a report."""
    return [item for item in found(text) if isinstance(item, Case)]


class Endless:
    """A report that is made while it is read: a head, then the same piece again and again, then a tail."""

    def __init__(self, head: bytes, piece: bytes, size: int, tail: bytes) -> None:
        self._pieces = chain([head], repeat(piece, size // len(piece)), [tail])

    def read(self, size: int, /) -> bytes:
        """Return the next piece."""
        return next(self._pieces, b"")


@pytest.mark.parametrize("text", [BOMB, EXTERNAL, PARAMETER, FOREIGN_DTD], ids=["bomb", "file", "dtd", "foreign"])
def test_a_document_type_is_refused(text):
    """Entities, whether they multiply or look outside, begin with a document type: there is none here."""
    with pytest.raises(ReportError, match="document type"):
        found(text)


def test_an_undeclared_entity_is_no_xml():
    """Without a document type there are only the five entities of XML itself."""
    with pytest.raises(ReportError, match="not XML: undefined entity"):
        found("<testsuite><testcase name='&xxe;'/></testsuite>")


def test_deep_nesting_is_refused():
    """A million levels cost as much as the fifty that are read."""
    with pytest.raises(ReportError, match="nested more than 50 levels deep"):
        list(read_report(Endless(b"<testsuites>", b"<testsuite>" * 1000, 11_000_000, b"")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not XML: no element found"),
        ("{}", "not XML: not well-formed"),
        ("<testsuite><testcase name='a'>", "truncated in line 1, within <testcase>"),
        ("<testsuite>\n<testcase name='a", "truncated in line 2, within <testsuite>"),
        ("<testsui", "truncated in line 1, before its first element"),
        ("<testsuite>\x1b<![CDATA[", "truncated in line 1, within <testsuite>"),
        ("<testsuite/>\x00", "not XML: not well-formed"),
        ("\x00\x01\x02", "not XML: not well-formed"),
        ("<html><body/></html>", "its root element is <html>"),
        ("<?xml version='1.0' encoding='klingon'?><testsuite/>", "encoding|no XML"),
        ("<testsuite/><testsuite/>", "not XML: junk after document element"),
    ],
)
def test_what_is_no_report_is_refused(text, problem):
    """Each error names the problem."""
    with pytest.raises(ReportError, match=problem):
        found(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_encodings_are_those_that_xml_tells(encoding):
    """A report in another encoding than UTF-8 is read as it says."""
    named = encoding.removesuffix("-sig").replace("cp1252", "windows-1252")
    text = f"<?xml version='1.0' encoding='{named}'?><testsuite><testcase name='größer'/></testsuite>"

    assert [case.name for case in cases(text.encode(encoding))] == ["größer"]


def test_a_text_of_100_mb_costs_no_memory():
    """Of what one test printed into its failure the head and the tail are kept."""
    head, tail = b"<testsuite><testcase name='a'><failure>BEGIN\n", b"END</failure></testcase></testsuite>"
    stream = Endless(head, (b"x" * 99 + b"\n") * 600, 100_000_000, tail)

    tracemalloc.start()
    (case,) = (item for item in read_report(stream) if isinstance(item, Case))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    text = case.problems[0].text
    assert (text.startswith("BEGIN"), text.endswith("END"), "characters left out" in text) == (True, True, True)
    assert peak < 3_000_000


def test_a_tag_of_100_mb_is_refused_early():
    """A tag must be held whole until it ends: one that does not is not waited for."""
    stream = Endless(b"<testsuite><testcase name='", b"x" * 65536, 100_000_000, b"'/></testsuite>")
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.importers.junit.test_report import Endless
from akastats.importers.junit.report import read_report
list(read_report(Endless(b"<testsuite><testcase name='", b"x" * 65536, 100_000_000, b"'/></testsuite>")))
"""

    with pytest.raises(ReportError, match="tags has more than 2 MiB"):
        list(read_report(stream))
    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (100_000_000, 100_000_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MemoryError" not in done.stderr
    assert "ReportError" in done.stderr


def test_more_bytes_than_a_report_has_are_refused(monkeypatch):
    """An endless input is rejected."""
    monkeypatch.setattr(report, "MAX_BYTES", 1_000_000)

    with pytest.raises(ReportError, match="more than 0 MiB"):
        list(read_report(Endless(b"<testsuite>", b"<!-- nothing -->", 2_000_000, b"</testsuite>")))


def test_more_tests_than_a_run_has_are_refused(monkeypatch):
    """Their results are held in memory: there is a limit."""
    monkeypatch.setattr(report, "MAX_CASES", 100)

    with pytest.raises(ReportError, match="more than 100 tests"):
        list(read_report(Endless(b"<testsuite>", b"<testcase name='a'/>", 10_000, b"</testsuite>")))


def test_names_and_problems_are_bounded():
    """A name of a megabyte and a thousand failures of one test are cut."""
    failures = "<failure/>" * 1000
    (case,) = cases(f"<testsuite><testcase name='{'n' * 1_000_000}'>{failures}</testcase></testsuite>")

    assert (len(case.name), len(case.problems)) == (report.MAX_NAME, report.MAX_PROBLEMS)


def test_elements_inside_a_test_are_distinguished():
    """Output is not read; a problem within a problem, and a test within a test, are ignored."""
    text = """<testsuites><testsuite name="s" file="f" hostname="h"><testcase classname="c" name="n" time="1">
    <system-out><failure>no</failure></system-out>
    <failure type="T" message="M">one<error>two</error>three</failure>
    <testcase name="inner"/></testcase></testsuite></testsuites>"""

    (case,) = cases(text)

    assert (case.suite, case.classname, case.name) == (Suite("s", "f", "", "", "h"), "c", "n")
    assert case.problems[-1] == Problem("failure", "T", "M", "onethree")


@pytest.mark.parametrize(
    ("attributes", "inside", "kinds"),
    [
        ('status="run" result="completed"', "", []),
        ('status="passed"', "", []),
        ('status="notrun"', "", ["skipped"]),
        ('status="notrun" result="suppressed"', "", ["skipped"]),
        ('status="run" result="skipped"', "", ["skipped"]),
        ('status="run" result="skipped"', '<skipped message="m"/>', ["skipped"]),
        ('status="Disabled"', "", ["skipped"]),
        ('status="fail"', "", ["failure"]),
        ('status="fail" result="skipped"', "", ["failure"]),
        ('status="fail"', "<failure/>", ["failure"]),
        ('status="notrun"', "<failure/>", ["failure"]),
        ('status="error"', "", ["error"]),
        ('status="notrun"', '<skipped message="SKIP_RETURN_CODE=77"/>', ["skipped"]),
        ('status="notrun"', '<skipped message="Unable to find executable"/>', ["error"]),
        ('status="notrun"', '<skipped message="Required Files Missing"/>', ["error"]),
        ('status="notrun"', '<skipped message="Fixture dependency failed"/>', ["error"]),
        ('status="failed"', "<rerunFailure/>", ["rerun", "failure"]),
    ],
)
def test_attributes_count_where_no_element_does(attributes, inside, kinds):
    """A test that did not run has not passed, and neither has one that is only called a failure."""
    (case,) = cases(f'<testsuite><testcase name="a" {attributes}>{inside}</testcase></testsuite>')

    assert kinds == [problem.kind for problem in case.problems]


@pytest.mark.parametrize("name", ["pytest", "jest", "go", "surefire", "googletest", "ctest", "catch2"])
def test_samples_cut_anywhere_are_refused(name):
    """No half of a report passes for a whole one."""
    whole = (Path(__file__).parent / "reports" / f"{name}.xml").read_bytes()

    for size in range(0, len(whole.rstrip()) - 1, 7):
        with pytest.raises(ReportError):
            found(whole[:size])

"""The markdown report, parsed by CommonMark: untrusted text has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from akastats.model.verdicts import ChangeVerdict, FailureVerdict
from akastats.report.document import cut
from akastats.report.markdown import MAX_CHARACTERS, MAX_CODE, render_markdown
from akastats.report.run_document import make_document
from tests.report.examples import HOSTILE, ONE, RUN, change, details, everything, failure, finding, flaky, verdicts

GOLDEN = Path(__file__).parent / "golden"


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, including inline ones, with tables and strikethrough as on a forge."""
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [each for token in parsed for each in (token, *(token.children or ()))]


def kinds(text: str) -> set[str]:
    """Return the kinds of tokens in a text."""
    return {token.type for token in tokens(text)}


def test_all_findings_are_written():
    """As in the golden file, with commits if they are recorded."""
    text = render_markdown(make_document(*everything(), {"r1": "aaaabbbbccccdddd", "r3": "eeee0000ffff"}))

    assert (GOLDEN / "report.md").read_text() == text


def test_without_verdicts_failures_have_no_label():
    """The report contains the failures, and the reason for the missing labels."""
    run_details, _ = everything()

    assert (GOLDEN / "not-judged.md").read_text() == render_markdown(make_document(run_details, None))


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_has_no_effect(text):
    """Node ids, messages and branches create no heading, link, picture, table, tag or emphasis."""
    plain = kinds(render_markdown(make_document(*everything())))
    hostile = details(
        failure(text, f"{text}2", message=text, frames=[f"{text}::{text}"], file=text, exception=text),
        failure(f"{text}3", exception=None, message=text),
    )
    run_verdicts = verdicts(
        failures=(FailureVerdict(text, "new"), FailureVerdict(f"{text}3", "known flaky", 0.1)),
        base=text,
        tests=(flaky(text, since=text, after=((text, 2),)),),
        changes=(ChangeVerdict(change(f"test::{text}", since=text, run=text, until=text), is_new=True),),
    )

    report = render_markdown(make_document(hostile, run_verdicts, {}, [finding(text)]))

    assert kinds(report) <= plain
    shown = {token.content for token in tokens(report) if token.type == "code_inline"}
    assert cut(text, MAX_CODE) in shown
    # Commands of the runner and quick actions of GitLab are at the beginning of a line.
    assert not [line for line in report.splitlines() if line.lstrip(" -").startswith(("::", "/"))]


def test_untrusted_fields_of_the_run_have_no_effect():
    """Suite, branch, commit, status and the address of a build are untrusted too."""
    text = "*x* [a](b) `c`\n# d"
    run = type(RUN)(id=text, status=text, suite=text, branch=text, commit=text, build_url="javascript:alert(1)")

    report = render_markdown(make_document(details(run=run), None))

    assert {"link_open", "em_open"}.isdisjoint(kinds(report))
    title, blank, *_ = report.splitlines()
    assert title.startswith("### Tests ")
    assert title.endswith(": no tests")
    assert "" == blank


def test_the_address_of_a_build_stays_a_link():
    """Brackets and spaces in it are escaped."""
    run = type(RUN)(id="r", status="passed", build_url="https://ci.example/a>b <c> (d) [e] \\ \n")

    (link,) = [
        token
        for token in tokens(render_markdown(make_document(details(run=run), None)))
        if token.type == "link_open"
    ]

    assert "https://ci.example/a%3Eb%20%3Cc%3E%20(d)%20%5Be%5D%20%5C%20%0A" == link.attrs["href"].replace(
        "[e]", "%5Be%5D"
    )


def test_a_report_fits_into_a_comment():
    """With any number of findings; the sections after the failures keep their share."""
    long = "é" * 3000
    failures = [
        failure(*(f"tests/{long}{number}::t{at}" for at in range(100)), message=long, fingerprint=str(number))
        for number in range(100)
    ]
    run_verdicts = verdicts(
        tests=tuple(flaky(f"tests/{long}::f{at}", after=((long, 2), (long, 1))) for at in range(500)),
        changes=tuple(ChangeVerdict(change(f"test::tests/{long}::s{at}"), is_new=True) for at in range(500)),
    )

    text = render_markdown(make_document(details(*failures), run_verdicts))

    assert MAX_CHARACTERS - 5_000 < len(text) <= MAX_CHARACTERS
    assert min(map(len, text.split("\n#### ")[1:])) > 15_000
    assert "\n#### Failures: 10,000\n" in text
    assert "\n#### Newly flaky: 500\n" in text


def test_omitted_tests_are_counted():
    """The named and the omitted tests are all tests."""
    failures = [failure(f"t{number}.py::t", fingerprint=str(number)) for number in range(120)]

    text = render_markdown(make_document(details(*failures, failing_left_out=30), None))

    assert 50 == text.count(".py::t`")
    assert "- and 70 more\n" in text
    assert "#### Further failures: 30\n" in text


def test_ten_tests_of_a_cause_are_named():
    """A helper that fails in all tests is one line, ten tests and a number."""
    text = render_markdown(make_document(details(failure(*(f"a.py::t{at}" for at in range(25)))), None))

    assert "- 25 tests: `AssertionError: assert 12 == 13` at `shop/cart.py:12` in `total`\n" in text
    assert (10, 1) == (text.count("  - `a.py::t"), text.count("  - and 15 more\n"))


def test_a_small_report_still_has_the_result():
    """A few hundred characters contain the result of the run."""
    text = render_markdown(make_document(*everything()), size=700)

    assert len(text) <= 700
    assert text.startswith(
        "### Tests failed in `unit`: 5 failed, 1 error, 114 passed; 1 of the failures is quarantined\n"
    )


def test_a_run_without_findings_has_a_short_report():
    """It has no sections and no notes."""
    run = type(RUN)(id="r", status="passed", tests=3, passed=3)

    assert "### Tests passed: 3 passed\n\nRun `r`, compared with `main`\n" == render_markdown(
        make_document(details(run=run), verdicts())
    )


def test_a_long_name_keeps_both_ends():
    """The file at the beginning and the parameters at the end."""
    name = f"tests/test_cart.py::test_{'x' * 500}[eur]"

    assert f"{name[:196]} ... {name[-99:]}" == cut(name, 300)
    assert ONE == cut(ONE, len(ONE))


def test_the_report_names_the_code_and_the_base():
    """A pull request, uncommitted changes, and a nested run."""
    run = type(RUN)(id="r", status="passed", tests=3, passed=3, branch="main", dirty=True, pull_request="7")
    nested = type(RUN)(id="r", status="passed", tests=3, passed=3, nested=True)

    assert "Run `r` of `main` with uncommitted changes, pull request 7, compared with `main`\n" in render_markdown(
        make_document(details(run=run), verdicts())
    )
    assert "Run `r`, inside another run\n" in render_markdown(make_document(details(run=nested), verdicts()))

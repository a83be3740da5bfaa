"""The report as markdown, read back by a parser of CommonMark: nothing of a stranger's means anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from akastats.model.verdicts import ChangeVerdict, FailureVerdict
from akastats.report.document import cut
from akastats.report.markdown import MAX_CHARACTERS, MAX_CODE, render_markdown
from akastats.report.run_document import make_document
from tests.report.given import HOSTILE, ONE, RUN, change, details, everything, failure, flaky, verdicts

GOLDEN = Path(__file__).parent / "golden"


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, those within lines too, as a forge reads it: with tables and strikethrough."""
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [each for token in parsed for each in (token, *(token.children or ()))]


def kinds(text: str) -> set[str]:
    """Return which kinds of tokens a text has."""
    return {token.type for token in tokens(text)}


def test_everything_is_told():
    """As the file beside this one shows it, commits named where they are known."""
    found = render_markdown(make_document(*everything(), {"r1": "aaaabbbbccccdddd", "r3": "eeee0000ffff"}))

    assert (GOLDEN / "report.md").read_text() == found


def test_without_verdicts_failures_have_no_label():
    """A run that nobody has judged is reported all the same, and it says so."""
    found, _ = everything()

    assert (GOLDEN / "not-judged.md").read_text() == render_markdown(make_document(found, None))


@pytest.mark.parametrize("text", HOSTILE)
def test_strangers_texts_mean_nothing(text):
    """No heading, link, picture, table, tag or emphasis comes out of a node id, a message or a branch."""
    plain = kinds(render_markdown(make_document(*everything())))
    hostile = details(
        failure(text, f"{text}2", message=text, frames=[f"{text}::{text}"], file=text, exception=text),
        failure(f"{text}3", exception=None, message=text),
    )
    told = verdicts(
        failures=(FailureVerdict(text, "new"), FailureVerdict(f"{text}3", "known flaky", 0.1)),
        base=text,
        tests=(flaky(text, since=text, after=((text, 2),)),),
        changes=(ChangeVerdict(change(f"test::{text}", since=text, run=text, until=text), is_new=True),),
    )

    found = render_markdown(make_document(hostile, told, {}))

    assert kinds(found) <= plain
    shown = {token.content for token in tokens(found) if token.type == "code_inline"}
    assert cut(text, MAX_CODE) in shown
    # The runner's commands and GitLab's quick actions stand at the beginning of a line.
    assert not [line for line in found.splitlines() if line.lstrip(" -").startswith(("::", "/"))]


def test_a_run_s_own_fields_mean_nothing_either():
    """Suite, branch, commit and status are strangers' texts too, and a build's address is none of another kind."""
    text = "*x* [a](b) `c`\n# d"
    run = type(RUN)(id=text, status=text, suite=text, branch=text, commit=text, build_url="javascript:alert(1)")

    found = render_markdown(make_document(details(run=run), None))

    assert {"link_open", "em_open"}.isdisjoint(kinds(found))
    title, blank, *_ = found.splitlines()
    assert title.startswith("### Tests ")
    assert title.endswith(": no tests")
    assert "" == blank


def test_a_build_s_address_stays_an_address():
    """What it holds of brackets and blanks is escaped."""
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
    """However much there is to tell; the sections behind the failures keep their share."""
    long = "é" * 3000
    failures = [
        failure(*(f"tests/{long}{number}::t{at}" for at in range(100)), message=long, fingerprint=str(number))
        for number in range(100)
    ]
    told = verdicts(
        tests=tuple(flaky(f"tests/{long}::f{at}", after=((long, 2), (long, 1))) for at in range(500)),
        changes=tuple(ChangeVerdict(change(f"test::tests/{long}::s{at}"), is_new=True) for at in range(500)),
    )

    found = render_markdown(make_document(details(*failures), told))

    assert MAX_CHARACTERS - 5_000 < len(found) <= MAX_CHARACTERS
    assert min(map(len, found.split("\n#### ")[1:])) > 15_000
    assert "\n#### Failures: 10,000\n" in found
    assert "\n#### Newly flaky: 500\n" in found


def test_what_is_cut_is_counted():
    """The tests named and those left out are all there are."""
    failures = [failure(f"t{number}.py::t", fingerprint=str(number)) for number in range(120)]

    found = render_markdown(make_document(details(*failures, failing_left_out=30), None))

    assert 50 == found.count(".py::t`")
    assert "- and 70 more\n" in found
    assert "#### Further failures: 30\n" in found


def test_beneath_a_cause_ten_tests_are_named():
    """A helper that fails for all tests is one line, ten of them, and a number."""
    found = render_markdown(make_document(details(failure(*(f"a.py::t{at}" for at in range(25)))), None))

    assert "- 25 tests: `AssertionError: assert 12 == 13` at `shop/cart.py:12` in `total`\n" in found
    assert (10, 1) == (found.count("  - `a.py::t"), found.count("  - and 15 more\n"))


def test_no_room_still_has_the_result():
    """A report of a few hundred characters says what came of the run."""
    found = render_markdown(make_document(*everything()), most=700)

    assert len(found) <= 700
    assert found.startswith(
        "### Tests failed in `unit`: 5 failed, 1 error, 114 passed; 1 of the failures is quarantined\n"
    )


def test_nothing_found_is_a_short_report():
    """A run that passed and has no news has neither sections nor excuses."""
    run = type(RUN)(id="r", status="passed", tests=3, passed=3)

    assert "### Tests passed: 3 passed\n\nRun `r`, compared with `main`\n" == render_markdown(
        make_document(details(run=run), verdicts())
    )


def test_a_long_name_keeps_both_ends():
    """The file in front and the parameters behind."""
    name = f"tests/test_cart.py::test_{'x' * 500}[eur]"

    assert f"{name[:196]} ... {name[-99:]}" == cut(name, 300)
    assert ONE == cut(ONE, len(ONE))


def test_which_code_was_tested_and_what_it_is_compared_with():
    """A pull request, changes that are not committed, a run inside another one."""
    run = type(RUN)(id="r", status="passed", tests=3, passed=3, branch="main", dirty=True, pull_request="7")
    nested = type(RUN)(id="r", status="passed", tests=3, passed=3, nested=True)

    assert (
        "Run `r` of `main` with changes that are not committed, pull request 7, compared with `main`\n"
        in render_markdown(make_document(details(run=run), verdicts()))
    )
    assert "Run `r`, inside another run\n" in render_markdown(make_document(details(run=nested), verdicts()))

"""What the four frameworks' reports say, as the records of a spool."""

from __future__ import annotations

from pathlib import Path

import pytest

from akastats.importers.junit.records import CaseRecord, convert_cases
from akastats.importers.junit.report import Case, Suite, read_report
from akastats.importers.junit.times import Clock
from akastats.redact import create_redactor
from akastats.spool.records import Attempt, CollectionError, Failure

REPORTS = Path(__file__).parent / "reports"
STARTED = 1_795_161_600.0


def told(name: str) -> list[CaseRecord]:
    """The records of a sample report."""
    with open(REPORTS / f"{name}.xml", "rb") as stream:
        return list(convert_cases(read_report(stream), Clock(STARTED), create_redactor({})))


def outcomes(found: list[CaseRecord]) -> list[tuple[str, str, float]]:
    """Node id, letters and seconds of each test."""
    return [
        (record.nodeid, record.letters, (record.setup_us + record.call_us + record.teardown_us) / 1e6)
        for record in found
        if isinstance(record, Attempt)
    ]


def test_pytest():
    """Every outcome that pytest's reports distinguish; a test that failed twice occurs once."""
    found = told("pytest")

    path = "tests/unit/test_basket.py"
    assert outcomes(found) == [
        (f"{path}::TestAdding::test_adds[1-a.b[c]]", "ppp", 0.001),
        (f"{path}::test_total", "pfp", 0.005),
        (f"{path}::test_shop", "f-p", 0.02),
        (f"{path}::test_closing", "ppf", 0.003),
        (f"{path}::test_both", "pff", 0.001),
        (f"{path}::test_later", "s-p", 0.0),
        (f"{path}::test_expected", "pxp", 0.001),
        (f"{path}::test_unexpected", "ppp", 0.0),
    ]
    assert [(record.nodeid, record.exception) for record in found if isinstance(record, CollectionError)] == [
        ("tests/test_broken.py", "")
    ]
    failures = [
        record for record in found if isinstance(record, Failure) and record.nodeid == f"{path}::test_both"
    ]
    assert [record[1:4] for record in failures] == [("", phase, "failed") for phase in ("call", "teardown")]


def test_jest():
    """The title is the name; its suite stands before it."""
    found = told("jest")

    assert outcomes(found) == [
        ("basket::basket adds an article", "ppp", 0.012),
        ("basket::basket counts <b> once", "pfp", 0.007),
        ("basket::basket empties itself", "s-p", 0.0),
        ("prices::prices rounds to cents", "ppp", 0.003),
    ]
    (error,) = (record for record in found if isinstance(record, Failure))
    assert error.text.startswith("Error: expect(received).toBe(expected)")


def test_go():
    """A test is located in its package, whose name may be short."""
    found = told("go")

    assert outcomes(found) == [
        ("example.org/shop/basket::TestAdd", "ppp", 0.01),
        ("example.org/shop/basket::TestTotal/with_tax", "pfp", 0.12),
        ("example.org/shop/basket::TestTotal", "pfp", 0.12),
        ("example.org/shop/prices::TestRound", "s-p", 0.0),
    ]
    assert "total is 12, want 13" in next(record.text for record in found if isinstance(record, Failure))


def test_surefire():
    """Thousands apart, reruns that failed and reruns that passed; its properties, secrets among them, are left."""
    found = told("surefire")

    name = "org.example.shop.BasketTest"
    assert outcomes(found) == [
        (f"{name}::addsAnArticle", "ppp", 0.031),
        (f"{name}::importsTheCatalogue", "ppp", 1203.5),
        (f"{name}::countsTax", "prp", 0.02),
        (f"{name}::countsTax", "pfp", 0.02),
        (f"{name}::asksTheWarehouse", "prp", 0.5),
        (f"{name}::asksTheWarehouse", "ppp", 0.5),
        (f"{name}::opensTheShop", "f-p", 0.001),
        (f"{name}::notYet", "s-p", 0.0),
    ]
    errors = [list(record[2:5]) for record in found if isinstance(record, Failure)]
    assert errors == [
        ["call", "rerun", "AssertionFailedError"],
        ["call", "failed", "AssertionFailedError"],
        ["call", "rerun", "ConnectException"],
        ["setup", "failed", "IllegalStateException"],
    ]
    assert "correct-horse" not in str(found)
    assert "no stack trace" not in str(found)


def test_googletest():
    """A disabled test has not passed; a failure outside of all tests is a case without a name."""
    found = told("googletest")

    assert outcomes(found) == [
        ("basket_test.cc::Basket::Adds", "ppp", 0.004),
        ("basket_test.cc::Basket::DISABLED_Exports", "s-p", 0.0),
        ("basket_test.cc::Basket::Imports", "s-p", 0.0),
        ("basket_test.cc::Basket::Totals", "pfp", 0.006),
        ("prices_test.cc::Few/Prices::Rounds/0", "ppp", 0.001),
        ("prices_test.cc::Few/Prices::Rounds/1", "ppp", 0.001),
        ("NonTestSuiteFailure::(no name, number 1)", "pfp", 0.0),
    ]


def test_ctest():
    """A failure is one although only an attribute reports it."""
    found = told("ctest")

    assert outcomes(found) == [
        ("Linux-g++::adds", "ppp", 0.003),
        ("Linux-g++::totals", "pfp", 0.004),
        ("Linux-g++::closes", "pfp", 0.005),
        ("Linux-g++::imports", "s-p", 0.0),
        ("Linux-g++::exports", "s-p", 0.0),
    ]
    assert ["Failed", 'status="fail"'] == [record.text for record in found if isinstance(record, Failure)]


def test_catch2():
    """Skipped tests, failures and exceptions."""
    found = told("catch2")

    assert outcomes(found) == [
        ("shop_tests.global::adds", "ppp", 0.001),
        ("shop_tests.global::totals/with tax", "pfp", 0.001),
        ("shop_tests.global::imports", "s-p", 0.001),
        ("shop_tests.Basket::closes", "f-p", 0.001),
    ]


def test_nameless_cases_stay_apart():
    """Each is numbered among those of its suite, class and file, in every report alike."""
    one = "<testsuite name='s'><testcase/><testcase name=' ' classname='c'/><testcase name=''/></testsuite>"
    other = "<testsuite><testcase/><testcase classname='c'/></testsuite>"
    text = f"<testsuites>{one}{one}{other}</testsuites>"

    found = list(convert_cases(_read(text), Clock(STARTED), create_redactor({})))

    assert [name for name, *_ in outcomes(found)] == [
        "s::(no name, number 1)",
        "c::(no name, number 1)",
        "s::(no name, number 2)",
        "s::(no name, number 3)",
        "c::(no name, number 2)",
        "s::(no name, number 4)",
        "(no suite)::(no name, number 1)",
        "c::(no name, number 3)",
    ]


def test_two_nameless_cases_of_pytest_are_not_one():
    """The second is not a teardown of the first."""
    teardown = "<testcase classname='test_a'><error message='failed on teardown'/></testcase>"
    text = f"<testsuite name='pytest'><testcase classname='test_a'/>{teardown}<testcase/></testsuite>"

    found = list(convert_cases(_read(text), Clock(STARTED), create_redactor({})))

    assert [name for name, *_ in outcomes(found)] == [
        "test_a.py::(no name, number 1)",
        "test_a.py::(no name, number 2)",
        "pytest::(no name, number 1)",
    ]


NAMES = ["pytest", "jest", "go", "surefire", "googletest", "ctest", "catch2"]


@pytest.mark.parametrize("name", NAMES)
def test_times_do_not_run_backwards_within_a_suite(name):
    """Reports do not contain the start of a test, so tests are assumed to follow each other."""
    starts = [record.start_us for record in told(name) if isinstance(record, Attempt)]

    assert starts[0] >= STARTED * 1e6
    assert name == "go" or starts == sorted(starts)


def test_secrets_leave_texts_and_names():
    """A report is as full of them as a run is."""
    secret = "Zq8Wv2Yx7Kd5Tn3Rb9"
    text = f"""<testsuite name="s"><testcase classname="c" name="n[{secret}]">
    <failure>E  password = {secret}</failure></testcase></testsuite>"""

    found = list(convert_cases(_read(text), Clock(STARTED), create_redactor({"API_TOKEN": secret})))

    assert secret not in str(found)


def test_a_failure_without_a_text_has_its_message():
    """Some frameworks say all in the attribute."""
    found = list(
        convert_cases(
            _read("<testsuite><testcase name='a'><failure message='no'/></testcase></testsuite>"),
            Clock(STARTED),
            create_redactor({}),
        )
    )

    assert found[0].text == "no"


def test_a_type_that_is_no_class_is_none():
    """Only a name of a class becomes part of a label."""
    failure = "<failure type='&lt;script&gt;'>ValueError: x</failure>"
    text = f"<testsuite><testcase name='a'>{failure}</testcase></testsuite>"

    found = list(convert_cases(_read(text), Clock(STARTED), create_redactor({})))

    assert found[0].exception == ""


def _read(text: str) -> list[Suite | Case]:
    class Once:
        def __init__(self) -> None:
            self._left = text.encode()

        def read(self, size: int, /) -> bytes:
            left, self._left = self._left, b""
            return left

    return list(read_report(Once()))

"""Fingerprints: what is one failure and what are two, in each of pytest's styles of traceback."""

from __future__ import annotations

import time

import pytest

from akastats.model.fingerprint import MAX_MESSAGE, Frame, class_in, fingerprint, innermost, mask, message_in

LONG = """self = <test_x.TestA object at 0x7f04772b6190>

    def test_a(self):
>       load("{")

tests/test_x.py:5:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
shop/lib.py:3: in load
    return parse(text)
shop/lib.py:5: in parse
    return json.loads(text)
/usr/lib/python3.11/json/decoder.py:337: in decode
    obj, end = self.raw_decode(s, idx=_w(s, 0).end())
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

self = <json.decoder.JSONDecoder object at 0x7f047fe3e550>, s = '{', idx = 0

    def raw_decode(self, s, idx=0):
>           obj, end = self.scan_once(s, idx)
E           json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)

/usr/lib/python3.11/json/decoder.py:353: JSONDecodeError"""

SHORT = """tests/test_x.py:5: in test_a
    load("{")
shop/lib.py:3: in load
    return parse(text)
shop/lib.py:5: in parse
    return json.loads(text)
/usr/lib/python3.11/json/decoder.py:353: in raw_decode
    obj, end = self.scan_once(s, idx)
E   json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)"""

NATIVE = """Traceback (most recent call last):
  File "/ci/venv/lib/python3.11/site-packages/_pytest/runner.py", line 361, in from_call
    result: TResult | None = func()
  File "tests/test_x.py", line 5, in test_a
    load("{")
  File "shop/lib.py", line 3, in load
    return parse(text)
  File "shop/lib.py", line 5, in parse
    return json.loads(text)
  File "/usr/lib/python3.11/json/decoder.py", line 353, in raw_decode
    obj, end = self.scan_once(s, idx)
json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)"""

CHAINED = f"""{LONG}

The above exception was the direct cause of the following exception:

    def test_d():
        def inner():
            pass
        try:
            load("{{")
        except ValueError as e:
>           raise RuntimeError("no 3") from e
E           RuntimeError: no 3

tests/test_x.py:17: RuntimeError"""


@pytest.mark.parametrize("text", [LONG, SHORT, NATIVE], ids=["long", "short", "native"])
def test_each_style_tells_the_same(text):
    """`--tb` changes how a failure is shown, not which failure it is."""
    found = fingerprint(text)

    assert ("JSONDecodeError", "Expecting value: line <n> column <n> (char <n>)") == (
        found.exception,
        found.message,
    )
    assert ("shop/lib.py::load", "shop/lib.py::parse") == found.frames
    assert fingerprint(LONG).id == found.id
    assert 32 == len(found.id) == len(f"{int(found.id, 16):032x}")


@pytest.mark.parametrize("text", [LONG, SHORT, NATIVE], ids=["long", "short", "native"])
def test_each_style_tells_the_innermost_place(text):
    """File, line and function of the project's own innermost frame, whatever was called from there."""
    assert Frame("shop/lib.py", 5, "parse") == innermost(text)


def test_the_innermost_place_is_of_what_was_raised_last():
    """Not of its cause; the line style tells no function; a text without places has none."""
    assert Frame("tests/test_x.py", 17, "test_d") == innermost(CHAINED)
    assert Frame("/ci/shop/lib.py", 7, "") == innermost("/ci/shop/lib.py:7: ValueError: no")
    assert innermost("ValueError: no") is None


ITSELF = """def test_talk():
>       assert answer == "1"
E       AssertionError: assert '0' == '1'
E<>
E         - 1
E         + 0

tests/test_a.py:9: AssertionError""".replace("<>", " " * 9)


def test_a_test_that_failed_in_itself_is_told_by_its_name():
    """Also where its source is the first line, whose blanks are gone: all tests of a file would fail alike."""
    other = ITSELF.replace("test_talk", "test_walk")

    assert Frame("tests/test_a.py", 9, "test_talk") == innermost(ITSELF)
    assert ("tests/test_a.py::test_talk",) == fingerprint(ITSELF).frames
    assert fingerprint(ITSELF).id != fingerprint(other).id


def test_a_message_with_an_empty_line_begins_with_its_first():
    """What pytest says of two strings has one, and only the first line says what was asserted."""
    assert "assert '0' == '1'" == message_in(ITSELF, "AssertionError")


def test_a_line_that_no_file_has_is_cut():
    """What looks like a place with thousands of digits is no number for Python."""
    place = innermost(f"a.py:{'9' * 900}: in f")

    assert Frame("a.py", 999_999_999, "f") == place


def test_of_a_chain_the_last_counts():
    """What was raised in the end is the failure; where its causes were raised is not."""
    found = fingerprint(CHAINED)

    assert ("RuntimeError", "no 3", ("tests/test_x.py::test_d",)) == (
        found.exception,
        message_in(CHAINED, "RuntimeError"),
        found.frames,
    )


def test_one_helper_failing_for_many_tests_is_one_failure():
    """The tests that called it do not tell it apart; a test that failed in itself is told apart."""
    other = LONG.replace("test_a", "test_b")

    assert fingerprint(LONG).id == fingerprint(other).id
    assert fingerprint(CHAINED).id != fingerprint(CHAINED.replace("test_d", "test_e")).id


@pytest.mark.parametrize(
    ("old", "new"), [("JSONDecodeError", "KeyError"), ("Expecting value", "Expecting name"), ("lib.py", "io.py")]
)
def test_class_message_and_place_tell_failures_apart(old, new):
    """Each of the three makes another failure of it."""
    assert fingerprint(LONG).id != fingerprint(LONG.replace(old, new)).id


@pytest.mark.parametrize(
    "file", ["/checkouts/1/shop/src/shop/lib.py", "/other/src/shop/lib.py", r"D:\checkouts\src\shop\lib.py"]
)
def test_a_checkout_elsewhere_is_the_same_failure(file):
    """Of an absolute path only its last parts count, whatever separates them."""
    text = f'  File "{file}", line 3, in load\nValueError: no'

    assert ("src/shop/lib.py::load",) == fingerprint(text).frames


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("json.JSONDecodeError: no", "no"),
        ("JSONDecodeError: no", "no"),
        ("row 3: a JSONDecodeError came", "row 3: a JSONDecodeError came"),
        ("JSONDecodeError", "JSONDecodeError"),
    ],
)
def test_a_message_is_told_without_its_class(line, message):
    """Only what stands before a colon and is the class goes."""
    assert message == message_in(f"E   {line}", "JSONDecodeError")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("assert 12 == -13.5e-7", "assert <n> == <n>"),
        ("<User object at 0x7f04772b6190>", "<User object at <hex>>"),
        ("no order 123e4567-e89b-12d3-a456-426614174000", "no order <uuid>"),
        ("commit 3af0983c0ffee3af0983c0ffee3af0983c0ffee0 is gone", "commit <hex> is gone"),
        ("[Errno 2] No such file: '/home/me/a b.txt'", "[Errno <n>] No such file: '<path>'"),
        ("cannot open /tmp/pytest-of-me/pytest-3/x, sorry", "cannot open <path>, sorry"),
        (r"cannot open C:\Users\me\AppData\Local\Temp\x1 now", "cannot open <path> now"),
        ("no attribute 'x2'", "no attribute 'x2'"),
        ("took 12ms at 10:15:01", "took <n>ms at <n>"),
        ("effaced facade", "effaced facade"),
    ],
)
def test_what_differs_each_time_is_masked(message, expected):
    """Numbers, addresses, ids and temporary paths do not make another failure; names do."""
    assert expected == mask(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E   ValueError: no\n\na.py:3: ValueError", "ValueError"),
        ("Traceback:\n  File\npackage.errors.CustomError: x", "CustomError"),
        ("a.py:3: in f\n    g()\nE   shop.OddName: no", "OddName"),
        ("worker 'gw0' crashed while running 'a.py::t'", "WorkerCrash"),
        ("nothing of the kind", "Error"),
        ("", "Error"),
    ],
)
def test_a_class_is_read_from_a_text(text: str, expected: str) -> None:
    """Where pytest gave no class, the last one that the text names counts."""
    assert expected == class_in(text)


def test_a_class_that_is_known_counts_before_the_text():
    """pytest knows the class; the text may not show it."""
    assert "OddName" == fingerprint("E   OddName: x\n\na.py:3: ValueError", "OddName").exception


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        ":" * 16000,
        "a:1: " * 3000,
        'File "' * 3000,
        "E  " * 5000,
        "'/" * 8000,
        "1." * 8000,
        "\ud800",
        "a" * 16000,
    ],
    ids=range(10),
)
def test_any_text_has_a_fingerprint_soon(text):
    """Tracebacks are strangers' text: none takes a fingerprint longer than the blink of an eye."""
    began = time.process_time()

    found = fingerprint(text)

    assert 0.5 > time.process_time() - began
    assert MAX_MESSAGE >= len(message_in(text, found.exception))


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/ci/shop/test_jobs.py", line 14, in test_pay
  |     asyncio.run(together(pay))
  |   File "/usr/lib/python3.11/asyncio/taskgroups.py", line 145, in __aexit__
  |     raise me from None
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/ci/shop/payments.py", line 2, in pay
    |     raise ConnectionError("the bank is away")
    | ConnectionError: the bank is away
    +---------------- 2 ----------------
    | Exception Group Traceback (most recent call last):
    |   File "/ci/shop/mailing.py", line 9, in mail_all
    |     raise ExceptionGroup("mails", failed)
    | ExceptionGroup: mails (1 sub-exception)
    +-+---------------- 1 ----------------
      | Traceback (most recent call last):
      |   File "/ci/shop/mailing.py", line 2, in mail
      |     raise KeyError("template 7")
      | KeyError: 'template 7'
      +------------------------------------"""


def test_an_exception_group_is_known_by_its_members():
    """The group's own frames are those of whatever awaited the tasks: they are the same for each failure."""
    failure = fingerprint(GROUP)

    assert "ExceptionGroup" == failure.exception
    assert (
        "unhandled errors in a TaskGroup (<n> sub-exceptions) "
        "[ConnectionError: the bank is away; KeyError: 'template <n>']"
    ) == failure.message
    assert ("ci/shop/payments.py::pay", "ci/shop/mailing.py::mail") == failure.frames
    assert Frame("/ci/shop/payments.py", 2, "pay") == innermost(GROUP)


def test_members_of_a_group_that_come_in_another_order_are_the_same_failure():
    """Tasks fail in the order in which they happen to run."""
    first, _, rest = GROUP.partition("    | Traceback")
    payment, separator, _ = rest.partition("    +---------------- 2 ----------------\n")
    member = "    | Traceback (most recent call last):\n    | TimeoutError: late\n"
    one, other = (
        f"{first}    | Traceback{payment}{separator}{member}",
        f"{first}{member}{separator}    | Traceback{payment}",
    )

    assert fingerprint(one).id == fingerprint(other).id
    assert fingerprint(one).id != fingerprint(GROUP).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("assert 'aaaa...bbb1' == 'x'", "assert 'aaaa...ccc2' == 'x'"),
        (f"assert '{'a' * 101}' == 'x'", f"assert '{'a' * 60}...{'a' * 60}' == 'x'"),
        ("assert [0, 1, 2, 3, 4, 5, ...] == [1]", "assert [0, 1, 2, 3, 4, 5, 6, 7] == [1]"),
        ("no such file: build.1764540001", "no such file: build.1764540002"),
        ("localhost:43121 refused", "localhost:39555 refused"),
        (
            "missing /home/u/t/pytest-of-me/pytest-3/test_a0/f",
            "missing /home/u/t/pytest-of-me/pytest-14/test_a0/f",
        ),
        ("<Order at 0x7f3a...b9>", "<Order at 0x7f11...c0>"),
        ("digest 0A1B2C3D4E5F6071", "digest 1A1B2C3D4E5F6072"),
    ],
)
def test_values_that_differ_from_run_to_run_are_masked(one, other):
    assert mask(one) == mask(other)


@pytest.mark.parametrize(("one", "other"), [("'a' != 'b'", "'a' != 'c'"), ("no column x2", "no column x3")])
def test_values_that_tell_failures_apart_are_kept(one, other):
    assert mask(one) != mask(other)

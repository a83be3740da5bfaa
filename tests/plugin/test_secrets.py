"""What a recorded run keeps of its texts: no locals, no output, no secrets, and of long texts not all."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest

from akastats.redact import MASK, create_redactor
from akastats.redact.excerpt import MAX_TEXT, make_bytes_excerpt, make_excerpt
from akastats.spool.format import decode_line
from pytest_akastats.failure_text import make_failure_text

SECRET = "Zq8Wv2Yx7Kd5Tn3Rb9"


def recorded(pytester: pytest.Pytester, *arguments: str) -> tuple[pytest.RunResult, str]:
    """Run the suite in pytester's directory, return pytest's result and its spool, contexts in base64 decoded."""
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "--akastats", "--akastats-wait=0")
    nowhere = f"--akastats-url=unix://{pytester.path}/none"
    result = pytester.runpytest_subprocess(*plain, nowhere, *arguments)
    (spool,) = (pytester.path / ".akastats" / "spool").glob("*.aks")
    records = [record.content for record in map(decode_line, spool.read_bytes().splitlines()) if record]
    contexts = [point[3] for record in records if record[0] == "stat" for point in record[3]]
    octets = [base64.b64decode(context["base64"]) for context in contexts if isinstance(context, dict)]
    return result, json.dumps(records) + "".join(octet.decode("latin-1") for octet in octets)


def test_secrets_leave_every_text_of_a_run(pytester, monkeypatch):
    """Parameters, labels, contexts as text and as bytes, arguments, the description of the build, tracebacks."""
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    monkeypatch.setenv("AKA_STATS_BRANCH", f"feature/{SECRET}")
    pytester.makepyfile(
        """
        import os, pytest
        SECRET = os.environ["SOME_TOKEN"]

        @pytest.mark.parametrize("given", [SECRET, "redis://me:tiger-anchor@h"])
        def test_parameter(given, stat):
            stat(f"label {SECRET}", 1, context=f"text {SECRET}")
            stat("label", 1, context=b"\\xff bytes " + SECRET.encode())
            assert given == ""

        def test_passed(): pass
        """
    )

    result, stored = recorded(pytester, "--color=no", f"--deselect={SECRET}")

    assert SECRET in result.stdout.str()
    assert "text [redacted]" in stored
    assert "bytes [redacted]" in stored
    assert SECRET not in stored
    assert "tiger-anchor" not in stored


@pytest.mark.parametrize("arguments", [("-n0",), ("-n2",), ("--tb=short",)], ids=str)
def test_locals_and_output_are_not_stored(arguments, pytester):
    """`--showlocals` and captured output are for the terminal: nobody has chosen to store them."""
    pytester.makepyfile(
        """
        import sys, logging

        def inner(argument):
            local_number = argument + 40
            raise ValueError("told")

        def test_it():
            print("printed" + "-text"); print("written" + "-text", file=sys.stderr)
            logging.warning("logged" + "-text")
            try:
                inner(2)
            except ValueError as error:
                raise OSError("again") from error
        """
    )

    result, stored = recorded(pytester, "--showlocals", *arguments)

    shown = result.stdout.str()
    assert all(text in shown for text in ("local_number = 42", "printed-text", "written-text", "logged-text"))
    assert "ValueError: told" in stored
    assert "OSError: again" in stored
    assert not any(text in stored for text in ("local_number = 42", "printed-text", "written-text", "logged-text"))


def test_showing_locals_is_left_to_pytest(pytester):
    """What pytest shows is the same with us and without."""
    pytester.makepyfile("def test_it():\n    number = 40 + 2\n    assert not number\n")
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "--showlocals", "-q")

    bare = pytester.runpytest_subprocess(*plain)
    ours, _ = recorded(pytester, "--showlocals", "-q")

    shown = [line for line in bare.outlines if "number" in line]
    assert shown == [line for line in ours.outlines if "number" in line]


def test_patterns_come_from_the_ini_file_and_the_variable(pytester, monkeypatch):
    """Both count, one pattern a line."""
    monkeypatch.setenv("AKA_STATS_REDACT", "tulip[0-9]\nrose[0-9]")
    pytester.makeini("[pytest]\nakastats_redact =\n    daisy[0-9]\n    lily[0-9]\n")
    pytester.makepyfile("def test_it():\n    raise ValueError('tulip1 rose2 daisy3 lily4')\n")

    _, stored = recorded(pytester)

    assert f"{MASK} {MASK} {MASK} {MASK}" in stored


def test_a_bad_pattern_is_one_warning_and_no_reason_to_stop(pytester):
    """The run goes on, its outcome is its own."""
    pytester.makepyfile("def test_it():\n    pass\n")

    result, stored = recorded(pytester, "--akastats-redact=(a+)+$")

    assert result.ret == 0
    assert [line for line in result.outlines if "(a+)+$" in line and "is not used" in line][1:] == []
    assert "is not used" in result.stdout.str()
    assert '"test"' in stored


def test_it_can_be_switched_off(pytester):
    """`off` stores texts as they are."""
    pytester.makepyfile("def test_it():\n    raise ValueError('password=hunter2-x')\n")

    _, stored = recorded(pytester, "--akastats-redact=off")

    assert "password=hunter2-x" in stored


def test_a_text_that_cannot_be_made_is_said_to_be_so():
    """A test's own `__repr__` may raise anything."""

    class Broken:
        longrepr = None

        @property
        def longreprtext(self) -> str:
            raise RecursionError

    assert "(cannot format the failure: RecursionError)" == make_failure_text(Broken())


@pytest.mark.parametrize("size", [0, 100, MAX_TEXT, MAX_TEXT + 1, 20_000, 30_000, 1_000_000])
def test_of_a_long_text_head_and_tail_are_kept(size):
    """The cut says how much it left out; nothing is longer than the limit and a line."""
    text = "head\n" + "x\n" * (size // 2) + "tail"

    shown = make_excerpt(text, create_redactor({}))

    assert shown.startswith("head\n")
    assert shown.endswith("tail")
    assert len(shown.encode()) <= MAX_TEXT + 40
    assert ("bytes left out" in shown) == (len(text) > MAX_TEXT)


@pytest.mark.parametrize("at", range(8_000, 12_400, 40))
def test_a_secret_at_a_cut_does_not_lose_its_shape(at):
    """Wherever a text is cut, no part of a secret is left: texts are cut after secrets have left them."""
    token = "gh" + "p_" + "a1B2c3" * 6
    line = "y" * 60 + " "
    before, behind = (line * 300)[:at], (line * 300)[:at]
    text = f"{before} {token} {'z ' * 20_000} {token} {behind}"

    shown = make_excerpt(text, create_redactor({}))

    assert "a1B2c3" not in shown


def test_a_huge_text_is_cheap():
    """100 MB take no longer than what is kept of them."""
    text = "key = 'value1value2'\n" * 5_000_000

    began = time.process_time()
    shown = make_excerpt(text, create_redactor({}))

    assert len(shown) < MAX_TEXT + 40
    # 25 KiB of bait; reading all of it once would take a second.
    assert time.process_time() - began < 0.3


def test_bytes_that_hold_no_secret_stay_octet_for_octet():
    """A context of the user's own is stored as it was given."""
    octets = bytes(range(256)) * 10

    assert octets == make_bytes_excerpt(octets, create_redactor({}))


def test_the_spool_is_for_its_owner_alone(pytester):
    """What could not be recognised is at least nobody else's to read."""
    pytester.makepyfile("def test_it():\n    assert 0\n")

    recorded(pytester)

    folder = Path(pytester.path / ".akastats" / "spool")
    assert [0o700, 0o600] == [folder.stat().st_mode & 0o777, next(folder.glob("*.aks")).stat().st_mode & 0o777]

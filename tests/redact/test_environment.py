"""Secrets of the environment."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from akastats.redact import MASK, create_redactor


def test_values_of_secret_variables_are_masked_wherever_they_stand() -> None:
    """The value of a variable with a sensitive name is removed, also as a part of a word."""
    redact = create_redactor(
        {"STRIPE_KEY": "correct horse battery", "PATH": "/usr/local/bin", "API_TOKEN": "short"}
    )

    shown = redact("assert 'xcorrect horse batteryx' in short /usr/local/bin")

    assert f"assert 'x{MASK}x' in short /usr/local/bin" == shown


VALUE = "Zq8/ü w'Yx7+Kd5%Tn3"


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        repr(VALUE)[1:-1],
        json.dumps(VALUE)[1:-1],
        quote(VALUE, safe=""),
        base64.b64encode(f"me:{VALUE}".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{VALUE}".encode()).decode(),
        repr(VALUE.encode())[2:-1],
    ],
)
def test_a_variable_is_recognised_in_every_spelling(form: str) -> None:
    """As it is, as `repr`, JSON, a URL and base64 write it, at any place of base64."""
    shown = create_redactor({"X_SECRET": VALUE})(f"said {form}.")

    assert MASK in shown
    assert all(part not in shown for part in ("Yx7", "Tn3", form[8:-6]))


def test_a_variable_is_recognised_if_wrapped_or_truncated() -> None:
    """Over two lines of pytest's, with its end cut off, and with its middle left out."""
    value = "Zq8Wv2Yx7Kd5Tn3Rb9Lm4Pc6Hs1Jg0"
    redact = create_redactor({"X_SECRET": value})

    assert f"E   {MASK} end" == redact(f"E   {value[:14]}\nE   {value[14:]} end")
    assert f"E   {MASK}" == redact(f"E   {value[:19]}")
    assert f"'{MASK}' == ''" == redact(f"'{value[:6]}...{value[-6:]}' == ''")


def test_passwords_in_urls_of_any_variable_are_removed() -> None:
    """A driver's error shows the password without its URL."""
    redact = create_redactor({"DATABASE": "postgres://me:hunter%2F22@db/x"})

    assert f"refused {MASK} {MASK}" == redact("refused hunter/22 hunter%2F22")


def test_a_variable_that_is_set_later_counts_from_then_on() -> None:
    """A fixture that loads secrets into the environment comes after us; what it removed stays known."""
    environ: dict[str, str] = {}
    redact = create_redactor(environ)
    environ["LATE_TOKEN"] = "Zq8Wv2Yx7Kd5"

    first = redact("Zq8Wv2Yx7Kd5")
    environ.clear()

    assert (MASK, MASK) == (first, redact("Zq8Wv2Yx7Kd5"))


def test_the_directory_is_no_secret() -> None:
    """`PWD` sounds like a password and is part of every path."""
    assert "/home/me/project/a.py" == create_redactor({"PWD": "/home/me/project", "OLDPWD": "/home/me"})(
        "/home/me/project/a.py"
    )

"""Tokens of known vendors."""

from __future__ import annotations

import pytest

from akastats.redact import MASK, create_redactor


@pytest.mark.parametrize(
    "token",
    [
        "AK" + "IAABCDEFGHIJKLMNOP",
        "gh" + "p_" + "a1" * 18,
        "github" + "_pat_" + "a1" * 20,
        "gl" + "pat-" + "a1" * 10,
        "xo" + "xb-123456789-abcdef",
        "AI" + "za" + "a1" * 18,
        "sk" + "_live_" + "a1" * 10,
        "sk" + "-ant-api03-" + "a1" * 20,
        "py" + "pi-" + "a1" * 20,
        "np" + "m_" + "a1" * 18,
        "SG" + "." + "a1" * 11 + "." + "a1" * 20,
        "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl",
    ],
)
def test_tokens_are_recognised_by_their_format(token: str) -> None:
    """Wherever they stand, without a name that gives them away; also where pytest has cut their middle."""
    assert f"got {MASK}!" == create_redactor({})(f"got {token}!")
    assert f"'{MASK}'" == create_redactor({})(f"'{token[:11]}...{token[-9:]}'")


def test_the_other_half_of_an_aws_key_goes_with_it() -> None:
    """Forty letters without a shape or a name are a secret beside an access key."""
    half = "wJa1rXUtnFEMI/K7MDENG/bPxRfiCYzzz9zzzKEY"

    shown = create_redactor({})(f"{'AK' + 'IA'}ABCDEFGHIJKLMNOP {half}")

    assert f"{MASK} {MASK}" == shown

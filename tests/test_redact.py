"""Secrets leave texts before anything is written; other words stay."""

from __future__ import annotations

import pytest

from akastats.redact import MASK, redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        "redis://user:hunter22@db:6379/0",
        "postgresql+psycopg://app:hunter22@[::1]/x",
        "DB_PASSWORD = 'hunter22'",
        'api_key: "hunter22"',
        "{'client_secret': 'hunter22'}",
        "password=hunter22",
        "Authorization: Bearer hunter22hunter22",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter22\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_is_masked_and_what_is_around_it_stays(text: str) -> None:
    """The value goes; the name that told of it is still to be read."""
    shown = redactor({})(f"before {text} after")

    assert "hunter22" not in shown
    assert MASK in shown
    assert shown.startswith("before ")


@pytest.mark.parametrize(
    "token",
    [
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "github_pat_" + "a1" * 20,
        "glpat-" + "a1" * 10,
        "xoxb-123456789-abcdef",
        "AIza" + "a1" * 18,
        "sk_live_" + "a1" * 10,
        "pypi-" + "a1" * 20,
        "npm_" + "a1" * 18,
        JWT,
    ],
)
def test_tokens_are_known_by_their_shape(token: str) -> None:
    """Wherever they stand, without a name that gives them away."""
    assert f"got {MASK}!" == redactor({})(f"got {token}!")


def test_values_of_secret_variables_are_masked_wherever_they_stand() -> None:
    """An environment variable whose name sounds secret is not told, whole or inside of something."""
    redact = redactor({"STRIPE_KEY": "correct horse battery", "PATH": "/usr/local/bin", "API_TOKEN": "short"})

    shown = redact("assert 'xcorrect horse batteryx' in short /usr/local/bin")

    assert f"assert 'x{MASK}x' in short /usr/local/bin" == shown


@pytest.mark.parametrize(
    "text",
    [
        "assert 1 == 2",
        "E   KeyError: 'tests/test_a.py::test_key[b]'",
        "for key, value in items.items():",
        "self.passed = True",
        "tokenize(text)",
        "http://localhost:8000/api/v1/stats",
        "compass: north",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """A traceback is worth something only if it is still one."""
    assert text == redactor({})(text)


def test_a_long_text_takes_no_long_time() -> None:
    """No pattern looks back: 1 MB of what each of them begins with is done at once."""
    redact = redactor({})

    for bait in ("key", "://", "-----BEGIN ", "a-", "pass'", "eyJ", "Bearer "):
        assert redact(bait * (1_000_000 // len(bait) // 10))

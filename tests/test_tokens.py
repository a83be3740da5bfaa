"""Tokens: valid forms, scopes, and the cookie that replaces a token."""

from __future__ import annotations

import hmac

import pytest

from akastats import tokens
from akastats.errors import ConfigError
from akastats.tokens import COOKIE_DAYS, EVERYTHING

SECRET = "correct-horse-battery"
NOW = 1_785_579_300


def parse(text: str) -> tuple[tokens.Token, ...]:
    """Parse as the variable is."""
    return tokens.parse_tokens("AKA_STATS_TOKEN", text)


def test_a_plain_token_allows_everything():
    """Without scopes before it, a token reads and writes."""
    (token,) = parse(SECRET)

    assert EVERYTHING == token.scopes


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ("stats", {"stats"}),
        ("contexts", {"stats", "contexts"}),
        ("stats,contexts", {"stats", "contexts"}),
        ("write", {"stats", "write"}),
        ("contexts,write", {"stats", "contexts", "write"}),
    ],
)
def test_scopes_stand_before_the_token(scopes, allowed):
    """Each token reads numbers, and has the named scopes."""
    (token,) = parse(f"{scopes}:{SECRET}")

    assert allowed == token.scopes


def test_several_tokens_stand_between_blanks():
    """Each is found by its own secret and by no other."""
    known = parse(f"stats:{SECRET}-1\n  {SECRET}-2 ")

    found = [tokens.find_token(known, f"{SECRET}{end}".encode()) for end in ("-1", "-2", "-3", "")]

    assert [known[0], known[1], None, None] == found


def test_no_token_is_none():
    """An empty variable is as good as none."""
    assert () == parse("  ")


@pytest.mark.parametrize(
    "text", ["short", "admin:" + SECRET, ":" + SECRET, "stats;" + SECRET, "pässword-of-mine-long", "a:b:" + SECRET]
)
def test_what_is_no_token_is_refused_and_not_repeated(text):
    """The message names the variable and never holds the secret."""
    with pytest.raises(ConfigError, match=r"^AKA_STATS_TOKEN: ") as caught:
        parse(text)

    assert text.rpartition(":")[2] not in str(caught.value)


def test_a_token_cannot_be_read_from_its_value():
    """Neither the secret nor its digest is in what a log or a traceback would show."""
    (token,) = parse(SECRET)

    assert "Token(scopes=" == repr(token)[:13]


def test_a_drawn_token_is_one():
    """What we draw is accepted, and never drawn twice."""
    drawn = {tokens.generate_token() for _ in range(100)}

    assert 100 == len(drawn)
    assert 100 == len(parse(" ".join(drawn)))


def test_secrets_are_compared_in_constant_time(monkeypatch):
    """Each token is compared, by `hmac.compare_digest`, whether or not an earlier one was it."""
    seen = []
    real = hmac.compare_digest

    def compare(one, other):
        seen.append((one, other))
        return real(one, other)

    known = parse(f"{SECRET}-1 {SECRET}-2 {SECRET}-3")
    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens.find_token(known, f"{SECRET}-1".encode())
    tokens.find_by_cookie(known, tokens.make_cookie(known[0], NOW), NOW)

    assert 6 == len(seen)
    assert {32} == {len(each) for pair in seen[:3] for each in pair}


def test_a_cookie_stands_for_its_token_for_a_month():
    """It is taken from the moment it is given to the end of its last day, and not before or after."""
    known = parse(SECRET)
    cookie = tokens.make_cookie(known[0], NOW)
    end = NOW + COOKIE_DAYS * 86_400

    found = [tokens.find_by_cookie(known, cookie, at) is not None for at in (NOW - 1, NOW, end, end + 1)]

    assert [False, True, True, False] == found


def test_a_cookie_dies_with_its_token():
    """Under another token an older cookie is worth nothing, and it does not hold the token."""
    (token,) = parse(SECRET)
    cookie = tokens.make_cookie(token, NOW)

    assert tokens.find_by_cookie(parse(SECRET + "-new"), cookie, NOW) is None
    assert SECRET not in cookie
    assert token.digest.hex() not in cookie


@pytest.mark.parametrize(
    "cookie", ["", ".", "1", f"{NOW}", f"{NOW}.", f"-{NOW}.a", "9" * 5000, f"{NOW}.ä", "\x00.1", f"{NOW}.\ud800"]
)
def test_what_is_no_cookie_is_none(cookie):
    """Whatever a client sends is compared or refused, never an error."""
    assert tokens.find_by_cookie(parse(SECRET), cookie, NOW) is None


def test_a_cookie_s_day_cannot_be_moved():
    """The time of issue is part of the signature."""
    known = parse(SECRET)
    _, _, proof = tokens.make_cookie(known[0], NOW).partition(".")

    assert tokens.find_by_cookie(known, f"{NOW + 1}.{proof}", NOW + 1) is None

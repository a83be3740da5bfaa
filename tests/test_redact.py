"""Secrets leave texts before anything is written; other words stay."""

from __future__ import annotations

import base64
import json
import random
import re
import time
from urllib.parse import quote

import pytest

from akastats.redact import MASK, create_redactor
from akastats.redact.patterns import BUDGET_S, MAX_STEPS, Patterns
from akastats.redact.search_cost import WINDOW, bound_steps


@pytest.mark.parametrize(
    "text",
    [
        "redis://user:hunter22@db:6379/0",
        "postgresql+psycopg://app:hunter22@[::1]/x",
        "redis://user:hunt/hunter22@db:6379/0",
        "DB_PASSWORD = 'hunter22'",
        'api_key: "hunter22"',
        "{'client_secret': 'hunter22'}",
        '{\\"client_secret\\": \\"hunter22\\"}',
        "password=hunter22",
        "password   = 'hunter2hunter2'",
        "password: str = 'hunter22'",
        "assert password == 'hunter22'",
        "SecretStr: password=SecretStr('hunter22')",
        "('password', 'hunter22')",
        "password = ('hunter22'\nE        'hunter22')",
        "<password>hunter22</password>",
        "Authorization: Bearer hunter22hunter22",
        "Cookie: a=hunter22; b=hunter22",
        "tool --password hunter22 --verbose",
        "Command '['tool', '--password', 'hunter22']' returned",
        "mysql -u me -phunter22 db",
        "assert 'hunter2-2' == 'x'\nE    +  where 'hunter2-2' = Login().password",
        "password = 'hunter22",
        "requests.get(url, auth=('svc', 'hunter22'))",
        "requests.get(url, auth=('svc','hunter22'))",
        "Session(proxy_auth=(USER, 'hunter22'))",
        '"auth": ("svc", "hunter22")',
        "\\'auth\\': (\\'svc\\', \\'hunter22\\')",
        "\x1b[31mpassword\x1b[0m=\x1b[1mhunter22\x1b[0m",
        "\x1b[31mpassword\x1b[0m=\x1b[1m'hunter22'\x1b[0m",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter22\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nhunter22\n-----END PGP PRIVATE KEY BLOCK-----",
    ],
)
def test_a_secret_is_masked_and_what_is_around_it_stays(text: str) -> None:
    """The value is removed; the name is still readable."""
    shown = create_redactor({})(f"before {text} after")

    assert "hunter" not in shown
    assert MASK in shown
    assert shown.startswith("before ")


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


def test_what_a_text_tells_once_is_removed_from_all_of_it() -> None:
    """The source line has the name, the comparison only the value."""
    shown = create_redactor({})(
        ">   connect(password='hunter2-x')\nE   assert 'a' == 'hunter2-x'\nE   - hunter2-x\n"
    )

    assert f">   connect(password='{MASK}')\nE   assert 'a' == '{MASK}'\nE   - {MASK}\n" == shown


@pytest.mark.parametrize(
    "text",
    [
        "assert 1 == 2",
        "E   KeyError: 'tests/test_a.py::test_key[b]'",
        "for key, value in items.items():",
        "    key = 'name'",
        "self.passed = True",
        "tokenize(text)",
        "token = 'NAME'",
        "    connect(password=password, token=settings.api_token)",
        "password: str | None = None",
        "monkeypatch = <_pytest.monkeypatch.MonkeyPatch object at 0x7f1d498f88d0>",
        "max_tokens=4096, author='somebody else', primary_key=True",
        "fields = ['password', 'email_address']",
        "bearer authentication, basic functionality",
        "http://localhost:8000/api/v1/stats?a=b@c",
        "git@github.com:somebody/project.git",
        "pypi-server-of-our-own, sk-learn-and-nothing-else-at-all",
        "compass: north",
        "-p no:cacheprovider --key-file /etc/x --token-url https://x/y",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """A traceback is worth something only if it is still one."""
    assert text == create_redactor({})(text)


def test_a_name_keeps_words_that_only_sound_secret() -> None:
    """A node id must stay searchable, so only certain secrets are removed from it."""
    redact = create_redactor({"X_TOKEN": "Zq8Wv2Yx7Kd5"})

    assert "a.py::test[password=ordinary]" == redact.name("a.py::test[password=ordinary]")
    assert f"a.py::test[{MASK}-redis://{MASK}@h]" == redact.name("a.py::test[Zq8Wv2Yx7Kd5-redis://u:p@h]")


@pytest.mark.parametrize("signature", ["a1B2" * 10 + "%3D", "%2B" + "a1B2" * 10 + "%3D", "+" + "a1B2" * 10 + "0="])
def test_a_signed_address_in_a_name_loses_its_signature(signature: str) -> None:
    """Azure's `sig` lets in whoever has it, until the date beside it."""
    name = f"a.py::test[https://x.blob.example.net/c?sv=2020&sig={signature}&se=2030]"

    shown = create_redactor({}).name(name)

    assert "a1B2" not in shown
    assert shown.startswith("a.py::test[https://x.blob.example.net/c?sv=2020&sig=")
    assert shown.endswith(f"{MASK}&se=2030]")


@pytest.mark.parametrize(
    "text",
    [
        "client.get('/', auth=('user',))",
        "auth=(user, password)",
        "def get(url, auth=(None, 'x')):",
        "auth=(login('a', 'bcdef'))",
        "a.py::test[design=" + "a" * 50 + "]",
        "a.py::test[sig=abc]",
    ],
)
def test_what_only_looks_like_a_pair_or_a_signature_stays(text: str) -> None:
    """Names of variables, calls and short words are not secrets."""
    assert text == create_redactor({})(text)


BAITS = {
    **{
        bait: bait
        for bait in ("key", "://a:b", "://@", "pass'", "pass='", "eyJ", "Bearer ", "sk-", "\\", "'", "-", "...")
    },
    **{
        bait: bait
        for bait in ("PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", " ", "\n")
    },
    **{
        bait: bait
        for bait in (
            "key=a ",
            "key=a1b2c3d4e5f6 ",
            "token='aaaaaaaa' ",
            "pass=\\'",
            "pass='''",
            "<pass>",
            "--pass ",
        )
    },
    **{
        bait: bait
        for bait in (
            "('pass', ",
            "pass is '",
            "pass: a.b|",
            "mysql -p -p ",
            "8Q~",
            "İkey=a ",
            "correct ",
            "a",
            "0a",
        )
    },
    **{
        bait: bait
        for bait in (
            "{'secrets': {",
            "login('a', '",
            "(password) VALUES (",
            "password|x\n",
            "<password>",
            '{"kty" ',
            "a1B2c3D4e5F6g7H8i9 ",
            "ghp_a1B2c3D4e5",
        )
    },
    "asserts": ">  assert pass\nE  '\n",
    "where": "E  + where 'aaaaaaaa",
    "head": "correct horse ba",
}


@pytest.mark.parametrize("bait", BAITS.values(), ids=map(repr, BAITS))
def test_the_time_is_linear_in_the_length(bait: str) -> None:
    """Four times the text takes at most some four times as long, whatever a text is made of."""
    redact = create_redactor({"A_TOKEN": "correct horse battery staple", "B_KEY": "Zq8" * 9})
    text = bait * (2**18 // len(bait))
    short, long = text[: 2**16], text[: 2**18]

    # In turn: what shares the processor's caches for a while slows both.
    turns = [(_seconds(redact, short), _seconds(redact, long)) for _ in range(3)]
    took = [min(each) for each in zip(*turns, strict=True)]

    # Quadratic would be 16; the clock of a busy machine is given half as much again, and a moment.
    assert took[1] < 7 * took[0] + 0.02


def _seconds(redact, text: str) -> float:
    began = time.process_time()
    redact(text)
    return time.process_time() - began


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*)*x",
        r"(\d+)+\1",
        "a*a*a*a*b",
        "(?:a?){30}a{30}",
        r"\d{0,199}\d{0,199}x",
        ".*.*.*x",
        "(?:[a-z]+)*!",
        "(?:a*b?)*c",
        "(?i)K*\u212a*k*K*!",
        r"\w*(?=.*.*!)",
        "(?:){0,100000}(?:){0,100000}a",
        r"(a)?(?(1)b*b*b*|c)",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    """Its structure shows it: nothing needs to be tried."""
    patterns = Patterns([pattern])

    assert "may take too long" in patterns.warning
    assert "a" * 400 == patterns.remove("a" * 400)


@pytest.mark.parametrize(
    "pattern",
    [
        r"ACME-\d{4}-[a-z]+",
        r"\b[0-9a-f]{32}\b",
        r"(?:foo|bar)-\w+",
        r"(?i)pin:\s*\d{4}",
        r"[\w.]+@[\w.]+\.com",
        r"\w+-\w+",
        r"\s*\w+\s*=\s*\d+",
        r"(?:\d[ -]?){13,16}",
        r"[A-Za-z0-9+/]{40,}={0,2}",
        '"token":\\s*"([^"]+)"',
        "(a|b)*c",
        r"\d{0,20}\d{0,20}x",
    ],
)
def test_common_patterns_are_accepted(pattern: str) -> None:
    """Repeats that what follows keeps apart, and one or two that it does not."""
    assert bound_steps(pattern) <= MAX_STEPS
    assert Patterns([pattern]).warning == ""


@pytest.mark.parametrize("seed", range(8))
def test_a_random_pattern_that_is_accepted_is_fast(seed: int) -> None:
    """No search in a window takes the time limit of a complete text, for any pattern and text."""
    drawn = random.Random(seed)
    accepted = [pattern for pattern in (_pattern(drawn, 3) for _ in range(120)) if _is_accepted(pattern)]

    slowest = max((_longest(re.compile(pattern)), pattern) for pattern in accepted)

    assert len(accepted) > 10
    assert slowest[0] < BUDGET_S, slowest


_ATOMS = ["a", "b", "1", "[ab]", "[a-z]", r"\d", r"\w", ".", "[^b]", r"\s", "-", "(?:ab)", r"\W", "A", "é"]
_REPEATS = ["*", "+", "?", "{0,20}", "{2,9}", "{0,60}", "{3}", "{10,}", "*?", "+?", "{0,199}", "", "", "", ""]
_HOSTILE = [*("a", "b", "1", "ab", "a1", "ab1", "1-", "a ", "aab", "é", "A", "ba", "11a", "abab1")]


def _pattern(drawn: random.Random, depth: int) -> str:
    """Draw a regular expression: atoms, groups, choices and conditions, most of them repeated."""
    return "".join(
        _item(drawn, depth) + drawn.choice(_REPEATS) for _ in range(drawn.randint(1, 4))
    ) + drawn.choice(["", "", "!", "$", r"\b"])


def _item(drawn: random.Random, depth: int) -> str:
    kind = drawn.random()
    if depth == 0 or kind < 0.55:
        return drawn.choice(_ATOMS)
    if kind < 0.8:
        return f"({_pattern(drawn, depth - 1)})"
    if kind < 0.95:
        return f"(?:{_pattern(drawn, depth - 1)}|{_pattern(drawn, depth - 1)})"
    return f"(?:(?={_pattern(drawn, depth - 1)}))"


def _is_accepted(pattern: str) -> bool:
    try:
        return bound_steps(pattern) <= MAX_STEPS
    except re.error:
        return False


def _longest(pattern: re.Pattern[str]) -> float:
    """Return the time of the slowest search; each is done three times, because others use the machine too."""
    texts = [f"{piece * WINDOW}"[:WINDOW] for piece in _HOSTILE]
    return max(min(_searching(pattern, text) for _ in range(3)) for text in texts)


def _searching(pattern: re.Pattern[str], text: str) -> float:
    began = time.thread_time()
    list(pattern.finditer(text))
    return time.thread_time() - began


def test_all_patterns_together_end_in_time() -> None:
    """Fifty patterns that are as slow as a pattern may be, on a text that is hostile to them."""
    patterns = Patterns([rf"\d{{0,60}}\d{{0,{size}}}x" for size in range(10, 60)])
    text = "1" * 64 * 1024

    took = min(_removing(patterns, text) for _ in range(3))

    # Others use the machine too.
    assert took < 1.5 * BUDGET_S
    assert MASK == patterns.remove(text)
    assert "too long" in patterns.warning


def _removing(patterns: Patterns, text: str) -> float:
    began = time.thread_time()
    patterns.remove(text)
    return time.thread_time() - began


@pytest.mark.parametrize("before", [0, 240, 250, 490, 499, 730])
def test_a_long_line_hides_nothing_at_the_end_of_a_window(before: int) -> None:
    """A secret that lies over the end of a window is whole in the next one."""
    assert f"{'.' * before}{MASK}{'.' * 600}" == Patterns(["ACME-[a-z]{90}"]).remove(
        f"{'.' * before}ACME-{'z' * 90}{'.' * 600}"
    )


def test_patterns_of_the_user_are_removed() -> None:
    """All that a pattern finds, or its group `secret` where it has one."""
    redact = create_redactor({}, [r"ACME-\d{4}", r"room (?P<secret>\w+) is"])

    assert f"{MASK}, room {MASK} is free" == redact("ACME-1234, room blue is free")


@pytest.mark.parametrize(("pattern", "why"), [("(", "unterminated"), ("a*", "empty"), ("[z-a]", "range")])
def test_a_bad_pattern_is_named_and_the_others_work(pattern: str, why: str) -> None:
    """One warning names the pattern and the reason."""
    redact = create_redactor({}, [pattern, "ACME"])

    assert f"{MASK}!" == redact("ACME!")
    assert repr(pattern) in redact.warning
    assert why in redact.warning


def test_patterns_that_use_up_their_time_leave_the_rest_out() -> None:
    """The time is measured; text that was not searched is omitted."""
    clock = iter(range(100))
    patterns = Patterns(["ACME"], clock=lambda: float(next(clock)))

    assert MASK == patterns.remove("a\nACME\nb")
    assert "too long" in patterns.warning


def test_off_leaves_everything() -> None:
    """With `off` texts are unchanged."""
    redact = create_redactor({"X_TOKEN": "Zq8Wv2Yx7Kd5"}, ["off"])

    assert "Zq8Wv2Yx7Kd5 password='hunter22'" == redact("Zq8Wv2Yx7Kd5 password='hunter22'")

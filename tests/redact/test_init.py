"""Secrets leave texts before anything is written; other words stay."""

from __future__ import annotations

import time

import pytest

from akastats.redact import MASK, create_redactor


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


def test_off_leaves_everything() -> None:
    """With `off` texts are unchanged."""
    redact = create_redactor({"X_TOKEN": "Zq8Wv2Yx7Kd5"}, ["off"])

    assert "Zq8Wv2Yx7Kd5 password='hunter22'" == redact("Zq8Wv2Yx7Kd5 password='hunter22'")

"""A suite of failing tests in whose texts secrets stand, each drawn by lot: none is anybody's, none stands here.

What makes a token look like one is put together from pieces, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Plant:
    """A secret, what kind of place it stands in, and the test's source; `forms` must be gone too."""

    kind: str
    secret: str
    body: str
    environ: dict[str, str] = field(default_factory=dict)
    forms: tuple[str, ...] = ()
    head: str = "def test_{number}():"


class Lot:
    """Draws secrets; the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def word(self, length: int = 16, letters: str = LETTERS) -> str:
        """Draw a word with a digit, a small letter and a capital among its first letters."""
        drawn = "".join(self._random.choice(letters) for _ in range(max(0, length - 3)))
        return drawn if letters != LETTERS else f"{drawn[:2]}k7{drawn[2:]}R"[:length].ljust(length, "x")

    def hex(self, length: int) -> str:
        """Draw hexadecimal digits."""
        return f"a1{self.word(length + 1, '0123456789abcdef')}"[:length]

    def password(self) -> str:
        """Draw what people take for one: two words, digits, a mark."""
        words = ["tiger", "anchor", "violet", "copper", "meadow", "rocket", "winter", "pepper"]
        pick = self._random.choice
        return (
            f"{pick(words)}{self._random.randrange(1000, 9999)}{pick('!#%+.~')}{pick(words)}{pick('0123456789')}"
        )


def token_kinds(lot: Lot) -> dict[str, str]:
    """Draw one token of each maker."""
    part = lot.word
    return {
        "aws access key": "AK" + "IA" + part(19, string.ascii_uppercase + string.digits),
        "aws session key": "AS" + "IA" + part(19, string.ascii_uppercase + string.digits),
        "github classic": "gh" + "p_" + part(36),
        "github server": "gh" + "s_" + part(36),
        "github fine-grained": "github" + "_pat_" + part(22) + "_" + part(59),
        "gitlab": "gl" + "pat-" + part(20),
        "slack bot": "xo" + "xb-" + part(15, string.digits) + "-" + part(24),
        "slack hook": "hooks.sl" + "ack.com/services/T" + part(9) + "/B" + part(9) + "/" + part(24),
        "google": "AI" + "za" + part(35),
        "google oauth": "ya" + "29." + part(60),
        "jwt": f"ey{'J'}{part(30)}.ey{'J'}{part(40)}.{part(43)}",
        "stripe": "sk" + "_live_" + part(24),
        "stripe hook": "wh" + "sec_" + part(32),
        "openai": "sk" + "-proj-" + part(48),
        "openai old": "sk" + "-" + part(48),
        "anthropic": "sk" + "-ant-api03-" + part(80),
        "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + part(70),
        "npm": "np" + "m_" + part(36),
        "sendgrid": "SG" + "." + part(22) + "." + part(43),
        "mailgun": "ke" + "y-" + lot.hex(32),
        "hugging face": "hf" + "_" + part(34),
        "digital ocean": "do" + "p_v1_" + lot.hex(64),
        "databricks": "da" + "pi" + lot.hex(32),
        "vault": "hv" + "s." + part(28),
        "docker": "dckr" + "_pat_" + part(27),
        "telegram": part(13, "123456789") + ":A" + "A" + part(33),
        "sentry": "sn" + "tryu_" + lot.hex(64),
    }


TOKEN_PLACES: tuple[tuple[str, str], ...] = (
    ("in a message", "raise RuntimeError('refused: ' + {secret!r})"),
    ("compared", "assert 'x' == value({at})"),
    ("in a list", "raise ValueError([1, value({at}), None])"),
    ("in a query", "raise OSError('GET https://api.example.com/v1/items?page=2&q=' + value({at}) + ' failed')"),
)


def tokens(lot: Lot) -> Iterator[Plant]:
    """Tokens under no name that tells, in four places each."""
    for place, body in TOKEN_PLACES:
        for kind, secret in token_kinds(lot).items():
            yield Plant(f"{kind} {place}", secret, body)


VARIABLES = (
    *(
        "STRIPE_KEY",
        "API_TOKEN",
        "SECRET",
        "DB_PASSWORD",
        "MYSQL_PWD",
        "BASIC_AUTH",
        "AWS_CREDENTIALS",
        "SENTRY_DSN",
    ),
    *("APP_SECRET_KEY", "GH_TOKEN_RO", "PASSPHRASE", "SESSION_COOKIE", "OAUTH_CLIENT", "SIGNING_KEYS"),
)
VARIABLE_PLACES: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("compared", "assert 'x' == os.environ[{name!r}]", str),
    ("in a message", "raise RuntimeError('no access with ' + os.environ[{name!r}] + ', sorry')", str),
    ("glued", "raise RuntimeError('abc' + os.environ[{name!r}] + 'def')", str),
    ("in JSON", "raise RuntimeError(json.dumps([os.environ[{name!r}]]))", lambda value: json.dumps(value)[1:-1]),
    ("as repr", "raise KeyError(os.environ[{name!r}])", lambda value: repr(value)[1:-1]),
    (
        "in a URL",
        "raise OSError('/login?x=' + quote(os.environ[{name!r}], safe=''))",
        lambda value: quote(value, safe=""),
    ),
    (
        "in base64",
        "raise OSError(base64.b64encode(('me:' + os.environ[{name!r}]).encode()).decode())",
        lambda value: base64.b64encode(f"me:{value}".encode()).decode()[6:-4],
    ),
    (
        "in a note",
        "error = ValueError('no')\n    note(error, 'used ' + os.environ[{name!r}])\n    raise error",
        str,
    ),
    (
        "chained",
        "try:\n        raise ValueError(os.environ[{name!r}])\n    except ValueError as error:\n"
        "        raise OSError('above') from error",
        str,
    ),
    ("over lines", "raise RuntimeError('\\n'.join(textwrap.wrap(os.environ[{name!r}], 18)))", str),
    ("in a long text", "assert 'y' * 300 + os.environ[{name!r}] == 'y' * 300", str),
    ("in a set", "assert os.environ[{name!r}] in {{'a', 'b'}}", str),
    ("as bytes", "raise RuntimeError(os.environb[{name!r}.encode()])", str),
    ("as a parameter", "assert not given", str),
)


def variables(lot: Lot) -> Iterator[Plant]:
    """Values of environment variables with names that tell, in forms that texts show them in."""
    for index, name in enumerate(VARIABLES):
        for shift in range(3):
            place, body, form = VARIABLE_PLACES[(index + 5 * shift) % len(VARIABLE_PLACES)]
            variable = f"{name}_{shift}"
            value = f"{lot.password()} {lot.word(9)}/é" if shift == 1 and place != "over lines" else lot.word(28)
            head = "def test_{number}():"
            if place == "as a parameter":
                value = lot.word(28)
                head = (
                    f"@pytest.mark.parametrize('given', [os.environ[{variable!r}]])\ndef test_{{number}}(given):"
                )
            yield Plant(
                f"variable {place}",
                value,
                body.replace("{name!r}", repr(variable)),
                {variable: value},
                (form(value),),
                head,
            )


NAMED: tuple[tuple[str, str], ...] = (
    ("in source", "connect(password='{secret}')"),
    ("in source", 'connect(api_key="{secret}", timeout=3)'),
    ("in source", "client_secret = '{secret}'\n    raise ValueError(1)"),
    ("in source", "auth_token: str = '{secret}'\n    raise ValueError(1)"),
    ("in source", "os.environ['STRIPE_API_KEY'] = '{secret}'\n    raise ValueError(1)"),
    ("in source", "headers = [('X-Api-Key', '{secret}')]\n    raise ValueError(1)"),
    ("in source", "password = (\n        '{secret}'\n    )\n    raise ValueError(1)"),
    ("in a dict", "raise ValueError({{'user': 'me', 'password': value({at})}})"),
    ("in a dict", "raise ValueError({{'db_passwd': value({at}), 'port': 3}})"),
    ("in a dict", "assert {{'client_secret': value({at})}} == {{}}"),
    ("in a dict", "assert {{'token': value({at}), 'a': 1}} == {{'token': 'other', 'a': 1}}"),
    ("in a dict of lists", "raise ValueError({{'access_token': [value({at})]}})"),
    ("in bytes", "raise ValueError({{b'secret_key': value({at}).encode()}})"),
    ("dataclass", "raise ValueError(Login('me', value({at})))"),
    ("dataclass compared", "assert Login('me', value({at})) == Login('me', 'x')"),
    ("attribute compared", "assert Login('me', value({at})).password == 'x'"),
    ("attribute compared", "login = Login('me', value({at}))\n    assert login.password == 'other1'"),
    ("unittest", "password = value({at})\n    unittest.TestCase().assertEqual(password, 'other1')"),
    ("pydantic", "raise ValueError('Settings(user=\\'me\\' api_token=\\'' + value({at}) + '\\' debug=True)')"),
    ("attrs", "raise ValueError('Config(dsn=%r, secret=%r)' % ('sqlite://', value({at})))"),
    ("wrapper", "raise ValueError('Settings(password=SecretStr(%r))' % value({at}))"),
    ("JSON", "raise ValueError(json.dumps({{'user': 'me', 'refresh_token': value({at})}}))"),
    ("JSON in JSON", "raise ValueError(json.dumps(json.dumps({{'apiKey': value({at})}})))"),
    ("YAML", "raise ValueError('user: me\\npassword: ' + value({at}) + '\\nport: 3')"),
    ("ini", "raise ValueError('[db]\\nuser = me\\npasswd = ' + value({at}))"),
    ("dotenv", "raise ValueError('DEBUG=1\\nexport DJANGO_SECRET_KEY=\"' + value({at}) + '\"\\n')"),
    ("XML", "raise ValueError('<db><user>me</user><password>' + value({at}) + '</password></db>')"),
    ("HTML", "raise ValueError('<input name=\"password\" value=\"' + value({at}) + '\">')"),
    ("container", "raise ValueError([{{'Name': 'DB_PASSWORD', 'Value': value({at})}}])"),
    ("DSN", "raise OSError('connection failed: host=db user=me password=' + value({at}) + ' dbname=x')"),
    ("ODBC", "raise OSError('Driver=x;Server=db;UID=me;PWD=' + value({at}) + ';Database=x')"),
    ("Azure", "raise OSError('DefaultEndpointsProtocol=https;AccountName=me;AccountKey=' + value({at}) + '==;')"),
    ("Azure SAS", "raise OSError('https://me.blob.example.net/c/b?sv=2020&sig=' + value({at}) + '&se=2030')"),
    ("query", "raise OSError('GET /v1/x?access_token=' + value({at}) + '&page=2')"),
    ("form", "raise OSError('grant_type=password&username=me&password=' + value({at}))"),
    ("funcargs", "raise ValueError(1)"),
    ("call", "raise ValueError('call(host=%r, api_key=%r)' % ('h', value({at})))"),
    ("pair", "raise ValueError([('user', 'me'), ('password', value({at}))])"),
    (
        "note",
        "error = ValueError('no')\n    note(error, 'password: ' + value({at}))\n    raise error",
    ),
    (
        "chained",
        "try:\n        raise ValueError('token=' + value({at}))\n    except ValueError as error:\n"
        "        raise OSError('x') from error",
    ),
    ("told and compared", "raise ValueError('password=%r; assert %r == 1' % (value({at}), value({at})))"),
    ("camel case", "raise ValueError({{'clientSecret': value({at})}})"),
    ("upper case", "raise ValueError('MYSQL_ROOT_PASSWORD=' + value({at}))"),
    ("colour", "raise ValueError('\\x1b[31mpassword\\x1b[0m=' + value({at}))"),
    ("colours", "raise ValueError('\\x1b[31mpassword\\x1b[0m=\\x1b[1m' + value({at}) + '\\x1b[0m')"),
    ("auth", "raise ValueError(\"auth=('svc', '\" + value({at}) + \"')\")"),
    ("log line", "raise ValueError('2024-01-01 12:00:00 INFO login user=me secret=' + value({at}) + ' ok')"),
    ("is", "raise ValueError('the password is %r now' % value({at}))"),
    (
        "pprint",
        "assert {{'user': 'm' * 60, 'password': value({at}), 'z': 'z' * 60}} == {{'user': 'm' * 60, 'z': 'z'}}",
    ),
)

HEADERS = (
    "Authorization: Bearer {secret}",
    "Authorization: token {secret}",
    "authorization: Basic {secret}",
    "Proxy-Authorization: Basic {secret}",
    "Cookie: sessionid={secret}; theme=dark",
    "Set-Cookie: sid={secret}; Path=/; HttpOnly",
    "X-Api-Key: {secret}",
    "X-Auth-Token: {secret}",
    "X-Amz-Security-Token: {secret}",
    "PRIVATE-TOKEN: {secret}",
    "X-Vault-Token: {secret}",
    "Ocp-Apim-Subscription-Key: {secret}",
)

COMMANDS = (
    "mysql -u me -p{secret} db",
    "mysql -u me --password={secret} db",
    "psql postgresql://me:{secret}@db/x",
    "sshpass -p {secret} ssh me@host",
    "docker login -u me -p {secret} registry.example.com",
    "curl -u me:{secret} https://api.example.com/",
    "curl -H 'Authorization: Bearer {secret}' https://api.example.com/",
    "redis-cli -a {secret} ping",
    "deploy --api-key {secret} --dry-run",
    "deploy --token={secret}",
    "tool login --user me --password {secret} --verbose",
    "env PGPASSWORD={secret} pg_dump db",
    "curl --user me:{secret} https://api.example.com/",
)

URLS = (
    "redis://:{secret}@cache:6379/0",
    "redis://me:{secret}@cache:6379/0",
    "rediss://me:{secret}@[::1]:6379/0",
    "postgresql+psycopg://app:{secret}@db.example.com/x?sslmode=require",
    "mysql+pymysql://root:{secret}@127.0.0.1:3306/x",
    "mongodb+srv://me:{secret}@cluster0.example.net/?retryWrites=true",
    "amqp://guest:{secret}@mq:5672//",
    "https://me:{secret}@git.example.com/me/repo.git",
    "https://{secret}@git.example.com/me/repo.git",
    "https://oauth2:{secret}@gitlab.example.com/me/repo.git",
    "ftp://me:{secret}@files.example.com/a/b",
    "https://{secret}@o1.ingest.example.io/42",
    "snowflake://me:{secret}@account/db",
)

KEYS = ("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED ", "DSA ", "PGP ")


def private_keys(lot: Lot) -> Iterator[Plant]:
    """Private keys: shown over lines, in one line with escapes, and with their end cut off."""
    for index, kind in enumerate(KEYS):
        lines = [lot.word(64) for _ in range(8)]
        block = " BLOCK" if kind == "PGP " else ""
        marks = [f"-----{word} {kind}PRIVATE KEY{block}-----" for word in ("BEG" + "IN", "E" + "ND")]
        text = "\n".join([marks[0], *lines, *marks[1:][: index != 3]])
        body = ("raise ValueError({text!r})", "raise KeyError({text!r})", "assert {text!r} == 'x'")[index % 3]
        yield Plant(
            f"{kind}private key", lines[1], body.replace("{text!r}", "value({at})"), forms=(text, *lines[:2])
        )


def plants(seed: int = 20_240_101) -> list[Plant]:
    """Return all plants: what each is and the test that shows it."""
    lot = Lot(seed)
    found = [*variables(lot), *tokens(lot), *private_keys(lot)]
    for kind, body in NAMED:
        secret = lot.word(40) if kind.startswith("Azure") else lot.password().replace("&", "x")
        secret = secret.replace("%", "x").replace("#", "x").replace("+", "x")
        head = "@pytest.fixture\ndef db_password():\n    return value({at})\n\ndef test_{number}(db_password):"
        found.append(
            Plant(f"named: {kind}", secret, body, head=head if kind == "funcargs" else "def test_{number}():")
        )
    for kind, shapes in (("header", HEADERS), ("command", COMMANDS), ("URL", URLS)):
        for index, shape in enumerate(shapes):
            secret = lot.word(20)
            before, _, after = shape.partition("{secret}")
            shown = f"{before!r} + value({{at}}) + {after!r}"
            body = f"raise OSError({shown})"
            if kind == "command" and index % 2:
                body = f"raise subprocess.CalledProcessError(1, shlex.split({shown}))"
            found.append(Plant(f"{kind}: {before.strip()}", secret, body))
    return found


SUITE = """\
import base64, dataclasses, json, os, shlex, subprocess, textwrap, unittest
from urllib.parse import quote
import pytest

VALUES = json.loads(open({values!r}).read())


def value(at):
    return VALUES[at]


def note(error, text):
    # Python 3.10 has none.
    getattr(error, "add_note", print)(text)


def connect(**options):
    raise ConnectionError("refused")


@dataclasses.dataclass
class Login:
    user: str
    password: str

"""


def suite(found: list[Plant], values: str) -> str:
    """Return the source of a suite that shows each plant in a test of its own; `values` is where they are read."""
    tests = [SUITE.format(values=values)]
    for number, plant in enumerate(found):
        body = plant.body.format(at=number, secret=plant.secret)
        tests.append(f"\n{plant.head.format(number=number, at=number)}\n    {body}\n")
    return "".join(tests)


def shown_values(found: list[Plant]) -> list[str]:
    """Return what `value` answers for each plant."""
    return [plant.forms[0] if "private key" in plant.kind else plant.secret for plant in found]

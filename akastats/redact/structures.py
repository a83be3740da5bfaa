"""Find secrets that are not directly after their names: nested dictionaries, tables, SQL, YAML, XML, hashes.

The search for a form starts at a sensitive word, or at text that every such form contains. It reads a limited part
of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from akastats.redact.assignments import is_empty, is_sensitive, name_before
from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span

#: Maximum number of characters and lines that are read per structure.
_LONGEST, _MOST_LINES = 4000, 50
#: Maximum number of JSON web keys that are read per text.
_MOST_KEYS = 20

# Names inside a structure with a sensitive name whose values are not secrets.
_HARMLESS = late(
    r"(?:^|[_.-])(?:user|user_?name|user_?id|login|name|type|kind|host|host_?name|port|url|uri|id|region|e?mail|engine"
    r"|provider|scheme|realm|domain|path|db|database|role|scopes?|expires?\w*|created\w*|format|method|algorithm|alg"
    r"|version|backend|options)$"
)
# In a map from owners to their secrets, these are owners: {'db': ...} holds the secret of a database.
_OWNERS = late(r"(?:^|[_.-])(?:user|login|host|e?mail|engine|provider|domain|db|database|role|backend)$")
_OWNED = late(r"(?:secret|password|passwd|passphrase|pwd|token|api_?key)s(?:_?(?:data|dict|map|store|values))?$")
# Names of structures whose values are secrets. {'keys': [...]} is ordinary.
_GROUP = late(
    r"(?:credential|cred|secret|password|passwd|passphrase|cookie|auth|api_?key|access_?key|private_?key|pwd|login"
    r"|token)s?(?:_?(?:data|dict|map|store|config|values|info))?$"
)
_OPENED = late(
    r"[\w-]{0,60}(?:\\{0,3}['\"]?\]?[ \t]{0,10}(?:=>|[:=])|\\{0,3}['\"],)[ \t]{0,10}"
    r"(?:\n[E>+-]?[ \t]{0,60})?[\w.]{0,40}[({\[]"
)
_TOKENS = late(
    r"""
      (?P<open>[({\[]) | (?P<close>[)}\]])
    | (?<=\()(?<!\w\()[bru]?(?P<mark>['"])(?P<first>[^'"\n]{1,200})(?P=mark)(?P<pair>,[ \t]{0,10})(?=[^\s)])
    | [bru]?(?P<escape>\\{0,3})(?P<quote>['"])
      (?P<text>(?:(?!(?P=escape)(?P=quote)|\n).){0,2000})(?P=escape)(?P=quote)
      (?P<colon>[ \t]{0,10}(?:=>|:))?
    | (?P<name>[A-Za-z_][\w.-]{0,60})[ \t]{0,4}(?:=(?!=)|:)
    | (?P<bare>[^\s'"(){}\[\],:=]{4,500})
    """,
    re.VERBOSE,
)

_BLOCK = late(r"[\w.-]{0,60}['\"]?:[ \t]*(?P<block>[|>][+-]?\d?)?[ \t]*(?=\n)")
_SECTION = late(r"[\w. -]{0,60}\]+[ \t]*(?=\n)")
_PAIR = late(r"(?:- )?['\"]?(?P<name>[\w.-]{1,60})['\"]?[ \t]*[:=][ \t]*(?P<value>\S.{0,500})")

# Each pattern with a text that its matches always contain.
_HASHES = (
    ("$", late(r"\$(?:[0-9a-z]{1,3}|apr1|argon2\w{1,2}|scrypt|pbkdf2[\w-]{0,20}|sha1|md5)\$[^\s'\",;|]{8,300}")),
    ("$krb5", late(r"\$krb5\w{2,10}\$[^\s'\",;|]{8,300}")),
    ("{", late(r"\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2\w{0,10}|BCRYPT|ARGON2\w?)\}[A-Za-z0-9+/=.$]{8,300}")),
    ("pbkdf2", late(r"pbkdf2[\w:-]{0,40}\$[\w./+=$,-]{16,300}")),
    ("crypt", late(r"(?:scrypt|bcrypt)[\w:-]{0,40}\$[\w./+=$,-]{16,300}")),
    ("sha1$", late(r"sha1\$[\w./+=$,-]{16,300}")),
    (":::", late(r"[0-9a-f]{32}:[0-9a-f]{32,64}(?=:::)")),
)

_INSERT = late(r"(?i)\(([\w\s,\"`.\[\]]{3,1000})\)\s{0,10}(?:OUTPUT[^()]{0,100})?VALUES\s{0,10}\(")
_COLUMNS = late(r"(?i)INSERT INTO [^(]{1,200}\(([^)]{1,1000})\)")
_PARAMETERS = late(r"\[parameters: ([({\[].{0,2000})")
_VALUES = late(r"[bN]?'((?:[^'\n]|''){0,1000})'|\"([^\"\n]{0,1000})\"|([^\s,()'\"]{1,200})")

_ELEMENT = late(
    r"""
    (?: <(?:[\w-]{1,40}:)?(?P<tag>[\w.-]{2,60})(?:\s[^<>]{0,300})?>
      | ['"](?P<attribute>[\w.-]{2,80})['"][^<>\n]{0,100}>(?:\s{0,10}<value>)?
      | >\s{0,10}(?P<text>[\w. -]{2,60})</[\w:]{1,40}>\s{0,60}<[\w:]{1,40}(?:\s[^<>]{0,100})?>
      | &lt;(?P<escaped>[\w.-]{2,60})&gt;
    ) \s{0,60} (?:<!\[CDATA\[)? (?P<value>[^<>&\n]{3,1000}?) \s{0,60} (?:\]\]> | </ | &lt;/)
    """,
    re.VERBOSE,
)

_KTY = late(r"\\?['\"]kty\\?['\"]")
_PRIVATE = late(r"\\?['\"](?:d|k|p|q|dp|dq|qi)\\?['\"]:\s{0,60}\\?['\"]([\w+/=-]{8,2000})")

_INPUT = late(r"\b(?:input_value=|['\"]input['\"]:\s?)(['\"])(.{3,1000}?)\1")
_INPUTS = ("input_value=", "'input':", '"input":')
_INPUT_BEFORE = 300
_WORDS_OF = late(r"[\w-]{2,60}")

# host:port:database:user:password, and user/password@host, without a name nearby.
_PGPASS = late(r"(?<![^\s])[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w.*-]{1,60}:[\w.*-]{1,60}:([^\s:'\"]{3,200})(?=\s|$)")
_SLASHED = late(r"[\s'\":(@][A-Za-z][\w.-]{1,40}/([^\s/@'\"]{3,100})@(?=[/\w])")
_IDENTIFIED = late(r"(?i)identified\s{1,4}(?:with\s\w{1,40}\s)?by\s{1,4}(?:password\s)?['\"]([^'\"\n]{1,200})")
# login('ada', '...'); login ada password ...; ada:... | chpasswd
_LOGIN = late(
    r"(?i)(?:log_?in|auth|authenticate|sign_?in|bind|bind_s)\(\s{0,20}[bru]?(['\"])[^'\"\n]{1,100}\1,\s{0,20}"
    r"[bru]?(['\"])(?P<secret>[^'\"\n]{6,200})\2"
)
_NETRC = late(r"login\s{1,20}[^\s]{1,100}\s{1,20}password\s{1,20}(?P<secret>[^\s'\"]{3,200})")
_CHPASSWD = late(r"['\"]?\b[\w.-]{1,40}:(?P<secret>[^\s'\"|]{3,200})(?=['\"]?\s{0,3}\|[^\n|]{0,40}chpasswd)")
_LOGINS = (("(", _LOGIN), ("password", _NETRC), ("chpasswd", _CHPASSWD))
_DATABASES = ("oracle", "sqlplus", "sqlldr", "expdp", "impdp", ":1521", "SQLPLUS", "ORACLE")

_HEADER = late(r"[\w\"'`. -]{2,60}")
_DELIMITERS = ("|", ",", ";", "\t")


def find_structured(text: str, positions: Sequence[int]) -> list[Span]:
    """Return the positions of secrets of every form; `positions` are those of sensitive words, in order."""
    forms = (hashes, inserted, bound, elements, web_keys, inputs, connections, logins)
    spans = [span for form in forms for span in form(text)]
    at, lines = 0, {-1}
    for position in positions:
        line = text.rfind("\n", 0, position) + 1
        if line not in lines:
            lines.add(line)
            spans += tables(text, line)
        if position >= at:
            start = position - len(name_before(text, position))
            inner = [*nested(text, start, position), *indented(text, start, position, line)]
            at = max((end for _, end in inner), default=position)
            spans += inner
    return [span for span in spans if MASK not in text[slice(*span)]]


def nested(text: str, start: int, position: int) -> Iterator[Span]:
    """Yield the values in a dictionary, a list or a call under the name from `start`, at any depth."""
    opened = _OPENED.match(text, position)
    name = _name(text[start : opened.end()]) if opened is not None else ""
    if opened is not None and _GROUP.search(name):
        yield from _leaves(text, opened.end() - 1, bool(_OWNED.search(name)))
    elif text[start - 1 : start] in ("<", ":", ";"):
        yield from _under_tag(text, start)


# The start of an element, escaped or not, and the parts of its content.
_TAG = late(r"(?P<name>(?:[\w-]{1,40}:)?[\w.-]{2,60})(?:\s[^<>&]{0,300})?(?:>|&gt;)")
_LEAF = late(
    r"(?:<|&lt;)(?:[\w-]{1,40}:)?(?P<tag>[\w.-]{1,60})(?:\s[^<>&]{0,300})?(?:>|&gt;)\s{0,60}(?:<!\[CDATA\[)?"
    r"(?P<text>[^<>&\n]{3,1000}?)\s{0,60}(?:\]\]>)?(?:</|&lt;/)"
    r"|\bvalue=(['\"])(?P<value>[^'\"\n<>]{3,1000})\3"
)


def _under_tag(text: str, start: int) -> Iterator[Span]:
    """Yield the values of the elements in an element with a sensitive name, at any depth."""
    tag = _TAG.match(text, start)
    if tag is None or not _GROUP.search(tag["name"].lower().replace("-", "_")):
        return
    ends = [at for mark in ("</", "&lt;/") if (at := text.find(f"{mark}{tag['name']}", tag.end())) >= 0]
    end = min(ends, default=tag.end() + _LONGEST)
    for leaf in _LEAF.finditer(text, tag.end(), min(end, tag.end() + _LONGEST)):
        group = "text" if leaf["tag"] else "value"
        if not _HARMLESS.search((leaf["tag"] or "").lower()) and not is_empty(leaf[group]):
            yield leaf.span(group)


def _name(text: str) -> str:
    """Return the name at the start of a text, in lower case, with `_` between its words."""
    return text[: len(text) - len(text.lstrip(_NAME))].lower().replace("-", "_")


_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def _leaves(text: str, start: int, is_owned: bool = False) -> Iterator[Span]:
    """Yield the values of a structure that begins at a bracket, except those under a harmless name.

    is_owned: the keys are owners of secrets, so that fewer of them are harmless
    """
    depth, key = 0, ""
    for token in _TOKENS.finditer(text, start, start + _LONGEST):
        kind = token.lastgroup
        depth += (kind == "open") - (kind == "close")
        if depth <= 0:
            return
        if kind == "pair":
            key = "" if depth == 1 else token["first"].lower()
            if _is_value(token["first"], False, True) and any(map(str.isdigit, token["first"])):
                yield token.span("first")
        elif kind in ("colon", "name"):
            key = (token["text"] or token["name"] or "").lower()
        elif kind not in ("open", "close"):
            group = "text" if token["quote"] else "bare"
            is_harmless = key and _HARMLESS.search(key) and not (is_owned and _OWNERS.search(key))
            if not is_harmless and _is_value(token[group], bool(key), bool(token["quote"])):
                yield token.span(group)


def _is_value(value: str, has_key: bool, is_quoted: bool) -> bool:
    if is_empty(value):
        return False
    has_digit = any(map(str.isdigit, value))
    if not is_quoted:
        return has_digit and any(map(str.isalpha, value)) and "." not in value
    return len(value) >= (3 if has_key else 8) and (has_key or has_digit or not value.isidentifier())


def indented(text: str, start: int, position: int, line: int) -> Iterator[Span]:
    """Yield YAML's block values, and the values nested below the name at `start` or in its section."""
    block = _BLOCK.match(text, position)
    if block is not None:
        name = text[start : block.end()].partition(":")[0].strip("'\"").lower()
        indent = len(text[line:start].rstrip("-'\""))
        if block["block"] and is_sensitive(name):
            yield from _read_indented(text, block.end() + 1, indent, lambda row: row)
        elif not block["block"] and _GROUP.search(name):
            yield from _read_indented(text, block.end() + 1, indent, _value_of)
        return
    section = _SECTION.match(text, position) if "[" in text[line:start] else None
    if section is not None:
        name = text[start : section.end()].partition("]")[0].lower().replace(" ", "_")
        if _GROUP.search(name.rpartition(".")[2]):
            yield from _read_indented(text, section.end() + 1, -1, _value_of)


def _read_indented(text: str, at: int, indent: int, value_of: Callable[[str], str]) -> Iterator[Span]:
    """Yield the values of the lines that are indented further than `indent`; for -1, those of a section."""
    for line in text[at : at + _LONGEST].split("\n")[:_MOST_LINES]:
        bare = line.lstrip("E>+ \t")
        is_item = indent >= 0 and bare.startswith("- ")
        is_over = bare.startswith("[") if indent < 0 else len(line) - len(bare) <= indent and not is_item
        if is_over or not bare:
            return
        value = value_of(bare.strip())
        if value:
            start = at + line.find(value)
            yield start, start + len(value)
        at += len(line) + 1


def _value_of(line: str) -> str:
    """Return the value of `name: value` if the name is not harmless, or of `- value`; empty for anything else."""
    pair = _PAIR.fullmatch(line)
    if pair is None:
        value = line[2:].strip("'\" ") if line.startswith("- ") else ""
        return value if len(value) >= 4 and " " not in value and any(map(str.isdigit, value)) else ""
    value = pair["value"].strip("'\",")
    is_plain = (
        (value.isalpha() and value == pair["value"]) or is_empty(value) or len(value) < 4 or value[0] in "{[|>"
    )
    return "" if is_plain or _HARMLESS.search(pair["name"].lower()) else value


def hashes(text: str) -> Iterator[Span]:
    """Yield the spans of password hashes, because a weak password can be recovered from its hash."""
    for mark, form in _HASHES:
        if mark in text:
            yield from (match.span() for match in form.finditer(text))


def inserted(text: str) -> Iterator[Span]:
    """Yield the values for sensitive columns of INSERT statements."""
    for match in _INSERT.finditer(text) if "VALUES" in text or "values" in text else ():
        end = text.find(")", match.end())
        values = _VALUES.finditer(text, match.end(), end if end >= 0 else match.end() + _LONGEST)
        yield from _of_columns(match[1], [value.span(value.lastindex or 0) for value in values])


def bound(text: str) -> Iterator[Span]:
    """Yield parameters of SQLAlchemy: for sensitive columns (INSERT), or quoted after a sensitive word."""
    for match in _PARAMETERS.finditer(text) if "[parameters: " in text else ():
        statement = text[max(0, match.start() - _LONGEST) : match.start()]
        statement = statement[statement.rfind("[SQL:") :]
        columns = _COLUMNS.search(statement)
        values = [value.span(value.lastindex or 0) for value in _VALUES.finditer(text, *match.span(1))]
        if columns and match[1][0] == "(":
            yield from _of_columns(columns[1], values)
        elif any(map(is_sensitive, _WORDS_OF.findall(statement.lower()))):
            yield from (span for span in values if text[span[0] - 1] in "'\"" and span[1] - span[0] >= 6)


def _of_columns(columns: str, values: Sequence[Span]) -> Iterator[Span]:
    names = [column.strip(' \t\n"`[]').rpartition(".")[2].lower() for column in columns.split(",")]
    return (span for name, span in zip(names, values, strict=False) if is_sensitive(name))


def elements(text: str) -> Iterator[Span]:
    """Yield the texts of XML and HTML elements with a sensitive name, attribute or neighbour."""
    for match in _ELEMENT.finditer(text) if "</" in text or "&lt;/" in text else ():
        name = next(filter(None, match.group("tag", "attribute", "text", "escaped")), "")
        name = name.strip().lower().replace(" ", "_").rpartition(".")[2]
        if is_sensitive(name) and not is_empty(match["value"].strip()):
            yield match.span("value")


def web_keys(text: str) -> Iterator[Span]:
    """Yield the private parts of JSON web keys."""
    for kind in islice(_KTY.finditer(text), _MOST_KEYS) if "kty" in text else ():
        start = max(0, text.rfind("{", 0, kind.start()))
        end = text.find("}", kind.end())
        yield from (
            match.span(1) for match in _PRIVATE.finditer(text, start, end if end >= 0 else start + _LONGEST)
        )


def inputs(text: str) -> Iterator[Span]:
    """Yield the inputs that pydantic and FastAPI show for a field with a sensitive name."""
    for match in _INPUT.finditer(text) if any(mark in text for mark in _INPUTS) else ():
        before = text[max(0, match.start() - _INPUT_BEFORE) : match.start()]
        location = before[max(before.rfind("\n", 0, max(0, before.rfind("\n"))), before.rfind("{"), 0) :]
        if any(map(is_sensitive, _WORDS_OF.findall(location.lower().replace(".", " ")))):
            yield match.span(2)


def connections(text: str) -> Iterator[Span]:
    """Yield the passwords of users in SQL, of PostgreSQL's password file and of Oracle's user/password@host."""
    if ":5432:" in text or ":*:" in text or ":postgres:" in text:
        yield from (match.span(1) for match in _PGPASS.finditer(text))
    if "IDENTIFIED" in text or "identified" in text:
        yield from (match.span(1) for match in _IDENTIFIED.finditer(text))
    if any(name in text for name in _DATABASES):
        yield from (match.span(1) for match in _SLASHED.finditer(text))


def logins(text: str) -> Iterator[Span]:
    """Yield the passwords that follow a user name."""
    for mark, form in _LOGINS:
        if mark in text:
            yield from (match.span("secret") for match in form.finditer(text))


def tables(text: str, start: int) -> Iterator[Span]:
    """Yield the cells below the sensitive columns of a table or of CSV, whose header is the line at `start`."""
    end = text.find("\n", start)
    line = text[start:end] if end >= 0 else ""
    delimiter = next((each for each in _DELIMITERS if each in line), "")
    if not delimiter or len(line) > 500 or "(" in line or "=" in line or line.endswith(","):
        return
    cells = [cell.strip(" \t\"'>") for cell in line.split(delimiter)]
    columns = [number for number, cell in enumerate(cells) if is_sensitive(cell.lower().replace(" ", "_"))]
    if columns and all(not cell or _HEADER.fullmatch(cell) for cell in cells):
        rows = text[end + 1 : end + 1 + _LONGEST].split("\n")[:_MOST_LINES]
        yield from _cells(rows, end + 1, delimiter, len(cells), columns)


def _cells(lines: Sequence[str], at: int, delimiter: str, count: int, columns: Sequence[int]) -> Iterator[Span]:
    for line in lines:
        cells = line.split(delimiter)
        is_ruler = not line.strip(" |+-:=E")
        if not is_ruler and (len(cells) != count or line.endswith(",")):
            return
        for column in columns if not is_ruler else ():
            value = cells[column].strip(" \t\"'")
            if len(value) >= 4 and not is_empty(value):
                before = delimiter.join([*cells[:column], ""])
                start = at + len(before) + cells[column].find(value)
                yield start, start + len(value)
        at += len(line) + 1

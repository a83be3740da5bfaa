"""Find secrets by their names: in assignments, dictionaries, headers and command lines.

Searches for sensitive words, then reads the name around each and the value next to it. The more sensitive the
name, the less the value must look like a secret: any value of `password` is removed, but one of `key` only if it
looks random, because many dictionaries have such a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, apply_mask

#: Words of sensitive names; a name that contains none of them is not sensitive.
WORDS = (
    *(
        "key",
        "token",
        "secret",
        "pass",
        "pwd",
        "auth",
        "cred",
        "dsn",
        "cookie",
        "session",
        "sig",
        "otp",
        "psw",
        "psk",
    ),
    # Sensitive words in other languages.
    *(
        "kennwort",
        "contrase",
        "clave",
        "senha",
        "wachtwoord",
        "parol",
        "haslo",
        "heslo",
        "losenord",
        "adgangskode",
    ),
    *("salasana", "jelszo", "sifre", "geheim", "mdp", "sandi", "mnemonic", "seed", "pepper", "pw"),
)
#: Sensitive words with characters outside of ASCII.
FOREIGN_WORDS = (
    *("hasło", "lösenord", "jelszó", "şifre", "пароль", "пароля", "парола", "κωδικ", "密码", "密碼", "口令"),
    *(
        "パスワード",
        "비밀번호",
        "암호",
        "المرور",
        "סיסמ",
        "khẩu",
        "รหัสผ่าน",
        "contraseñ",
        "parolă",
        "гасло",
        "pasahitz",
    ),
)

_WORD = late("|".join((*WORDS, *FOREIGN_WORDS)), re.IGNORECASE)
_DIGIT = late(r"\d")
_SURE = late(
    r"passw|passphrase|passcode|(?:require|store|key)pass$|masterauth|(?:^|[_-])pass(?:$|[_-]|\d)|pwd|secret|credential|authorization|cookie"
    r"|dsn|token(?!i[sz])|api[_-]?key|otp|"
    r"(?:access|account|private|signing|encryption|master|service|shared|auth|ssh|license|client|webhook|deploy"
    r"|admin|app|storage|subscription|consumer|session|host|aws|hmac|jwt|crypt|cipher|fernet|django|flask)"
    r"[_-]?key"
    r"|kennwort|contrase[nñ]|(?:^|[_-])clave$|(?:^|[_-])senha|wachtwoord|(?:^|[_-])parol|haslo|heslo|losenord|adgangskode"
    r"|salasana|jelszo|(?:^|[_-])sifre|geheim|passord|(?:^|[_-])mdp$|mot_?de_?passe|passe$|(?:^|[_-])sandi$|mnemonic|seed_?phrase"
    r"|(?:^|[_-])pepper$|(?:^|[_-])pw$|(?:^|[_-])psw$|(?:^|[_-])psk$|user_?pass|dbpass|" + "|".join(FOREIGN_WORDS)
)
# Last words of names that describe a secret without being one.
_ABOUT = late(
    r"(?:file|path|dir|url|uri|name|type|len|length|size|count|limit|max|min|field|header|prefix|suffix|class|func"
    r"|method|regex|pattern|validators?|hashers?|required|enabled|expir\w*|timeout|ttl|age|at|error|exception"
    r"|warning|policy|scheme|label|help|hint|prompt|provider|backend|manager|factory|store|error_?messages?"
    r"|samesite|domain|secure|httponly|version|algorithm|ids?|access_key_id|public[_-]?key|izer|ize)$"
)
_ORDINARY = late(
    r"author(?!i[sz])|monkey|keyboard|keyword|passed|passing|passive|passenger|bypass|compass"
    r"|design|assign|signal|tokeniz|authentic|credit"
)

# A line of a traceback may continue in the next line, after pytest's prefix.
_GAP = r"[ \t]{0,20}(?:\n[e>+-]?[ \t]{0,60})?"
# Thai writes vowels as combining characters, which are not letters to a regular expression.
_TAIL = late(r"[\w\u0e00-\u0e7f-]{0,60}")
_JOINT = late(
    rf"""
    (?:\x1b\[[\d;]{{0,20}}m)? (?P<quote>\\{{0,3}}['"])? \]? (?:
        {_GAP} (?: :[ \t]{{0,4}}[\w.\[\] |]{{1,40}}?[ \t]{{0,4}}=(?!=) | => | -> | := | [=!]= | [=:：] ) {_GAP}
        (?P<open>[\[({{])? (?:\n[e>]?[ \t]{{0,60}})?
      | (?: (?:,[^{{}}()<>\n]{{0,80}}?)?{_GAP}\\{{0,3}}['"]?(?:value|content|data)\\{{0,3}}['"]?[ \t]?[=:] ) {_GAP}
      | (?P<comma> ,{_GAP} )
      | (?P<is> [ \t](?:is|was)[ \t] )
      | (?P<call> \([ \t]{{0,4}}(?=[bru]?['"]) )
      | (?P<space> [ \t]{{1,4}} (?=[^\s=:-]) )
      | (?P<tag> > )
    )""",
    re.VERBOSE,
)
_VALUE = late(
    r"""
    (?:\x1b\[[\d;]{0,20}m)? (?:[bBrRuUfF]{1,2}(?=['"\\]))?
    (?: (?P<triple>'''|\"\"\") (?P<long>[\s\S]{1,4000}?) (?:(?P=triple)|\Z)
      | (?P<escape>\\{1,3}['"]) (?P<escaped>[^\n]{1,2000}?) (?:(?P=escape)|$)
      | ' (?P<single>[^'\\\n]*(?:\\.[^'\\\n]*)*)
      | " (?P<double>[^"\\\n]*(?:\\.[^"\\\n]*)*)
      | (?P<bare>[^\s\x1b'"(){}\[\],;<>&`]{1,4000})
    )""",
    re.VERBOSE | re.MULTILINE,
)
# A pair contains a user, quoted or not, and a password.
_PAIR = late(
    r"(?:[bru]?(\\{0,3}['\"])[^'\"\n]{0,200}\1|[\w.]{1,100}),\s{0,60}"
    r"[bru]?(\\{0,3}['\"])(?P<password>[^'\"\n]{3,500}?)(?=\2)"
)
_KEY_ENDS = late(r"\\{0,3}['\"]?[ \t]{0,4}(?::|=>|=(?!=))")
_CALL = late(r"\(\s{0,40}[bru]?(['\"])([^'\"\n]{1,2000})\1")
_WRAPPER = late(r"(?i)(?:secret\w*|str|bytes|quote\w*|masked\w*|sensitive\w*|password\w*|url|b64\w*)$")
# A literal that continues in the next line: implicit concatenation, as pprint writes long texts.
_CONTINUED = late(r"['\"][ \t]*(?:\+[ \t]*|\n[E>]?[ \t]*)[bru]?(?P<q>['\"])(?P<more>[^'\"\n]{1,2000})(?=(?P=q))")

_NOTHING = late(
    r"(?i)none|null|nil|true|false|undefined|unset|empty|notset|missing|str|int|bytes|bool|float|any|self|cls"
    r"|object"
    r"|[*x.•_-]+|[$%{<].*|\[redacted\].*|ellipsis|optional|required|lambda|not|await|yield|async"
)
_PLAIN = late(r"[A-Za-z]+(?:[ ._/-][A-Za-z]+)*[ .!?:]*")
_IDENTIFIER = late(r"[A-Za-z_]\w*(?:\.\w+)*\.?")
_ONE_PIECE = late(r"[\w~!@#$%^&*+=-]{0,400}/?[\w~!@#$%^&*+=-]{12,400}", re.ASCII)
_DIGITS = late(r"\d\D*\d")
_FOUR_LETTERS = late(r"(?:[A-Za-z][^A-Za-z]*){4}")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

# Characters that can follow a name before its value.
_JOINING = frozenset(" \t\n=:,>'\"](-\\!\x1b：")

#: Maximum number of values that are removed from the complete text, because each requires a search.
MAX_LEARNED = 20
#: Maximum number of sensitive words examined per text, a few microseconds each; a traceback has a few dozen.
MAX_POSITIONS = 500


class Assignment(NamedTuple):
    """The value of a name.

    name: the name, in lower case
    value: the value
    start: position of its first character in the text
    end: position after its last character in the text
    is_quoted: whether it is in quotes of any kind
    """

    name: str
    value: str
    start: int
    end: int
    is_quoted: bool


def redact_assignments(text: str, lowered: str, positions: Sequence[int]) -> tuple[str, list[str]]:
    """Return `text` without the values of sensitive names, and the values to remove elsewhere.

    lowered: `text` in lower case, of the same length
    positions: positions of sensitive words (`find_name_positions`)
    """
    if not positions:
        return text, []
    assignments = sorted(
        [*_find_assignments(text, lowered, positions[:MAX_POSITIONS]), *_find_literals(text)],
        key=lambda assignment: assignment.start,
    )
    values = [assignment.value for assignment in assignments if _is_distinct(assignment)]
    learned = list(dict.fromkeys([*values, *_find_compared(text, lowered)]))[:MAX_LEARNED]
    spans = [(assignment.start, assignment.end) for assignment in assignments]
    if len(positions) > MAX_POSITIONS:
        spans += _find_sensitive_lines(lowered, positions[MAX_POSITIONS])
    text = apply_mask(text, spans)
    for value in sorted(learned, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text, learned


def find_name_positions(lowered: str) -> list[int]:
    """Return the positions of words that occur in names of secrets, in order."""
    return find_positions(lowered, WORDS if lowered.isascii() else (*WORDS, *FOREIGN_WORDS))


def find_positions(lowered: str, words: Iterable[str]) -> list[int]:
    """Return the positions of words, in order; only the first positions of a very frequent word."""
    positions: list[int] = []
    for word in words:
        at = lowered.find(word)
        last = len(positions) + MAX_POSITIONS
        while at >= 0 and len(positions) <= last:
            positions.append(at)
            at = lowered.find(word, at + len(word))
    positions.sort()
    return positions


def _find_sensitive_lines(lowered: str, start: int) -> Iterator[Span]:
    """Yield complete lines with a sensitive word from `start` on, because too many follow to examine each."""
    at = start
    for line in lowered[start:].split("\n"):
        if any(word in line for word in WORDS):
            yield at, at + len(line)
        at += len(line) + 1


def _find_assignments(text: str, lowered: str, positions: Sequence[int]) -> Iterator[Assignment]:
    at = 0
    for position in positions:
        if position < at:
            continue
        # Read to the end of the name, because a further sensitive word in it belongs to the same name.
        at = _TAIL.match(lowered, position).end()  # type: ignore[union-attr]  # it also matches the empty string
        joint = _JOINT.match(lowered, at) if lowered[at : at + 1] in _JOINING else None
        if joint is not None:
            for assignment in (_read_assignment(text, lowered, position, joint), _read_pair(text, lowered, joint)):
                if assignment is not None:
                    at = assignment.end
                    yield assignment


# Text between two words that does not join a name and its value.
_LOOSE = frozenset({"comma", "space", "is", "tag", "call"})


def _read_assignment(text: str, lowered: str, position: int, joint: re.Match[str]) -> Assignment | None:
    """Return the value of the name at `position`; `None` if it is not a secret."""
    before = lowered[max(0, position - 60) : position]
    head = name_before(lowered, position)
    name = head.lstrip("-") + lowered[position : joint.start()]
    if joint.lastgroup in _LOOSE and not _is_joined(joint, head, before, text):
        return None
    value = _VALUE.match(text, joint.end())
    if value is None:
        return None
    kind = value.lastgroup or ""
    start, end = value.span(kind)
    if joint["open"] and _KEY_ENDS.match(text, value.end()):
        # The first key of a dictionary; `structures` examines its values.
        return None
    if kind == "bare":
        return _read_bare(text, name, joint, value)
    end = _find_end(text, end) if kind in ("single", "double") else end
    assignment = Assignment(name, text[start:end], start, end, True)
    in_list = joint["open"] == "[" and " " in assignment.value
    return (
        assignment
        if not in_list
        and _is_secret(name, assignment.value, joint.lastgroup in _LOOSE and not head.startswith("-"))
        else None
    )


def _read_bare(text: str, name: str, joint: re.Match[str], value: re.Match[str]) -> Assignment | None:
    """Return the unquoted value of a name, or the argument of a call; `None` if it is not a secret."""
    start, end = value.span("bare")
    if text.startswith("(", end):
        return _read_argument(text, name, value.group(), end)
    if _is_header(name) and joint.end("quote") == -1 and ":" in joint.group():
        end = _line_end(text, start)
    is_secret = _is_bare_secret(text, name, start, end)
    return Assignment(name, text[start:end], start, end, False) if is_secret else None


def _read_pair(text: str, lowered: str, joint: re.Match[str]) -> Assignment | None:
    """Return the password of `auth=('user', '...')`, as requests and httpx accept it."""
    if joint["open"] != "(" or not lowered.endswith("auth", 0, joint.start()):
        return None
    pair = _PAIR.match(text, joint.end())
    if pair is None or _NOTHING.fullmatch(pair["password"]):
        return None
    return Assignment("auth", pair["password"], *pair.span("password"), True)


def _is_joined(joint: re.Match[str], head: str, before: str, text: str) -> bool:
    """Return whether a name and the text after a comma, a blank, `is` or `>` belong together."""
    how, is_flag, at = joint.lastgroup, head.startswith("-"), joint.end()
    if how == "comma":
        return joint["quote"] is not None and (
            is_flag or before[: len(before) - len(head)].rstrip("'\"\\b").endswith("(")
        )
    if how == "space":
        return joint["quote"] is None and (is_flag or text[at] in "'\"`")
    if how == "call":
        return joint["quote"] is None and not _ASKS.search(before[len(before) - len(head) :])
    if how == "is":
        return text[at : at + 1] in ("'", '"')
    opened = before[: len(before) - len(head)].endswith("<")
    return opened and text.startswith("</", text.find("<", at))


# The argument of a function that looks up a secret is its name: `get_secret('db')`, `getpass('Password: ')`.
_ASKS = late(
    r"^(?:get|has|is|read|load|find|fetch|delete|remove|need|require|list|del|test|on|prompt|no)_?|^\\W*$"
)


# The argument of a function that sets or checks a password is the password. In SQL, the literal after such a word
# is the password.
_IS_SET = late(
    r"^(?:set|check|verify|change|reset|validate|hash|update)_?(?:\w+_)?(?:password|secret|passphrase)$|^password$"
)


def _read_argument(text: str, name: str, callee: str, at: int) -> Assignment | None:
    """Return the argument of `SecretStr('...')`; arguments of other functions are not values of the name."""
    inner = _CALL.match(text, at)
    if inner is None or not _WRAPPER.search(callee) or not _is_secret(name, inner[2]):
        return None
    return Assignment(name, inner[2], *inner.span(2), True)


def _find_end(text: str, end: int) -> int:
    while True:
        more = _CONTINUED.match(text, end)
        if more is None:
            return end
        end = more.end("more")


def _is_header(name: str) -> bool:
    return name.endswith(("authorization", "cookie"))


def _line_end(text: str, start: int) -> int:
    ends = [end for end in (text.find(mark, start) for mark in ("\n", "'", '"')) if end >= 0]
    return min(ends, default=len(text))


def _is_secret(name: str, value: str, is_pair: bool = False) -> bool:
    """Return whether a quoted value is a secret; `is_pair` is stricter, for a pair `('name', 'value')`."""
    if not value.strip() or _NOTHING.fullmatch(value):
        return False
    if _ORDINARY.search(name) or not _SURE.search(name) or _ABOUT.search(name):
        return _is_random(value)
    if is_pair and _IS_SET.search(name):
        return len(value) >= 4 and " " not in value
    if is_pair and (
        _PLAIN.fullmatch(value.replace("_", "-")) or (value.isidentifier() and not _DIGIT.search(value))
    ):
        return False
    # Short values of names with "token", such as 'NAME' and '<', are tokens of a parser. Passwords may be short.
    return len(value) >= 8 or (len(value) >= 3 and "token" not in name)


def _is_bare_secret(text: str, name: str, start: int, end: int) -> bool:
    value = text[start:end]
    if len(value) < 4 or _NOTHING.fullmatch(value) or text[end : end + 1] in ("(", "["):
        return False
    if _IDENTIFIER.fullmatch(value) and (_is_code(text, start, end) or _is_own_name(value)):
        return False
    if _ORDINARY.search(name) or not _SURE.search(name) or _ABOUT.search(name):
        return _is_random(value)
    if value.isdigit():
        return len(value) >= 6 and "token" not in name
    if _PLAIN.fullmatch(value):
        return len(value) >= 8 and text[start - 1] in "=:： " and not text[start - 2 : start].isspace()
    return True


def name_before(text: str, position: int) -> str:
    """Return the part of a name directly before a position in it."""
    before = text[max(0, position - 60) : position]
    return before[len(before.rstrip(_LETTERS)) :]


def is_sensitive(name: str) -> bool:
    """Return whether a lower-case name names a secret, and not a property of one."""
    return bool(_SURE.search(name)) and not _ORDINARY.search(name) and not _ABOUT.search(name)


def is_empty(value: str) -> bool:
    """Return whether a value is blank, or stands for a missing value, such as `None` or `null`."""
    return bool(_NOTHING.fullmatch(value)) or not value.strip()


def _is_own_name(value: str) -> bool:
    """Return whether a word is the name of a secret itself: `password=password`, `token: settings.api_token`."""
    return bool(_WORD.search(value)) and not _DIGIT.search(value)


def _is_code(text: str, start: int, end: int) -> bool:
    """Return whether a position is in source code outside of quotes, where a bare word is not a value."""
    begin = text.rfind("\n", 0, start) + 1
    if not text.startswith((">", "    "), begin):
        return False
    before = text[begin:start]
    return before.count('"') % 2 == 0 and before.count("'") % 2 == 0


def _is_random(value: str) -> bool:
    """Return whether a value looks random: long, without spaces, letters and digits mixed."""
    return bool(_ONE_PIECE.fullmatch(value) and _DIGITS.search(value) and _FOUR_LETTERS.search(value))


def _is_distinct(assignment: Assignment) -> bool:
    """Return whether a value can be removed everywhere in the text, and not only after its name."""
    value = assignment.value
    if len(value) < 8 or MASK in value or "\n" in value:
        return False
    return not _PLAIN.fullmatch(value) or (
        assignment.is_quoted and len(value) >= 10 and not _is_own_name(value) and " " not in value
    )


# A line of source with an assertion, as pytest and Python show it.
_ASSERTED = late(r"^(?:>[ \t]+|[ ]{4,})([^\n]*assert[^\n]*)", re.MULTILINE)
# The result of an assertion: pytest's explanation, or the message of an error.
_EXPLAINED = late(r"^(?:E[ \t]+)?(?:assert |[\w.]*(?:Error|Exception|Failed): )([^\n]*)", re.MULTILINE)
_WHERE = late(r"\+[ \t]+(?:where|and)[ \t]+[bru]?(['\"])([^\n]{8,2000}?)\1 = ([^\n]{1,500})")
_QUOTED = late(r"'([^'\n]{0,2000})'|\"([^\"\n]{0,2000})\"")


def _find_compared(text: str, lowered: str) -> Iterator[str]:
    """Yield values that an assertion shows without a name, if its source line contains a sensitive name."""
    if "assert" not in lowered:
        return
    if any(_is_sure(match[1]) for match in islice(_ASSERTED.finditer(text), MAX_LEARNED)):
        for match in islice(_EXPLAINED.finditer(text), MAX_LEARNED):
            for single, double in _QUOTED.findall(match[1]):
                if len(single or double) >= 8 and not _PLAIN.fullmatch(single or double):
                    yield single or double
    for match in islice(_WHERE.finditer(text), MAX_LEARNED):
        if _is_sure(match[3]) and not _PLAIN.fullmatch(match[2]):
            yield match[2]


# The name or call on one side of a comparison, and the literal on the other.
_COMPARISON = late(r"[ \t]{0,4}[=!]=[ \t]{0,4}")
_LITERAL_BEFORE = late(r"(['\"])(?P<value>[^'\"\n]{3,500})\1$")
_LITERAL_AFTER = late(r"[bru]?(['\"])(?P<value>[^'\"\n]{3,500})\1")
_NAME_AFTER = late(r"(?:await )?(?P<name>[A-Za-z_][\w.]{0,100})")
_CALL_BEFORE = late(r"(?<![\w.])(?P<name>[A-Za-z_][\w.]{0,100})\([^()'\"\n]{0,100}\)$")
_ASSERT_EQUAL = late(
    r"assert(?:Not)?Equals?\([ \t]{0,4}(?:"
    r"[bru]?(['\"])(?P<first>[^'\"\n]{3,500})\1,[ \t]{0,4}(?P<right>[A-Za-z_][\w.]{0,100})"
    r"|(?P<left>[A-Za-z_][\w.]{0,100})(?:\([^()'\"\n]{0,100}\))?,[ \t]{0,4}"
    r"[bru]?(['\"])(?P<second>[^'\"\n]{3,500})\5)"
)
#: Maximum number of characters between the beginning of a literal and the comparison operator after it.
_COMPARED_BEFORE = 520
_CALL_WIDTH = 210


def _find_literals(text: str) -> Iterator[Assignment]:
    """Yield literals that are compared with a sensitive name or call: `'x' == get_password()`."""
    for operator in islice(_COMPARISON.finditer(text), MAX_POSITIONS) if "==" in text or "!=" in text else ():
        start = max(text.rfind("\n", 0, operator.start()) + 1, operator.start() - _COMPARED_BEFORE)
        before, name = text[start : operator.start()], _NAME_AFTER.match(text, operator.end())
        literal = _LITERAL_BEFORE.search(before) if name and before.endswith(("'", '"')) else None
        if name and literal:
            at, end = literal.span("value")
            yield from _literal(name["name"], literal["value"], start + at, start + end)
            continue
        call = _CALL_BEFORE.search(before[-_CALL_WIDTH:]) if before.endswith(")") else None
        value = _LITERAL_AFTER.match(text, operator.end()) if call else None
        if call and value:
            yield from _literal(call["name"], value["value"], *value.span("value"))
    for match in islice(_ASSERT_EQUAL.finditer(text), MAX_POSITIONS) if "Equal" in text else ():
        group = "first" if match["right"] else "second"
        yield from _literal(match["right"] or match["left"], match[group], *match.span(group))


def _literal(name: str, value: str, start: int, end: int) -> Iterator[Assignment]:
    last = name.lower().rpartition(".")[2]
    if _is_sure(last) and not _ABOUT.search(last) and not _is_own_name(value) and _is_secret(last, value):
        yield Assignment(last, value, start, end, True)


def _is_sure(source: str) -> bool:
    lowered = source.lower()
    return bool(_SURE.search(lowered)) and not _ORDINARY.search(lowered)

"""Secrets that are known by the name they are given to: assignments, dictionaries, headers, command lines. Pure.

A name is looked for by the words in it, then read to both sides; what it is given is judged by how telling the
name is. `password = 'x'` goes whatever it is; what is given to `key` goes only if it looks drawn by lot, since
every other dictionary has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span, cover

#: A name that has none of these is of no interest.
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
    # In other languages.
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
#: And those that are not of ASCII.
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
# What the name of a secret ends with when it says something about it, not the secret itself.
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

# Where a line of a traceback goes on in the next one; there it begins with pytest's own mark.
_GAP = r"[ \t]{0,20}(?:\n[e>+-]?[ \t]{0,60})?"
# Thai writes vowels as marks, which are no letters to a regular expression.
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
# What a pair holds: a user, quoted or not, and a password.
_PAIR = late(
    r"(?:[bru]?(\\{0,3}['\"])[^'\"\n]{0,200}\1|[\w.]{1,100}),\s{0,60}"
    r"[bru]?(\\{0,3}['\"])(?P<password>[^'\"\n]{3,500}?)(?=\2)"
)
_KEY_ENDS = late(r"\\{0,3}['\"]?[ \t]{0,4}(?::|=>|=(?!=))")
_CALL = late(r"\(\s{0,40}[bru]?(['\"])([^'\"\n]{1,2000})\1")
_WRAPPER = late(r"(?i)(?:secret\w*|str|bytes|quote\w*|masked\w*|sensitive\w*|password\w*|url|b64\w*)$")
# The literal goes on in the next line: implicit concatenation, as pprint writes long texts.
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

# What can stand behind a name that is given something.
_JOINING = frozenset(" \t\n=:,>'\"](-\\!\x1b：")

#: What a text tells once is removed from all of it, for so many values at most: each is a search of the text.
MOST_LEARNED = 20
#: So many telling words are looked at in one text, some microseconds each; a traceback has a few dozen.
MOST_PLACES = 500


class Given(NamedTuple):
    """A value that a name is given, at `start` to `end` of the text; `is_quoted` in any kind of quotes."""

    name: str
    value: str
    start: int
    end: int
    is_quoted: bool


def named(text: str, lowered: str, places: Sequence[int]) -> tuple[str, list[str]]:
    """Return `text` without the values of sensitive names, and the values to search for elsewhere.

    lowered: `text` in small letters, as long as it
    places: where names may stand in it (`name_places`)
    """
    if not places:
        return text, []
    found = sorted([*_given(text, lowered, places[:MOST_PLACES]), *_literals(text)], key=lambda given: given.start)
    values = [given.value for given in found if _is_distinct(given)]
    learned = list(dict.fromkeys([*values, *_compared(text, lowered)]))[:MOST_LEARNED]
    spans = [(given.start, given.end) for given in found]
    if len(places) > MOST_PLACES:
        spans += _crowded(lowered, places[MOST_PLACES])
    text = cover(text, spans)
    for value in sorted(learned, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text, learned


def name_places(lowered: str) -> list[int]:
    """Return the positions of words that occur in names of secrets, in order."""
    return places_of(lowered, WORDS if lowered.isascii() else (*WORDS, *FOREIGN_WORDS))


def places_of(lowered: str, words: Iterable[str]) -> list[int]:
    """Return where telling words stand, in order: the first ones, if they are too many to look at each."""
    places: list[int] = []
    for word in words:
        at = lowered.find(word)
        last = len(places) + MOST_PLACES
        while at >= 0 and len(places) <= last:
            places.append(at)
            at = lowered.find(word, at + len(word))
    places.sort()
    return places


def _crowded(lowered: str, start: int) -> Iterator[Span]:
    """Yield whole lines that have a telling word, from `start` on: nobody reads so many, so none is judged."""
    at = start
    for line in lowered[start:].split("\n"):
        if any(word in line for word in WORDS):
            yield at, at + len(line)
        at += len(line) + 1


def _given(text: str, lowered: str, places: Sequence[int]) -> Iterator[Given]:
    at = 0
    for place in places:
        if place < at:
            continue
        # The name is read to its end: a further telling word in it is the same name.
        at = _TAIL.match(lowered, place).end()  # type: ignore[union-attr]  # it matches nothing too
        joint = _JOINT.match(lowered, at) if lowered[at : at + 1] in _JOINING else None
        if joint is not None:
            for given in (_look(text, lowered, place, joint), _paired(text, lowered, joint)):
                if given is not None:
                    at = given.end
                    yield given


# Ways in which a name and a value may stand side by side that are none of a name and its value.
_LOOSE = frozenset({"comma", "space", "is", "tag", "call"})


def _look(text: str, lowered: str, place: int, joint: re.Match[str]) -> Given | None:
    """Return what the name at `place` is given, `None` if it is nothing secret."""
    before = lowered[max(0, place - 60) : place]
    head = name_before(lowered, place)
    name = head.lstrip("-") + lowered[place : joint.start()]
    if joint.lastgroup in _LOOSE and not _is_joined(joint, head, before, text):
        return None
    value = _VALUE.match(text, joint.end())
    if value is None:
        return None
    kind = value.lastgroup or ""
    start, end = value.span(kind)
    if joint["open"] and _KEY_ENDS.match(text, value.end()):
        # The first key of a dictionary, whose values are looked for by `structures`.
        return None
    if kind == "bare":
        if text.startswith("(", end):
            return _wrapped(text, name, value.group(), end)
        if _is_header(name) and joint.end("quote") == -1 and ":" in joint.group():
            end = _line_end(text, start)
        return Given(name, text[start:end], start, end, False) if _is_bare_secret(text, name, start, end) else None
    end = _continued(text, end) if kind in ("single", "double") else end
    given = Given(name, text[start:end], start, end, True)
    in_list = joint["open"] == "[" and " " in given.value
    return (
        given
        if not in_list and _is_secret(name, given.value, joint.lastgroup in _LOOSE and not head.startswith("-"))
        else None
    )


def _paired(text: str, lowered: str, joint: re.Match[str]) -> Given | None:
    """Return the password of `auth=('user', '...')`, as requests and httpx are given it."""
    if joint["open"] != "(" or not lowered.endswith("auth", 0, joint.start()):
        return None
    pair = _PAIR.match(text, joint.end())
    if pair is None or _NOTHING.fullmatch(pair["password"]):
        return None
    return Given("auth", pair["password"], *pair.span("password"), True)


def _is_joined(joint: re.Match[str], head: str, before: str, text: str) -> bool:
    """Whether a name and what stands behind a comma, a space, `is` or `>` belong together."""
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


# A function that is asked for a secret is given its name: `get_secret('db')`, `getpass('Password: ')`.
_ASKS = late(
    r"^(?:get|has|is|read|load|find|fetch|delete|remove|need|require|list|del|test|on|prompt|no)_?|^\\W*$"
)


# What a function that sets or checks a password is given is one, and what SQL says behind the word.
_IS_SET = late(
    r"^(?:set|check|verify|change|reset|validate|hash|update)_?(?:\w+_)?(?:password|secret|passphrase)$|^password$"
)


def _wrapped(text: str, name: str, callee: str, at: int) -> Given | None:
    """Return what is inside of `SecretStr('...')`; what other functions are given is no value of the name."""
    inner = _CALL.match(text, at)
    if inner is None or not _WRAPPER.search(callee) or not _is_secret(name, inner[2]):
        return None
    return Given(name, inner[2], *inner.span(2), True)


def _continued(text: str, end: int) -> int:
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
    """Whether a quoted value is a secret; of a pair `('name', 'value')` one cannot be so sure."""
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
    # A parser's 'NAME' and a '<' are tokens; a password is secret however short.
    return len(value) >= 8 or (len(value) >= 3 and "token" not in name)


def _is_bare_secret(text: str, name: str, start: int, end: int) -> bool:
    value = text[start:end]
    if len(value) < 4 or _NOTHING.fullmatch(value) or text[end : end + 1] in ("(", "["):
        return False
    if _IDENTIFIER.fullmatch(value) and (_is_code(text, start, end) or _says_itself(value)):
        return False
    if _ORDINARY.search(name) or not _SURE.search(name) or _ABOUT.search(name):
        return _is_random(value)
    if value.isdigit():
        return len(value) >= 6 and "token" not in name
    if _PLAIN.fullmatch(value):
        return len(value) >= 8 and text[start - 1] in "=:： " and not text[start - 2 : start].isspace()
    return True


def name_before(text: str, place: int) -> str:
    """Return the part of a name directly before a position in it."""
    before = text[max(0, place - 60) : place]
    return before[len(before.rstrip(_LETTERS)) :]


def is_telling(name: str) -> bool:
    """Return whether a lower-case name names a secret, and not a property of one."""
    return bool(_SURE.search(name)) and not _ORDINARY.search(name) and not _ABOUT.search(name)


def is_empty(value: str) -> bool:
    """Return whether a value stands for no value."""
    return bool(_NOTHING.fullmatch(value)) or not value.strip()


def _says_itself(value: str) -> bool:
    """Whether a word is itself the name of a secret: `password=password`, `token: settings.api_token`."""
    return bool(_WORD.search(value)) and not _DIGIT.search(value)


def _is_code(text: str, start: int, end: int) -> bool:
    """Whether a place is in a line of source, outside of quotes: there a bare word is a name, not a value."""
    begin = text.rfind("\n", 0, start) + 1
    if not text.startswith((">", "    "), begin):
        return False
    before = text[begin:start]
    return before.count('"') % 2 == 0 and before.count("'") % 2 == 0


def _is_random(value: str) -> bool:
    """Whether a value looks drawn by lot: long, in one piece, letters and digits mixed."""
    return bool(_ONE_PIECE.fullmatch(value) and _DIGITS.search(value) and _FOUR_LETTERS.search(value))


def _is_distinct(given: Given) -> bool:
    """Whether a value may be removed wherever else the text has it, and not only under its name."""
    value = given.value
    if len(value) < 8 or MASK in value or "\n" in value:
        return False
    return not _PLAIN.fullmatch(value) or (
        given.is_quoted and len(value) >= 10 and not _says_itself(value) and " " not in value
    )


# A line of source that asserts, as pytest and Python show it.
_ASSERTED = late(r"^(?:>[ \t]+|[ ]{4,})([^\n]*assert[^\n]*)", re.MULTILINE)
# What came of it: pytest's explanation, or an error's own text.
_EXPLAINED = late(r"^(?:E[ \t]+)?(?:assert |[\w.]*(?:Error|Exception|Failed): )([^\n]*)", re.MULTILINE)
_WHERE = late(r"\+[ \t]+(?:where|and)[ \t]+[bru]?(['\"])([^\n]{8,2000}?)\1 = ([^\n]{1,500})")
_QUOTED = late(r"'([^'\n]{0,2000})'|\"([^\"\n]{0,2000})\"")


def _compared(text: str, lowered: str) -> Iterator[str]:
    """Yield values that an assertion shows without a name, where its line of source has one that tells."""
    if "assert" not in lowered:
        return
    if any(_is_sure(match[1]) for match in islice(_ASSERTED.finditer(text), MOST_LEARNED)):
        for match in islice(_EXPLAINED.finditer(text), MOST_LEARNED):
            for single, double in _QUOTED.findall(match[1]):
                if len(single or double) >= 8 and not _PLAIN.fullmatch(single or double):
                    yield single or double
    for match in islice(_WHERE.finditer(text), MOST_LEARNED):
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
#: A literal of a comparison begins at most this many characters before its operator.
_COMPARED_BEFORE = 520
_CALL_WIDTH = 210


def _literals(text: str) -> Iterator[Given]:
    """Yield literals that are compared with a sensitive name or call: `'x' == get_password()`."""
    for operator in islice(_COMPARISON.finditer(text), MOST_PLACES) if "==" in text or "!=" in text else ():
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
    for match in islice(_ASSERT_EQUAL.finditer(text), MOST_PLACES) if "Equal" in text else ():
        group = "first" if match["right"] else "second"
        yield from _literal(match["right"] or match["left"], match[group], *match.span(group))


def _literal(name: str, value: str, start: int, end: int) -> Iterator[Given]:
    last = name.lower().rpartition(".")[2]
    if _is_sure(last) and not _ABOUT.search(last) and not _says_itself(value) and _is_secret(last, value):
        yield Given(last, value, start, end, True)


def _is_sure(source: str) -> bool:
    lowered = source.lower()
    return bool(_SURE.search(lowered)) and not _ORDINARY.search(lowered)

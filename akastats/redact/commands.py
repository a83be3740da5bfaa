"""Redact passwords in command lines, after the options of known commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from akastats.redact.lazy_patterns import late
from akastats.redact.mask import MASK, Span

# Commands, and for each the letter of its password option.
_COMMANDS = {
    **dict.fromkeys(
        (
            "mysql",
            "mariadb",
            "sshpass",
            "docker login",
            "podman login",
            "az login",
            "oc login",
            "twine",
            "cqlsh",
            "mongosh",
            "mongo",
            "7z",
            "zip -",
        ),
        "p",
    ),
    **dict.fromkeys(("redis-cli", "valkey-cli"), "a"),
    **dict.fromkeys(("ldapsearch", "ldapmodify", "ldapadd"), "w"),
    **dict.fromkeys(("curl", "wget", "http "), "u"),
    **dict.fromkeys(("sqlcmd", "unzip"), "P"),
}
# ` -p x`, ` -px`, `'-p', 'x'`.
_OPTION = r"(?<=[\s'\"\[])(-{letter}(?:['\"],\s?['\"]|\s{{1,4}}|=|(?=[^\s'\"])))([^\s'\",\]]{{1,500}})"
_OPTIONS = {letter: late(_OPTION.format(letter=letter)) for letter in set(_COMMANDS.values())}
_USER = late(r"(--(?:proxy-)?user(?:['\"],\s?['\"]|\s{1,4}|=)['\"]?[^\s:'\"]{1,200}:)([^\s'\"]{1,500})")


# In any command, a value of these options is a secret if it mixes letters with digits or punctuation.
_ANY = late(
    r"(?<=[\s'\"])((?:-(?:p|P|pw|hp|passin|pass)(?:['\"],\s?['\"]|[ =]|(?=\S))|/p(?:ass(?:word)?)?:)(?:pass:)?)"
    r"(?=[^\s'\"]*\d)(?=[^\s'\"]*[A-Za-z])((?!\d+:\d|no:|[./~]|\w+[./=])[^\s'\",\]]{6,500})"
)
_USER_OF_ANY = late(r"(?<=\s)(-(?:a|u|U) ['\"]?[\w.@-]{1,60}[:%,])([^\s'\"/]{4,500})")


# Redis: the password of a server, and passwords that clients send. SMTP mechanisms are in capitals: AUTH CRAM-MD5.
_REQUIREPASS = late(r"(?i)(?<![\w-])((?:requirepass|masterauth)['\"]?,?[ \t]{1,4}['\"]?)([^\s'\",;=]{3,500})")
_AUTH = late(
    r"(?<![\w-])(AUTH['\"]?,?[ \t]{1,4}"
    r"(?:['\"]?(?![A-Z\d-]{2,20}\s)[\w.@-]{1,60}['\"]?,?[ \t]{1,4}(?=['\"]?[^\s'\",]{3,500}"
    r"['\")\]]{0,3}"
    r"(?:\s*$)))?['\"]?)(?![A-Z\d-]{1,20}(?![\w-]))(?=[^\s'\",]*[\d!#$%^&*~+?@-])([^\s'\",()]{4,500})(?![(\w])",
    re.MULTILINE,
)
_SETUSER = late(r"(?i)(?<=setuser)(?P<rules>[^\n]{1,500})")
_RULE = late(r"(?<=[\s'\"])([><#!])([^\s'\",]{3,500})")
_LITERAL = late(r"(--from-literal(?:=|['\"],[ ]?['\"]|[ ])['\"]?[\w.-]{1,100}=)([^\s'\",\]]{3,500})")


def _servers(text: str, lowered: str) -> str:
    """Return `text` without the passwords in commands for Redis, and without literals of Kubernetes secrets."""
    if "requirepass" in lowered or "masterauth" in lowered:
        text = _REQUIREPASS.sub(rf"\1{MASK}", text)
    if "AUTH" in text:
        text = _AUTH.sub(rf"\1{MASK}", text)
    if "setuser" in lowered:
        text = _SETUSER.sub(lambda match: _RULE.sub(rf"\1{MASK}", match["rules"]), text)
    return _LITERAL.sub(rf"\1{MASK}", text) if "--from-literal" in text else text


def redact_commands(text: str) -> str:
    """Return `text` without the passwords that commands accept as an option or after a word."""
    text = _servers(text, text.lower())
    if any(mark in text for mark in (" -p", " -P", " -hp", "'-p", '"-p', "'-P", " /p")):
        text = _ANY.sub(rf"\1{MASK}", text)
    if any(mark in text for mark in (" -u ", " -U ", " -a ")):
        text = _USER_OF_ANY.sub(rf"\1{MASK}", text)
    spans = {_line_at(text, at) for command in _COMMANDS if command in text for at in _all(text, command)}
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}{_line(text[start:end])}{text[end:]}"
    return text


#: Maximum number of lines examined per command.
_MOST_LINES = 100


def _all(text: str, command: str) -> Iterator[int]:
    at = text.find(command)
    for _ in range(_MOST_LINES):
        if at < 0:
            return
        yield at
        at = text.find(command, at + len(command))


def _line_at(text: str, at: int) -> Span:
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, end if end >= 0 else len(text)


def _line(line: str) -> str:
    for letter in dict.fromkeys(letter for command, letter in _COMMANDS.items() if command in line):
        line = _OPTIONS[letter].sub(rf"\1{MASK}", line)
    return _USER.sub(rf"\1{MASK}", line) if "--" in line else line

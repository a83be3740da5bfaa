"""Passwords in command lines, under the one-letter options of commands that are known to have one. Pure."""

from __future__ import annotations

from akastats.redact.late import late
from akastats.redact.mask import MASK

# Command, and the letter behind which its password stands.
_COMMANDS = {
    **dict.fromkeys(("mysql", "mariadb", "sshpass", "docker login", "podman login", "mongo", "7z", "zip -"), "p"),
    **dict.fromkeys(("redis-cli", "valkey-cli"), "a"),
    **dict.fromkeys(("ldapsearch", "ldapmodify", "ldapadd"), "w"),
    **dict.fromkeys(("curl", "wget", "http "), "u"),
    **dict.fromkeys(("sqlcmd", "unzip"), "P"),
}
# ` -p x`, ` -px`, `'-p', 'x'`.
_OPTION = r"(?<=[\s'\"\[])(-{letter}(?:['\"],\s?['\"]|\s{{1,4}}|=|(?=[^\s'\"])))([^\s'\",\]]{{1,500}})"
_OPTIONS = {letter: late(_OPTION.format(letter=letter)) for letter in set(_COMMANDS.values())}
_USER = late(r"(--(?:proxy-)?user(?:['\"],\s?['\"]|\s{1,4}|=)['\"]?[^\s:'\"]{1,200}:)([^\s'\"]{1,500})")


def commands(text: str) -> str:
    """Return `text` without the passwords that commands in it are given by a letter."""
    letters = {letter for command, letter in _COMMANDS.items() if command in text}
    if not letters:
        return text
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    for letter in dict.fromkeys(letter for command, letter in _COMMANDS.items() if command in line):
        line = _OPTIONS[letter].sub(rf"\1{MASK}", line)
    return _USER.sub(rf"\1{MASK}", line) if "--" in line else line

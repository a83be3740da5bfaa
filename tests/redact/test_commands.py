"""Passwords in command lines."""

from __future__ import annotations

import pytest

from akastats.redact.commands import redact_commands
from akastats.redact.mask import MASK


@pytest.mark.parametrize(
    "command",
    [
        "mysql -u me -phunter22 db",
        "redis-cli -a hunter22 ping",
        "['redis-cli', '-a', 'hunter22', 'ping']",
        "ldapsearch -w hunter22 -b dc=x",
        "curl --user me:hunter22 https://host/",
        "unzip -P hunter22 a.zip",
        "tool -p hunter22",
        "requirepass hunter22",
        "AUTH hunter22",
        "ACL SETUSER me on >hunter22 ~*",
        "kubectl create secret generic x --from-literal=key=hunter22",
    ],
)
def test_a_password_of_a_command_is_removed(command: str) -> None:
    """The command and its other arguments stay."""
    before, after = command.split("hunter22")

    redacted = redact_commands(command)

    assert redacted.startswith(before + MASK)
    assert redacted.endswith(after)
    assert "hunter" not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "mkdir -p build/reports",
        "docker run -p 8080:80 web",
        "redis-cli ping",
        "AUTH CRAM-MD5",
        "pytest -p no:cacheprovider -n 2",
        "python -u script.py",
    ],
)
def test_other_options_stay(text: str) -> None:
    """Ports, paths and plugins are not passwords."""
    assert text == redact_commands(text)


def test_each_line_is_examined_alone() -> None:
    """A command does not make options of the next line sensitive."""
    assert redact_commands("redis-cli -a hunter22\nls -a folder") == f"redis-cli -a {MASK}\nls -a folder"

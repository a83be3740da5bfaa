"""The command itself: without its extra, its help and its version."""

from __future__ import annotations

import subprocess
import sys

import pytest

from akastats import __version__
from akastats.cli import main

WITHOUT = """
import sys
for name in {missing!r}.split():
    sys.modules[name] = None
from akastats.cli import main
main()
"""


@pytest.mark.parametrize("missing", ["typer", "rich", "fastapi", "uvicorn", "typer rich fastapi uvicorn"])
def test_without_the_extra_one_line_says_what_to_install(missing, server):
    """The base installation contains the command, which names the extra to install."""
    code = WITHOUT.format(missing=missing)

    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--port=0", "--url", server],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert 'pip install "pytest-akastats[api]"' in done.stderr


def test_the_package_needs_nothing_to_be_imported():
    """`akastats.cli` imports nothing from the extra."""
    code = "import sys, akastats.cli; print({'typer', 'rich', 'fastapi', 'uvicorn', 'redis'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_reading_commands_do_not_wait_for_fastapi():
    """Only `serve` imports FastAPI, which takes 0.3 s."""
    code = "import sys, akastats.cli.app; print({'fastapi', 'uvicorn'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_version(akastats):
    """`--version` prints the version."""
    assert akastats("--version").out == f"akastats {__version__}\n"


def test_help_names_every_command(akastats):
    """`--help` lists every command."""
    output = akastats("--help").out

    assert all(
        name in output
        for name in ("serve", "runs", "show", "slowest", "report", "drain", "doctor", "import", "export")
    )


def test_a_wrong_use_is_2(akastats):
    """A wrong option has another exit code than a failed command."""
    assert akastats("runs", "--nope").code == 2


def test_unreachable_server_names_the_remedies_of_a_command(akastats):
    """The message names options and variables, not `attach()`, which a command cannot call."""
    answer = akastats("runs", "--url", "redis://127.0.0.1:1")

    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "set AKA_STATS_REDIS_URL, pass --url, or call attach()" in answer.err


def test_an_unexpected_error_is_one_line(monkeypatch, capsys):
    """The line contains error, location and remedy, without a traceback."""
    monkeypatch.setattr(sys, "argv", ["akastats", "runs"])
    monkeypatch.setattr("akastats.cli.targets.resolve", lambda *_: [][0])

    with pytest.raises(SystemExit) as end:
        main()

    written = capsys.readouterr().err
    assert end.value.code == 1
    assert written.startswith("akastats: unexpected IndexError: list index out of range (test_app.py:")
    assert written.count("\n") == 1

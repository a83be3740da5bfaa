"""Untrusted text in the output of commands, on a terminal and in a file, is visible and has no effect."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from akastats.spool.shipper_answer import decode as decode_answer
from akastats.spool.shipper_state import DONE, FAILED, SILENT, State
from pytest_akastats import summary
from tests.delivered_runs import spool

# Control characters (C0 and C1), bidirectional marks and line ends: they move, colour, hide or reorder text.
SEQUENCES = (
    "\x1b]8;;http://evil.example\x07",
    "\x1b[2J",
    "\x1b[5;7m",
    "\x9b31m",
    "\x85",
    "\x7f",
    "\r",
    "\n",
    "\t",
)
LETTERS = ("\u202e", "\u2066", "\u2028", "\u200b", "\ufeff", "\ue000", "\x08", "\x0c")
# File names and arguments cannot contain the first one.
NUL = "\x00"
HOSTILE = "".join((*SEQUENCES, *LETTERS))
IN_A_NAME = HOSTILE.replace("/", "")

# Colours of the commands: attributes 0 and 1, and the eight foreground colours.
OUR_COLOURS = re.compile(r"\x1b\[(?:[01]|3[0-7])(?:;(?:[01]|3[0-7]))*m")
# A progress bar, from hiding the cursor to its removal: it contains only a title and numbers.
OUR_BAR = re.compile(r"\x1b\[\?25l([ \w%:━╸╺-]|\r|\n|\x1b\[[\d;]*[mKA])*\x1b\[\?25h\r?(\x1b\[1A)?(\x1b\[2K)?")


def shown_raw(output: str, is_terminal: bool) -> list[str]:
    """Return the control characters in an output that do not belong to the commands."""
    output = output.replace("\r\n", "\n") if is_terminal else output
    plain = OUR_COLOURS.sub("", OUR_BAR.sub("", output)) if is_terminal else output
    return [character for character in plain if not character.isprintable() and character != "\n"]


@pytest.mark.parametrize("character", [*SEQUENCES, *LETTERS, NUL])
def test_the_check_sees_what_is_raw(character):
    """Each of the hostile sequences is detected, on a terminal too."""
    if character != "\n":
        assert shown_raw(f"a{character}b", is_terminal=True)


# Many commands run in one process, because its start takes longer than a command.
COMMANDS = """
import json, os, sys
from akastats.cli.app import run
for arguments in json.loads(os.environ["COMMANDS"]):
    sys.argv = ["akastats", *arguments]
    code = run()
    assert code in (0, 1, 2), (arguments, code)
    sys.stdout.flush()
"""

Commands = Callable[..., str]


@pytest.fixture(params=["file", "terminal"])
def run(request, project) -> Commands:
    """Run commands in the project with a file or a terminal as output; return the checked output."""

    def commands(*argument_lists: tuple[str, ...], cwd: Path = project, **variables: str) -> str:
        is_terminal = request.param == "terminal"
        ours, theirs = pty.openpty() if is_terminal else os.pipe()
        settings = {"PYTHONWARNINGS": "", "TERM": "xterm-256color", "COMMANDS": json.dumps(argument_lists)}
        process = subprocess.Popen(
            [sys.executable, "-c", COMMANDS],
            cwd=cwd,
            env={**os.environ, **settings, **variables},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        output = _all_of(ours).decode("utf-8", "surrogateescape")
        assert process.wait(60) == 0, output
        assert "Traceback" not in output, output
        assert shown_raw(output, is_terminal) == [], output
        return output

    return commands


def _all_of(descriptor: int) -> bytes:
    read = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the end of a terminal
            part = b""
        if not part:
            os.close(descriptor)
            return read
        read += part


@pytest.fixture
def hostile(project, server) -> str:
    """A spool in which every text is hostile, in a directory with a hostile name; the node id of its test."""
    nodeid = f"tests/test_{HOSTILE}{NUL}.py::test_a[{HOSTILE}{NUL}]"
    text = f"def test():\n>       raise\nE       {HOSTILE}{NUL}Error: {HOSTILE}\n\na{HOSTILE}.py:3: {HOSTILE}Error"
    fields = {name: f"{name}{HOSTILE}{NUL}" for name in ("branch", "commit", "build_url", "job", "host", "argv")}
    spool(
        project / ".akastats" / "spool",
        [(nodeid, "failed", 1.5, text), (f"b{HOSTILE}", "passed", 0.5)],
        run_id=f"20231114T221320000-{IN_A_NAME}",
        fixtures=[[f"base{HOSTILE}", f"name{HOSTILE}{NUL}", f"scope{HOSTILE}", 1, 0.5, 0.5]],
        suite="",
        destination={"server": server, "namespace": "AKA-STATS"},
        **fields,
    )
    return nodeid.replace(NUL, "")


def test_what_was_recorded_is_shown_and_does_nothing(run, hostile, server):
    """Every command that shows a hostile run prints its escapes."""
    url = ("--url", server)
    run_id = f"20231114T221320000-{IN_A_NAME}"

    output = run(
        ("drain",),
        ("runs", *url),
        ("runs", "--branch", f"branch{HOSTILE}", *url),
        ("slowest", *url),
        ("slowest", "--fixtures", *url),
        ("slowest", "--run", run_id, *url),
        ("show", run_id, *url),
        ("show", hostile, *url),
        ("show", f"b{HOSTILE}", *url),
        ("doctor", *url),
        ("runs", "--json", *url),
        ("slowest", "--json", *url),
        ("show", f"b{HOSTILE}", "--json", *url),
        ("drain", "--json"),
        ("doctor", "--json", *url),
    )

    assert output.count("\\x1b[2J") >= 8
    assert output.count("\\u202e") >= 8


def test_what_goes_wrong_is_shown_and_does_nothing(run, project, server):
    """Errors quote file names, options, labels and servers visibly."""
    folder = project / f"x{IN_A_NAME}"
    (folder / ".akastats" / "spool").mkdir(parents=True)
    (folder / ".akastats" / "spool" / f"1-{IN_A_NAME}-1-{'a' * 32}.aks").write_text(f"nothing{HOSTILE}\n")
    broken = project / "broken"
    broken.mkdir()
    (broken / "pytest.ini").write_text(f"[pytest\n{HOSTILE}")
    spool(project / ".akastats" / "spool", destination={"server": f"redis://{HOSTILE}/", "namespace": HOSTILE})

    output = run(
        ("drain", str(folder)),
        ("drain", f"none{HOSTILE}"),
        ("drain",),
        ("drain", "--to", f"redis://{HOSTILE}"),
        ("drain", "--to", f"embedded:{HOSTILE}/x"),
        ("doctor", "--dir", str(folder)),
        ("doctor",),
        ("doctor", "--json"),
        ("runs", "--dir", f"none{HOSTILE}"),
        ("runs", "--url", f"redis://{HOSTILE}"),
        ("runs", "--url", f"unix:///none{HOSTILE}"),
        ("runs", "--namespace", HOSTILE, "--url", server),
        ("runs", "--suite", HOSTILE, "--url", server),
        ("show", HOSTILE, "--url", server),
        (f"--nope{HOSTILE}",),
        (f"nope{HOSTILE}",),
        ("runs", f"--nope{HOSTILE}"),
        ("runs", "--limit", HOSTILE),
        ("runs", f"extra{HOSTILE}"),
        ("serve", "--host", HOSTILE),
        ("serve", "--port", HOSTILE),
    )

    assert output.count("\\u202e") >= 12
    run(("runs",), cwd=broken)
    run(("runs",), AKA_STATS_REDIS_URL=f"redis://{HOSTILE}")
    run(("runs", "--url", server), AKA_STATS_TIMEZONE=HOSTILE)


@pytest.mark.parametrize("phase", [DONE, FAILED, SILENT])
def test_the_block_at_the_end_shows_and_does_nothing(phase, tmp_path):
    """The summary of a hostile run, server and error in pytest's terminal."""
    hostile = f"{HOSTILE}{NUL}"
    row = {"name": f"a.py::test{hostile}", "seconds": 1.0, "usual": None, "points": 0}
    answer = decode_answer({"run": hostile, "counts": {"tests": 1}, "tests": [row], "fixtures": [row]})
    state = State(phase=phase, server=f"unix://{hostile}", message=hostile, notice=hostile, answer=answer)

    block = list(summary.format_summary(state, hostile, tmp_path / IN_A_NAME / "x.aks", 0))

    assert len(block) >= 2
    assert [line for line in block if not line.isprintable()] == []


def test_a_hostile_suite_is_shown_and_does_nothing(pytester, server):
    """The lines of akastats in a real run, for which pytest does not escape node ids."""
    pytester.makeini("[pytest]\ndisable_test_id_escaping_and_forfeit_all_rights_to_community_support = true\n")
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.parametrize('a', [{HOSTILE!r}])\ndef test(a): assert not a\n"
    )

    result = pytester.runpytest_subprocess("--akastats", "--akastats-wait=60", f"--akastats-url={server}")

    text = result.stdout.str()
    ours = text[text.index("akastats: 1 test recorded") : text.index("more: akastats serve")]
    assert "\\u202e" in ours
    assert shown_raw(ours, is_terminal=False) == []

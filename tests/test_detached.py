"""Detached processes, and how their start time distinguishes them from later ones with the same number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import akastats
from akastats import detached
from akastats.errors import AkastatsError

PROBE = """
import json, os, sys
facts = {"argv": sys.argv, "parent": os.getppid(), "session": os.getsid(0), "cwd": os.getcwd(),
         "path": sys.path, "environ": dict(os.environ), "files": os.listdir("/proc/self/fd"),
         "name": __name__, "prefix": sys.prefix, "command": open("/proc/self/cmdline").read().split("\\0")[:-1],
         "streams": [os.readlink(f"/proc/self/fd/{n}") for n in range(3)]}
import runpy, redis
facts["modules"] = [runpy.__file__, redis.__file__]
with open(sys.argv[1] + ".new", "w") as file: json.dump(facts, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """Start a module that writes down how it finds itself, and return that."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "probe_of_detached.py").write_text(PROBE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))

    def run(**options):
        detached.start("probe_of_detached", str(tmp_path / "facts"), "two words; $x", **options)
        deadline = time.monotonic() + 10
        while not (tmp_path / "facts").exists():
            assert time.monotonic() < deadline, "the probe wrote nothing"
            time.sleep(0.01)
        return json.loads((tmp_path / "facts").read_text())

    return run


def children():
    """Return the numbers of our child processes, zombies too."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_it_is_not_our_child_and_has_its_own_session(probe):
    """The process is another's child in another session, and its shell leaves no zombie with us."""
    before = children()

    facts = probe()

    assert facts["parent"] != os.getpid()
    assert facts["session"] not in (os.getsid(0), 0)
    assert children() == before


def test_it_runs_the_module_with_its_arguments(probe, tmp_path):
    """The module runs as a program and sees its arguments unharmed by the shell."""
    facts = probe()

    assert facts["name"] == "__main__"
    assert facts["argv"][1:] == [str(tmp_path / "facts"), "two words; $x"]


def test_its_command_line_gives_no_path_away(probe, tmp_path, monkeypatch):
    """Every user of a machine can read it: neither arguments nor the project's place stand in it."""
    monkeypatch.setenv("PATH", f"/usr/bin:{tmp_path}")

    facts = probe(environment={"SECRET": "word"})

    python, option, _, module = facts["command"]
    assert (python, option, module) == (Path(sys.executable).name, "-c", "probe_of_detached")
    assert not [part for part in facts["command"] if str(tmp_path) in part or "/" in part.replace("\n", "")]
    assert (facts["prefix"], facts["environ"]["PATH"]) == (sys.prefix, f"/usr/bin:{tmp_path}")
    assert "AKA_STATS_DETACHED" not in facts["environ"]


def test_a_path_with_colons_is_used_completely():
    """No PATH leads to it."""
    assert detached._program("/a:b/python", "/bin") == ("/a:b/python", "/bin")
    assert detached._program("/a/python", "/bin") == ("python", "/a:/bin")


def test_it_holds_nothing_of_ours(probe):
    """The process inherits none of our descriptors, no terminal and not our directory."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)

    facts = probe()

    assert facts["cwd"] == "/"
    assert facts["streams"] == ["/dev/null"] * 3
    # The fourth is the directory being listed.
    assert len(facts["files"]) == 4
    os.close(reading)
    os.close(writing)


def test_named_descriptor_is_inherited(probe, tmp_path):
    """A descriptor that is handed over stays open under its number."""
    with (tmp_path / "handed").open("w") as file:
        facts = probe(inherited=[file.fileno()])

        assert str(file.fileno()) in facts["files"]


def test_modules_of_the_working_directory_do_not_win(probe, tmp_path, monkeypatch):
    """A project's own redis.py or runpy.py is not imported; the directory of akastats comes first."""
    for name in ("redis.py", "runpy.py", "akastats.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)

    facts = probe()

    assert facts["path"][0] == str(Path(detached.__file__).resolve().parents[1])
    assert "" not in facts["path"]
    assert not any(module.startswith(str(tmp_path)) for module in facts["modules"])


def test_what_our_process_imports_it_can_import(probe, tmp_path, monkeypatch):
    """A .pex puts redis-py on the path from a directory of its own; only a project does not win."""
    parts, project = tmp_path / "parts", tmp_path / "project"
    (parts / "redis" / "_parsers").mkdir(parents=True)
    (parts / "redis" / "__init__.py").touch()
    project.mkdir()
    (project / "redis.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.setattr(sys, "path", [str(project), "", "relative", *sys.path, str(parts), tmp_path])

    facts = probe()

    # Installed from a wheel, we are in one directory with a redis-py, which stands first then.
    ours = Path(akastats.__file__).parents[1]
    own = next(at for at, entry in enumerate(facts["path"]) if entry.endswith("-packages"))
    first = ours if (ours / "redis").is_dir() else parts
    assert str(first / "redis" / "__init__.py") == facts["modules"][1]
    assert facts["path"].index(str(first)) <= own < facts["path"].index(str(project))
    assert facts["path"].index(str(parts)) < facts["path"].index(str(project))
    assert not {"", "relative"} & set(facts["path"])
    assert not [name for name in facts["environ"] if name.startswith("AKA_STATS_PATH")]


def test_environment_loses_harmful_variables_and_gains_the_passed_ones(probe, monkeypatch):
    """Coverage's, pytest's and Python's meddling variables are removed; given ones are added."""
    meddling = ["COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COV_CORE_SOURCE", "PYTEST_ADDOPTS"]
    meddling += ["PYTEST_XDIST_WORKER", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONINSPECT"]
    for name in meddling:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KEPT", "yes")

    facts = probe(environment={"SECRET": "word"})

    assert not set(meddling) & set(facts["environ"])
    assert (facts["environ"]["KEPT"], facts["environ"]["SECRET"]) == ("yes", "word")


def test_shell_that_cannot_fork_is_an_error(monkeypatch):
    """Where no process can be started the caller hears of it, instead of waiting for one that never comes."""
    monkeypatch.setattr(detached, "_SHELL", "exit 2")

    with pytest.raises(AkastatsError, match="exit code 2"):
        detached.start("probe_of_detached")


def test_patched_subprocess_is_not_used(probe, monkeypatch):
    """A project that has put its own Popen into subprocess does not keep us from starting."""
    monkeypatch.setattr(subprocess, "Popen", None)

    facts = probe()

    assert facts["name"] == "__main__"


def test_running_process_is_identified_by_its_start_time():
    """A process runs under its own mark, or an unknown one, and not under that of an earlier process."""
    pid = os.getpid()
    mark = detached.read_start_time(pid)

    assert mark
    assert detached.is_running(pid, mark)
    assert detached.is_running(pid, "")
    assert not detached.is_running(pid, f"{mark}0")


def test_ended_process_does_not_run():
    """A process that ended does not run, neither as a zombie nor after it was waited for."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = detached.read_start_time(child.pid)
    assert detached.is_running(child.pid, mark)

    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not detached.is_running(child.pid, mark)
    child.wait()
    assert not detached.is_running(child.pid, mark)
    assert detached.read_start_time(child.pid) == ""


def test_ps_knows_the_same():
    """Without /proc the ps command shows whether a process is running."""
    state, start_time = detached._read_process_with_ps(os.getpid())

    assert state in "RS"
    assert start_time
    assert detached._read_process_with_ps(2**22 + 1) == ("", "")

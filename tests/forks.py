"""Programs in forks of a process that has imported what they need.

An interpreter that imports pytest takes 0.4 s of CPU time, one that imports the command line 0.7 s, a fork 0.02 s.
This file is also the program of that process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Forks:
    """A program whose calls are forks of one process, which is started by `with`.

    Of an interpreter's own variables only `PYTHONPATH` and `PYTHONIOENCODING` have an effect.
    """

    #: The function that is the program, as `module:name`.
    program: str
    #: Further modules to import before the first fork.
    modules: Sequence[str] = ()
    _server: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Forks:
        """Start the process."""
        command = [sys.executable, __file__, self.program, *self.modules]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._server.communicate()

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        out: Path,
        err: Path,
        within_s: float,
    ) -> int:
        """Run the program with no input, write its output to files; return its exit code.

        Raises AssertionError if it does not end within `within_s` seconds, after which it is killed.
        """
        job = {"argv": list(arguments), "cwd": str(cwd), "env": dict(environment), "files": [str(out), str(err)]}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([job, within_s]) + "\n")
        self._server.stdin.flush()
        code = json.loads(self._server.stdout.readline())
        assert code is not None, f"{self.program} {arguments} did not end within {within_s} s"
        return int(code)


def serve(program: str, modules: Sequence[str]) -> None:
    """Fork for each line of standard input; write the exit code of the fork when it has ended."""
    del sys.path[0]  # the directory of this file
    module, name = program.split(":")
    for each in (module, *modules):
        importlib.import_module(each)
    function = getattr(sys.modules[module], name)
    gc.freeze()
    for line in sys.stdin:
        job, within_s = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(**job)
            sys.exit(function())
        print(json.dumps(_wait(pid, within_s)), flush=True)


def _become(argv: Sequence[str], cwd: str, env: Mapping[str, str], files: Sequence[str]) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[1:] = argv
    for number, name in enumerate((os.devnull, *files)):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    if encoding := env.get("PYTHONIOENCODING"):
        sys.stdout.reconfigure(encoding=encoding)
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")


def _wait(pid: int, within_s: float) -> int | None:
    """Return the exit code, None for a fork that had to be killed."""
    descriptor = os.pidfd_open(pid)
    has_ended, _, _ = select.select([descriptor], [], [], within_s)
    os.close(descriptor)
    if not has_ended:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if has_ended else None


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])

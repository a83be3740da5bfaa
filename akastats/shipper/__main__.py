"""`python -m akastats.shipper SPOOL`: deliver one run while it goes on, then what other runs left behind.

Where to is told by the environment: `AKA_STATS_*` as for the library, and `AKA_STATS_EMBEDDED` with the
directory of the embedded server when no URL is configured.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from akastats import config as configuration
from akastats import detached, embedded, redis
from akastats.config import Config, without_credentials
from akastats.errors import AkastatsError, ServerError
from akastats.operations import runs
from akastats.operations.requests import Operation
from akastats.shipper import state as states
from akastats.shipper.answer import answer
from akastats.shipper.delivery import Delivery
from akastats.shipper.leftovers import drain
from akastats.shipper.state import State

# A grown spool is seen this soon at first (seconds), and at the latest while nothing happens.
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.01, 0.2
# Between attempts at a server that does not answer, with full jitter: many runs may end at one moment.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
# How long after the end of the run a silent server is still tried; then the next run, or `akastats drain`.
AFTERLIFE_S = 30.0

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 0.5, 1.0


class Shipper:
    """Delivers one spool and keeps its state file up to date."""

    def __init__(self, spool: Path, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self.spool = spool
        self._config = config
        self._clock = clock
        self._client: Any = None
        self._state = State(server=without_credentials(config.redis_url))
        self.delivery = Delivery(spool, config, self.carry)
        self._ended_at: float | None = None

    def carry(self, operation: Operation[Any]) -> Any:
        """Carry out an operation on the server, each request tried once."""
        if self._client is None:
            timeouts = {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_timeout": REPLY_TIMEOUT_S}
            self._client = redis.connect(self._config.redis_url, **timeouts)
        return redis.run(operation, self._client, self._client)

    def say(self, **changes: Any) -> None:
        """Write the state file, if anything in it changes."""
        changed = dataclasses.replace(self._state, **changes)
        if changed != self._state:
            self._state = changed
            states.write(self.spool, changed)

    def run(self) -> bool:
        """Deliver until the run has ended and is applied; return whether it came to that."""
        look = SHORTEST_LOOK_S
        while True:
            came = self.delivery.read()
            if self._deliver():
                if self.delivery.is_done:
                    self._finish()
                    return True
                if not came and self._has_died():
                    self.delivery.complete_as_crashed()
                    return True
            elif self._is_overdue():
                return False
            look = SHORTEST_LOOK_S if came else min(2 * look, LONGEST_LOOK_S)
            time.sleep(look)

    def _deliver(self) -> bool:
        """Apply what is pending, with pauses while the server does not answer; return whether all went."""
        for pause in pauses():
            try:
                self.delivery.apply()
            except ServerError as error:
                self._explain(error)
                if error.kind == "denied" or self._is_overdue():
                    return False
                self.delivery.read()
                time.sleep(pause)
            else:
                self.say(phase=states.DELIVERING, applied=len(self.delivery.story.results), message="")
                return True
        return False

    def _explain(self, error: ServerError) -> None:
        phase = states.FAILED if error.kind == "denied" else states.SILENT
        self.say(phase=phase, message=str(error))

    def _finish(self) -> None:
        told = answer(self.delivery.story, self._config, self.carry)
        self.say(phase=states.DONE, answer=told)
        self.carry(runs.prune_profiles(self._config))

    def _has_died(self) -> bool:
        header = self.delivery.story.header
        return bool(header) and not detached.is_running(int(header["pid"]), str(header["pid_mark"]))

    def _is_overdue(self) -> bool:
        """Whether the run ended so long ago that the server is given up for now."""
        if self.delivery.story.end is None and not self._has_died():
            return False
        now = self._clock()
        if self._ended_at is None:
            self._ended_at = now
        return now - self._ended_at > AFTERLIFE_S


def pauses() -> Iterator[float]:
    """Yield pauses between attempts, in seconds, growing and jittered."""
    longest = SHORTEST_PAUSE_S
    while True:
        yield random.uniform(0, longest)
        longest = min(2 * longest, LONGEST_PAUSE_S)


def locate(environ: dict[str, str]) -> tuple[Config, embedded.Lease | None]:
    """Return the configuration to deliver with, starting the embedded server if no URL is configured."""
    config = configuration.read(environ)
    directory = environ.get("AKA_STATS_EMBEDDED")
    if not directory:
        return config, None
    lease = embedded.use(Path(directory))
    return dataclasses.replace(config, redis_url=lease.url), lease


def main(arguments: list[str]) -> int:
    """Deliver the spool that `arguments` names; return the exit code."""
    spool = Path(arguments[0])
    states.write(spool, State())
    try:
        ship(spool)
    except AkastatsError as error:
        states.write(spool, State(phase=states.FAILED, message=str(error)))
        return 1
    except BaseException as error:
        # Nobody sees this process's traceback: the state file is its only voice.
        states.write(spool, State(phase=states.FAILED, message=f"{type(error).__name__}: {error}"))
        raise
    return 0


def ship(spool: Path) -> None:
    """Deliver one spool while its run goes on, then what lies beside it."""
    # Importing redis-py takes 0.1 s, as does a cold server: both at once.
    importing = threading.Thread(target=importlib.import_module, args=("redis",))
    importing.start()
    try:
        config, lease = locate(dict(os.environ))
    finally:
        importing.join()
    shipper = Shipper(spool, config)
    if lease is not None and lease.notice:
        shipper.say(notice=lease.notice)
    if shipper.run():
        drain(spool.parent, config, shipper.carry, shipper.delivery.story.header.get("destination"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

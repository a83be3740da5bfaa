"""How often one client may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from akastats.hosts import get_network

PER_SECOND = 50.0
# The page's modules and its first questions come at once.
BURST = 200.0
# A token that is wrong costs as much as this many requests: five guesses a second.
WRONG_TOKEN = 10.0
# Some 200 bytes a client: 2 MB.
MAX_CLIENTS = 10_000


class Rate:
    """Buckets of tokens, one a client, refilled as time goes by; the longest unseen is forgotten first."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        burst: float = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: float = 1.0) -> int:
        """Take `cost` from a client's bucket and return 0, or the whole seconds after which to ask again."""
        now = self._clock()
        left = self._left(client, now)
        if left < cost:
            self._keep(client, left, now)
            return math.ceil((cost - left) / self._per_second) or 1
        self._keep(client, left - cost, now)
        return 0

    def charge(self, client: str, cost: float) -> None:
        """Take `cost` even where there is less: what follows has to wait for it."""
        now = self._clock()
        self._keep(client, max(self._left(client, now) - cost, -self._burst), now)

    def _left(self, client: str, now: float) -> float:
        left, then = self._buckets.get(get_network(client), (self._burst, now))
        return min(self._burst, left + (now - then) * self._per_second)

    def _keep(self, client: str, left: float, now: float) -> None:
        network = get_network(client)
        self._buckets[network] = (left, now)
        self._buckets.move_to_end(network)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)

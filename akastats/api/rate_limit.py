"""Limit the rate of requests per client network."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from akastats.hosts import get_network

# Permitted number of requests per second and network.
PER_SECOND = 50.0
# Permitted number of requests at once: the page requests its modules and first data simultaneously.
BURST = 200.0
# Cost of a wrong token in requests, which allows five guesses per second.
WRONG_TOKEN = 10.0
# Maximum number of buckets. Each takes about 200 bytes, so all take 2 MB.
MAX_CLIENTS = 10_000


class Rate:
    """Token buckets, one per client network; beyond 10,000 the least recently used one is dropped."""

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
        """Take `cost` from a client's bucket; return 0, or the seconds to wait if it holds too little."""
        now = self._clock()
        tokens = self._refill(client, now)
        if tokens < cost:
            self._store(client, tokens, now)
            return math.ceil((cost - tokens) / self._per_second) or 1
        self._store(client, tokens - cost, now)
        return 0

    def charge(self, client: str, cost: float) -> None:
        """Take `cost` from a client's bucket even if the bucket holds less, so that later requests wait."""
        now = self._clock()
        self._store(client, max(self._refill(client, now) - cost, -self._burst), now)

    def _refill(self, client: str, now: float) -> float:
        tokens, then = self._buckets.get(get_network(client), (self._burst, now))
        return min(self._burst, tokens + (now - then) * self._per_second)

    def _store(self, client: str, tokens: float, now: float) -> None:
        network = get_network(client)
        self._buckets[network] = (tokens, now)
        self._buckets.move_to_end(network)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)

"""Cache lists between requests, so that a request reads only the items that have changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from akastats.config import config
from akastats.queries import errors, per_test_verdicts, recorded_tests
from akastats.queries.cached_lists import CachedList
from akastats.queries.errors import ListedError
from akastats.queries.recorded_tests import RecordedTest
from akastats.redis import async_redis
from akastats.store.requests import Operation

T = TypeVar("T")


class NamespaceList(Generic[T]):
    """A cached list of the current namespace."""

    def __init__(self, refresh: Callable[[str, CachedList[T]], Operation[CachedList[T]]]) -> None:
        self._refresh = refresh
        self._source: tuple[str, str] = ("", "")
        self._cached: CachedList[T] = CachedList()
        # Concurrent requests share one read: the first read fetches every item.
        self._reads: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[CachedList[T]]] = (
            WeakKeyDictionary()
        )

    def forget(self) -> None:
        """Drop the list, so that the next request reads every item."""
        self._source, self._cached = ("", ""), CachedList()

    async def now(self) -> CachedList[T]:
        """Return the current list."""
        loop = asyncio.get_running_loop()
        read = self._reads.get(loop)
        if read is None or read.done():
            read = self._reads[loop] = loop.create_task(self._read())
        # Shield the read, because the first caller may be cancelled while others wait for the same read.
        return await asyncio.shield(read)

    async def _read(self) -> CachedList[T]:
        settings = config.now()
        source = (settings.redis_url, settings.namespace)
        cached: CachedList[T] = self._cached if source == self._source else CachedList()
        self._cached = await async_redis.run(self._refresh(settings.namespace, cached))
        self._source = source
        return self._cached


#: Maximum age in seconds of the rates of an unchanged list. Verdicts are stored seconds after the tests of a run.
RATES_S = 5.0


class Rates:
    """Cached failure rates of tests with a verdict, read again when the list of tests changes or after 5 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_for: tuple[CachedList[RecordedTest] | None, frozenset[str]] = (None, frozenset())
        self._read_at = 0.0
        self._rates: dict[str, float] = {}

    async def of(self, tests: CachedList[RecordedTest], suites: Iterable[str]) -> dict[str, float]:
        """Return the rates by label for the tests of some suites."""
        names = frozenset(suites)
        read_tests, read_names = self._read_for
        if read_tests is not tests or read_names != names or self._clock() - self._read_at > RATES_S:
            self._rates = await async_redis.run(per_test_verdicts.read_rates(config.namespace, names))
            self._read_for, self._read_at = (tests, names), self._clock()
        return self._rates


tests: NamespaceList[RecordedTest] = NamespaceList(recorded_tests.refresh)
failures: NamespaceList[ListedError] = NamespaceList(errors.refresh)
rates = Rates()

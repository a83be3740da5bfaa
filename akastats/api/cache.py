"""Lists that this process keeps, so that a request asks the server only for what has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from akastats.config import config
from akastats.queries import errors, one_test_verdicts, tests_list
from akastats.queries.cached_lists import CachedList
from akastats.queries.errors import ListedError
from akastats.queries.tests_list import Listed
from akastats.redis import async_redis
from akastats.store.requests import Operation

T = TypeVar("T")


class Kept(Generic[T]):
    """One list of the namespace in force, as last seen."""

    def __init__(self, refresh: Callable[[str, CachedList[T]], Operation[CachedList[T]]]) -> None:
        self._seen_now = refresh
        self._where: tuple[str, str] = ("", "")
        self._seen: CachedList[T] = CachedList()
        # Requests that come together look once: a first look fetches all there is.
        self._looks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[CachedList[T]]] = (
            WeakKeyDictionary()
        )

    def forget(self) -> None:
        """Look anew at all there is when next asked, as a process that has just begun."""
        self._where, self._seen = ("", ""), CachedList()

    async def now(self) -> CachedList[T]:
        """Return the list as it is now."""
        loop = asyncio.get_running_loop()
        look = self._looks.get(loop)
        if look is None or look.done():
            look = self._looks[loop] = loop.create_task(self._look())
        # Who asked first may go away; the others wait on.
        return await asyncio.shield(look)

    async def _look(self) -> CachedList[T]:
        settings = config.now()
        where = (settings.redis_url, settings.namespace)
        known: CachedList[T] = self._seen if where == self._where else CachedList()
        seen = await async_redis.run(self._seen_now(settings.namespace, known))
        self._where, self._seen = where, seen
        return seen


#: Seconds for which rates of an unchanged list are reused: verdicts are stored some seconds after a run's rows.
RATES_S = 5.0


class Rates:
    """The failure rates of tests with a verdict, read anew when the list of tests changes or after 5 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_for: tuple[CachedList[Listed] | None, frozenset[str]] = (None, frozenset())
        self._read_at = 0.0
        self._rates: dict[str, float] = {}

    async def of(self, seen: CachedList[Listed], suites: Iterable[str]) -> dict[str, float]:
        """Return the rates by label for the tests of some suites."""
        wanted = frozenset(suites)
        known, of_suites = self._read_for
        if known is not seen or of_suites != wanted or self._clock() - self._read_at > RATES_S:
            self._rates = await async_redis.run(one_test_verdicts.rates(config.namespace, wanted))
            self._read_for, self._read_at = (seen, wanted), self._clock()
        return self._rates


tests: Kept[Listed] = Kept(tests_list.refresh)
failures: Kept[ListedError] = Kept(errors.refresh)
rates = Rates()

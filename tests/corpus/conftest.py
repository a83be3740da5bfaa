"""A suite that is run with the plugin in a separate process, and the texts on disk and on the server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats.spool.format import decode_line


@dataclass(frozen=True)
class Stored:
    """Data of a run: the result of pytest, the records of its spool, and every text on the server."""

    result: pytest.RunResult
    spool: Path
    records: list[list[Any]]
    server: str

    @property
    def on_disk(self) -> str:
        """Every text of the spool before its encoding as JSON."""
        return "\n".join(text for record in self.records for text in _texts(record))

    @property
    def failures(self) -> list[str]:
        """The texts of failures, in the order of the tests."""
        return [record[6] for record in self.records if record[0] == "error"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from [base64.b64decode(item).decode("latin-1")] if name == "base64" else _texts(item)


def _everything(client: Redis) -> str:
    readers: dict[str, Callable[[Any], Any]] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "zset": lambda key: client.zrange(key, 0, -1),
    }
    kinds = {key: client.type(key).decode() for key in client.keys("*")}
    # A key can expire between the two commands.
    found = [(key, readers[kind](key)) for key, kind in kinds.items() if kind != "none"]
    return "\n".join(
        f"{key!r} {value if not isinstance(value, bytes) else value.decode('latin-1')}" for key, value in found
    )


Store = Callable[..., Stored]


@pytest.fixture
def store(pytester: pytest.Pytester, server: str, redis_client: Redis) -> Store:
    """Run the suite in pytester's directory with the plugin, and return all stored data."""

    def run(*arguments: str) -> Stored:
        plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "-q", "--color=no")
        ours = ("--akastats", "--akastats-wait=60", f"--akastats-url={server}")
        result = pytester.runpytest_subprocess(*plain, *ours, *arguments, timeout=300)
        (spool,) = (pytester.path / ".akastats" / "spool").glob("*.aks")
        records = [record.content for record in map(decode_line, spool.read_bytes().splitlines()) if record]
        assert json.dumps(records)
        return Stored(result, spool, records, _everything(redis_client))

    return run

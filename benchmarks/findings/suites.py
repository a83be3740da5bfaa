"""Building blocks of small test suites: a suite is its files, its options of pytest, and its environment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

#: Each module of a suite begins with these lines.
HEAD = "import pytest\nfrom work import rest, spin\n\n"

#: `spin` executes a fixed number of instructions, so that a machine under load needs longer, as for real work.
WORK = """\
from time import sleep

CHUNK = range({numbers})


def spin(ms):
    for _ in range(round(ms * {chunks_per_ms})):
        sum(CHUNK)


def rest(ms):
    sleep(ms / 1000)
"""
NUMBERS = 4000


@dataclass(frozen=True)
class Suite:
    """A test suite.

    files: content by path
    options: options of pytest
    environment: additional environment variables
    ini: additional lines of pytest.ini
    """

    files: Mapping[str, str]
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ini: str = ""

    def write(self, directory: Path, chunks_per_ms: float) -> None:
        """Write the suite to a directory."""
        work = WORK.format(numbers=NUMBERS, chunks_per_ms=chunks_per_ms)
        ini = f"[pytest]\n{self.ini}\n"
        for name, text in {**self.files, "work.py": work, "pytest.ini": ini}.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def calibrate() -> float:
    """Return how many chunks of work this machine executes per millisecond."""
    chunk = range(NUMBERS)
    durations = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(200):
            sum(chunk)
        durations.append(time.perf_counter() - start)
    return 200 / (min(durations) * 1000)


def module(*parts: str) -> str:
    """Return the source of a module of a suite."""
    return HEAD + "\n".join(parts)


def modules(count: int, *parts: str, name: str = "test_part") -> dict[str, str]:
    """Return test modules of equal content."""
    return {f"{name}_{number}.py": module(*parts) for number in range(count)}


def functions(count: int, ms: float, uses: str = "", name: str = "test_case", body: str = "") -> str:
    """Return test functions that need `ms` milliseconds each; `body` replaces that."""
    lines = indent(body or f"spin({ms})", "    ")
    return "".join(f"def {name}_{number}({uses}):\n{lines}\n\n" for number in range(count))


def methods(cls: str, count: int, ms: float, uses: str = "", before: str = "", body: str = "") -> str:
    """Return a class of tests; `before` is the source of its other members."""
    arguments = f"self, {uses}" if uses else "self"
    members = before + "\n" + functions(count, ms, arguments, body=body)
    return f"class {cls}:\n" + indent(members, "    ")


def unit_tests(cls: str, count: int, ms: float, before: str = "", body: str = "") -> str:
    """Return a `unittest.TestCase`."""
    source = methods(cls, count, ms, before=before, body=body)
    return "import unittest\n\n" + source.replace(f"class {cls}:", f"class {cls}(unittest.TestCase):")


def coroutines(count: int, ms: float, uses: str = "", body: str = "") -> str:
    """Return asynchronous tests."""
    source = functions(count, ms, uses, body=body).replace("def test", "async def test")
    return "import asyncio\n\n" + source


def fixture(
    name: str, ms: float, scope: str = "function", uses: str = "", teardown: float = 0, arguments: str = ""
) -> str:
    """Return a fixture with this cost of setup and teardown; `arguments` are those of its decorator."""
    declared = ", ".join(filter(None, (f'scope="{scope}"', arguments)))
    return (
        f"@pytest.fixture({declared})\ndef {name}({uses}):\n"
        f"    spin({ms})\n    yield [1, 2, 3]\n    spin({teardown})\n\n"
    )


def package(name: str, ms: float) -> dict[str, str]:
    """Return a package whose import needs `ms` milliseconds."""
    return {
        f"{name}/__init__.py": f"from {name} import tables\n",
        f"{name}/tables.py": f"from work import spin\n\nspin({ms})\n",
    }

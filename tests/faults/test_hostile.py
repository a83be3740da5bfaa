"""Rows 28 to 30, 32 and 39: tests that close, patch, freeze and exhaust what we could need.

Each suite passes, fails and takes numbers while its module holds on to what it has done; what it wrote to files
of its own must be what it wrote, and nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.driver import Driver, Suite
from tests.faults.table import ANSWERING_S, Rows

TESTS = """
import pytest
{imports}

@pytest.fixture(scope="{scope}", autouse=True)
def hostile():
{hostile}

def test_passes(): pass
def test_fails(): assert 12 == 13
def test_takes_numbers(stat): stat("rows", 1)
def test_passes_again(): pass
"""


@dataclass(frozen=True)
class Hostile:
    """What a suite does: in a fixture around its tests, in tests of its own, in its conftest, by arguments."""

    row: str
    fixture: str = "yield"
    tests: str = ""
    imports: str = ""
    scope: str = "module"
    conftest: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    quick: bool = False

    def suite(self) -> Suite:
        """Return the suite that does it."""
        lines = "\n".join(f"    {line}" for line in self.fixture.strip().split("\n"))
        tests = TESTS.format(imports=self.imports, scope=self.scope, hostile=lines)
        files = {"test_a.py": f"{tests}\n{self.tests}", "test_b.py": "def test_behind(): pass\n"}
        return Suite({**files, "conftest.py": self.conftest}, self.arguments, dict(self.environment))


def patched(*names: str) -> str:
    """A fixture that has names of modules raise while its tests run."""
    lines = ["def broken(*given, **named): raise RuntimeError('patched')", "patch = pytest.MonkeyPatch()"]
    lines += [f"patch.setattr({name!r}, broken)" for name in names]
    return "\n".join([*lines, "yield", "patch.undo()"])


def frozen(moment: str) -> Hostile:
    """A suite whose clock stands still."""
    fixture = f"with freezegun.freeze_time({moment!r}):\n    yield"
    return Hostile("39", fixture, imports="import freezegun", quick=moment.startswith("1970"))


CLOSING = """
import os
os.closerange(3, 256)
files = [open(f"kept{number}", "w+", buffering=1) for number in range(30)]
for file in files: file.write("mine\\n")
yield
for file in files: file.write("mine\\n")
"""
EXHAUSTED = """
import os
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
yield
for descriptor in held: os.close(descriptor)
"""
FEW_DESCRIPTORS = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))"
ALL_BUT_THREE = """
import os
@pytest.hookimpl(wrapper=True)
def pytest_sessionstart():
    held = []
    try:
        while True: held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        for _ in range(3): os.close(held.pop())
    try:
        return (yield)
    finally:
        for descriptor in held: os.close(descriptor)
"""
OBSERVING = """
import os, threading

def test_children():
    with pytest.raises(ChildProcessError): os.waitpid(-1, 0)

def test_threads():
    assert [threading.main_thread()] == threading.enumerate()
    assert 1 == len(os.listdir("/proc/self/task"))

BEFORE = set(os.listdir("/proc/self/fd"))

def test_descriptors():
    assert BEFORE == set(os.listdir("/proc/self/fd"))
"""
OBJECTS = """
import gc
def test_objects():
    assert not [each for each in gc.get_objects() if type(each) is int]
"""
EXITING = """
import os
def test_forks():
    pid = os.fork()
    if not pid: os._exit(0)
    os.waitpid(pid, 0)
"""

HOSTILE = {
    "os.closerange(3, 256), 30 files opened": Hostile(
        "28", CLOSING, arguments=("--capture=sys", "-p", "no:faulthandler"), quick=True
    ),
    "os.closerange in each test": Hostile(
        "28", CLOSING, scope="function", arguments=("--capture=sys", "-p", "no:faulthandler")
    ),
    "os.write, os.open, os.pread, os.fstat, os.getpid, open patched": Hostile(
        "29",
        patched("os.write", "os.open", "os.pread", "os.lseek", "os.fstat", "os.getpid", "builtins.open"),
        imports="import os",
        quick=True,
    ),
    "clocks patched": Hostile("29", patched("time.time", "time.perf_counter", "time.monotonic", "time.sleep")),
    "`time.time` always returns 5.0": Hostile(
        "39", "patch = pytest.MonkeyPatch()\npatch.setattr('time.time', lambda: 5.0)\nyield\npatch.undo()"
    ),
    "json patched": Hostile(
        "29", patched("json.dumps", "json.loads", "json.JSONEncoder.encode"), imports="import json"
    ),
    "socket patched": Hostile("29", patched("socket.socket", "socket.getaddrinfo"), imports="import socket"),
    "random and secrets patched": Hostile(
        "29", patched("random.random", "secrets.token_hex", "os.urandom"), imports="import secrets, random"
    ),
    "subprocess patched before the run": Hostile(
        "29", conftest="import subprocess\ndef broken(*a, **b): raise OSError\nsubprocess.Popen = broken\n"
    ),
    "freezegun, 1970": frozen("1970-01-01 00:00:01"),
    "freezegun, 2012": frozen("2012-01-14"),
    "freezegun, 2100": frozen("2100-12-31"),
    "pyfakefs": Hostile(
        "29",
        tests="def test_fake(fs): assert 0\ndef test_fake_again(fs, stat): stat('fake', 1)\n",
        arguments=("-p", "pyfakefs.pytest_plugin"),
        quick=True,
    ),
    "pytest-socket --disable-socket": Hostile(
        "29", arguments=("-p", "pytest_socket", "--disable-socket"), quick=True
    ),
    "gevent.monkey.patch_all()": Hostile("29", conftest="from gevent import monkey\nmonkey.patch_all()\n"),
    "chdir": Hostile("29", "import os\nbefore = os.getcwd()\nos.chdir('/')\nyield\nos.chdir(before)"),
    "working directory removed": Hostile(
        "29",
        "import os, tempfile\nbefore = os.getcwd()\nplace = tempfile.mkdtemp()\nos.chdir(place)\nos.rmdir(place)\n"
        "yield\nos.chdir(before)",
    ),
    "chroot in a test": Hostile(
        "29",
        tests="def test_chroot(tmp_path):\n    import os\n    root = os.open('/', os.O_RDONLY)\n"
        "    os.chroot(tmp_path)\n    try: assert not os.path.exists('/proc')\n"
        "    finally: os.fchdir(root); os.chroot('.'); os.close(root)\n",
    ),
    "seteuid to another user in a test": Hostile(
        "29",
        tests="def test_setuid():\n    import os\n    before = os.geteuid()\n"
        "    os.seteuid(before or 65534)\n    try: assert os.geteuid() != 0\n    finally: os.seteuid(before)\n",
    ),
    "umask 0777 from the start": Hostile("29", conftest="import os\nos.umask(0o777)\n", quick=True),
    "HOME unset": Hostile("29", environment=(("HOME", None),)),
    "recursion limit 60 frames above one test": Hostile(
        "29",
        tests="def test_recursion():\n    import inspect, sys\n    before = sys.getrecursionlimit()\n"
        "    sys.setrecursionlimit(len(inspect.stack()) + 60)\n    def deeper(): deeper()\n"
        "    try: deeper()\n    finally: sys.setrecursionlimit(before)\n",
    ),
    "recursion limit 60 frames above each test": Hostile(
        "29",
        "import inspect, sys\nbefore = sys.getrecursionlimit()\nsys.setrecursionlimit(len(inspect.stack()) + 60)\n"
        "yield\nsys.setrecursionlimit(before)",
    ),
    "descriptors exhausted": Hostile("29", EXHAUSTED, scope="function", conftest=FEW_DESCRIPTORS, quick=True),
    "all descriptors but three in use at the start of the run": Hostile(
        "29",
        conftest=f"{FEW_DESCRIPTORS}\n{ALL_BUT_THREE}",
    ),
    "RLIMIT_AS reached": Hostile(
        "29",
        tests="def test_memory():\n    import resource\n    before = resource.getrlimit(resource.RLIMIT_AS)\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (2**31, before[1]))\n    try: bytearray(2**33)\n"
        "    finally: resource.setrlimit(resource.RLIMIT_AS, before)\n",
    ),
    "warnings as errors": Hostile("29", arguments=("-W", "error"), quick=True),
    "a test counts its descriptors, threads and children": Hostile(
        "29",
        tests=OBSERVING,
        quick=True,
    ),
    "a test inspects all objects": Hostile("29", tests=OBJECTS),
    "a fork that exits": Hostile("30", tests=EXITING),
    "a fork that continues to the end of the run": Hostile(
        "30",
        tests="import os\ndef test_forks():\n    pid = os.fork()\n    if pid: os.waitpid(pid, 0)\n"
        "def test_in_both(): pass\ndef test_fails_in_both(): assert 0\n",
        quick=True,
    ),
    "multiprocessing, fork": Hostile(
        "30",
        tests="import multiprocessing\ndef test_forks():\n"
        "    child = multiprocessing.get_context('fork').Process(target=print, args=('child',))\n"
        "    child.start()\n    child.join()\n    assert 0\n",
    ),
    "exceptions whose `__str__` raises": Hostile(
        "32",
        tests="class Odd(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__\n"
        "def test_odd(): raise Odd\n"
        "def test_equal():\n    odd = Odd()\n    assert odd == 1\n"
        "def test_surrogate(): pytest.fail('\\ud800 alone')\n"
        "def test_escapes(): pytest.fail('\\x1b]8;;x \\u202e \\0')\n"
        "def test_properties(record_property): record_property('k', b'\\xff'); record_property('o', object())\n"
        "class Ünnamed(Exception): pass\ndef test_named(): raise Ünnamed('x')\n",
        quick=True,
    ),
    "exceptions whose `__str__` raises, in a worker": Hostile(
        "32",
        tests="class Odd(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__\n"
        "def test_odd(): raise Odd\n"
        "class Label(str): pass\n"
        "def test_numbers(stat): stat(Label('rows'), True, '\\ud800'); stat('x', 1, Label('c'))\n",
        arguments=("-n1",),
    ),
    "a failure of 20 MB": Hostile("32", tests="def test_large(): pytest.fail('x' * 20_000_000, pytrace=False)\n"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if each.quick else [pytest.mark.thorough]) for name, each in HOSTILE.items()],
)
def test_hostile_suite_is_recorded_as_it_ran(driver: Driver, row: Rows, name: str) -> None:
    """Whatever the tests do to their process: nothing of ours in their files, and everything arrives."""
    hostile = HOSTILE[name]

    verdict = driver.compare(hostile.suite())

    assert 5 <= verdict.recorded.finished.total(), verdict.recorded.output
    kept = [path.read_text() for path in (verdict.recorded.directory / "suite").glob("kept*")]
    assert {"mine\n"} >= {line for text in kept for line in text.splitlines(keepends=True)}
    row(hostile.row, name, verdict, at_exit_s=ANSWERING_S)


FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@pytest.mark.thorough
@pytest.mark.skipif(not FAKETIME.exists(), reason="needs Debian's package faketime")
@pytest.mark.parametrize("moment", ["+1d", "-1d", "@1970-01-02 00:00:00", "@2100-01-01 00:00:00", "+0 x0.001"])
def test_wrong_clock_loses_nothing(driver: Driver, row: Rows, moment: str) -> None:
    """A machine whose clock is a day off, stands at 1970 or 2100 or nearly still records as any other."""
    environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": moment, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    verdict = driver.compare(Suite(Hostile("39").suite().files), environment=environment)

    row("39", f"libfaketime {moment}", verdict, at_exit_s=ANSWERING_S)

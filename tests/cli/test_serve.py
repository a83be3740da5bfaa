"""`akastats serve`: for this machine alone, quiet at its end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import COMMAND
from tests.telling import deliver, spool, tell


@pytest.fixture
def serving(project: Path) -> Callable[..., object]:
    """Serve with arguments while a block runs: yields the process and what it says of itself as JSON."""

    @contextmanager
    def serve(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
        command = [*COMMAND, "serve", "--port=0", "--json", *arguments]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=project, text=True, **streams) as process:
            try:
                assert process.stdout is not None
                lines = iter(process.stdout.readline, "}\n")
                yield process, json.loads("".join(lines) + "}")
            finally:
                process.kill()

    return serve


def get(url: str, path: str) -> tuple[int, str]:
    """Ask what is served at `url`."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_it_serves_page_and_api_of_a_named_server(serving, server, tmp_path):
    """The address that it prints answers at once."""
    run_id = tell(server, tmp_path, [("a.py::b", "passed", 0.1)])

    with serving("--url", server) as (_, told):
        status, page = get(told["url"], "/")
        runs = json.loads(get(told["url"], "/api/v1/runs")[1])

    assert (status, run_id in page, runs["items"][0]["id"]) == (200, True, run_id)


def test_it_serves_the_embedded_server_that_pytest_wrote_to(serving, project, akastats):
    """`pytest --akastats`, `akastats serve`: no configuration, one server."""
    (project / "test_a.py").write_text("def test_b(): pass\n")
    recorded = subprocess.run(
        [COMMAND[0], "-m", "pytest", "--akastats", "-p", "no:randomly", "--akastats-wait=60"],
        cwd=project,
        env=os.environ,
        capture_output=True,
        check=False,
    )

    with serving() as (_, told):
        items = json.loads(get(told["url"], "/api/v1/tests/test_a.py%3A%3Atest_b/history")[1])["items"]
        listed = akastats("runs", "--json").json["items"]

    assert recorded.returncode == 0
    assert (told["server"], len(items), len(listed)) == (str(project / ".akastats"), 1, 1)


def test_it_serves_before_the_first_run(serving, project):
    """Where nothing is recorded yet it starts empty, and shows what is recorded while it serves."""
    with serving() as (_, told):
        empty = get(told["url"], "/")
        url = f"unix://{project / '.akastats' / 'server' / 'server.sock'}"
        deliver(spool(project / ".akastats" / "spool", [("a.py::b", "passed", 0.1)]), url)
        filled = json.loads(get(told["url"], "/api/v1/runs")[1])

    assert (empty[0], "pytest --akastats" in empty[1], len(filled["items"])) == (200, True, 1)


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_ends_quietly(serving, server, ending, code):
    """Ctrl-C is how it ends: nothing on stderr."""
    with serving("--url", server) as (process, told):
        get(told["url"], "/")
        process.send_signal(ending)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (code, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_an_address_that_others_reach_is_refused(akastats, host):
    """There is no token yet, so nobody else may read."""
    answer = akastats("serve", "--host", host)

    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "loopback" in answer.err


def test_a_port_in_use_is_one_line(akastats, server):
    """The port is named, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = akastats("serve", f"--port={port}", "--url", server)

    assert (answer.code, answer.err.count("\n"), f"port {port}" in answer.err) == (1, 1, True)


def test_without_json_it_prints_the_address(project, server):
    """One line with the address a browser takes."""
    command = [*COMMAND, "serve", "--port=0", "--host=localhost", "--url", server]
    with subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()

    assert f"akastats serves {server.replace('unix:///', 'unix:/')}" in line.replace("unix:///", "unix:/")
    assert "http://" in line

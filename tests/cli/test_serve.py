"""`akastats serve`: for this machine or with a token, and without messages at its end."""

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

from akastats.cli.serve import listen
from tests.cli.conftest import COMMAND
from tests.delivered_runs import deliver, deliver_run, spool


@pytest.fixture
def serving(project: Path) -> Callable[..., object]:
    """Serve with arguments during a block; yield the process and its JSON output."""

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


TOKEN = "correct-horse-battery"


def get(url: str, path: str, **headers: str) -> tuple[int, str]:
    """Send a request to `url`."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_it_serves_page_and_api_of_a_named_server(serving, server, tmp_path):
    """The printed address responds immediately."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)])

    with serving("--url", server) as (_, service):
        status, page = get(service["url"], "/")
        runs = json.loads(get(service["url"], "/api/v1/runs")[1])

    assert (status, "<title>akastats" in page, runs["items"][0]["id"]) == (200, True, run_id)


def test_it_serves_the_embedded_server_that_pytest_wrote_to(serving, project, akastats):
    """`pytest --akastats` and `akastats serve` use the same server without configuration."""
    (project / "test_a.py").write_text("def test_b(): pass\n")
    recorded = subprocess.run(
        [COMMAND[0], "-m", "pytest", "--akastats", "-p", "no:randomly", "--akastats-wait=60"],
        cwd=project,
        env=os.environ,
        capture_output=True,
        check=False,
    )

    with serving() as (_, service):
        items = json.loads(get(service["url"], "/api/v1/tests/test_a.py%3A%3Atest_b/history")[1])["items"]
        listed = akastats("runs", "--json").json["items"]

    assert recorded.returncode == 0
    assert (service["server"], len(items), len(listed)) == (str(project / ".akastats"), 1, 1)


def test_it_serves_before_the_first_run(serving, project):
    """It starts with an empty store, and shows runs that are recorded while it serves."""
    with serving() as (_, service):
        empty = get(service["url"], "/")
        url = f"unix://{project / '.akastats' / 'server' / 'server.sock'}"
        deliver(spool(project / ".akastats" / "spool", [("a.py::b", "passed", 0.1)]), url)
        filled = json.loads(get(service["url"], "/api/v1/runs")[1])

    assert (empty[0], "<title>akastats" in empty[1], len(filled["items"])) == (200, True, 1)


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_ends_quietly(serving, server, ending, code):
    """Ctrl-C ends it without output on stderr."""
    with serving("--url", server) as (process, service):
        get(service["url"], "/")
        process.send_signal(ending)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (code, "")


def test_where_others_reach_it_it_draws_a_token(serving, server):
    """On all addresses of the machine, every request needs the printed token."""
    with serving("--url", server, "--host=0.0.0.0") as (_, service):
        statuses = [
            get(service["url"], "/api/v1/runs", **headers)[0]
            for headers in ({}, {"Authorization": f"Bearer {service['token']}"}, {"Authorization": "Bearer x"})
        ]

    assert (service["url"].startswith("http://127.0.0.1:"), len(service["token"])) == (True, 43)
    assert statuses == [401, 200, 401]


@pytest.mark.parametrize("source", ["option", "variable"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_configured_token_is_required_and_not_printed(serving, server, monkeypatch, source, host):
    """On any address; `--token` has precedence over the variable."""
    monkeypatch.setenv("AKA_STATS_TOKEN", TOKEN if source == "variable" else "another-token-of-old")
    options = ["--token", TOKEN] if source == "option" else []

    with serving("--url", server, "--host", host, *options) as (_, service):
        without = get(service["url"], "/api/v1/runs")[0]
        with_token = get(service["url"], "/api/v1/runs", Authorization=f"Bearer {TOKEN}")[0]

    assert (service["token"], without, with_token) == (None, 401, 200)


def test_insecure_no_auth_requires_no_token(serving, server):
    """`--insecure-no-auth` requires no token and warns on stderr."""
    with serving("--url", server, "--host=0.0.0.0", "--insecure-no-auth") as (process, service):
        status = get(service["url"], "/api/v1/runs")[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert (service["token"], status, errors.count("\n")) == (None, 200, 1)
    assert "anyone who can connect" in errors


def test_a_name_is_served_once_it_is_allowed(serving, server):
    """`--allow-host` is repeatable. It requires a token, because such a name has other clients."""
    with serving("--url", server, "--allow-host=a.example", "--allow-host", "b.example") as (_, service):
        names = ("a.example", "b.example:8080", "c.example")
        statuses = [
            get(service["url"], "/api/v1/runs", Host=name, Authorization=f"Bearer {service['token']}")[0]
            for name in names
        ]

    assert statuses == [200, 200, 421]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--host", ""], "--host"),
        (["--token", "short"], "--token"),
        (["--token", TOKEN, "--insecure-no-auth"], "--insecure-no-auth"),
        (["--allow-host", "*.example.org"], "--allow-host"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(akastats, server, arguments, named):
    """The line names the option and does not contain a token."""
    answer = akastats("serve", "--url", server, "--port=0", *arguments)

    assert (answer.code, answer.err.count("\n"), named in answer.err) == (1, 1, True)
    assert (TOKEN in answer.err, "short" in answer.err) == (False, False)


def test_a_token_of_the_environment_that_cannot_be_used_is_refused(akastats, server):
    """The message names the variable."""
    answer = akastats("serve", "--url", server, "--port=0", AKA_STATS_TOKEN="short")

    assert (answer.code, answer.err.count("\n"), "AKA_STATS_TOKEN" in answer.err) == (1, 1, True)


def test_it_opens_the_page(serving, server, project, monkeypatch):
    """`--open` passes the address to the default browser."""
    opened = project / "opened"
    os.mkfifo(opened)
    browser = project / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")

    with serving("--url", server, "--open") as (_, service):
        shown = opened.read_text()

    assert shown == service["url"]


def test_a_header_without_end_is_cut_off(serving, server):
    """A header of 100 KB is a 431, and the service continues."""
    with serving("--url", server) as (_, service):
        refused = get(service["url"], "/api/v1/runs", **{"X-Long": "a" * 100_000})[0]
        label = get(service["url"], "/api/v1/stats/" + "%C3%A4" * 2048)[0]

    assert (refused, label) == (431, 404)


def test_a_port_in_use_is_one_line(akastats, server):
    """The line names the port and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = akastats("serve", f"--port={port}", "--url", server)

    assert (answer.code, answer.err.count("\n"), f"port {port}" in answer.err) == (1, 1, True)


def test_without_json_it_prints_the_address(project, server):
    """One line contains the address for the browser."""
    command = [*COMMAND, "serve", "--port=0", "--host=localhost", "--url", server]
    with subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()

    assert f"akastats serves {server.replace('unix:///', 'unix:/')}" in line.replace("unix:///", "unix:/")
    assert "http://" in line


def test_an_answer_s_parts_wait_for_no_acknowledgement():
    """Without TCP_NODELAY each response takes 40 ms longer; asyncio sets it only for some sockets."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

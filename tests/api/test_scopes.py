"""Scopes of the whole API: a token for numbers reads no text of a failure."""

from __future__ import annotations

import re

import pytest

from akastats import push_stat
from akastats.app import create_app
from akastats.config import Config, config
from tests.api.test_access import HERE, LAN, TOKEN, bearer, send
from tests.delivered_runs import deliver_run

NUMBERS = "numbers-only-battery"
SECRET = "tiger of Siam"
NODEID = "tests/test_orders.py::test_total[eur]"
TRACEBACK = f"""\
def test_total():
>       assert total == '{SECRET}'
E       AssertionError: {SECRET}

tests/test_orders.py:3: AssertionError"""


def test_only_contexts_show_texts_of_failures(server, tmp_path):
    """Only the token with the scope gets the text, for every path of a GET endpoint."""
    for number in range(2):
        run = deliver_run(
            server, tmp_path, [(NODEID, "failed", 0.1, TRACEBACK)], run_id=f"20231114T22132000{number}-000001"
        )
    push_stat("a", 1, context=SECRET)
    config.use(Config(redis_url=server, token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app()

    responses = {token: texts(app, token, run) for token in (TOKEN, NUMBERS)}

    assert [] == [path for path, text in responses[NUMBERS].items() if SECRET in text]
    assert f"/api/v1/runs/{run}" in [path for path, text in responses[TOKEN].items() if SECRET in text]


def texts(app, token: str, run: str) -> dict[str, str]:
    """Return the response of each path for a token, with the names of stored values as parameters."""
    responses_by_path: dict[str, str] = {}
    fingerprints = send(app, "GET", LAN, "/api/v1/errors", headers=bearer(TOKEN)).json().get("items", [])
    names = {"id": run, "base": run[:18] + "0" + run[19:], "nodeid": NODEID, "label": "a"}
    if fingerprints:
        names["fingerprint"] = fingerprints[0]["fingerprint"]
    for path, methods in app.openapi()["paths"].items():
        if "get" in methods and path != "/api/v1/events":
            concrete = re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], "x"), path)
            responses_by_path[concrete] = send(app, "GET", LAN, concrete, headers=bearer(token)).text
    return responses_by_path


@pytest.mark.parametrize(
    ("token", "scopes"),
    [
        (TOKEN, ["contexts", "stats", "write"]),
        (NUMBERS, ["stats"]),
    ],
    ids=["everything", "numbers"],
)
def test_a_client_can_read_its_scopes(token, scopes):
    """So that the page can hide write actions."""
    config.use(Config(token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app()

    answer = send(app, "GET", LAN, "/api/v1/scopes", headers=bearer(token))

    assert (200, {"scopes": scopes}) == (answer.status_code, answer.json())


def test_without_a_token_this_machine_may_do_everything():
    """If no token is set, this machine may write as well."""
    config.use(Config())

    answer = send(create_app(), "GET", HERE, "/api/v1/scopes")

    assert answer.json() == {"scopes": ["contexts", "stats", "write"]}

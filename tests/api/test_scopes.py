"""Scopes over the whole API: a token for numbers alone reads no word of a failure, wherever it looks."""

from __future__ import annotations

import re

import pytest

from akastats import push_stat
from akastats.app import create_app
from akastats.config import Config, config
from tests.api.test_access import HERE, LAN, TOKEN, ask, bearer
from tests.telling import tell

NUMBERS = "numbers-only-battery"
SECRET = "tiger of Siam"
NODEID = "tests/test_orders.py::test_total[eur]"
TRACEBACK = f"""\
def test_total():
>       assert total == '{SECRET}'
E       AssertionError: {SECRET}

tests/test_orders.py:3: AssertionError"""


def test_only_contexts_tell_what_failures_say(server, tmp_path):
    """Every path that can be asked by GET, with the names of what failed: the text is for the one token alone."""
    for number in range(2):
        run = tell(
            server, tmp_path, [(NODEID, "failed", 0.1, TRACEBACK)], run_id=f"20231114T22132000{number}-000001"
        )
    push_stat("a", 1, context=SECRET)
    config.use(Config(redis_url=server, token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app()

    told = {token: texts(app, token, run) for token in (TOKEN, NUMBERS)}

    assert [] == [path for path, text in told[NUMBERS].items() if SECRET in text]
    assert f"/api/v1/runs/{run}" in [path for path, text in told[TOKEN].items() if SECRET in text]


def texts(app, token: str, run: str) -> dict[str, str]:
    """Return what each path answers to a token, its parameters being those of what is stored."""
    found: dict[str, str] = {}
    fingerprints = ask(app, "GET", LAN, "/api/v1/errors", headers=bearer(TOKEN)).json().get("items", [])
    known = {"id": run, "base": run[:18] + "0" + run[19:], "nodeid": NODEID, "label": "a"}
    if fingerprints:
        known["fingerprint"] = fingerprints[0]["fingerprint"]
    for path, methods in app.openapi()["paths"].items():
        if "get" in methods and path != "/api/v1/events":
            asked = re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], "x"), path)
            found[asked] = ask(app, "GET", LAN, asked, headers=bearer(token)).text
    return found


@pytest.mark.parametrize(
    ("token", "scopes"),
    [
        (TOKEN, ["contexts", "stats", "write"]),
        (NUMBERS, ["stats"]),
    ],
    ids=["everything", "numbers"],
)
def test_what_a_token_allows_is_told_to_its_holder(token, scopes):
    """So that a page offers only what would not be refused."""
    config.use(Config(token=f"{TOKEN} stats:{NUMBERS}"))
    app = create_app()

    answer = ask(app, "GET", LAN, "/api/v1/scopes", headers=bearer(token))

    assert (200, {"scopes": scopes}) == (answer.status_code, answer.json())


def test_without_a_token_this_machine_may_do_everything():
    """Where none is set, whoever sits here may write as well."""
    config.use(Config())

    answer = ask(create_app(), "GET", HERE, "/api/v1/scopes")

    assert answer.json() == {"scopes": ["contexts", "stats", "write"]}

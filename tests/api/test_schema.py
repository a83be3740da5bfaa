"""Generated requests for the whole OpenAPI document: none is an internal error.

`FUZZ_EXAMPLES` is the number of examples per operation: few in `make test`, 300 in CI, and 1,000 in
`make fuzz`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from redis import Redis
from schemathesis import GenerationMode as Mode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection

from akastats import push_stat
from akastats.api.access import MAX_HEADER_BYTES
from akastats.app import create_app
from akastats.config import Config, config
from akastats.model.verdicts import FailureVerdict, OverBudget, pack
from akastats.store import keys
from akastats.triage.acknowledgement_rules import id_of
from tests.api.conftest import serving
from tests.api.verdict_values import changed, unhealthy, verdicts
from tests.delivered_runs import STARTED, deliver, spool

TOKEN = "correct-horse-battery"
FEW, MANY = 5, int(os.environ.get("FUZZ_EXAMPLES", "300"))
DOCUMENT = create_app().openapi()
# The stream of events has no end.
OPERATIONS = [
    f"{method.upper()} {path}"
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path != "/api/v1/events"
]
MODES = [mode.value for mode in Mode]
# The id in the examples of `ChangeVerdict`.
CHANGE_ID = "7e8a1bf79f85d966"


@pytest.fixture(scope="module")
def url(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the complete application with a token, whose store contains the examples of the document."""
    fill(server_url, tmp_path_factory.mktemp("spools"))
    with serving(server_url, AKA_STATS_TOKEN=TOKEN) as port:
        yield f"http://127.0.0.1:{port}"


def fill(server_url: str, directory: Path) -> None:
    """Store a label and runs with the names in the examples of the document."""
    with Redis.from_url(server_url) as client:
        client.flushall()
    config.use(Config(redis_url=server_url))
    push_stat("url-downloader", 39.5, context="why")
    config.use(None)
    tests = [
        ("tests/test_orders.py::test_total[eur]", "failed", 0.1),
        ("tests/test_orders.py::test_b", "passed", 2),
    ]
    for number, run in enumerate(("20260731T101500123-6e913c", "20260801T101500123-6e913c")):
        fields = {"suite": "unit", "branch": "main", "commit": "c0ffee" * 6}
        deliver(spool(directory, tests, run_id=run, started=STARTED + 100 * number, **fields), server_url)
    store_verdicts(server_url, "20260801T101500123-6e913c", "tests/test_orders.py::test_total[eur]")


def store_verdicts(server_url: str, run: str, nodeid: str) -> None:
    """Store verdicts: a flaky test that became slower, with the id of a change in the examples."""
    label = f"test@unit::{nodeid}"
    slower = changed(label, 1, run=run, since="20260731T101500123-6e913c", until=run)
    content = verdicts(
        run,
        failures=(FailureVerdict(nodeid, "known flaky", 0.12),),
        tests=(unhealthy(nodeid, workers=(("gw0", 1, 2),), after=(("a.py::b", 1),)),),
        counts={"healthy": 1, "flaky": 1},
        clusters=((nodeid, "a.py::c"),),
        changes=(slower, changed("rows", 1, run=run, since=run, until=run)),
        suite_changes=(changed("", 1),),
        together=((label, "rows"),),
        over_budget=(OverBudget(nodeid, 2.0, 1.5, "max_seconds"),),
        pace=1.1,
    )
    with Redis.from_url(server_url) as client:
        client.set(keys.verdicts("AKA-STATS", run), pack(content))
    assert CHANGE_ID == id_of(slower.change)


def operation_of(name: str, mode: Mode) -> APIOperation[Any, Any, Any, Any]:
    """Return the operation of a name such as `GET /api/v1/runs`.

    The token is always sent and is not generated, so that only the rest of a request can be invalid.
    """
    method, path = name.split(" ", 1)
    operation = DOCUMENT["paths"][path][method.lower()]
    if mode is Mode.NEGATIVE:
        operation = {key: value for key, value in operation.items() if key != "security"}
    document = {**DOCUMENT, "paths": {path: {method.lower(): operation}}}
    return schemathesis.openapi.from_dict(document)[path][method]


def examples_of(name: str) -> dict[str, str]:
    """Return the examples of the parameters in an operation's path."""
    method, path = name.split(" ", 1)
    parameters = DOCUMENT["paths"][path][method.lower()].get("parameters", [])
    return {each["name"]: each["schema"]["examples"][0] for each in parameters if each["in"] == "path"}


def explore(url: str, name: str, examples: int, mode: Mode = Mode.POSITIVE, **options: Any) -> None:
    """Generate requests of one operation and check every response against the document."""
    operation = operation_of(name, mode)

    @settings(
        max_examples=examples,
        database=None,
        derandomize=examples == FEW,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode, **options))
    def check(case: schemathesis.Case) -> None:
        if mode is Mode.POSITIVE:
            # A cursor is the `next` of an earlier page, which a schema cannot express.
            (case.query or {}).pop("cursor", None)
        try:
            answer = case.call(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            # uvicorn disconnects without a response if the address is far too long.
            prepared = requests.Request("GET", url + case.formatted_path, params=case.query).prepare()
            assert len(prepared.path_url) > MAX_HEADER_BYTES
            return
        # A large body is refused before it is validated, which schemathesis does not expect.
        excluded = [negative_data_rejection] if answer.status_code == 431 else []
        case.validate_response(answer, excluded_checks=excluded)

    try:
        check()
    except Unsatisfiable:
        # A request whose only parameter is a label cannot be invalid.
        assert mode is Mode.NEGATIVE


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_generated_request_is_an_internal_error(url, name, mode):
    """A valid request has the documented response, and an invalid one is refused as documented."""
    explore(url, name, FEW, Mode(mode))


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "{" in name])
def test_requests_with_example_names_have_the_documented_response(url, name):
    """The same with the names of the examples, which exist on this server."""
    explore(url, name, FEW, path_parameters=examples_of(name))


@pytest.mark.thorough
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_generated_request_is_an_internal_error_at_length(url, name, mode):
    """The same with `FUZZ_EXAMPLES` examples."""
    explore(url, name, MANY, Mode(mode))


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in OPERATIONS if "{" in name])
def test_requests_with_example_names_at_length(url, name):
    """The same with `FUZZ_EXAMPLES` examples."""
    explore(url, name, MANY, path_parameters=examples_of(name))

"""The complete application, served by uvicorn."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from akastats import push_stat


def get(connection, path):
    """Send a request with exactly this path."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    "label",
    [".", "..", "../..", "/", "//a//", "a/./b", "a%2Fb", "é/\n", "\x00", "?", "#", "\n"],
    ids=ascii,
)
@pytest.mark.parametrize("safe", ["", "/."])
def test_labels_that_clients_and_servers_like_to_tidy_up(server, served, label, safe):
    """Dots, slashes and control characters arrive unchanged."""
    push_stat(label, 6)

    status, numbers = get(served, f"/api/v1/stats/{quote(label, safe=safe)}")

    assert (status, numbers["last"]) == (200, 6)


def test_every_endpoint_answers(server, served):
    """One process serves all endpoints from the server of its environment."""
    push_stat("a", 1, context="why")

    assert get(served, "/api/v1/available-stats")[1] == ["a"]
    assert get(served, "/api/v1/stats-history/a")[1][0]["value"] == 1
    assert get(served, "/api/v1/health")[1]["server"]["reachable"] is True
    assert get(served, "/api/v1/stats/unknown")[0] == 404


def test_a_body_too_large_is_answered_and_the_service_lives(server, served):
    """The body gets a 413 before it is read completely, and the next request is served."""
    served.request("POST", "/api/v1/stats", body=b" " * 1_100_000)
    status = served.getresponse()
    problem = json.loads(status.read())
    served.close()

    assert (status.status, problem["limit"]) == (413, 1_048_576)
    assert get(served, "/api/v1/available-stats") == (200, [])

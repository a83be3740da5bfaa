"""Responses are compressed where that is safe."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse

from akastats.api.compression import LEAST_BYTES, Compression
from tests.api.conftest import call


def encoding(path: str = "/api/v1/runs", size: int = LEAST_BYTES, **headers: str) -> str | None:
    """Return the encoding of a response of this size."""
    app = Compression(PlainTextResponse("x" * size))
    response = call(app, "GET", path, headers={"accept-encoding": "gzip"} | headers)
    assert response.text == "x" * size
    return response.headers.get("content-encoding")


def test_a_response_is_compressed_if_the_client_accepts_it() -> None:
    """A small one fits into a packet as it is."""
    assert encoding() == "gzip"
    assert encoding(size=LEAST_BYTES - 1) is None
    assert encoding(**{"accept-encoding": "identity"}) is None


def test_a_stream_of_events_is_not_compressed() -> None:
    """Its events must not wait for a block of data."""
    assert encoding("/api/v1/events") is None


@pytest.mark.parametrize(
    ("site", "expected"), [("same-origin", "gzip"), ("none", "gzip"), ("same-site", None), ("cross-site", None)]
)
def test_a_request_from_another_site_is_not_compressed(site: str, expected: str | None) -> None:
    """The length of the response would reveal text that it shares with the request."""
    assert expected == encoding(**{"sec-fetch-site": site})

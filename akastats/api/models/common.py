"""Example values that several models share, and the models of access, health and errors."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

RUN_ID, EARLIER_RUN, LATER_RUN = (
    "20260801T101500123-6e913c",
    "20260731T101500123-6e913c",
    "20260802T101500456-1b2c3d",
)
CONTEXT_ID = "06466bfef6e7e40e52d572902df6757d"
FINGERPRINT = "5c0ffee5c0ffee5c0ffee5c0ffee5c0f"
COMMIT = "3af0983c0ffee3af0983c0ffee3af0983c0ffee0"
NODEID = "tests/test_orders.py::test_total[eur]"
LABEL = f"test@unit::{NODEID}"
STARTED = 1785579300.123
TIME_CURSOR = "WzE3ODU1NzkzMDAuMTIzLCAiMjAyNjA4MDFUMTAxNTAwMTIzLTZlOTEzYyJd"
VALUE_CURSOR = "W2ZhbHNlLCAxNzg1NTc5MzAxLjQsICJ0ZXN0Ojp0ZXN0X2EucHk6OnRlc3RfYiJd"
RUN_CURSOR = "WyIyMDI2MDgwMVQxMDE1MDAxMjMtNmU5MTNjIiwgMTAwXQ"


class Scopes(BaseModel):
    """Scopes of the caller. No scope includes another one."""

    scopes: list[Literal["stats", "contexts", "write"]] = Field(
        description="scopes of the token, or of this machine if no token is set",
        examples=[["contexts", "stats", "write"]],
    )


class ServerHealth(BaseModel):
    """State of the statistics server. A field is null if its value is unknown; `detail` is the reason."""

    reachable: bool = Field(description="whether the server replies", examples=[True])
    kind: Literal["redis", "valkey"] | None = Field(description="server software", examples=["valkey"])
    version: str | None = Field(description="version of the server", examples=["9.1.0"])
    detail: str | None = Field(default=None, description="reason for a null field", examples=[None])


class Health(BaseModel):
    """Version of this service and state of its server."""

    version: str = Field(description="version of akastats", examples=["0.1.0"])
    server: ServerHealth = Field(description="state of the statistics server")


class ProblemDetails(BaseModel):
    """An error (RFC 9457). Routes attached to another application return `detail` alone."""

    type: str = Field(
        default="about:blank", description="type of the problem, always about:blank", examples=["about:blank"]
    )
    title: str = Field(default="", description="phrase of the status", examples=["Unprocessable Entity"])
    status: int = Field(default=500, description="HTTP status", examples=[422])
    detail: str = Field(
        description="the error in one sentence", examples=["matcher: String should have at most 512 characters"]
    )
    field: str | None = Field(
        default=None, description="parameter, header or part of the body that is invalid", examples=["matcher"]
    )
    limit: int | None = Field(default=None, description="the limit that was exceeded", examples=[512])

"""What the API answers: one model a shape, with examples. The page relies on nothing else."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_CONTEXT_ID = "06466bfef6e7e40e52d572902df6757d"


class Numbers(BaseModel):
    """The numbers of one label: `last_time` in epoch seconds, all else in the unit of its values."""

    model_config = ConfigDict(from_attributes=True)

    avg: float | None = Field(examples=[40.351110649767])
    count: float | None = Field(examples=[725.0])
    last: float | None = Field(examples=[39.73086142539978])
    last_time: float | None = Field(examples=[1586883727.65556])
    max: float | None = Field(examples=[45.452062368393])
    min: float | None = Field(examples=[38.798961877823])
    stdev: float | None = Field(examples=[0.79583557884292])
    total: float | None = Field(examples=[29254.55522108078])


class HistoryPoint(BaseModel):
    """One point of a history; `value` is null where an older writer stored what is no finite number."""

    model_config = ConfigDict(from_attributes=True)

    timestamp: float = Field(description="epoch seconds", examples=[1586884334.34567])
    label: str = Field(examples=["DEVICE::172.27.217.56"])
    value: float | None = Field(examples=[39.564290046691895])
    context_id: str = Field(description="empty without a context", examples=[_CONTEXT_ID])


class ServerHealth(BaseModel):
    """The statistics server: what is null could not be learnt, and `detail` says why."""

    reachable: bool = Field(examples=[True])
    kind: Literal["redis", "valkey"] | None = Field(examples=["valkey"])
    version: str | None = Field(examples=["9.1.0"])
    detail: str | None = Field(default=None, examples=[None])


class Health(BaseModel):
    """Whether this service can answer: its own version and its server."""

    version: str = Field(examples=["0.1.0"])
    server: ServerHealth


class ProblemDetails(BaseModel):
    """An error (RFC 9457); on a foreign application only `detail` is there."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(default="", examples=["Unprocessable Entity"])
    status: int = Field(default=500, examples=[422])
    detail: str = Field(examples=["matcher: String should have at most 512 characters"])
    field: str | None = Field(default=None, examples=["matcher"])
    limit: int | None = Field(default=None, examples=[512])

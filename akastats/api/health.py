"""Route for the health of the service and of its statistics server."""

from __future__ import annotations

from fastapi import APIRouter, Request

from akastats import __version__
from akastats.api.models.common import Health, ServerHealth
from akastats.api.problems import Route, reason_of
from akastats.config import config
from akastats.errors import ClusterError, ConnectionLostError, ServerError, ServerUnreachableError
from akastats.redis import async_redis
from akastats.store.server import identify_single

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["health"])

_UNREACHABLE = (ServerUnreachableError, ConnectionLostError, ClusterError)


@router.get("/health")
async def get_health(request: Request) -> Health:
    """Return the version and the state of the server. The status is 200 even if the server is unreachable."""
    try:
        server = await async_redis.run(identify_single(config.namespace))
    except ServerError as error:
        return Health(version=__version__, server=_describe_failure(error, reason_of(error, request)))
    return Health(
        version=__version__, server=ServerHealth(reachable=True, kind=server.kind, version=server.version)
    )


def _describe_failure(error: ServerError, reason: str) -> ServerHealth:
    """Return the state of an unusable server.

    A server that refuses requests counts as reachable; a cluster does not count.
    """
    reachable = not isinstance(error, _UNREACHABLE)
    return ServerHealth(reachable=reachable, kind=None, version=None, detail=reason)

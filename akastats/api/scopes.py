"""What the asking one may do: by this a page offers what changes something only to those who may."""

from __future__ import annotations

from fastapi import APIRouter

from akastats.api.access import Granted
from akastats.api.models.common import Scopes
from akastats.api.problems import Route

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["access"])


@router.get("/scopes")
async def get_scopes(granted: Granted) -> Scopes:
    """Answer what this token, or without one this machine, may do."""
    return Scopes.model_validate({"scopes": sorted(granted)})

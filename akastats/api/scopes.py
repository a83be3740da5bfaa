"""Scopes of the caller, so that the page can hide actions that the caller may not perform."""

from __future__ import annotations

from fastapi import APIRouter

from akastats.api.access import CallerScopes
from akastats.api.models.common import Scopes
from akastats.api.problems import Route

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["access"])


@router.get("/scopes")
async def get_scopes(granted: CallerScopes) -> Scopes:
    """Return the scopes of the token, or of this machine if no token is set."""
    return Scopes.model_validate({"scopes": sorted(granted)})

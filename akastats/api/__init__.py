"""The HTTP API: routes parse a request, run a query and return its result as a model."""

from akastats.api.routes import EVERYTHING, STATS, Routes, app

__all__ = ["EVERYTHING", "STATS", "Routes", "app"]

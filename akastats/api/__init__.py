"""The HTTP API: routes that parse, ask and answer. The only room, with `app.py`, that knows FastAPI."""

from akastats.api.routes import EVERYTHING, STATS, Routes, app

__all__ = ["EVERYTHING", "STATS", "Routes", "app"]

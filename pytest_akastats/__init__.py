"""The pytest plugin of akastats: `pytest --akastats`."""

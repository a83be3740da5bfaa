"""`akastats.settings.config`, the older address of `akastats.config.config`."""

from akastats.config import config

__all__ = ["config"]

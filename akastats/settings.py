"""`akastats.settings.config`: the older import path of `akastats.config.config`."""

from akastats.config import config

__all__ = ["config"]

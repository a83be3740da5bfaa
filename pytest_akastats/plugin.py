"""Alias of the package `pytest_akastats`, which is the plugin, for `-p pytest_akastats.plugin`."""

import sys

sys.modules[__name__] = sys.modules["pytest_akastats"]

"""Moments as people read them."""

from __future__ import annotations

import pytest

from akastats.errors import ConfigError
from akastats.local_time import moment, zone


@pytest.mark.parametrize("name", ["Middle/Earth", "../etc/passwd", "Europe", "", "/abs", "x" * 300])
def test_an_unknown_zone_is_a_configuration_error(name):
    """Whatever zoneinfo makes of a name, we name the variable."""
    with pytest.raises(ConfigError, match="AKA_STATS_TIMEZONE"):
        zone(name)


@pytest.mark.parametrize("timestamp", [None, 1e300, -1e300, float("nan"), float("inf")])
def test_a_moment_that_is_none_is_a_dash(timestamp):
    """A broken number costs its own cell."""
    assert moment(timestamp, zone("UTC")) == "-"

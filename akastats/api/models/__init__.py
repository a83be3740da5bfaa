"""What the API returns and accepts: one module per noun. Models derive from the dataclasses of the queries."""

from akastats.api.models import common, errors, profiler, profiles, quarantine, runs, stats, tests, verdicts

__all__ = ["common", "errors", "profiler", "profiles", "quarantine", "runs", "stats", "tests", "verdicts"]

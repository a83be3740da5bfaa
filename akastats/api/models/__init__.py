"""Models of requests and responses, one module per resource. They derive from the dataclasses of the queries."""

from akastats.api.models import common, errors, profiler, profiles, quarantine, runs, stats, tests, verdicts

__all__ = ["common", "errors", "profiler", "profiles", "quarantine", "runs", "stats", "tests", "verdicts"]

"""The library's pages: every snippet runs, every variable and name is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from akastats import async_stats, prometheus, sync_stats
from akastats.api import errors, events, labels, quarantine, regressions, runs, tests, trends, verdicts
from akastats.api.stats import router
from akastats.config import VARIABLES, config

DOCS = Path(__file__).resolve().parent.parent / "docs"
NAMES = (
    "reference/library.md",
    "howto/migrate-from-aka-stats.md",
    "reference/http-runs.md",
    "reference/http-tests.md",
    "howto/quarantine.md",
    "reference/http-verdicts.md",
)
PAGES = {name: (DOCS / name).read_text() for name in NAMES}
SNIPPETS = [
    pytest.param(found[1], id=f"{name}:{text[: found.start()].count(chr(10)) + 2}")
    for name, text in PAGES.items()
    for found in re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run(snippet, server_url, redis_client, monkeypatch):
    """Each runs alone, on an empty server, as it is printed."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server_url)
    monkeypatch.setattr(prometheus, "prometheus_stat_formatters", dict(prometheus.prometheus_stat_formatters))
    config.use(None)
    try:
        exec(compile(snippet, "snippet", "exec"), {"__name__": "snippet"})
    finally:
        config.use(None)


def test_snippets_of_tests_pass(pytester):
    """Tests among the snippets pass where the plugin is installed, with nothing beside them."""
    (tests,) = (snippet.values[0] for snippet in SNIPPETS if "def test_" in snippet.values[0])
    pytester.makepyfile(tests)

    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_every_endpoint_is_told():
    """The guide names each of its endpoints, with its method."""
    told = re.findall(r"`(GET|POST) (/api/v1/[^`?]*)", PAGES["reference/library.md"])
    routes = {(method, route.path.replace(":akastats", "")) for route in router.routes for method in route.methods}

    assert routes <= set(told)


def test_every_endpoint_of_runs_is_told():
    """So does the page about runs."""
    told = set(re.findall(r"`GET (/api/v1/[^`?]*)", PAGES["reference/http-runs.md"]))
    routes = {route.path for each in (runs, trends, events) for route in each.router.routes}

    assert routes == told


def test_every_endpoint_over_runs_is_told():
    """So does the page about tests, failures and labels."""
    told = set(re.findall(r"`GET (/api/v1/[^`?]*)", PAGES["reference/http-tests.md"]))
    routes = {route.path for each in (tests, errors, labels) for route in each.router.routes}

    assert {route.replace(":akastats", "") for route in routes} == told


def test_every_endpoint_of_verdicts_is_told():
    """So does the page about verdicts over HTTP, with its method."""
    told = re.findall(r"^\| `(GET|PUT|DELETE) (/api/v1/[^`?]*)", PAGES["reference/http-verdicts.md"], re.MULTILINE)
    routes = {
        (method, route.path)
        for each in (verdicts, regressions)
        for route in each.router.routes
        for method in route.methods
    }

    assert routes == set(told)


def test_every_endpoint_of_the_quarantine_is_told():
    """With its method, on its own page."""
    told = set(re.findall(r"`(GET|PUT|DELETE) (/api/v1/[^`?]*)", PAGES["howto/quarantine.md"]))
    routes = {
        (method, route.path.replace(":akastats", ""))
        for route in quarantine.router.routes
        for method in route.methods
    }

    assert routes == told


def test_every_variable_is_told():
    """The guide names each variable."""
    assert [variable for variable in VARIABLES if f"`{variable}`" not in PAGES["reference/library.md"]] == []


@pytest.mark.parametrize("module", [sync_stats, async_stats])
def test_every_reader_is_told(module):
    """The guide names each public function of the readers."""
    assert [name for name in module.__all__ if name not in PAGES["reference/library.md"]] == []


def test_every_heading_is_in_the_contents():
    """The list at the top leads to each section."""
    headings = re.findall(r"^## (.+)$", PAGES["reference/library.md"], re.MULTILINE)

    assert re.findall(r"^\* \[(.+?)\]", PAGES["reference/library.md"], re.MULTILINE) == headings

"""Options of `pytest --akastats`, read once from pytest's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_akastats.cost_budgets import read_cost_budgets
from pytest_akastats.fail_on import WORDS

_SUITE = re.compile(r"[A-Za-z0-9._-]{1,64}")
DEFAULT_WAIT_S = 10.0
# Values of `--akastats-order`.
COLLECTED, LONGEST_FIRST = ORDERS = ("collected", "longest-first")


@dataclass(frozen=True)
class Options:
    """The plugin's options; a text is empty if the option is not set.

    url: URL of the server.
    suite: name of the suite.
    namespace: Redis key prefix.
    directory: directory of the spool and of the embedded server.
    wait_s: seconds to wait at the end for the run to be delivered.
    redact: regular expressions for additional secrets.
    quarantine: whether failures of quarantined tests do not fail the run.
    fail_on: verdicts that fail the run.
    base: branch to compare with.
    budgets: limits of fixtures, files, imports and spans by label.
    is_longest_first: whether the longest tests run first.
    """

    url: str
    suite: str
    namespace: str
    directory: Path
    wait_s: float
    redact: tuple[str, ...]
    quarantine: bool
    fail_on: frozenset[str]
    base: str = ""
    budgets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    is_longest_first: bool = False


def read_options(config: pytest.Config) -> Options:
    """Return the options; the command line overrides the ini file.

    Raises `pytest.UsageError` for an invalid value.
    """
    suite, wait, workers = (_read_text(config, name) for name in ("suite", "wait", "workers"))
    if workers not in ("", "recommended"):
        raise pytest.UsageError(f"--akastats-workers: {workers!r} is not 'recommended'")
    if suite and not _SUITE.fullmatch(suite):
        raise pytest.UsageError(f"--akastats-suite: {suite!r} must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
    directory = _read_text(config, "dir")
    return Options(
        url=_read_text(config, "url"),
        suite=suite,
        namespace=_read_text(config, "namespace"),
        directory=(config.rootpath / directory) if directory else config.rootpath / ".akastats",
        wait_s=_parse_seconds(wait) if wait else DEFAULT_WAIT_S,
        redact=tuple(_read_text(config, "redact").splitlines()),
        quarantine=bool(config.getoption("--akastats-quarantine") or config.getini("akastats_quarantine")),
        fail_on=_parse_words(_read_text(config, "fail-on")),
        base=_read_text(config, "base"),
        budgets=read_cost_budgets(config.getini("akastats_budgets")),
        is_longest_first=_parse_order(_read_text(config, "order")),
    )


def _read_text(config: pytest.Config, name: str) -> str:
    value = config.getoption(f"--akastats-{name}")
    return str(config.getini(f"akastats_{name.replace('-', '_')}") if value is None else value).strip()


def _parse_words(text: str) -> frozenset[str]:
    words = frozenset(re.split(r"[,\s]+", text)) - {""}
    if not words <= set(WORDS):
        raise pytest.UsageError(f"--akastats-fail-on: {text!r} is not one of {', '.join(WORDS)}")
    return words


def _parse_order(text: str) -> bool:
    if text not in ("", *ORDERS):
        raise pytest.UsageError(f"--akastats-order: {text!r} is not one of {', '.join(ORDERS)}")
    return text == LONGEST_FIRST


def _parse_seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text):
        raise pytest.UsageError(f"--akastats-wait: {text!r} is not a number of seconds from 0 to 9999")
    return float(text)

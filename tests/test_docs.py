"""The documentation: each snippet runs, each link resolves, and the reference pages agree with the code."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from akastats import async_stats, ci, prometheus, sync_stats
from akastats.api import errors, events, labels, quarantine, regressions, runs, tests, trends, verdicts
from akastats.api.stats import router
from akastats.cli.app import app
from akastats.config import VARIABLES, config
from akastats.embedded import binary
from conftest import FEW_PLUGINS
from pytest_akastats import pytest_addoption
from tests.test_house import LAYERS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
}
LIBRARY = PAGES["docs/reference/library.md"]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them
#: The pages whose shell blocks run in one recorded project. tests/test_labels_guide.py runs those of labels.md.
SHELL_PAGES = [name for name, text in PAGES.items() if "```sh\n" in text and name != "docs/reference/labels.md"]
SUITE = {
    "tests/test_pay.py": "def test_refund():\n    pass\n",
    "tests/test_orders.py": "def test_import(stat):\n    stat('rows', 3)\n",
}


def blocks(language: str, text: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def located_blocks(language: str) -> list[Any]:
    """Return the blocks of one language on all pages, as parameters with the page in their ids."""
    return [
        pytest.param(block, id=f"{name}:{number}")
        for name, text in PAGES.items()
        for number, block in enumerate(blocks(language, text), 1)
    ]


# Snippets of Python


@pytest.mark.parametrize("snippet", located_blocks("python"))
def test_python_snippets_run(snippet, server_url, redis_client, monkeypatch):
    """Each snippet runs by itself, on an empty server."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server_url)
    monkeypatch.setattr(prometheus, "prometheus_stat_formatters", dict(prometheus.prometheus_stat_formatters))
    config.use(None)
    try:
        exec(compile(snippet, "snippet", "exec"), {"__name__": "snippet"})
    finally:
        config.use(None)


def test_snippets_with_tests_pass(pytester):
    """Snippets that contain tests pass if the plugin is installed, and need no other file."""
    snippets = [text for page in PAGES.values() for text in blocks("python", page) if "def test_" in text]
    for number, text in enumerate(snippets):
        pytester.makepyfile(**{f"test_{number}": text})

    result = pytester.runpytest_subprocess("--strict-markers")

    assert len(snippets) >= 3
    assert result.ret == 0


# Shell blocks


@pytest.fixture(scope="module")
def environ(tmp_path_factory) -> dict[str, str]:
    """An environment without settings of akastats, in which `serve` ends and `pip` does nothing."""
    programs = tmp_path_factory.mktemp("bin")
    scripts = Path(sys.executable).parent
    serve = f'timeout --signal=INT 3 {scripts}/akastats "${{@//0.0.0.0/127.0.0.1}}" --port 0 || [ $? -ge 124 ]'
    programs.joinpath("akastats").write_text(
        f'#!/bin/bash\nif [ "$1" = serve ]; then {serve}; else exec {scripts}/akastats "$@"; fi\n'
    )
    programs.joinpath("pip").write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    return {
        "PATH": f"{programs}:{scripts}:{os.environ['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        **FEW_PLUGINS,
        "PYTEST_ADDOPTS": f"{FEW_PLUGINS['PYTEST_ADDOPTS']} -p no:cacheprovider",
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory, environ) -> Path:
    """A directory with a suite of which one run is recorded, in an embedded server."""
    directory = tmp_path_factory.mktemp("p")
    for name, text in SUITE.items():
        directory.joinpath(name).parent.mkdir(exist_ok=True)
        directory.joinpath(name).write_text(text)
    directory.joinpath("pytest.ini").write_text("[pytest]\n")
    run_shell("git init -q\npytest --akastats", directory, environ)
    return directory


def run_shell(script: str, directory: Path, environ: dict[str, str]) -> str:
    """Run a script, which must not fail; return its output."""
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, f"{script}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("page", [name for name in SHELL_PAGES if name != "docs/tutorial.md"])
def test_shell_blocks_run(page, project, environ):
    """The blocks of a page run one after another in a recorded project."""
    script = "\n".join(blocks("sh", PAGES[page]))
    soon = (date.today() + timedelta(days=30)).isoformat()

    run_shell(re.sub(r"(?<=--until )\d{4}-\d\d-\d\d", soon, script), project, environ)


def test_the_tutorial_gives_the_answers_that_it_promises(tmp_path, environ):
    """From an empty directory: the second run has a new failure."""
    output = run_shell("\n".join(blocks("sh", PAGES["docs/tutorial.md"])), tmp_path, environ)

    assert "new " in output
    assert "test_shop.py::test_total" in output


# Recipes


def shell_steps(value: Any) -> Iterator[str]:
    """Yield the shell scripts of a CI configuration, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("run", "script", "after_script", "command"):
                yield from [inner] if isinstance(inner, str) else inner
            else:
                yield from shell_steps(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from shell_steps(inner)


@pytest.mark.parametrize("recipe", located_blocks("yaml"))
def test_recipes_are_yaml_with_valid_shell_steps(recipe):
    """A recipe parses, and bash accepts each of its scripts."""
    steps = list(shell_steps(yaml.safe_load(recipe)))

    assert any("pytest --akastats" in step for step in steps)
    for step in steps:
        check_syntax(re.sub(r"\$\{\{.*?\}\}", "value", step))


@pytest.mark.parametrize("recipe", located_blocks("groovy"))
def test_jenkins_steps_are_valid_shell(recipe):
    steps = re.findall(r"\bsh '(.+)'", recipe)

    assert steps
    assert recipe.count("{") == recipe.count("}")
    for step in steps:
        check_syntax(step)


@pytest.mark.parametrize("recipe", located_blocks("ini"))
def test_ini_snippets_parse(recipe):
    assert configparser.ConfigParser(interpolation=None).read_string(recipe) is None


@pytest.mark.parametrize("recipe", located_blocks("toml"))
def test_toml_snippets_set_options_that_exist(recipe):
    tomllib = pytest.importorskip("tomllib")
    options = tomllib.loads(recipe)["tool"]["pytest"]["ini_options"]

    assert {f"--{key.replace('_', '-')}" for key in options} <= plugin_options()


def check_syntax(script: str) -> None:
    """Fail if bash cannot parse a script."""
    result = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


# Options, variables and commands


def plugin_options() -> set[str]:
    """Return the options that the plugin adds to pytest."""
    parser = pytest.Parser(_ispytest=True)
    pytest_addoption(parser)
    return {name for option in parser.getgroup("akastats").options for name in option.names()}


def command_options(command: Any) -> set[str]:
    """Return the long options of a command."""
    return {
        name for option in command.params for name in (*option.opts, *option.secondary_opts) if name[:2] == "--"
    }


def code_lines() -> Iterator[str]:
    """Yield each line of code on all pages, inline code too, with continued lines joined."""
    for text in PAGES.values():
        joined = text.replace("\\\n", " ")
        yield from re.findall(r"`([^`\n]+)`", joined)
        yield from re.findall(r"^ {4,}(.+)$", joined, re.MULTILINE)
        for block in re.findall(r"^```\w*\n(.*?)^```", joined, re.MULTILINE | re.DOTALL):
            yield from block.splitlines()


def test_quoted_commands_exist_and_have_the_quoted_options():
    """`akastats VERB --option` anywhere in the documentation names a command and its options."""
    for line in code_lines():
        for verb, rest in re.findall(r"(?<![\w./-])akastats ([a-z]+)([^|;&`]*)", line):
            if verb in COMMANDS:
                quoted = set(re.findall(r"(?<=[\s\[])--[a-z][a-z-]*", rest))
                assert quoted <= command_options(COMMANDS[verb]) | {"--help"}, line


def test_quoted_options_of_pytest_exist():
    quoted = {name for line in code_lines() for name in re.findall(r"--akastats[a-z-]*", line)}

    assert {name for name in quoted if not name.endswith("-")} <= plugin_options()


def test_the_reference_has_each_option_of_pytest():
    page = PAGES["docs/reference/options.md"]
    rows = re.findall(r"^\| `(--akastats[a-z-]*)[^`]*` \| `(akastats[a-z_]*)`", page, re.MULTILINE)

    assert plugin_options() == {option for option, _ in rows}
    assert [option[2:].replace("-", "_") for option, _ in rows] == [key for _, key in rows]


def test_the_reference_has_each_variable():
    variables = re.findall(r"^\| `(AKA_STATS_\w+)`", PAGES["docs/reference/variables.md"], re.MULTILINE)

    assert set(variables) == {*VARIABLES, *ci._OVERRIDES.values(), "AKA_STATS_BASE", binary.VARIABLE}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_each_option_of_a_command(name):
    """A section per command has its own options; the common ones have one table."""
    page = PAGES["docs/reference/commands.md"]
    sections = dict(section.split("\n", 1) for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:])
    common = set(re.findall(r"^\| `(--[a-z]+)", sections["Common options"], re.MULTILINE))
    rows = re.findall(r"^\| (`--[^|]*)\|", sections[f"akastats {name}"], re.MULTILINE)
    own = {option for row in rows for option in re.findall(r"--[a-z-]+", row)}

    assert command_options(COMMANDS[name]) - common == own - common


def test_the_reference_has_each_command():
    page = PAGES["docs/reference/commands.md"]

    assert sorted(COMMANDS) == sorted(re.findall(r"^## akastats (\w+)$", page, re.MULTILINE))
    assert sorted(COMMANDS) == sorted(re.findall(r"^\| \[`(\w+)`\]", page, re.MULTILINE))


# Endpoints and functions


def documented(page: str, begin: str = "") -> set[tuple[str, str]]:
    """Return the methods and paths that a page names."""
    matches = re.findall(rf"{begin}`(GET|POST|PUT|DELETE) (/api/v1/[^`?]*)", PAGES[page], re.MULTILINE)
    return set(matches)


def served(*modules: Any) -> set[tuple[str, str]]:
    """Return the methods and paths that routers serve."""
    return {
        (method, route.path.replace(":akastats", ""))
        for module in modules
        for route in getattr(module, "router", module).routes
        for method in route.methods
    }


@pytest.mark.parametrize(
    ("page", "modules"),
    [
        ("docs/reference/http-runs.md", (runs, trends, events)),
        ("docs/reference/http-tests.md", (tests, errors, labels)),
        ("docs/howto/quarantine.md", (quarantine,)),
    ],
)
def test_each_endpoint_is_documented(page, modules):
    of_contexts = ("POST", "/api/v1/stat-contexts")

    assert served(*modules) == documented(page) - {of_contexts}


def test_each_endpoint_of_statistics_is_documented():
    assert served(router) <= documented("docs/reference/library.md")


def test_each_endpoint_of_verdicts_is_documented():
    assert served(verdicts, regressions) == documented("docs/reference/http-verdicts.md", r"^\| ")


@pytest.mark.parametrize("module", [sync_stats, async_stats])
def test_each_function_that_reads_is_documented(module):
    assert [name for name in module.__all__ if name not in LIBRARY] == []


# Links


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    """Relative links lead to a file, and to a heading in it."""
    for target, fragment in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", PAGES[page]):
        if "://" in target:
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page}: {target}"
        if fragment:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert fragment in map(anchor, headings), f"{page}: {target}#{fragment}"


def test_the_index_lists_each_page():
    index = PAGES["docs/README.md"]
    pages = [name.removeprefix("docs/") for name in PAGES if name.startswith("docs/") and name != "docs/README.md"]

    assert [name for name in pages if f"]({name})" not in index and f"]({name}#" not in index] == []


def test_the_contents_of_the_library_lists_each_section():
    headings = re.findall(r"^## (.+)$", LIBRARY, re.MULTILINE)

    assert re.findall(r"^\* \[(.+?)\]", LIBRARY, re.MULTILINE) == headings


def test_the_readme_is_short():
    """A newcomer reads it in one minute."""
    assert len(PAGES["README.md"].splitlines()) <= 120


def test_contributing_lists_each_room_in_its_layer():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGES["CONTRIBUTING.md"], re.MULTILINE)
    layers = {(int(layer), room) for layer, cell in rows for room in re.findall(r"`(\w+)`", cell)}

    assert {(layer, room) for layer, rooms in enumerate(LAYERS, 1) for room in rooms} == layers


def test_contributing_names_files_that_exist():
    paths = re.findall(r"`((?:akastats|pytest_akastats|tests|packaging|docs)/[\w./-]+)`", PAGES["CONTRIBUTING.md"])
    examples = {"akastats/a/b.py", "tests/a/test_b.py", "pytest_akastats/x.py", "tests/plugin/test_x.py"}

    assert [path for path in paths if path not in examples and not (ROOT / path).exists()] == []

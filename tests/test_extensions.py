"""Extension points: a real distribution on the path, and the real commands that use it."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from akastats import extensions
from akastats.extensions import call_hooks, load_redactors, load_renderers
from akastats.model.verdicts import Verdicts
from akastats.queries.runs import Run, run_of
from akastats.redact import MASK, create_redactor
from tests.cli.conftest import Answer, run_forked
from tests.delivered_runs import spool
from tests.forks import Forks

PAGE = (Path(__file__).parent.parent / "docs/howto/extensions.md").read_text()
CARD = "4111 1111 1111 1111"
VERDICTS = Verdicts("r9", "", "main", "main", 20)
RUN = run_of({"id": "r9"})

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a distribution and put it on the path of this process and of its children."""
    directory = tmp_path / "site"
    metadata = directory / "acme_akastats-1.0.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: acme-akastats\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setenv("PYTHONPATH", str(directory))

    def write(code: str, **groups: Mapping[str, str]) -> Path:
        directory.joinpath("acme_akastats.py").write_text(code)
        lines = [
            line
            for group, points in groups.items()
            for line in (f"[akastats.{group}]", *(f"{name} = {target}" for name, target in points.items()))
        ]
        metadata.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n")
        sys.modules.pop("acme_akastats", None)
        return directory

    return write


def record(pytester: pytest.Pytester, server: str, *arguments: str) -> pytest.RunResult:
    """Record the suite in the directory of pytester; wait for the delivery."""
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "--akastats", "--akastats-wait=60")
    return pytester.runpytest_subprocess(*plain, f"--akastats-url={server}", *arguments)


@pytest.fixture
def akastats(command_forks: Forks, server: str) -> Callable[..., Answer]:
    """Run a command in a directory."""

    def run(directory: Path, *arguments: str) -> Answer:
        return run_forked(command_forks, arguments, directory, {**os.environ, "AKA_STATS_REDIS_URL": server})

    return run


def spooled(pytester: pytest.Pytester) -> str:
    """Return the contents of the spools."""
    return "".join(path.read_text() for path in (pytester.path / ".akastats" / "spool").glob("*.aks"))


# The documentation


def declared() -> dict[str, dict[str, str]]:
    """Return the entry points of the page by group."""
    groups = re.findall(
        r'^    \[project\.entry-points\."akastats\.(\w+)"\]\n((?:    \w+ = .+\n)+)', PAGE, re.MULTILINE
    )
    return {group: dict(re.findall(r'^    (\w+) = "(.+)"$', lines, re.MULTILINE)) for group, lines in groups}


def test_the_documented_extension_works(pytester, server, install, monkeypatch, akastats):
    """The page's module and entry points, installed as they are, act on a run and on its report."""
    log = pytester.path / "failures.jsonl"
    monkeypatch.setenv("FAILURES_LOG", str(log))
    install("\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)), **declared())
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("number", ["{CARD}", "<4111 1111 1111 1112>"])
        def test_pay(number):
            assert "<paid>" == f"refused {{number}}"
        """
    )

    result = record(pytester, server, f"--deselect={CARD}")
    report = akastats(pytester.path, "report", "--format", "slack")

    assert result.ret == 1
    assert CARD not in spooled(pytester)
    assert "4111 1111 1111 1112" in spooled(pytester)
    (entry,) = map(json.loads, log.read_text().splitlines())
    assert len(entry["failures"]) == 2
    assert f"test_the_documented_extension_works.py::test_pay[{MASK}]" in entry["failures"]
    assert report.out.startswith("*Tests failed: 2 failed*\n")
    assert "&lt;4111 1111 1111 1112&gt;" in report.out
    assert "findings of the rule" not in akastats(pytester.path, "why").out


def test_the_page_declares_each_group():
    """Each documented group is loaded by the code."""
    code = Path(extensions.__file__).read_text()
    loaded = set(re.findall(r'_load\("akastats\.(\w+)"\)', code))

    assert loaded == set(declared())
    assert set(re.findall(r"^\| `akastats\.(\w+)`", PAGE, re.MULTILINE)) == loaded


# Redactors


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def redact(text):\n    raise ValueError(text)\n", "ValueError"),
        ("def redact(text):\n    return None\n", "TypeError"),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("", "AttributeError"),
    ],
    ids=["raises", "returns no text", "cannot be imported", "does not exist"],
)
def test_a_failing_redactor_leaves_the_text_out(pytester, server, install, code, error):
    """A text that could not be searched may contain a secret; the tests and the recording continue."""
    install(code, redactors={"mine": "acme_akastats:redact"})
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("value", ["swordfish"])
        def test_fails(value):
            assert value == "sword" + "fish2"
        """
    )

    result = record(pytester, server)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"akastats: redactor mine failed ({error}): texts are omitted"])
    assert "swordfish" not in spooled(pytester)
    assert f"::test_fails{MASK}" in spooled(pytester)


def test_redactors_follow_the_rules_and_each_other(install):
    """The first redactor receives the result of the rules, each further one that of the one before."""
    code = "def first(text):\n    return text + ' first'\ndef second(text):\n    return text + ' second'\n"
    install(code, redactors={"a": "acme_akastats:first", "b": "acme_akastats:second"})

    redact = create_redactor({}, (), load_redactors())

    assert f"redis://{MASK}@h first second" == redact("redis://me:tiger@h")
    assert "test_a[1] first second" == redact.name("test_a[1]")
    assert "" == redact.warning


def test_off_disables_redactors(install):
    """`akastats_redact = off` stores texts as they are."""
    install("def redact(text):\n    return ''\n", redactors={"mine": "acme_akastats:redact"})

    redact = create_redactor({}, ("off",), load_redactors())

    assert "text" == redact("text") == redact.name("text")


def test_an_import_removes_secrets_too(server, tmp_path, install, akastats):
    """`akastats import` writes texts of others, so it uses the redactors."""
    install(
        "def redact(text):\n    return text.replace('swordfish', 'X')\n", redactors={"a": "acme_akastats:redact"}
    )
    (tmp_path / "junit.xml").write_text(
        '<testsuite name="s" tests="1" failures="1"><testcase classname="a" name="b" time="0.1">'
        '<failure message="swordfish">the swordfish</failure></testcase></testsuite>'
    )

    done = akastats(tmp_path, "import", "junit.xml")
    report = akastats(tmp_path, "report", "--format", "json")

    assert done.code == 0, done.err
    assert json.loads(report.out)["failures"]
    assert "swordfish" not in report.out


# Report formats


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def render(document):\n    raise ValueError('no room')\n", "mine failed: ValueError: no room"),
        ("def render(document):\n    return 17\n", "mine returned int instead of text"),
        ("import no_such_module\n", "mine failed: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
    ids=["raises", "returns no text", "cannot be imported"],
)
def test_a_failing_format_is_an_error_of_the_command(pytester, server, install, code, message, akastats):
    """The exit code is 1, and one line names the error."""
    install(code, renderers={"mine": "acme_akastats:render"})
    pytester.makepyfile("def test_a(): pass\n")
    record(pytester, server)

    done = akastats(pytester.path, "report", "--format", "mine")

    assert done.code == 1
    assert f"report format {message}" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_format_is_an_error_of_usage(tmp_path, server, install, akastats):
    """The message lists the formats, also those of extensions."""
    install("render = str\n", renderers={"mine": "acme_akastats:render"})

    done = akastats(tmp_path, "report", "--format", "yaml")

    assert done.code == 2
    assert "'yaml' is not one of markdown, html, json, gitlab, mine" in " ".join(done.err.replace("│", "").split())


# Hooks


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def hook(run, verdicts):\n    raise ValueError('refused')\n", "ValueError: refused"),
        ("import time\ndef hook(run, verdicts):\n    time.sleep(600)\n", "no result within 2 s"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
    ids=["raises", "takes too long", "cannot be imported"],
)
def test_a_failing_hook_costs_the_run_nothing(pytester, server, install, code, problem):
    """The run passes and is analysed; one line of the summary reports the problem."""
    install(code, run_analysed={"mine": "acme_akastats:hook"})
    pytester.makepyfile("import sys\ndef test_a():\n    assert 'acme_akastats' not in sys.modules\n")

    result = record(pytester, server)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["akastats: 1 test recorded as run *", f"  hook mine failed ({problem})"])


def test_a_run_that_is_drained_reaches_the_hooks(server, tmp_path, install, akastats):
    """Its hooks may fail too; the command reports that and succeeds."""
    install(
        "def hook(run, verdicts):\n    raise ValueError(f'{run.status} {verdicts.run}')\n",
        run_analysed={"mine": "acme_akastats:hook"},
    )
    path = spool(tmp_path / "late" / "spool", [("a.py::test_a", "passed", 0.1)], exit_code=0)

    done = akastats(tmp_path, "drain", str(path.parent), "--to", server, "--force")

    assert done.code == 0, done.err
    assert "hook mine failed (ValueError: passed 20231114T221320000-000001)" in " ".join(done.err.split())


def test_hooks_do_not_wait_for_each_other():
    """One that takes too long does not keep the others from their run."""
    received: list[tuple[Run, Verdicts]] = []

    def slow(run: Run, verdicts: Verdicts) -> None:
        time.sleep(600)

    def quick(run: Run, verdicts: Verdicts) -> None:
        received.append((run, verdicts))

    problem = call_hooks({"slow": slow, "quick": quick}, RUN, VERDICTS)

    assert "hook slow failed (no result within 2 s)" == problem
    assert [(RUN, VERDICTS)] == received


# Discovery


def test_without_extensions_nothing_is_loaded(install):
    """Other groups of entry points are ignored."""
    install("", other={"a": "acme_akastats:a"})

    assert {} == load_redactors() == load_renderers()


def test_an_archive_on_the_path_can_contain_extensions(tmp_path, monkeypatch):
    """Python imports from zip files, so entry points are found in them."""
    archive = tmp_path / "acme.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("acme_zipped.py", "def redact(text):\n    return text.upper()\n")
        content.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        content.writestr("acme-1.0.dist-info/entry_points.txt", "[akastats.redactors]\na = acme_zipped:redact\n")
    monkeypatch.syspath_prepend(str(archive))

    assert "TEXT" == load_redactors()["a"]("text")

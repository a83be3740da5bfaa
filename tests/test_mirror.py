"""The tests mirror the rooms: each module has a test file of its name, or a line here with another file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

import akastats

ROOT = Path(akastats.__file__).parent.parent
# The packages can be installed elsewhere.
TESTS = Path(__file__).parent

#: Modules without a test file of their name, each with the test file that covers it.
COVERED_BY = {
    "akastats/__init__.py": "tests/test_stats.py",
    "akastats/__main__.py": "tests/test_extensions.py",
    "akastats/analysis/durations/suite.py": "tests/analysis/test_analyse.py",
    "akastats/analysis/failures/labelling.py": "tests/analysis/test_analyse.py",
    "akastats/analysis/findings/recorded_run.py": "tests/analysis/findings/test_rules.py",
    "akastats/analysis/flakiness/states.py": "tests/analysis/test_analyse.py",
    "akastats/api/cache.py": "tests/api/test_damage.py",
    "akastats/api/models/common.py": "tests/test_app.py",
    "akastats/api/models/errors.py": "tests/api/test_errors.py",
    "akastats/api/models/profiler.py": "tests/api/test_profiler.py",
    "akastats/api/models/profiles.py": "tests/api/test_run_tests.py",
    "akastats/api/models/quarantine.py": "tests/api/test_quarantine.py",
    "akastats/api/models/runs.py": "tests/api/test_runs.py",
    "akastats/api/models/stats.py": "tests/api/test_stats.py",
    "akastats/api/models/tests.py": "tests/api/test_tests.py",
    "akastats/api/models/verdicts.py": "tests/api/test_verdicts.py",
    "akastats/api/verdict_pages.py": "tests/api/test_verdicts.py",
    "akastats/cli/__init__.py": "tests/cli/test_app.py",
    "akastats/cli/options.py": "tests/cli/test_app.py",
    "akastats/cli/spools.py": "tests/cli/test_doctor.py",
    "akastats/delivery/analysing.py": "tests/queries/test_analysis_input.py",
    "akastats/delivery/run_profile.py": "tests/delivery/test_run_builder.py",
    "akastats/errors.py": "tests/redis/test_error_translation.py",
    "akastats/importers/junit/runs.py": "tests/cli/test_imports.py",
    "akastats/model/findings.py": "tests/analysis/findings/test_rules.py",
    "akastats/model/profile.py": "tests/api/test_damage.py",
    "akastats/model/results.py": "tests/delivery/test_run_builder.py",
    "akastats/model/verdicts.py": "tests/api/test_damage.py",
    "akastats/queries/base_run.py": "tests/queries/test_analysis_input.py",
    "akastats/queries/cached_lists.py": "tests/api/test_lists.py",
    "akastats/queries/errors.py": "tests/api/test_errors.py",
    "akastats/queries/export.py": "tests/cli/test_exports.py",
    "akastats/queries/findings.py": "tests/cli/test_profiler.py",
    "akastats/queries/grid.py": "tests/api/test_lists.py",
    "akastats/queries/labels.py": "tests/api/test_labels.py",
    "akastats/queries/ledger.py": "tests/cli/test_profiler.py",
    "akastats/shipper/expected_durations.py": "tests/plugin/test_ordering.py",
    "akastats/spool/duration_list.py": "tests/plugin/test_ordering.py",
    "akastats/queries/shards.py": "tests/api/test_profiler.py",
    "akastats/queries/live_runs.py": "tests/api/test_events.py",
    "akastats/queries/per_test_verdicts.py": "tests/api/test_test_verdicts.py",
    "akastats/queries/plan.py": "tests/cli/test_profiler.py",
    "akastats/queries/quarantine.py": "tests/cli/test_doctor.py",
    "akastats/queries/run_comparison.py": "tests/api/test_run_tests.py",
    "akastats/queries/run_details.py": "tests/api/test_runs.py",
    "akastats/queries/run_failures.py": "tests/api/test_runs.py",
    "akastats/queries/run_in_progress.py": "tests/cli/test_verdicts.py",
    "akastats/queries/run_report.py": "tests/api/test_verdicts.py",
    "akastats/queries/runs.py": "tests/api/test_runs.py",
    "akastats/queries/trends.py": "tests/api/test_trends.py",
    "akastats/queries/verdicts.py": "tests/api/test_verdicts.py",
    "akastats/records.py": "tests/test_collector.py",
    "akastats/redact/assignments.py": "tests/redact/test_init.py",
    "akastats/redact/prefixes.py": "tests/redact/test_token_patterns.py",
    "akastats/redact/sensitive_words.py": "tests/redact/test_init.py",
    "akastats/redact/structures.py": "tests/redact/test_init.py",
    "akastats/redis/exchange.py": "tests/redis/test_connections.py",
    "akastats/redis/runners.py": "tests/redis/test_pipelining.py",
    "akastats/report/code_annotations.py": "tests/report/test_github.py",
    "akastats/report/document.py": "tests/report/test_run_document.py",
    "akastats/report/finding_phrases.py": "tests/cli/test_profiler.py",
    "akastats/shipper/__main__.py": "tests/shipper/test_lifetime.py",
    "akastats/shipper/quarantined_tests.py": "tests/spool/test_quarantine_list.py",
    "akastats/shipper/summary.py": "tests/plugin/test_verdicts.py",
    "akastats/spool/files.py": "tests/shipper/test_liveness.py",
    "akastats/store/indexes.py": "tests/delivery/test_indexing.py",
    "akastats/store/runs.py": "tests/delivery/test_spool_delivery.py",
    "akastats/store/scripts.py": "tests/lua/test_push.py",
    "akastats/store/server.py": "tests/cli/test_doctor.py",
    "akastats/store/verdicts.py": "tests/queries/test_analysis_input.py",
    "akastats/sync_stats.py": "tests/test_stats.py",
    "akastats/triage/acknowledgements.py": "tests/api/test_regressions.py",
    "akastats/triage/quarantine_storage.py": "tests/triage/test_quarantine.py",
    "pytest_akastats/__init__.py": "tests/plugin/test_plugin.py",
    "pytest_akastats/activation.py": "tests/plugin/test_plugin.py",
    "pytest_akastats/options.py": "tests/plugin/test_plugin.py",
    "pytest_akastats/probe.py": "tests/plugin/test_times.py",
    "pytest_akastats/recorder.py": "tests/plugin/test_outcomes.py",
    "pytest_akastats/session.py": "tests/plugin/test_plugin.py",
}


def list_modules() -> Iterator[str]:
    """Yield the path of each module that has logic of its own."""
    for package in ("akastats", "pytest_akastats"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if has_logic(path.read_text()):
                yield path.relative_to(ROOT).as_posix()


def has_logic(code: str) -> bool:
    """Return whether a module has more than a docstring, imports and literal values."""
    return not all(_is_declaration(statement) for statement in ast.parse(code).body)


def _is_declaration(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return True
    return isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign)) and _is_literal(statement.value)


def _is_literal(value: ast.expr | None) -> bool:
    try:
        if value is not None:
            ast.literal_eval(value)
    except ValueError:
        return False
    return True


def name_test_file(module: str) -> str:
    """Return the path of a module's test file; the one of `__init__` is `test_init.py`."""
    package, *rooms, name = PurePosixPath(module).parts
    folder = ["plugin"] if package == "pytest_akastats" else rooms
    return "/".join(["tests", *folder, f"test_{name.replace('__', '')}"])


def find_problems(modules: list[str], tests: set[str], covered_by: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each module without a test file, and for each line of the map that is wrong."""
    for module in modules:
        if name_test_file(module) not in tests and module not in covered_by:
            yield f"{module} has no tests: write {name_test_file(module)}, or add a line to COVERED_BY"
    for module, test_file in covered_by.items():
        if module not in modules:
            yield f"COVERED_BY names {module}, which does not exist or has no logic: remove the line"
        elif name_test_file(module) in tests:
            yield f"COVERED_BY names {module}, which has {name_test_file(module)}: remove the line"
        if test_file not in tests:
            yield f"COVERED_BY names {test_file}, which does not exist"


def test_each_module_has_tests() -> None:
    """Add a test file of the module's name, or a line to `COVERED_BY`; remove lines that are out of date."""
    tests = {path.relative_to(TESTS.parent).as_posix() for path in TESTS.rglob("test_*.py")}

    assert [] == list(find_problems(list(list_modules()), tests, COVERED_BY))


@pytest.mark.parametrize(
    ("module", "test_file"),
    [
        ("akastats/git.py", "tests/test_git.py"),
        ("akastats/__init__.py", "tests/test_init.py"),
        ("akastats/ci/__init__.py", "tests/ci/test_init.py"),
        ("akastats/shipper/__main__.py", "tests/shipper/test_main.py"),
        ("akastats/analysis/durations/suite.py", "tests/analysis/durations/test_suite.py"),
        ("pytest_akastats/clocks.py", "tests/plugin/test_clocks.py"),
    ],
)
def test_the_test_file_has_the_name_of_the_module(module: str, test_file: str) -> None:
    """Its folder is the room of the module; the plugin is one room."""
    assert test_file == name_test_file(module)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", False),
        ('"""Text."""\nfrom a import b\nimport c\n__all__ = ["b"]\nX: int = 1\nY: int', False),
        ("def f(): ...", True),
        ("X = f()", True),
        ("if X:\n    f()", True),
    ],
)
def test_imports_and_values_are_no_logic(code: str, expected: bool) -> None:
    """Modules that only import names or list values need no tests."""
    assert expected is has_logic(code)


@pytest.mark.parametrize(
    ("tests", "covered_by", "problem"),
    [
        ({"tests/test_a.py"}, {}, ""),
        ({"tests/test_b.py"}, {"akastats/a.py": "tests/test_b.py"}, ""),
        (set(), {}, "akastats/a.py has no tests"),
        (set(), {"akastats/a.py": "tests/test_b.py"}, "tests/test_b.py, which does not exist"),
        ({"tests/test_a.py"}, {"akastats/a.py": "tests/test_a.py"}, "which has tests/test_a.py"),
        ({"tests/test_a.py"}, {"akastats/b.py": "tests/test_a.py"}, "akastats/b.py, which does not exist"),
    ],
)
def test_each_problem_is_reported(tests: set[str], covered_by: dict[str, str], problem: str) -> None:
    """A missing test file, and lines that are out of date."""
    problems = list(find_problems(["akastats/a.py"], tests, covered_by))

    assert len(problems) == bool(problem)
    assert problem in "".join(problems)

"""Rules about imports."""

from __future__ import annotations

import pytest

from akastats.analysis.findings.imports import find_compilation, find_first_import, find_imports
from tests.analysis.findings.suites import Row, Suite


def test_a_package_is_imported_by_each_process() -> None:
    """The wall time is that of one."""
    suite = Suite(
        [Row("a", worker="gw0"), Row("b", worker="gw1")],
        imports={
            "worker": ["gw0", "gw1"],
            "phase": ["collect", "collect"],
            "package": ["numpy", "numpy"],
            "modules": [9, 9],
            "own": [0.5, 0.25],
        },
        workers=2,
    )
    (cost,) = find_imports(suite.record())

    assert "Importing numpy takes 0.5 s in each of 2 processes" == cost.title
    assert 0.75 == cost.cpu_saved


def import_in_tests(*rows: tuple[str, float]) -> dict[str, list[object]]:
    """Return imports of numpy by tests: node id and seconds of each."""
    return {
        "worker": [""] * len(rows),
        "phase": ["tests"] * len(rows),
        "package": ["numpy"] * len(rows),
        "modules": [9] * len(rows),
        "own": [seconds for _, seconds in rows],
        "nodeid": [nodeid for nodeid, _ in rows],
    }


def test_the_first_import_of_a_package_is_a_cost_of_the_test() -> None:
    """It is none of the start-up."""
    run = Suite([Row("t::a", call=0.75), Row("t::b")], imports=import_in_tests(("t::a", 0.5))).record()
    (cost,) = find_first_import(run)

    assert "Importing numpy takes 0.5 s in t::a" == cost.title
    assert ("numpy", "t::a") == (cost.where[0].package, cost.where[1].nodeid)
    assert pytest.approx(0.5) == cost.saved
    assert [] == list(find_imports(run))


def test_several_tests_import_a_package_again() -> None:
    """The slowest is named first."""
    imports = import_in_tests(("t::a", 0.125), ("t::b", 0.25), ("t::a", 0.125), ("t::b", 0.25))
    (cost,) = find_first_import(Suite([Row("t::a", call=1), Row("t::b", call=1)], imports=imports).record())

    assert "Importing numpy takes 0.75 s in 2 tests, most in t::b" == cost.title
    assert pytest.approx(0.75) == cost.saved


def test_an_import_in_a_shared_fixture_is_saved_there() -> None:
    """The test that requests it first is shorter than the import."""
    suite = Suite(
        [Row("t::a", setup=1.0, call=0.125, fixtures=("app",)), Row("t::b", fixtures=("app",))],
        fixtures={
            "name": ["app"],
            "baseid": [""],
            "scope": ["session"],
            "count": [1],
            "setup": [1.0],
            "teardown": [0.0],
        },
        builds={"name": ["app"], "baseid": [""], "worker": [""], "nodeid": ["t::a"], "setup": [1.0]},
        imports=import_in_tests(("t::a", 0.75)),
    )
    (cost,) = find_first_import(suite.record())

    assert pytest.approx(0.75) == cost.saved


def test_compilation_is_a_cost_of_its_own() -> None:
    """The import is proposed without it."""
    suite = Suite(
        [Row("a"), Row("b")],
        imports={
            "worker": ["", ""],
            "phase": ["conftest", "collect"],
            "package": ["shop", "shop"],
            "modules": [1, 9],
            "own": [0.25, 1.0],
            "compiled": [0.125, 0.5],
        },
        start=2.0,
    )
    (compilation,) = find_compilation(suite.record())
    (imports,) = find_imports(suite.record())

    assert "Compiling modules takes 0.625 s, because their bytecode was not stored" == compilation.title
    assert pytest.approx(0.625) == compilation.saved
    assert pytest.approx(0.625) == imports.saved


def test_stored_bytecode_is_not_compiled() -> None:
    """There is no cost."""
    assert [] == list(find_compilation(Suite([Row("a")], imports=import_in_tests(("a", 0.5))).record()))

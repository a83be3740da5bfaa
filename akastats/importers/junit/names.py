"""Derive the name of a test: pytest's node id for pytest's reports, `location::name` for others.

pytest writes `tests.test_a.TestB` instead of the node id `tests/test_a.py::TestB`. This module guesses
file and class, unless the report contains the file (`junit_family = xunit1`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from akastats.importers.junit.report import Case

_MODULE = re.compile(r"test_.*|.*_test|tests?|conftest")
_NAME = re.compile(r"\w+(\[.*\])?", re.DOTALL)
_TEXTS = (".txt", ".rst", ".md")
_NO_NAME = "(no name, number {number})"
_IS_NAMELESS = re.compile(re.escape(_NO_NAME).replace(r"\{number\}", r"\d+"))


def make_node_id(case: Case) -> str:
    """Return the node id of a case, which is the same in every report of its framework."""
    if is_from_pytest(case):
        return _of_pytest(case)
    where = _location(case) or ("(no suite)" if _IS_NAMELESS.fullmatch(case.name) else "")
    return f"{where}::{case.name}" if where else case.name


def name_case(case: Case, number: int) -> Case:
    """Return a nameless case with a name made from `number`, which counts from 1."""
    return replace(case, name=_NO_NAME.format(number=number))


def is_from_pytest(case: Case) -> bool:
    """Return whether pytest wrote a case: by the suite's name, by a Python file, or by the form of the name."""
    if case.suite.name == "pytest" or case.file.endswith(".py"):
        return True
    parts = case.classname.split(".")
    named = any(_MODULE.fullmatch(part) and "_" in part for part in parts)
    return named and case.name.startswith("test") and _NAME.fullmatch(case.name) is not None


def _of_pytest(case: Case) -> str:
    if not case.classname:
        # The case is a file that could not be collected.
        if _IS_NAMELESS.fullmatch(case.name):
            return f"{case.file or case.suite.name}::{case.name}"
        return case.file or case.name.replace(".", "/") + ".py"
    if case.name.endswith(_TEXTS) and case.classname.endswith(case.name):
        # The case is a doctest in a text file, so the class name contains the file's suffix.
        folder = case.classname.removesuffix(case.name).replace(".", "/")
        return f"{folder}{case.name}::{case.name}"
    path, classes = _split(case.classname.split("."), case.file)
    return "::".join([path, *classes, case.name])


def _split(parts: list[str], file: str) -> tuple[str, list[str]]:
    """Return the path and the classes of a class name."""
    module = file.removesuffix(".py").split("/") if file.endswith(".py") else []
    if module and parts[: len(module)] == module:
        return file, parts[len(module) :]
    modules = [at for at, part in enumerate(parts) if _MODULE.fullmatch(part) and "_" in part]
    if modules:
        size = modules[-1] + 1
    else:
        # A module begins with a lower-case letter, a class with a capital.
        size = next((at for at, part in enumerate(parts) if at and part[:1].isupper()), len(parts))
    return "/".join(parts[:size]) + ".py", parts[size:]


def _location(case: Case) -> str:
    """Return the location of a test without repetitions: file, class or suite."""
    suite, classname = case.suite.name, case.classname
    # Go's reports may name a package by its last component.
    if suite.endswith(f"/{classname}"):
        classname = suite
    # jest-junit writes the full title as class name and as name.
    if not classname or case.name.startswith(classname):
        classname = ""
    file = case.file or case.suite.file
    parts = [file, classname] if file else [classname or suite]
    return "::".join(part for part in parts if part)

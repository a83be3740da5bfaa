"""The files of the page: their addresses, their content, and that they fit together."""

from __future__ import annotations

import json
import re

import pytest

from akastats.dashboard import files
from tests.api.conftest import call

IMPORT = re.compile(r'(?:\bfrom |\bimport\()"\./([^"]+)"')


def test_files_may_be_kept_for_ever(server):
    """A file's address holds a digest of all of them, so a browser asks once."""
    from akastats.app import app

    answer = call(app, "GET", f"/static/{files.compute_digest()}/app.js")

    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
def test_files_come_packed_for_who_can_unpack(server, accepted, encoding):
    """A third of the weight for every browser, the plain file for whoever asks without."""
    from akastats.app import app

    address = f"/static/{files.compute_digest()}/style.css"
    answer = call(app, "GET", address, headers={"accept-encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.content == files.read("style.css")


def test_an_open_page_outlives_an_update(server):
    """An older digest gets the file there is, and no promise that it stays."""
    from akastats.app import app

    answer = call(app, "GET", "/static/00/app.js")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("name", ["unknown.js", "..%2Fpage.py", "shell.html", "%00"])
def test_other_files_are_not_answered(server, name):
    """Only what belongs to the page is there, whatever a path holds."""
    from akastats.app import app

    assert call(app, "GET", f"/static/{files.compute_digest()}/{name}").status_code == 404


def test_modules_import_what_there_is():
    """No module asks for a file that is missing, and the shell loads none before its time that is not."""
    known = files.load_files()
    scripts = {name: file.content.decode() for name, file in known.items() if name.endswith(".js")}

    asked = {name: set(IMPORT.findall(text)) for name, text in scripts.items()}
    preloaded = set(re.findall(r"\$\{static\}(\S+?)\"", files.read("shell.html").decode()))

    assert not {name: missing for name, found in asked.items() if (missing := found - known.keys())}
    assert preloaded <= known.keys()
    assert {"uplot.js", "uplot.css"} <= known.keys()


def test_what_is_imported_is_exported():
    """Each name that a module takes from another, that other gives."""
    scripts = {path.name: path.read_text() for path in files.HERE.glob("*.js")}
    taken = re.compile(r'import \{ ([^}]+) \} from "\./([^"]+)"')
    given = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
    exports = {name: set(given.findall(text)) for name, text in scripts.items()}

    for name, text in scripts.items():
        for names, source in taken.findall(text):
            wanted = {word.split(" as ")[0].strip() for word in names.split(",")}
            assert wanted <= exports[source], f"{name} imports {wanted - exports[source]} from {source}"
            unused = {word for word in wanted if len(re.findall(rf"\b{word}\b", text)) < 2}
            assert not unused, f"{name} imports {unused} from {source} and uses none of it"


@pytest.mark.parametrize("forbidden", ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "DOMParser"])
def test_no_script_takes_text_for_html(forbidden):
    """What strangers wrote goes in as text: our modules have no other way."""
    found = [path.name for path in files.HERE.glob("*.js") if forbidden in path.read_text()]

    assert found == []


def test_without_the_chart_library_there_is_a_page(monkeypatch):
    """Where its package is missing all but the charts is there."""
    monkeypatch.setattr(files.util, "find_spec", lambda name: None)
    files.load_files.cache_clear()
    try:
        assert "app.js" in files.load_files()
        assert "uplot.js" not in files.load_files()
    finally:
        files.load_files.cache_clear()


def test_scripts_are_served_without_comments():
    """With the same line numbers as in the source, which messages of errors contain."""
    for path in files.HERE.glob("*.js"):
        content = files.load_files()[path.name].content.decode()

        assert content.count("\n") == path.read_text().count("\n")
        assert "/**" not in content


def texts(value) -> list[str]:
    """Return the texts of nested objects."""
    if isinstance(value, (str, int, float)):
        return [str(value)]
    return [text for each in value.values() for text in texts(each)]


def test_verdicts_are_worded_once():
    """The scripts read the phrases of the reports by name; none repeats one."""
    module = files.load_files()["phrases.js"].content.decode()
    phrases = json.loads(module.removeprefix("export default ").removesuffix(";\n"))
    scripts = "".join(path.read_text() for path in files.HERE.glob("*.js"))

    pieces = [piece for text in texts(phrases) for piece in re.split(r"\{\w+\}", text) if len(piece) > 15]
    names = set(re.findall(r"\bphrases\.([A-Z_]+)", scripts))

    assert len(pieces) >= 15
    assert [] == [piece for piece in pieces if piece.lower() in scripts.lower()]
    assert names <= phrases.keys()
    assert len(names) >= 10


def test_the_page_is_small():
    """All of it, chart library and all, weighs less than 300 KB before compression."""
    assert sum(len(file.content) for file in files.load_files().values()) < 300_000

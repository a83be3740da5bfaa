"""The page: one shell for all addresses, which holds no data, and files that fit together."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from akastats.config import config
from akastats.dashboard import files, page
from tests.api.conftest import call
from tests.delivered_runs import deliver_run

VOID = {"meta", "link", "br", "img"}
ADDRESSES = ["/", "/tests", "/test", "/stats", "/errors", "/errors/0a1b", "/runs/2026", "/runs/2026/compare/2025"]
IMPORT = re.compile(r'(?:\bfrom |\bimport\()"\./([^"]+)"')


class Reader(HTMLParser):
    """Reads a page: its addresses and elements; fails where an element is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.timezone: str | None = None

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.attributes |= {name for name, _ in attrs}
        self.timezone = dict(attrs).get("data-timezone", self.timezone)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def get(path: str = "/"):
    """Ask the ready application and read its page."""
    from akastats.app import app

    answer = call(app, "GET", path)
    read = Reader()
    read.feed(answer.text)
    read.close()
    assert read.open == []
    return answer, read


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_answers_the_shell(server, address):
    """Whatever is looked at, the page is the same small one: its scripts see the address."""
    answer, read = get(address)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert len(answer.content) < 5000
    assert any(link.endswith("/app.js") for link in read.links)


@pytest.mark.parametrize("address", ADDRESSES)
def test_its_links_lead_somewhere(server, tmp_path, address):
    """Every address in the shell is answered, from however deep it is asked."""
    from akastats.app import app

    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)])
    _, read = get(address)

    links = [link for link in read.links if not link.startswith("#")]
    found = {link: call(app, "GET", urljoin(address, link)).status_code for link in links}

    assert len(found) >= 10
    assert dict.fromkeys(found, 200) == found


def test_the_reference_has_every_operation(server):
    """All that the API can do stands on one page, with a command to try each; what is linked is there."""
    from akastats.app import app

    answer, read = get("/docs")
    operations = [each for methods in app.openapi()["paths"].values() for each in methods.values()]
    anchors = set(re.findall(r'id="([^"]+)"', answer.text))

    assert {each["operationId"] for each in operations} <= anchors
    assert {link[1:] for link in read.links if link.startswith("#")} <= anchors
    assert answer.text.count("curl ") == len(operations)
    assert html.escape("curl 'http://127.0.0.1:8321/api/v1/stats/url-downloader'") in answer.text


def test_the_reference_works_without_internet_and_scripts(server):
    """Nothing is fetched from elsewhere, which the policy would not allow either."""
    answer, read = get("/docs")

    assert "script" not in re.findall(r"<(\w+)", answer.text)
    assert not [link for link in read.links if "//" in link]
    assert answer.headers["content-security-policy"] == page.POLICY


def test_an_encoded_slash_is_no_step(server):
    """A run's id that holds a slash does not lead the page's files astray."""
    _, plain = get("/runs/a")
    _, encoded = get("/runs/a%2Fb")

    assert plain.links == encoded.links


def test_nothing_of_it_is_inline_or_from_elsewhere(server):
    """The policy forbids all but the page's own files, and the shell needs no exception."""
    answer, read = get()

    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "require-trusted-types-for 'script'" in policy
    assert not [name for name in read.attributes if name == "style" or name.startswith("on")]
    assert not [link for link in read.links if "//" in link]


def test_a_hostile_time_zone_is_text(server):
    """What the configuration says stands escaped in an attribute."""
    config.timezone = '"><script>alert(1)</script>'

    answer, read = get()

    assert "<script>alert" not in answer.text
    assert read.timezone == '"><script>alert(1)</script>'


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


HTML = {"accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/runs2/x", "/apis", "/a/b/c"])
def test_a_browser_that_lost_its_way_is_shown_the_page(server, path):
    """404, with the way back around it."""
    from akastats.app import app

    answer = call(app, "GET", path, headers=HTML)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/nowhere", {}),
        ("POST", "/nowhere", HTML),
        ("GET", "/api/v1/nothing", HTML),
        ("GET", "/api/v1/runs/20260101T000000000-000000", HTML),
        ("GET", "/static/00/nothing.js", HTML),
    ],
)
def test_what_is_no_page_is_missed_as_a_problem(server, method, path, headers):
    """Who asks for no page, or for something of the API, reads why in JSON."""
    from akastats.app import app

    answer = call(app, method, path, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


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
    return [value] if isinstance(value, str) else [text for each in value.values() for text in texts(each)]


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


def test_a_missing_file_is_told_apart():
    """The shell stands beside the files but is none of them: it is filled before it is answered."""
    assert Path(files.HERE / "shell.html").exists()
    assert "$" not in page.render_shell("./", "Europe/Amsterdam")

"""The reference of the API as a page."""

from __future__ import annotations

import html
import re

from akastats.dashboard import page
from tests.dashboard.test_page import get


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

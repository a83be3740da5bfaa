"""Functions of the page's modules, called in a browser."""

from __future__ import annotations

import pytest

from akastats.formatting import escape_unprintable

HIDDEN = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200B, 0x200F, 0x2028, 0x2029)]
HIDDEN += ["\u202e", "\u2066", "\ufeff", "\ue000", "\ufff9", "\U000e0001", "\U000e0041", "\U0010fffd"]
SEEN = ["a", "é", "ß", "漢", "𝒳", "👍", "\\n", "<b>", "&lt;", " ", "\xa0", "e\u0301"]

ASK = """async ([module, name, values]) => {
    const source = document.querySelector("script[type=module]").src;
    const found = await import(new URL(module, source).href);
    return values.map((value) => found[name](...value));
}"""


@pytest.fixture(scope="module")
def answers(browser, address):
    """Call a function of a module of the page for each of several lists of arguments."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)

    def call(module, name, *arguments):
        return page.evaluate(ASK, [module, name, [list(each) for each in arguments]])

    yield call
    context.close()


def test_what_is_hidden_is_escaped_as_in_the_terminal(answers):
    """The page and the command line show a stranger's text alike, character by character."""
    texts = [f"a{character}b" for character in (*HIDDEN, *SEEN)]

    shown = answers("unprintable.js", "escapeUnprintable", *([text] for text in texts))

    assert shown == [escape_unprintable(text) for text in texts]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.000_012, "12 µs"),
        (0.0045, "4.5 ms"),
        (0.9999, "1.00 s"),
        (1.234, "1.23 s"),
        (123, "2 min 03 s"),
        (7380, "2 h 03 min"),
    ],
)
def test_durations_have_a_unit(answers, seconds, text):
    """From microseconds to hours a duration reads as people say it."""
    assert answers("format.js", "formatDuration", [seconds]) == [text]


@pytest.mark.parametrize(
    ("run_id", "start"),
    [
        ("20260801T101500123-6e913c", 1785579300),
        ("20260801T101500", 1785579300),
        ("000 <script>", None),
        ("", None),
        (None, None),
    ],
)
def test_a_run_s_id_tells_its_moment(answers, run_id, start):
    """The time is UTC; other ids have none."""
    assert answers("links.js", "runStart", [run_id]) == [start]


def test_a_level_holds_up_to_the_next_change(answers):
    """In each environment the newest change not after a run says its level; before the first what was before."""
    changes = [
        {"environment": "a", "run": "r5", "before": 2, "after": 3},
        {"environment": "a", "run": "r2", "before": 1, "after": 2},
        {"environment": "b", "run": "r4", "before": 7, "after": 8},
    ]

    (levels,) = answers("duration-changes.js", "levelsByEnvironment", [["r1", "r2", None, "r4", "r9"], changes])

    assert levels == [[1, 2, None, 2, 3], [7, 7, None, 8, 8]]


def test_a_stretch_between_changes_has_its_median(answers):
    """One outlier does not move the level of the suite."""
    paces = [{"run": f"r{at}", "pace": pace} for at, pace in enumerate([1, 1, 4, 2, 2, 2])]

    (levels,) = answers("machine-speed-chart.js", "segmentMedians", [paces, [{"run": "r3"}]])

    assert levels == [1, 1, 1, 2, 2, 2]


def test_what_moved_together_stands_together(answers):
    """At the place of its newest; a group of which one is left stands alone."""
    changes = [{"id": str(at), "group": group} for at, group in enumerate([None, 1, None, 1, 0])]

    (groups,) = answers("duration-changes.js", "groupChanges", [changes])

    assert [[change["id"] for change in group] for group in groups] == [["0"], ["1", "3"], ["2"], ["4"]]


@pytest.mark.parametrize(
    ("now", "base", "told"),
    [(0.02, 0.000246, False), (0.12, 0.1, True), (0.1, 0.12, True), (2.19, 2.0, False), (2.2, 2.0, True)],
)
def test_a_clock_s_noise_is_no_change(answers, now, base, told):
    """A duration counts as changed from 20 ms and a tenth on, as everywhere else."""
    assert answers("slowest-tables.js", "isSignificant", [now, base]) == [told]


RUNNING, NOTHING = {"status": "running", "tests": 9}, {"status": "empty", "tests": 0, "errors": 0}
UNCOLLECTED, GREEN = {"status": "failed", "tests": 0, "collect_errors": 1}, {"status": "passed", "tests": 9}


@pytest.mark.parametrize(
    ("runs", "leads"),
    [
        ([RUNNING, NOTHING, UNCOLLECTED, GREEN], UNCOLLECTED),
        ([RUNNING, NOTHING, GREEN, UNCOLLECTED], GREEN),
        ([NOTHING, NOTHING], NOTHING),
    ],
    ids=["collection errors are news", "a run of nothing is none", "only empty runs"],
)
def test_the_news_is_what_a_run_came_to(answers, runs, leads):
    """The newest that has ended with tests or errors; an older green one never stands for a broken one."""
    assert answers("overview.js", "latestRun", [runs]) == [leads]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"base": {"duration": 8, "tests": 105, "workers": 4}}, "+25 %"),
        ({"base": {"duration": 8, "tests": 250, "workers": 4}}, ""),
        ({"base": {"duration": 8, "tests": 100, "workers": 0}}, ""),
        ({"base": None}, ""),
        ({"base": {"duration": 8, "tests": 100}, "verdicts": {"usual_seconds": 20}}, "−50 %, typical 20.00 s"),
    ],
    ids=["alike", "fewer tests", "other workers", "first", "usual"],
)
def test_a_duration_is_set_against_its_like(answers, other, told):
    """With the typical duration, else with a similar earlier run; else there is no comparison."""
    run = {"duration": 10, "tests": 100, "workers": 4, **other}

    assert answers("overview.js", "durationComparison", [run]) == [told]


def test_tracebacks_are_cut_into_frames(answers):
    """A frame of the project is open to look at, one of a library is known as such, output is set apart."""
    lines = [
        "    def test():",
        ">       call()",
        "",
        "tests/test_a.py:3: ",
        "_ _ _ _ _ _ _ _",
        "/venv/lib/python3.12/site-packages/lib/core.py:9: in call",
        "    raise Boom",
        "shop/till.py:7: in pay",
        "    raise Boom",
        "E   Boom",
        "----- Captured stdout call -----",
        "printed",
    ]

    (blocks,) = answers("traceback.js", "splitFrames", [lines])

    assert [(each["title"], each["isForeign"], each["isCaptured"]) for each in blocks] == [
        ("tests/test_a.py:3", False, False),
        ("/venv/lib/python3.12/site-packages/lib/core.py:9", True, False),
        ("shop/till.py:7", False, False),
        ("Captured stdout call", False, True),
    ]


def test_a_plugin_s_fixture_goes_by_its_name(answers):
    """The label of a plugin's fixture has an empty path."""
    labels = ["fixture::::capfd", "fixture@unit::::capfd", "fixture::tests::db", "a::::b"]

    told = answers("stat-labels.js", "labelParts", *([label] for label in labels))

    assert told == [["capfd", "fixture"], ["capfd", "fixture", "unit"], [labels[2]], [labels[3]]]


def test_only_web_addresses_become_links(answers):
    """A build's address that is a script, a file or nonsense leads nowhere."""
    given = [
        "https://ci.example/1",
        "javascript:alert(1)",
        " jAvAsCrIpT:alert(1)",
        "data:text/html,x",
        "//x",
        "",
        None,
    ]

    assert answers("urls.js", "httpUrl", *([each] for each in given)) == [given[0], *[None] * 6]


@pytest.mark.parametrize(
    ("zone", "configured", "moment"),
    [
        ("Asia/Tokyo", "", "1 Aug 2026, 19:15"),
        ("America/New_York", "", "1 Aug 2026, 06:15"),
        ("America/New_York", "Europe/Amsterdam", "1 Aug 2026, 12:15"),
    ],
)
def test_times_are_in_the_browser_s_zone(window, address, zone, configured, moment):
    """Or in the one that the service is configured with."""
    opened = window(address, timezone_id=zone)
    opened.page.route(
        f"{address}/errors",
        lambda route: route.fulfill(
            response=(answer := route.fetch()),
            body=answer.text().replace('data-timezone=""', f'data-timezone="{configured}"'),
        ),
    )
    page = opened.go("/errors")

    assert page.evaluate(ASK, ["format.js", "formatTime", [[1785579300.123]]]) == [moment]


@pytest.mark.parametrize(
    ("span_s", "shown"),
    [
        (60, "10:15:00"),
        (7200, "10:15"),
        (86_400, "10:15"),
        (90_000, "1 Aug, 10:15"),
        (10 * 86_400, "1 Aug"),
        (400 * 86_400, "Aug 2026"),
    ],
)
def test_an_axis_over_more_than_a_day_shows_dates(window, address, span_s, shown):
    """The precision depends on the visible time span."""
    page = window(address, timezone_id="UTC").go("/errors")

    assert page.evaluate(ASK, ["chart-options.js", "formatAxisTime", [[1785579300.123, span_s]]]) == [shown]

"""What Prometheus is answered: read back by its official parser."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from redis import Redis

from akastats import Stats, prometheus, push_stat
from akastats.prometheus import generate_metrics, render, stat_formatter
from akastats.records import Summary

SUMMARY = Summary(max=6.0, total=9.0, count=3.0, stdev=2.5, avg=3.0, min=1.0, last=6.0, last_time=1.6e9)


def parsed(*labels: str, summary: Summary = SUMMARY) -> dict[tuple[str, ...], float]:
    """Return the value of every sample by name and labels, as Prometheus reads them."""
    body = render([(label, summary) for label in labels]).body.decode()
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


@pytest.fixture(autouse=True)
def _own_formatters(monkeypatch):
    """What a test registers is gone after it."""
    known = dict(prometheus.prometheus_stat_formatters)
    monkeypatch.setattr(prometheus, "prometheus_stat_formatters", known)


def test_every_number_is_a_metric_but_the_last_time():
    """The label is the name, the number's name in capitals behind it, as in 21.2.5."""
    assert parsed("downloader") == {
        ("downloader_MAX",): 6,
        ("downloader_TOTAL",): 9,
        ("downloader_COUNT",): 3,
        ("downloader_STDEV",): 2.5,
        ("downloader_AVG",): 3,
        ("downloader_MIN",): 1,
        ("downloader_LAST",): 6,
    }


def test_line_labels_become_labels():
    """`extra_labels` are read back from the label's end."""
    found = parsed("POLLER;host=a,port=1", "POLLER;host=b,port=2")

    assert found["POLLER_COUNT", "host=a", "port=1"] == 3
    assert found["POLLER_COUNT", "host=b", "port=2"] == 3


def test_a_semicolon_without_pairs_belongs_to_the_name():
    """What only looks like line labels is kept as it is."""
    assert ("a_b_COUNT", "label=a;b") in parsed("a;b")


@pytest.mark.parametrize(
    ("label", "series"),
    [
        ("errors__all", "error=all"),
        ("errors__EXC:ValueError", "EXC=ValueError"),
        ("errors__EXC:My__Error", "EXC=My__Error"),
        ("errors__EXC:__Private", "EXC=__Private"),
        ("errors__my_label", "error=my_label"),
        ("errors__", "error="),
    ],
)
def test_errors_are_one_metric_with_labels(label, series):
    """Only the count of an error is exposed, under the namespace's name made valid."""
    assert parsed(label) == {("AKA_STATS_ERROR_COUNT", series): 3}


def test_several_labels_of_one_error():
    """`errors__a:b__c:d` has two labels."""
    assert parsed("errors__a:b__c:d") == {("AKA_STATS_ERROR_COUNT", "a=b", "c=d"): 3}


def test_names_made_valid_stay_apart():
    """If a name had to be changed, a label holds the original, so that two labels never form one series."""
    found = parsed("a-b", "a_b", "a b", "1a")

    assert [series for series in found if series[0].endswith("COUNT")] == [
        ("a_b_COUNT", "label=a-b"),
        ("a_b_COUNT",),
        ("a_b_COUNT", "label=a b"),
        ("_1a_COUNT", "label=1a"),
    ]


def test_numbers_that_are_absent_are_left_out():
    """A number that an older writer spoiled costs only itself."""
    assert len(parsed("a", summary=SUMMARY._replace(stdev=None))) == 6


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=5))
def test_any_labels_make_text_that_the_parser_accepts(labels):
    """Whatever a label is, every line is read, no series comes twice, no metric is named twice."""
    body = render([(label, SUMMARY) for label in labels]).body.decode()

    families = list(text_string_to_metric_families(body))
    series = [(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples]
    assert len(set(series)) == len(series)
    assert len({family.name for family in families}) == len(families)
    assert len(series) >= bool(labels)


def test_a_formatter_of_21_2_5_works_as_it_is():
    """The documented formatter: unpack the label, return `generate_metrics` with positional arguments."""

    @stat_formatter("stat_prefix:")
    def formatter(key, stat):
        _, id_ = key.split(":")
        return generate_metrics({"host_id": id_}, stat, "MY_STAT", ["count"])

    assert parsed("stat_prefix:7") == {("MY_STAT_COUNT", "host_id=7"): 3}


def test_the_longest_beginning_wins():
    """A formatter for one kind of error goes before the one for all."""

    @stat_formatter("errors__EXC:")
    def formatter(key, stat):
        return generate_metrics({}, stat, "EXCEPTIONS", ["count"])

    assert set(parsed("errors__EXC:KeyError", "errors__all")) == {
        ("EXCEPTIONS_COUNT",),
        ("AKA_STATS_ERROR_COUNT", "error=all"),
    }


def test_the_default_formatter_can_be_replaced():
    """`default_stat_formatter` takes all labels that no other formatter is for."""

    @prometheus.default_stat_formatter
    def formatter(key, stat):
        return generate_metrics({"key": key}, stat, "ALL", ["avg"])

    assert parsed("a", "b") == {("ALL_AVG", "key=a"): 3, ("ALL_AVG", "key=b"): 3}


def test_a_formatter_may_write_its_own_lines():
    """21.2.5's formatters yielded text; lines that are Prometheus's text still count."""

    @stat_formatter("mine")
    def formatter(key, stat):
        yield f'my_count{{key="{key}"}} {stat["count"]}'

    assert parsed("mine") == {("my_count", "key=mine"): 3}


def test_a_label_whose_formatter_fails_is_left_out_and_logged(caplog):
    """One wrong label does not take the others from Prometheus."""

    @stat_formatter("device:")
    def formatter(key, stat):
        _, id_ = key.split(":")
        return generate_metrics({"id": id_}, stat, "DEVICE", ["count"])

    with caplog.at_level(logging.WARNING, "akastats.prometheus"):
        found = parsed("device:1", "device:1:2", "device:3")

    assert set(found) == {("DEVICE_COUNT", "id=1"), ("DEVICE_COUNT", "id=3")}
    assert "device:1:2" in caplog.text


WRONG = {
    "not iterable": 5,
    "no value": [Sample("x", {}, None)],
    "text for a value": [Sample("x", {}, "y")],
    "no labels": [Sample("x", None, 1.0)],
    "a lone surrogate": [Sample("x", {"a": "\ud800"}, 1.0)],
    "bytes": [b"x 1"],
}


@pytest.mark.parametrize("made", WRONG.values(), ids=WRONG)
def test_whatever_a_formatter_makes_the_others_are_served(made, caplog):
    """What cannot be written costs its own label, not the answer."""
    stat_formatter("wrong")(lambda key, stat: made)

    found = parsed("a", "wrong", "z")

    assert {name for name, *_ in found} >= {"a_AVG", "z_AVG"}
    assert not any(name.startswith("x") for name, *_ in found)
    assert "label 'wrong' is not exported" in caplog.text


def test_a_formatter_s_own_samples_are_made_valid():
    """Names, labels and values are what Prometheus can read; nothing and empty lines are passed over."""
    made = [None, "", Sample("my name", {"a b": 5, "c": None}, 2)]
    stat_formatter("mine")(lambda key, stat: made)

    assert parsed("mine") == {("my_name", "a_b=5", "c=None"): 2}


def test_metrics_need_no_labels():
    """`None` means no labels, as in 21.2.5."""
    (sample,) = generate_metrics(None, {"count": 2.0}, "X")

    assert (sample.name, sample.labels, sample.value) == ("X_COUNT", {}, 2)


def test_the_exposition_of_nothing_is_empty(server):
    """No labels, no text, and still the official content type."""
    assert asyncio.run(prometheus.export()) == ({"Content-Type": CONTENT_TYPE_LATEST}, b"")


def test_2500_labels_take_three_pages_and_three_round_trips(server, redis_client: Redis):
    """Index and numbers are read a thousand labels at a time, nothing label by label."""
    with Stats() as stat:
        for number in range(2500):
            stat(f"POLLER;host={number}", number)
    redis_client.config_resetstat()

    exposition = asyncio.run(prometheus.export())

    calls = {name: entry["calls"] for name, entry in redis_client.info("commandstats").items()}
    assert exposition.body.count(b"\nPOLLER_COUNT{") == 2500
    assert calls["cmdstat_zrangebylex"] == 3
    assert calls["cmdstat_mget"] == 8 + 8 + 4
    assert "cmdstat_get" not in calls


def test_export_takes_a_matcher(server):
    """Only matching labels are asked for."""
    push_stat("a", 1)
    push_stat("b", 1)

    assert b"b_COUNT" not in asyncio.run(prometheus.export("a")).body

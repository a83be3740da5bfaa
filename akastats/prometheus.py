"""Numbers for Prometheus: formatters chosen by a label's beginning, and the text they make.

A formatter takes a label and its numbers as a dict and returns samples, as `generate_metrics` makes them:

    @stat_formatter("file:")
    def file_metrics(key, stat):
        return generate_metrics({"name": key.removeprefix("file:")}, stat, "FILE_READ", ["count", "avg"])
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from akastats.async_stats import available_stats, fetch_stats_of
from akastats.config import config
from akastats.records import Summary
from akastats.redis import async_redis

#: What a formatter returns: samples, or lines of Prometheus's text; empty ones and `None` are passed over.
Samples = Iterable[Sample | str | None]
Formatter = Callable[[str, dict[str, Any]], Samples]

# Eight commands of 125 labels, in one round trip.
BATCH_LABELS = 1000

#: Formatters by the beginning of the labels they are for; `None` is for all others.
prometheus_stat_formatters: dict[str | None, Formatter] = {}

_log = logging.getLogger(__name__)


class Exposition(NamedTuple):
    """What Prometheus is answered."""

    headers: dict[str, str]
    body: bytes


def stat_formatter(stat_prefix: str | None) -> Callable[[Formatter], Formatter]:
    """Register a formatter for labels that begin with `stat_prefix`; the longest beginning wins."""

    def register(formatter: Formatter) -> Formatter:
        prometheus_stat_formatters[stat_prefix] = formatter
        return formatter

    return register


#: Registers the formatter of labels that no other one is for.
default_stat_formatter = stat_formatter(None)


def generate_metrics(
    labels: Mapping[str, object] | None,
    stat: Mapping[str, Any],
    prefix: str | None = None,
    fields: Collection[str] | None = None,
) -> Iterator[Sample]:
    """Yield one sample `<prefix>_<FIELD>` a number, for all numbers or those in `fields`.

    Names are made valid, absent numbers and `last_time` left out; the namespace is the default prefix.
    """
    named = {label_name(name): "" if value is None else str(value) for name, value in (labels or {}).items()}
    for field, value in stat.items():
        if value is None or field == "last_time" or (fields and field not in fields):
            continue
        name = metric_name(f"{config.namespace if prefix is None else prefix}_{field.upper()}")
        yield Sample(name, named, float(value))


def metric_name(text: str) -> str:
    """Return `text` as the name of a metric: whatever is not allowed becomes `_`."""
    name = re.sub(r"[^a-zA-Z0-9_:]", "_", text)
    return f"_{name}" if not name or name[0].isdigit() else name


def label_name(text: str) -> str:
    """Return `text` as the name of a label; Prometheus keeps those with two underscores for itself."""
    name = re.sub(r"^__+", "_", re.sub(r"[^a-zA-Z0-9_]", "_", text))
    return f"_{name}" if not name or name[0].isdigit() else name


@stat_formatter("errors__")
def error_stat(key: str, stat: dict[str, Any]) -> Iterator[Sample]:
    """Return how often an error was: `errors__EXC:ValueError` has `EXC="ValueError"`."""
    # A name and a colon begin a label, so the class `My__Error` stays in one piece.
    parts = re.split(r"__(?=[A-Za-z]\w*?:)", key.removeprefix("errors"), flags=re.ASCII)
    labels = dict(part.split(":", 1) for part in parts if ":" in part)
    if not labels:
        labels = {"error": key.removeprefix("errors__")}
    return generate_metrics(labels, stat, f"{config.namespace.upper()}_ERROR", ["count"])


@default_stat_formatter
def line_protocol_label_formatter(key: str, stat: dict[str, Any]) -> Iterator[Sample]:
    """Return all numbers of `POLLER;host=a,port=1` as `POLLER_COUNT{host="a",port="1"}` and so on.

    Where the name cannot be a metric's, the label `label` carries it as it is, so that `a-b` and `a_b`
    stay two.
    """
    prefix, labels = parse_line_protocol_stat_key(key)
    if metric_name(prefix) != prefix:
        labels = {"label": prefix, **labels}
    return generate_metrics(labels, stat, prefix)


def parse_line_protocol_stat_key(key: str) -> tuple[str, dict[str, str]]:
    """Return name and labels of `name;key=value,key=value`; anything else is all name."""
    prefix, separator, line = key.partition(";")
    pairs = [pair.partition("=") for pair in line.split(",")]
    if not separator or not all(equals for _, equals, _ in pairs):
        return key, {}
    return prefix, {name: value for name, _, value in pairs}


def formatter_of(key: str) -> Formatter:
    """Return the formatter with the longest beginning of `key`, else the default one."""
    beginnings = [text for text in prometheus_stat_formatters if text is not None and key.startswith(text)]
    return prometheus_stat_formatters[max(beginnings, key=len, default=None)]


def parse_stat_to_prometheus(key: str, stat: dict[str, Any]) -> Iterator[Sample]:
    """Yield the samples of one label; a formatter's lines of text are read by the official parser."""
    for made in formatter_of(key)(key, stat):
        if isinstance(made, str):
            for family in text_string_to_metric_families(made + "\n"):
                yield from family.samples
        elif made is not None:
            yield _written(made)


_is_metric_name = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch
_is_label_name = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*").fullmatch


def _written(made: Sample) -> Sample:
    """Return a sample with a name, labels and a number that can be written; raises where there is none."""
    # Looking takes 4 us, making anew 36, and an answer has 70,000 of them that are as they should be.
    if type(made.value) is float and _is_metric_name(made.name) and all(map(_is_label, made.labels.items())):
        return made
    labels = {label_name(str(name)): str(value) for name, value in made.labels.items()}
    "".join(labels.values()).encode()
    return made._replace(name=metric_name(made.name), labels=labels, value=float(made.value))


def _is_label(label: tuple[str, str]) -> bool:
    name, value = label
    return type(value) is str and value.isascii() and _is_label_name(name) is not None


def render(summaries: Iterable[tuple[str, Summary]]) -> Exposition:
    """Return the text for these numbers, samples of one metric together, each series once.

    A label whose formatter fails is left out and logged: the others are still served.
    """
    families: dict[str, dict[tuple[tuple[str, str], ...], Sample]] = {}
    for label, summary in summaries:
        for sample in _samples(label, summary):
            series = tuple(sorted(sample.labels.items()))
            families.setdefault(sample.name, {}).setdefault(series, sample)
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return Exposition({"Content-Type": CONTENT_TYPE_LATEST}, generate_latest(registry))


def _samples(label: str, summary: Summary) -> list[Sample]:
    try:
        return list(parse_stat_to_prometheus(label, summary._asdict()))
    except Exception as error:  # noqa: BLE001 - a user's formatter may raise anything
        _log.warning("left out label %r: its formatter raised %r", label[:200], error)
        return []


class _Collected:
    """Samples as the collector that prometheus_client asks."""

    def __init__(self, families: Mapping[str, Mapping[Any, Sample]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for name, samples in self._families.items():
            metric = Metric(name, "pushed to akastats", "untyped")
            metric.samples = list(samples.values())
            yield metric


async def summaries(matcher: str = "*") -> AsyncIterator[tuple[str, Summary]]:
    """Yield matching labels with their numbers, one round trip for 1,000 of them."""
    async with async_redis():
        batch: list[str] = []
        async for label in available_stats(matcher):
            batch.append(label)
            if len(batch) == BATCH_LABELS:
                for found in (await fetch_stats_of(batch)).items():
                    yield found
                batch = []
        for found in (await fetch_stats_of(batch)).items():
            yield found


async def prometheus_export(matcher: str = "*") -> AsyncIterator[str]:
    """Yield the lines of `export`, each with its line end; named as in aka-stats."""
    for line in (await export(matcher)).body.decode().splitlines(keepends=True):
        yield line


async def export(matcher: str = "*") -> Exposition:
    """Return the exposition of all labels that match a glob."""
    found = [pair async for pair in summaries(matcher)]
    # In a thread: the text of 10,000 labels takes longer than other requests should wait.
    return await asyncio.to_thread(render, found)

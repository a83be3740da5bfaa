"""`akastats quarantine`: ignore the failures of a test until a given day."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import tzinfo
from typing import Annotated, Any

import typer

from akastats.cli import node_ids, output, targets
from akastats.cli.options import Directory, Json, Namespace, Suite, Url
from akastats.cli.targets import Target
from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.local_time import check_day, format_day, format_last_day, get_end_of_day, load_zone
from akastats.model.results import NamedTest
from akastats.queries.quarantine import find_patterns_without_effect
from akastats.queries.suggestions import find_matching, read_tests
from akastats.redis import sync_redis
from akastats.triage import quarantine as reading
from akastats.triage.quarantine import QuarantineRequest
from akastats.triage.quarantine_rules import MAX_BY, QuarantinedTest, check_text, protects_nothing

_USAGE = "to quarantine a test: akastats quarantine NODEID --until 2026-12-24 --reason 'why'"


NodeId = Annotated[
    str,
    typer.Argument(
        help="Node id of a test, or a unique part of it; default: list all quarantined tests.",
        metavar="NODEID",
    ),
]
Until = Annotated[
    str,
    typer.Option("--until", help="Last day, at most 90 days ahead, for example 2026-12-24.", metavar="DATE"),
]
Reason = Annotated[str, typer.Option("--reason", help="Reason; shown in every run.", metavar="TEXT")]
IsRemoved = Annotated[bool, typer.Option("--remove", help="Remove the test from quarantine.")]
IsListed = Annotated[bool, typer.Option("--list", help="List the quarantined tests.")]
IsForced = Annotated[bool, typer.Option("--force", help="Accept a test that is unknown or always fails.")]


def quarantine(
    nodeid: NodeId = "",
    until: Until = "",
    reason: Reason = "",
    is_removed: IsRemoved = False,
    is_listed: IsListed = False,
    is_forced: IsForced = False,
    suite: Suite = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Ignore the failures of a test until a given day.

    This applies to runs with --akastats-quarantine.
    """
    _check_use(nodeid, until, reason, is_removed, is_listed)
    target = targets.from_options(url, namespace, directory)
    if is_removed:
        _remove(target, nodeid, suite, as_json)
    elif nodeid:
        _put(target, _request(target, nodeid, suite, until, reason), is_forced, as_json)
    else:
        _list(target, suite, as_json, is_listed)


def _check_use(nodeid: str, until: str, reason: str, is_removed: bool, is_listed: bool) -> None:
    if is_listed and (nodeid or is_removed):
        raise typer.BadParameter("--list cannot be combined with NODEID or --remove")
    if is_removed and not nodeid:
        raise typer.BadParameter("--remove requires a NODEID")
    if (until or reason) and (is_removed or not nodeid):
        raise typer.BadParameter("--until and --reason require a NODEID, and cannot be combined with --remove")
    missing = [name for name, value in (("--until DATE", until), ("--reason TEXT", reason)) if not value]
    if nodeid and missing and not is_removed:
        verb = "is" if len(missing) == 1 else "are"
        raise typer.BadParameter(f"{' and '.join(missing)} {verb} missing; {_USAGE}")


def _request(target: Target, nodeid: str, suite: str, until: str, reason: str) -> QuarantineRequest:
    day, why = _check_option("--until", check_day, until), _check_option("--reason", check_text, reason)
    return QuarantineRequest(nodeid, suite, get_end_of_day(day, load_zone(target.config.timezone)), why, _user())


def _check_option(option: str, check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def _user() -> str:
    """Return the user name; empty if there is none, as in a container."""
    try:
        return check_text(getpass.getuser()[:MAX_BY])
    except (ImportError, LookupError, OSError, ValueError):
        return ""


def _warn_about_patterns(config: Config) -> None:
    for pattern in sync_redis.run(find_patterns_without_effect(config.namespace, config.protected)):
        output.warn(protects_nothing(pattern))


def _put(target: Target, request: QuarantineRequest, is_forced: bool, as_json: bool) -> None:
    with targets.open_config(target) as config:
        _warn_about_patterns(config)
        request = _complete(config, request, is_forced)
        entry = sync_redis.run(reading.put(config.namespace, request, config.protected, is_forced))
        if as_json:
            output.write_json(_entry_json(entry))
        else:
            day = format_last_day(entry.until, load_zone(config.timezone))
            output.write_lines(
                f"{entry.nodeid} is quarantined until {day}: "
                "its failures do not fail runs with --akastats-quarantine"
            )


def _complete(config: Config, request: QuarantineRequest, is_forced: bool) -> QuarantineRequest:
    """Return a request with the complete node id and suite of the test.

    With `is_forced` a complete node id is accepted unchanged, because it may be a new test with a similar name.
    """
    tests = sync_redis.run(read_tests(config.namespace))
    if is_forced and "::" in request.nodeid and NamedTest(request.suite, request.nodeid) not in tests:
        if similar := find_matching(tests, request.nodeid, request.suite):
            output.warn(node_ids.with_tests(f"unknown test {request.nodeid[:200]!r}", similar, request.suite))
        return request
    test = node_ids.find(tests, request.nodeid, request.suite)
    return replace(request, nodeid=test.nodeid, suite=test.suite) if test else request


def _remove(target: Target, nodeid: str, suite: str, as_json: bool) -> None:
    with targets.open_config(target) as config:
        nodeid, suite = _remove_entry(config, nodeid, suite)
    if as_json:
        output.write_json({"nodeid": nodeid, "suite": suite or None, "removed": True})
    else:
        output.write_lines(f"{nodeid} is no longer in quarantine: its failures count again")


def _remove_entry(config: Config, nodeid: str, suite: str) -> tuple[str, str]:
    """Remove a test from quarantine and return its node id and suite; `nodeid` may be a unique part."""
    try:
        sync_redis.run(reading.remove(config.namespace, nodeid, suite))
        return nodeid, suite
    except NotFoundError:
        entries = sync_redis.run(reading.read_entries(config.namespace, suite or None))
        test = node_ids.find_by_part([NamedTest(each.suite, each.nodeid) for each in entries], nodeid, suite)
        if test is None:
            raise
    sync_redis.run(reading.remove(config.namespace, test.nodeid, test.suite))
    return test.nodeid, test.suite


def _list(target: Target, suite: str, as_json: bool, is_listed: bool) -> None:
    with targets.open_config(target) as config:
        _warn_about_patterns(config)
        entries = sync_redis.run(reading.read_entries(config.namespace, suite or None))
        if as_json:
            output.write_json({"items": list(map(_entry_json, entries)), "next": None})
        elif entries:
            zone = load_zone(config.timezone)
            output.table(
                ("until", "test", "suite", "since", "by", "reason"), [_row(each, zone) for each in entries]
            )
        else:
            output.write_lines("No quarantined tests.")
        if not (as_json or is_listed):
            output.write_lines("", _USAGE)


def _row(entry: QuarantinedTest, zone: tzinfo) -> tuple[object, ...]:
    since = format_day(entry.since, zone)
    return (format_last_day(entry.until, zone), entry.nodeid, entry.suite, since, entry.by, entry.reason)


def _entry_json(entry: QuarantinedTest) -> dict[str, Any]:
    return {**asdict(entry), "suite": entry.suite or None, "by": entry.by or None}

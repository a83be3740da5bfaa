"""The wording of each verdict, shared by terminal, command line, page, documents, annotations and webhook.

This module imports only `formatting`, because the test process loads it at its end. The page reads the constants
as a JavaScript module, in which `{name}` also stands for a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from akastats.formatting import escape_unprintable, format_duration, format_percent

NO_HISTORY = "no history"
NEWLY_FLAKY = "newly flaky"
NEWLY_SLOWER = "newly slower"
OVER_BUDGET = "over budget"
SUITE_SLOWER = "the suite is slower"
OUTAGE = "far more failures than in other runs: probably an outage, which is not evidence of flakiness"
NOT_ENOUGH_DATA = "not enough data"
NO_VERDICTS = "this run has not been analysed: its failures have no label"
COMPARED_WITH = "compared with {base}"
TYPICAL_DURATION = "typical {duration}"
MACHINE_SPEED = "tests took {factor} times their typical duration"
NORMAL_SPEED = "machine speed normal"
SLOWER_MACHINE = "machine {factor} times slower"
MACHINE_CAUSE = "speed of the machine"
FASTER_MACHINE = "machine {factor} times faster"
OTHER_CAUSES = "other"
FAILURE_RATE = "fails {rate} of the time"
INTERVAL = "{low} to {high}"
SUSPECTED = "suspected after {runs}"
CONFIRMED = "confirmed by {runs}"
EQUAL_RUNS = (
    "{count} runs of this build have the same suite and environment and cannot be compared: "
    "give each its own --akastats-suite"
)
SEVERAL_ENVIRONMENTS = (
    "this build ran in {count} environments without a suite name ({names}): give each its own --akastats-suite"
)


#: A cause of a difference of durations: kind, name, seconds.
Cause = tuple[str, str, float]
#: Minimum difference to the typical duration that is explained, as a share of the typical duration. A machine
#: speed factor is normal if it differs from 1 by at most this value.
MIN_DIFFERENCE = 0.05
#: Minimum share of a cause, and of `other`, in the difference that they explain; maximum number of named causes.
MIN_PART, MAX_CAUSES = 0.1, 3

#: Phrases of the spans of a ledger.
SPAN_NAMES = {
    "startup": "start-up",
    "conftest": "conftest files",
    "collect": "collection",
    "wait": "waiting for tests",
    "setup": "setup",
    "call": "call",
    "teardown": "teardown",
    "pytest": "pytest and plugins",
    "finish": "after the last test",
    "exit": "exit",
}
SAVINGS = "possible savings"
NO_FINDINGS = "Nothing to change that would save 5 % or 0.5 s."


@dataclass(frozen=True)
class Heading:
    """Title of a list of tests, and the sentence that explains it.

    title: title in lower case
    note: one sentence; `{base}` stands for the branch that failures are compared with
    """

    title: str
    note: str = ""


#: Test states whose stored name is not the displayed one.
STATES: Mapping[str, str] = {"undecided": NOT_ENOUGH_DATA}

#: Headings of failures by label; `not analysed` and `no history` are for failures without a label.
FAILURES: Mapping[str, Heading] = {
    "new": Heading("new failures", "Passed on {base} until now, or did not exist there."),
    "not analysed": Heading("failures"),
    "no history": Heading("failures with no history", "No earlier runs exist to compare with."),
    "also failing on base": Heading("also failing on the base", "Fails on {base} too."),
    "known flaky": Heading("known flaky", "Fails from time to time, independently of changes."),
    "quarantined": Heading("quarantined", "Does not fail the run while it is in quarantine."),
}

NEWLY_SKIPPED = Heading("newly skipped", "Skipped in this run, although the newest runs of the base ran it.")
#: Verdicts that are a plain list of tests, by their field of `Verdicts`, in display order.
TEST_LISTS: Mapping[str, Heading] = {
    "fixed": Heading("fixed", "Failed in the previous run and passed in this one."),
    "newly_skipped": NEWLY_SKIPPED,
}


def capitalise(text: str) -> str:
    """Return a text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def count_of(count: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 run`, `2,000 runs`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def failure_label(label: str | None, rate: float | None = None, base: str = "") -> str:
    """Return the label of a failure, with the share of failing attempts if it is known: `known flaky 12 %`."""
    if label is None:
        return NO_HISTORY
    shown = f"also failing on {base}" if base and label == "also failing on base" else label
    return shown if rate is None else f"{shown} {format_percent(rate)}"


def failure_rate(rate: float, low: float | None = None, high: float | None = None) -> str:
    """Return how often a test fails, with its interval if there is one."""
    sentence = FAILURE_RATE.format(rate=format_percent(rate))
    if low is None or high is None:
        return sentence
    return f"{sentence} ({INTERVAL.format(low=format_percent(low), high=format_percent(high))})"


def state_name(state: str) -> str:
    """Return the displayed name of a test state."""
    return STATES.get(state, state)


def failure_rate_cell(rate: float) -> str:
    """Return how often a test fails for a table cell."""
    return f"fails {format_percent(rate)}"


def change_sentence(before: float, after: float, ratio: float) -> str:
    """Return a duration change in words; durations in seconds."""
    return f"took {format_duration(before)}, now {format_duration(after)}: {ratio:.2f} times"


def change_cell(before: float, after: float) -> str:
    """Return a duration change for a table cell; durations in seconds."""
    return f"{format_duration(before)} -> {format_duration(after)}"


def change_direction(is_slower: bool) -> str:
    """Return the direction of a duration change: `slower` or `faster`."""
    return "slower" if is_slower else "faster"


def certainty_cell(is_suspected: bool) -> str:
    """Return the certainty of a duration change for a table cell: `suspected` or `confirmed`."""
    return "suspected" if is_suspected else "confirmed"


def certainty(is_suspected: bool, runs_after: int) -> str:
    """Return whether a duration change is confirmed, and by how many runs."""
    return (SUSPECTED if is_suspected else CONFIRMED).format(runs=count_of(runs_after, "run"))


def over_budget_sentence(seconds: float, allowed: float, rule: str) -> str:
    """Return the duration and the budget of a test in words."""
    return f"took {format_duration(seconds)}, {rule} allows {format_duration(allowed)}"


def over_budget_cell(seconds: float, allowed: float) -> str:
    """Return the duration and the budget of a test for a table cell."""
    return f"{format_duration(seconds)} > {format_duration(allowed)}"


def suite_duration(
    seconds: float, typical: float | None, speed_factor: float | None, causes: Iterable[Cause] = ()
) -> str:
    """Return the duration of a run, its typical duration, the causes of the difference and the machine speed.

    typical: typical duration in seconds; `None` if unknown
    speed_factor: machine speed factor; `None` if unknown
    causes: causes of the difference, the largest first
    """
    sentence = format_duration(seconds)
    if typical is not None:
        sentence += f", {TYPICAL_DURATION.format(duration=format_duration(typical))}"
        sentence += duration_difference(seconds - typical, typical, causes)
    return sentence if speed_factor is None else f"{sentence}; {machine_speed(speed_factor)}"


def duration_difference(difference: float, typical: float, causes: Iterable[Cause]) -> str:
    """Return the difference to the typical duration with its largest causes: ` (+1.29 s: test_prices +0.67 s)`.

    Empty if the difference is less than 5 % of the typical duration. Only causes with the same sign as the
    difference are named. `other` is the rest of the difference.
    """
    if abs(difference) < MIN_DIFFERENCE * typical:
        return ""
    least = MIN_PART * abs(difference)
    same = [each for each in causes if each[2] * difference > 0 and abs(each[2]) >= least][:MAX_CAUSES]
    named = [f"{cause_name(kind, name)} {signed_duration(each)}" for kind, name, each in same]
    rest = difference - sum(each for _, _, each in same)
    if named and abs(rest) >= least:
        named.append(f"{OTHER_CAUSES} {signed_duration(rest)}")
    return f" ({signed_duration(difference)}{': ' if named else ''}{', '.join(named)})"


def cause_name(kind: str, name: str) -> str:
    """Return the name of a cause: `test_prices`, `fixture database`, `import numpy`, `collection`."""
    short = escape_unprintable(name.rpartition("::")[2] or name)
    if kind == "machine":
        return MACHINE_CAUSE
    return SPAN_NAMES.get(name, name) if kind == "span" else short if kind == "test" else f"{kind} {short}"


def signed_duration(seconds: float) -> str:
    """Return a difference of durations with its sign: `+0.67 s`, `-12 ms`."""
    if 0.1 <= abs(seconds) < 60:
        return f"{seconds:+.2f} s"
    return f"{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"


def machine_speed(speed_factor: float) -> str:
    """Return the speed of the machine in words; a factor within 5 % of 1 is normal."""
    if abs(speed_factor - 1.0) <= MIN_DIFFERENCE or speed_factor <= 0:
        return NORMAL_SPEED
    if speed_factor > 1:
        return SLOWER_MACHINE.format(factor=f"{speed_factor:.2f}")
    return FASTER_MACHINE.format(factor=f"{1 / speed_factor:.2f}")


def quarantine_end(day: str, reason: str) -> str:
    """Return the last day of a quarantine and its reason: `until 2026-12-24: hangs`."""
    return f"until {day}: {reason}"


def quarantine(day: str, reason: str) -> str:
    """Return the state of a quarantined test: `quarantined until 2026-12-24: hangs`."""
    return f"quarantined {quarantine_end(day, reason)}"


def compared_with(base: str) -> str:
    """Return the base of the comparison: `compared with main`."""
    return COMPARED_WITH.format(base=base)

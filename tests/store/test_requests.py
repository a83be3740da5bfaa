"""Operations fed by hand: what is said when a server does not know a script."""

from __future__ import annotations

import pytest

from akastats.errors import ConnectionLostError, ServerError, UnknownScriptError
from akastats.store.requests import call_script, send_reads
from akastats.store.scripts import PUSH


def test_a_script_is_sent_whole_only_where_it_is_unknown():
    """First its SHA-1 is tried; told that it is unknown, its text is sent."""
    operation = call_script(PUSH, ["k"], ["a"])

    first = next(operation)
    second = operation.throw(UnknownScriptError("unknown"))

    assert first.commands == (("EVALSHA", PUSH.sha, 1, "k", "a"),)
    assert second.commands == (("EVAL", PUSH.source, 1, "k", "a"),)
    assert first.writes
    assert second.writes


def test_another_error_is_not_tried_again():
    """A reply that was lost is never a reason to send a script twice."""
    operation = call_script(PUSH, [], [])
    next(operation)

    with pytest.raises(ServerError, match="gone"):
        operation.throw(ConnectionLostError("gone"))


def test_no_commands_ask_nothing():
    """An empty request is answered without a server."""
    with pytest.raises(StopIteration) as stopped:
        next(send_reads([]))

    assert stopped.value.value == []

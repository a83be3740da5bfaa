"""Operations run by hand: a script that the server does not hold."""

from __future__ import annotations

import pytest

from akastats.errors import ConnectionLostError, ServerError, UnknownScriptError
from akastats.store.requests import call_script, send_reads
from akastats.store.scripts import PUSH


def test_a_script_s_source_is_sent_only_if_it_is_unknown():
    """First its SHA-1 is sent; if the server does not hold the script, its source is sent."""
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

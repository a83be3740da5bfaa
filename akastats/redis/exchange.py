"""What is said to a client and heard from it, written once for redis-py's blocking and asyncio clients.

Both have the same methods under the same names; one answers, the other returns something to await. So a
conversation yields each call as a step and is sent what came of it, by a runner in `driving.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from functools import partial
from itertools import chain
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from akastats.errors import AccessDeniedError, RequestRefusedError, ServerBusyError
from akastats.redis.attachment import sends_once
from akastats.redis.error_translation import classify, driver_errors, response_errors, translate
from akastats.redis.pipelining import Pipeline
from akastats.redis.protocol import pack
from akastats.store.requests import Operation, Request

T = TypeVar("T")

#: A call of redis-py that is yet to be made.
Step = Callable[[], Any]
#: A conversation that ends in a `T`: it is sent what each step came to, awaited where that must be.
Steps = Generator[Step, Any, T]


def execute(operation: Operation[T], reader: Any, writer: Any) -> Steps[T]:
    """Carry out an operation; a driver's error reaches it, and the caller, as `ServerError`."""
    try:
        request = next(operation)
        while True:
            client = writer if request.writes else reader
            try:
                if not request.writes and client not in _single_servers:
                    yield from _check_single(client, request)
                replies = yield from _ask(client, request)
            except Exception as error:  # noqa: BLE001 - translated, or raised again unchanged
                request = operation.throw(translate(error, client))
            else:
                request = operation.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


# Ids of clients that are known to be connected to a single server.
_single_servers: WeakSet[Any] = WeakSet()
# Namespaces with a hash tag that a client's server has been seen to serve: it may still be a node of a cluster.
_served_namespaces: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()

# Every key of ours begins with a namespace, which may hold a hash tag: then a cluster's one slot serves us.
_namespace_of = re.compile(r"(.*?)::[A-Z_]+(?:::|$)", re.DOTALL)


def _check_single(client: Any, request: Request) -> Steps[None]:
    """Raise if the server is part of a cluster, which would answer reads of one key with nothing.

    That costs the first read of a client, or of a namespace with a hash tag, one more round trip.
    """
    names = (argument for command in request.commands for argument in command if isinstance(argument, str))
    found = next(filter(None, map(_namespace_of.match, names)), None)
    if found is None or found[1] in _served_namespaces.get(client, ()):
        return
    try:
        yield from _ask(client, Request((("EXISTS", f"{found[1]}::INDEX", f"{found[1]}::SEEN"),)))
    except Exception as error:
        # If the user lacks this permission, the request itself reports what is denied.
        if classify(error) not in (AccessDeniedError, RequestRefusedError, ServerBusyError):
            raise
    if "{" in found[1]:
        _served_namespaces.setdefault(client, set()).add(found[1])
    else:
        _single_servers.add(client)


def execute_all(operations: Iterable[Operation[T]], writer: Any) -> Steps[list[T]]:
    """Carry out operations that write, two at a time on one connection; return what each returns, as they end.

    After an error nothing more is sent; what is under way is waited for, then the error is raised.
    """
    if not sends_once(writer):
        return (yield from _one_by_one(operations, writer))
    coming = iter(operations)
    first = next(coming, None)
    if first is None:
        return []
    # Connect before an operation begins, because a command of one that has begun may have been sent.
    pipeline = Pipeline(chain([first], coming))
    yield from _with_connection(writer, lambda connection: _talk(connection, writer, pipeline))
    return pipeline.outcome()


def _one_by_one(operations: Iterable[Operation[T]], writer: Any) -> Steps[list[T]]:
    results: list[T] = []
    for operation in operations:
        results += [(yield from execute(operation, writer, writer))]
    return results


def _talk(connection: Any, writer: Any, pipeline: Pipeline[T]) -> Steps[None]:
    messages = pipeline.messages()
    while request := pipeline.due:
        try:
            for message in messages:
                yield partial(connection.send_packed_command, [message])
            replies = yield from _replies(connection, request)
        except driver_errors() as error:
            yield partial(connection.disconnect, _NOWAIT)
            pipeline.break_off(translate(error, writer))
            return
        try:
            pipeline.hear(_parsed(writer, request, replies))
        except driver_errors() as error:
            pipeline.hear(translate(error, writer))
        messages = pipeline.messages()


def _ask(client: Any, request: Request) -> Steps[list[Any]]:
    if sends_once(client):
        replies = yield from _with_connection(client, lambda connection: _exchange(connection, request))
        return _parsed(client, request, replies)
    if len(request.commands) == 1:
        return [(yield partial(client.execute_command, *request.commands[0], **_UNDECODED))]
    return (yield _piped(client, request).execute)  # type: ignore[no-any-return]  # redis-py's pipeline is untyped


def _exchange(connection: Any, request: Request) -> Steps[list[Any]]:
    yield partial(connection.send_packed_command, [pack(request.commands)])
    return (yield from _replies(connection, request))


def _replies(connection: Any, request: Request) -> Steps[list[Any]]:
    """Read one reply a command; what the server refuses is a reply too."""
    replies: list[Any] = []
    for _ in request.commands:
        try:
            replies.append((yield partial(connection.read_response, disable_decoding=True)))
        except response_errors() as error:
            replies.append(error)
    return replies


def _parsed(client: Any, request: Request, replies: list[Any]) -> list[Any]:
    """Raise the first refusal; else give replies the form that redis-py gives them, whatever the protocol."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    forms = [client.response_callbacks.get(command[0]) for command in request.commands]
    return [form(reply) if form else reply for form, reply in zip(forms, replies, strict=True)]


# Borrowing a connection


def _with_connection(client: Any, talk: Callable[[Any], Steps[T]]) -> Steps[T]:
    """Talk on a connection of a client's pool; after an error it is closed, since replies may still come."""
    pool = client.connection_pool
    try:
        connection = yield from _borrowed(pool)
    except driver_errors() as error:
        raise translate(error, client, sent=False) from error
    try:
        result = yield from talk(connection)
    except GeneratorExit:
        # Nobody is there any more to take another step.
        raise
    except BaseException:
        yield partial(connection.disconnect, _NOWAIT)
        yield partial(pool.release, connection)
        raise
    yield partial(pool.release, connection)
    return result


def _borrowed(pool: Any) -> Steps[Any]:
    connection = yield partial(_taken_from, pool)
    try:
        # A server that was restarted has closed it: a script sent into it would be lost for nothing.
        if (yield from _is_stale(connection)):
            yield connection.disconnect
            yield connection.connect
    except BaseException:
        yield partial(pool.release, connection)
        raise
    return connection


def _taken_from(pool: Any) -> Any:
    try:
        return pool.get_connection()
    except TypeError:
        # Before redis-py 5.3 it wants the command's name.
        return pool.get_connection("EVALSHA")


def _is_stale(connection: Any) -> Steps[bool]:
    # Before redis-py 8 the asyncio one has the other name only, and says b"" at the end of the stream.
    can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return (yield can_read) not in (False, None)
    except driver_errors():
        return True


# For asyncio: do not wait until the other side has closed too. Blocking connections take and ignore it.
_NOWAIT = True

# Contexts and profiles are bytes: they come back as bytes from clients that decode responses too.
_UNDECODED: dict[str, Any] = {"NEVER_DECODE": True}


def _piped(client: Any, request: Request) -> Any:
    pipeline = client.pipeline(transaction=False)
    for command in request.commands:
        pipeline.execute_command(*command, **_UNDECODED)
    return pipeline

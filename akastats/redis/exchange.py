"""Send the requests of operations and read the replies, for blocking and asyncio clients of redis-py.

Both kinds have methods of the same names; one returns the result, the other an awaitable. Therefore an exchange is
a generator that yields each call as a step, and receives its result from a runner in `runners.py`.
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
from akastats.redis.protocol import encode_commands
from akastats.store.requests import Operation, Request

T = TypeVar("T")

#: A call of redis-py that the runner makes.
Step = Callable[[], Any]
#: An exchange that returns a `T`; the runner sends the result of each step, awaited if necessary.
Steps = Generator[Step, Any, T]


def execute(operation: Operation[T], reader: Any, writer: Any) -> Steps[T]:
    """Execute an operation; raise errors of redis-py as `ServerError`, first inside the operation."""
    try:
        request = next(operation)
        while True:
            client = writer if request.writes else reader
            try:
                if not request.writes and client not in _single_servers:
                    yield from _check_single(client, request)
                replies = yield from _send(client, request)
            except Exception as error:  # noqa: BLE001 - translated, or raised again unchanged
                request = operation.throw(translate(error, client))
            else:
                request = operation.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


# Clients that are connected to a single server.
_single_servers: WeakSet[Any] = WeakSet()
# Namespaces with a hash tag that a client's server has served; the server may still be a node of a cluster.
_served_namespaces: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()

# Every key begins with a namespace. If that contains a hash tag, one slot of a cluster holds all keys.
_namespace_of = re.compile(r"(.*?)::[A-Z_]+(?:::|$)", re.DOTALL)


def _check_single(client: Any, request: Request) -> Steps[None]:
    """Raise `ClusterError` if the server is part of a cluster, in which another node may hold a key.

    This costs one round trip before the first read of a client, or of a namespace with a hash tag.
    """
    names = (argument for command in request.commands for argument in command if isinstance(argument, str))
    match = next(filter(None, map(_namespace_of.match, names)), None)
    if match is None or match[1] in _served_namespaces.get(client, ()):
        return
    try:
        yield from _send(client, Request((("EXISTS", f"{match[1]}::INDEX", f"{match[1]}::SEEN"),)))
    except Exception as error:
        # If the user lacks this permission, the request itself reports the missing permission.
        if classify(error) not in (AccessDeniedError, RequestRefusedError, ServerBusyError):
            raise
    if "{" in match[1]:
        _served_namespaces.setdefault(client, set()).add(match[1])
    else:
        _single_servers.add(client)


def execute_all(operations: Iterable[Operation[T]], writer: Any) -> Steps[list[T]]:
    """Execute writing operations, two at a time on one connection; return results in the order of their ends.

    After an error, send nothing more, read the pending replies, and raise the error.
    """
    if not sends_once(writer):
        return (yield from _execute_one_by_one(operations, writer))
    remaining = iter(operations)
    first = next(remaining, None)
    if first is None:
        return []
    # Connect before the first operation starts. If connecting fails, no command has been sent.
    pipeline = Pipeline(chain([first], remaining))
    yield from _with_connection(writer, lambda connection: _run_pipeline(connection, writer, pipeline))
    return pipeline.get_results()


def _execute_one_by_one(operations: Iterable[Operation[T]], writer: Any) -> Steps[list[T]]:
    results: list[T] = []
    for operation in operations:
        results += [(yield from execute(operation, writer, writer))]
    return results


def _run_pipeline(connection: Any, writer: Any, pipeline: Pipeline[T]) -> Steps[None]:
    messages = pipeline.take_messages()
    while request := pipeline.next_request:
        try:
            for message in messages:
                yield partial(connection.send_packed_command, [message])
            replies = yield from _read_replies(connection, request)
        except driver_errors() as error:
            yield partial(connection.disconnect, _NOWAIT)
            pipeline.abort(translate(error, writer))
            return
        try:
            pipeline.receive(_convert(writer, request, replies))
        except driver_errors() as error:
            pipeline.receive(translate(error, writer))
        messages = pipeline.take_messages()


def _send(client: Any, request: Request) -> Steps[list[Any]]:
    if sends_once(client):
        replies = yield from _with_connection(client, lambda connection: _exchange(connection, request))
        return _convert(client, request, replies)
    if len(request.commands) == 1:
        return [(yield partial(client.execute_command, *request.commands[0], **_UNDECODED))]
    return (yield _make_pipeline(client, request).execute)  # type: ignore[no-any-return]  # redis-py's pipeline is untyped


def _exchange(connection: Any, request: Request) -> Steps[list[Any]]:
    yield partial(connection.send_packed_command, [encode_commands(request.commands)])
    return (yield from _read_replies(connection, request))


def _read_replies(connection: Any, request: Request) -> Steps[list[Any]]:
    """Read one reply per command; an error of the server is a reply too."""
    replies: list[Any] = []
    for _ in request.commands:
        try:
            replies.append((yield partial(connection.read_response, disable_decoding=True)))
        except response_errors() as error:
            replies.append(error)
    return replies


def _convert(client: Any, request: Request, replies: list[Any]) -> list[Any]:
    """Return replies converted as redis-py does, for each version of the protocol; raises the first error."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    callbacks = [client.response_callbacks.get(command[0]) for command in request.commands]
    return [callback(reply) if callback else reply for callback, reply in zip(callbacks, replies, strict=True)]


def _with_connection(client: Any, exchange: Callable[[Any], Steps[T]]) -> Steps[T]:
    """Run an exchange on a pooled connection; close it after an error, because replies may follow."""
    pool = client.connection_pool
    try:
        connection = yield from _take_connection(pool)
    except driver_errors() as error:
        raise translate(error, client, sent=False) from error
    try:
        result = yield from exchange(connection)
    except GeneratorExit:
        # The runner has closed this generator, so no further step is possible.
        raise
    except BaseException:
        yield partial(connection.disconnect, _NOWAIT)
        yield partial(pool.release, connection)
        raise
    yield partial(pool.release, connection)
    return result


def _take_connection(pool: Any) -> Steps[Any]:
    connection = yield partial(_get_from_pool, pool)
    try:
        # A server that restarted has closed the connection; a script sent on it would be lost.
        if (yield from _is_stale(connection)):
            yield connection.disconnect
            yield connection.connect
    except BaseException:
        yield partial(pool.release, connection)
        raise
    return connection


def _get_from_pool(pool: Any) -> Any:
    try:
        return pool.get_connection()
    except TypeError:
        # redis-py before 5.3 requires the command's name.
        return pool.get_connection("EVALSHA")


def _is_stale(connection: Any) -> Steps[bool]:
    # Before redis-py 8 the asyncio connection has only `can_read_destructive`, which returns b"" at the end of the
    # stream.
    can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
    try:
        return (yield can_read) not in (False, None)
    except driver_errors():
        return True


# Do not wait in asyncio until the other side has closed too. Blocking connections ignore the argument.
_NOWAIT = True

# Contexts and profiles are bytes; even a client that decodes responses must return them as bytes.
_UNDECODED: dict[str, Any] = {"NEVER_DECODE": True}


def _make_pipeline(client: Any, request: Request) -> Any:
    pipeline = client.pipeline(transaction=False)
    for command in request.commands:
        pipeline.execute_command(*command, **_UNDECODED)
    return pipeline

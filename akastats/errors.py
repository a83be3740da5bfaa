"""Exceptions of akastats, which all derive from `AkastatsError`.

An invalid argument, such as a label or a number, raises `ValueError` instead.
"""

from typing import ClassVar


class AkastatsError(Exception):
    """Base class. The message names the failed action and its value, and the remedy."""


class ConfigError(AkastatsError, ValueError):
    """A configuration value is invalid; the message names the variable or option."""


class ServerError(AkastatsError):
    """The Redis server did not execute a request; the subclass and `kind` identify the reason.

    | subclass | `kind` | meaning |
    |---|---|---|
    | `ServerUnreachableError` | `absent` | no connection; the request was not sent |
    | `ConnectionLostError` | `lost` | sent, but no reply: may or may not have been executed |
    | `ServerBusyError` | `busy` | temporarily unable: loading, out of memory, read-only, running a script |
    | `ClusterError` | `cluster` | the server is part of a cluster, which is not supported; not executed |
    | `AccessDeniedError` | `denied` | user, password or permissions do not allow it |
    | `UnknownScriptError` | `unknown_script` | the server does not have the script; not executed |
    | `RequestRefusedError` | `refused` | the server or the script refused the request; not executed |
    """

    kind: ClassVar[str] = "refused"


class ServerUnreachableError(ServerError):
    """The server cannot be reached; the request was not sent."""

    kind = "absent"


class ConnectionLostError(ServerError):
    """The request was sent, but the server did not reply; it may or may not have executed the request."""

    kind = "lost"


class ServerBusyError(ServerError):
    """The server is temporarily unable to execute the request: loading, out of memory, read-only, busy."""

    kind = "busy"


class ClusterError(ServerError):
    """The server is part of a cluster, which is not supported; the request was not executed."""

    kind = "cluster"


class AccessDeniedError(ServerError):
    """User, password or permissions do not allow the request."""

    kind = "denied"


class UnknownScriptError(ServerError):
    """The server does not have the script that was called by its SHA-1; nothing was executed."""

    kind = "unknown_script"


class RequestRefusedError(ServerError):
    """The server or the script refused the request; nothing was executed."""

    kind = "refused"


class NotFoundError(AkastatsError, LookupError):
    """A label, run or test is unknown or has expired."""


class RefusedError(AkastatsError):
    """A rule forbids the action; the message names the rule and an alternative."""


class EmbeddedError(AkastatsError):
    """The embedded server cannot be found, started or repaired."""


class SpoolError(AkastatsError):
    """A spool file cannot be written or read."""


class ReportError(AkastatsError):
    """A JUnit XML report cannot be read."""


class CorruptDataError(NotFoundError):
    """A stored value is corrupt, or another program wrote it. Callers treat it as missing."""

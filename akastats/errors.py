"""The one family of errors: everything that goes wrong here is an `AkastatsError` of a few kinds.

Values that a caller got wrong (a label, a number) are plain `ValueError`s, raised where they enter.
"""


class AkastatsError(Exception):
    """Anything that akastats itself could not do; the message says what was tried and what to do."""


class ConfigError(AkastatsError, ValueError):
    """A configuration value that cannot be used; the message names the variable or option."""


class ServerError(AkastatsError):
    """The statistics server did not execute a request; `kind` names the reason.

    | kind | means |
    |---|---|
    | `absent` | no connection: nothing was sent |
    | `lost` | sent, but no reply: nobody can know whether it was done |
    | `busy` | the server cannot just now (loading, out of memory, read-only, a script running) |
    | `cluster` | the server is part of a cluster, which is not supported; nothing was done |
    | `denied` | user, password or permissions do not allow it |
    | `unknown_script` | the server does not hold the script; nothing was done |
    | `refused` | the server or our script refused the request; nothing was done |
    """

    def __init__(self, message: str, kind: str = "refused") -> None:
        super().__init__(message)
        self.kind = kind


class NotFoundError(AkastatsError, LookupError):
    """A label, run or test that the server does not know, or no longer knows."""


class RefusedError(AkastatsError):
    """What a rule does not allow; the message says which, and what to do instead."""


class EmbeddedError(AkastatsError):
    """The embedded server could not be found, started or repaired."""


class SpoolError(AkastatsError):
    """A spool file that cannot be written or read."""


class ReportError(AkastatsError):
    """A report of tests, in JUnit XML, that cannot be read."""


class DamagedError(NotFoundError):
    """What is stored cannot be read: damaged, or none of ours. It is as good as absent."""

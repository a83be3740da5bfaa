"""Configuration: one frozen value, read from the environment at first use.

No other module reads settings from the environment. The `ci` package reads branch, commit and build of a run.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from akastats.errors import ConfigError

#: The value of `AKA_STATS_FORGE` that disables publishing to forges such as GitHub.
OFF = "off"

#: Suffix of the namespace for pushes of the tested code, if its run is recorded in the same namespace.
UNDER_TEST = "-UNDER-TEST"

SCHEMES = ("redis://", "rediss://", "unix://")


class DefaultZone(str):
    """Type of the default time zone. A configuration with the default shows times in the machine's own zone."""

    __slots__ = ()


#: Default time zone; aka-stats has the same default.
DEFAULT_ZONE = DefaultZone("Europe/Amsterdam")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the server, its data, the API and the reports.

    redis_url: URL of the server; not part of tracebacks and logs, because it may contain a password.
    namespace: Redis key prefix.
    history_size: number of stored points per label, at least 1.
    timezone: name of the time zone for display.
    run_days: days for which a run is stored, at least 1.
    error_days: days for which a failure is stored after its last occurrence, at least 1.
    profiles: number of runs whose profiles are stored, at least 1.
    redact: regular expressions of additional secrets, one per line.
    token: tokens of the API; not part of tracebacks and logs, because they grant access.
    allowed_hosts: additional host names of this machine, separated by commas or white space.
    forge: `auto` publishes to a forge such as GitHub if its CI is detected; `off` never publishes.
    webhook: URL that receives the result of each run; a secret, because anyone who has it can post there.
    protected: globs of node ids that are never quarantined, separated by commas or line ends.
    """

    redis_url: str = dataclasses.field(default="redis://localhost:6379", repr=False)
    namespace: str = "AKA-STATS"
    history_size: int = 1000
    timezone: str = DEFAULT_ZONE
    run_days: int = 365
    error_days: int = 30
    profiles: int = 500
    redact: str = ""
    token: str = dataclasses.field(default="", repr=False)
    allowed_hosts: str = ""
    forge: str = "auto"
    webhook: str = dataclasses.field(default="", repr=False)
    protected: str = ""

    def __post_init__(self) -> None:
        for name in ("history_size", "run_days", "error_days", "profiles"):
            parse_positive_number(f"AKA_STATS_{name.upper()}", str(getattr(self, name)))

    def __str__(self) -> str:
        shown = dataclasses.asdict(self) | {
            "redis_url": remove_credentials(self.redis_url),
            "token": "(set)" if self.token else "",
            "webhook": "(set)" if self.webhook else "",
        }
        return "\n".join(f"AKA_STATS_{name.upper()} = {value}" for name, value in shown.items())


def read_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the `AKA_STATS_*` variables; an empty one counts as unset.

    Raises `ConfigError`, which names the variable. `AKA_STATS_DEFAULT_PREFIX` is the older name of
    `AKA_STATS_NAMESPACE`, which has priority if both are set.
    """
    values: dict[str, Any] = {}
    for variable, field, parse in _VARIABLES:
        text = environ.get(variable, "")
        if text:
            values[field] = parse(variable, text)
    return Config(**values)


def check_redis_url(variable: str, text: str) -> str:
    """Return `text` if redis-py can open it as a URL; else raise `ConfigError`, which names `variable`."""
    if not (text.startswith(SCHEMES) and _has_valid_target(text)):
        raise ConfigError(
            f"{variable}: {remove_credentials(text)!r} is not a Redis URL. Use redis://host:port/database, "
            "rediss://host:port/database or unix:///path, and percent-encode special characters in a password."
        )
    return text


def _has_valid_target(url: str) -> bool:
    """Return whether a URL has a valid port, and a database number or the path of a socket."""
    try:
        parts = urlsplit(url)
        is_port_valid = parts.port != 0
    except ValueError:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    # redis-py silently uses database 0 if the path is not a number.
    return is_port_valid and re.fullmatch(r"/?[0-9]*", parts.path) is not None


def check_namespace(variable: str, text: str) -> str:
    """Return `text` if it is printable and has no white space; else raise `ConfigError`."""
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ConfigError(f"{variable}: {text!r} contains white space or control characters; remove them")
    return text


def parse_positive_number(variable: str, text: str) -> int:
    """Return `text` as a whole number from 1 to 999,999,999; else raise `ConfigError`."""
    if not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= 1):
        raise ConfigError(f"{variable}: {text[:100]!r} is not a whole number from 1 to 999999999")
    return int(text)


def accept_any(_variable: str, text: str) -> str:
    """Return `text` unchanged; the code that uses the value validates it."""
    return text


def check_auto_or_off(variable: str, text: str) -> str:
    """Return `text` if it is `auto` or `off`; else raise `ConfigError`."""
    if text not in ("auto", OFF):
        raise ConfigError(f"{variable}: {text[:100]!r} is neither auto nor off")
    return text


def check_web_address(variable: str, text: str) -> str:
    """Return `text` if it is an HTTP URL; else raise `ConfigError` without `text`, which is a secret."""
    if not _is_web_address(text):
        raise ConfigError(
            f"{variable} is not an address with http:// or https://, a valid host name and a path in ASCII. "
            "Percent-encode other characters (%C3%A9)."
        )
    return text


def _is_web_address(text: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in text):
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        # Reject a name that the resolver cannot encode. Otherwise the request at the end of a run would fail.
        host.encode("idna")
        return (
            bool(host)
            and parts.scheme in ("http", "https")
            and parts.port != 0
            and (parts.path + parts.query).isascii()
        )
    except ValueError:
        return False


def check_timezone_name(variable: str, text: str) -> str:
    """Return `text` if it is printable; else raise `ConfigError`. The zone is loaded when a time is displayed."""
    if not text.isprintable():
        raise ConfigError(f"{variable}: {text!r} is not the name of a time zone such as Europe/Amsterdam")
    return text


def remove_credentials(url: str) -> str:
    """Return `url` without user, password and query, for messages and logs.

    A URL in which the end of the password is ambiguous is replaced by a placeholder.
    """
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A later `@` belongs to a password with an unescaped slash, or to a password in the query.
    if not separator or "@" in rest[len(authority) :]:
        return "(a URL that cannot be shown without its password)" if "@" in url else url.partition("?")[0]
    path = re.split(r"[?#]", rest[len(authority) :], maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


_VARIABLES: tuple[tuple[str, str, Callable[[str, str], Any]], ...] = (
    ("AKA_STATS_REDIS_URL", "redis_url", check_redis_url),
    ("AKA_STATS_DEFAULT_PREFIX", "namespace", check_namespace),
    ("AKA_STATS_NAMESPACE", "namespace", check_namespace),
    ("AKA_STATS_HISTORY_SIZE", "history_size", parse_positive_number),
    ("AKA_STATS_TIMEZONE", "timezone", check_timezone_name),
    ("AKA_STATS_RUN_DAYS", "run_days", parse_positive_number),
    ("AKA_STATS_ERROR_DAYS", "error_days", parse_positive_number),
    ("AKA_STATS_PROFILES", "profiles", parse_positive_number),
    ("AKA_STATS_REDACT", "redact", accept_any),
    ("AKA_STATS_TOKEN", "token", accept_any),
    ("AKA_STATS_ALLOWED_HOSTS", "allowed_hosts", accept_any),
    ("AKA_STATS_FORGE", "forge", check_auto_or_off),
    ("AKA_STATS_WEBHOOK", "webhook", check_web_address),
    ("AKA_STATS_PROTECTED", "protected", accept_any),
)
VARIABLES = tuple(variable for variable, _, _ in _VARIABLES)


class Current:
    """The active configuration: `config.namespace` reads a value, `config.namespace = ...` replaces it."""

    _now: Config | None = None
    # Whether `_now` was read from the environment; false if a program set it.
    _is_read = False
    # Namespace in which a run of this process is recorded; empty if no run is recorded.
    _recorded = ""

    def now(self) -> Config:
        """Return the active configuration, which is immutable. The first call reads the environment."""
        if self._now is None:
            self._use_environment(read_environment())
        assert self._now is not None
        return self._now

    def use(self, config: Config | None) -> None:
        """Activate `config`; after `None` the next use reads the environment again."""
        object.__setattr__(self, "_now", config)
        object.__setattr__(self, "_is_read", False)

    def _use_environment(self, settings: Config) -> None:
        is_recorded = self._recorded and settings.namespace == self._recorded
        namespace = settings.namespace + UNDER_TEST if is_recorded else settings.namespace
        self.use(dataclasses.replace(settings, namespace=namespace))
        object.__setattr__(self, "_is_read", True)

    def isolate_pushes(self, namespace: str) -> Callable[[], None]:
        """Keep pushes of the tested code out of the namespace of its run; return a function that undoes this.

        The run and the tested code read the same namespace from the environment. A namespace that a program sets
        itself is not changed.
        """
        before, is_read, recorded = self._now, self._is_read, self._recorded
        object.__setattr__(self, "_recorded", namespace)
        if before is not None and is_read:
            self._use_environment(before)

        def undo() -> None:
            object.__setattr__(self, "_recorded", recorded)
            self.use(before)
            object.__setattr__(self, "_is_read", is_read)

        return undo

    def under(self, prefix: str | None) -> Config:
        """Return the active configuration, with the namespace `prefix` unless `prefix` is `None`."""
        return self.now() if prefix is None else dataclasses.replace(self.now(), namespace=prefix)

    @property
    def default_prefix(self) -> str:
        """The namespace, under its older name."""
        return self.now().namespace

    def __getattr__(self, name: str) -> Any:
        # Tools look for `__wrapped__` and similar names; that must not read the environment.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.now(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        field = "namespace" if name == "default_prefix" else name
        if field in Config.__dataclass_fields__:
            self.use(dataclasses.replace(self.now(), **{field: value}))
        elif hasattr(type(self), field):
            object.__setattr__(self, field, value)
        else:
            options = ", ".join(Config.__dataclass_fields__)
            raise AttributeError(f"config has no option {name!r}; its options are {options}")

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]  # an attribute of every object
        """The active options, from which `mock.patch.object` reads the values to restore."""
        return {**dataclasses.asdict(self.now()), "default_prefix": self.now().namespace}

    def __str__(self) -> str:
        return str(self.now())


config = Current()

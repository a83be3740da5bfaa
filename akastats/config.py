"""Configuration: one frozen value, read from the environment in one place, at first use.

Nothing else reads the environment for settings; what a run is (branch, commit, build) is `ci.py`'s.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from akastats.errors import ConfigError

#: The value of `AKA_STATS_FORGE` that keeps forges from being told anything.
OFF = "off"

#: What follows the namespace of the environment while a run is recorded in it.
UNDER_TEST = "-UNDER-TEST"

SCHEMES = ("redis://", "rediss://", "unix://")


class DefaultZone(str):
    """The time zone of a configuration that names none: people read times in their own machine's."""

    __slots__ = ()


#: Default time zone, as in the usage guide.
DEFAULT_ZONE = DefaultZone("Europe/Amsterdam")


@dataclasses.dataclass(frozen=True)
class Config:
    """How and where statistics are kept; days and counts are whole numbers of at least 1."""

    # Never in a traceback or log: it may hold a password.
    redis_url: str = dataclasses.field(default="redis://localhost:6379", repr=False)
    namespace: str = "AKA-STATS"
    history_size: int = 1000
    timezone: str = DEFAULT_ZONE
    run_days: int = 365
    error_days: int = 30
    profiles: int = 500
    # Regular expressions, one a line.
    redact: str = ""
    # Whoever has it may read everything: never in a traceback or log.
    token: str = dataclasses.field(default="", repr=False)
    allowed_hosts: str = ""
    # Whether forges such as GitHub are told of runs: `auto`, where they are seen to listen, or `off`.
    forge: str = "auto"
    # Such addresses are secrets: whoever has one may write there.
    webhook: str = dataclasses.field(default="", repr=False)
    # Node ids that are never quarantined: globs, with commas or line ends between.
    protected: str = ""

    def __post_init__(self) -> None:
        for name in ("history_size", "run_days", "error_days", "profiles"):
            parse_whole_number(f"AKA_STATS_{name.upper()}", str(getattr(self, name)))

    def __str__(self) -> str:
        shown = dataclasses.asdict(self) | {
            "redis_url": remove_credentials(self.redis_url),
            "token": "(set)" if self.token else "",
            "webhook": "(set)" if self.webhook else "",
        }
        return "\n".join(f"AKA_STATS_{name.upper()} = {value}" for name, value in shown.items())


def read_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the `AKA_STATS_*` variables; an empty one counts as unset.

    Raises `ConfigError` naming the variable. `AKA_STATS_DEFAULT_PREFIX` is the older name of
    `AKA_STATS_NAMESPACE`, which wins where both are set.
    """
    found: dict[str, Any] = {}
    for variable, field, parse in _VARIABLES:
        text = environ.get(variable, "")
        if text:
            found[field] = parse(variable, text)
    return Config(**found)


def check_redis_url(variable: str, text: str) -> str:
    """Return `text` if it is a URL that redis-py can open; `variable` is named when it is not."""
    if not (text.startswith(SCHEMES) and _leads_somewhere(text)):
        raise ConfigError(
            f"{variable}: {remove_credentials(text)!r} is no Redis URL; it reads "
            "redis://host:port/database, rediss://host:port/database or unix:///path, "
            "with special characters in a password percent-encoded"
        )
    return text


def _leads_somewhere(url: str) -> bool:
    """Tell whether a URL of ours has a port that can be, and a database that is a number or a socket's path."""
    try:
        parts = urlsplit(url)
        place_is_usable = parts.port != 0
    except ValueError:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    # redis-py takes database 0 for one that is no number, and says nothing.
    return place_is_usable and re.fullmatch(r"/?[0-9]*", parts.path) is not None


def check_namespace(variable: str, text: str) -> str:
    """Return `text` if it can begin every key."""
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ConfigError(f"{variable}: {text!r} holds white space or control characters")
    return text


def parse_whole_number(variable: str, text: str) -> int:
    """Return `text` as a number of at least 1 and at most nine digits: the server counts no further than 2**63."""
    if not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= 1):
        raise ConfigError(f"{variable}: {text[:100]!r} is not a whole number from 1 to 999999999")
    return int(text)


def accept_any(_variable: str, text: str) -> str:
    """Return `text`; who uses it says what is wrong with it."""
    return text


def check_auto_or_off(variable: str, text: str) -> str:
    """Return `text` if it is one of the two."""
    if text not in ("auto", OFF):
        raise ConfigError(f"{variable}: {text[:100]!r} is neither auto nor off")
    return text


def check_web_address(variable: str, text: str) -> str:
    """Return `text` if it is an address to post to; it is a secret, and not in the message."""
    if not _is_web_address(text):
        raise ConfigError(
            f"{variable} is no address that begins with http:// or https://, has a name that can be asked for and "
            "a path of ASCII (other letters are written as %C3%A9)"
        )
    return text


def _is_web_address(text: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in text):
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        # As the resolver does it: what cannot be asked for is better said now than at a run's end.
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
    """Return `text`; whether the zone exists is asked when a time is shown, not before."""
    if not text.isprintable():
        raise ConfigError(f"{variable}: {text!r} is no name of a time zone such as Europe/Amsterdam")
    return text


def remove_credentials(url: str) -> str:
    """Return `url` without user, password and query: fit for messages and logs."""
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # An `@` further behind belongs to a password with an unescaped slash, or to one in the query.
    if not separator or "@" in rest[len(authority) :]:
        return "(a URL that cannot be shown without its password)" if "@" in url else url.partition("?")[0]
    path = re.split(r"[?#]", rest[len(authority) :], maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


_VARIABLES: tuple[tuple[str, str, Callable[[str, str], Any]], ...] = (
    ("AKA_STATS_REDIS_URL", "redis_url", check_redis_url),
    ("AKA_STATS_DEFAULT_PREFIX", "namespace", check_namespace),
    ("AKA_STATS_NAMESPACE", "namespace", check_namespace),
    ("AKA_STATS_HISTORY_SIZE", "history_size", parse_whole_number),
    ("AKA_STATS_TIMEZONE", "timezone", check_timezone_name),
    ("AKA_STATS_RUN_DAYS", "run_days", parse_whole_number),
    ("AKA_STATS_ERROR_DAYS", "error_days", parse_whole_number),
    ("AKA_STATS_PROFILES", "profiles", parse_whole_number),
    ("AKA_STATS_REDACT", "redact", accept_any),
    ("AKA_STATS_TOKEN", "token", accept_any),
    ("AKA_STATS_ALLOWED_HOSTS", "allowed_hosts", accept_any),
    ("AKA_STATS_FORGE", "forge", check_auto_or_off),
    ("AKA_STATS_WEBHOOK", "webhook", check_web_address),
    ("AKA_STATS_PROTECTED", "protected", accept_any),
)
VARIABLES = tuple(variable for variable, _, _ in _VARIABLES)


class Current:
    """The configuration in force: `config.namespace` reads it, `config.namespace = ...` replaces it whole."""

    _now: Config | None = None
    # Whether that is the environment's, and nobody's who has set it.
    _is_read = False
    # The namespace that a run in this process is recorded in; empty while none is.
    _recorded = ""

    def now(self) -> Config:
        """Return the frozen value in force, reading the environment the first time."""
        if self._now is None:
            self._use_environment(read_environment())
        assert self._now is not None
        return self._now

    def use(self, config: Config | None) -> None:
        """Put `config` in force; `None` means: read the environment again at next use."""
        object.__setattr__(self, "_now", config)
        object.__setattr__(self, "_is_read", False)

    def _use_environment(self, settings: Config) -> None:
        is_recorded = self._recorded and settings.namespace == self._recorded
        apart = settings.namespace + UNDER_TEST if is_recorded else settings.namespace
        self.use(dataclasses.replace(settings, namespace=apart))
        object.__setattr__(self, "_is_read", True)

    def isolate_pushes(self, namespace: str) -> Callable[[], None]:
        """Keep pushes of code under test out of the namespace that its run is recorded in; return the undoing.

        The environment names one namespace for both. A namespace that a program sets itself stays.
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
        """Return the value in force, with `prefix` for its namespace where one is given."""
        return self.now() if prefix is None else dataclasses.replace(self.now(), namespace=prefix)

    @property
    def default_prefix(self) -> str:
        """The namespace, under its older name."""
        return self.now().namespace

    def __getattr__(self, name: str) -> Any:
        # Tools that look for `__wrapped__` and the like must not make us read the environment.
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
        """The options in force: `mock.patch.object` reads here the values that it restores."""
        return {**dataclasses.asdict(self.now()), "default_prefix": self.now().namespace}

    def __str__(self) -> str:
        return str(self.now())


config = Current()

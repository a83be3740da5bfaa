"""Choose the server of a command: a configured URL, or the embedded server of the nearest `.akastats`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_IWOTH

from akastats import config as configuration
from akastats import embedded, trust
from akastats.cli import output
from akastats.cli.project import Project, find
from akastats.config import Config, config, remove_credentials
from akastats.errors import AkastatsError, NotFoundError
from akastats.redis import sync_redis

FOLDER = ".akastats"


@dataclass(frozen=True)
class Target:
    """Server with the statistics.

    config: Configuration; `redis_url` is the server unless `is_embedded`.
    directory: The project's `.akastats` directory, set for a configured URL too.
    is_embedded: Whether the embedded server of `directory` is used.
    source: Option, variable or file that configures the server.
    """

    config: Config
    directory: Path
    is_embedded: bool
    source: str

    @property
    def display_name(self) -> str:
        """The directory or URL without credentials, for display."""
        return str(self.directory) if self.is_embedded else remove_credentials(self.config.redis_url)


def resolve(url: str, namespace: str, directory: Path | None, environ: Mapping[str, str], here: Path) -> Target:
    """Return the target from the options, else the pytest configuration, else the environment.

    Raises `ConfigError` for an invalid value.
    """
    project = find(here)
    source, server = _server(url, directory, project, environ)
    space = namespace or project.options.get("akastats_namespace", "")
    overrides = {
        "AKA_STATS_REDIS_URL": configuration.check_redis_url(source, server) if server else "",
        "AKA_STATS_NAMESPACE": configuration.check_namespace("--namespace", space),
    }
    settings = configuration.read_environment(
        {**environ, **{name: text for name, text in overrides.items() if text}}
    )
    return Target(settings, _directory(directory, project, here, environ), not server, source)


def _server(url: str, directory: Path | None, project: Project, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the source of the setting and the URL, which is empty for the embedded server."""
    if url:
        return "--url", url
    if directory:
        return "--dir", ""
    if project.options.get("akastats_url"):
        return f"akastats_url in {project.file}", project.options["akastats_url"]
    if environ.get("AKA_STATS_REDIS_URL"):
        return "AKA_STATS_REDIS_URL", environ["AKA_STATS_REDIS_URL"]
    return "no URL configured", ""


def _directory(option: Path | None, project: Project, here: Path, environ: Mapping[str, str]) -> Path:
    if option:
        return here / option
    if project.options.get("akastats_dir"):
        return project.root / project.options["akastats_dir"]
    return _nearest(here, project.root, environ) or project.root / FOLDER


def _nearest(here: Path, root: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the nearest `.akastats` that this user owns, from `here` up to the repository root or home directory.

    Outside both, the search ends at the project's `root`. It also ends below a world-writable directory, where any
    user can create an `.akastats`.
    """
    home = environ.get("HOME", "")
    candidates = (here, *here.parents)
    last = next((path for path in candidates if os.path.lexists(path / ".git") or str(path) == home), root)
    for path in candidates:
        if path != here and _is_shared(path):
            return None
        if _is_own(path / FOLDER):
            return path / FOLDER
        if path == last:
            return None
    return None


def _is_shared(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & S_IWOTH)
    except OSError:
        return True


def _is_own(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    return S_ISDIR(status.st_mode) and trust.is_owner(status.st_uid)


def here() -> Path:
    """Return the current directory; raises `AkastatsError` if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise AkastatsError("the current directory was deleted: change to another one") from error


def from_options(url: str, namespace: str, directory: Path | None) -> Target:
    """Return the target of a command's options in the current directory."""
    return resolve(url, namespace, directory, os.environ, here())


@contextmanager
def open_config(target: Target, make: bool = False) -> Iterator[Config]:
    """Connect to the server of a target while the block runs, and yield its configuration.

    Starts an embedded server. Raises `NotFoundError` if `.akastats` does not exist, unless `make` is true.
    """
    with open_target(target, make) as used:
        yield used.config


@contextmanager
def open_target(target: Target, make: bool = False) -> Iterator[Target]:
    """Connect as `open_config` does, and yield the target in use.

    Its `directory` is that of the embedded server, which differs if the project's `.akastats` is unusable.
    """
    if not target.is_embedded:
        with _connect(target.config):
            yield target
        return
    if not make:
        _check_exists(target.directory)
    with embedded.use(target.directory) as lease:
        if lease.notice:
            output.warn(lease.notice)
        settings = dataclasses.replace(target.config, redis_url=lease.url)
        with _connect(settings):
            yield dataclasses.replace(target, config=settings, directory=lease.directory)


@contextmanager
def _connect(settings: Config) -> Iterator[None]:
    config.use(settings)
    with sync_redis():
        yield


def _check_exists(directory: Path) -> None:
    # The statistics of a read-only project are in another directory, which embedded.use() finds.
    if not directory.exists() and os.access(directory.parent, os.W_OK):
        raise NotFoundError(
            f"no statistics found: {directory} does not exist. Run pytest --akastats first, "
            "or choose another server with --dir or --url"
        )

"""Which server a command speaks to: a named one, or the embedded one of the nearest `.akastats`."""

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
    """Where statistics are: `config.redis_url`, or the embedded server of `directory` if `is_embedded`.

    `directory` is the project's `.akastats` in any case; `source` says who named the server.
    """

    config: Config
    directory: Path
    is_embedded: bool
    source: str

    @property
    def shown(self) -> str:
        """Where that is, without credentials."""
        return str(self.directory) if self.is_embedded else remove_credentials(self.config.redis_url)


def resolve(url: str, namespace: str, directory: Path | None, environ: Mapping[str, str], here: Path) -> Target:
    """Return what the options, the project's pytest configuration and the environment name, in this order.

    Raises `ConfigError` for a value that cannot be used.
    """
    project = find(here)
    source, server = _server(url, directory, project, environ)
    space = namespace or project.options.get("akastats_namespace", "")
    chosen = {
        "AKA_STATS_REDIS_URL": configuration.check_redis_url(source, server) if server else "",
        "AKA_STATS_NAMESPACE": configuration.check_namespace("--namespace", space),
    }
    settings = configuration.read_environment({**environ, **{name: text for name, text in chosen.items() if text}})
    return Target(settings, _directory(directory, project, here, environ), not server, source)


def _server(url: str, directory: Path | None, project: Project, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return who names a server and its URL, which is empty for the embedded one."""
    if url:
        return "--url", url
    if directory:
        return "--dir", ""
    if project.options.get("akastats_url"):
        return f"akastats_url in {project.file}", project.options["akastats_url"]
    if environ.get("AKA_STATS_REDIS_URL"):
        return "AKA_STATS_REDIS_URL", environ["AKA_STATS_REDIS_URL"]
    return "no URL is configured", ""


def _directory(given: Path | None, project: Project, here: Path, environ: Mapping[str, str]) -> Path:
    if given:
        return here / given
    if project.options.get("akastats_dir"):
        return project.root / project.options["akastats_dir"]
    return _nearest(here, project.root, environ) or project.root / FOLDER


def _nearest(here: Path, root: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the nearest `.akastats` of this user, from `here` up to the repository's root or the home directory.

    Above those, and in a directory where everybody may write, anybody can have put one. Outside of both it is
    looked for up to the project's `root`.
    """
    home = environ.get("HOME", "")
    above = (here, *here.parents)
    last = next((place for place in above if os.path.lexists(place / ".git") or str(place) == home), root)
    for place in above:
        if place != here and _is_shared(place):
            return None
        if _is_ours(place / FOLDER):
            return place / FOLDER
        if place == last:
            return None
    return None


def _is_shared(place: Path) -> bool:
    try:
        return bool(place.stat().st_mode & S_IWOTH)
    except OSError:
        return True


def _is_ours(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    return S_ISDIR(status.st_mode) and trust.is_owner(status.st_uid)


def here() -> Path:
    """Return the current directory; raises `AkastatsError` if it is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise AkastatsError("the current directory does not exist any more") from error


def of_options(url: str, namespace: str, directory: Path | None) -> Target:
    """Return what a command's options mean here and now."""
    return resolve(url, namespace, directory, os.environ, here())


@contextmanager
def opened(target: Target, make: bool = False) -> Iterator[Config]:
    """Have the library use a target's server while the block runs; an embedded one is started.

    Raises `NotFoundError` where there is no `.akastats` yet, unless `make` asks for a new one.
    """
    with located(target, make) as used:
        yield used.config


@contextmanager
def located(target: Target, make: bool = False) -> Iterator[Target]:
    """Open a target as `opened` does, and yield the target that is used.

    Its `directory` is that of the embedded server, which differs if the project's `.akastats` cannot be used.
    """
    if not target.is_embedded:
        with _in_force(target.config):
            yield target
        return
    if not make:
        _check_there(target.directory)
    with embedded.use(target.directory) as lease:
        if lease.notice:
            output.warn(lease.notice)
        settings = dataclasses.replace(target.config, redis_url=lease.url)
        with _in_force(settings):
            yield dataclasses.replace(target, config=settings, directory=lease.directory)


@contextmanager
def _in_force(settings: Config) -> Iterator[None]:
    config.use(settings)
    with sync_redis():
        yield


def _check_there(directory: Path) -> None:
    # Where a project cannot be written, its statistics lie elsewhere: embedded.use() knows where.
    if not directory.exists() and os.access(directory.parent, os.W_OK):
        raise NotFoundError(
            f"no statistics yet: there is no {directory}; run pytest --akastats first, "
            "or name another place with --dir or --url"
        )

"""Configuration: every variable, what a bad value says, and what must never be shown."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import pytest

from akastats.config import Config, config, read_environment, remove_credentials
from akastats.errors import ConfigError


@pytest.fixture(autouse=True)
def _fresh():
    """Each test reads the environment anew."""
    config.use(None)
    yield
    config.use(None)


def test_defaults_are_the_guide_s():
    """Without variables everything has the guide's default."""
    found = read_environment({})

    assert found == Config("redis://localhost:6379", "AKA-STATS", 1000, "Europe/Amsterdam")


def test_every_variable_is_read():
    """Each variable sets its field."""
    environ = {
        "AKA_STATS_REDIS_URL": "unix:///run/redis.sock",
        "AKA_STATS_NAMESPACE": "MINE",
        "AKA_STATS_HISTORY_SIZE": "7",
        "AKA_STATS_TIMEZONE": "UTC",
        "AKA_STATS_RUN_DAYS": "8",
        "AKA_STATS_ERROR_DAYS": "9",
        "AKA_STATS_PROFILES": "10",
        "AKA_STATS_REDACT": "rose\ntulip",
    }

    found = read_environment(environ)

    assert found == Config("unix:///run/redis.sock", "MINE", 7, "UTC", 8, 9, 10, "rose\ntulip")


@pytest.mark.parametrize(
    ("environ", "namespace"),
    [
        ({"AKA_STATS_DEFAULT_PREFIX": "OLD"}, "OLD"),
        ({"AKA_STATS_DEFAULT_PREFIX": "OLD", "AKA_STATS_NAMESPACE": "NEW"}, "NEW"),
        ({"AKA_STATS_DEFAULT_PREFIX": "OLD", "AKA_STATS_NAMESPACE": ""}, "OLD"),
    ],
)
def test_the_older_name_of_the_namespace_gives_way_to_the_newer(environ, namespace):
    """`AKA_STATS_DEFAULT_PREFIX` works, and `AKA_STATS_NAMESPACE` wins; an empty one counts as unset."""
    assert read_environment(environ).namespace == namespace


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AKA_STATS_HISTORY_SIZE", "0"),
        ("AKA_STATS_HISTORY_SIZE", "-1"),
        ("AKA_STATS_HISTORY_SIZE", "many"),
        ("AKA_STATS_HISTORY_SIZE", "1e3"),
        ("AKA_STATS_HISTORY_SIZE", "1000000000"),
        ("AKA_STATS_HISTORY_SIZE", "9" * 5000),
        ("AKA_STATS_HISTORY_SIZE", "10\n"),
        ("AKA_STATS_NAMESPACE", "a b"),
        ("AKA_STATS_DEFAULT_PREFIX", "a\nb"),
        ("AKA_STATS_REDIS_URL", "localhost:6379"),
        ("AKA_STATS_REDIS_URL", "http://localhost"),
        ("AKA_STATS_REDIS_URL", "redis://localhost:port"),
        ("AKA_STATS_REDIS_URL", "redis://localhost:99999"),
        ("AKA_STATS_REDIS_URL", "redis://[::1"),
        ("AKA_STATS_REDIS_URL", "redis://localhost/first"),
        ("AKA_STATS_REDIS_URL", "redis://localhost/-1"),
        ("AKA_STATS_REDIS_URL", "rediss://localhost/1/2"),
        ("AKA_STATS_REDIS_URL", "unix://"),
        ("AKA_STATS_RUN_DAYS", "x"),
        ("AKA_STATS_ERROR_DAYS", "1.5"),
        ("AKA_STATS_PROFILES", "٣"),
        ("AKA_STATS_TIMEZONE", "Europe/\x00"),
    ],
)
def test_a_bad_value_names_its_variable(variable, value):
    """A value that cannot be used is one error that begins with the variable's name."""
    with pytest.raises(ConfigError, match=f"^{variable}: "):
        read_environment({variable: value})


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://localhost",
        "redis://localhost:6380/",
        "redis://:p%40ss@[::1]:6380/12?socket_timeout=1",
        "rediss://me:secret@host/0",
        "unix:///run/redis.sock?db=3",
        "unix://:secret@/run/redis.sock",
    ],
)
def test_what_redis_py_opens_is_a_url(url):
    """Hosts, ports, databases, sockets and options in all of its forms."""
    assert read_environment({"AKA_STATS_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2@host",
        "redis://me:hunter2@host:port",
        "redis://:hun/hunter2@host",
        "redis://:hun#hunter2@host",
        "redis://:hun?hunter2@host:x",
        "hunter2@host",
        "redis:hunter2@host",
        "tcp://host?password=hunter2",
        "tcp://host?password=a@hunter2",
    ],
)
def test_a_password_is_in_no_message(url):
    """Whatever is wrong with a URL, its password is not shown."""
    with pytest.raises(ConfigError) as caught:
        read_environment({"AKA_STATS_REDIS_URL": url})

    assert "hunter2" not in f"{caught.value!r} {caught.value.__context__!r}"


def test_a_url_is_shown_without_its_credentials():
    """User, password and query go; host, port and database stay."""
    assert remove_credentials("redis://me:secret@host:1/2?password=secret") == "redis://host:1/2"
    assert remove_credentials("unix://me:secret@/run/s?db=1") == "unix:///run/s"


def test_a_printed_configuration_holds_no_password():
    """Both texts of the configuration leave the password out."""
    found = Config(redis_url="redis://me:hunter2@host")

    assert "hunter2" not in f"{found} {found!r}"
    assert "AKA_STATS_REDIS_URL = redis://host" in str(found)


def test_the_environment_is_read_at_first_use(monkeypatch):
    """A variable that is set after the import counts, one that is set after the first use does not."""
    monkeypatch.setenv("AKA_STATS_NAMESPACE", "FIRST")
    assert config.namespace == "FIRST"

    monkeypatch.setenv("AKA_STATS_NAMESPACE", "SECOND")

    assert config.namespace == "FIRST"


def test_settings_is_the_older_address():
    """`akastats.settings.config` is the same object, and `default_prefix` its namespace."""
    from akastats import settings

    settings.config.default_prefix = "MINE"

    assert settings.config is config
    assert (config.namespace, config.default_prefix) == ("MINE", "MINE")


def test_replacing_one_value_leaves_the_others():
    """Assigning a field replaces the frozen value whole."""
    before = config.now()

    config.history_size = 5

    assert (before.history_size, config.history_size, config.namespace) == (1000, 5, "AKA-STATS")


@pytest.mark.parametrize("size", [0, -1, 1.5, "many", None, True])
def test_a_program_s_invalid_value_names_its_variable(size):
    """What a program sets is checked like what the environment says, and then the old value stays."""
    before = config.now()

    with pytest.raises(ConfigError, match=r"^AKA_STATS_HISTORY_SIZE: "):
        config.history_size = size

    assert config.now() is before


def test_looking_for_special_methods_reads_no_environment(monkeypatch):
    """Tools that inspect the object cause no configuration error."""
    monkeypatch.setenv("AKA_STATS_HISTORY_SIZE", "wrong")

    assert not hasattr(config, "__wrapped__")


def test_importing_is_cheap_and_brings_no_driver():
    """`import akastats` takes under 5 ms; until it connects, neither redis-py nor asyncio is loaded."""
    # Of the process's own time: a busy machine takes the processor away amid an import, eight times out of eight.
    code = (
        "import sys, time; began = time.process_time(); import akastats; took = time.process_time() - began; "
        "akastats.Stats()('a', 1); print(took, 'redis' in sys.modules, 'asyncio' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    tries = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(8)]

    # The best of eight: what a processor does besides only ever adds.
    assert min(float(took) for took, *_ in tries) < 0.005
    assert {tuple(loaded) for _, *loaded in tries} == {("False", "False")}


@pytest.mark.parametrize(
    "value",
    [
        "slack",
        "ftp://host/x",
        "http:///x",
        "http://host:0/x",
        "http://host:many/x",
        "https://host/a b",
        "http://[x/",
        "https://host/größe",
        "https://host/a?q=größe",
        "https://a..b/",
        f"https://{'a' * 64}.example/",
        f"https://user:pass@{'ü' * 60}.example/",
    ],
)
def test_a_webhook_is_an_address_and_a_secret(value):
    """The message does not contain the address; a valid address is not shown either."""
    with pytest.raises(ConfigError, match="AKA_STATS_WEBHOOK is not an address") as error:
        read_environment({"AKA_STATS_WEBHOOK": value})

    assert value not in str(error.value)
    right = read_environment({"AKA_STATS_WEBHOOK": "https://user:pass@höoks.example/T0/secret%C3%A9"})
    assert "secret" not in f"{right} {right!r}"


def test_publishing_to_forges_can_be_disabled():
    """By default they are; any other word is refused."""
    assert [read_environment({"AKA_STATS_FORGE": word}).forge for word in ("", "auto", "off")] == [
        "auto",
        "auto",
        "off",
    ]
    with pytest.raises(ConfigError, match="AKA_STATS_FORGE: 'no' is neither auto nor off"):
        read_environment({"AKA_STATS_FORGE": "no"})


# Patched by users' tests


@pytest.mark.parametrize("name", ["namespace", "default_prefix"])
def test_monkeypatch_replaces_an_option_and_restores_it(name):
    """The earlier value is restored, not the default."""
    config.namespace = "SET"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, name, "PATCHED")
        assert (config.namespace, config.under(None).namespace) == ("PATCHED", "PATCHED")

    assert config.namespace == "SET"


@pytest.mark.parametrize("name", ["namespace", "default_prefix"])
def test_mock_replaces_an_option_and_restores_it(name):
    """`patch.object` and `patch.multiple` work as on any object."""
    config.namespace = "SET"

    with mock.patch.object(config, name, "PATCHED"):
        assert config.now().namespace == "PATCHED"
        with mock.patch.multiple(config, history_size=7, run_days=8):
            assert (config.history_size, config.run_days, config.namespace) == (7, 8, "PATCHED")
        assert (config.history_size, config.run_days) == (1000, 365)

    assert config.namespace == "SET"


def test_methods_can_be_replaced_too():
    """A test may put its own function in the place of `under`."""
    with mock.patch.object(config, "under", return_value=Config(namespace="MOCKED")):
        assert config.under(None).namespace == "MOCKED"

    assert config.under("OTHER").namespace == "OTHER"


def test_an_option_that_does_not_exist_is_named():
    """A spelling mistake is an `AttributeError` that lists the options."""
    with pytest.raises(AttributeError, match=r"no option 'namespase'; its options are redis_url, namespace, "):
        config.namespase = "MINE"
    with pytest.raises(AttributeError), mock.patch.object(config, "namespase", "MINE"):
        pass


def test_a_recorded_run_sets_the_environment_s_namespace_apart(monkeypatch):
    """A value read before is changed too, one set by a program is not, and undoing restores everything."""
    monkeypatch.setenv("AKA_STATS_NAMESPACE", "MINE")
    assert config.namespace == "MINE"

    undo = config.isolate_pushes("MINE")
    assert config.namespace == "MINE-UNDER-TEST"
    config.use(None)
    assert config.namespace == "MINE-UNDER-TEST"
    config.namespace = "MINE"
    config.isolate_pushes("MINE")
    assert config.namespace == "MINE"
    undo()
    config.use(None)
    assert config.isolate_pushes("OTHER")
    assert config.namespace == "MINE"
    undo()

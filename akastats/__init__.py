"""Statistics in Redis: push numbers with labels; read averages, extremes, deviations and histories."""

# Do not import `typing`: the import takes 5 ms, and the rest of this module takes 0.5 ms.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from akastats.stats import Stats, push_stat, push_stat_async
    from akastats.timing import timer

__all__ = ["Stats", "push_stat", "push_stat_async", "timer"]
__version__ = "0.2.0"

_HOME = {"Stats": "stats", "push_stat": "stats", "push_stat_async": "stats", "timer": "timing"}


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def __getattr__(name: str) -> object:
    # Import the module late, so that `import akastats` takes less than 1 ms in a process that never pushes.
    if name not in _HOME:
        raise AttributeError(f"module 'akastats' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"akastats.{_HOME[name]}"), name)
    globals()[name] = value
    return value

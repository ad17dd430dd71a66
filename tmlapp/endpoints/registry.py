"""From an address such as `onnx:tiny` to the endpoint.

A module of this package, or one that another distribution names in the entry-point group `tmlapp.endpoints`, holds a
function decorated with `@endpoint("scheme")`. A module's name begins with its scheme, so that only what is needed is
imported: `scripted:` lives in `scripted.py`, `onnx:` in `onnx_local.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.endpoints.remote.contract import Dialect

GROUP = "tmlapp.endpoints"
_MARK = "__tmlapp_endpoint__"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """What the settings say to every endpoint.

    Attributes:
        threads: of a local model inside one step.
        keep: the endpoint is opened many times, one session after the other: what is costly to load may be kept.
    """

    threads: int = 1
    keep: bool = False


Factory = Callable[[str, EndpointOptions], Endpoint]
"""Makes an endpoint from what follows the scheme."""


def endpoint(scheme: str) -> Callable[[Factory], Factory]:
    """Decorator: the function makes endpoints whose address begins with `scheme` and a colon."""

    def mark(factory: Factory) -> Factory:
        setattr(factory, _MARK, scheme)
        return factory

    return mark


def endpoint_from_address(address: str, *, threads: int = 1, keep: bool = False) -> Endpoint:
    """The endpoint that `address` names; nothing is loaded or connected yet.

    Raises:
        AppError: the address has no scheme, or nobody knows it.
    """
    scheme, colon, target = address.partition(":")
    if not colon or not scheme or not target:
        raise AppError(
            f"“{address}” is not the address of an endpoint.",
            "An address has a kind, a colon and a name.",
            "Write for example onnx:tiny or onnx:/path/to/model.",
        )
    factory = find_factory(scheme)
    if factory is None:
        raise AppError(
            f"There is no endpoint of the kind “{scheme}”.",
            f"This installation knows {', '.join(schemes())}.",
            "Correct the address, or install the package that brings it.",
        )
    return factory(target, EndpointOptions(threads=threads, keep=keep))


def find_factory(scheme: str) -> Factory | None:
    """The factory for `scheme`: of this package first, then of installed ones; None if nobody has it."""
    stem = scheme.replace("-", "_")
    for name in _module_names():
        if name == stem or name.startswith(f"{stem}_"):
            found = _factories(importlib.import_module(f"{__package__}.{name}")).get(scheme)
            if found is not None:
                return found
    for entry in _entries():
        if entry.name == scheme:
            loaded: Factory = entry.load()
            return loaded
    return None


def schemes() -> list[str]:
    """Every kind of endpoint that this installation has."""
    own = {s for name in _module_names() for s in _factories(importlib.import_module(f"{__package__}.{name}"))}
    return sorted(own | {entry.name for entry in _entries()})


def dialects() -> dict[str, Dialect]:
    """Every protocol of remote models that this installation speaks, by its kind: a module's `DIALECTS`."""
    found: dict[str, Dialect] = {}
    for name in _module_names():
        for dialect in getattr(importlib.import_module(f"{__package__}.{name}"), "DIALECTS", ()):
            found[dialect.kind] = dialect
    return dict(sorted(found.items()))


def _module_names() -> Iterator[str]:
    package = importlib.import_module(str(__package__))
    return (module.name for module in pkgutil.iter_modules(package.__path__))


def _entries() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _factories(module: ModuleType) -> dict[str, Factory]:
    found = {}
    for value in vars(module).values():
        scheme = getattr(value, _MARK, None)
        if isinstance(scheme, str) and getattr(value, "__module__", "") == module.__name__:
            found[scheme] = value
    return found

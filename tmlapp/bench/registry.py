"""Finds the suites: those in `tmlapp.bench.suites`, and those of other distributions (entry points)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from tmlapp.bench import suites as builtin
from tmlapp.bench.suite import Suite
from tmlapp.core.errors import AppError

ENTRY_POINTS = "tmlapp.suites"


def suites() -> dict[str, Suite]:
    """Every suite by its name; importing this module imports none of them.

    Raises:
        AppError: two suites claim one name, or a package that brings one cannot be loaded.
    """
    # Searched anew each time (some 15 ms) rather than kept: no state to go stale, none shared between tests.
    modules = [importlib.import_module(f"{builtin.__name__}.{m.name}") for m in pkgutil.iter_modules(builtin.__path__)]
    classes = [cls for module in modules for cls in vars(module).values() if _is_suite(cls, module.__name__)]
    classes += [_brought(point) for point in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Suite] = {}
    for cls in classes:
        if cls.suite_name in found:
            raise AppError(
                f"Two suites are named {cls.suite_name!r}.",
                f"{cls.__module__} claims a name that is taken.",
                "Uninstall one of the packages that bring it.",
            )
        found[cls.suite_name] = cast(Suite, cls())
    return found


def suite_named(name: str) -> Suite:
    """The suite `name`.

    Raises:
        AppError: there is none.
    """
    found = suites()
    if name not in found:
        raise AppError(
            f"There is no suite {name!r}.",
            "Only installed suites can grade.",
            f"Use one of: {', '.join(sorted(found))}.",
        )
    return found[name]


def _brought(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        # Whatever somebody else's package raises, its name is what helps.
        package = point.dist.name if point.dist else point.value
        raise AppError(
            f"The suite {point.name!r} of the package {package} cannot be loaded.",
            f"{type(error).__name__}: {error}.",
            "Mend or uninstall that package.",
        ) from error


def _is_suite(value: object, module: str) -> bool:
    return (
        inspect.isclass(value)
        and value.__module__ == module
        and hasattr(value, "suite_name")
        and not inspect.isabstract(value)
    )

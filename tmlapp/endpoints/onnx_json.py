"""Reading a manifest's JSON key by key: each value is checked when it is taken, and nothing may be left over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tmlapp.endpoints.onnx_errors import OnnxContractError


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON (`object_pairs_hook`). Raises ValueError where a key stands there twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands there twice")
        found[key] = value
    return found


_MOST = 1e12
MISSING = object()
"""In place of a default: the key must be there."""


class JsonObject:
    """One JSON object of the manifest: take each key by its kind, then `done` refuses whatever is left.

    Every method raises `OnnxContractError` (E_MANIFEST_SCHEMA) where a value is missing or of another kind.

    Args:
        path: of the manifest.
        where: of the object in it, for messages; empty for the whole.
        value: what JSON gave.
    """

    def __init__(self, path: Path, where: str, value: Any) -> None:
        self.path = path
        self._where = where
        if not isinstance(value, dict):
            raise self.wrong("", f"must be an object, not {kind_of(value)}")
        self._left = dict(value)

    def wrong(self, key: str, why: str) -> OnnxContractError:
        """The error to raise about `key`."""
        name = ".".join(part for part in (self._where, key) if part) or "the manifest"
        return OnnxContractError("E_MANIFEST_SCHEMA", f"manifest.json: {name} {why}.", self.path)

    def raw(self, key: str, default: Any = MISSING) -> Any:
        value = self._left.pop(key, default)
        if value is MISSING:
            raise self.wrong(key, "is missing")
        return value

    def text(self, key: str, default: Any = MISSING, *, empty: bool = False) -> str:
        value = self.raw(key, default)
        if not isinstance(value, str) or not (value.strip() or empty):
            raise self.wrong(key, "must be a text" + ("" if empty else " that is not empty"))
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: Any = MISSING) -> str:
        value = self.raw(key, default)
        if value not in choices:
            raise self.wrong(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    def integer(self, key: str, default: Any = MISSING, *, least: int = 0) -> int:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(key, f"must be a whole number of at least {least}, not {value!r}")
        return value

    def number(self, key: str, default: Any = MISSING) -> float:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"must be a number, not {kind_of(value)}")
        # Python reads NaN and Infinity, which are no JSON, and no threshold holds against them.
        if not -_MOST <= value <= _MOST:
            raise self.wrong(key, f"must be a number of a usual size, not {str(value)[:20]}")
        return float(value)

    def between(self, key: str, least: float, most: float, default: Any = MISSING) -> float:
        """A number from `least` to `most`."""
        value = self.number(key, default)
        if not least <= value <= most:
            raise self.wrong(key, f"must be from {least:g} to {most:g}, not {value:g}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {kind_of(value)}")
        return value

    def items(self, key: str, default: Any = MISSING) -> list[Any]:
        value = self.raw(key, default)
        if not isinstance(value, list):
            raise self.wrong(key, f"must be a list, not {kind_of(value)}")
        return value

    def texts(self, key: str, default: Any = MISSING) -> tuple[str, ...]:
        values = self.items(key, default)
        if not all(isinstance(v, str) and v for v in values):
            raise self.wrong(key, "must be a list of texts")
        return tuple(values)

    def child(self, key: str, default: Any = MISSING) -> JsonObject:
        return JsonObject(self.path, f"{self._where}.{key}" if self._where else key, self.raw(key, default))

    def children(self, key: str, default: Any = MISSING) -> list[JsonObject]:
        where = f"{self._where}.{key}" if self._where else key
        return [JsonObject(self.path, f"{where}[{i}]", v) for i, v in enumerate(self.items(key, default))]

    def names(self) -> list[str]:
        """Keys that nobody has taken yet."""
        return list(self._left)

    def has(self, key: str) -> bool:
        """The key is there, not null, and not taken yet."""
        return self._left.get(key) is not None

    def done(self) -> None:
        """Refuse keys that nobody took, but for those of the model's own (`x-`)."""
        for key in self._left:
            if not key.startswith("x-"):
                raise self.wrong(key, "is not a key of the contract")


def kind_of(value: Any) -> str:
    """What a value of JSON is, for a message."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")

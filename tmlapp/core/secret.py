"""A key that must never be seen: not in a log, a recording, an exception or a crash report."""

from __future__ import annotations

from typing import NoReturn

MASK = "••••"


class Secret:
    """Holds a key; every way to print it shows `MASK`, and it cannot be pickled or copied into JSON by mistake."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one header that carries it."""
        return self._value

    def hide(self, text: str) -> str:
        """`text` with every occurrence of the key replaced by `MASK`."""
        return text.replace(self._value, MASK) if self._value else text

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

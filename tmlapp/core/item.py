"""Benchmark items: media, instruction, and what is expected when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of session time, both ends included.

    Raises:
        ValueError: it ends before it starts.
    """

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise ValueError(f"a window cannot end ({self.end_ns}) before it starts ({self.start_ns})")

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    def holds(self, t_ns: int) -> bool:
        return self.start_ns <= t_ns <= self.end_ns


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the model should say, and when."""

    meaning: str
    window: Window


@dataclass(frozen=True, slots=True)
class Item:
    """One benchmark entry: `media` are file names relative to the item list."""

    id: str
    instruction: str
    media: tuple[str, ...]
    expectations: tuple[Expectation, ...] = ()

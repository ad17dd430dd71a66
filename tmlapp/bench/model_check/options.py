"""What a check is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Part = Literal["vision", "hearing", "echo", "time"]
PARTS: tuple[Part, ...] = ("vision", "hearing", "echo", "time")

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of it are done, and how many there are. The caller's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to check.

    Attributes:
        seed: of padding, noise, rooms and the bootstrap.
        jobs: processes at once; times are honest with 1 only.
        only: the parts to run; all of them where empty.
        limit: so many items of each kind, the first ones; None: all.
        pad_seeds: padded streams for each clip.
    """

    seed: int = 5
    jobs: int = 1
    only: tuple[Part, ...] = ()
    limit: int | None = None
    pad_seeds: int = 1

    def wants(self, part: Part) -> bool:
        return not self.only or part in self.only

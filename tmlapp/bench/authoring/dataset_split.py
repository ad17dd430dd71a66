"""Parts of a dataset: no speaker is in two of them, and the same seed gives the same parts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from tmlapp.core.errors import AppError

DEFAULT = {"test": 1.0}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def checked_ratios(ratios: Mapping[str, float]) -> dict[str, float]:
    """`ratios` as shares that sum up to 1.

    Raises:
        AppError: there is none, a name is not valid, or a share is no positive number.
    """
    fix = "Write them as train=0.8,validation=0.1,test=0.1."
    if not ratios:
        raise AppError("The dataset cannot be split.", "No part was named.", fix)
    for name, share in ratios.items():
        if not _NAME.fullmatch(name) or name == "items":
            raise AppError(f"A part cannot be called {name!r}.", "It becomes the name of a file.", fix)
        if not 0.0 < share < 1e6:
            raise AppError(f"The share of {name} cannot be {share!r}.", "It is a positive number.", fix)
    total = float(sum(ratios.values()))
    return {name: share / total for name, share in ratios.items()}


def parsed_ratios(text: str) -> dict[str, float]:
    """`train=0.8,test=0.2` as shares; a single name takes everything.

    Raises:
        AppError: it is of another form.
    """
    found: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, share = part.partition("=")
        try:
            found[name.strip()] = float(share) if equals else 1.0
        except ValueError as error:
            raise AppError(
                f"The parts {text!r} cannot be used.", f"{share!r} is no number.", "Write train=0.8,test=0.2."
            ) from error
    return checked_ratios(found)


def split_of(
    speakers: Mapping[str, int], ratios: Mapping[str, float], seed: int, fixed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The part of each speaker.

    Args:
        speakers: how many items each has.
        ratios: shares of the items, see `checked_ratios`.
        seed: for speakers with equally many items.
        fixed: parts of speakers in an earlier version: they stay, so that nothing that was trained on is tested on.

    Speakers with many items come first; each goes where most is missing.
    """
    total = sum(speakers.values())
    found = {name: part for name, part in (fixed or {}).items() if name in speakers and part in ratios}
    missing = {part: share * total for part, share in ratios.items()}
    for name, part in found.items():
        missing[part] -= speakers[name]
    for name in sorted(set(speakers) - set(found), key=lambda n: (-speakers[n], _drawn(seed, n))):
        part = max(missing, key=lambda p: missing[p])
        found[name] = part
        missing[part] -= speakers[name]
    return {name: found[name] for name in sorted(found)}


def _drawn(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


def counts(names: Sequence[str]) -> dict[str, int]:
    """How often each name stands there."""
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found

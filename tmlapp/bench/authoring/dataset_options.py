"""How a set is exported and split, and how that is remembered from one version to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tmlapp.bench.authoring.dataset_split import DEFAULT, checked_ratios
from tmlapp.bench.runs.lines import read_object, write_whole
from tmlapp.core.errors import AppError

OPTIONS = "export.json"
"""In the folder of a set: how it was exported last, or how the dataset was split that it comes from."""

ALONE = "/"
"""Stands in no id: an item without a speaker is split as a group of this and its own id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How to export.

    Attributes:
        ratios: shares of the parts, by name. seed: for the split by speaker.
        fixed: speakers whose part is decided already.
        only_valid: leave items with errors out, instead of refusing.
        previous: folder of an earlier version: speakers keep their part, the changelog tells what differs.
    """

    ratios: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT))
    seed: int = 0
    fixed: Mapping[str, str] = field(default_factory=dict)
    only_valid: bool = False
    previous: Path | None = None


def options_of(folder: Path) -> ExportOptions:
    """How the set in `folder` was exported last, or how the dataset was split that it comes from; else the defaults.

    Raises:
        AppError: the file cannot be read, or holds something else.
    """
    path = folder / OPTIONS
    found = read_object(path)
    if found is None:
        if path.exists():
            raise AppError(f"{path} is damaged.", "It holds no options.", "Remove it; the defaults are taken then.")
        return ExportOptions()
    try:
        ratios = {str(name): float(share) for name, share in found["ratios"].items()}
        return ExportOptions(ratios=checked_ratios(ratios), seed=int(found["seed"]), fixed=assigned_in(found))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AppError(f"{path} is damaged.", f"{error!r}.", "Remove it; the defaults are taken then.") from error


def assigned_in(split: Mapping[str, Any]) -> dict[str, str]:
    """The part of each speaker (and of items without one) in what `dataset.json` says about the split.

    Raises:
        KeyError, AttributeError: it says something else.
    """
    speakers, alone = split["speakers"].items(), split.get("items_without_speaker", {}).items()
    return {str(name): str(part) for name, part in speakers} | {f"{ALONE}{name}": str(part) for name, part in alone}


def remember_options(folder: Path, split: Mapping[str, Any]) -> None:
    """Keep in the set's folder how it was split: the next export gives every speaker the same part.

    Raises:
        AppError: it cannot be written.
    """
    kept = {key: split[key] for key in ("ratios", "seed", "speakers", "items_without_speaker") if key in split}
    write_whole(folder / OPTIONS, json.dumps(kept, indent=1).encode("ascii") + b"\n")


def split_told(options: ExportOptions, assigned: Mapping[str, str]) -> dict[str, Any]:
    """What `dataset.json` says about the split; `assigned_in` reads it."""
    return {
        "seed": options.seed,
        "ratios": checked_ratios(options.ratios),
        "speakers": {name: part for name, part in assigned.items() if not name.startswith(ALONE)},
        "items_without_speaker": {name[1:]: part for name, part in assigned.items() if name.startswith(ALONE)},
    }

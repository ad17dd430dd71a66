"""Names of recordings: safe for every file system, and never used twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

FINAL = ".mcap"
PART = ".mcap.part"
UNVERIFIED = ".mcap.tmp"

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_MAX_BYTES = 200


def safe_name(name: str) -> str:
    """`name` as a file name without extension: what a file system refuses becomes `_`, and it is never empty."""
    cleaned = unicodedata.normalize("NFC", name)
    cleaned = "".join("_" if unicodedata.category(c) in ("Cc", "Cs") or c in '<>:"/\\|?*' else c for c in cleaned)
    # 255 bytes is the usual limit; the rest is left for a suffix and the extension.
    cleaned = cleaned.encode()[:_MAX_BYTES].decode(errors="ignore").strip(" .")
    if _RESERVED.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    return cleaned or "session"


def candidates(name: str) -> Iterator[str]:
    """`name`, `name (2)`, `name (3)`, …"""
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def base_of(path: Path) -> str:
    """The name that `path` was made from, whichever of the three extensions it has."""
    for extension in (PART, UNVERIFIED, FINAL):
        if path.name.endswith(extension):
            return path.name.removesuffix(extension)
    return path.name

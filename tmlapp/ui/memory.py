"""Small files in the folder of settings that keep how somebody left a page; never anything that a person has made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tmlapp.config.paths import config_dir
from tmlapp.core.errors import AppError


def memory_file(name: str) -> Path:
    """Where the page `name` keeps it."""
    return config_dir() / f"{name}.json"


def remembered(name: str) -> dict[str, Any]:
    """What was kept; a file that cannot be read is worth no question: the page starts afresh."""
    try:
        raw: Any = json.loads(memory_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}


def remember(name: str, what: Mapping[str, Any]) -> None:
    """Write it whole or not at all.

    Raises:
        AppError: the file cannot be written.
    """
    path = memory_file(name)
    temporary = path.with_suffix(".json.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(what, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        why = f"{error.strerror}."
        raise AppError(f"{path} could not be written.", why, "Check the folder's permissions and space.") from error

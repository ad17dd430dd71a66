"""Texts of the window: translation, and how times and sizes are written."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from tmlapp.core.units import NS_PER_S


def tr(text: str) -> str:
    """`text` in the language of the person; every string of the window goes through here."""
    return QCoreApplication.translate("tmlapp", text)


def clock_text(t_ns: int) -> str:
    """`hh:mm:ss` of a session time."""
    seconds = max(0, t_ns) // NS_PER_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def stamp_text(t_ns: int) -> str:
    """`mm:ss.d` of a session time; minutes go on counting after an hour, so that rows stay aligned."""
    tenths = max(0, t_ns) * 10 // NS_PER_S
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def bytes_text(size: int) -> str:
    """`size` in decimal units, three significant digits ("42.1 MB")."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def ms_text(value: float) -> str:
    """A duration in ms: one decimal below 10."""
    return f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"


def free_bytes(folder: Path) -> int:
    """Room on the disk of `folder`, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def refusal_text(reason: str) -> str:
    """Why speech was not taken for an instruction, to stand behind “did not understand”, which many say themselves."""
    head, _, rest = reason.partition(": ")
    return rest[:1].upper() + rest[1:] if rest and head.casefold() == "did not understand" else reason

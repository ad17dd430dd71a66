"""Where the things of a checklist lie beside a recording."""

from __future__ import annotations

from pathlib import Path

from tmlapp.recording.names import base_of


def folder_of(recording: Path) -> Path:
    """Pictures and reports of `recording` (`.mcap` or `.mcap.part`): `<name>.qa` beside it."""
    return recording.with_name(f"{base_of(recording)}.qa")

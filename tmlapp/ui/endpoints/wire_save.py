"""The frames that are shown, written to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tmlapp.core.errors import AppError
from tmlapp.ui.endpoints.wire_rows import WireRow, wire_line


def save_wire(rows: Sequence[WireRow], path: Path) -> Path:
    """Write `rows` as JSONL, whole or not at all; may block.

    Raises:
        AppError: the file cannot be written.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(wire_line(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):  # What is left over is not worth a second error.
            temporary.unlink(missing_ok=True)
        raise AppError(
            f"The frames could not be saved to {path}.",
            f"{error.strerror or error}.",
            "Choose another folder, or make room.",
        ) from error
    return path

"""Reading a manifest.csv: one row per file, lines counted as editors count them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from pathlib import Path

from tmlapp.core.errors import AppError

NAME = "manifest.csv"


class Row:
    """One row: text by column; numbers are read with a word about what is wrong with them."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self._where = f"Line {line} of {path}"
        self._cells = cells

    def text(self, column: str) -> str:
        """The cell without blanks around it; empty where the table has no such column."""
        return self._cells.get(column, "").strip()

    def number(self, column: str) -> float:
        """Raises AppError where the cell is no finite number of at least 0."""
        return self._number(column, self.text(column))

    def numbers(self, column: str) -> tuple[float, ...]:
        """Numbers with blanks between them, as `number`; none in an empty cell."""
        return tuple(self._number(column, part) for part in self.text(column).split())

    def _number(self, column: str, cell: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise self.wrong(f"{column} is {cell!r}, which is no number of 0 or more")
        return value

    def wrong(self, why: str) -> AppError:
        """The error that says what is wrong with this row."""
        return AppError(f"{self._where} cannot be used.", f"{why}.", "Correct the manifest.")


def read_rows(path: Path, needed: Sequence[str]) -> tuple[list[Row], str]:
    """The rows of the table at `path`, and the sha256 of its bytes.

    Raises:
        AppError: it cannot be read, is no such table, lacks one of the columns `needed`, or has no rows.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise AppError(
            f"The manifest {path} cannot be read.",
            f"{error.strerror or error}.",
            f"Name a folder that holds a {NAME}, or the file itself.",
        ) from error
    except UnicodeDecodeError as error:
        raise AppError(
            f"The manifest {path} cannot be read.", f"It is not UTF-8: {error.reason}.", "Save it as UTF-8."
        ) from error
    try:
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = lines.fieldnames or ()
        rows = [Row(path, lines.line_num, {k: v or "" for k, v in cells.items() if k is not None}) for cells in lines]
    except csv.Error as error:
        raise AppError(
            f"The manifest {path} cannot be read.", f"It is no table of commas and lines: {error}.", "Correct it."
        ) from error
    missing = [name for name in needed if name not in columns]
    if missing:
        raise AppError(
            f"The manifest {path} cannot be used.",
            f"It has no column {', '.join(missing)}.",
            f"A manifest here has the columns {', '.join(needed)}.",
        )
    if not rows:
        raise AppError(f"The manifest {path} is empty.", "It names no file.", "Add a row for each file.")
    return rows, hashlib.sha256(data).hexdigest()

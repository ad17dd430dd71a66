"""Reading and writing the files of other programs: encodings, sizes, and errors that name the line."""

from __future__ import annotations

import codecs
import os
from contextlib import suppress
from pathlib import Path

from tmlapp.core.errors import AppError

LARGEST_BYTES = 256 * 2**20


class FormError(ValueError):
    """What is wrong with a file, at which line (from 1)."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def refused(path: Path, error: FormError, kind: str) -> AppError:
    """The error of a malformed file, for a person."""
    why = str(error)
    return AppError(
        f"{path.name}, line {error.line}, is not valid {kind}.",
        f"{why[:1].upper()}{why[1:]}.",
        f"Correct the line, or write the file again with the program that made it ({kind}).",
    )


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, with line ends as they are.

    Raises:
        AppError: it is missing, larger than 256 MB, or in another encoding.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise AppError(f"{path.name} is too large.", "It has more than 256 MB.", "Choose a file of annotations.")
        raw = path.read_bytes()
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    return decoded(raw, path.name)


def decoded(raw: bytes, name: str) -> str:
    """Bytes as text: UTF-16 by its mark (or by its zeros, where it has none), else UTF-8.

    Raises:
        AppError: they are neither.
    """
    encoding = "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif raw[1:2] == b"\0" and raw[:1] != b"\0":
        encoding = "utf-16-le"
    elif raw[:1] == b"\0" and raw[1:2] != b"\0":
        encoding = "utf-16-be"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AppError(
            f"{name}, line {line}, cannot be read.",
            "It is neither UTF-8 nor UTF-16.",
            "Save it as UTF-8 in the program that made it.",
        ) from error


def write_text(path: Path, text: str, *, force: bool = False) -> Path:
    """Write `text` as UTF-8 in one step; half of a surrogate pair, which has no UTF-8, becomes U+FFFD.

    Raises:
        AppError: the file is there already and `force` is false, or it cannot be written.
    """
    if not force and path.exists():
        raise AppError(f"{path} is there already.", "It would be lost.", "Name another file, or say --force.")
    # A `?` would be taken for something that was said.
    data = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text).encode("utf-8")
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise AppError(
            f"{path} cannot be written.", f"{error.strerror}.", "Choose another folder, or free space."
        ) from error
    finally:
        # Where the folder itself cannot be used, there is nothing to remove.
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return path

"""Rows of published files, and what is wrong with the ones that cannot be used."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from tmlapp.bench.data import Quarantined, SuiteItem
from tmlapp.bench.runs.lines import write_lines, written
from tmlapp.core.errors import AppError


class FileMissingError(ValueError):
    """A file that a row names is not there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands; `value` is None where it cannot be read, and `why` says why."""

    where: str
    value: Mapping[str, Any] | None
    why: str = ""


def file_text(path: Path) -> str:
    """The text of a file; a byte order mark is no part of it.

    Raises:
        AppError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    except UnicodeDecodeError as error:
        raise AppError(f"{path} is not UTF-8.", f"{error}.", "Use the file as its authors publish it.") from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file.

    Raises:
        AppError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error


def file_json(path: Path) -> Any:
    """The JSON value of a file.

    Raises:
        AppError: as `file_text`, or it is not JSON.
    """
    try:
        return strict_json(file_text(path))
    except (ValueError, RecursionError) as error:
        raise AppError(f"{path} is not JSON.", f"{error}.", "Use the file as its authors publish it.") from error


def strict_json(text: str) -> Any:
    """The value of a JSON text; of two members with one name, one would be lost without a word.

    Raises:
        ValueError, RecursionError: it is not JSON, holds NaN or a number beyond all floats, or a member twice.
    """
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_members)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40} is too large for a number")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the member {twice!r:.60} stands there twice")
    return found


def jsonl_rows(path: Path) -> list[Row]:
    """One row per line that is not blank.

    Raises:
        AppError: as `file_text`.
    """
    found = []
    # Not splitlines(): it also cuts at separators that may stand inside a JSON text.
    for number, line in enumerate(file_text(path).split("\n"), start=1):
        if line.strip():
            found.append(_row(f"{path.name}, line {number}", line))
    return found


def _row(where: str, line: str) -> Row:
    try:
        value = strict_json(line)
    except (ValueError, RecursionError) as error:
        return Row(where, None, f"it is not JSON: {error}")
    return object_row(where, value)


def object_row(where: str, value: object) -> Row:
    """A row out of a JSON value that should be an object."""
    return Row(where, value) if isinstance(value, dict) else Row(where, None, "it is no JSON object")


def items_of_rows(
    rows: Iterable[Row], make: Callable[[Mapping[str, Any]], SuiteItem]
) -> tuple[list[SuiteItem], list[Quarantined]]:
    """An item of each row, or the reason why there is none (`make` raises ValueError with it); ids are unique."""
    items: dict[str, SuiteItem] = {}
    aside: list[Quarantined] = []
    for row in rows:
        if row.value is None:
            aside.append(Quarantined(row=row.where, why=row.why))
            continue
        try:
            item = make(row.value)
        except FileMissingError as error:
            aside.append(Quarantined(row=row.where, why=str(error), kind="missing"))
        except ValueError as error:
            aside.append(Quarantined(row=row.where, why=str(error)))
        else:
            if item.id in items:
                aside.append(Quarantined(row=row.where, why=f"the id {item.id} stands in the file already"))
            else:
                items[item.id] = item
    return list(items.values()), aside


def text(row: Mapping[str, Any], key: str, *, empty: bool = False) -> str:
    """The text `key` of a row.

    Raises:
        ValueError: it is missing, no text, or blank.
    """
    value = row.get(key)
    if not isinstance(value, str) or not (empty or value.strip()):
        raise ValueError(f"{key} is missing or no text: {value!r:.60}")
    return value


def identifier(row: Mapping[str, Any], key: str = "id") -> str:
    """The id of a row: a text or a whole number.

    Raises:
        ValueError: it is neither.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
        raise ValueError(f"{key} is missing or no id: {value!r:.60}")
    return str(value)


def texts(row: Mapping[str, Any], key: str, *, empty: bool = False) -> list[str]:
    """A list of texts, none of them blank, at least one; with `empty`, blank ones and an empty list will do.

    Raises:
        ValueError: it is anything else.
    """
    value = row.get(key)
    if not isinstance(value, list | tuple) or not (value or empty):
        raise ValueError(f"{key} is no list of texts: {value!r:.60}")
    if not all(isinstance(v, str) and (empty or v.strip()) for v in value):
        raise ValueError(f"{key} holds something that is no text")
    return list(value)


def answer_rows(path: Path, items: Iterable[SuiteItem], *, how: str) -> dict[str, Mapping[str, Any]]:
    """Rows of answers by the id of their item; rows of other items are left out.

    Raises:
        AppError: a line cannot be read or has no id, an id stands there twice, or no row belongs to an item.
    """
    wanted = {item.id for item in items}
    found: dict[str, Mapping[str, Any]] = {}
    for row in jsonl_rows(path):
        if row.value is None:
            raise bad_answers(path, f"{row.where}: {row.why}", how)
        try:
            name = identifier(row.value)
        except ValueError as error:
            raise bad_answers(path, f"{row.where}: {error}", how) from error
        if name in found:
            raise bad_answers(path, f"{row.where}: the id {name} stands there already", how)
        if name in wanted:
            found[name] = row.value
    if wanted and not found:
        raise bad_answers(path, "no row has the id of an item of this benchmark", how)
    return found


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write one JSON object per line, all of them or none, and make the folders above; the path.

    Raises:
        AppError: it cannot be written.
    """
    with written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_lines(path, rows)
    return path


def bad_answers(path: Path, why: str, how: str) -> AppError:
    """A file of answers that cannot be used; `how` describes the layout."""
    return AppError(f"The answers in {path} cannot be used.", f"{why}.", how)


def checked_options(
    suite: str,
    defaults: Mapping[str, Any],
    given: Mapping[str, Any],
    choices: Mapping[str, tuple[Any, ...]] = MappingProxyType({}),
) -> dict[str, Any]:
    """`defaults` with what was `given`; a text is turned into the kind of number that its default is.

    Raises:
        AppError: no such option, or a value that it cannot have.
    """
    found = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            raise _bad_option(suite, key, value, f"The suite has no such option; it has {', '.join(defaults)}")
        found[key] = _like(suite, key, value, defaults[key])
        if key in choices and found[key] not in choices[key]:
            raise _bad_option(suite, key, value, f"It is one of: {', '.join(map(str, choices[key]))}")
    return found


def _like(suite: str, key: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind in (int, float) and not isinstance(value, bool):
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if 0 <= number < 1e6:
            return number
    elif kind is str and type(value) in (str, int, float):
        # A folder may be called 2024.
        return str(value)
    elif type(value) is kind:
        return value
    raise _bad_option(suite, key, value, f"It is a value like {default!r}")


def _bad_option(suite: str, key: str, value: object, why: str) -> AppError:
    return AppError(f"{key}={value!r} is no option of {suite}.", f"{why}.", "Correct it, or leave it out.")

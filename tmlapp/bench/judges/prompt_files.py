"""Official texts of prompts that the user has and we do not ship, one file per kind of question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from string import Template

from tmlapp.bench.judges.base import JudgePrompt
from tmlapp.core.errors import AppError

FOLDER = "judge_prompts"
"""Name of the folder among the folders of a grade."""


def file_of(kind: str) -> str:
    """Name of the file with the text of a kind, e.g. `audio-multichallenge.criterion.txt`."""
    return f"{kind.replace('/', '.')}.txt"


def with_own_text(prompt: JudgePrompt, folders: Mapping[str, Path], needed: tuple[str, ...]) -> JudgePrompt:
    """`prompt` with the user's text, where the folder `judge_prompts` has a file of its kind; else as it is.

    Args:
        needed: fields that must stand in the text as `$name`.

    Raises:
        AppError: the file cannot be read, or a field is missing in it.
    """
    folder = folders.get(FOLDER)
    path = None if folder is None else folder / file_of(prompt.kind)
    if path is None or not path.is_file():
        return prompt
    try:
        written = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"The prompt {path} cannot be read.", f"{error}.", "Check the file; it is UTF-8.") from error
    lacking = [name for name in needed if name not in Template(written).get_identifiers()]
    if lacking:
        raise AppError(
            f"The prompt {path} cannot be used.",
            f"{', '.join('$' + name for name in lacking)} must stand in it, where the question's own text goes.",
            "Put the field in the place where the official text has its own.",
        )
    return replace(prompt, system="", user=written, source=path.name)

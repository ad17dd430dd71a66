"""What Full-Duplex-Bench does not allow to be shipped, read from the user's own checkout of it.

Prompts and reference distributions are CC BY-NC 4.0. Without a checkout a question has no text, unless the user has a
file of his own for it (`judges/prompt_files.py`): only verdicts that somebody recorded can then answer it.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tmlapp.bench.judges.base import JudgePrompt
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.suites.fdb_behaviour import read_labels
from tmlapp.bench.suites.fdb_turns import read_rating
from tmlapp.core.errors import AppError

CHECKOUT = "fdb_checkout"
RATING = "fdb-v1/rating"
BEHAVIOUR = "fdb-v1.5/behaviour"
NO_CHECKOUT = "the user's checkout of Full-Duplex-Bench is not known (--folder fdb_checkout=FOLDER)"

_REFERENCE = "icc_gt_distribution.json"
_PLACES = ("v1_v1.5/evaluation", "evaluation", ".")
_RATING_FIELDS = {
    "in_before_interrupt_text": "context",
    "in_interrupt_text": "question",
    "out_after_interrupt_text": "candidate",
}
_TRANSCRIPTS = """
        {
            "input_clean": $input_clean,
            "input_noisy": $input_noisy,
            "output_clean": $output_clean,
            "output_noisy": $output_noisy
        }
        """
"""A JSON object of four transcripts, with the white space that the official prompt has."""


def checkout_file(folders: Mapping[str, Path], name: str) -> Path | None:
    """The file `name` of the evaluation folder; None where no checkout was given.

    Raises:
        AppError: a checkout was given, and the file is not in it.
    """
    folder = folders.get(CHECKOUT)
    if folder is None:
        return None
    for place in _PLACES:
        if (folder / place / name).is_file():
            return folder / place / name
    raise AppError(
        f"{folder} is no checkout of Full-Duplex-Bench.",
        f"It has no {_PLACES[0]}/{name}.",
        "Clone https://github.com/DanielLin94144/Full-Duplex-Bench and give the path of the clone.",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"{path} cannot be read.", f"{error}.", "Check the checkout of Full-Duplex-Bench.") from error


def rating_prompt(folders: Mapping[str, Path]) -> JudgePrompt:
    """How the answer to an interruption is rated; fields: context, question (the interruption), candidate.

    Raises:
        AppError: the checkout does not hold the prompt.
    """
    system = user = source = ""
    path = checkout_file(folders, "eval_user_interruption.py")
    if path is not None:
        texts = _assigned(path, ("system_msg", "user_msg"), _RATING_FIELDS)
        system, user, source = texts["system_msg"], texts["user_msg"], path.name
    prompt = JudgePrompt(
        kind=RATING, system=system, user=user, parse=read_rating, model="gpt-4-turbo", temperature=None, seed=0,
        source=source or NO_CHECKOUT,
    )  # fmt: skip
    return with_own_text(prompt, folders, tuple(_RATING_FIELDS.values()))


def behaviour_prompt(folders: Mapping[str, Path]) -> JudgePrompt:
    """How behaviour under overlap is labelled; fields: the four transcripts, each as compact JSON.

    Raises:
        AppError: the checkout does not hold the prompt.
    """
    path = checkout_file(folders, "instruction/behavior.txt")
    system = "" if path is None else _text(path).replace("$", "$$")
    prompt = JudgePrompt(
        kind=BEHAVIOUR, system=system, user=_TRANSCRIPTS if system else "", parse=read_labels,
        model="gpt-4o-2024-08-06", temperature=None, seed=1, seed_step=1, source=path.name if path else NO_CHECKOUT,
    )  # fmt: skip
    return with_own_text(prompt, folders, ("input_clean", "input_noisy", "output_clean", "output_noisy"))


def _assigned(path: Path, wanted: tuple[str, ...], fields: Mapping[str, str]) -> dict[str, str]:
    """Texts that are assigned to names in a Python file, as templates."""
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError) as error:
        raise _no_prompt(path, f"it is no Python file: {error}") from error
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in wanted:
            found[node.targets[0].id] = _template(path, node.value, fields)
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise _no_prompt(path, f"it does not assign {' and '.join(lacking)}")
    return found


def _template(path: Path, node: ast.expr, fields: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("$", "$$")
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id in fields:
        return f"${{{fields[node.value.id]}}}"
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(path, part, fields) for part in node.values)
    raise _no_prompt(path, f"line {node.lineno} is not the text that is expected there")


def _no_prompt(path: Path, why: str) -> AppError:
    return AppError(
        f"The prompt in {path} cannot be read.",
        f"{why[:1].upper()}{why[1:]}.",
        "Use Full-Duplex-Bench as published, e.g. commit d7336bd.",
    )


def reference_files(folders: Mapping[str, Path]) -> dict[str, str]:
    """sha256 of the file of reference distributions, by its role; empty where no checkout was given.

    Raises:
        AppError: the file is not there, or cannot be read.
    """
    path = checkout_file(folders, _REFERENCE)
    return {} if path is None else {"reference_distributions": file_sha256(path)}


def reference_distributions(folders: Mapping[str, Path]) -> dict[str, list[float]] | None:
    """When listeners backchannel, by ID; None where no checkout was given.

    Raises:
        AppError: the file is not there, or holds anything but lists of shares.
    """
    path = checkout_file(folders, _REFERENCE)
    if path is None:
        return None
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise _no_shares(path, f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _no_shares(path, "it holds no object")
    for key, shares in found.items():
        if not _is_distribution(shares):
            raise _no_shares(path, f"{key!r} is no list of shares")
    return found


def _is_distribution(shares: Any) -> bool:
    numbers = isinstance(shares, list) and all(
        isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) and x >= 0 for x in shares
    )
    return numbers and sum(shares) > 0


def _no_shares(path: Path, why: str) -> AppError:
    return AppError(
        f"The reference distributions {path} cannot be used.",
        f"{why[:1].upper()}{why[1:]}.",
        "Use the file of Full-Duplex-Bench as published.",
    )

"""What a client is told of an error of the model: what and why, and nothing of where files lie on this machine."""

from __future__ import annotations

import re

from tmlapp.core.errors import AppError
from tmlapp.endpoints.onnx_errors import OF_THE_INSTRUCTION, OnnxContractError

_PATH = re.compile(r"(?<![\w:/.])(?:/|~/|[A-Za-z]:[\\/])[^\s:,;“”\"'()]+")
"""An absolute path as far as it has no space; a path that is known is taken out whole before."""


def told_to_clients(error: AppError, instruction: str) -> str:
    """`error` in a sentence or three; "Change the instruction." where that is what helps."""
    refused = isinstance(error, OnnxContractError) and error.code in OF_THE_INSTRUCTION
    if isinstance(error, OnnxContractError):
        what = "The model cannot do what was asked." if refused else "The model cannot be used."
        # The operator of the server can do something about that, and nobody else.
        fix = f"Change the instruction. {error.fix}" if refused else ""
        text = f"{what} {error.message} {fix}".strip().replace(str(error.path), error.path.name)
    else:
        text = f"{error.what} {error.why} {'Change the instruction.' if instruction else ''}".strip()
    return without_paths(text)


def without_paths(text: str) -> str:
    """`text` with … for each absolute path in it."""
    return _PATH.sub("…", text)

"""The errors of the local model contract, one code each (docs/local-onnx-model.md)."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from tmlapp.core.errors import AppError

FIXES = MappingProxyType(
    {
        "E_MANIFEST_MISSING": "Choose a folder that holds a manifest.json, or put one there.",
        "E_MANIFEST_JSON": "Correct manifest.json: UTF-8, valid JSON, every key once.",
        "E_MANIFEST_SCHEMA": "Correct this key of manifest.json; own keys must begin with x-.",
        "E_CONTRACT_VERSION": "Export the model for contract tmlapp-interaction-onnx/1.",
        "E_PATH": "Name files relative to the model's folder, without .. and without links that leave it.",
        "E_FILE_MISSING": "Copy the whole model folder again, or remove the file from the manifest.",
        "E_FILE_HASH": "Copy the model folder again; if you changed the file, write its new size and sha256.",
        "E_FILE_UNLISTED": "Add the file with its size and sha256 to files in the manifest.",
        "E_ONNX_INVALID": "Export the graph again with standard operators and an opset that this app's runtime knows.",
        "E_IO_MISSING": "Add the input or output to the graph, or take it out of the manifest.",
        "E_IO_UNKNOWN": "Remove or rename it in the graph, or declare it in the manifest.",
        "E_IO_DTYPE": "Export the graph with the type that the contract gives.",
        "E_IO_SHAPE": "Export the graph with the fixed shape that the contract gives, batch 1.",
        "E_RATE": "Make rates and sizes in the manifest agree with the graph.",
        "E_VOCAB": "Correct vocabulary in the manifest, or export the graph with as many outputs as phrases.",
        "E_STATE": "Make every state a pair state.x and next.x of one type and shape, as the manifest declares it.",
        "E_TASK_RULE": "Correct this rule of task.rules in the manifest.",
        "E_TASK_UNSUPPORTED": "Use an instruction that this model understands, or choose another endpoint.",
        "E_TASK_TOO_LONG": "Shorten the instruction.",
        "E_HEARING": "Correct this grammar (JSGF) or pronunciation (ARPAbet), or take x-hearing out of the manifest.",
        "E_PROVIDER": "Choose another provider, or install what it needs (extra cuda, NVIDIA driver).",
        "E_SELFTEST": "Check the graph: it must give finite and repeatable numbers for silence and a black picture.",
        "E_NONFINITE": "Check the model: it gave NaN or Inf; the recording holds the input that led to it.",
        "E_RUN": "Check the model: onnxruntime refused a step; the recording holds the input that led to it.",
        "E_OVERRUN": "Use a faster machine or a smaller model, or run from a file with the fast clock.",
        "E_STATE_FILE": "Use a state that was saved from this very model.",
    }
)
"""What a person can do about each code."""

OF_THE_INSTRUCTION = ("E_TASK_UNSUPPORTED", "E_TASK_TOO_LONG")
"""Codes that say nothing against the model."""


class OnnxContractError(AppError):
    """A local model that does not keep the contract.

    Attributes:
        code: as in the contract, e.g. `E_IO_SHAPE`.
        message: one sentence that names the offending key.
        path: the file concerned.
    """

    def __init__(self, code: str, message: str, path: Path | str, *, fix: str = "") -> None:
        problem = "cannot do what was asked" if code in OF_THE_INSTRUCTION else "cannot be used"
        super().__init__(f"{code}: the model in {path} {problem}.", message, fix or FIXES[code])
        self.code = code
        self.message = message
        self.path = Path(path)

    def to_json(self) -> dict[str, str]:
        return super().to_json() | {"code": self.code, "path": str(self.path)}

"""The memory of a local model in a file, so that a session can go on from any micro-turn."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_step import Tensor


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`states` of the graph by name, and `app`: samples and pictures that the next step still needs."""

    manifest_sha256: str
    states: dict[str, Tensor]
    app: dict[str, Tensor]


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write whole or not at all.

    Raises:
        AppError: the file cannot be written.
    """
    arrays = {f"next.{name}": value for name, value in snapshot.states.items()}
    arrays |= {f"app.{name}": value for name, value in snapshot.app.items()}
    arrays["manifest_sha256"] = np.array(snapshot.manifest_sha256)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError as error:
        raise AppError(
            f"The model's state cannot be written to {path}.", f"{error.strerror}.", "Check the folder and its space."
        ) from error


def read_snapshot(path: Path, manifest_sha256: str, initial: Mapping[str, Tensor]) -> Snapshot:
    """What `write_snapshot` wrote for the same model.

    Raises:
        OnnxContractError: E_STATE_FILE.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: np.array(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise OnnxContractError("E_STATE_FILE", f"{path} cannot be read: {error}.", path) from error
    if str(arrays.get("manifest_sha256", "")) != manifest_sha256:
        raise OnnxContractError("E_STATE_FILE", f"{path} was saved from another model or version.", path)
    states = {n.removeprefix("next."): v for n, v in arrays.items() if n.startswith("next.")}
    kind = {name: (value.shape, value.dtype) for name, value in states.items()}
    if kind != {name: (value.shape, value.dtype) for name, value in initial.items()}:
        raise OnnxContractError("E_STATE_FILE", f"{path} does not hold the states of this model.", path)
    app = {n.removeprefix("app."): v for n, v in arrays.items() if n.startswith("app.")}
    return Snapshot(manifest_sha256, states, app)

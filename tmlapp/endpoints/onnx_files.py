"""The files of a local model: where they may lie, their hashes, recordings of phrases, first states."""

from __future__ import annotations

import hashlib
import math
import wave
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import AudioClip
from tmlapp.core.units import OUTPUT_RATE_HZ
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import Manifest, StateSpec

MAX_STATE_BYTES = 256 * 1024 * 1024


class HasType(Protocol):
    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[Any, ...]: ...


def used_paths(manifest: Manifest) -> dict[str, str]:
    """Every file that the manifest uses, with the key that names it."""
    used = {manifest.model: "model"}
    for i, phrase in enumerate(manifest.vocabulary):
        if phrase.wav:
            used.setdefault(phrase.wav, f"vocabulary[{i}].wav")
    for text, name in manifest.recordings.items():
        used.setdefault(name, f"x-recordings.{text}")
    for state in manifest.states:
        if isinstance(state.init, dict):
            used.setdefault(state.init["file"], f"states.{state.name}.init.file")
    for name, grammar in (manifest.hearing.all() if manifest.hearing else {}).items():
        used.setdefault(grammar.file, f"x-hearing.grammars.{name}.file")
    return used


def check_inside(manifest: Manifest, *names: str) -> None:
    """Raises E_PATH unless every one of `names` is a relative path that stays in the model's folder."""
    root = manifest.folder.resolve()
    for name in names:
        _check_inside(manifest, root, name)


def _check_inside(manifest: Manifest, root: Path, name: str) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    problem = ""
    if posix.is_absolute() or windows.drive or windows.root:
        problem = "is an absolute path"
    elif ".." in posix.parts or ".." in windows.parts:
        problem = "holds .."
    elif not (root / name).resolve().is_relative_to(root):
        problem = "is a link that leaves the folder"
    if problem:
        raise OnnxContractError("E_PATH", f"manifest.json: the path {name!r} {problem}.", manifest.path)


def check_files(manifest: Manifest) -> None:
    """Raises E_PATH, E_FILE_MISSING, E_FILE_HASH or E_FILE_UNLISTED."""
    used = used_paths(manifest)
    check_inside(manifest, *{**manifest.files, **used})
    for name, (sha256, size) in manifest.files.items():
        path = manifest.folder / name
        if not path.is_file():
            raise OnnxContractError("E_FILE_MISSING", f"{name} is in files but not in the folder.", path)
        if path.stat().st_size != size:
            raise OnnxContractError("E_FILE_HASH", f"{name} has {path.stat().st_size} bytes, not {size}.", path)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise OnnxContractError("E_FILE_HASH", f"{name} has the sha256 {found}, not {sha256}.", path)
    for name, key in used.items():
        if name not in manifest.files:
            raise OnnxContractError("E_FILE_UNLISTED", f"manifest.json: files lacks {name} ({key}).", manifest.path)


def read_wavs(manifest: Manifest) -> dict[int, AudioClip]:
    """Recordings of the phrases by index. Raises E_VOCAB."""
    clips: dict[int, AudioClip] = {}
    for index, phrase in enumerate(manifest.vocabulary):
        if phrase.wav:
            clips[index] = _wav(manifest.folder / phrase.wav, f"vocabulary[{index}].wav")
    return clips


def read_recordings(manifest: Manifest) -> dict[str, AudioClip]:
    """Recordings of texts that may fill a placeholder, by text. Raises E_VOCAB."""
    return {t: _wav(manifest.folder / name, f"x-recordings.{t}") for t, name in manifest.recordings.items()}


def _wav(path: Path, key: str) -> AudioClip:
    try:
        with wave.open(str(path), "rb") as file:
            kind = file.getnchannels(), file.getsampwidth(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise OnnxContractError("E_VOCAB", f"{key}: {path.name} is no wav file: {error}.", path) from error
    if kind != (1, 2, OUTPUT_RATE_HZ):
        why = f"{path.name} has {kind[0]} channels of {8 * kind[1]} bits at {kind[2]} Hz, not mono PCM16 at 24000 Hz"
        raise OnnxContractError("E_VOCAB", f"{key}: {why}.", path)
    return AudioClip(np.frombuffer(raw, dtype="<i2").astype(np.int16), OUTPUT_RATE_HZ)


def read_states(
    manifest: Manifest, inputs: Mapping[str, HasType], outputs: Mapping[str, HasType]
) -> dict[str, npt.NDArray[Any]]:
    """First values of the states, checked against manifest and graph. Raises E_STATE."""

    def wrong(why: str) -> OnnxContractError:
        return OnnxContractError("E_STATE", f"manifest.json: states: {why}.", manifest.path)

    names = [state.name for state in manifest.states]
    total = 0
    for state in manifest.states:
        if names.count(state.name) > 1:
            raise wrong(f"{state.name} stands there twice")
        for full, found in ((f"state.{state.name}", inputs), (f"next.{state.name}", outputs)):
            if full not in found:
                raise wrong(f"the graph has no {full}")
            port = found[full]
            if port.dtype != state.dtype or tuple(port.shape) != state.shape:
                raise wrong(
                    f"{full} is {port.dtype} {list(port.shape)} in the graph, "
                    f"{state.dtype} {list(state.shape)} in the manifest"
                )
        total += math.prod(state.shape) * np.dtype(state.dtype).itemsize
    if total > MAX_STATE_BYTES:
        raise wrong(f"all together take {total} bytes, at most {MAX_STATE_BYTES} are allowed")
    initial = {}
    for state in manifest.states:
        try:
            initial[state.name] = _initial(manifest.folder, state)
        except (OSError, EOFError, ValueError, TypeError, OverflowError) as error:
            raise wrong(f"the init of {state.name} cannot be used: {error}") from error
    return initial


def _initial(folder: Path, state: StateSpec) -> npt.NDArray[Any]:
    if isinstance(state.init, dict):
        value = np.load(folder / state.init["file"], allow_pickle=False)
        if value.dtype != np.dtype(state.dtype):
            raise ValueError(f"its file holds {value.dtype}, not {state.dtype}")
    elif isinstance(state.init, list):
        value = np.asarray(state.init).astype(state.dtype)
    else:
        value = np.full(state.shape, state.init, dtype=state.dtype)
    if value.shape != state.shape:
        raise ValueError(f"it has the shape {list(value.shape)}, not {list(state.shape)}")
    return np.ascontiguousarray(value)

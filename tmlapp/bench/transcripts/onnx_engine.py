"""Transcripts by a local engine: onnx-asr with a model folder of the user's. Nothing is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

TOKEN_S = 0.08
"""How long a token lasts: one step of the encoders of NeMo's models."""

_BLOCK = 1 << 20
_FORM = "Write onnx-asr:MODEL@FOLDER, for example onnx-asr:nemo-parakeet-tdt-0.6b-v2@/models/parakeet."
_CONTROL = ("<", "[")


class OnnxTranscriber:
    """A model of onnx-asr that gives token times.

    Args:
        model: its name or type in onnx-asr, e.g. `nemo-parakeet-tdt-0.6b-v2`.
        folder: where its files lie.

    Raises:
        AppError: the extra is missing, or the folder holds no such model.
    """

    def __init__(self, model: str, folder: Path) -> None:
        self._model_name = model
        self._folder = folder
        if not folder.is_dir():
            raise AppError(f"The model {model} cannot be loaded.", f"There is no folder {folder}.", _FORM)
        self._model = _load(model, folder)
        self._files = _digests(folder)

    @property
    def name(self) -> str:
        return f"onnx-asr:{self._model_name}"

    def provenance(self) -> Mapping[str, Any]:
        """Model, version of onnx-asr, sha256 of every file of the model."""
        about = {"provider": "onnx-asr", "model": self._model_name, "version": version("onnx-asr"), "token_s": TOKEN_S}
        return {**about, "files": self._files}

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:  # noqa: ARG002 - it hears for itself
        """Words of `pcm` (int16, 16 kHz), see `words_of_tokens`.

        Raises:
            AppError: the model fails, or gives no token times.
        """
        if not len(pcm):
            return Transcript(text="", words=())
        try:
            result = self._model.recognize(pcm.astype(np.float32) / np.float32(32768), sample_rate=SAMPLE_RATE_HZ)
        except Exception as error:
            # Whatever an engine of others raises is told with its own words.
            raise AppError(
                f"{self.name} cannot transcribe.", f"{type(error).__name__}: {error}.", "Check the model folder."
            ) from error
        said = str(result.text)
        if not said.strip():
            return Transcript(text="", words=())
        if result.tokens is None or result.timestamps is None:
            raise AppError(
                f"{self.name} cannot be used.", "It gives no token times.", "Choose a CTC, RNN-T or TDT model."
            )
        return Transcript(text=said, words=words_of_tokens(result.tokens, result.timestamps, len(pcm) / SAMPLE_RATE_HZ))


def words_of_tokens(tokens: Sequence[str], times_s: Sequence[float], duration_s: float) -> tuple[Word, ...]:
    """Sub-word tokens (a new word begins with a blank) as words.

    The engine gives the onset of each token only. A word ends `TOKEN_S` after its last token began, but not after the
    next word or the sound: so a pause stays a pause.
    """
    words: list[tuple[float, float, str]] = []
    begins = True
    for token, t_s in zip(tokens, times_s, strict=True):
        if token.startswith(_CONTROL) and token.endswith((">", "]")):
            continue
        if token[:1].isspace():
            begins = True
        piece = token.strip()
        if not piece:
            continue
        if begins or not words:
            words.append((float(t_s), float(t_s), piece))
        else:
            words[-1] = (words[-1][0], float(t_s), words[-1][2] + piece)
        begins = token[-1:].isspace()
    limits = [*(onset for onset, _, _ in words[1:]), duration_s]
    return tuple(
        Word(onset, max(onset, round(min(last + TOKEN_S, limit), 6)), text)
        for (onset, last, text), limit in zip(words, limits, strict=False)
    )


def _load(model: str, folder: Path) -> Any:
    try:
        import onnx_asr
    except ImportError as error:
        raise AppError(
            "Sound cannot be transcribed here.", "onnx-asr is not installed.", "Install it: pip install 'tmlapp[asr]'."
        ) from error
    try:
        return onnx_asr.load_model(model, path=folder, providers=["CPUExecutionProvider"]).with_timestamps()
    except Exception as error:
        raise AppError(
            f"The model {model} cannot be loaded from {folder}.", f"{type(error).__name__}: {error}.", _FORM
        ) from error


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        found[path.relative_to(folder).as_posix()] = digest.hexdigest()
    return found

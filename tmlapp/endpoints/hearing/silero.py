"""The graph of Silero VAD 6.2.3 (MIT, see models/silero), one window after the other, through onnxruntime and numpy."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.config.paths import silero_model
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

VERSION = "6.2.3"
SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
"""Of the graph that silero-vad 6.2.3 ships as `silero_vad.onnx`; segments differ between versions."""

WINDOW = 512
"""Samples per probability (32 ms)."""

_VOICE = 0.35
"""Probability that says there is voice."""
_RENEWED = 31
"""Windows without voice, a second, after which the memory begins anew."""

_CONTEXT = 64
_STATE = (2, 1, 128)
_RATE = np.array(SAMPLE_RATE_HZ, np.int64)
_FIX = "Install tmlapp again, or put silero_vad.onnx of silero-vad 6.2.3 back."


class SileroGraph:
    """The loaded graph; holds no memory of any sound, so that many streams may share it on one thread.

    Raises:
        AppError: the graph is missing, is not that of 6.2.3, or cannot be run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._session = _open(path or silero_model())

    def stream(self, *, renewed: bool = False) -> SileroStream:
        """A sound that begins now.

        Args:
            renewed: begin anew after each second without voice. The graph's memory otherwise comes, after some long
                sounds that were no voice, into states in which it finds none any more for half a minute; but only
                without this are its answers those of silero-vad.
        """
        return SileroStream(self._session, _RENEWED if renewed else None)


class SileroStream:
    """One sound at 16 kHz; what remains of an unfinished window waits for the next piece."""

    def __init__(self, session: Any, renewed: int | None) -> None:
        self._session = session
        self._renewed = renewed
        self._left: npt.NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)
        self._begin()

    def _begin(self) -> None:
        self._state: npt.NDArray[np.float32] = np.zeros(_STATE, np.float32)
        self._silent = 0

    def push(self, pcm: Pcm) -> list[float]:
        """Probability of speech in each window of 512 samples that `pcm` (int16 [n]) completes."""
        sound = np.concatenate([self._left, pcm.astype(np.float32) / np.float32(32768)])
        found = []
        at = 0
        while at + _CONTEXT + WINDOW <= len(sound):
            window = sound[None, at : at + _CONTEXT + WINDOW]
            feed = {"input": window, "state": self._state, "sr": _RATE}
            probability, self._state = self._session.run(None, feed)
            found.append(float(probability[0, 0]))
            at += WINDOW
            self._silent = 0 if found[-1] >= _VOICE else self._silent + 1
            if self._silent == self._renewed:
                self._begin()
        self._left = sound[at:]
        return found


def _open(path: Path) -> Any:
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise AppError("Voice activity cannot be found.", f"{path} cannot be read: {error.strerror}.", _FIX) from error
    digest = hashlib.sha256(graph).hexdigest()
    if digest != SHA256:
        raise AppError(
            "Voice activity cannot be found.", f"{path} is not the graph of silero-vad {VERSION}: {digest}.", _FIX
        )
    # Late: only those who look for voice pay for loading the runtime.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

"""Run as a program: what a benchmark item needs at the very least, without a session, for `bench_run`.

Every frame is decoded, the two pictures of each 200 ms are scaled, and the model steps. Nothing is encoded, recorded,
checked or said.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from tmlapp.config.paths import models_dir

_TURNS_PER_S = 5
_KINDS = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int64)": "int64", "tensor(int32)": "int32"}


def opened() -> Any:
    """The shipped model on one thread that does not spin."""
    folder = models_dir() / "tiny"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = folder / json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["model"]
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Steps:
    """The model with its memory."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names = [o.name for o in session.get_outputs()]
        self._inputs = {i.name: np.zeros(i.shape, _KINDS[i.type]) for i in session.get_inputs()}
        self._inputs["task"] = np.ones(1, np.int64)

    def step(self, pictures: list[Any]) -> None:
        """One micro-turn; `pictures` RGB uint8 [96, 128, 3], two."""
        self._inputs["frames"] = np.stack(pictures)[None]
        for name, value in zip(self._names, self._session.run(self._names, self._inputs), strict=True):
            if name.startswith("next."):
                self._inputs[f"state.{name.removeprefix('next.')}"] = value


def watch(session: Any, film: Path) -> None:
    """One film from its first frame to its last."""
    steps = Steps(session)
    capture = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    per_look = capture.get(cv2.CAP_PROP_FPS) / _TURNS_PER_S / 2
    frames, looks = 0, 0
    pictures: list[Any] = []
    while True:
        ok, picture = capture.read()
        if not ok:
            return
        frames += 1
        if frames >= (looks + 1) * per_look:
            looks += 1
            pictures.append(cv2.resize(picture, (128, 96), interpolation=cv2.INTER_AREA)[:, :, ::-1])
        if len(pictures) == 2:
            steps.step(pictures)
            pictures.clear()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int, help="keep to this one")
    parser.add_argument("film", type=Path, nargs="+")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    cv2.setNumThreads(1)
    model = opened()
    for film in args.film:
        watch(model, film)

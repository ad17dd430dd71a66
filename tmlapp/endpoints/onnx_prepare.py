"""From a micro-turn to the graph's `audio`, `dmel`, `frames` and `patches` (contract sections 2, 3, 5, 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Frame, Picture
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.onnx_dmel import Dmel
from tmlapp.endpoints.onnx_manifest import FramesSpec, Manifest

Tensor = npt.NDArray[Any]
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
PATCH = 40
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)


@dataclass(slots=True)
class Prepared:
    """Inputs of one step, and what happened while they were made.

    Attributes:
        inputs: `audio` or `dmel`, `frames` or `patches`.
        repeated: pictures that stand in because the camera gave no newer one.
        skipped: pictures not decoded because the model is behind.
        undecodable: pictures that are no valid JPEG; the last good one stands in.
    """

    inputs: dict[str, Tensor]
    repeated: int = 0
    skipped: int = 0
    undecodable: int = 0


def target_size(width: int, height: int, spec: FramesSpec) -> tuple[int, int]:
    """Size (width, height) to which a picture is scaled before bars are added or edges cut."""
    if spec.fit == "stretch":
        return spec.width, spec.height
    ratios = spec.width / width, spec.height / height
    scale = min(ratios) if spec.fit == "letterbox" else max(ratios)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    if spec.fit == "letterbox":
        return min(fitted[0], spec.width), min(fitted[1], spec.height)
    return max(fitted[0], spec.width), max(fitted[1], spec.height)


def decode(frame: Frame, spec: FramesSpec) -> Picture | None:
    """`frame` as BGR [h, w, 3], at least twice as large as it will be needed; None if it is no valid JPEG.

    The JPEG decoder itself halves the size as long as that leaves twice the target. That is much cheaper than scaling
    afterwards, depends on nothing but the sizes, and differs from scaling by area by 0.15 to 0.5 grey levels on
    average (measured on 720p; halving down to the target itself: 0.5 to 2, with edges off by up to 87).
    """
    want = target_size(frame.width, frame.height, spec)
    flag = next(
        (flag for n, flag in _REDUCED if frame.width // n >= 2 * want[0] and frame.height // n >= 2 * want[1]),
        cv2.IMREAD_COLOR,
    )
    if not frame.jpeg:
        return None
    # Orientation tags would turn live and recorded pictures differently from what the window shows.
    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), int(flag) | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if picture is None else np.asarray(picture, dtype=np.uint8)


def fit(picture: Picture, spec: FramesSpec, *, size: tuple[int, int] | None = None) -> Picture:
    """BGR picture → RGB uint8 [H, W, 3] with bars, cut or stretched; `size` is (width, height) before decoding."""
    height, width = picture.shape[:2]
    want = target_size(*size, spec) if size else target_size(width, height, spec)
    shrinking = want[0] <= width and want[1] <= height
    if want != (width, height):
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, want, interpolation=method), dtype=np.uint8)
    x, y = (spec.width - want[0]) // 2, (spec.height - want[1]) // 2
    if spec.fit == "crop":
        left, top = (want[0] - spec.width) // 2, (want[1] - spec.height) // 2
        return np.ascontiguousarray(picture[top : top + spec.height, left : left + spec.width, ::-1])
    out = np.zeros((spec.height, spec.width, 3), dtype=np.uint8)
    out[y : y + want[1], x : x + want[0]] = picture[:, :, ::-1]
    return out


def patch_grid(spec: FramesSpec) -> tuple[int, int]:
    """Rows and columns of patches."""
    if spec.patch_rule == "inkling":
        return -(-spec.height // PATCH), spec.width // PATCH + 1
    return spec.height // PATCH, spec.width // PATCH


def patches(pictures: list[Picture], spec: FramesSpec) -> npt.NDArray[np.float32]:
    """RGB pictures [H, W, 3] of the T times, oldest first → float32 [1, N, T, 40, 40, 3]."""
    rows, columns = patch_grid(spec)
    padded = np.full((len(pictures), rows * PATCH, columns * PATCH, 3), -1.0, dtype=np.float32)
    padded[:, : spec.height, : spec.width] = np.stack(pictures)
    scaled = (padded / np.float32(255.0) - _MEAN) / _STD
    cut = scaled.reshape(len(pictures), rows, PATCH, columns, PATCH, 3).transpose(1, 3, 0, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(1, rows * columns, len(pictures), PATCH, PATCH, 3))


class Preparer:
    """Makes the inputs of each step; keeps the pictures and samples that the next micro-turn still needs."""

    def __init__(self, manifest: Manifest) -> None:
        self._audio = manifest.audio
        self._spec = manifest.frames
        self._dmel = Dmel() if manifest.audio == "dmel" else None
        self.reset()

    def reset(self) -> None:
        if self._dmel is not None:
            self._dmel.reset()
        self._frames: list[Frame] = []
        self._known: dict[bytes, Picture] = {}
        self._last = np.zeros((0,), dtype=np.uint8) if self._spec is None else self._black(self._spec)

    @staticmethod
    def _black(spec: FramesSpec) -> Picture:
        return np.zeros((spec.height, spec.width, 3), dtype=np.uint8)

    def prepare(self, turn: MicroTurn, *, skip_frames: bool = False) -> Prepared:
        """Inputs for `turn`; with `skip_frames` the last picture is repeated and nothing is decoded."""
        done = Prepared({})
        if self._audio == "pcm":
            done.inputs["audio"] = (turn.pcm.astype(np.float32) / np.float32(32768.0))[None]
        elif self._dmel is not None:
            done.inputs["dmel"] = self._dmel.step_pcm(turn.pcm)
        if self._spec is not None:
            self._see(turn, self._spec, done, skip_frames)
        return done

    def _see(self, turn: MicroTurn, spec: FramesSpec, done: Prepared, skip: bool) -> None:
        camera = [*self._frames, *turn.frames]
        wanted = self._two_newest(camera) if spec.temporal_source == "last_two" else self._at(camera, turn, spec)
        if skip:
            done.skipped = len(turn.frames)
            pictures = [self._last] * len(wanted)
        else:
            pictures = [self._picture(frame, spec, done) for frame in wanted]
            fresh = {id(f) for f in turn.frames if not f.repeated}
            done.repeated = sum(
                frame is None or id(frame) not in fresh or (i > 0 and frame is wanted[i - 1])
                for i, frame in enumerate(wanted)
            )
            self._last = pictures[-1]
        self._frames = camera[-2:]
        self._known = {f.jpeg: self._known[f.jpeg] for f in self._frames if f.jpeg in self._known}
        if spec.kind == "patches40":
            still = pictures if spec.temporal_source == "last_two" else [pictures[-1]] * spec.temporal
            done.inputs["patches"] = patches(still, spec)
        else:
            done.inputs["frames"] = np.stack(pictures)[None]

    @staticmethod
    def _two_newest(camera: list[Frame]) -> list[Frame | None]:
        two: list[Frame | None] = list(camera[-2:])
        return two if len(two) == 2 else [two[0], two[0]] if two else [None, None]

    @staticmethod
    def _at(camera: list[Frame], turn: MicroTurn, spec: FramesSpec) -> list[Frame | None]:
        # Times are compared in F-ths of a nanosecond, so that 200/F ms needs no rounding.
        count = spec.count
        limits = [turn.end_ns * count - (count - 1 - i) * TURN_NS for i in range(count)]
        return [next((f for f in reversed(camera) if f.t_ns * count <= limit), None) for limit in limits]

    def _picture(self, frame: Frame | None, spec: FramesSpec, done: Prepared) -> Picture:
        if frame is None:
            return self._black(spec)
        if frame.jpeg not in self._known:
            decoded = decode(frame, spec)
            if decoded is None:
                done.undecodable += 1
                self._known[frame.jpeg] = self._last
            else:
                self._known[frame.jpeg] = fit(decoded, spec, size=(frame.width, frame.height))
        return self._known[frame.jpeg]

    def memory(self) -> dict[str, Tensor]:
        """What a later `restore` needs to go on exactly here."""
        kept: dict[str, Tensor] = {"last": self._last}
        if self._dmel is not None:
            kept["dmel"] = self._dmel.tail
        for i, frame in enumerate(self._frames):
            kept[f"jpeg{i}"] = np.frombuffer(frame.jpeg, dtype=np.uint8)
            kept[f"frame{i}"] = np.array([frame.t_ns, frame.width, frame.height], dtype=np.int64)
        return kept

    def restore(self, kept: dict[str, Tensor]) -> None:
        """The inverse of `memory`."""
        self.reset()
        self._last = kept["last"]
        if self._dmel is not None:
            self._dmel.tail = kept["dmel"]
        for i in range(2):
            if f"frame{i}" in kept:
                t_ns, width, height = (int(v) for v in kept[f"frame{i}"])
                self._frames.append(Frame(t_ns, kept[f"jpeg{i}"].tobytes(), width, height))

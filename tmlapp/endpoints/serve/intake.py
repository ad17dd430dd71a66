"""What a session has sent, cut into units of 200 ms: sound by its samples, pictures by their time."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass

import numpy as np

from tmlapp.core.media import Frame, Pcm
from tmlapp.core.turn import Control, MicroTurn, TextInput
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES
from tmlapp.endpoints.serve.offer import UNIT_MS, Offer
from tmlapp.endpoints.serve.schema import RefusedError

TOLERANCE_MS = 1e-7
LOOKAHEAD_UNITS = 2
MOST_PIXELS = 1 << 26
"""A small file may unfold to gigabytes."""

_UNIT_BYTES = TURN_SAMPLES * 2


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `pcm` int16 [3200], of which `real_samples` were sent; pictures as (ms after its start, bytes).

    Attributes:
        start_sample: on the input timeline, which counts every sample that was accepted.
        last: nothing follows.
    """

    index: int
    start_sample: int
    pcm: Pcm
    real_samples: int
    pictures: tuple[tuple[float, bytes], ...]
    last: bool

    @property
    def unit_id(self) -> str:
        return f"unit_{self.index}"

    def micro_turn(self, texts: tuple[TextInput, ...], controls: tuple[Control, ...]) -> MicroTurn:
        """The unit as the model gets it; its times count units, also after sound was cleared."""
        frames = []
        for after_ms, picture in self.pictures:
            width, height = picture_size(picture)
            frames.append(Frame(self.index * TURN_NS + round(after_ms * NS_PER_MS), picture, width, height))
        return MicroTurn(self.index, self.pcm, tuple(frames), texts, controls)


class Intake:
    """The input timeline of one session. Everything that does not fit is refused and changes nothing.

    Attributes:
        accepted, consumed, discarded, padding: samples so far.
        ended: no more input may come.
    """

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._pending = bytearray()
        self._pictures: dict[int, list[tuple[float, bytes]]] = {}
        self._next_seq = 0
        self._next_unit = 0
        self.accepted = self.consumed = self.discarded = self.padding = 0
        self.ended = False

    def append(self, encoded: str, seq: int, t_start_ms: float | None) -> None:
        """Sound as base64 PCM16.

        Raises:
            RefusedError: `seq` was not used up then.
        """
        most = self._offer.limits.max_input_bytes
        pcm = _decoded(encoded, most, "audio")
        if self.ended:
            raise RefusedError("invalid_state", "audio input has ended")
        if seq != self._next_seq:
            raise RefusedError("invalid_state", "audio seq must be contiguous")
        if not pcm or len(pcm) % 2:
            raise RefusedError("invalid_request", "audio must contain whole PCM16 samples")
        if t_start_ms is not None and not math.isclose(
            t_start_ms, ms_of(self.accepted), rel_tol=0, abs_tol=TOLERANCE_MS
        ):
            raise RefusedError("invalid_state", "input media time must be sample-contiguous")
        if (self.accepted - self.consumed - self.discarded) * 2 + len(pcm) > most:
            raise RefusedError("buffer_overflow", "input budget exhausted; retry this seq")
        self._pending += pcm
        self.accepted += len(pcm) // 2
        self._next_seq += 1

    def picture(self, encoded: str, t_ms: float) -> int:
        """A JPEG or PNG as base64, taken at `t_ms` of the input timeline; the index of the unit it belongs to.

        Raises:
            RefusedError: it comes too late, too early, or is too large or too many.
        """
        image = _decoded(encoded, self._offer.max_image_bytes, "image")
        start_ms = ms_of(self.accepted - len(self._pending) // 2)
        # A number of any size may stand there.
        ahead = math.floor(max(-1e9, min(1e9, (t_ms - start_ms) / UNIT_MS)))
        unit = self._next_unit + ahead
        if not self._offer.sees:
            raise RefusedError("not_supported", "image input is not granted")
        if self.ended:
            raise RefusedError("invalid_state", "input has ended")
        if len(image) > self._offer.max_image_bytes:
            raise RefusedError("buffer_overflow", "image exceeds input budget", "image")
        if not image.startswith((b"\xff\xd8", b"\x89PNG")):
            raise RefusedError("invalid_request", "image must be JPEG or PNG", "image")
        width, height = picture_size(image)
        if width * height > MOST_PIXELS:
            raise RefusedError("buffer_overflow", "image exceeds input budget", "image")
        if ahead < 0:
            raise RefusedError("invalid_state", "frame unit already cut")
        if len(self._pictures.get(unit, ())) >= self._offer.frames_per_unit:
            raise RefusedError("buffer_overflow", "unit frame count exceeds limit")
        if ahead > math.ceil(len(self._pending) / _UNIT_BYTES) + LOOKAHEAD_UNITS:
            raise RefusedError("buffer_overflow", "frame exceeds lookahead budget")
        self._pictures.setdefault(unit, []).append((t_ms, image))
        return unit

    def clear(self) -> int:
        """Throw away what no unit was cut of yet; how many samples that was."""
        cleared = len(self._pending) // 2
        self._pending.clear()
        self._pictures.clear()
        self.discarded += cleared
        return cleared

    def end(self) -> None:
        """Raises RefusedError where the input has ended already."""
        if self.ended:
            raise RefusedError("invalid_state", "audio input already ended")
        self.ended = True

    def cut(self) -> Unit | None:
        """The next unit, if it is complete; after the end one last one, padded or empty."""
        if len(self._pending) < _UNIT_BYTES and not self.ended:
            return None
        start = self.accepted - len(self._pending) // 2
        raw = bytes(self._pending[:_UNIT_BYTES])
        del self._pending[:_UNIT_BYTES]
        real = len(raw) // 2
        pcm = np.zeros(TURN_SAMPLES, np.int16)
        pcm[:real] = np.frombuffer(raw, "<i2")
        if real:
            self.padding += TURN_SAMPLES - real
        held = sorted(self._pictures.pop(self._next_unit, ()), key=lambda picture: picture[0])
        pictures = tuple((t_ms - ms_of(start), image) for t_ms, image in held)
        unit = Unit(self._next_unit, start, pcm, real, pictures, self.ended and not self._pending)
        self._next_unit += 1
        return unit


def ms_of(samples: int) -> float:
    """Milliseconds of `samples` of input."""
    return samples * 1000 / SAMPLE_RATE_HZ


def _decoded(encoded: str, most: int, what: str) -> bytes:
    if len(encoded) > (most + 2) // 3 * 4:
        raise RefusedError("buffer_overflow", f"encoded {what} exceeds input budget")
    try:
        return base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RefusedError("invalid_request", f"invalid base64 {what}", what) from error


def picture_size(image: bytes) -> tuple[int, int]:
    """Width and height that the header of a JPEG or PNG names; ones where it is damaged."""
    if image.startswith(b"\x89PNG"):
        return max(1, int.from_bytes(image[16:20], "big")), max(1, int.from_bytes(image[20:24], "big"))
    at = 2
    while at + 9 <= len(image) and image[at] == 0xFF:
        marker, length = image[at + 1], int.from_bytes(image[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(image[i : i + 2], "big") for i in (at + 5, at + 7))
            return max(1, width), max(1, height)
        at += 2 + length
    return 1, 1

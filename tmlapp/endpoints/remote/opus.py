"""Opus in Ogg pages, as Moshi, PersonaPlex and Unmute send and take their sound; needs the extra `opus`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.endpoints.remote.contract import MessageError

FRAME_MS = 80
"""Length of the Opus frames that are sent: one step of the models behind these protocols."""

DELAY_MS = 6.5
"""By how much sound comes out later than it went in: the look-ahead of the encoder (measured with noise)."""

_MARK = b"OggS"
_HEADER = 27
_MOST_SECONDS = 30
"""Sound that one message may hold; a page can unfold to three thousand times its size."""


def require_opus() -> Any:
    """The module that encodes and decodes.

    Raises:
        AppError: the extra is not installed.
    """
    try:
        return importlib.import_module("sphn")
    except ImportError as error:
        raise AppError(
            "This endpoint sends its sound as Opus, which this installation cannot do.",
            "The package sphn is missing.",
            "Install it with: pip install 'tmlapp[opus]'",
        ) from error


class OpusEncoder:
    """Mono PCM16 to Ogg pages, in frames of 80 ms; what does not fill a frame waits for the next push.

    Attributes:
        frame: samples in one frame, 1,920 at 24 kHz.
    """

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.frame = rate_hz * FRAME_MS // 1000
        self._writer = require_opus().OpusStreamWriter(rate_hz)
        self._rest: Pcm = np.zeros(0, np.int16)

    @property
    def waiting(self) -> int:
        """Samples that wait for the rest of their frame."""
        return len(self._rest)

    def push(self, pcm: Pcm) -> bytes:
        """The pages that int16 [n] completes, whole ones only; empty while no frame is full."""
        return b"".join(self.frames(pcm))

    def frames(self, pcm: Pcm) -> list[bytes]:
        """As `push`, the pages of each frame by themselves; the first ones begin with the headers of the stream."""
        data = np.concatenate((self._rest, pcm))
        whole = len(data) - len(data) % self.frame
        self._rest = data[whole:]
        sound = data[:whole].astype(np.float32) / np.float32(32768)
        return [bytes(self._writer.append_pcm(frame)) for frame in sound.reshape(-1, self.frame)]


class OpusDecoder:
    """Ogg pages, cut anywhere, to mono PCM16. A message that is none costs that message: the next page is found again.

    Attributes:
        clipped: samples so far that were louder than PCM16 can say.
    """

    def __init__(self, rate_hz: int = 24_000) -> None:
        self._rate = rate_hz
        self._most = _MOST_SECONDS * rate_hz
        self._sphn = require_opus()
        self._reader = self._sphn.OpusStreamReader(rate_hz)
        self._headers: list[bytes] = []
        self._open = bytearray()
        self.clipped = 0

    def push(self, data: bytes) -> Pcm:
        """What the pages that `data` completes sound like, int16 [m]; empty for headers and for half a page.

        Raises:
            MessageError: it is no Ogg, no Opus, or unfolds to more than half a minute.
        """
        self._open += data
        sound: list[npt.NDArray[np.float32]] = []
        total = 0
        for page in self._pages():
            sound.append(self._decode(page))
            total += len(sound[-1])
            if total > self._most:
                self._open.clear()
                raise MessageError(f"one message holds more than {_MOST_SECONDS} s of sound")
        return self._to_pcm(sound)

    def _pages(self) -> Iterator[bytes]:
        """Takes whole pages from the front of what has come; what is no page is thrown away up to the next one."""
        while len(self._open) >= len(_MARK):
            if not self._open.startswith(_MARK):
                self._skip()
                raise MessageError("this is no Ogg page")
            if len(self._open) < _HEADER:
                return
            body = _HEADER + self._open[_HEADER - 1]
            if len(self._open) < body:
                return
            end = body + sum(self._open[_HEADER:body])
            if len(self._open) < end:
                return
            page = bytes(self._open[:end])
            del self._open[:end]
            yield page

    def _skip(self) -> None:
        at = self._open.find(_MARK, 1)
        if at < 0:
            self._open.clear()
        else:
            del self._open[:at]

    def _decode(self, page: bytes) -> npt.NDArray[np.float32]:
        content = page[_HEADER + page[_HEADER - 1] :]
        if content.startswith(b"OpusHead"):
            self._headers = [page]
            self._reader = self._sphn.OpusStreamReader(self._rate)
        elif content.startswith(b"OpusTags"):
            self._headers = [*self._headers[:1], page]
        try:
            decoded: npt.NDArray[np.float32] = np.asarray(self._reader.append_bytes(page), np.float32)
        except (ValueError, RuntimeError) as error:
            self._restart()
            self._open.clear()
            raise MessageError(f"this is no Opus: {error}") from error
        return decoded

    def _restart(self) -> None:
        """A reader that failed fails for ever: a new one, which knows the headers of the stream."""
        self._reader = self._sphn.OpusStreamReader(self._rate)
        try:
            for page in self._headers:
                self._reader.append_bytes(page)
        except (ValueError, RuntimeError):
            self._headers = []
            self._reader = self._sphn.OpusStreamReader(self._rate)

    def _to_pcm(self, sound: list[npt.NDArray[np.float32]]) -> Pcm:
        if not sound:
            return np.zeros(0, np.int16)
        scaled = np.rint(np.nan_to_num(np.concatenate(sound)) * np.float32(32768))
        self.clipped += int(np.count_nonzero((scaled > 32767) | (scaled < -32768)))
        pcm: Pcm = np.clip(scaled, -32768, 32767).astype(np.int16)
        return pcm

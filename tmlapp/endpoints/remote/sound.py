"""Sound on its way to and from a service: micro-turns as PCM16 at its rate, and base64 both ways."""

from __future__ import annotations

from collections import OrderedDict

from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.resample import Resampler, resample
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.media import base64_of, bytes_of


class SoundOut:
    """Turns micro-turns (int16, 16 kHz) into PCM16 little-endian at `rate_hz`, without a seam between them.

    Attributes:
        rate_hz: what comes out.
        delay_ms: constant delay of the conversion, for `Granted.input_delay_ms`.
        samples: given so far.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._resampler = Resampler(SAMPLE_RATE_HZ, rate_hz)
        self.delay_ms = self._resampler.delay_ns / NS_PER_MS
        self.samples = 0

    def pcm(self, pcm: Pcm) -> Pcm:
        """The next stretch, int16 at `rate_hz`."""
        out = self._resampler.push(pcm)
        self.samples += len(out)
        return out

    def pcm16(self, pcm: Pcm) -> bytes:
        return self.pcm(pcm).astype("<i2", copy=False).tobytes()

    def base64(self, pcm: Pcm) -> str:
        return base64_of(self.pcm16(pcm))


def clip_pcm16(clip: AudioClip, rate_hz: int) -> bytes:
    """All of `clip` as PCM16 little-endian at `rate_hz`."""
    return resample(clip.pcm, clip.rate_hz, rate_hz).astype("<i2", copy=False).tobytes()


def decode_base64(text: str) -> bytes:
    """The bytes in `text`: standard or URL-safe alphabet, with or without its padding.

    Raises:
        MessageError: it is not base64.
    """
    try:
        return bytes_of(text)
    except ValueError as error:
        raise MessageError(f"sound that is not base64: {error}") from error


class Samples:
    """Puts together 16-bit samples whose bytes came in different messages, stream by stream."""

    def __init__(self, streams: int = 64) -> None:
        self._half: OrderedDict[str, bytes] = OrderedDict()
        self._streams = streams

    def whole(self, stream: str, data: bytes) -> bytes:
        """`data` with what was left of the message before it, as whole samples."""
        data = self._half.pop(stream, b"") + data
        if len(data) % 2:
            self._half[stream] = data[-1:]
            if len(self._half) > self._streams:
                self._half.popitem(last=False)
            return data[:-1]
        return data

    def end(self, stream: str) -> None:
        """No more of `stream`: half a sample cannot be played."""
        self._half.pop(stream, None)

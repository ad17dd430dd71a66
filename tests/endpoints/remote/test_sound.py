"""Sound on its way out and in: no seams between micro-turns, no sample lost, base64 in any dress."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.endpoints.remote.family import tone
from tmlapp.core.media import AudioClip
from tmlapp.core.resample import Resampler
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.sound import Samples, SoundOut, clip_pcm16, decode_base64

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("rate", "samples", "delay_ms"), [(16_000, 3_200, 0.0), (24_000, 4_800, 1.0)])
def test_micro_turns_become_one_stream_without_a_seam(rate: int, samples: int, delay_ms: float) -> None:
    sound = SoundOut(rate)
    turns = [tone(0.1 * n) for n in range(1, 5)]
    pieces = [base64.b64decode(sound.base64(pcm)) for pcm in turns]
    assert [len(p) for p in pieces] == [2 * samples] * 4
    assert b"".join(pieces) == Resampler(16_000, rate).push(np.concatenate(turns)).astype("<i2").tobytes()
    assert sound.delay_ms == delay_ms
    assert sound.samples == 4 * samples


@pytest.mark.parametrize("data", [b"", b"\xfb", b"\xfb\xff", b"\xfb\xff\xfe", bytes(range(256))])
def test_base64_is_read_in_both_alphabets_with_and_without_padding(data: bytes) -> None:
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        text = encoded.decode("ascii")
        assert decode_base64(text) == decode_base64(text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["!", "AAAAA", "A A=", "é", "AA==AA=="])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(MessageError, match="base64"):
        decode_base64(text)


def test_halves_of_samples_wait_for_each_other_stream_by_stream() -> None:
    samples = Samples(streams=2)
    assert samples.whole("a", b"\1\2\3") == b"\1\2"
    assert samples.whole("b", b"\7") == b""
    assert samples.whole("a", b"\4") == b"\3\4"
    assert samples.whole("b", b"\x08\x09") == b"\7\x08"
    samples.end("b")
    assert samples.whole("b", b"\1\2") == b"\1\2"
    for stream in "cde":
        samples.whole(stream, b"\1")
    assert samples.whole("c", b"\2\3") == b"\2\3"


def test_a_clip_is_converted_as_a_whole() -> None:
    assert len(clip_pcm16(AudioClip(tone(), 16_000), 24_000)) == 2 * 4_800
    assert clip_pcm16(AudioClip(tone(), 16_000), 16_000) == tone().astype("<i2").tobytes()

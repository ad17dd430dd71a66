"""Opus in Ogg pages: a round trip keeps length and sound, and no bytes do harm."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.opus import DELAY_MS, OpusDecoder, OpusEncoder

pytestmark = pytest.mark.unit

pytest.importorskip("sphn")


def tone(samples: int, rate_hz: int = 24_000) -> Pcm:
    pcm: Pcm = (9000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate_hz)).astype(np.int16)
    return pcm


def test_a_tone_comes_back_within_one_frame_of_its_length_and_sounds_the_same() -> None:
    encoder, decoder = OpusEncoder(24_000), OpusDecoder(24_000)
    sound = tone(72_000)

    heard = np.concatenate([decoder.push(encoder.push(sound[at : at + 4_800])) for at in range(0, len(sound), 4_800)])

    assert abs(len(heard) - len(sound)) <= 1_920
    assert encoder.waiting == len(sound) - len(heard)
    delays = range(400)
    best = max(np.corrcoef(sound[2_400:60_000], heard[2_400 + d : 60_000 + d])[0, 1] for d in delays)
    assert best > 0.9


def test_noise_comes_back_later_by_the_stated_delay() -> None:
    noise = np.convolve(np.random.default_rng(0).normal(0, 4000, 24_000), np.hanning(9) / 4, "same").astype(np.int16)
    heard = OpusDecoder().push(OpusEncoder().push(noise))

    likeness = [np.corrcoef(noise[4_000:16_000], heard[4_000 + d : 16_000 + d])[0, 1] for d in range(300)]

    assert abs(int(np.argmax(likeness)) - DELAY_MS * 24) <= 2


def test_how_the_sound_is_cut_changes_no_byte() -> None:
    sound = tone(24_000)
    whole = OpusEncoder().push(sound)
    pieces = OpusEncoder()

    assert b"".join(pieces.push(sound[at : at + 317]) for at in range(0, len(sound), 317)) == whole


def test_five_micro_turns_are_twelve_and_a_half_frames() -> None:
    encoder = OpusEncoder()
    counts = [len(encoder.frames(tone(4_800))) for _ in range(10)]

    assert counts == [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]
    assert encoder.waiting == 0


def test_pages_may_be_cut_anywhere() -> None:
    pages = OpusEncoder().push(tone(24_000))
    decoder = OpusDecoder()

    assert sum(len(decoder.push(bytes([byte]))) for byte in pages) == 12 * 1_920


@pytest.mark.parametrize("rubbish", [b"no page at all", b"OggS\x09" + bytes(60)], ids=["junk", "unknown version"])
def test_a_message_that_is_none_costs_that_message(rubbish: bytes) -> None:
    frames = OpusEncoder().frames(tone(24_000))
    decoder = OpusDecoder()
    decoder.push(frames[0])

    with pytest.raises(MessageError):
        decoder.push(rubbish)

    heard = sum(len(push_again(decoder, frame)) for frame in frames[1:])
    assert heard >= 10 * 1_920


def push_again(decoder: OpusDecoder, frame: bytes) -> Pcm:
    try:
        return decoder.push(frame)
    except MessageError:
        return np.zeros(0, np.int16)


def test_a_page_whose_opus_is_broken_costs_that_message_only() -> None:
    frames = OpusEncoder().frames(tone(24_000))
    decoder = OpusDecoder()
    decoder.push(frames[0])
    start = frames[1].index(b"OggS") + 27 + frames[1][26]

    with pytest.raises(MessageError, match="no Opus"):
        decoder.push(frames[1][:start] + b"\xff" * (len(frames[1]) - start))

    assert [len(decoder.push(frame)) for frame in frames[2:]] == [1_920] * 10


def test_headers_that_are_broken_are_forgotten_when_a_new_stream_begins() -> None:
    decoder = OpusDecoder()
    head = bytearray(page(b"OpusHead" + bytes(11)))
    head[4] = 9

    with pytest.raises(MessageError):
        decoder.push(bytes(head))

    assert len(decoder.push(OpusEncoder().push(tone(1_920)))) == 1_920


def test_a_second_stream_may_follow_the_first() -> None:
    decoder = OpusDecoder()

    assert len(decoder.push(OpusEncoder().push(tone(3_840)) + OpusEncoder().push(tone(3_840)))) == 2 * 3_840


def test_a_message_that_unfolds_to_minutes_is_refused() -> None:
    pages = OpusEncoder().frames(tone(1_920 * 2))
    decoder = OpusDecoder()
    decoder.push(pages[0])

    with pytest.raises(MessageError, match="more than 30 s"):
        decoder.push(pages[1] * 400)


def page(*packets: bytes) -> bytes:
    """An Ogg page; readers here do not compare checksums."""
    head = b"OggS" + struct.pack("<BBqIII", 0, 0, 0, 1, 3, 0)
    return head + bytes([len(packets)]) + bytes(len(p) for p in packets) + b"".join(packets)


def test_what_is_too_loud_is_clipped_and_counted() -> None:
    decoder = OpusDecoder()
    square = np.where(tone(24_000) > 0, 32_767, -32_768).astype(np.int16)

    heard = decoder.push(OpusEncoder().push(square))

    assert decoder.clipped > 0
    assert heard.max() == 32_767


def test_without_the_extra_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sphn", None)

    with pytest.raises(AppError, match=r"tmlapp\[opus\]"):
        OpusEncoder()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300) | st.binary(max_size=60).map(lambda b: b"OggS" + b), max_size=8))
def test_no_bytes_do_harm(messages: list[bytes]) -> None:
    decoder = OpusDecoder()
    decoder.push(OpusEncoder().push(tone(1_920)))
    for message in messages:
        try:
            decoder.push(message)
        except MessageError:
            continue
    assert len(decoder._open) <= 70_000


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_that_went_wrong_on_the_way_do_no_harm(data: st.DataObject) -> None:
    pages = bytearray(OpusEncoder().push(tone(1_920 * 4)))
    for _ in range(data.draw(st.integers(1, 6))):
        pages[data.draw(st.integers(0, len(pages) - 1))] = data.draw(st.integers(0, 255))
    decoder = OpusDecoder()
    assert len(push_again(decoder, bytes(pages))) <= 2_880 * 255

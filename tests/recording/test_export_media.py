"""Clips and sound of a stretch: what is in them is measured by decoding them."""

from __future__ import annotations

import resource
import sys
import wave
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.recording.parts import jpeg, make_info, make_turn, record
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS, TURN_SAMPLES
from tmlapp.recording.export import clip as clip_module
from tmlapp.recording.export import folder as folder_module
from tmlapp.recording.export import sound as sound_module
from tmlapp.recording.export.clip import write_mp4
from tmlapp.recording.export.folder import export_folder
from tmlapp.recording.export.pace import Pace, StoppedError
from tmlapp.recording.export.sound import Source, kernel, write_wav
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit

FLASHES_MS = (700, 1_900, 3_130, 4_410)
"""Each is a white frame and a click at the same moment, not on the grid of the micro-turns."""


def _refuse(error: AppError) -> None:
    raise error


def session(folder: Path, frames: list[Frame], pcm: np.ndarray[Any, Any], heard: list[Any] = ()) -> Recording:  # type: ignore[assignment]
    """A session with these frames and this sound; `heard` are (t_ns, samples, rate)."""
    recorder = Recorder(folder, "s", make_info(), clock=MonotonicClock(), on_failure=_refuse)
    recorder.start()
    for k in range(len(pcm) // TURN_SAMPLES):
        shown = tuple(f for f in frames if k * TURN_NS <= f.t_ns < (k + 1) * TURN_NS)
        turn = MicroTurn(k, pcm[k * TURN_SAMPLES : (k + 1) * TURN_SAMPLES], shown)
        recorder.turn(turn, ready_ns=0, pushed_ns=0, drift_ppm=None)
    for t_ns, samples, rate in heard:
        recorder.heard(t_ns, samples, rate)
    return Recording.open(recorder.close())


def clap_and_flash(folder: Path) -> Recording:
    """Six seconds at 30 frames per second."""
    pcm = np.zeros(30 * TURN_SAMPLES, np.int16)
    times = [round(k * NS_PER_S / 30) for k in range(180)]
    times += [ms * NS_PER_MS for ms in FLASHES_MS]
    frames = [
        Frame(t, jpeg(250 if t in [m * NS_PER_MS for m in FLASHES_MS] else 10, 64, 48), 64, 48) for t in sorted(times)
    ]
    for ms in FLASHES_MS:
        pcm[ms * 16 : ms * 16 + 80] = 20_000
    return session(folder, frames, pcm)


def sound_of(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    """Decoded sound of a film, float [n], and its rate; sample 0 stands at its first time stamp."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = round(float(frames[0].time) * frames[0].sample_rate)
    assert first >= 0
    pcm = np.concatenate([f.to_ndarray().mean(axis=0) for f in frames])
    return np.concatenate([np.zeros(first), pcm]), frames[0].sample_rate


def flashes_in(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        shown = [(float(f.time), float(f.to_ndarray(format="gray").mean())) for f in container.decode(video=0)]
    return [t for (t, now), (_, before) in zip(shown[1:], shown, strict=False) if now > 128 >= before]


def claps_in(path: Path) -> list[float]:
    pcm, rate = sound_of(path)
    loud = np.nonzero(np.abs(pcm) > 0.2)[0]
    begins = loud[np.insert(np.diff(loud) > rate // 10, 0, True)]
    return [float(b) / rate for b in begins]


@pytest.mark.parametrize(("start_ms", "end_ms"), [(0, 6_000), (1_000, 5_000), (523, 4_777)])
def test_in_a_clip_the_clap_is_heard_when_the_flash_is_seen(tmp_path: Path, start_ms: int, end_ms: int) -> None:
    recording = clap_and_flash(tmp_path)
    out = write_mp4(recording, tmp_path / "c.mp4", start_ns=start_ms * NS_PER_MS, end_ns=end_ms * NS_PER_MS)
    expected = [(ms - start_ms) / 1000 for ms in FLASHES_MS if start_ms <= ms < end_ms]
    seen, heard = flashes_in(out), claps_in(out)
    assert seen == pytest.approx(expected, abs=0.001)
    assert heard == pytest.approx(expected, abs=0.005)
    with av.open(str(out)) as container:
        lengths = [float(s.duration * s.time_base) for s in container.streams]
    assert lengths == pytest.approx([(end_ms - start_ms) / 1000] * 2, abs=0.05)


def test_a_clip_begins_with_the_newest_picture_before_it_and_stays_on_the_last(tmp_path: Path) -> None:
    frames = [Frame(k * 500 * NS_PER_MS, jpeg(60 * k, 33, 25), 33, 25) for k in range(4)]
    frames += [Frame(1_600 * NS_PER_MS, jpeg(240, 64, 48), 64, 48)]
    recording = session(tmp_path, frames, np.zeros(20 * TURN_SAMPLES, np.int16))
    out = write_mp4(recording, tmp_path / "c.mp4", start_ns=700 * NS_PER_MS, end_ns=4 * NS_PER_S, sound="mic")
    with av.open(str(out)) as container:
        shown = [
            (float(f.time), f.width, f.height, float(f.to_ndarray(format="gray").mean()))
            for f in container.decode(video=0)
        ]
    assert [s[0] for s in shown] == pytest.approx([0, 0.3, 0.8, 0.9, 3.3 - 1 / 30], abs=0.001)
    assert {s[1:3] for s in shown} == {(32, 24)}
    assert [s[3] for s in shown] == pytest.approx([60, 120, 180, 240, 240], abs=25)


def test_a_clip_whose_first_picture_comes_late_shows_that_one_from_the_beginning(tmp_path: Path) -> None:
    recording = session(tmp_path, [Frame(3 * NS_PER_S, jpeg(200), 32, 24)], np.zeros(25 * TURN_SAMPLES, np.int16))
    out = write_mp4(recording, tmp_path / "c.mp4")
    with av.open(str(out)) as container:
        assert [float(f.time) for f in container.decode(video=0)] == pytest.approx([0, 5 - 1 / 30], abs=0.001)
    with pytest.raises(AppError, match="no picture"):
        write_mp4(recording, tmp_path / "d.mp4", end_ns=2 * NS_PER_S)


def wav(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    with wave.open(str(path), "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()), file.getframerate()


def test_a_single_track_keeps_its_samples(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    got, rate = wav(
        write_wav(recording, tmp_path / "o.wav", start_ns=TURN_NS + 62_500, end_ns=3 * TURN_NS, sound="mic")
    )
    whole = np.concatenate([make_turn(k).pcm for k in range(5)])
    assert rate == 16_000
    assert np.array_equal(got[:, 0], whole[TURN_SAMPLES + 1 : 3 * TURN_SAMPLES])
    got, rate = wav(write_wav(recording, tmp_path / "m.wav", sound="model"))
    assert rate == 24_000
    assert np.array_equal(got[:, 0], recording.audio("/model/audio")[0])
    got, _ = wav(write_wav(recording, tmp_path / "h.wav", sound="heard"))
    assert np.array_equal(got[:, 0], recording.audio("/model/heard")[0])


def tone(n: int, rate: int, hz: float = 440.0, size: float = 8_000) -> np.ndarray[Any, Any]:
    return (size * np.sin(2 * np.pi * hz * np.arange(n) / rate)).round().astype(np.int16)


@pytest.mark.parametrize("rate", [24_000, 22_050, 96_000])
def test_the_mix_holds_both_sides_at_their_places_without_seams(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tone(rate, rate, 300)
    recording = session(tmp_path, [], tone(20 * TURN_SAMPLES, 16_000), [(NS_PER_S, said, rate)])
    monkeypatch.setattr(sound_module, "BLOCK_NS", 700 * NS_PER_MS)
    stereo, out_rate = wav(write_wav(recording, tmp_path / "s.wav", sound="stereo"))
    mix, _ = wav(write_wav(recording, tmp_path / "x.wav"))
    assert out_rate == 48_000
    assert len(stereo) == len(mix) == 4 * 48_000
    t = np.arange(4 * 48_000) / 48_000
    left = 8_000 * np.sin(2 * np.pi * 440 * t)
    right = np.where((t >= 1) & (t < 2), 8_000 * np.sin(2 * np.pi * 300 * (t - 1)), 0)
    inner = np.s_[2_000:-2_000]
    assert np.abs(stereo[inner, 0] - left[inner]).max() < 20
    steady = (np.abs(t - 1) > 0.01) & (np.abs(t - 2) > 0.01)
    assert np.abs(stereo[:, 1] - right)[steady].max() < 20
    assert np.abs(mix[:, 0].astype(int) - stereo.astype(int).sum(axis=1)).max() <= 1


def test_a_mix_that_is_too_loud_is_clipped_and_not_wrapped(tmp_path: Path) -> None:
    loud = np.full(5 * TURN_SAMPLES, 30_000, np.int16)
    recording = session(tmp_path, [], loud, [(0, np.full(24_000, 30_000, np.int16), 24_000)])
    mix, _ = wav(write_wav(recording, tmp_path / "x.wav"))
    assert mix[5_000:40_000].min() > 32_000


def test_what_was_received_stands_for_a_loudspeaker_that_was_not_recorded(tmp_path: Path) -> None:
    recording = session(tmp_path, [], np.zeros(5 * TURN_SAMPLES, np.int16))
    assert Source(recording, "stereo").read(-10, 50).tolist() == [[0, 0]] * 50
    assert kernel(3, 1.0).sum(axis=1) == pytest.approx(1)


def test_a_wav_that_would_be_larger_than_a_wav_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording.open(record(tmp_path))
    monkeypatch.setattr(sound_module, "_LARGEST_WAV", 1_000)
    with pytest.raises(AppError, match="too large"):
        write_wav(recording, tmp_path / "x.wav")


@pytest.mark.parametrize(("start_s", "end_s"), [(-1, 2), (0, 0), (2, 1), (9, 10)])
def test_a_stretch_without_length_or_outside_the_recording_is_refused(tmp_path: Path, start_s: int, end_s: int) -> None:
    recording = Recording.open(record(tmp_path))
    for write in (write_wav, write_mp4):
        with pytest.raises(AppError, match="nothing to export"):
            write(recording, tmp_path / "x", start_ns=start_s * NS_PER_S, end_ns=end_s * NS_PER_S)
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_there_is_kept_unless_one_says_otherwise(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    out = tmp_path / "x"
    out.write_bytes(b"mine")
    for write in (write_wav, write_mp4):
        with pytest.raises(AppError, match="there already"):
            write(recording, out)
        assert out.read_bytes() == b"mine"
    write_wav(recording, out, force=True)
    assert out.read_bytes()[:4] == b"RIFF"


def test_progress_rises_to_the_end_and_a_stop_leaves_nothing(tmp_path: Path) -> None:
    recording = clap_and_flash(tmp_path)
    before = set(tmp_path.iterdir())
    for name, write in (("a.wav", write_wav), ("a.mp4", write_mp4)):
        shares: list[float] = []
        write(recording, tmp_path / name, pace=Pace(shares.append))
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        (tmp_path / name).unlink()
        with pytest.raises(StoppedError):
            write(recording, tmp_path / name, pace=Pace(cancelled=lambda: True))
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    blocked = recording.path / "x.wav"
    with pytest.raises(AppError, match="cannot be written"):
        write_wav(recording, blocked)
    with pytest.raises(AppError, match="cannot be written"):
        write_mp4(recording, recording.path / "x.mp4")


def test_without_the_extra_a_film_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording.open(record(tmp_path))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AppError) as told:
        write_mp4(recording, tmp_path / "x.mp4")
    assert told.value.fix == "pip install 'tmlapp[media]'"


def test_an_encoder_that_fails_or_is_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording.open(record(tmp_path))

    def broken(*_: object) -> None:
        raise av.error.InvalidDataError(1, "it broke")

    monkeypatch.setattr(clip_module.Writer, "sound", broken)
    with pytest.raises(AppError, match="cannot be written"):
        write_mp4(recording, tmp_path / "x.mp4")
    monkeypatch.undo()
    monkeypatch.setattr(clip_module, "_ENCODERS", ("no such encoder",))
    with pytest.raises(AppError, match="no encoder"):
        write_mp4(recording, tmp_path / "x.mp4")
    assert not list(tmp_path.glob("*.mp4"))


def test_the_film_of_a_folder_has_sound_where_the_extra_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = clap_and_flash(tmp_path)
    export_folder(recording, tmp_path / "with")
    film = tmp_path / "with" / "video.mp4"
    assert claps_in(film) == pytest.approx([ms / 1000 for ms in FLASHES_MS], abs=0.005)
    monkeypatch.setattr(folder_module, "has_media", lambda: False)
    export_folder(recording, tmp_path / "without")
    with av.open(str(tmp_path / "without" / "video.mp4")) as container:
        assert [s.type for s in container.streams] == ["video"]
    assert cv2.VideoCapture(str(film)).get(cv2.CAP_PROP_FRAME_COUNT) > 180


def test_a_folder_that_was_stopped_is_empty_again(tmp_path: Path) -> None:
    recording = clap_and_flash(tmp_path)
    shares: list[float] = []
    with pytest.raises(StoppedError):
        export_folder(recording, tmp_path / "out", pace=Pace(shares.append, lambda: len(shares) > 20))
    assert shares == sorted(shares)
    assert not list((tmp_path / "out").iterdir())


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    recording = clap_and_flash(tmp_path)
    before = set(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
    try:
        for write in (write_wav, write_mp4):
            with pytest.raises(AppError, match="cannot be written"):
                write(recording, tmp_path / "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert set(tmp_path.iterdir()) == before

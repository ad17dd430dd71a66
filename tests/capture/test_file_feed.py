"""Files become micro-turns: every picture at its own time, every sample at its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from tests.capture.media_made import (
    CLIPS,
    decoded,
    events_of,
    file_feed,
    frame_times_ms,
    impulse,
    number_of,
    numbered,
    numbers_of,
    onset,
    play,
    sound_of,
    write_video,
)
from tmlapp.capture.padding import SensorNoise
from tmlapp.core.event import Gap, Notice
from tmlapp.core.units import TURN_NS

pytestmark = pytest.mark.unit

needs_clips = pytest.mark.skipif(not CLIPS.is_dir(), reason="the shared clips are not on this machine")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """One second of 30 numbered frames, without sound."""
    return write_video(tmp_path / "second.mp4", [numbered(i) for i in range(30)])


@needs_clips
@pytest.mark.parametrize(
    ("name", "frames", "length_s", "sound"),
    [
        ("RepCountA_test2315.mp4", 300, 10.0, False),
        ("AI-Fitness-Coa__front_kick.mp4", 303, 5.2, False),
        ("gymnai-exercis__plank.mp4", 240, 8.0, True),
        ("squat-counter__ad8b_squat.gif", 70, 7.0, False),
    ],
)
def test_real_clips_flow_whole(name: str, frames: int, length_s: float, sound: bool) -> None:
    feed = file_feed(CLIPS / name)
    turns = play(feed)
    assert len(turns) * 0.2 == pytest.approx(length_s)
    assert feed.info.duration_ns == len(turns) * TURN_NS
    # What is more than the file's own frames stands in until the turn, or the sound, ends.
    assert frames <= len(frame_times_ms(turns)) <= frames + 12
    assert bool(np.any(sound_of(turns))) == sound
    absent = [e for e in events_of(turns) if isinstance(e, Gap)]
    assert [g.kind for g in absent] == ([] if feed.info.mic.kind == "file" else ["absent"])
    assert feed.info.camera.sha256 == hashlib.sha256((CLIPS / name).read_bytes()).hexdigest()


def test_frames_keep_their_own_times_and_order(second: Path) -> None:
    turns = play(file_feed(second))
    assert frame_times_ms(turns) == pytest.approx([i * 1000 / 30 for i in range(30)], abs=0.51)
    assert numbers_of(turns) == list(range(30))
    assert [len(t.frames) for t in turns] == [6] * 5


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    times = [0, 10, 200, 201, 650, 1399, 1400]
    path = write_video(tmp_path / "vfr.mkv", [numbered(i + 1) for i in range(7)], times_ms=times)
    turns = play(file_feed(path))
    assert frame_times_ms(turns)[:7] == pytest.approx(times, abs=0.001)
    assert numbers_of(turns)[:7] == list(range(1, 8))
    assert [len(t.frames) for t in turns][:7] == [2, 2, 0, 1, 0, 0, 1]


def test_padding_holds_the_first_and_last_frame_with_noise_and_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "second.mkv", [numbered(i) for i in range(25)], fps=25)
    turns = play(file_feed(path, pad_before_s=0.5, pad_after_s=0.3, tail_s=0.2))
    assert len(turns) == 10
    assert frame_times_ms(turns) == pytest.approx([20 + i * 40 for i in range(50)], abs=0.001)
    assert numbers_of(turns) == [0] * 12 + list(range(25)) + [24] * 13
    held = [f.jpeg for t in (turns[0], turns[1], turns[-1]) for f in t.frames]
    assert len(set(held)) == len(held), "every held frame has noise of its own"
    assert not np.any(sound_of(turns))


def test_sensor_noise_has_its_sigma_is_fresh_and_repeats_with_its_seed() -> None:
    grey = np.full((120, 160, 3), 128, np.uint8)
    noise = SensorNoise(3)
    first, second = (noise.on(grey).astype(int) - 128 for _ in range(2))
    assert first.std() == pytest.approx(2.0, abs=0.05)
    assert first.mean() == pytest.approx(0.0, abs=0.05)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    assert np.array_equal(SensorNoise(3).on(grey), first + 128)


def test_sound_starts_exactly_where_the_padding_ends(second: Path, tmp_path: Path) -> None:
    sound = np.arange(-8000, 8000, dtype=np.int16)
    soundfile.write(tmp_path / "ramp.wav", sound, 16_000, subtype="PCM_16")
    pcm = sound_of(play(file_feed(second, tmp_path / "ramp.wav", pad_before_s=0.12345, pad_after_s=1)))
    start = round(0.12345 * 16_000)
    assert not np.any(pcm[:start])
    assert np.array_equal(pcm[start : start + 16_000], sound)
    assert not np.any(pcm[start + 16_000 :])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channel_count_keeps_its_time(tmp_path: Path, rate: int, channels: int) -> None:
    sound = impulse(rate, 1.0, 0.4)
    soundfile.write(tmp_path / "s.wav", np.repeat(sound[:, None], channels, axis=1), rate)
    pcm = sound_of(play(file_feed(None, tmp_path / "s.wav")))
    assert len(pcm) == 16_000
    assert onset(pcm) == pytest.approx(6_400, abs=2)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_compressed_sound_is_read(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"s.{suffix}", impulse(48_000, 1.0, 0.4), 48_000)
    pcm = sound_of(play(file_feed(tmp_path / f"s.{suffix}")))
    assert onset(pcm) == pytest.approx(6_400, abs=16)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_the_sound_inside_a_video_is_in_step_with_it(tmp_path: Path, suffix: str) -> None:
    pictures = [numbered(255 if i == 12 else 0) for i in range(30)]
    path = write_video(tmp_path / f"av.{suffix}", pictures, sound=impulse(48_000, 1.0, 0.4))
    turns = play(file_feed(path, pad_before_s=1))
    flash_ms = frame_times_ms(turns)[numbers_of(turns).index(255)]
    assert flash_ms == pytest.approx(1400, abs=0.6)
    assert onset(sound_of(turns)) / 16 == pytest.approx(1400, abs=1.5)


def test_sound_that_starts_late_in_its_container_starts_late(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", [numbered(0)] * 30, sound=impulse(48_000, 0.5, 0.1), sound_starts_ms=250)
    turns = play(file_feed(path))
    assert onset(sound_of(turns)) / 16 == pytest.approx(350, abs=1.5)
    assert frame_times_ms(turns)[0] == 0


def test_pictures_that_start_late_in_their_container_start_late(tmp_path: Path) -> None:
    times = [round(300 + i * 1000 / 30) for i in range(15)]
    path = write_video(
        tmp_path / "late.mkv", [numbered(i) for i in range(15)], times_ms=times, sound=impulse(48_000, 0.8, 0.1)
    )
    turns = play(file_feed(path))
    assert onset(sound_of(turns)) / 16 == pytest.approx(100, abs=1.5)
    assert frame_times_ms(turns)[numbers_of(turns).index(1)] == pytest.approx(333, abs=1)


def test_a_track_that_ends_first_is_told_and_the_other_goes_on(second: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", impulse(16_000, 3.0, 2.5), 16_000)
    turns = play(file_feed(second, tmp_path / "long.wav"))
    assert len(turns) == 15
    assert numbers_of(turns)[-1] == 29
    assert len(turns[-1].frames) == 6
    assert [e.what for e in events_of(turns) if isinstance(e, Notice)] == [
        "The picture ends at 1.00 s; its last frame stays."
    ]


def test_two_runs_give_the_same_bytes(second: Path) -> None:
    def digest(seed: int) -> str:
        whole = hashlib.sha256()
        for turn in play(file_feed(second, pad_before_s=1, pad_after_s=1, seed=seed)):
            whole.update(turn.pcm.tobytes() + b"".join(f.jpeg for f in turn.frames))
        return whole.hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_a_4k_file_is_scaled_down_and_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "4k.mp4", [numbered(5, 3840, 2160)] * 3)
    feed = file_feed(path)
    frame = play(feed)[0].frames[0]
    assert (frame.width, frame.height) == (1920, 1080)
    assert decoded(frame.jpeg).shape == (1080, 1920, 3)
    assert feed.info.camera.actual["scaled_from"] == [3840, 2160]


def test_a_folder_of_pictures_plays_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "bild folge"
    folder.mkdir()
    for i in range(12):
        (folder / f"bild{i}.png").write_bytes(cv2.imencode(".png", numbered(i))[1].tobytes())
    (folder / "notes.txt").write_text("no picture")
    turns = play(file_feed(folder))
    assert numbers_of(turns)[:12] == list(range(12))
    assert frame_times_ms(turns)[:12] == pytest.approx([i * 100.0 for i in range(12)])


def test_a_still_picture_plays_as_long_as_its_padding(tmp_path: Path) -> None:
    (tmp_path / "still.png").write_bytes(cv2.imencode(".png", numbered(77))[1].tobytes())
    turns = play(file_feed(tmp_path / "still.png", pad_before_s=1))
    assert len(turns) == 6
    assert set(numbers_of(turns)) == {77}


def test_content_and_not_the_name_decides_what_a_file_is(second: Path, tmp_path: Path) -> None:
    video = second.rename(tmp_path / "video.wav")
    assert numbers_of(play(file_feed(video))) == list(range(30))
    soundfile.write(tmp_path / "s.flac", impulse(16_000, 1.0, 0.4), 16_000)
    sound = (tmp_path / "s.flac").rename(tmp_path / "sound.mp4")
    turns = play(file_feed(sound))
    assert onset(sound_of(turns)) == 6_400
    assert [(e.track, e.kind) for e in events_of(turns) if isinstance(e, Gap)] == [("camera", "absent")]


def test_paths_with_spaces_colons_commas_and_other_letters_work(second: Path, tmp_path: Path) -> None:
    odd = tmp_path / "Kniebeugen – größer, 50%d: 深蹲.mp4"
    second.rename(odd)
    assert number_of(decoded(play(file_feed(odd))[1].frames[0].jpeg)) == 6

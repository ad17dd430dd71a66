"""Bad input: refused with a reason and a fix, or played as far as it goes with the loss in its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from tests.capture.media_made import (
    CLIPS,
    events_of,
    file_feed,
    frame_times_ms,
    impulse,
    numbered,
    numbers_of,
    play,
    sound_of,
    write_sound_blocks,
    write_video,
)
from tmlapp.capture.file_feed import FileFeed, open_source, parse_source
from tmlapp.capture.media_file import may_hold_sound
from tmlapp.capture.synthetic import SyntheticFeed
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice

pytestmark = pytest.mark.unit


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write_video(tmp_path / "second.mp4", [numbered(i) for i in range(30)])


@pytest.fixture
def no_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


def refused(video: Path | None, audio: Path | None = None) -> AppError:
    with pytest.raises(AppError) as caught:
        file_feed(video, audio).open(lambda: None)
    assert caught.value.what
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "nothing.mp4").what


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refused(tmp_path / "empty.mp4").why
    assert "0 bytes" in refused(None, tmp_path / "empty.mp4").why


def test_a_folder_as_sound_is_refused(tmp_path: Path) -> None:
    assert "folder" in refused(None, tmp_path).what


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    assert "0 files" in refused(tmp_path).why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(second: Path) -> None:
    second.chmod(0)
    assert "permission" in refused(second).why


@pytest.mark.parametrize("name", ["text.mp4", "text.wav", "text.gif"])
def test_what_is_no_media_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("This is a shopping list.\n" * 200)
    assert "No picture" in refused(tmp_path / name).what
    assert "cannot be read" in refused(None, tmp_path / name).what


def test_a_video_cut_before_its_first_picture_is_refused(second: Path) -> None:
    second.write_bytes(second.read_bytes()[:2000])
    assert "No picture" in refused(second).what


def test_a_video_without_sound_named_as_sound_is_refused(second: Path) -> None:
    assert "holds no sound" in refused(None, second).what


def test_naming_nothing_is_refused() -> None:
    assert "nothing to play" in refused(None).what


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_cut_video_plays_to_the_cut_and_tells_the_loss(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (120, 160, 3)).astype(np.uint8) for _ in range(90)]
    cut = write_video(tmp_path / f"cut.{suffix}", pictures, options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    turns = play(file_feed(cut))
    gaps = [e for e in events_of(turns) if isinstance(e, Gap) and e.track == "camera"]
    assert len(gaps) == 1
    assert 40 <= len(frame_times_ms(turns)) <= 60
    assert gaps[0].t_ns / 1e9 == pytest.approx(len(turns) * 0.2, abs=0.21)
    assert (gaps[0].t_ns + gaps[0].dur_ns) / 1e9 == pytest.approx(3.0, abs=0.05)


def test_a_cut_avi_plays_to_the_cut_and_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (120, 160, 3)).astype(np.uint8) for _ in range(90)]
    cut = write_video(tmp_path / "cut.avi", pictures)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    turns = play(file_feed(cut))
    assert 40 <= len(frame_times_ms(turns)) <= 60
    assert ["shorter than it says" in e.what for e in events_of(turns) if isinstance(e, Notice)] == [True]


def test_a_cut_wav_plays_to_the_cut_and_tells_the_loss(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.full(32_000, 1000, np.int16), 16_000)
    data = (tmp_path / "s.wav").read_bytes()
    (tmp_path / "s.wav").write_bytes(data[: 44 + 16_000])
    turns = play(file_feed(None, tmp_path / "s.wav"))
    assert np.count_nonzero(sound_of(turns)) == 8_000
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.kind == "lost"]
    assert [(g.track, g.t_ns, g.dur_ns) for g in lost] == [("mic", 500_000_000, 1_500_000_000)]


def test_a_cut_flac_plays_to_the_cut_and_tells_the_loss(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 64_000).astype(np.int16)
    soundfile.write(tmp_path / "s.flac", noise, 16_000)
    data = (tmp_path / "s.flac").read_bytes()
    (tmp_path / "s.flac").write_bytes(data[: len(data) // 2])
    turns = play(file_feed(None, tmp_path / "s.flac"))
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.kind == "lost"]
    heard = int(np.flatnonzero(sound_of(turns))[-1]) + 1
    assert 20_000 < heard < 40_000
    assert lost[0].t_ns / 1e9 * 16_000 == pytest.approx(heard, abs=8)
    assert (lost[-1].t_ns + lost[-1].dur_ns) == 4_000_000_000


def test_samples_that_are_no_numbers_become_silence_with_a_gap(tmp_path: Path) -> None:
    sound = np.full(16_000, 0.5, np.float32)
    sound[4_000:4_800] = np.nan
    sound[4_400] = np.inf
    soundfile.write(tmp_path / "nan.wav", sound, 16_000, subtype="FLOAT")
    turns = play(file_feed(None, tmp_path / "nan.wav", pad_before_s=1))
    pcm = sound_of(turns)
    assert not np.any(pcm[20_000:20_800])
    assert np.all(pcm[16_000:20_000] == 16_384)
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.kind == "lost"]
    assert sum(g.dur_ns for g in lost) == 50_000_000
    assert lost[0].t_ns == 1_250_000_000


def test_sound_beyond_full_scale_is_clipped_and_told_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.full(16_000, 3.0, np.float32), 16_000, subtype="FLOAT")
    turns = play(file_feed(None, tmp_path / "loud.wav"))
    assert set(sound_of(turns)) == {32_767}
    assert ["too loud" in e.what for e in events_of(turns) if isinstance(e, Notice)] == [True]


def test_a_hole_in_the_sound_of_a_container_stays_a_hole(tmp_path: Path) -> None:
    path = write_sound_blocks(tmp_path / "hole.mkv", [*range(0, 16_000, 1600), *range(24_000, 32_000, 1600)])
    turns = play(file_feed(None, path))
    pcm = sound_of(turns)
    assert len(pcm) == 32_000
    assert not np.any(pcm[16_000:24_000])
    assert np.all(pcm[24_000:32_000] >= 1000)
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.track == "mic"]
    assert [(g.t_ns, g.dur_ns) for g in lost] == [(1_000_000_000, 500_000_000)]


def test_sound_that_overlaps_keeps_its_place_and_is_told(tmp_path: Path) -> None:
    path = write_sound_blocks(tmp_path / "twice.mkv", [0, 1600, 2400, 4000])
    turns = play(file_feed(None, path))
    pcm = sound_of(turns)
    assert [int(pcm[i]) for i in (1599, 1600, 3199, 3200, 3999, 4000)] == [1000, 1001, 1001, 1002, 1002, 1003]
    assert len(np.flatnonzero(pcm)) == 5600
    assert ["overlap by 0.050 s" in e.what for e in events_of(turns) if isinstance(e, Notice)] == [True]


def test_damaged_sound_packets_are_left_out_at_their_place_and_told(tmp_path: Path) -> None:
    tone = (np.sin(np.arange(96_000) / 20) * 9000).astype(np.int16)
    path = write_video(tmp_path / "av.mkv", [numbered(0)] * 60, sound=tone, sound_codec="flac")
    data = bytearray(path.read_bytes())
    middle = data.find(b"\xff\xf8", len(data) // 2)
    data[middle : middle + 2] = b"\0\0"
    path.write_bytes(bytes(data))
    turns = play(file_feed(path))
    assert any("damaged packets" in e.what for e in events_of(turns) if isinstance(e, Notice))
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.track == "mic"]
    assert len(lost) == 1
    assert 50_000_000 < lost[0].dur_ns < 200_000_000
    assert np.count_nonzero(sound_of(turns)[-8000:]) > 7000, "what follows the damage is heard"


def test_frames_without_times_are_spaced_evenly_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "raw.h264", [numbered(i) for i in range(10)], codec="libx264", container="h264")
    turns = play(file_feed(path, pad_after_s=0.2))
    assert np.diff(frame_times_ms(turns)) == pytest.approx(40.0)
    assert numbers_of(turns)[:10] == list(range(10))
    assert ["no usable time" in e.what for e in events_of(turns) if isinstance(e, Notice)] == [True]


def test_a_time_far_behind_the_end_does_not_stretch_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "x.mkv", [numbered(i) for i in range(30)])
    monkeypatch.setattr("tmlapp.capture.video_file._FAR_NS", -500_000_000)
    turns = play(file_feed(path))
    assert len(turns) == 5
    assert any("no usable time" in e.what for e in events_of(turns) if isinstance(e, Notice))


def test_music_with_a_cover_is_sound_alone(tmp_path: Path) -> None:
    import av

    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        voice = out.add_stream("aac", rate=16_000, layout="mono")
        cover = out.add_stream("mjpeg", rate=1, width=160, height=120, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic.value
        out.mux(cover.encode(av.VideoFrame.from_ndarray(numbered(1), format="bgr24")))
        out.mux(cover.encode())
        for at in range(0, 16_384, 1024):
            block = av.AudioFrame.from_ndarray(np.full((1, 1024), 9000, np.int16), format="s16", layout="mono")
            block.sample_rate, block.pts = 16_000, at
            out.mux(voice.encode(block))
        out.mux(voice.encode())
    turns = play(file_feed(path))
    assert np.mean(np.abs(sound_of(turns)[:16_000]) > 5000) > 0.9
    assert [(e.track, e.kind) for e in events_of(turns) if isinstance(e, Gap)] == [("camera", "absent")]


def test_a_container_that_cannot_be_opened_as_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + b"\0" * 5000)
    assert refused(None, tmp_path / "x.mkv").fix


def test_a_damaged_picture_in_a_folder_leaves_a_hole_and_a_gap(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(5):
        size = (320, 240) if i == 4 else (160, 120)
        (folder / f"{i}.png").write_bytes(cv2.imencode(".png", numbered(i, *size))[1].tobytes())
    (folder / "2.png").write_text("torn")
    (folder / "3.png").write_bytes(b"")
    turns = play(file_feed(folder, images_fps=5))
    assert frame_times_ms(turns) == pytest.approx([0, 200, 800])
    assert {(f.width, f.height) for t in turns for f in t.frames} == {(160, 120)}
    lost = [e for e in events_of(turns) if isinstance(e, Gap) and e.track == "camera"]
    assert [(g.t_ns, g.dur_ns) for g in lost] == [(400_000_000, 200_000_000), (600_000_000, 200_000_000)]


def test_negative_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        file_feed(Path("x.mp4"), pad_before_s=-1)


def test_a_feed_has_no_info_before_it_is_opened() -> None:
    with pytest.raises(RuntimeError):
        _ = file_feed(Path("x.mp4")).info


def test_without_pyav_a_video_that_may_hold_sound_names_the_ways_out(tmp_path: Path, no_av: None) -> None:
    with_sound = tmp_path / "av.mp4"
    sys.modules.pop("av")
    write_video(with_sound, [numbered(i) for i in range(30)], sound=impulse(48_000, 1.0, 0.4))
    sys.modules["av"] = None  # type: ignore[assignment]
    error = refused(with_sound)
    assert "tmlapp[media]" in error.fix
    assert "av.mp4,none" in error.fix
    feed = FileFeed(with_sound, "none", realtime=False, clock=ManualClock())
    turns = play(feed)
    assert numbers_of(turns)[:30] == list(range(30))
    assert [e.reason for e in events_of(turns) if isinstance(e, Gap)] == ["Sound was left out, as asked."]


def test_without_pyav_a_video_that_says_it_has_no_sound_plays(second: Path, no_av: None) -> None:
    assert numbers_of(play(file_feed(second))) == list(range(30))


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the shared clips are not on this machine")
def test_whether_a_container_holds_sound_is_read_from_it() -> None:
    assert not may_hold_sound(CLIPS / "RepCountA_test2315.mp4")
    assert may_hold_sound(CLIPS / "MrPose__jacks.mp4")
    assert not may_hold_sound(CLIPS / "squat-counter__ad8b_squat.gif")


def test_sources_are_understood(second: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a, b.wav", impulse(16_000, 1.0, 0.4), 16_000)
    sound = tmp_path / "a, b.wav"
    comma = tmp_path / "x,y.mp4"
    comma.write_bytes(second.read_bytes())
    assert parse_source(str(second)).video == second
    assert parse_source(str(comma)) == parse_source(f" {comma} ")
    both = parse_source(f"{comma},{sound}")
    assert (both.video, both.audio) == (comma, sound)
    assert parse_source(f"{second},none").audio == "none"
    alone = parse_source(f",{sound}")
    assert (alone.video, alone.audio) == (None, sound)
    assert parse_source(str(tmp_path)).video == tmp_path
    assert parse_source("synthetic:clap").synthetic == "clap"


@pytest.mark.parametrize("text", ["", "  ", "synthetic:organ", "/no/such.mp4", "/no/such.mp4,/no/such.wav"])
def test_sources_that_name_nothing_are_refused(text: str) -> None:
    with pytest.raises(AppError):
        parse_source(text)


def test_the_missing_one_of_two_files_is_named(second: Path) -> None:
    with pytest.raises(AppError, match=r"nothing\.wav"):
        parse_source(f"{second},nothing.wav")


def test_open_source_gives_the_right_feed(second: Path) -> None:
    clock = ManualClock()
    assert isinstance(open_source(str(second), realtime=False, clock=clock), FileFeed)
    assert isinstance(open_source("synthetic:tone", realtime=False, clock=clock), SyntheticFeed)

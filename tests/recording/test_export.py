"""Files for other programs, checked with other programs."""

from __future__ import annotations

import hashlib
import json
import resource
import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.recording.parts import jpeg, make_turn, record, recorder
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.recording.export import pictures
from tmlapp.recording.export.folder import export_folder, web_vtt
from tmlapp.recording.export.pictures import frame_rate, write_video
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit


def samples(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def shades(path: Path) -> tuple[list[float], float]:
    video = cv2.VideoCapture(str(path))
    found = []
    while True:
        ok, picture = video.read()
        if not ok:
            break
        found.append(float(picture.mean()))
    return found, video.get(cv2.CAP_PROP_FPS)


def test_a_recording_becomes_a_folder_of_ordinary_files(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    out = tmp_path / "Übung 1"
    written = export_folder(recording, out)
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in written)
    user, rate = samples(out / "user.wav")
    assert rate == 16_000
    assert np.array_equal(user, np.concatenate([make_turn(k).pcm for k in range(5)]))
    model, rate = samples(out / "model.wav")
    assert (rate, len(model)) == (24_000, 25_200)
    assert (model[24_000:] == 5).all()
    heard, rate = samples(out / "heard.wav")
    assert (heard[4800:5400] == 5).all()
    turns = [json.loads(line) for line in (out / "turns.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [t["index"] for t in turns] == list(range(5))
    assert turns[0]["texts"][0]["text"] == "text 0 “ü”"
    events = [json.loads(line) for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    audio = next(e for e in events if e["type"] == "AudioOut")
    assert (audio["pcm16"], audio["samples"]) == ("", 1200)
    assert json.loads((out / "setup.json").read_text(encoding="utf-8"))["session_id"] == "s1"
    assert (out / "cues.vtt").read_text(encoding="utf-8").startswith("WEBVTT\n")
    for line in (out / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_the_video_shows_each_frame_at_its_time(tmp_path: Path) -> None:
    frames = [Frame(k * 100_000_000, jpeg(40 * k), 32, 24) for k in (0, 1, 2, 5)]
    path = tmp_path / "v.mp4"
    write_video(path, frames, [f.t_ns for f in frames], NS_PER_S)
    got, fps = shades(path)
    assert fps == pytest.approx(10)
    expected = [0, 40, 80, 80, 80, 200, 200, 200, 200, 200]
    assert len(got) == 10
    assert got == pytest.approx(expected, abs=6)


def test_the_first_frame_stands_in_for_the_time_before_it_and_others_are_scaled(tmp_path: Path) -> None:
    frames = [Frame(500_000_000, jpeg(50), 32, 24), Frame(600_000_000, jpeg(150, 64, 48), 64, 48)]
    path = tmp_path / "v.mp4"
    write_video(path, frames, [500_000_000, 600_000_000], NS_PER_S)
    got, _ = shades(path)
    assert len(got) == 10
    assert got[0] == pytest.approx(50, abs=6)
    assert got[9] == pytest.approx(150, abs=6)


@pytest.mark.parametrize(
    ("times_ns", "rate"),
    [([], 1), ([5], 1), ([0, 33_333_333, 66_666_666], 30), ([0, 0, 0], 30), ([0, 1000], 120), ([0, 9 * NS_PER_S], 1)],
)
def test_the_rate_of_a_video_fits_its_frames(times_ns: list[int], rate: int) -> None:
    assert frame_rate(times_ns) == Fraction(rate)


def test_no_frames_make_no_file_and_no_encoder_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "none.mp4", [], [], NS_PER_S)

    class Deaf:
        def __init__(self, *_: object) -> None:
            pass

        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return False

        def release(self) -> None:
            pass

    monkeypatch.setattr(pictures.cv2, "VideoWriter", Deaf)
    with pytest.raises(AppError, match="no MPEG-4 encoder"):
        write_video(tmp_path / "v.mp4", make_turn(0).frames, [0, 1], NS_PER_S)
    assert not list(tmp_path.iterdir())


def test_a_video_that_the_disk_cuts_short_is_an_error_and_not_kept(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(AppError, match="frames can be read back"):
            write_video(tmp_path / "v.mp4", [Frame(0, jpeg(90), 32, 24)], [0, NS_PER_S // 30], 10 * NS_PER_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_every_exported_file_has_the_rights_that_new_files_have(tmp_path: Path) -> None:
    path = record(tmp_path)
    written = export_folder(Recording.open(path), tmp_path / "out")
    assert len({p.stat().st_mode for p in written}) == 1


def test_sound_alone_makes_no_video(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    writer.turn(MicroTurn(0, make_turn(0).pcm), ready_ns=0, pushed_ns=0, drift_ppm=None)
    out = tmp_path / "out"
    out.mkdir()
    written = export_folder(Recording.open(writer.close()), out)
    assert "video.mp4" not in {p.name for p in written}
    assert len(samples(out / "heard.wav")[0]) == 3200


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path)
    with pytest.raises(AppError, match="not empty"):
        export_folder(Recording.open(path), tmp_path)
    with pytest.raises(AppError, match="failed"):
        export_folder(Recording.open(path), path / "x")


def test_captions_last_until_the_next_one_and_escape_what_they_must() -> None:
    cues = [
        Cue(3_723_004_000_000, "say", "a < b & c\n\nd > e"), Cue(0, "count", "one", 1), Cue(TURN_NS, "count", "two", 2),
        Cue(TURN_NS, "stop", "stop"),
    ]  # fmt: skip
    assert web_vtt(cues).splitlines() == [
        "WEBVTT", "",
        "1", "00:00:00.000 --> 00:00:00.200", "<c.count>one</c>", "",
        "2", "00:00:00.200 --> 00:00:00.201", "<c.count>two</c>", "",
        "3", "00:00:00.200 --> 00:00:02.200", "<c.stop>stop</c>", "",
        "4", "01:02:03.004 --> 01:02:05.004", "<c.say>a &lt; b &amp; c d &gt; e</c>",
    ]  # fmt: skip

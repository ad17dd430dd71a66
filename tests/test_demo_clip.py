"""The bundled clip is what its truth files say, and its generator makes it again."""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT

pytestmark = pytest.mark.unit


@pytest.fixture
def generator(demo_clip: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator, imported as it runs: with its folder in front of the path."""
    monkeypatch.syspath_prepend(str(demo_clip))
    for name in ("make_clip", "motion", "figure", "scene", "sound", "tour"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    pytest.importorskip("av", reason="the extra media is not installed")
    return __import__("make_clip")


def truth(demo_clip: Path, name: str) -> dict[str, float]:
    loaded: dict[str, float] = json.loads((demo_clip / f"truth-{name}.json").read_text("utf-8"))
    return loaded


def test_the_clip_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "assets/demo").iterdir() if path.is_file()) < 2.5e6


def test_the_video_has_the_promised_size_rate_and_length(demo_clip: Path) -> None:
    video = cv2.VideoCapture(str(demo_clip / "squats.mp4"))
    try:
        frames = 0
        while video.grab():
            frames += 1
        assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (640, 480)
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    finally:
        video.release()
    assert frames == round(30 * truth(demo_clip, "repcount")["duration_s"])


def test_the_request_is_spoken_while_the_figure_still_stands(demo_clip: Path) -> None:
    with wave.open(str(demo_clip / "squats.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / 32768
    assert len(samples) == round(16_000 * truth(demo_clip, "repcount")["duration_s"])
    level = np.sqrt(np.mean(samples[: len(samples) // 1600 * 1600].reshape(-1, 1600) ** 2, axis=1))
    spoken = np.flatnonzero(level > 0.01) / 10
    assert spoken[0] >= 0.5
    assert spoken[-1] < truth(demo_clip, "charades")["start_s"]


def test_the_truth_files_are_what_the_figure_does(demo_clip: Path, generator: ModuleType) -> None:
    motion = generator.make_motion(np.random.default_rng(7))
    ends = truth(demo_clip, "repcount")["rep_end_times_s"]
    assert ends == [round(t, 3) for t in motion.rep_end_times_s]
    assert len(motion.reps) == truth(demo_clip, "repcount")["count"] == 10
    assert all(2.0 <= rep.duration_s <= 2.6 for rep in motion.reps)
    assert truth(demo_clip, "charades")["stop_s"] == ends[-1]  # type: ignore[index]
    assert motion.state(motion.start_s).depth == 0
    assert motion.state(motion.rep_end_times_s[-1]).depth == pytest.approx(0, abs=1e-6)
    assert all(motion.state(rep.start_s + rep.duration_s * 0.47).depth > 0.9 for rep in motion.reps)


def test_the_figure_moves_during_the_squats_and_hardly_before_and_after(demo_clip: Path) -> None:
    video = cv2.VideoCapture(str(demo_clip / "squats.mp4"))
    grey = []
    try:
        while (read := video.read())[0]:
            small = cv2.resize(read[1], (160, 120), interpolation=cv2.INTER_AREA)
            grey.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32))
    finally:
        video.release()
    change = np.array([np.abs(b - a).mean() for a, b in zip(grey, grey[6:], strict=False)])
    start, stop = (round(30 * truth(demo_clip, "charades")[key]) for key in ("start_s", "stop_s"))
    still = np.concatenate([change[: start - 6], change[stop:]])
    assert np.median(change[start:stop]) > 4 * np.median(still)


def test_the_same_seed_draws_the_same_picture(generator: ModuleType) -> None:
    def picture() -> np.ndarray:
        motion = generator.make_motion(np.random.default_rng(7))
        room = generator.draw_room(np.random.default_rng(7))
        drawn: np.ndarray = generator.frame_at(motion, room, 5.0, np.random.default_rng(1))
        return drawn

    first = picture()
    assert first.shape == (480, 640, 3)
    assert np.array_equal(first, picture())


def test_the_tour_is_what_its_truth_says(demo_clip: Path, generator: ModuleType) -> None:
    tour = sys.modules["tour"]
    motion = tour.make_tour(np.random.default_rng(7))
    known = json.loads((demo_clip / "truth-tour.json").read_text("utf-8"))
    assert known == tour.truth_of(motion, [line["to_s"] for line in known["spoken"]])
    video = cv2.VideoCapture(str(demo_clip / "tour.mp4"))
    try:
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == round(30 * known["duration_s"])
    finally:
        video.release()
    sound = soundfile.info(str(demo_clip / "tour.ogg"))
    assert (sound.samplerate, sound.channels, sound.frames) == (16_000, 1, round(16_000 * known["duration_s"]))


def test_the_tour_is_spoken_where_its_truth_says(demo_clip: Path) -> None:
    known = json.loads((demo_clip / "truth-tour.json").read_text("utf-8"))
    samples, _ = soundfile.read(str(demo_clip / "tour.ogg"))
    level = np.sqrt(np.mean(samples[: len(samples) // 1600 * 1600].reshape(-1, 1600) ** 2, axis=1))
    loud = np.flatnonzero(level > 0.01) / 10
    for line in known["spoken"]:
        inside = loud[(loud > line["from_s"] - 0.3) & (loud < line["to_s"] + 0.3)]
        assert inside[-1] - inside[0] > 0.6 * (line["to_s"] - line["from_s"])
    apart = [(loud > line["from_s"] - 0.3) & (loud < line["to_s"] + 0.3) for line in known["spoken"]]
    assert np.any(apart, axis=0).all(), "nothing else is said"

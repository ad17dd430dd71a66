"""What the shipped graph sees: synthetic squats, stillness, and real clips where they lie beside the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.tiny.train.clips import model_frames
from models.tiny.train.runner import Player, Turn

pytestmark = pytest.mark.unit

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips"
REAL = CLIPS / "RepCountA_test2315.mp4"


@pytest.fixture(scope="module")
def loaded(model_dir: Path) -> Player:
    return Player(model_dir)


@pytest.fixture
def player(loaded: Player) -> Player:
    loaded.reset()
    return loaded


def scene(lift: Any, noise: float = 0.7, seed: int = 0) -> Any:
    """Frames [steps,2,96,128,3] of a textured bar that stands lift pixels above its place."""
    rng = np.random.default_rng(seed)
    wall = rng.uniform(60, 120, (96, 128)).astype(np.float32)
    bar = rng.uniform(120, 240, (30, 22)).astype(np.float32)
    frames = []
    for up in lift:
        picture, top = wall.copy(), 50 - float(up)
        whole = int(np.floor(top))
        part = top - whole
        picture[whole : whole + 30, 50:72] = bar * (1 - part) + np.vstack([bar[:1], bar[:-1]]) * part
        picture += rng.standard_normal(picture.shape) * noise
        frames.append(picture)
    grey = np.stack(frames).clip(0, 255).astype(np.uint8).reshape(-1, 2, 96, 128, 1)
    return np.repeat(grey, 3, 4)


def repetitions(count: int, period_s: float, idle_s: float = 3.0) -> Any:
    """Lift per frame at 10 Hz: idle, cosine repetitions of 20 pixels, idle."""
    idle = np.zeros(int(idle_s * 10))
    t = np.arange(int(count * period_s * 10)) / 10
    lift = np.concatenate([idle, 10 - 10 * np.cos(2 * np.pi * t / period_s), idle])
    return lift[: len(lift) // 2 * 2]


def play(player: Player, frames: Any, instruction: str) -> list[Turn]:
    player.reset()
    player.instruct(instruction)
    return [player.turn(step) for step in frames]


@pytest.mark.parametrize("period_s", [1.2, 2.4])
def test_counts_a_moving_bar(player: Player, period_s: float) -> None:
    said = [t for t in play(player, scene(repetitions(6, period_s)), "count my squats") if t.phrase]
    assert [t.phrase for t in said] == list(range(1, len(said) + 1))
    assert abs(len(said) - 6) <= 1


def test_start_and_stop_of_a_moving_bar(player: Player) -> None:
    turns = play(player, scene(repetitions(5, 2.0)), "Say 'start' when it starts moving then say 'Stop' when it stops.")
    said = [(t.t_ms / 1000, t.text) for t in turns if t.phrase]
    assert [text for _, text in said] == ["start", "stop"]
    assert abs(said[0][0] - 3.0) <= 1.0
    assert abs(said[1][0] - 13.0) <= 1.5


@pytest.mark.parametrize("instruction", ["count my squats", "say start when the person starts waving"])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_stillness_stays_silent(player: Player, instruction: str, noise: float) -> None:
    assert not any(t.phrase for t in play(player, scene(np.zeros(80), noise), instruction))


def test_no_camera_stays_silent(player: Player) -> None:
    player.instruct("count my squats")
    assert not any(player.turn().phrase for _ in range(20))


def test_other_tasks_are_blind(player: Player) -> None:
    assert not any(t.phrase for t in play(player, scene(repetitions(4, 2.0)), "stop"))


def test_a_task_change_restarts_the_count(player: Player) -> None:
    frames = scene(repetitions(8, 1.4))
    half = len(frames) // 2
    first = [t.phrase for t in play(player, frames[:half], "count my squats") if t.phrase]
    player.instruct("say start when the person starts waving")
    player.turn(frames[half])
    player.instruct("count my squats")
    second = [t.phrase for t in (player.turn(step) for step in frames[half + 1 :]) if t.phrase]
    assert first
    assert second
    assert second[0] == 1


def test_two_runs_are_equal(player: Player) -> None:
    frames = scene(repetitions(3, 1.5))
    a, b = (play(player, frames, "count my squats") for _ in range(2))
    assert a == b


def clip_frames(path: Path) -> Any:
    return model_frames(path)


@pytest.mark.skipif(not REAL.exists(), reason="the annotated clips do not lie beside this checkout")
def test_counts_a_real_clip(player: Player) -> None:
    said = [t.phrase for t in play(player, clip_frames(REAL), "Please count out reps for squats.") if t.phrase]
    assert said == list(range(1, len(said) + 1))
    assert abs(len(said) - 3) <= 1


@pytest.mark.skipif(not REAL.exists(), reason="the annotated clips do not lie beside this checkout")
def test_streaming_equals_offline_on_a_real_clip(player: Player) -> None:
    """The graph's step-by-step rows equal those of the training code over the whole clip."""
    torch = pytest.importorskip("torch", reason="the offline path needs the train extra")
    from models.tiny.train.offline import measure
    from models.tiny.train.rows import batch_rows

    frames = clip_frames(REAL)
    motion, look, cuts = measure(torch.from_numpy(frames))
    _, offline = batch_rows(motion, look, cuts)
    player.instruct("count my squats")
    for k, step in enumerate(frames):
        player.turn(step)
        age = player.states["state.age"][0]
        assert age == pytest.approx(min(2 * k + 1, age))
    stat = player.states["state.motion_stat"][0]
    assert stat[3] / (stat[1] + 0.04) == pytest.approx(float(offline[0, -1, 1]), abs=1e-3)

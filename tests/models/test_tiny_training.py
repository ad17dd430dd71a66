"""Training: varied streams keep true labels, and whole streams are decided as the graph does step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.tiny.train.augment import ACTING, AWAY, ENDED, REPEATING, Stream, resampled, varied
from models.tiny.train.clips import model_frames
from models.tiny.train.runner import Player

pytestmark = pytest.mark.unit

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips"
REAL = CLIPS / "squat-counter__ad8b_squat.gif"


def squats(count: int = 4, period: int = 20, idle: int = 30) -> Stream:
    """A point that goes up and down: idle, repetitions, idle."""
    t = np.arange(count * period)
    away = 0.5 - 0.5 * np.cos(2 * np.pi * (t + 1) / period)
    labels = np.zeros((2 * idle + len(t), 4), np.float32)
    labels[idle:-idle, AWAY], labels[idle:-idle, [REPEATING, ACTING]] = away, 1.0
    labels[idle + period - 1 : -idle : period, ENDED] = 1.0
    place = np.outer(labels[:, AWAY], np.array([3.0, -2.0])).astype(np.float32)
    cuts = np.zeros(len(labels), np.float32)
    cuts[0] = 1.0
    return Stream(np.diff(place, axis=0, prepend=place[:1]), place / 3, cuts, labels)


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.4])
def test_another_pace_keeps_place_and_labels_together(pace: float) -> None:
    source = squats()
    made = resampled(source, np.minimum(np.arange(260) * pace, len(source) - 1.0))
    assert made.labels[:, ENDED].sum() == 4
    place = np.cumsum(made.motion, 0)
    assert np.allclose(place[:, 0], 3 * made.labels[:, AWAY], atol=0.05)
    assert (place[made.labels[:, ENDED] > 0, 0] < 0.5).all()


def test_a_long_stop_is_no_action() -> None:
    source = squats()
    at = np.concatenate([np.arange(60), np.full(40, 59), np.arange(60, len(source))]).astype(float)
    made = resampled(source, at)
    assert not made.labels[60:99, [REPEATING, ACTING]].any()
    assert np.abs(made.motion[60:99]).max() == 0
    assert made.labels[:, ENDED].sum() == 4


def test_varied_streams_are_whole_and_repeatable() -> None:
    one, two = squats(), squats(8, 12)
    for seed in range(20):
        made, again = (varied(np.random.default_rng(seed), one, two, 200) for _ in range(2))
        assert len(made) == len(made.motion) == len(made.cuts) == len(made.labels) == 200
        assert np.isfinite(made.motion).all()
        assert np.isfinite(made.look).all()
        assert np.array_equal(made.motion, again.motion)
        assert made.labels[:, ENDED].sum() <= 12


@pytest.mark.skipif(not REAL.exists(), reason="the annotated clips do not lie beside this checkout")
def test_whole_clips_are_decided_as_step_by_step(model_dir: Path) -> None:
    """Front end, rows, heads and decisions over a whole real clip give what the graph says micro-turn by micro-turn."""
    torch = pytest.importorskip("torch", reason="the offline path needs the train extra")
    from models.tiny.train.decode import decide, read
    from models.tiny.train.head import Heads
    from models.tiny.train.offline import measure
    from models.tiny.train.stored import heads_of

    frames = model_frames(REAL)
    found = read(Heads(heads_of(model_dir / "model.onnx")), *measure(torch.from_numpy(frames)))
    said = decide(found)[0]
    streamed = streamed_turns(Player(model_dir), frames, "count my squats")
    assert [t.t_ms / 1000 for t in streamed if t.phrase] == pytest.approx(said.counted_s)
    for name, output in (("activity", 1), ("rep_phase", 0)):
        whole = found[0].chances[1::2, output].numpy()
        assert np.allclose([t.diag[name] for t in streamed], whole, atol=2e-3)
    cues = [t.t_ms / 1000 for t in streamed_turns(Player(model_dir), frames, "say start when it starts") if t.phrase]
    assert cues == pytest.approx(sorted([*said.started_s, *said.stopped_s]))


def streamed_turns(player: Player, frames: Any, instruction: str) -> list[Any]:
    player.instruct(instruction)
    return [player.turn(step) for step in frames]

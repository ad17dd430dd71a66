"""The drawn streams that the heads of the tiny model are trained on: reproducible, and labelled as they look."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.tiny.train.film import PAD_SHARE, Filmed, make_plan, render
from models.tiny.train.film_body import joints_of
from models.tiny.train.film_lens import bars
from models.tiny.train.film_moves import DIMS, EXACT, LIVELY, MOVES, Manner, mirrored, random_move
from models.tiny.train.film_script import NEGATIVES, THINGS, Kind, pick_kind, tell

pytestmark = pytest.mark.unit

SHORT = 60
"""Frames of the streams most tests look at."""
KINDS = [Kind(subject, story) for subject in ("person", *THINGS) for story in ("clip", "stream")]
QUIET = [Kind("wheel" if story == "thing at rest" else "person", story) for story in NEGATIVES]


def stream(seed: int, kind: Kind | None = None, frames: int = SHORT) -> Filmed:
    return render(np.random.default_rng(seed), frames, kind)


def test_the_same_seed_gives_the_same_pictures_and_labels() -> None:
    one, two, other = stream(4), stream(4), stream(5)
    assert np.array_equal(one.frames, two.frames)
    assert np.array_equal(one.labels.ended, two.labels.ended)
    assert not np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("kind", KINDS + QUIET, ids=lambda kind: f"{kind.subject}, {kind.story}")
def test_every_kind_can_be_filmed(kind: Kind) -> None:
    filmed = stream(11, kind)
    assert filmed.kind == kind
    assert filmed.frames.shape == (SHORT, 96, 128)
    assert filmed.frames.dtype == np.uint8
    assert filmed.frames.max() > 5
    labels = filmed.labels
    for values in (labels.away, labels.repeating, labels.ended, labels.acting):
        assert values.shape == (SHORT,)
        assert values.min() >= 0
        assert values.max() <= 1


@pytest.mark.parametrize("kind", QUIET, ids=lambda kind: kind.story)
def test_nothing_repeats_in_negatives(kind: Kind) -> None:
    for seed in range(3):
        labels = tell(np.random.default_rng(seed), kind, 200)
        assert not labels.ended.any()
        assert not labels.repeating.any()


def test_repetitions_end_at_the_reference_pose_while_something_repeats() -> None:
    for seed in range(40):
        told = tell(np.random.default_rng(seed), Kind("person", "clip"), 200)
        ends = np.flatnonzero(told.ended)
        assert len(ends) >= 1
        assert told.repeating[ends].all()
        assert told.acting[ends].all()
        assert (told.away[ends] < 0.1).all()
        for before, after in pairwise(ends.tolist()):
            assert told.away[before:after].max() > 0.5


def test_lively_people_repeat_less_exactly() -> None:
    def misses(manner: Manner) -> float:
        found = []
        for seed in range(30):
            told = tell(np.random.default_rng(seed), Kind("person", "clip"), 200, manner)
            ends = np.flatnonzero(told.ended)
            found += [float(np.abs(told.pose[b] - told.pose[a]).max()) for a, b in pairwise(ends.tolist())]
        return float(np.median(found))

    assert misses(LIVELY) > 1.5 * misses(EXACT)


def test_who_repeats_acts() -> None:
    for seed in range(20):
        told = tell(np.random.default_rng(seed), Kind("person", "stream"), 200)
        moving = (told.busy > 0) & (told.repeating > 0)
        assert (told.acting[moving] == 1).all()


def test_held_pictures_differ_by_noise_only() -> None:
    found = {"exact": 0, "noisy": 0}
    for seed in range(60):
        filmed = stream(seed, Kind("ball", "clip"), frames=200)
        held = np.flatnonzero(filmed.held)
        change = np.abs(np.diff(filmed.frames.astype(int), axis=0))
        for t in held.tolist():
            grain = filmed.grains[0 if t < 100 else 1]
            found["noisy" if grain else "exact"] += 1
            assert change[t - 1].mean() <= 1.2 * grain + (0.0 if not grain else 6.0)
            assert filmed.labels.acting[t] == 0
            assert filmed.labels.repeating[t] == 0
        if found["exact"] and found["noisy"]:
            break
    assert found["exact"]
    assert found["noisy"]


def test_held_pictures_are_common() -> None:
    rng = np.random.default_rng(2)
    plans = [make_plan(rng, 300) for _ in range(300)]
    for held in ([p.before for p in plans], [p.after for p in plans]):
        assert 0.7 * PAD_SHARE < np.mean(np.array(held) >= 30) < 1.3 * PAD_SHARE
    assert all(p.before + p.title + p.content + p.end + p.after == 300 for p in plans)


def test_bars_are_black() -> None:
    for height, width in ((72, 128), (96, 54), (96, 128)):
        boxed = bars(np.full((2, height, width), 9, np.uint8))
        assert boxed.shape == (2, 96, 128)
        assert (boxed == 9).sum() == 2 * height * width
        rows, columns = np.flatnonzero(boxed[0].any(1)), np.flatnonzero(boxed[0].any(0))
        assert (rows[0], columns[0]) == ((96 - height) // 2, (128 - width) // 2)


def test_kinds_are_drawn_in_the_wanted_shares() -> None:
    rng = np.random.default_rng(1)
    kinds = [pick_kind(rng) for _ in range(600)]
    negative = sum(kind.story in NEGATIVES for kind in kinds) / len(kinds)
    assert 0.14 < negative < 0.26
    assert {kind.story for kind in kinds} == {"clip", "stream", *NEGATIVES}
    assert {kind.subject for kind in kinds} == {"person", *THINGS}


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_two_hundred_short_streams_can_be_told(first: int) -> None:
    for seed in range(first, first + 50):
        rng = np.random.default_rng(seed)
        told = tell(rng, pick_kind(rng), SHORT)
        assert np.isfinite(told.pose).all()
        assert told.ended.sum() <= 30


def test_many_short_streams_can_be_filmed() -> None:
    assert sum(stream(seed, frames=12).frames.any() for seed in range(100, 160)) > 50


def test_empty_rooms_can_have_every_overlay() -> None:
    for seed in range(60):
        assert not stream(seed, Kind("person", "room"), frames=6).labels.acting.any()


def test_feet_stay_on_the_floor_in_a_squat() -> None:
    points = MOVES["squat"].points
    build = np.ones(8)
    places = joints_of(points, build)
    for foot in ("footL", "footR"):
        assert np.abs(places[foot][:, 1]).max() < 0.02
        assert np.linalg.norm(places[foot][1] - places[foot][0]) < 0.05
    assert places["hip"][1, 1] < places["hip"][0, 1] - 0.3


def test_a_mirrored_pose_comes_back() -> None:
    pose = np.random.default_rng(0).normal(0, 30, DIMS)
    assert np.allclose(mirrored(mirrored(pose)), pose)


def test_moves_without_a_name_move() -> None:
    for seed in range(30):
        move = random_move(np.random.default_rng(seed))
        assert np.abs(move.points[1] - move.points[0]).max() >= 15
        assert move.points.shape == (2, DIMS)

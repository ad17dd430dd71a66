"""The vision half of a check: every clip played as it is and between idle stretches, under both seeing tasks."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tmlapp.bench.labels.repcount_a import INSTRUCTION as COUNT
from tmlapp.bench.model_check.figures import Failure, Table
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.playing import Played, play, turns_of
from tmlapp.bench.model_check.vision_clips import Clip, ClipFolder
from tmlapp.bench.model_check.vision_failures import Looked, failure_of, first_mistake, row_of
from tmlapp.bench.model_check.vision_figures import StepTimes, vision_figures
from tmlapp.bench.model_check.vision_grading import Bordered, Counted, Watched
from tmlapp.capture.paced import decode_jpeg, encode_jpeg
from tmlapp.capture.video_file import fit
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.numbers import numbers_in
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints.onnx_local import model_folder
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.endpoints.registry import endpoint_from_address

START_STOP = "Say 'start' when the person starts {action} then say 'Stop' when they stop."
IDLE_S = (3.0, 8.0)
"""Shortest and longest idle stretch before and after a padded clip."""

_NOISE_STEP = 100_000
_PICTURE_SIDE, _PICTURE_QUALITY = 320, 70


@dataclass(frozen=True, slots=True)
class Padding:
    """Idle time around a clip, and the seed of the sensor noise in it."""

    before_s: float
    after_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class _Task:
    """One clip for one process."""

    address: str
    clip: Clip
    paddings: tuple[Padding, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came back from it."""

    watched: Watched
    failure: Failure
    row: dict[str, Any]
    seeing_ms: tuple[float, ...]
    compute_ms: tuple[float, ...]


def run_vision(address: str, clips: ClipFolder, options: Options, progress: Progress) -> list[Table]:
    """The vision table of the endpoint at `address`.

    Raises:
        AppError: the endpoint cannot be used, or a clip cannot be played.
    """
    tasks = [_Task(address, clip, paddings_of(clip, options)) for clip in clips.clips]
    seen = []
    progress("clips", 0, len(tasks))
    for one in _all(tasks, options.jobs):
        seen.append(one)
        progress("clips", len(seen), len(tasks))
    times = StepTimes([ms for one in seen for ms in one.seeing_ms], [ms for one in seen for ms in one.compute_ms])
    figures = vision_figures([one.watched for one in seen], times, graph_mb(address), options.seed)
    return [
        Table(
            title="Vision",
            figures=tuple(figures),
            failures=tuple(one.failure for one in seen),
            rows=tuple(one.row for one in seen),
            inputs=clips.files_sha256,
            notes=_notes(clips, options),
        )
    ]


def paddings_of(clip: Clip, options: Options) -> tuple[Padding, ...]:
    """Idle time for the padded streams of `clip`: of each seed, two draws for every row of the manifest in order.

    So a clip has the same padding whichever other files are there.
    """
    return tuple(_drawn(options.seed + k, clip.number, k) for k in range(options.pad_seeds))


def _drawn(seed: int, number: int, k: int) -> Padding:
    draws = np.random.default_rng(seed).uniform(*IDLE_S, size=2 * number + 2)
    return Padding(float(draws[-2]), float(draws[-1]), number + k * _NOISE_STEP)


def _notes(clips: ClipFolder, options: Options) -> tuple[str, ...]:
    there = clips.rows - len(clips.absent)
    notes = [f"{len(clips.clips)} of the {clips.rows} clips in the manifest were played."]
    if len(clips.clips) < there:
        notes.append(f"{there - len(clips.clips)} were left out, as asked.")
    if clips.absent:
        notes.append(f"{len(clips.absent)} are not in the folder: {', '.join(clips.absent)}.")
    if options.jobs > 1:
        notes.append(f"{options.jobs} processes ran at once: times per micro-turn are longer than of one alone.")
    return tuple(notes)


def _all(tasks: list[_Task], jobs: int) -> Iterator[_Seen]:
    """In the order of `tasks`, however many processes work on them."""
    if jobs == 1:
        yield from map(_watch, tasks)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(_watch, tasks)
        except BrokenProcessPool as error:
            raise AppError(
                "A process that played clips has died.", f"{error}.", "Use fewer --jobs: it may have lacked memory."
            ) from error


@lru_cache(maxsize=1)
def _endpoint(address: str) -> Endpoint:
    return endpoint_from_address(address, threads=1, keep=True)


def _watch(task: _Task) -> _Seen:
    clip = task.clip
    count = COUNT.format(action=clip.action)
    endpoint = _endpoint(task.address)
    turns = turns_of(clip.path)
    played = [play(endpoint, count, turns)]
    bare = _counted(clip, played[0], turns, 0.0)
    padded, borders, looked = [], [], None
    for padding in task.paddings:
        turns = turns_of(
            clip.path, pad_before_s=padding.before_s, pad_after_s=padding.after_s, seed=padding.seed
        )  # fmt: skip
        counting = play(endpoint, count, turns)
        played.append(counting)
        padded.append(_counted(clip, counting, turns, padding.before_s))
        if clip.span_s is not None:
            calling = play(endpoint, START_STOP.format(action=clip.action), turns)
            played.append(calling)
            borders.append(_bordered(clip.span_s, calling, turns, padding.before_s))
        if looked is None:
            so_far = Watched(name=clip.name, sure=clip.sure, bare=bare, padded=tuple(padded), borders=tuple(borders))
            looked = _looked(so_far, padding, counting, turns)
    watched = Watched(name=clip.name, sure=clip.sure, bare=bare, padded=tuple(padded), borders=tuple(borders))
    assert looked is not None
    rows = [{"before_s": round(p.before_s, 6), "after_s": round(p.after_s, 6)} for p in task.paddings]
    return _Seen(
        watched,
        failure_of(watched, looked),
        row_of(watched, rows),
        tuple(ms for p in played for ms in p.seeing_ms),
        tuple(ms for p in played for ms in p.compute_ms),
    )


def _counted(clip: Clip, played: Played, turns: list[MicroTurn], before_s: float) -> Counted:
    said = [(cue.t_ns / NS_PER_S, n.value) for cue in played.cues for n in numbers_in(cue.text)]
    ends = tuple(round(end + before_s, 6) for end in clip.ends_s)
    return Counted(ends_s=ends, said=tuple(said), length_s=len(turns) * TURN_NS / NS_PER_S)


def _bordered(span: tuple[float, float], played: Played, turns: list[MicroTurn], before_s: float) -> Bordered:
    return Bordered(
        truth=(round(span[0] + before_s, 6), round(span[1] + before_s, 6)),
        starts_s=tuple(cue.t_ns / NS_PER_S for cue in played.cues if cue.kind == "start"),
        stops_s=tuple(cue.t_ns / NS_PER_S for cue in played.cues if cue.kind == "stop"),
        length_s=len(turns) * TURN_NS / NS_PER_S,
    )


def _looked(watched: Watched, padding: Padding, counting: Played, turns: list[MicroTurn]) -> Looked:
    at_s = first_mistake(watched, padding.before_s)
    jpeg = None if at_s is None else _picture_at(turns, at_s)
    return Looked(before_s=padding.before_s, signals=counting.signals, jpeg=jpeg, jpeg_s=at_s or 0.0)


def _picture_at(turns: list[MicroTurn], t_s: float) -> bytes | None:
    """The newest picture at `t_s`, small."""
    before = [frame for turn in turns for frame in turn.frames if frame.t_ns <= t_s * NS_PER_S]
    return encode_jpeg(fit(decode_jpeg(before[-1].jpeg), _PICTURE_SIDE), _PICTURE_QUALITY) if before else None


def graph_mb(address: str) -> float | None:
    """Size of a local model's graph in 10^6 bytes; None for an endpoint of another kind."""
    scheme, _, target = address.partition(":")
    if scheme != "onnx":
        return None
    manifest = read_manifest(model_folder(target))
    return manifest.files[manifest.model][1] / 1e6

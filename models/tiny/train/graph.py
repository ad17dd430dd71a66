"""The whole model as one module: one call is one micro-turn of 200 ms. This is what is exported to ONNX."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.tiny.train import tasks
from models.tiny.train.config import (
    CHUNK_MS,
    FRAMES,
    HEADS,
    HEIGHT,
    HIDDEN,
    LEAK,
    LOOK_DIM,
    MAX_COUNT,
    MOTION_DIM,
    RING,
    WIDTH,
)
from models.tiny.train.frontend import CUT_BELOW, FrontEnd, likeness, normalise, pyramid, to_grey
from models.tiny.train.head import Heads
from models.tiny.train.rows import STATS, extras, stream_row
from models.tiny.train.tasks import Task

STATES: dict[str, tuple[torch.dtype, tuple[int, ...], float]] = {
    "picture": (torch.float32, (1, 1, HEIGHT, WIDTH), 0.0),
    "look": (torch.float32, (1, LOOK_DIM), 0.0),
    "place": (torch.float32, (1, MOTION_DIM), 0.0),
    "motion_ring": (torch.float32, (1, RING, MOTION_DIM), 0.0),
    "look_ring": (torch.float32, (1, RING, LOOK_DIM), 0.0),
    "motion_stat": (torch.float32, (1, STATS), 0.0),
    "look_stat": (torch.float32, (1, STATS), 0.0),
    "age": (torch.float32, (1,), -1.0),
    "hidden": (torch.float32, (HEADS, 1, HIDDEN), 0.0),
    "count": (torch.float32, (1,), 0.0),
    "armed": (torch.float32, (1,), 0.0),
    "pace": (torch.float32, (1,), 0.0),
    "lately": (torch.float32, (1,), 0.0),
    "away": (torch.float32, (1,), 0.0),
    "steady": (torch.float32, (1,), 0.0),
    "low": (torch.float32, (1,), 1.0),
    "high": (torch.float32, (1,), 0.0),
    "acting": (torch.float32, (1,), 0.0),
    "level": (torch.float32, (1,), 0.0),
    "steps": (torch.int64, (1,), 0),
    "task": (torch.int64, (1,), -1),
    "params": (torch.float32, (1, len(tasks.PARAMS)), 0.0),
}
"""dtype, shape and initial value of every state, in graph order."""

DIAGNOSTICS = ("activity", "rep_phase", "acting", "motion", "count")


class Thresholds:
    """Decision levels; chosen on the development clips, see the model card."""

    blend = 0.5
    """Share of a new frame in the smoothed distance from the reference pose."""
    rise = 0.15
    fall = 0.2
    """A repetition: that much up from the last low, then that much down from the peak."""
    repeating = 0.5
    steady = 0.5
    """Share of a new frame in the smoothed probability that something repeats: one frame of doubt changes nothing."""
    give_up = 0.25
    """Nothing is counted below this smoothed probability ..."""
    faint_pace, give_up_faint = 0.06, 0.8
    """... and below this one where less than so many pixels per frame move (a held pose, a trembling camera)."""
    forget, standing = 0.8, 0.5
    """Nothing is counted once recent motion, a peak fading by that per frame, is below that share of its mean."""
    smooth = 0.5
    start = 0.6
    stop = 0.25


class Step(nn.Module):
    """frames, task, task_params and states in; say, diagnostics and next states out."""

    def __init__(self, heads: Heads, thresholds: Thresholds | None = None) -> None:
        super().__init__()
        self.front, self.heads, self.t = FrontEnd(), heads, thresholds or Thresholds()

    def see(self, grey: Tensor, s: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """One frame [1,1,H,W]: updates the visual states in s; returns probabilities [1,4] and motion energy [1]."""
        there = (grey.amax((1, 2, 3)) > 0.5).float()
        first = (s["age"] < -0.5).float()
        picture, look = normalise(grey), self.front.look(grey)
        fresh = torch.maximum(first, (likeness(look, s["look"]) < CUT_BELOW).float())
        age = torch.where(fresh > 0.5, torch.zeros_like(s["age"]), s["age"] + 1.0)
        flow, trust = self.front.flow(pyramid(s["picture"]), pyramid(picture))
        motion = self.front.cells(flow, trust, grey) * (1.0 - fresh)[:, None]
        energy = torch.sqrt((motion * motion).mean(1))
        place = s["place"] * LEAK + motion
        motion_row, valid, motion_ring, motion_stat = stream_row(place, s["motion_ring"], s["motion_stat"], age)
        look_row, _, look_ring, look_stat = stream_row(look, s["look_ring"], s["look_stat"], age)
        rows = torch.cat([motion_row, look_row, valid], 1)[None]
        logits, hidden = self.heads(rows, extras(motion_stat, look_stat, energy, age)[None], s["hidden"])
        new = {
            "picture": picture,
            "look": look,
            "place": place,
            "motion_ring": motion_ring,
            "look_ring": look_ring,
            "motion_stat": motion_stat,
            "look_stat": look_stat,
            "age": age,
            "hidden": hidden,
        }
        for name, value in new.items():
            keep = there.reshape([1] * value.dim())
            s[name] = torch.where(keep > 0.5, value, s[name])
        return torch.sigmoid(logits[:, 0]) * there[:, None], energy * there

    def count(self, p: Tensor, energy: Tensor, s: dict[str, Tensor]) -> Tensor:
        """Follows the way out and back, whatever the absolute level; 1 where a repetition has ended [1]."""
        s["pace"] = s["pace"] + 0.1 * (energy - s["pace"])
        s["lately"] = torch.maximum(energy, s["lately"] * self.t.forget)
        moving = (s["lately"] > self.t.standing * s["pace"]).float()
        faint = (s["pace"] < self.t.faint_pace).float()
        needed = self.t.give_up + (self.t.give_up_faint - self.t.give_up) * faint
        s["away"] = away = s["away"] + self.t.blend * (p[:, 0] - s["away"])
        on, repeating = s["armed"], p[:, 1]
        s["steady"] = s["steady"] + self.t.steady * (repeating - s["steady"])
        quiet = (s["steady"] < needed).float()
        low = torch.minimum(s["low"], away)
        high = torch.maximum(s["high"], away)
        rises = (1.0 - on) * ((away > low + self.t.rise) & (repeating > self.t.repeating)).float()
        # A picture that stands still ends nothing: the distance sinks in it although nobody came back.
        fire = on * moving * (away < high - self.t.fall).float() * (1.0 - quiet)
        s["armed"] = torch.maximum(on, rises) * (1.0 - fire) * (1.0 - quiet)
        fresh = torch.maximum(quiet, fire)
        s["low"] = torch.where(fresh > 0.5, away, low)
        s["high"] = torch.where(torch.maximum(fresh, rises) > 0.5, away, high)
        return fire

    def act(self, p: Tensor, s: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Start/stop with hysteresis on the smoothed acting probability; returns (started, stopped) [1] each."""
        s["level"] = s["level"] + self.t.smooth * (p[:, 3] - s["level"])
        on = s["acting"]
        started = (1.0 - on) * (s["level"] > self.t.start).float()
        stopped = on * (s["level"] < self.t.stop).float()
        s["acting"] = on + started - stopped
        return started, stopped

    def forward(self, frames: Tensor, task: Tensor, task_params: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        s = dict(zip(STATES, states, strict=True))
        changed = (task != s["task"]).float() + (torch.abs(task_params - s["params"]).amax(1) > 0).float()
        keep = (changed < 0.5).float()
        for name in ("count", "armed", "acting", "level"):
            s[name] = s[name] * keep
        steps = s["steps"] * keep.long()
        fired = started = stopped = torch.zeros_like(keep)
        p, energy = torch.zeros(1, 4), torch.zeros(1)
        for i in range(FRAMES):
            p, energy = self.see(to_grey(frames[:, i]), s)
            fired = torch.maximum(fired, self.count(p, energy, s))
            begun, ended = self.act(p, s)
            started, stopped = torch.maximum(started, begun), torch.maximum(stopped, ended)
        counting = (task == Task.count_reps).float()
        fired = fired * counting
        s["count"] = (s["count"] + fired).clamp_max(MAX_COUNT + 1.0)
        phrase = phrase_of(task, task_params, steps, s, fired, started, stopped)
        say = (torch.arange(len(tasks.VOCABULARY))[None] == phrase[:, None]).float() * 10.0
        s["steps"], s["task"], s["params"] = steps + 1, task, task_params
        motion = (torch.log(energy + 1e-3) - torch.log(torch.tensor(1e-3))) / 7.0
        diagnostics = [p[:, 1:2], p[:, 0:1], s["level"][:, None], motion[:, None].clamp(0.0, 1.0), s["count"][:, None]]
        return (say, *diagnostics, *(s[name] for name in STATES))


def is_one_of(task: Tensor, *options: Task) -> Tensor:
    """Boolean [1]: the task is one of the options."""
    found = task == int(options[0])
    for option in options[1:]:
        found = found | (task == int(option))
    return found


def due(steps: Tensor, period_ms: Tensor, repeat: Tensor) -> tuple[Tensor, Tensor]:
    """Exact integer timer: does a multiple of the period lie in [200 steps, 200 (steps+1)) ms?

    Returns (due, multiple) as int64 [1]; without repeat only the first multiple counts.
    """
    period = period_ms.clamp_min(1)
    begin = steps * CHUNK_MS
    multiple = torch.div(begin + period - 1, period, rounding_mode="floor")
    inside = (multiple >= 1) & (multiple * period < begin + CHUNK_MS) & (period_ms > 0)
    return (inside & ((multiple == 1) | repeat)).long(), multiple


def phrase_of(
    task: Tensor,
    params: Tensor,
    steps: Tensor,
    s: dict[str, Tensor],
    fired: Tensor,
    started: Tensor,
    stopped: Tensor,
) -> Tensor:
    """Index of the phrase to say in this micro-turn, 0 = silence. int64 [1]."""
    ms = torch.round(params.double() * torch.tensor([1000.0, 60000.0, 1000.0, 60000.0], dtype=torch.float64)).long()
    period, until = ms[:, 0] + ms[:, 1], ms[:, 2] + ms[:, 3]
    minute = is_one_of(task, Task.every_minute, Task.once_after_a_minute, Task.timer_of_a_minute)
    second = is_one_of(task, Task.every_second, Task.count_to, Task.count_down)
    length = torch.div(period, 1000, rounding_mode="floor")
    period = torch.where(
        minute, torch.full_like(period, 60000), torch.where(second, torch.full_like(period, 1000), period)
    )
    once = is_one_of(task, Task.once_after_n, Task.once_after_a_minute, Task.timer, Task.timer_of_a_minute)
    ring, multiple = due(steps, period, ~once)
    ring = ring * ((until == 0) | (multiple * period <= until)).long()

    def when(condition: Tensor, phrase: Tensor | int) -> Tensor:
        return condition.long() * phrase

    total = s["count"].round().long()
    down = length - multiple + 1
    content = is_one_of(task, Task.every_n_seconds, Task.every_second, Task.every_minute, Task.once_after_n)
    content = content | is_one_of(task, Task.once_after_a_minute)
    watching = (task == Task.start_stop).float()
    said = when((fired > 0.5) & (total <= MAX_COUNT), total)
    said = said + when(started * watching > 0.5, tasks.SAY_START) * (1 - (stopped > 0.5).long())
    said = said + when(stopped * watching > 0.5, tasks.SAY_STOP)
    said = said + when(content, ring * tasks.SAY_CONTENT)
    said = said + when(task == Task.beat, ring * tasks.SAY_NOW)
    said = said + when(is_one_of(task, Task.timer, Task.timer_of_a_minute), ring * tasks.SAY_TIME_UP)
    said = said + when((task == Task.count_to) & (multiple <= length) & (multiple <= MAX_COUNT), ring * multiple)
    said = said + when((task == Task.count_down) & (down >= 1) & (down <= MAX_COUNT), ring * down)
    said = said + when((task == Task.count_down) & (down == 0), ring * tasks.SAY_TIME_UP)
    return said.clamp(0, len(tasks.VOCABULARY) - 1)

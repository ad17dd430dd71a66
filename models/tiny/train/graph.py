"""The whole model as one module: one call is one micro-turn of 200 ms. This is what is exported to ONNX.

What the frames do stands in `vision`; here are tasks, timers and phrases.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.tiny.train import tasks
from models.tiny.train.config import CHUNK_MS, FRAMES, MAX_COUNT
from models.tiny.train.frontend import to_grey
from models.tiny.train.tasks import Task
from models.tiny.train.vision import SEEN, Watcher

STATES: dict[str, tuple[torch.dtype, tuple[int, ...], float]] = {
    **SEEN,
    "steps": (torch.int64, (1,), 0),
    "task": (torch.int64, (1,), -1),
    "params": (torch.float32, (1, len(tasks.PARAMS)), 0.0),
}
"""dtype, shape and initial value of every state, in graph order."""

DIAGNOSTICS = ("activity", "rep_phase", "acting", "motion", "count")


class Step(Watcher):
    """frames, task, task_params and states in; say, diagnostics and next states out."""

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

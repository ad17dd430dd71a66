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
        # A pause keeps the task before it, with everything that belongs to it.
        paused = task == int(Task.paused)
        live = 1.0 - paused.float()
        task = torch.where(paused, s["task"], task)
        params = torch.where(paused[:, None], s["params"], task_params)
        changed = (task != s["task"]).float() + (torch.abs(params - s["params"]).amax(1) > 0).float()
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
        counting = (task == int(Task.count_reps)).float()
        fired = fired * counting * live
        s["count"] = (s["count"] + fired).clamp_max(MAX_COUNT + 1.0)
        phrase = phrase_of(task, params, steps, s, fired, started, stopped) * live.long()
        say = (torch.arange(len(tasks.VOCABULARY))[None] == phrase[:, None]).float() * 10.0
        # Timers run on in a pause; who counts aloud goes on where he was.
        held = paused & is_one_of(task, Task.count_to, Task.count_down)
        s["steps"], s["task"], s["params"] = steps + (~held).long(), task, params
        motion = (torch.log(energy + 1e-3) - torch.log(torch.tensor(1e-3))) / 7.0
        diagnostics = [p[:, 1:2], p[:, 0:1], s["level"][:, None], motion[:, None].clamp(0.0, 1.0), s["count"][:, None]]
        return (say, *diagnostics, *(s[name] for name in STATES))


def is_one_of(task: Tensor, *options: Task) -> Tensor:
    """Boolean [1]: the task is one of the options."""
    found = task == int(options[0])
    for option in options[1:]:
        found = found | (task == int(option))
    return found


def due(elapsed_ms: Tensor, steps: Tensor, period_ms: Tensor, once: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Exact integer timer: does a multiple of the period lie in this micro-turn, [b, b + 200) ms after the instruction?

    b = elapsed_ms + 200 steps. With `once` only the first multiple counts; if it had passed before the task was set,
    it is due in the first micro-turn. All int64 [1] but `once`, boolean [1].

    Returns (due, multiple, missed): missed multiples passed before the task was set; a series leaves them out.
    """
    period = period_ms.clamp_min(1)
    begin = elapsed_ms + steps * CHUNK_MS
    multiple = torch.div(begin + period - 1, period, rounding_mode="floor")
    missed = torch.div((elapsed_ms - 1).clamp_min(0), period, rounding_mode="floor")
    inside = (multiple >= 1) & (multiple * period < begin + CHUNK_MS)
    late = (steps == 0) & (missed >= 1)
    ring = (inside & (~once | (multiple == 1))) | (once & late)
    return (ring & (period_ms > 0)).long(), multiple, missed


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
    at = {name: i for i, name in enumerate(tasks.PARAMS)}
    exact = params.double()

    def milliseconds(name: str, unit: float = 1000.0) -> Tensor:
        return torch.round(exact[:, at[name]] * unit).long()

    period = milliseconds("period_s") + milliseconds("period_min", 60000.0)
    until = milliseconds("until_s") + milliseconds("until_min", 60000.0)
    number = milliseconds("number", 1.0)
    number = torch.where(number == 0, torch.full_like(number, MAX_COUNT), number)
    aloud = is_one_of(task, Task.count_to, Task.count_down)
    period = torch.where(aloud & (period == 0), torch.full_like(period, 1000), period)
    ring, multiple, missed = due(
        milliseconds("elapsed_s"), steps, period, is_one_of(task, Task.once_after_n, Task.timer)
    )
    # An end before the first reminder is no end ("every 20 minutes … look away for 20 seconds").
    ring = ring * ((until < period) | (multiple * period <= until)).long()

    def when(condition: Tensor, phrase: Tensor | int) -> Tensor:
        return condition.long() * phrase

    total = s["count"].round().long()
    # Who counts aloud begins at the beginning, even if the first beat had passed before the task was set.
    up = multiple - missed
    down = number - up + 1
    watching = (task == int(Task.start_stop)).float()
    said = when((fired > 0.5) & (total <= MAX_COUNT), total)
    said = said + when(started * watching > 0.5, tasks.SAY_START) * (1 - (stopped > 0.5).long())
    said = said + when(stopped * watching > 0.5, tasks.SAY_STOP)
    said = said + when(is_one_of(task, Task.every_n_seconds, Task.once_after_n), ring * tasks.SAY_CONTENT)
    said = said + when(task == int(Task.beat), ring * tasks.SAY_NOW)
    said = said + when(task == int(Task.timer), ring * tasks.SAY_TIME_UP)
    said = said + when((task == int(Task.count_to)) & (up <= number) & (up <= MAX_COUNT), ring * up)
    said = said + when((task == int(Task.count_down)) & (down >= 1) & (down <= MAX_COUNT), ring * down)
    said = said + when((task == int(Task.count_down)) & (down == 0), ring * tasks.SAY_TIME_UP)
    return said.clamp(0, len(tasks.VOCABULARY) - 1)

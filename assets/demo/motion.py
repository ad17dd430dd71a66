"""How the figure moves: when each squat begins and ends, and how deep, upright and breathing it is at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IDLE_BEFORE_S = 4.0
REST_AFTER_S = 5.0
REPS = 10
# Shares of one repetition: going down, holding, coming up; what is left is a moment upright.
DOWN, HOLD, UP = 0.44, 0.07, 0.41


@dataclass(frozen=True)
class State:
    """The figure at one time: `depth` 0 upright to 1 at the bottom, `breath` and `sway` about -1 to 1."""

    depth: float
    breath: float
    sway: float


@dataclass(frozen=True)
class Rep:
    start_s: float
    duration_s: float
    depth: float

    @property
    def end_s(self) -> float:
        """When the figure stands upright again."""
        return self.start_s + self.duration_s * (DOWN + HOLD + UP)


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


@dataclass(frozen=True)
class Motion:
    reps: tuple[Rep, ...]
    duration_s: float

    @property
    def start_s(self) -> float:
        return self.reps[0].start_s

    @property
    def rep_end_times_s(self) -> list[float]:
        return [rep.end_s for rep in self.reps]

    def state(self, t_s: float) -> State:
        depth = 0.0
        for rep in self.reps:
            share = (t_s - rep.start_s) / rep.duration_s
            if 0 <= share < 1:
                depth = rep.depth * (_ease(share / DOWN) - _ease((share - DOWN - HOLD) / UP))
        # After the last squat the breath is faster and deeper, and calms down again.
        tired = _ease((t_s - self.start_s) / 12) * (1 - 0.5 * _ease((t_s - self.rep_end_times_s[-1]) / REST_AFTER_S))
        breath = (0.5 + 0.5 * tired) * np.sin(2 * np.pi * (0.27 * t_s + 0.16 * max(0.0, t_s - self.start_s) * 0.5))
        sway = 0.6 * np.sin(2 * np.pi * 0.11 * t_s + 0.4) + 0.4 * np.sin(2 * np.pi * 0.23 * t_s)
        return State(depth=depth, breath=float(breath), sway=float(sway))


def make_motion(rng: np.random.Generator) -> Motion:
    """Return ten squats of 2.0 to 2.6 s each, slower towards the end, with idle time around them."""
    reps = []
    t_s = IDLE_BEFORE_S
    for index in range(REPS):
        duration_s = float(np.clip(2.12 + 0.035 * index + rng.normal(0, 0.07), 2.0, 2.6))
        reps.append(Rep(t_s, duration_s, float(rng.uniform(0.93, 1.0))))
        t_s += duration_s
    # Whole micro-turns of 200 ms, so that the last one is full.
    return Motion(tuple(reps), duration_s=round((t_s + REST_AFTER_S) * 5) / 5)

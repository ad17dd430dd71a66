"""The tour: one figure, and a voice that asks for three things, one after the other, and ends each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from motion import REST_AFTER_S, Motion, Rep

STOP = "Please stop."
COUNT = "Please count out reps for squats."
BORDERS = "Say start when the person starts squatting, then say stop when they stop."
REMIND = "Remind me to breathe in and out every four seconds."
PERIOD_S = 4.0
DURATION_S = 56.0


@dataclass(frozen=True)
class Line:
    """Words and when they begin."""

    at_s: float
    text: str


LINES = (
    Line(0.6, COUNT),
    Line(17.2, STOP),
    Line(19.2, BORDERS),
    Line(37.4, STOP),
    Line(39.2, REMIND),
    Line(53.0, STOP),
)
SQUATS = ((4.6, 5), (25.6, 4))
"""When a set begins, and of how many squats it is."""


def make_tour(rng: np.random.Generator) -> Motion:
    """Return two sets of squats of 2.0 to 2.4 s each, with idle time around them."""
    reps = []
    for start_s, count in SQUATS:
        t_s = start_s
        for _ in range(count):
            duration_s = float(np.clip(2.18 + rng.normal(0, 0.07), 2.0, 2.4))
            reps.append(Rep(t_s, duration_s, float(rng.uniform(0.93, 1.0))))
            t_s += duration_s
    assert reps[-1].end_s + REST_AFTER_S < DURATION_S
    return Motion(tuple(reps), duration_s=DURATION_S)


def truth_of(motion: Motion, ends_s: list[float]) -> dict[str, object]:
    """What happens in the tour; `ends_s` is when the words of each line end."""
    first, second = (sum(n for _, n in SQUATS[:k]) for k in (1, 2))
    reps = motion.reps
    last_stop = LINES[-1].at_s
    due = np.arange(ends_s[4] + PERIOD_S, last_stop, PERIOD_S)
    return {
        "duration_s": motion.duration_s,
        "spoken": [
            {"from_s": line.at_s, "to_s": round(end_s, 3), "text": line.text}
            for line, end_s in zip(LINES, ends_s, strict=True)
        ],
        "rep_end_times_s": [round(rep.end_s, 3) for rep in reps[:first]],
        "start_s": round(reps[first].start_s, 3),
        "stop_s": round(reps[second - 1].end_s, 3),
        "reminders_s": [round(float(t), 3) for t in due],
    }

"""What the embedded model is to reach, and what was measured before it, in one place.

`before` are figures of earlier attempts on a held-out half of such clips: the prototype of this model, and a pipeline
that finds people's poses and counts on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Reach:
    """A bound for a figure: at least, or at most."""

    bound: Literal[">=", "<="]
    value: float
    before: Mapping[str, str] = field(default_factory=dict)

    def met_by(self, value: float) -> bool:
        return value >= self.value if self.bound == ">=" else value <= self.value

    @property
    def text(self) -> str:
        sign = {">=": "≥", "<=": "≤"}[self.bound]
        return f"{sign} {self.value:g}"

    def to_json(self) -> dict[str, Any]:
        return {"bound": self.bound, "value": self.value, "before": dict(self.before)}


def _before(prototype: str, pose: str = "") -> dict[str, str]:
    return {"prototype": prototype} | ({"person pose": pose} if pose else {})


_VISION = {
    "bare.obo": Reach(">=", 0.93, _before(".815", ".889")),
    "bare.exact": Reach(">=", 0.75, _before(".52", ".704")),
    "bare.mae": Reach("<=", 0.09, _before(".175", ".121")),
    "bare.f1": Reach(">=", 0.93, _before(".85", ".82")),
    "bare5.obo": Reach(">=", 0.90, _before(".60", ".70")),
    "bare.within_half_second": Reach(">=", 0.90),
    "padded.within_half_second": Reach(">=", 0.90),
    "bare.lead": Reach("<=", 1.0),
    "padded.lead": Reach("<=", 1.0),
    "padded.tiou": Reach(">=", 0.88, _before(".57 (.79 with optical flow)")),
    "padded.start_1s": Reach(">=", 0.80, _before("0")),
    "padded.stop_1s": Reach(">=", 0.80, _before(".37")),
    "negatives.counts": Reach("<=", 0.0, _before("many", "12 and 1")),
    "step.p50": Reach("<=", 10.0, _before("3.3", "34–110")),
    "model.size": Reach("<=", 5.0, _before("0.9", "9.4")),
}

_HEARING = {
    "phrases.exact": Reach(">=", 0.93, {"before": ".91"}),
    "phrases.wrong_accepted": Reach("<=", 0.02, {"before": ".044"}),
    "stop.quiet": Reach(">=", 0.97, {"before": ".97"}),
    "stop.kitchen": Reach(">=", 0.92, {"before": ".90"}),
    "stop.talking": Reach(">=", 0.80, {"before": ".20–.68"}),
    "stop.false_per_min": Reach("<=", 0.2, {"before": ".66"}),
    "tasks.false_per_min": Reach("<=", 0.1, {"before": "1.0 (0.3 at the strict setting)"}),
    "echo.loss_db": Reach(">=", 30.0, {"before": "29.8"}),
    "echo.vad": Reach("<=", 0.0, {"before": "0"}),
    "echo.barge_in_0db": Reach(">=", 0.95, {"before": ".95"}),
    "echo.barge_in_12db": Reach(">=", 0.80, {"before": ".70"}),
    "reminder.p99": Reach("<=", 260.0),
    "hearing.p50": Reach("<=", 10.0, {"before": "7"}),
}

REACH: Mapping[str, Reach] = MappingProxyType(_VISION | _HEARING)

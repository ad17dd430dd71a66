"""The moments after which checks count. Their rules: `tmlapp.bench.qa.checks_time`."""

from __future__ import annotations

from dataclasses import dataclass

from tmlapp.bench.qa.checks_time import After
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.qa.outcome import Stretch
from tmlapp.bench.qa.speech import PAUSE_NS, Span
from tmlapp.core.units import NS_PER_MS

HANG_NS = 200 * NS_PER_MS
"""So long the detector may hold on to a voice that has ended."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The moment `t_ns`, or why there is none (yet).

    `final` is False while it may still move: the user may go on speaking.
    """

    t_ns: int | None
    why: str = ""
    final: bool = True


def anchor_of(after: After, facts: Facts, step: Stretch) -> Anchor:
    """The moment `after` in `step`."""
    if after == "step_start":
        return Anchor(step.start_ns)
    if after == "marker":
        markers = [t for t in facts.markers if step.start_ns <= t <= step.end_ns]
        return Anchor(min(markers)) if markers else Anchor(None, "No marker was set (key M).")
    begun = [s for s in facts.user_speech() if step.start_ns <= s[0] <= step.end_ns]
    if not begun:
        return Anchor(None, "Nobody was heard on the microphone.")
    if after == "user_speech_start":
        return Anchor(begun[0][0])
    if after == "interruption":
        model = facts.model_speech(step.start_ns, step.end_ns)
        cut = next((b for b, _ in begun if any(m0 <= b <= m1 and m1 > m0 for m0, m1 in model)), None)
        return Anchor(cut) if cut is not None else Anchor(None, "The user never began to speak while the model spoke.")
    return _end_of_user(begun, facts, step)


def _end_of_user(begun: list[Span], facts: Facts, step: Stretch) -> Anchor:
    ends = [end for _, end in begun]
    answer = next(
        (b for b, _ in facts.model_speech(step.start_ns, step.end_ns) if b >= ends[0] - HANG_NS and b <= step.end_ns),
        None,
    )
    if answer is not None:
        return Anchor(max(end for end in ends if end - HANG_NS <= answer))
    speaking = not step.over and facts.now_ns - ends[-1] < PAUSE_NS
    return Anchor(None, "The user is speaking.") if speaking else Anchor(ends[-1], final=step.over)

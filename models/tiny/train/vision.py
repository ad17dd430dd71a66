"""What one camera frame does to the model's memory, and when that ends a repetition or an action.

Part of the graph: `graph.Step` adds tasks, timers and phrases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.tiny.train.config import HEADS, HEIGHT, HIDDEN, LEAK, LOOK_DIM, MOTION_DIM, RING, WIDTH
from models.tiny.train.frontend import CUT_BELOW, FrontEnd, likeness, normalise, pyramid
from models.tiny.train.head import Heads
from models.tiny.train.rows import STATS, extras, stream_row

SEEN: dict[str, tuple[torch.dtype, tuple[int, ...], float]] = {
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
    "back": (torch.float32, (1,), 0.0),
    "acting": (torch.float32, (1,), 0.0),
    "level": (torch.float32, (1,), 0.0),
}
"""dtype, shape and initial value of every state that frames change, in graph order."""


class Thresholds:
    """Decision levels; chosen on the development clips, see the model card."""

    blend = 0.5
    """Share of a new frame in the smoothed distance from the reference pose."""
    rise = 0.1
    fall = 0.1
    """A repetition: that much up from the last low, then at least that much down from the peak ..."""
    share, ended = 0.4, 0.25
    """... and that share of the way back while an end is that probable ..."""
    whole = 0.8
    """... or this share of it ..."""
    again = 0.1
    """... or until the way out begins anew: up by that much from the nearest point."""
    repeating = 0.6
    steady = 0.5
    """Share of a new frame in the smoothed probability that something repeats: one frame of doubt changes nothing."""
    give_up = 0.25
    """Nothing is counted below this smoothed probability ..."""
    faint_pace, give_up_faint = 0.06, 0.8
    """... and below this one where less than so many pixels per frame move (a held pose, a trembling camera)."""
    forget, standing = 0.8, 0.5
    """Nothing is counted once recent motion, a peak fading by that per frame, is below that share of its mean."""
    smooth = 0.7
    """Share of a new frame in the smoothed probability that somebody acts ..."""
    start = 0.6
    stop = 0.25
    """... which starts an action above the one level, and stops it below the other."""


class Decider(nn.Module):
    """When a repetition or an action has ended; every method updates the states in s, one value per stream."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        super().__init__()
        self.t = thresholds or Thresholds()

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
        # Behind a cut nothing is the way back from anything before it.
        quiet = torch.maximum((s["steady"] < needed).float(), (s["age"] < 0.5).float())
        low = torch.minimum(s["low"], away)
        farther = (away > s["high"]).float()
        high = torch.maximum(s["high"], away)
        rises = (1.0 - on) * ((away > low + self.t.rise) & (repeating > self.t.repeating)).float()
        turned = torch.maximum(farther, rises)
        back = torch.where(turned > 0.5, away, torch.minimum(s["back"], away))
        way = high - low
        part = away < high - (self.t.share * way).clamp_min(self.t.fall)
        whole = away < high - (self.t.whole * way).clamp_min(self.t.fall)
        near = (whole | (part & (p[:, 2] > self.t.ended))).float()
        # Many come back only part of the way before they set out again.
        again = ((back < high - self.t.fall) & (away > back + self.t.again)).float()
        # A picture that stands still ends nothing: the distance sinks in it although nobody came back.
        fire = on * moving * torch.maximum(near, again) * (1.0 - quiet)
        s["armed"] = torch.maximum(on, rises) * (1.0 - fire) * (1.0 - quiet)
        fresh = torch.maximum(quiet, fire)
        s["low"] = torch.where(fresh > 0.5, away, low)
        s["high"] = torch.where(torch.maximum(fresh, rises) > 0.5, away, high)
        s["back"] = torch.where(fresh > 0.5, away, back)
        return fire

    def act(self, p: Tensor, s: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Start/stop with hysteresis on the smoothed acting probability; returns (started, stopped) [1] each."""
        s["level"] = s["level"] + self.t.smooth * (p[:, 3] - s["level"])
        on = s["acting"]
        started = (1.0 - on) * (s["level"] > self.t.start).float()
        stopped = on * (s["level"] < self.t.stop).float()
        s["acting"] = on + started - stopped
        return started, stopped


class Watcher(Decider):
    """The part of a micro-turn that looks at frames."""

    def __init__(self, heads: Heads, thresholds: Thresholds | None = None) -> None:
        super().__init__(thresholds)
        self.front, self.heads = FrontEnd(), heads

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

"""Where the rows of the live lanes stand: what matters most keeps its place when room is short. No Qt, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """From `top` down, `high` pixels."""

    top: float
    high: float

    @property
    def middle(self) -> float:
        return self.top + self.high / 2

    @property
    def bottom(self) -> float:
        return self.top + self.high


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows; None, or not there, where room or matter is missing.

    Attributes:
        you, model: the two voices; `flags` above the model's holds its cues.
        heard: what the model understood. reply: latencies. bands: one per signal, in order.
        axis: the times below.
    """

    you: Row
    flags: Row
    model: Row
    axis: Row
    heard: Row | None = None
    reply: Row | None = None
    bands: tuple[Row, ...] = field(default=())


_PAD_PX = 5.0
_WAVE_PX = 25.0
_TIGHT_WAVE_PX = 18.0
_MOST_GROWTH = 1.5


def place_rows(height: float, text_px: float, *, hears: bool, signals: int) -> Rows:
    """Share `height` among the rows; `text_px` is the height of a small text.

    Args:
        hears: the model listens, so what it heard has a row.
        signals: how many numbers of the model there are.
    """
    flag, axis, band = text_px + 2, text_px + 5, max(14.0, text_px + 1)
    # In order of need; a second band says more than latencies, a third and a fourth do not.
    asked: list[tuple[str, float]] = [("heard", text_px + 4)] if hears else []
    asked += [("band", band)] * min(2, signals) + [("reply", max(19.0, text_px))] + [("band", band)] * (signals - 2)
    room = height - 2 * _PAD_PX - flag - axis
    wave = _WAVE_PX if room - 2 * _WAVE_PX >= sum(px for _, px in asked) else _TIGHT_WAVE_PX
    room -= 2 * wave
    given: list[str] = []
    for name, px in asked:
        if px > room:
            break
        given.append(name)
        room -= px
    used = {"heard": text_px + 4, "reply": max(19.0, text_px), "band": band}
    flexible = 2 * wave + sum(used[name] for name in given)
    grow = min(_MOST_GROWTH, 1 + max(0.0, room) / flexible)
    spare = max(0.0, room - flexible * (grow - 1))
    top = _PAD_PX + spare / 2

    def take(high: float) -> Row:
        nonlocal top
        top += high
        return Row(top - high, high)

    you = take(wave * grow)
    heard = take(used["heard"] * grow) if "heard" in given else None
    flags = take(flag)
    model = take(wave * grow)
    reply = take(used["reply"] * grow) if "reply" in given else None
    bands = tuple(take(band * grow) for _ in range(given.count("band")))
    return Rows(you, flags, model, Row(height - axis - _PAD_PX / 2, axis), heard, reply, bands)

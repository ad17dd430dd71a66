"""What a lane is, and the ruler above them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.axis import TimeAxis

Role = Literal["neutral", "you", "model", "good", "bad", "notice", "accent", "plain", "faint"]
"""What a colour means; never the only sign of it."""

Later = Callable[[Callable[[], object], Callable[[object], object]], object]
"""Runs a job on a worker, then hands its result to the second callable on the window's thread: `Host.work`."""


HIGHER = 1.25
"""One step of a lane's height."""

LEAST_SCALE, MOST_SCALE = 0.5, 4.0
_BARE_PX = 22.0


def role_color(theme: Theme, role: Role) -> QColor:
    """The colour of `role` in `theme`."""
    return {
        "you": theme.you, "model": theme.model, "good": theme.good, "bad": theme.act, "notice": theme.notice,
        "accent": theme.accent, "plain": theme.text, "faint": theme.faint,
    }.get(role, theme.muted)  # fmt: skip


def faded(color: QColor, alpha: int) -> QColor:
    """`color` with another opacity, 0 to 255."""
    made = QColor(color)
    made.setAlpha(alpha)
    return made


@dataclass(frozen=True, slots=True)
class Plot:
    """Where a lane draws: its rectangle, the axis, the theme."""

    painter: QPainter
    rect: QRectF
    axis: TimeAxis
    theme: Theme
    focused: bool = False

    def x(self, t_ns: float) -> float:
        return self.rect.left() + self.axis.x_of(t_ns, self.rect.width())


class Lane(QObject):
    """One row of a timeline. Subclasses draw; times on the screen come from the axis alone.

    Attributes:
        key: stable name, for settings and tests.
        title: what stands at its left.
        height_px: usual height at a text scale of 1.
        stretch: its share of the room that is left; 0 keeps the height.
        hidden: a person has taken it away.
        absent: what is shown has nothing of its kind: it has no room, and no place in the menu.
        scale: how much higher than usual a person wants it, `LEAST_SCALE` to `MOST_SCALE`.
        shrinks: it is lower while nothing is in it.
        empty: said where nothing is in it.

    Signals:
        changed: it wants to be drawn again.
    """

    changed = Signal()

    def __init__(self, key: str, title: str, *, height_px: float = 38, stretch: int = 0, hidden: bool = False) -> None:
        super().__init__()
        self.key = key
        self.title = title
        self.height_px = height_px
        self.stretch = stretch
        self.hidden = hidden
        self.absent = False
        self.scale = 1.0
        self.shrinks = False
        self.empty = ""

    @property
    def bare(self) -> bool:
        """Nothing is in it."""
        return False

    @property
    def wanted_px(self) -> float:
        """Height at a text scale of 1, as it is now."""
        return min(_BARE_PX, self.height_px) if self.shrinks and self.bare else self.height_px * self.scale

    def draw_empty(self, plot: Plot) -> None:
        """Say that nothing is in it."""
        plot.painter.setPen(faded(plot.theme.muted, 150))
        plot.painter.setFont(font(plot.theme.font_small_px))
        plot.painter.drawText(plot.rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.empty)

    def draw(self, plot: Plot) -> None:
        """Draw what lies in the stretch that the axis looks at."""
        raise NotImplementedError

    def draw_cursor(self, plot: Plot) -> None:
        """Say what is at the cursor; drawn anew wherever that moves."""

    def press(self, plot: Plot, pos: QPointF) -> bool:  # noqa: ARG002 - for those that are no mere picture
        """The left button went down; True takes the following movements away from seeking and panning."""
        return False

    def drag(self, plot: Plot, pos: QPointF, *, final: bool) -> None:
        """The pointer moved after a press that was taken; `final` when the button is let go."""

    def click(self, plot: Plot, pos: QPointF) -> bool:  # noqa: ARG002 - a lane's form
        """Clicked without moving; True if that was meant for something in this lane (it seeks else)."""
        return False

    def key_press(self, key: int, modifiers: Qt.KeyboardModifier, axis: TimeAxis) -> bool:  # noqa: ARG002 - a lane's form
        """A key while this lane has the focus; True if it was used."""
        return False

    def hint(self, plot: Plot, pos: QPointF) -> str:  # noqa: ARG002 - a lane's form
        """What to say at the pointer; empty for nothing."""
        return ""

    def cursor_shape(self, plot: Plot, pos: QPointF) -> Qt.CursorShape | None:  # noqa: ARG002 - a lane's form
        """The pointer's shape there, None for the usual one."""
        return None

    def describe(self, axis: TimeAxis) -> str:  # noqa: ARG002 - a lane's form
        """For a screen reader, when the lane gets the focus."""
        return self.title


_STEPS_NS: list[int] = [
    *(m * 10**e for e in range(4, 9) for m in (1, 2, 5)),
    *(s * NS_PER_S for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)),
]


class Ruler(Lane):
    """Times at round places, as fine as there is room for."""

    def __init__(self) -> None:
        super().__init__("ruler", "", height_px=26)

    def draw(self, plot: Plot) -> None:
        painter, axis, theme = plot.painter, plot.axis, plot.theme
        painter.setFont(font(theme.font_small_px))
        metrics = QFontMetricsF(painter.font())
        step = self.step_ns(axis.span_ns / max(1.0, plot.rect.width()), metrics.horizontalAdvance("0:00:00.000"))
        first = int(axis.start_ns // step) * step
        painter.setPen(theme.faint)
        t_ns = first
        while t_ns <= axis.end_ns:
            x = plot.x(t_ns)
            text = time_text(t_ns, step)
            width = metrics.horizontalAdvance(text)
            if t_ns >= axis.start_ns:
                painter.drawText(
                    QPointF(min(max(x, plot.rect.left()), plot.rect.right() - width), baseline(plot, metrics)), text
                )
            t_ns += step

    @staticmethod
    def step_ns(ns_per_px: float, label_px: float) -> int:
        """Distance of two labels that are `label_px` wide."""
        least = ns_per_px * label_px * 1.4
        steps = (s for s in _STEPS_NS if s >= least)
        return next(steps, _STEPS_NS[-1])


def baseline(plot: Plot, metrics: QFontMetricsF) -> float:
    """Where text stands that is in the middle of the lane."""
    return plot.rect.center().y() + (metrics.ascent() - metrics.descent()) / 2


def time_text(t_ns: float, step_ns: float = NS_PER_S) -> str:
    """`m:ss`, `h:mm:ss`, with as many decimals as labels `step_ns` apart need."""
    decimals = next((d for d, least in enumerate((NS_PER_S, 10**8, 10**7, NS_PER_MS, 10**5)) if step_ns >= least), 5)
    units = round(t_ns / 10 ** (9 - decimals))
    seconds, rest = divmod(units, 10**decimals)
    minutes = f"{seconds // 60 % 60:02d}" if seconds >= 3600 else f"{seconds // 60}"
    hours = f"{seconds // 3600}:" if seconds >= 3600 else ""
    tail = f".{rest:0{decimals}d}" if decimals else ""
    return f"{hours}{minutes}:{seconds % 60:02d}{tail}"


def span_text(start_ns: int, end_ns: int) -> str:
    """`3.20 s to 4.10 s`, for hints and screen readers."""
    return tr("{start} s to {end} s").format(start=f"{start_ns / NS_PER_S:.2f}", end=f"{end_ns / NS_PER_S:.2f}")

"""The strip below the take: which keys do what right now."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.ui.controls import paint_key_cap
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font


@dataclass(frozen=True, slots=True)
class Hint:
    """Some keys, and in a word or two what they do."""

    keys: tuple[str, ...]
    words: str


EDITING = (
    Hint(("E",), "drop"),
    Hint(("[", "]"), "edges"),
    Hint(("←", "→"), "10 ms"),
    Hint(("Shift",), "200 ms"),
    Hint(("Space",), "play ± 1 s"),
    Hint(("Alt",), "1 sample"),
    Hint(("X",), "snap"),
    Hint(("B",), "best"),
)
RECORDING = (
    Hint(("E",), "model speaks here"),
    Hint(("I",), "instruction ends"),
    Hint(("S",), "stop request"),
    Hint(("Space",), "next line"),
    Hint(("Esc",), "discard"),
)


class KeyStrip(QWidget):
    """Caps and words on a card; what finds no room is left out from the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._hints: tuple[Hint, ...] = EDITING
        self._last = Hint(("Tab",), "next")
        self.setAccessibleName(tr("Keys"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_theme(theme)
        self.show_hints(EDITING, self._last)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(50))
        self.update()

    def show_hints(self, hints: tuple[Hint, ...], last: Hint) -> None:
        """Show `hints` from the left and `last` at the right."""
        self._hints, self._last = hints, last
        self.setAccessibleDescription("; ".join(f"{' '.join(h.keys)}: {tr(h.words)}" for h in (*hints, last)))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(300, self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        painter.setPen(theme.line)
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.radius_card, theme.radius_card
        )
        end = self.width() - 14 - self._width(self._last)
        self._paint(painter, self._last, end)
        x = 15.0
        for hint in self._hints:
            width = self._width(hint)
            if x + width > end - 12:
                break
            self._paint(painter, hint, x)
            x += width + theme.px(15)

    def _cap(self, key: str) -> float:
        theme = self._theme
        return max(float(theme.px(17)), QFontMetricsF(font(theme.font_small_px)).horizontalAdvance(key) + 9)

    def _width(self, hint: Hint) -> float:
        words = QFontMetricsF(font(self._theme.font_px)).horizontalAdvance(tr(hint.words))
        return sum(self._cap(k) + 4 for k in hint.keys) + words + 1

    def _paint(self, painter: QPainter, hint: Hint, x: float) -> None:
        theme = self._theme
        height = theme.px(16)
        for key in hint.keys:
            width = self._cap(key)
            cap = QRectF(x + 0.5, (self.height() - height) / 2, width, height)
            paint_key_cap(painter, cap, key, theme.text, theme.font_small_px)
            x += width + 4
        painter.setPen(theme.muted)
        painter.setFont(font(theme.font_px))
        painter.drawText(QRectF(x + 1, 0, self.width(), self.height()), Qt.AlignmentFlag.AlignVCenter, tr(hint.words))

"""Calm notices over the stage: what the connection or the endpoint has to say, for a few seconds."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent, QFontMetricsF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tmlapp.ui.items.parts import words
from tmlapp.ui.overlay_layout import Box
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font, rgba

STAY_MS = 8_000
MOST = 2
_LEAST_PX = 300
_LOW_PX = 260
"""A stage that is lower than this has room for one line between the signs above and the caption."""
_ICONS = {"info": "fa6s.circle-info", "warning": "fa6s.triangle-exclamation", "good": "fa6s.circle-check"}


class Toasts(QWidget):
    """Up to two short lines at the top of `over`, between what the stage shows in its corners."""

    def __init__(self, theme: Theme, over: QWidget) -> None:
        super().__init__(over)
        self._theme = theme
        self._over = over
        self._lines: list[tuple[str, str]] = []
        self._signs: tuple[Box, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(tr("Notices"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._away = QTimer(self)
        self._away.setSingleShot(True)
        self._away.timeout.connect(self._drop)
        over.installEventFilter(self)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._fill()

    def say(self, text: str, level: str = "info") -> None:
        """Show `text` (level `info`, `warning` or `good`); the same words twice stay one line."""
        others = [line for line in self._lines if line[0] != text]
        self._lines = [*others[-(MOST - 1) :], (text, level)]
        self._away.start(STAY_MS)
        self._fill()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def keep_clear(self, *signs: Box | None) -> None:
        """Stay beside the `signs` in the upper corners, or below them where the gap is narrow."""
        now = tuple(sign for sign in signs if sign is not None)
        if now != self._signs:
            self._signs = now
            self._fill()

    def texts(self) -> list[str]:
        """What is shown now."""
        return [text for text, _level in self._lines]

    def clear(self) -> None:
        self._away.stop()
        self._lines = []
        self._fill()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if watched is self._over and event.type() == QEvent.Type.Resize:
            self._fill()
        return super().eventFilter(watched, event)

    def _drop(self) -> None:
        self._lines = self._lines[1:]
        if self._lines:
            self._away.start(STAY_MS // 2)
        self._fill()

    def _fill(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        few = 1 if self._over.height() < self._theme.px(_LOW_PX) else MOST
        for text, level in self._lines[-few:]:
            line = self._line(text, level)
            self._column.addWidget(line, 0, Qt.AlignmentFlag.AlignHCenter)
            line.show()  # Before the next round of the loop, or it counts for nothing in the size below.
        self.setAccessibleDescription(" ".join(self.texts()))
        self.setVisible(bool(self._lines))
        self._place()

    def _line(self, text: str, level: str) -> QFrame:
        import qtawesome

        theme = self._theme
        frame = QFrame()
        frame.setObjectName("toast")
        overlay = rgba(theme.overlay)
        ink = rgba(theme.on_overlay)
        frame.setStyleSheet(f"#toast {{ background: {overlay}; border-radius: 8px; }} QLabel {{ color: {ink}; }}")
        row = QHBoxLayout(frame)
        row.setContentsMargins(12, 7, 14, 7)
        row.setSpacing(9)
        sign = QLabel()
        # Over the picture the ground is dark in both schemes.
        color = {"warning": "#ffb454", "good": "#34d67f"}.get(level, theme.on_overlay.name())
        sign.setPixmap(qtawesome.icon(_ICONS[level], color=color).pixmap(theme.px(14), theme.px(14)))
        sign.setAccessibleName({"warning": tr("warning")}.get(level, tr("notice")))
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        label = words()
        label.setText(text)
        width = self._room() - theme.px(14) - 37
        needed = QFontMetricsF(font(theme.font_px)).horizontalAdvance(text) + 6
        label.setWordWrap(needed > width)
        label.setFixedWidth(round(min(needed, width)))
        row.addWidget(label, 1)
        return frame

    def _gap(self) -> tuple[int, int, int]:
        """Where there is room: left and right edge, and top."""
        width, margin = self._over.width(), self._theme.px(20)
        middle = width / 2
        left = max([margin, *(s.right + 12 for s in self._signs if s.x + s.w / 2 < middle)])
        right = min([width - margin, *(s.x - 12 for s in self._signs if s.x + s.w / 2 >= middle)])
        half = min(middle - left, right - middle)
        if 2 * half >= self._theme.px(_LEAST_PX):
            return round(middle - half), round(middle + half), margin
        below = max(s.bottom for s in self._signs) + 8 if self._signs else margin
        return margin, width - margin, round(below)

    def _room(self) -> int:
        left, right, _top = self._gap()
        return max(160, right - left)

    def _place(self) -> None:
        if not self._lines:
            return
        left, _right, top = self._gap()
        self.setFixedWidth(self._room())
        self.adjustSize()
        self.move(left, top)
        self.raise_()

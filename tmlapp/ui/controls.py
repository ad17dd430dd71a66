"""Small controls used everywhere: a button that shows its key, a chip, a level meter, a banner for errors."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFont, QFontMetricsF, QIcon, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

Kind = Literal["plain", "primary", "danger", "ghost"]


class KeyButton(QAbstractButton):
    """A button with its shortcut on a small key cap; follows a `QAction` if it is given one.

    Return presses it; Space does not, because Space starts and stops the session.
    """

    def __init__(self, theme: Theme, text: str = "", *, key: str = "", kind: Kind = "plain") -> None:
        super().__init__()
        self._theme = theme
        self._key = key
        self._kind: Kind = kind
        self._dot: QColor | None = None
        self._sign: QIcon | None = None
        self._suffix = ""
        self._spared = False
        self.setText(text)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def follow(self, action: QAction, *, text: str = "") -> None:
        """Trigger `action`, and look enabled, checked and named as it is."""
        self._action_text = text
        self.clicked.connect(lambda: action.trigger())

        def update() -> None:
            self.setEnabled(action.isEnabled())
            visible = action.isVisible() and not self._spared
            # Shown without a parent it would be a window of its own for a moment, and take the keys.
            if not visible or self.parentWidget() is not None:
                self.setVisible(visible)
            self.setCheckable(action.isCheckable())
            self.setChecked(action.isChecked())
            self.setText(text or action.text().rstrip("…"))
            self.setAccessibleName(action.text())
            self.setToolTip(action.toolTip())
            keys = action.shortcuts()
            self._key = keys[0].toString() if keys else ""
            self.updateGeometry()
            self.update()

        action.changed.connect(update)
        # A click toggles the button first and the action second; the action has the last word.
        action.toggled.connect(lambda on: self.setChecked(on))
        update()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()
        self.update()

    def set_kind(self, kind: Kind) -> None:
        self._kind = kind
        self.update()

    def set_spared(self, spared: bool) -> None:
        """Left out while room is short; its key works all the same."""
        self._spared = spared
        self.setVisible(not spared)

    def set_dot(self, color: QColor | None, suffix: str = "", *, sign: QIcon | None = None) -> None:
        """A coloured dot, or `sign` in its place, before the text and dimmed words behind it."""
        self._dot, self._suffix, self._sign = color, suffix, sign
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        metrics = QFontMetricsF(self._face())
        width = 24 + metrics.horizontalAdvance(self.text())
        width += 16 if self._dot else 0
        width += metrics.horizontalAdvance(self._suffix) + 6 if self._suffix else 0
        width += self._cap_width() + 8 if self._key else 0
        return QSize(round(width), self._theme.px(30))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        spare = 0 if not self._key else round(self._cap_width() + 8)
        return self.sizeHint() - QSize(spare, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        event.ignore()

    def nextCheckState(self) -> None:  # noqa: N802 - Qt's name
        """The action decides whether it is checked; the click itself changes nothing."""

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, border, ink = self._colors()
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(self._theme.accent, 2) if self.hasFocus() else QPen(border))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, self._theme.radius_control, self._theme.radius_control)
        x = 12.0
        if self._dot:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._dot)
            if self._sign is not None:
                self._sign.paint(painter, QRectF(x - 3, box.center().y() - 7, 14, 14).toRect())
            else:
                painter.drawEllipse(QPointF(x + 4, box.center().y()), 4, 4)
            x += 16
        painter.setFont(self._face())
        metrics = QFontMetricsF(self._face())
        painter.setPen(ink)
        # Where room is short, the key cap goes first, then the dimmed words, then the end of the text.
        tight = self.width() < self.sizeHint().width() - 2
        cap = self._key and not (tight and not self._suffix)
        room = self.width() - x - 12 - (self._cap_width() + 8 if cap else 0)
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room + 1)
        if self._key and not cap and not self._dot:
            x = (self.width() - metrics.horizontalAdvance(shown)) / 2
        painter.drawText(QRectF(x, 0, room + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, shown)
        x += metrics.horizontalAdvance(shown) + 6
        if self._suffix:
            painter.setPen(self._theme.muted)
            left = max(0.0, self.width() - 10 - x)
            suffix = metrics.elidedText(self._suffix, Qt.TextElideMode.ElideMiddle, left)
            painter.drawText(QRectF(x, 0, left + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, suffix)
        if cap:
            self._paint_cap(painter, ink)

    def _face(self) -> QFont:
        strong = self._kind in ("primary", "danger")
        return font(self._theme.font_px, weight=QFont.Weight.DemiBold if strong else QFont.Weight.Medium)

    def _cap_width(self) -> float:
        return max(
            float(self._theme.px(18)), QFontMetricsF(font(self._theme.font_small_px)).horizontalAdvance(self._key) + 9
        )

    def _paint_cap(self, painter: QPainter, ink: QColor) -> None:
        width = self._cap_width()
        height = self._theme.px(16)
        cap = QRectF(self.width() - 11 - width, (self.height() - height) / 2, width, height)
        paint_key_cap(painter, cap, self._key, ink, self._theme.font_small_px)

    def _colors(self) -> tuple[QColor, QColor, QColor]:
        theme = self._theme
        if self._kind == "primary":
            ground, border, ink = theme.accent, theme.accent, theme.on_accent
        elif self._kind == "danger":
            ground, border, ink = theme.act, theme.act, theme.on_accent
        elif self._kind == "ghost":
            ground, border, ink = QColor(0, 0, 0, 0), QColor(0, 0, 0, 0), theme.text
        else:
            ground, border, ink = theme.raised, theme.line, theme.text
        if not self.isEnabled():
            return theme.raised, theme.line, theme.faint
        if self.isChecked():
            return theme.accent_soft, theme.accent, theme.text
        if self.isDown():
            ground = ground.darker(112)
        elif self.underMouse():
            ground = theme.pressed if self._kind in ("plain", "ghost") else ground.lighter(108)
        return ground, border, ink


def paint_key_cap(painter: QPainter, box: QRectF, key: str, ink: QColor, px: int) -> None:
    """A small key cap with `key` on it."""
    line = QColor(ink)
    line.setAlpha(110)
    painter.setPen(QPen(line, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box, 4, 4)
    soft = QColor(ink)
    soft.setAlpha(190)
    painter.setPen(soft)
    painter.setFont(font(px))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, key)


class KeyEdit(QLineEdit):
    """A text box that shows, while it is empty, the key that leads into it."""

    def __init__(self, theme: Theme, key: str) -> None:
        super().__init__()
        self._theme, self._key = theme, key

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if not self.text() and not self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            width, height = self._theme.px(18), self._theme.px(16)
            cap = QRectF(self.width() - 10.5 - width, (self.height() - height) / 2, width, height)
            paint_key_cap(painter, cap, self._key, self._theme.muted, self._theme.font_small_px)


class LevelMeter(QWidget):
    """Eight small bars for the microphone's level; loud ones turn amber, clipping ones red and full height."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._lit = 0
        self.setFixedSize(58, 14)
        self.setAccessibleName(tr("Microphone level"))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def set_level(self, dbfs: float) -> None:
        lit = max(0, min(8, round((dbfs + 54) / 54 * 8)))
        if lit != self._lit:
            self._lit = lit
            self.setAccessibleDescription(f"{dbfs:.0f} dBFS")
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        for i in range(8):
            color = self._theme.turn
            if i < self._lit:
                color = self._theme.act if i == 7 else self._theme.notice if i == 6 else self._theme.good
            height = 3 + (i * 9 / 7 if i < self._lit else 0)
            painter.fillRect(QRectF(i * 7, 14 - height, 6, height), color)


class ErrorBanner(QFrame):
    """What happened, why, and what to do; stays until it is dismissed."""

    dismissed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("error")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 10, 10)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        self.what, self.why, self.fix = QLabel(), QLabel(), QLabel()
        self.what.setObjectName("heading")
        self.why.setObjectName("muted")
        for label in (self.what, self.why, self.fix):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            texts.addWidget(label)
        row.addLayout(texts, 1)
        self.button = KeyButton(theme, tr("Dismiss"), key="Esc")
        self.button.clicked.connect(self.dismiss)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_error(self, error: AppError) -> None:
        self.what.setText(f"✕  {error.what}")
        self.why.setText(error.why)
        self.fix.setText(error.fix)
        self.setAccessibleName(tr("Error"))
        self.setAccessibleDescription(f"{error.what} {error.why} {error.fix}")
        self.show()

    def dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()

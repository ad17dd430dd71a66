"""What a speaker sees while a take is recorded: the count-in, the lines to say, level, clipping and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPaintEvent, QTextOption
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.live.take_watch import TakeSound
from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.parts import minus, words
from tmlapp.ui.items.picture import LivePicture
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

State = Literal["opening", "counting", "running", "saving", "failed"]
QUIETEST_DBFS = -60.0
NOISY_DBFS = -45.0
"""A room that is louder than this is told to the speaker."""


_SIZES = (36, 30, 25, 21, 18)
"""The present line is as large as it may be and still be seen to its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the teleprompter; `part` names what it belongs to."""

    text: str
    part: str = ""


class Teleprompter(QWidget):
    """The present line large, the one before faint above it, the next ones below; or the count-in."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._lines: tuple[Line, ...] = ()
        self._at = 0
        self._count = 0
        self.setAccessibleName(tr("Teleprompter"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(400, 240)

    def show_lines(self, lines: tuple[Line, ...], at: int, count: int) -> None:
        """Line `at` of `lines` is the present one; `count` above 0 is what is left of the count-in, in seconds."""
        if (lines, at, count) == (self._lines, self._at, self._count):
            return
        self._lines, self._at, self._count = lines, at, count
        here = lines[at].text if at < len(lines) else tr("That was the last line.")
        self.setAccessibleDescription(str(count) if count else here)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        if self._count:
            painter.setPen(theme.accent)
            painter.setFont(font(theme.px(120), weight=QFont.Weight.Bold))
            top = QRectF(0, 0, self.width(), self.height() * 0.56)
            painter.drawText(top, Qt.AlignmentFlag.AlignCenter, str(self._count))
            first = self._lines[0].text if self._lines else ""
            self._text(painter, first, self.height() * 0.58, self.height() * 0.42, theme.px(20), bright=False)
            return
        y = self.height() * 0.06
        if self._at > 0:
            before = self._lines[self._at - 1]
            self._text(painter, before.text, y, theme.px(26), theme.px(15), bright=False, faint=True, one=True)
        y += theme.px(34)
        if self._at < len(self._lines):
            line = self._lines[self._at]
            painter.setFont(font(theme.font_small_px, weight=QFont.Weight.DemiBold))
            painter.setPen(theme.muted)
            painter.drawText(QPointF(theme.px(24), y + theme.px(12)), line.part)
            y += theme.px(20)
            room = self.height() - y
            size = next((s for s in _SIZES if self._need(painter, line.text, theme.px(s)) <= room), _SIZES[-1])
            y += self._text(painter, line.text, y, room, theme.px(size), bright=True) + theme.px(18)
        else:
            y += self._text(painter, tr("That was the last line. R ends the take."), y, 80, theme.px(22), bright=False)
        for line in self._lines[self._at + 1 : self._at + 4]:
            if y > self.height() - theme.px(30):
                break
            y += self._text(painter, line.text, y, self.height() - y, theme.px(20), bright=False) + theme.px(10)

    def _need(self, painter: QPainter, text: str, px: float) -> float:
        """How high `text` is in that size."""
        painter.setFont(font(px, weight=QFont.Weight.DemiBold))
        width = max(40, self.width() - 2 * self._theme.px(24))
        return painter.boundingRect(QRectF(0, 0, width, 10_000), Qt.TextFlag.TextWordWrap, text).height()

    def _text(
        self,
        painter: QPainter,
        text: str,
        top: float,
        height: float,
        px: float,
        *,
        bright: bool,
        faint: bool = False,
        one: bool = False,
    ) -> float:
        """Draw `text` over the width; its height."""
        theme = self._theme
        painter.setFont(font(px, weight=QFont.Weight.DemiBold if bright else QFont.Weight.Normal))
        painter.setPen(theme.text if bright else theme.faint if faint else theme.muted)
        side = theme.px(24)
        box = QRectF(side, top, max(40, self.width() - 2 * side), max(8.0, height))
        if one:
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, round(box.width()))
        option = QTextOption(Qt.AlignmentFlag.AlignLeft)
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        painter.drawText(box, text, option)
        need = painter.boundingRect(QRectF(box.left(), top, box.width(), 10_000), text, option)
        return need.height()


class LevelBar(QWidget):
    """Level from -60 dBFS to full scale, with its highest value; what clips is red and says so."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._now = self._peak = -120.0
        self._clipped = 0
        self.setAccessibleName(tr("Level"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(18))
        self.update()

    def show_level(self, now: float, peak: float, clipped: int) -> None:
        """Levels in dBFS; samples that are cut off so far."""
        self._now, self._peak, self._clipped = now, peak, clipped
        self.setAccessibleDescription(f"{now:.0f} dBFS")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, self.height() / 2 - 4, self.width(), 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.pressed)
        painter.drawRoundedRect(bar, 4, 4)
        x = self._x(self._now)
        loud = theme.act if self._now > -1 else theme.notice if self._now > -6 else theme.good
        painter.setBrush(loud)
        painter.drawRoundedRect(QRectF(0, bar.top(), x, bar.height()), 4, 4)
        for mark in (-18.0, -6.0):
            painter.fillRect(QRectF(self._x(mark), bar.top() - 3, 1, bar.height() + 6), theme.faint)
        painter.fillRect(QRectF(self._x(self._peak) - 1, bar.top() - 2, 2, bar.height() + 4), theme.text)

    def _x(self, dbfs: float) -> float:
        return max(0.0, min(1.0, (dbfs - QUIETEST_DBFS) / -QUIETEST_DBFS)) * self.width()


class RecorderCard(QFrame):
    """The card that stands in the take's place while one is recorded.

    Signals:
        next_asked: Return: the next line.
    """

    next_asked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self.state: State = "opening"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        top = QHBoxLayout()
        top.setSpacing(14)
        self.sign = QLabel()
        self.sign.setObjectName("strong")
        self.sign.setAccessibleName(tr("Recording state"))
        self.level = LevelBar(theme)
        self.level_text = words("muted", wrap=False)
        self.clip = words("bad", wrap=False)
        self.noise = words("muted", wrap=False)
        top.addWidget(self.sign)
        top.addWidget(self.level, 1)
        for label in (self.level_text, self.clip, self.noise):
            top.addWidget(label)
        self.prompter = Teleprompter(theme)
        self.camera = LivePicture(theme)
        self.camera.hide()
        self.filmed = False
        self.drops = words("muted")
        self.failure = words("failure")
        self.advice = words("muted")
        for label in (self.failure, self.advice):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._buttons = QHBoxLayout()
        self._buttons.addStretch(1)
        column.addLayout(top)
        self.above, self.below = QWidget(), QWidget()
        for room in (self.above, self.below):
            room.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        column.addWidget(self.above, 2)
        column.addWidget(self.failure)
        column.addWidget(self.advice)
        column.addLayout(self._buttons)
        column.addWidget(self.below, 3)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.prompter, 1)
        middle.addWidget(self.camera, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(middle, 1)
        column.addWidget(self.drops)
        self.buttons: list[KeyButton] = []

    def offer(self, actions: Actions, settings: KeyButton) -> None:
        """What helps where there is no microphone: try again, import a file, choose another one."""
        again, import_ = KeyButton(self._theme, kind="primary"), KeyButton(self._theme)
        again.follow(actions["items.record"], text=tr("Try again"))
        import_.follow(actions["items.import"])
        self.buttons = [again, import_, settings]
        for button in self.buttons:
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.next_asked.emit()
            return
        super().keyPressEvent(event)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.level.set_theme(theme)
        self.prompter.set_theme(theme)
        self.camera.set_theme(theme)
        for button in self.buttons:
            button.set_theme(theme)

    def show_state(self, state: State, failure: str = "", advice: str = "") -> None:
        """Another part of the work has begun."""
        self.state = state
        failed = state == "failed"
        self.failure.setText(f"✕  {failure}" if failed else "")
        self.advice.setText(advice if failed else "")
        for part in (self.failure, self.advice, self.above, self.below, *self.buttons):
            part.setVisible(failed)
        for part in (self.level, self.level_text, self.noise, self.clip, self.drops):
            part.setVisible(not failed)
        self.prompter.setVisible(not failed)
        self.camera.setVisible(self.filmed and not failed)
        self.say_state(0)

    def say_state(self, elapsed_ns: int) -> None:
        """The word at the top left, with the time of the take."""
        tenths = max(0, elapsed_ns) // 100_000_000
        clock = f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
        text = {
            "opening": tr("Opening microphone and camera…") if self.filmed else tr("Opening the microphone…"),
            "counting": tr("Get ready"),
            "running": f"● {tr('REC')}  {clock}",
            "saving": tr("Saving the take…"),
            "failed": tr("No take can be recorded"),
        }[self.state]
        red = self.state in ("running", "failed")
        self.sign.setText(text)
        ink = self._theme.act if red else self._theme.text
        self.sign.setStyleSheet(f"color: {ink.name()}; font-weight: 700;")
        self.sign.setAccessibleDescription(text)

    def show_sound(self, level_dbfs: float, sound: TakeSound) -> None:
        """Level, what was cut off, and how loud the room is."""
        self.level.show_level(level_dbfs, sound.peak_dbfs, sound.clipped)
        self.level_text.setText(minus(f"{max(-99.0, level_dbfs):.0f} dBFS"))
        self.clip.setText(tr("✕ clipped: speak softer, or turn down the microphone") if sound.clipped else "")
        noise = sound.noise_dbfs
        if noise is None:
            self.noise.setText(tr("noise –"))
        elif noise > NOISY_DBFS:
            self.noise.setText(minus(tr("▲ noise {n:.0f} dBFS").format(n=noise)))
        else:
            self.noise.setText(minus(tr("noise {n:.0f} dBFS").format(n=noise)))

    def show_drops(self, text: str) -> None:
        """What was marked so far."""
        self.drops.setText(text)

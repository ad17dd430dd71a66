"""The frame of the page: bar at the top, bar at the bottom, and what is there before a recording is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tmlapp.core.errors import AppError
from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

_PATH = Qt.ItemDataRole.UserRole
_TITLE_PX = 360


class Title(QLabel):
    """A heading that gives way to what stands beside it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("heading")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        hint = super().sizeHint()
        return QSize(min(hint.width() + 1, self._theme.px(_TITLE_PX)), hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(min(self.sizeHint().width(), self._theme.px(60)), super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self._theme.text)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, text)


class ReviewHeader(QFrame):
    """Title, the two recordings, blind, and what can be done with them."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("header")
        self.title = Title(theme)
        self.a, self.b, self.blind = KeyButton(theme), KeyButton(theme), KeyButton(theme)
        self.replay, self.export, self.play = KeyButton(theme), KeyButton(theme), KeyButton(theme, kind="primary")
        self.a.follow(actions["review.a"])
        self.b.follow(actions["review.b"])
        self.blind.follow(actions["judge.blind"], text=tr("Blind"))
        self.replay.follow(actions["review.replay"], text=tr("Replay into…"))
        self.export.follow(actions["review.export"], text=tr("Export ▾"))
        self.play.follow(actions["review.play"])
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        row.addWidget(self.title)
        for button in (self.a, self.b, self.blind):
            row.addWidget(button)
        row.addStretch(1)
        for button in (self.replay, self.export, self.play):
            row.addWidget(button)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.title.set_theme(theme)
        self.setFixedHeight(theme.px(48))
        for button in (self.a, self.b, self.blind, self.replay, self.export, self.play):
            button.set_theme(theme)

    def set_title(self, text: str) -> None:
        self.title.setText(text)
        self.title.setToolTip(text)


class Fact(QWidget):
    """A name, a value in bold and a tail in one line; where room is short, the value and then the tail are elided."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.parts = ("", "", "")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()
        self.update()

    def say(self, name: str, value: str, tail: str, hint: str) -> None:
        """All empty clears it."""
        self.parts = (name, value, tail)
        plain = " ".join(t for t in self.parts if t)
        self.setAccessibleName(plain)
        self.setToolTip(hint or plain)
        self.setVisible(bool(plain))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(round(sum(self._widths()) + self._gap() * (sum(map(bool, self.parts)) - 1)) + 2, 16)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(min(self.sizeHint().width(), self._theme.px(48)), 16)

    def shown(self, room: float) -> list[str]:
        """The three texts as they fit into `room` pixels."""
        texts, widths = list(self.parts), self._widths()
        over = sum(widths) + self._gap() * (sum(map(bool, texts)) - 1) - room
        for place, mode in (
            (1, Qt.TextElideMode.ElideMiddle),
            (2, Qt.TextElideMode.ElideRight),
            (0, Qt.TextElideMode.ElideRight),
        ):
            if over > 0 and texts[place]:
                metrics = self._metrics()[place]
                least = metrics.horizontalAdvance("…")
                texts[place] = metrics.elidedText(texts[place], mode, max(least, widths[place] - over))
                over -= widths[place] - metrics.horizontalAdvance(texts[place])
        return texts

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        x = 0.0
        faces, metrics = self._faces(), self._metrics()
        for place, text in enumerate(self.shown(self.width())):
            if text:
                painter.setFont(faces[place])
                painter.setPen(self._theme.text if place == 1 else self._theme.muted)
                width = metrics[place].horizontalAdvance(text)
                painter.drawText(QRectF(x, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, text)
                x += width + self._gap()

    def _faces(self) -> list[QFont]:
        plain, bold = font(self._theme.font_px), font(self._theme.font_px, weight=QFont.Weight.DemiBold)
        return [plain, bold, plain]

    def _metrics(self) -> list[QFontMetricsF]:
        return [QFontMetricsF(face) for face in self._faces()]

    def _gap(self) -> float:
        return self._metrics()[0].horizontalAdvance(" ")

    def _widths(self) -> list[float]:
        return [m.horizontalAdvance(t) for m, t in zip(self._metrics(), self.parts, strict=True)]


class ReviewStatus(QFrame):
    """What is known about the file, and how picture and sound stand to each other."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("status")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(20)
        self._facts: dict[str, Fact] = {}
        for key in ("file", "formula", "note", "silent", "offset"):
            self._facts[key] = fact = Fact(theme)
            fact.hide()
            row.addWidget(fact)
            if key == "note":
                row.addStretch(1)
        self._facts["offset"].setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedHeight(theme.px(34))
        for fact in self._facts.values():
            fact.set_theme(theme)

    def say(self, key: str, name: str, value: str = "", tail: str = "", *, hint: str = "") -> None:
        """Write `name`, a bold `value` and a `tail`; all empty clears it."""
        self._facts[key].say(name, value, tail, hint)

    def text(self, key: str) -> str:
        """What stands there, in plain words."""
        return self._facts[key].accessibleName()

    def shown(self, key: str) -> str:
        """What of it fits."""
        return " ".join(t for t in self._facts[key].shown(self._facts[key].width()) if t)


class EmptyPage(QWidget):
    """Nothing is open: says what to do, lists the newest recordings, and tells what went wrong at the last try.

    Signals:
        chosen (Path): a recording of the list.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.heading, self.why, self.fix = QLabel(), QLabel(), QLabel()
        self.heading.setObjectName("big")
        self.why.setObjectName("muted")
        for label in (self.heading, self.why, self.fix):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.open, self.recover = KeyButton(theme, kind="primary"), KeyButton(theme, kind="primary")
        self.open.follow(actions["review.open"])
        self.recover.follow(actions["review.recover"])
        self.newest = QLabel(tr("Newest recordings"))
        self.newest.setObjectName("muted")
        self.newest.hide()
        self._paths: list[Path] = []
        self.list = QListWidget()
        self.list.hide()
        self.list.setObjectName("commands")
        self.list.setAccessibleName(tr("Newest recordings"))
        self.list.itemActivated.connect(lambda item: self.chosen.emit(item.data(_PATH)))
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.recover)
        buttons.addWidget(self.open)
        buttons.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(10)
        for part in (self.heading, self.why, self.fix):
            column.addWidget(part)
        column.addLayout(buttons)
        column.addSpacing(16)
        column.addWidget(self.newest)
        column.addWidget(self.list, 1)
        # Without a list the texts stay together at the top.
        column.addStretch(0)
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 56, 24, 24)
        row.addStretch(1)
        row.addLayout(column, 3)
        row.addStretch(1)
        self.show_welcome()

    def set_theme(self, theme: Theme) -> None:
        self.open.set_theme(theme)
        self.recover.set_theme(theme)

    def show_welcome(self) -> None:
        self.heading.setText(tr("Look at a recording"))
        self.why.setText(tr("Sound, picture, words, what was expected and what was graded, on one time axis."))
        self._welcomes = True
        self._show_ways()

    def _show_ways(self) -> None:
        """What can be done: only what is there is promised."""
        if self._paths:
            ways = tr("Drop a .mcap file here, press O to choose one, or pick one of these and press Return.")
        else:
            ways = tr("Drop a .mcap file here, or press O to choose one. Sessions you record are listed here.")
        self.fix.setText(ways)

    def show_error(self, error: AppError) -> None:
        """Three sentences in the place of the welcome."""
        self._welcomes = False
        self.heading.setText(error.what)
        self.why.setText(error.why)
        self.fix.setText(error.fix)

    def set_recordings(self, paths: Sequence[Path]) -> None:
        if self._paths == list(paths):
            return
        self._paths = list(paths)
        self.list.clear()
        for path in paths:
            item = QListWidgetItem(path.name)
            item.setData(_PATH, path)
            item.setToolTip(str(path))
            self.list.addItem(item)
        self.newest.setVisible(bool(paths))
        self.list.setVisible(bool(paths))
        if paths:
            self.list.setCurrentRow(0)
        if self._welcomes:
            self._show_ways()


class NoteBar(QFrame):
    """A line to write a note in; Return keeps it, Esc throws it away.

    Signals:
        written (str), dropped.
    """

    written = Signal(str)
    dropped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("composer")
        self.box = QLineEdit()
        self.box.setAccessibleName(tr("Note"))
        self.box.setMaxLength(10_000)
        self.box.returnPressed.connect(self._take)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.addWidget(self.box)
        self.hide()

    def ask(self, where: str) -> None:
        """Open for a note at `where`."""
        self.box.clear()
        self.box.setPlaceholderText(tr("Note at {t} · Return keeps it, Esc drops it").format(t=where))
        self.show()
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def close_box(self) -> None:
        self.hide()
        self.dropped.emit()

    def _take(self) -> None:
        text = self.box.text().strip()
        self.hide()
        if text:
            self.written.emit(text)
        else:
            self.dropped.emit()

"""The frame of the page: bar at the top, bar at the bottom, and what is there before a recording is open."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

_PATH = Qt.ItemDataRole.UserRole


class ReviewHeader(QFrame):
    """Title, the two recordings, blind, and what can be done with them."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("header")
        self._theme = theme
        self._text = ""
        self.title = QLabel()
        self.title.setObjectName("heading")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
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
        self._theme = theme
        self.setFixedHeight(theme.px(48))
        for button in (self.a, self.b, self.blind, self.replay, self.export, self.play):
            button.set_theme(theme)
        self.set_title(self._text)

    def set_title(self, text: str) -> None:
        self._text = text
        metrics = QFontMetricsF(font(self._theme.font_px))
        self.title.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, self._theme.px(240)))
        self.title.setToolTip(text)


class ReviewStatus(QFrame):
    """What is known about the file, and how picture and sound stand to each other."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("status")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(20)
        self._labels: dict[str, QLabel] = {}
        for key in ("file", "formula", "note", "silent", "offset"):
            label = QLabel()
            label.setObjectName("muted")
            label.setTextFormat(Qt.TextFormat.RichText)
            self._labels[key] = label
            row.addWidget(label)
            if key == "note":
                row.addStretch(1)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedHeight(theme.px(34))
        self._strong = theme.text.name()

    def say(self, key: str, name: str, value: str = "", tail: str = "", *, hint: str = "") -> None:
        """Write `name`, a bold `value` and a `tail`; all empty clears it."""
        label = self._labels[key]
        bold = f' <b style="color:{self._strong}">{escape(value)}</b>' if value else ""
        label.setText(f"{escape(name)}{bold} {escape(tail)}".strip())
        plain = " ".join(t for t in (name, value, tail) if t)
        label.setAccessibleName(plain)
        label.setToolTip(hint or plain)

    def text(self, key: str) -> str:
        """What stands there, in plain words."""
        return self._labels[key].accessibleName()


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
        self.list = QListWidget()
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
        self.fix.setText(tr("Drop a .mcap file here, press O to choose one, or pick one of these and press Return."))

    def show_error(self, error: AppError) -> None:
        """Three sentences in the place of the welcome."""
        self.heading.setText(error.what)
        self.why.setText(error.why)
        self.fix.setText(error.fix)

    def set_recordings(self, paths: Sequence[Path]) -> None:
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

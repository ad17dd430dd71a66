"""The panel at the right: what is chosen, in full, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton, KeyEdit
from tmlapp.ui.library.texts import (
    date_text,
    kind_text,
    length_text,
    second_line,
    sentence,
    state_text,
    title_text,
    verdict_text,
)
from tmlapp.ui.text import bytes_text, tr
from tmlapp.ui.theme import Theme, font

WIDTH_PX = 300
_LONGEST = 600
_BUTTONS = (
    "library.open", "library.verify", "library.recover", "library.export", "library.rename", "library.trash",
    "library.restore", "library.along", "library.forget",
)  # fmt: skip


class BigPicture(QWidget):
    """A thumbnail, 16 to 9, or the words that there is none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._picture: QPixmap | None = None
        self._words = ""
        self.setFixedHeight(round((WIDTH_PX - 28) * 9 / 16))
        self.setAccessibleName(tr("Picture"))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_picture(self, picture: QPixmap | None, words: str) -> None:
        """Show `picture`, or `words` where there is none."""
        self._picture, self._words = picture, words
        self.setAccessibleDescription("" if picture else words)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(self.rect())
        path = QPainterPath()
        path.addRoundedRect(box, self._theme.radius_control, self._theme.radius_control)
        painter.setClipPath(path)
        painter.fillRect(box, self._theme.raised)
        if self._picture is None or self._picture.isNull():
            painter.setPen(self._theme.muted)
            painter.setFont(font(self._theme.font_small_px))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._words)
            return
        size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        at = QRectF((box.width() - size.width()) / 2, (box.height() - size.height()) / 2, size.width(), size.height())
        painter.drawPixmap(at, self._picture, QRectF(self._picture.rect()))


class NameEdit(QLineEdit):
    """A name that looks like a heading until it is edited (F2).

    Signals:
        named: Return, with another name than before.
        left: Return.
    """

    named = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("name")
        # Until it is edited it stands in line with what is below it.
        self.setTextMargins(-2, 0, 0, 0)
        self.setReadOnly(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(tr("Name"))
        self._before = ""
        self.returnPressed.connect(self._take)

    def show_name(self, name: str) -> None:
        """Show `name`; what is being typed over the same one stays."""
        if not self.isReadOnly() and name == self._before and self.hasFocus():
            return
        self._before = name
        self.setReadOnly(True)
        self.setText(name)
        self.setCursorPosition(0)

    def edit(self) -> None:
        """Let the person type another name."""
        self.setReadOnly(False)
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def give_up(self) -> bool:
        """Show the name as it was; False where nobody edits it."""
        editing = not self.isReadOnly()
        self.setReadOnly(True)
        self.show_name(self._before)
        return editing

    def _take(self) -> None:
        name, before = self.text().strip(), self._before
        if not self.give_up():
            return
        self.left.emit()
        if name and name != before:
            self.named.emit(name)


class Detail(QFrame):
    """Follows the selection.

    Signals:
        named: another name for what is chosen.
        tagged: tags as typed: several are separated by commas, a `-` before one takes it off.
        left: the person is done with a text box.
    """

    named = Signal(str)
    tagged = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setFixedWidth(theme.px(WIDTH_PX))
        self._theme = theme
        column = QVBoxLayout(self)
        # The line at the left is the panel's own; nothing inside may cover it.
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._area(theme), 1)
        column.addWidget(self._composer(theme))
        column.addWidget(self._buttons(theme, actions))
        self.name.named.connect(self.named)
        self.name.left.connect(self.left)
        self.show_entries([], None)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedWidth(theme.px(WIDTH_PX))
        self.picture.set_theme(theme)
        self.tags.set_theme(theme)
        for button in self.buttons:
            button.set_theme(theme)

    def _area(self, theme: Theme) -> QScrollArea:
        inner = QWidget()
        inner.setObjectName("scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self.picture = BigPicture(theme)
        self.name = NameEdit()
        self.line, self.said, self.files = QLabel(), QLabel(), QLabel()
        self.facts = QGridLayout()
        self.facts.setHorizontalSpacing(12)
        self.facts.setVerticalSpacing(3)
        self.facts.setColumnStretch(1, 1)
        self.said_head, self.files_head = _heading(tr("Said")), _heading(tr("Files"))
        for label in (self.line, self.said, self.files):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.line.setObjectName("muted")
        self.files.setObjectName("small")
        column.addWidget(self.picture)
        column.addWidget(self.name)
        column.addWidget(self.line)
        column.addLayout(self.facts)
        for part in (self.said_head, self.said, self.files_head, self.files):
            column.addWidget(part)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        return area

    def _composer(self, theme: Theme) -> QFrame:
        composer = QFrame()
        composer.setObjectName("composer")
        row = QHBoxLayout(composer)
        row.setContentsMargins(14, 10, 14, 10)
        self.tags = KeyEdit(theme, "T")
        self.tags.setPlaceholderText(tr("Tag…"))
        self.tags.setAccessibleName(tr("Tags"))
        self.tags.setToolTip(tr("Tags, separated by commas; -word takes one off. Return sets them (T)"))
        self.tags.returnPressed.connect(self._take_tags)
        row.addWidget(self.tags)
        return composer

    def _buttons(self, theme: Theme, actions: Actions) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(14, 0, 14, 12)
        grid.setSpacing(6)
        self.buttons: list[KeyButton] = []
        for i, key in enumerate(_BUTTONS):
            button = KeyButton(theme)
            button.follow(actions[key], text=tr("Open ⏎") if key == "library.open" else "")
            button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
            if key == "library.open":
                button.set_kind("primary")
            grid.addWidget(button, i // 2, i % 2)
            self.buttons.append(button)
        self._grid = grid
        return box

    def arrange(self) -> None:
        """Put the buttons that are offered side by side, without holes."""
        shown = [b for b in self.buttons if not b.isHidden()]
        for button in self.buttons:
            self._grid.removeWidget(button)
        for i, button in enumerate(shown):
            self._grid.addWidget(button, i // 2, i % 2)

    def _take_tags(self) -> None:
        text = self.tags.text().strip()
        self.tags.clear()
        self.left.emit()
        if text:
            self.tagged.emit(text)

    # ------------------------------------------------------------------ what is chosen

    def show_entries(self, entries: Sequence[Entry], picture: QPixmap | None, files: Sequence[Path] = ()) -> None:
        """Show one entry in full, or how many there are."""
        while (item := self.facts.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        one = entries[0] if len(entries) == 1 else None
        self.tags.setEnabled(bool(entries))
        for part in (self.picture, self.said, self.said_head, self.files, self.files_head):
            part.setVisible(one is not None)
        if one is None:
            size = sum(e.size for e in entries)
            self.name.show_name(tr("{n} chosen").format(n=len(entries)) if entries else tr("Nothing chosen"))
            hint = bytes_text(size) if entries else tr("The arrow keys choose a row; Shift adds rows to it.")
            self.line.setText(hint)
            return
        self.show_picture(one, picture)
        self.name.show_name(title_text(one))
        self.line.setText(second_line(one))
        self._show_facts(one)
        said = " · ".join(one.said.splitlines()) if one.kind == "recording" else ""
        self.said.setText(said[:_LONGEST] + ("…" if len(said) > _LONGEST else ""))
        for part in (self.said, self.said_head):
            part.setVisible(bool(said))
        self.show_files(one, files)

    def show_files(self, entry: Entry, files: Sequence[Path]) -> None:
        """Where it lies, and what lies beside it."""
        left = [Path(str(p)).name for p in entry.details.get("left_behind", ())]
        told = [str(entry.folder), *(f.name for f in files)]
        told += [tr("left behind: {name}").format(name=name) for name in left]
        self.files.setText("\n".join(_breakable(t) for t in told))

    def show_picture(self, entry: Entry, picture: QPixmap | None) -> None:
        """Its thumbnail, once there is one."""
        self.picture.show_picture(picture, tr("no picture") if entry.kind == "recording" else kind_text(entry))

    def _show_facts(self, entry: Entry) -> None:
        facts = (
            (tr("State"), state_text(entry)), (tr("Date"), date_text(entry)),
            (tr("Length"), length_text(entry.duration_s)), (tr("Endpoint"), entry.endpoint),
            (tr("Model"), str(entry.details.get("model") or "")),
            (tr("Interrupted"), sentence(str(entry.details.get("interrupted") or ""))),
            (tr("Suite"), entry.suite), (tr("Run"), Path(entry.part_of).parent.name if entry.part_of else ""),
            (tr("Item"), str(entry.details.get("item") or "")),
            (tr("Grade"), verdict_text(entry)), (tr("Tags"), ", ".join(entry.tags)),
            (tr("Lost"), _lost_text(entry)),
            (tr("Size"), bytes_text(entry.size) if entry.kind == "recording" else ""),
        )  # fmt: skip
        for row, (title, value) in enumerate((t, v) for t, v in facts if v):
            left, right = QLabel(title), QLabel(_breakable(value))
            left.setObjectName("muted")
            right.setWordWrap(True)
            right.setTextFormat(Qt.TextFormat.PlainText)
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.facts.addWidget(left, row, 0, Qt.AlignmentFlag.AlignTop)
            self.facts.addWidget(right, row, 1)


def _lost_text(entry: Entry) -> str:
    lost = int(entry.details.get("lost_turns") or 0)
    return tr("{n} micro-turns").format(n=lost) if lost else ""


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def _breakable(text: str) -> str:
    """`text` that may wrap after the signs that file names and addresses have."""
    for sign in "/_-.:":
        text = text.replace(sign, f"{sign}\u200b")
    return text

"""Instruction and script of the item: read here, written here (F2)."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tmlapp.bench.authoring.model import ItemDraft
from tmlapp.ui.items.parts import LineField, TextField, flat, heading, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class _Texts(QScrollArea):
    """Labels below each other, as high as they need to be, up to a limit."""

    def __init__(self, *labels: QLabel) -> None:
        super().__init__()
        self._most = 200
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        for label in labels:
            column.addWidget(label)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(inside)

    def set_room(self, most_px: int) -> None:
        self._most = most_px
        self.fit()

    def fit(self) -> None:
        """Take the height that the texts need at this width."""
        inside = self.widget()
        layout = inside.layout() if inside is not None else None
        if layout is not None:
            layout.activate()
            self.setFixedHeight(max(1, min(self._most, layout.totalHeightForWidth(max(40, self.width())))))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.fit()


class ScriptCard(QFrame):
    """What is asked, and what is said afterwards.

    Signals:
        edited: name of the member (`instruction`, `script`, `category`, `lang`) and its new text.
        details_asked: the other members are wanted.
        left: the keys are free for commands again.
    """

    edited = Signal(str, str)
    details_asked = Signal()
    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._item: ItemDraft | None = None
        self._cues: tuple[str, ...] = ()
        self._cramped = False
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        self._read, self._write = self._reading(), self._writing()
        whole.addWidget(self._read)
        whole.addWidget(self._write)
        self._write.hide()
        self.writing = False

    def _reading(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(14, 9, 14, 12)
        column.setSpacing(5)
        top = QHBoxLayout()
        self.title = heading(tr("Instruction"))
        self.facts = words("small", wrap=False)
        self.edit_button = flat(tr("Edit"), self.edit, name="quiet", tip=tr("Write instruction and script (F2)"))
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.facts)
        top.addWidget(self.edit_button)
        self.instruction = words("instruction")
        self.script = QLabel()
        self.script.setObjectName("muted")
        self.script.setWordWrap(True)
        self.script.setTextFormat(Qt.TextFormat.RichText)
        column.addLayout(top)
        self.texts = _Texts(self.instruction, self.script)
        column.addWidget(self.texts)
        return page

    def _writing(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(14, 9, 14, 12)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(8)
        self.category, self.lang = LineField(tr("Category"), plain=False), LineField(tr("Language"), plain=False)
        self.category.setPlaceholderText(tr("category, e.g. codeswitch"))
        self.lang.setPlaceholderText(tr("language, e.g. en"))
        self.lang.setMaximumWidth(self._theme.px(150))
        top.addWidget(self.category, 1)
        top.addWidget(self.lang)
        top.addWidget(flat(tr("More…"), self.details_asked.emit, tip=tr("Id, author, licence, notes (Shift+F2)")))
        top.addWidget(flat(tr("Done"), self.done, tip=tr("Take it (Ctrl+Return); Esc puts back what stood there")))
        self.write_instruction = TextField(tr("Instruction"))
        self.write_instruction.setPlaceholderText(tr("What the user asks for, as it is said"))
        self.write_script = TextField(tr("Script"))
        self.write_script.setPlaceholderText(tr("What is said after it, one line per breath; empty if nothing is"))
        column.addLayout(top)
        column.addWidget(self.write_instruction)
        column.addWidget(self.write_script)
        self._fit_areas()
        for name, field in self._fields().items():
            field.taken.connect(lambda text, n=name: self.edited.emit(n, text))
        for area in (self.write_instruction, self.write_script):
            area.left.connect(self.done)
        for line in (self.category, self.lang):
            line.left.connect(self.done)
        return page

    def _fields(self) -> dict[str, LineField | TextField]:
        return {
            "category": self.category,
            "lang": self.lang,
            "instruction": self.write_instruction,
            "script": self.write_script,
        }

    def set_cramped(self, cramped: bool) -> None:
        """Large texts in a small window: the instruction stays."""
        self._cramped = cramped
        self._show()

    def set_room(self, most_px: int) -> None:
        """Texts that are higher than this are scrolled; the take below needs the rest."""
        self.texts.set_room(most_px)

    def _fit_areas(self) -> None:
        self.write_instruction.setFixedHeight(self._theme.px(62))
        self.write_script.setFixedHeight(self._theme.px(96))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._fit_areas()
        self.lang.setMaximumWidth(theme.px(150))
        self._show()

    def show_item(self, item: ItemDraft | None, cues: tuple[str, ...]) -> None:
        """Show `item`; words in `cues` are set bold in the script."""
        other = item is None or self._item is None or item.id != self._item.id
        self._item, self._cues = item, cues
        if other and self.writing:
            self._turn(writing=False)
        for name, field in self._fields().items():
            field.show_text(getattr(item, name) if item is not None else "")
        self._show()

    def edit(self) -> None:
        """Write here: what is still empty, the instruction first."""
        if self._item is None:
            return
        self._turn(writing=True)
        if self._item.instruction and not self._item.script:
            # A key meant as a command (R) would replace an instruction that stands there selected.
            self.write_script.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        self.write_instruction.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.write_instruction.selectAll()

    def done(self) -> None:
        """Take what was written and show it."""
        for area in (self.write_instruction, self.write_script):
            area.take()
        if self.writing:
            self._turn(writing=False)
        self.left.emit()

    def _turn(self, *, writing: bool) -> None:
        self.writing = writing
        self._read.setVisible(not writing)
        self._write.setVisible(writing)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mouseDoubleClickEvent(event)
        self.edit()

    def _show(self) -> None:
        item = self._item
        if item is None:
            return
        facts = " · ".join(p for p in (item.suite, item.category, item.lang) if p)
        self.facts.setText(facts)
        self.instruction.setText(item.instruction or tr("No instruction yet: F2 writes it."))
        self.instruction.setEnabled(bool(item.instruction))
        self.script.setText(self._script(item.script))
        self.script.setVisible(bool(item.script) and not self._cramped)
        self.facts.setVisible(not self._cramped)
        self.texts.fit()

    def _script(self, text: str) -> str:
        marked = escape(" ".join(text.split()))
        ink = self._theme.text.name()
        for cue in sorted({c for c in self._cues if c.strip()}, key=len, reverse=True):
            marked = marked.replace(escape(cue), f'<b style="color:{ink}">{escape(cue)}</b>')
        return f"{escape(tr('then say:'))} “{marked}”"

"""The chosen frame: its head, and its JSON as a tree that can be folded."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.elided import Elided
from tmlapp.ui.endpoints.wire_rows import WireRow, is_media, media_text
from tmlapp.ui.items.parts import words
from tmlapp.ui.text import bytes_text, stamp_text, tr
from tmlapp.ui.theme import Theme

NODES_MOST = 4_000
OPEN_DEPTH = 2
_TEXT_MOST = 4_000


class FrameDetail(QWidget):
    """Right side of the wire inspector."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._row: WireRow | None = None
        self._nodes = 0
        self.head, self.kind, self.note = Elided("", "muted"), Elided("", "heading"), words("bad")
        self.copy = KeyButton(theme, tr("Copy"), kind="ghost")
        self.copy.setToolTip(tr("Copy the frame's JSON"))
        self.copy.clicked.connect(self._copy)
        self.tree = QTreeWidget()
        self.tree.setObjectName("frame")
        self.tree.setAccessibleName(tr("Contents of the frame"))
        self.tree.setHeaderLabels([tr("Member"), tr("Value")])
        self.tree.setUniformRowHeights(False)
        self.tree.setVerticalScrollMode(QTreeWidget.ScrollMode.ScrollPerPixel)
        self.tree.setIndentation(14)
        self.empty = QLabel(tr("Choose a frame to see what it holds."))
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(10, 8, 10, 0)
        top = QHBoxLayout()
        top.setContentsMargins(10, 4, 6, 4)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self.kind)
        said.addWidget(self.head)
        top.addLayout(said, 1)
        top.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        self.note.setContentsMargins(10, 0, 10, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.note)
        column.addWidget(self.tree, 1)
        column.addWidget(self.empty, 1)
        self.show_row(None)

    @property
    def row(self) -> WireRow | None:
        """The frame that is shown."""
        return self._row

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.copy.set_theme(theme)
        row, self._row = self._row, None
        self.show_row(row)

    def show_row(self, row: WireRow | None) -> None:
        """Show one frame, or none."""
        if row is not None and row is self._row:
            return
        self._row = row
        for part in (self.head, self.kind, self.copy, self.tree):
            part.setVisible(row is not None)
        self.empty.setVisible(row is None)
        self.note.setVisible(row is not None and bool(row.note))
        self.tree.clear()
        if row is None:
            return
        way = tr("sent") if row.sent else tr("received")
        parts = [f"#{row.index}", way, stamp_text(row.t_ns), bytes_text(row.size)]
        if row.epoch:
            parts.append(tr("connection {n}").format(n=row.epoch + 1))
        self.kind.show_text(row.kind)
        self.head.show_text(" · ".join(parts))
        self.note.setText(f"▲ {row.note}")
        self._nodes = 0
        self._fill(row)

    def _fill(self, row: WireRow) -> None:
        value = row.value()
        if isinstance(value, dict | list) and not is_media(value):
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in members:
                self._add(None, str(key), inner, 1)
        else:
            self._add(None, tr("text") if row.whole else tr("cut off"), value, 1)
        self.tree.resizeColumnToContents(0)
        self.tree.setColumnWidth(0, min(self.tree.columnWidth(0) + 8, self._theme.px(170)))

    def _add(self, parent: QTreeWidgetItem | None, key: str, value: Any, depth: int) -> None:
        if self._nodes >= NODES_MOST:
            return
        self._nodes += 1
        item = QTreeWidgetItem([key, _short(value)])
        item.setForeground(0, self._theme.muted)
        item.setToolTip(1, _short(value))
        if is_media(value):
            item.setForeground(1, self._theme.model)
        elif isinstance(value, str):
            item.setForeground(1, self._theme.text)
        elif not isinstance(value, dict | list):
            item.setForeground(1, QColor(self._theme.accent))
        if parent is None:
            self.tree.addTopLevelItem(item)
        else:
            parent.addChild(item)
        if isinstance(value, dict | list) and not is_media(value):
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for inner_key, inner in members:
                self._add(item, str(inner_key), inner, depth + 1)
            item.setExpanded(depth < OPEN_DEPTH)

    def _copy(self) -> None:
        if self._row is not None:
            QGuiApplication.clipboard().setText(json.dumps(self._row.value(), ensure_ascii=False, indent=2))


def _short(value: Any) -> str:
    if is_media(value):
        return media_text(value)
    if isinstance(value, dict):
        return "{}" if not value else tr("{n} members").format(n=len(value))
    if isinstance(value, list):
        return "[]" if not value else tr("{n} entries").format(n=len(value))
    if isinstance(value, str):
        return value[:_TEXT_MOST]
    return json.dumps(value)

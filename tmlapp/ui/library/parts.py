"""Where the parts of the Library stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from tmlapp.ui.controls import KeyButton
from tmlapp.ui.library.search import Chips, SearchBox
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

if TYPE_CHECKING:
    from tmlapp.ui.library.workspace import LibraryWorkspace


def build(page: LibraryWorkspace, theme: Theme) -> None:
    """Put the parts of `page` where they belong."""
    header = _header(page, theme)
    middle = QWidget()
    column = QVBoxLayout(middle)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(_filters(page, theme))
    edge = QVBoxLayout()
    edge.setContentsMargins(12, 0, 12, 0)
    edge.addWidget(page.banner)
    column.addLayout(edge)
    page.pages = QStackedWidget()
    page.pages.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    page.pages.addWidget(page.table)
    page.pages.addWidget(_empty(page))
    column.addWidget(page.pages, 1)
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    row.addWidget(middle, 1)
    row.addWidget(page.detail)
    whole = QVBoxLayout(page)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.setSpacing(0)
    whole.addWidget(header)
    whole.addLayout(row, 1)
    whole.addWidget(_status(page))


def _header(page: LibraryWorkspace, theme: Theme) -> QFrame:
    header = QFrame()
    header.setObjectName("header")
    header.setFixedHeight(48)
    row = QHBoxLayout(header)
    row.setContentsMargins(16, 0, 16, 0)
    row.setSpacing(12)
    title = QLabel(tr("Library"))
    title.setObjectName("heading")
    page.search = SearchBox(theme)
    page.search.asked.connect(page.ask)
    page.search.left.connect(page.focus_table)
    page.undo_button, page.rescan_button = KeyButton(theme), KeyButton(theme)
    actions = page.host.actions_
    page.undo_button.follow(actions["library.undo"])
    page.rescan_button.follow(actions["library.rescan"])
    row.addWidget(title)
    row.addWidget(page.search, 1)
    row.addWidget(page.undo_button)
    row.addWidget(page.rescan_button)
    page.header = header
    return header


def _filters(page: LibraryWorkspace, theme: Theme) -> QWidget:
    strip = QWidget()
    row = QHBoxLayout(strip)
    row.setContentsMargins(12, 8, 12, 8)
    row.setSpacing(12)
    page.chips = Chips(theme, page.search)
    page.chips.asked.connect(page.take_chip)
    page.count = QLabel()
    page.count.setObjectName("muted")
    row.addWidget(page.chips, 1)
    row.addWidget(page.count)
    return strip


def _empty(page: LibraryWorkspace) -> QWidget:
    empty = QWidget()
    column = QVBoxLayout(empty)
    column.setContentsMargins(48, 48, 48, 48)
    page.empty_title, page.empty_text = QLabel(), QLabel()
    page.empty_title.setObjectName("title")
    page.empty_text.setObjectName("muted")
    for label in (page.empty_title, page.empty_text):
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
    column.addStretch(2)
    column.addWidget(page.empty_title)
    column.addWidget(page.empty_text)
    column.addStretch(3)
    return empty


def _status(page: LibraryWorkspace) -> QFrame:
    status = QFrame()
    status.setObjectName("status")
    status.setFixedHeight(34)
    row = QHBoxLayout(status)
    row.setContentsMargins(16, 0, 16, 0)
    page.note, page.notice = QLabel(), QLabel()
    for label in (page.note, page.notice):
        label.setObjectName("small")
        label.setTextFormat(Qt.TextFormat.PlainText)
    row.addWidget(page.note, 1)
    row.addWidget(page.notice)
    return status

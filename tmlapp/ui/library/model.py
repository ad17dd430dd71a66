"""The rows of the Library: only their ids are held; what is on the screen is fetched, a page at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QByteArray,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPainter, QPixmap

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.pictures import Wanted, kept, wanted
from tmlapp.bench.catalogue.store import Catalogue, Sort
from tmlapp.core.errors import AppError
from tmlapp.recording.thumbnail import Thumbnail
from tmlapp.ui.library.texts import accessible_text, cell_text
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

ENTRY = Qt.ItemDataRole.UserRole
COLUMNS: tuple[Sort, ...] = (
    "name", "created", "duration", "endpoint", "suite", "tags", "verdict", "size", "state",
)  # fmt: skip
_PAGE, _PAGES, _PICTURES = 32, 96, 600
_AT_ONCE, _WAITING = 6, 30
"""Thumbnails that are made in one go, and those that may wait: a screen of them."""
_Index = QModelIndex | QPersistentModelIndex


def column_title(column: str) -> str:
    """Heading of a column."""
    return {
        "name": tr("Name"), "created": tr("Date"), "duration": tr("Length"), "endpoint": tr("Endpoint"),
        "suite": tr("Suite"), "tags": tr("Tags"), "verdict": tr("Grade"), "size": tr("Size"), "state": tr("State"),
    }[column]  # fmt: skip


class LibraryModel(QAbstractTableModel):
    """What a search found.

    Signals:
        pictures_wanted: thumbnails that are on the screen and not made yet.
        rows_changed: ids of rows that look otherwise now; None for all.
        failed: the catalogue could not be read; with the `AppError`.
    """

    pictures_wanted = Signal(list)
    rows_changed = Signal(object)
    failed = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._catalogue: Catalogue | None = None
        self._theme = theme
        self.ids: list[int] = []
        self._rows: dict[int, int] = {}
        self._pages: OrderedDict[int, dict[int, Entry]] = OrderedDict()
        self._pictures: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._made: dict[str, Thumbnail] = {}
        self._asked: dict[str, Wanted] = {}
        self._in_making: dict[str, Wanted] = {}
        self._failed: dict[str, Path] = {}
        self._shown_in: dict[str, set[int]] = {}
        self._asking = QTimer(self)
        self._asking.setSingleShot(True)
        self._asking.setInterval(30)
        self._asking.timeout.connect(self._ask)
        self._in_work = False

    def use(self, catalogue: Catalogue) -> None:
        """Show rows of `catalogue`."""
        self._catalogue = catalogue

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._asking.stop()
        self._in_work = True

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._pictures.clear()

    def show_ids(self, ids: Sequence[int]) -> None:
        """Show the rows `ids` in that order; nothing moves on the screen where they are the same ones."""
        self._pages.clear()
        if self.ids == list(ids):
            self.rows_changed.emit(None)
            return
        self.beginResetModel()
        self.ids = list(ids)
        self._rows = {row_id: row for row, row_id in enumerate(self.ids)}
        self.endResetModel()

    def row_of(self, row_id: int) -> int | None:
        """Where the row with this id stands."""
        return self._rows.get(row_id)

    def entry(self, row: int) -> Entry | None:
        """What stands in a row; None where it has gone since the search."""
        if self._catalogue is None or not 0 <= row < len(self.ids):
            return None
        number = row // _PAGE
        page = self._pages.get(number)
        if page is None:
            ids = self.ids[number * _PAGE : (number + 1) * _PAGE]
            try:
                page = self._pages[number] = {e.id: e for e in self._catalogue.rows(ids)}
            except AppError as error:
                # Asked for in the middle of painting: the row stays empty, and the window says why.
                self.failed.emit(error)
                return None
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page.get(self.ids[row])

    def changed(self, entry: Entry) -> None:
        """Show `entry` instead of what was known of it."""
        row = self._rows.get(entry.id)
        if row is not None and (page := self._pages.get(row // _PAGE)) is not None:
            page[entry.id] = entry
            self.rows_changed.emit([entry.id])

    # ------------------------------------------------------------------ Qt

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def columnCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (ENTRY, Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        entry = self.entry(index.row())
        if role == ENTRY or entry is None:
            return entry
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            return accessible_text(entry)
        return cell_text(entry, COLUMNS[index.column()])

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return column_title(COLUMNS[section])
        return None

    # ------------------------------------------------------------------ thumbnails

    def picture(self, entry: Entry) -> QPixmap | None:
        """The thumbnail of `entry`; None while it is being made, or where there is none."""
        asked = wanted(entry)
        if asked is None:
            return None
        if self._failed.get(asked.key, asked.path) != asked.path:
            # None could be made while the file lay elsewhere; what it holds is the same.
            del self._failed[asked.key]
            self._pictures.pop(asked.key, None)
            self._made.pop(asked.key, None)
        if asked.key in self._pictures:
            self._pictures.move_to_end(asked.key)
            return self._pictures[asked.key]
        if asked.key in self._made:
            return self._take(asked.key, self._made.pop(asked.key))
        self._asked[asked.key] = asked
        self._shown_in.setdefault(asked.key, set()).add(entry.id)
        if not self._asking.isActive() and not self._in_work:
            self._asking.start()
        return None

    def take(self, made: dict[str, Thumbnail]) -> None:
        """Thumbnails that were asked for are there now."""
        self._in_work = False
        for key, found in made.items():
            asked = self._in_making.pop(key, None)
            if asked is not None and not found.jpeg and not found.bars:
                self._failed[key] = asked.path
        self._made.update(made)
        self.rows_changed.emit(self._rows_of(made))
        if self._asked:
            self._asking.start()

    def _ask(self) -> None:
        # The last ones first: they are on the screen now, the others have been scrolled past.
        newest = list(self._asked.values())[-_AT_ONCE:]
        for asked in newest:
            del self._asked[asked.key]
        passed = list(self._asked)[:-_WAITING]
        for key in passed:
            del self._asked[key]
        if passed:
            # They ask again when they come back onto the screen.
            self.rows_changed.emit(self._rows_of(passed))
        if newest:
            self._in_work = True
            self._in_making = {w.key: w for w in newest}
            self.pictures_wanted.emit(newest)

    def _rows_of(self, keys: Iterable[str]) -> list[int]:
        """Every row that waits for one of these: copies of a recording share a picture."""
        return [row_id for key in keys for row_id in self._shown_in.pop(key, ())]

    def _take(self, key: str, made: Thumbnail) -> QPixmap | None:
        picture: QPixmap | None = None
        if made.jpeg:
            picture = QPixmap()
            picture.loadFromData(QByteArray(made.jpeg))
        elif made.bars:
            picture = outline_picture(made.bars, self._theme)
        self._pictures[key] = picture
        if len(self._pictures) > _PICTURES:
            self._pictures.popitem(last=False)
        return picture


def outline_picture(bars: bytes, theme: Theme) -> QPixmap:
    """The outline of a sound, 240×135."""
    picture = QPixmap(240, 135)
    picture.fill(theme.raised)
    painter = QPainter(picture)
    step = 240 / len(bars)
    for i, level in enumerate(bars):
        height = max(1.0, level / 255 * 100)
        painter.fillRect(QRectF(i * step, 67.5 - height / 2, max(1.0, step - 0.6), height), theme.you)
    painter.end()
    return picture


def kept_or_made(asked: Sequence[Wanted]) -> tuple[dict[str, Thumbnail], list[Wanted]]:
    """What lies in the cache, and what has to be made."""
    there = {w.key: found for w in asked if (found := kept(w)) is not None}
    return there, [w for w in asked if w.key not in there]

"""The table of the Library: a picture, a name over a second line, and columns of small facts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tmlapp.ui.library.model import COLUMNS, LibraryModel
from tmlapp.ui.library.rows import RowPainter, row_height
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_WIDTHS = {
    "created": 108, "duration": 64, "endpoint": 128, "suite": 96, "tags": 104, "verdict": 116, "size": 76, "state": 92,
}  # fmt: skip
_LEAST_NAME_PX = 230
_DROPPED = ("size", "suite", "tags", "endpoint", "duration", "verdict", "state", "created")
"""Columns that give way, in this order, where the name would have no room."""
_GROWING = ("endpoint", "suite", "tags", "verdict")
_USUAL_PX, _MOST_GROWTH = 960, 1.7
_KEPT = 240
"""Pictures of rows that are kept: some ten screens."""


class LibraryTable(QTableView):
    """Rows are chosen whole; Return opens one.

    Signals:
        opened: Return or a double click.
        chosen: the selection has changed.
        sort_asked: a heading was clicked.
    """

    opened = Signal()
    chosen = Signal()
    sort_asked = Signal(str)

    def __init__(self, theme: Theme, model: LibraryModel) -> None:
        super().__init__()
        self.setObjectName("library")
        self._theme, self._model = theme, model
        self.setModel(model)
        self.setAccessibleName(tr("Recordings, runs and items"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self._painter = RowPainter(theme)
        self._pictures: OrderedDict[tuple[int, bool, bool], QPixmap] = OrderedDict()
        self._shared: list[tuple[str, int]] = []
        self._filled: frozenset[str] = frozenset(COLUMNS)
        model.modelReset.connect(self.repaint_rows)
        model.rows_changed.connect(self.repaint_rows)
        rows = self.verticalHeader()
        rows.hide()
        # All rows are of one height: Qt need not ask ten thousand of them.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads = self.horizontalHeader()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setSectionsClickable(True)
        heads.setHighlightSections(False)
        heads.setSortIndicatorShown(True)
        heads.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        heads.setMinimumSectionSize(20)
        heads.sectionClicked.connect(lambda section: self.sort_asked.emit(COLUMNS[section]))
        self.doubleClicked.connect(lambda _index: self.opened.emit())
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._painter.set_theme(theme)
        self.repaint_rows()
        self.verticalHeader().setDefaultSectionSize(row_height(theme))
        self.verticalHeader().setMinimumSectionSize(row_height(theme))
        self._share_room()
        self.viewport().update()

    def show_sort(self, column: str, ascending: bool) -> None:
        """Put the arrow on the heading of `column`."""
        order = Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        self.horizontalHeader().setSortIndicator(COLUMNS.index(column), order)

    def show_columns(self, filled: frozenset[str]) -> None:
        """Leave out the columns in which nothing stands; name and date are always there."""
        self._filled = filled | {"name", "created"}
        self._share_room()

    def chosen_rows(self) -> list[int]:
        """Rows of the selection, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def choose(self, rows: list[int], current: int | None = None) -> None:
        """Select `rows`; the cursor goes to `current`, by default the first of them."""
        model, selection = self.model(), self.selectionModel()
        selection.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in rows:
            selection.select(model.index(row, 0), flags)
        if rows:
            at = model.index(rows[0] if current is None else current, 0)
            selection.setCurrentIndex(at, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(at)

    def selectionChanged(self, selected: object, deselected: object) -> None:  # noqa: N802 - Qt's name
        super().selectionChanged(selected, deselected)  # type: ignore[arg-type]
        self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
            return
        # Letters are commands here, and no search for a row that begins with them.
        if event.text().isprintable() and event.text() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return
        super().keyPressEvent(event)

    def repaint_rows(self, ids: Sequence[int] | None = None) -> None:
        """Paint the rows with these ids anew; all if left out."""
        for key in [k for k in self._pictures if ids is None or k[0] in ids]:
            del self._pictures[key]
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self.viewport())
        height = row_height(self._theme)
        first = max(0, self.rowAt(event.rect().top()))
        last = self.rowAt(event.rect().bottom())
        last = self._model.rowCount() - 1 if last < 0 else last
        selection, current = self.selectionModel(), self.currentIndex().row() if self.hasFocus() else -1
        root = QModelIndex()
        for row in range(first, last + 1):
            top = self.rowViewportPosition(row)
            if top + height > event.rect().top():
                chosen = selection.isRowSelected(row, root)
                painter.drawPixmap(0, top, self._picture(row, chosen, row == current))
        painter.end()

    def _picture(self, row: int, chosen: bool, current: bool) -> QPixmap:
        key = (self._model.ids[row], chosen, current)
        picture = self._pictures.get(key)
        if picture is not None:
            self._pictures.move_to_end(key)
            return picture
        entry = self._model.entry(row)
        if entry is None:
            return QPixmap()
        thumbnail = self._model.picture(entry)
        ratio = self.devicePixelRatioF()
        picture = self._painter.row(entry, thumbnail, self._shared, chosen=chosen, current=current, ratio=ratio)
        self._pictures[key] = picture
        if len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        return picture

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        room = self.viewport().width()
        # On a wide screen long addresses and tags get their share, too.
        wide = min(_MOST_GROWTH, max(1.0, room / self._theme.px(_USUAL_PX)))
        grown = {
            name: width * (wide if name in _GROWING else 1.0) for name, width in _WIDTHS.items() if name in self._filled
        }
        widths = {name: self._theme.px(width) for name, width in grown.items()}
        for name in (n for n in _DROPPED if n in widths):
            if room - sum(widths.values()) < self._theme.px(_LEAST_NAME_PX):
                del widths[name]
        name_px = max(self._theme.px(_LEAST_NAME_PX), room - sum(widths.values()))
        shared = [
            (str(name), name_px if name == "name" else widths[name]) for name in COLUMNS if name in ("name", *widths)
        ]
        if shared != self._shared:
            self._shared = shared
            self.repaint_rows()
        for section, name in enumerate(COLUMNS):
            self.setColumnHidden(section, name != "name" and name not in widths)
            self.setColumnWidth(section, name_px if name == "name" else widths.get(name, 0))

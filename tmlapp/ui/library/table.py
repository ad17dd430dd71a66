"""The table of the Library: a picture, a name over a second line, and columns of small facts."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QPainter, QPainterPath, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.store import Sort
from tmlapp.ui.library.model import COLUMNS, ENTRY, LibraryModel
from tmlapp.ui.library.texts import cell_text, second_line
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

_Index = QModelIndex | QPersistentModelIndex
_WIDTHS = {
    "created": 140, "duration": 60, "endpoint": 112, "suite": 92, "tags": 96, "verdict": 104, "size": 70, "state": 88,
}  # fmt: skip
_LEAST_NAME_PX = 230
_DROPPED = ("size", "suite", "tags", "endpoint")
"""Columns that give way, in this order, where the name would have no room."""
_GROWING = ("endpoint", "suite", "tags", "verdict")
_USUAL_PX, _MOST_GROWTH = 960, 1.7
_RIGHT = ("duration", "size")
_MARGIN_PX, _PICTURE = 14, QSize(64, 36)
_LINE = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


class RowPainter(QStyledItemDelegate):
    """Paints a cell from its entry alone."""

    def __init__(self, theme: Theme, table: QTableView) -> None:
        super().__init__(table)
        self._table = table
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self._strong = font(theme.font_px, weight=font_weight())
        self._plain = font(theme.font_px)
        self._small = font(theme.font_small_px)
        self._metrics = {id(f): QFontMetricsF(f) for f in (self._strong, self._plain, self._small)}

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:  # noqa: N802 - Qt's name
        return QSize(0, row_height(self.theme))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        entry: Entry | None = index.data(ENTRY)
        box = QRectF(option.rect)
        theme = self.theme
        painter.setPen(QPen(theme.line, 1))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        current = self._table.currentIndex()
        if index.column() == 0 and current.row() == index.row() and self._table.hasFocus():
            painter.fillRect(QRectF(box.left(), box.top(), 3, box.height() - 1), theme.accent)
        if entry is None:
            return
        if index.column() == 0:
            self._paint_name(painter, box, entry)
        else:
            self._paint_fact(painter, box, entry, COLUMNS[index.column()])

    def _paint_name(self, painter: QPainter, box: QRectF, entry: Entry) -> None:
        theme = self.theme
        width, height = theme.px(_PICTURE.width()), theme.px(_PICTURE.height())
        frame = QRectF(box.left() + _MARGIN_PX, box.center().y() - height / 2, width, height)
        model = self._table.model()
        picture = model.picture(entry) if isinstance(model, LibraryModel) else None
        painter.save()
        path = QPainterPath()
        path.addRoundedRect(frame, 4, 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(path)
        if picture is not None and not picture.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(frame, picture, _covering(picture.width(), picture.height(), width / height))
        else:
            painter.fillRect(frame, theme.raised)
            painter.setPen(theme.faint)
            painter.setFont(self._small)
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, _KIND_SIGNS[entry.kind])
        painter.restore()
        texts = box.adjusted(_MARGIN_PX + width + 12, 6, -8, -6)
        half = texts.height() / 2
        self._text(painter, QRectF(texts.left(), texts.top(), texts.width(), half), entry.name, theme.text, "strong")
        ink = theme.act if entry.state == "damaged" else theme.notice if entry.state == "unfinished" else theme.muted
        below = QRectF(texts.left(), texts.top() + half, texts.width(), half)
        self._text(painter, below, second_line(entry), ink, "small")

    def _paint_fact(self, painter: QPainter, box: QRectF, entry: Entry, column: Sort) -> None:
        text = cell_text(entry, column)
        theme = self.theme
        ink = theme.muted
        if column == "verdict":
            ink = {"pass": theme.good, "fail": theme.act, "unsure": theme.notice}.get(entry.verdict, theme.text)
        elif column == "state":
            ink = {"damaged": theme.act, "unfinished": theme.notice, "recording": theme.accent}.get(entry.state, ink)
        elif column in ("created", "duration"):
            ink = theme.text
        self._text(painter, box.adjusted(6, 0, -10, 0), text, ink, "plain", right=column in _RIGHT)

    def _text(self, painter: QPainter, box: QRectF, text: str, ink: QColor, face: str, *, right: bool = False) -> None:
        if not text:
            return
        chosen = {"strong": self._strong, "plain": self._plain, "small": self._small}[face]
        metrics = self._metrics[id(chosen)]
        painter.setFont(chosen)
        painter.setPen(ink)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        shown = metrics.elidedText(" ".join(text[:300].split()), Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(_LINE) | int(side), shown)


_KIND_SIGNS = {"recording": "—", "run": "run", "items": "items", "export": "files"}


def font_weight() -> QFont.Weight:
    """Of names."""
    return QFont.Weight.DemiBold


def _covering(width: int, height: int, shape: float) -> QRectF:
    """The part of a picture that fills a frame of `shape` (width by height)."""
    if width / max(1, height) > shape:
        part = height * shape
        return QRectF((width - part) / 2, 0, part, height)
    part = width / shape
    return QRectF(0, (height - part) / 2, width, part)


def row_height(theme: Theme) -> int:
    """Of a row with two lines."""
    return theme.px(48)


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
        self._theme = theme
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
        self.painter_ = RowPainter(theme, self)
        self.setItemDelegate(self.painter_)
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
        self.painter_.set_theme(theme)
        self.verticalHeader().setDefaultSectionSize(row_height(theme))
        self.verticalHeader().setMinimumSectionSize(row_height(theme))
        self._share_room()
        self.viewport().update()

    def show_sort(self, column: str, ascending: bool) -> None:
        """Put the arrow on the heading of `column`."""
        order = Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        self.horizontalHeader().setSortIndicator(COLUMNS.index(column), order)

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

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        room = self.viewport().width()
        # On a wide screen long addresses and tags get their share, too.
        wide = min(_MOST_GROWTH, max(1.0, room / self._theme.px(_USUAL_PX)))
        grown = {name: width * (wide if name in _GROWING else 1.0) for name, width in _WIDTHS.items()}
        widths = {name: self._theme.px(width) for name, width in grown.items()}
        for name in _DROPPED:
            if room - sum(widths.values()) < self._theme.px(_LEAST_NAME_PX):
                del widths[name]
        name_px = max(self._theme.px(_LEAST_NAME_PX), room - sum(widths.values()))
        for section, name in enumerate(COLUMNS):
            self.setColumnHidden(section, name != "name" and name not in widths)
            self.setColumnWidth(section, name_px if name == "name" else widths.get(name, 0))

"""The frames that are kept and those that are shown: bounded, in order, filtered; a table model without a widget."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from tmlapp.core.event import EndpointEvent, WireFrame
from tmlapp.ui.endpoints.wire_rows import WireFilter, WireRow, row_of_connection, row_of_frame
from tmlapp.ui.text import bytes_text, stamp_text, tr

MOST_FRAMES = 40_000
MOST_CHARS = 48_000_000
"""Together these hold ten minutes with every picture of a camera; older ones stay in the recording alone."""

ROW = Qt.ItemDataRole.UserRole
TIME, DIRECTION, KIND, SIZE, SUMMARY = range(5)
_Index = QModelIndex | QPersistentModelIndex
_NO_PARENT = QModelIndex()


class WireModel(QAbstractTableModel):
    """Frames by the order in which they were sent and received.

    Args:
        most_frames, most_chars: how much is kept; when it is more, the oldest eighth goes.
    """

    def __init__(self, most_frames: int = MOST_FRAMES, most_chars: int = MOST_CHARS) -> None:
        super().__init__()
        self._most_frames, self._most_chars = most_frames, most_chars
        self._rows: list[WireRow] = []
        self._shown: list[WireRow] = []
        self._filter = WireFilter()
        self._chars = 0
        self.kinds: Counter[str] = Counter()
        self.gone = 0
        self.sent_bytes = self.received_bytes = 0

    # ------------------------------------------------------------------ Qt

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else 5

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("Time"), tr("Direction"), tr("Kind"), tr("Size"), tr("What it says"))[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == SIZE else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._shown[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return " ".join(self._text(row, column) for column in range(5))
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == SIZE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == SUMMARY:
            return row.summary
        return None

    def _text(self, row: WireRow, column: int) -> str:
        if column == TIME:
            return stamp_text(row.t_ns)
        if column == DIRECTION and row.connection:
            return tr("connection")
        if column == DIRECTION:
            return tr("↑ sent") if row.sent else tr("↓ received")
        if column == KIND:
            return f"▲ {row.kind}" if row.error else row.kind
        if column == SIZE:
            return "" if row.connection else bytes_text(row.size)
        return row.summary

    # ------------------------------------------------------------------ what is kept

    @property
    def filter(self) -> WireFilter:
        return self._filter

    @property
    def kept(self) -> Sequence[WireRow]:
        """Every frame that is still here, shown or not."""
        return self._rows

    def shown(self) -> list[WireRow]:
        """The frames that the filter lets through, oldest first."""
        return list(self._shown)

    def add(self, frames: Iterable[WireFrame]) -> None:
        """Take frames, in their order."""
        self.add_rows([row_of_frame(frame) for frame in frames])

    def add_connection(self, event: EndpointEvent) -> None:
        """Take what became of the connection, if it broke; frames that were sent before must be here."""
        row = row_of_connection(event, self._rows[-1].index if self._rows else 0)
        if row is not None:
            self.add_rows([row])

    def add_rows(self, rows: Sequence[WireRow]) -> None:
        """As `add`, for rows that are made already."""
        for row in rows:
            self.kinds[row.kind] += 1
            self._chars += len(row.text)
            if row.sent:
                self.sent_bytes += row.size
            else:
                self.received_bytes += row.size
        self._rows.extend(rows)
        fresh = [row for row in rows if self._filter.shows(row)]
        if fresh:
            first = len(self._shown)
            self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
            self._shown.extend(fresh)
            self.endInsertRows()
        while self._rows and (len(self._rows) > self._most_frames or self._chars > self._most_chars):
            self._forget_oldest()

    def clear(self) -> None:
        """Forget everything; the filter stays."""
        self.beginResetModel()
        self._rows, self._shown = [], []
        self._chars = self.gone = self.sent_bytes = self.received_bytes = 0
        self.kinds = Counter()
        self.endResetModel()

    def set_filter(self, wanted: WireFilter) -> None:
        """Show what `wanted` lets through."""
        if wanted != self._filter:
            self.beginResetModel()
            self._filter = wanted
            self._shown = [row for row in self._rows if wanted.shows(row)]
            self.endResetModel()

    def place_of(self, frame_index: int) -> int | None:
        """The shown row that holds the frame `frame_index`; None where it is not shown."""
        at = bisect_left(self._shown, frame_index, key=lambda row: row.index)
        return at if at < len(self._shown) and self._shown[at].index == frame_index else None

    def holds(self, frame_index: int) -> bool:
        """True if the frame is still here, shown or not."""
        at = bisect_left(self._rows, frame_index, key=lambda row: row.index)
        return at < len(self._rows) and self._rows[at].index == frame_index

    def _forget_oldest(self) -> None:
        # An eighth at once: views would count their rows anew with every frame.
        count = max(1, len(self._rows) // 8)
        old, self._rows = self._rows[:count], self._rows[count:]
        self.gone += count
        self._chars -= sum(len(row.text) for row in old)
        self.kinds.subtract(row.kind for row in old)
        self.kinds = +self.kinds
        last = old[-1].index
        shown = bisect_left(self._shown, last + 1, key=lambda row: row.index)
        if shown:
            self.beginRemoveRows(QModelIndex(), 0, shown - 1)
            del self._shown[:shown]
            self.endRemoveRows()

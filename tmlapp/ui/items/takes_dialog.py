"""Compare takes (C): a table with their length, level, noise and windows; B, D and Return work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from tmlapp.bench.authoring.model import Take
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.parts import minus, seconds
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace


class _Table(QTableWidget):
    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        # Letters are commands of the dialog, not a search.
        if event.text() and event.text().isprintable():
            event.ignore()
            return
        super().keyPressEvent(event)


class TakesDialog(FormDialog):
    """All takes of the item, discarded ones too."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page, page.theme, name="takes", title=tr("Takes"), yes=tr("Go to this take"), width=720)
        self._page = page
        columns = [tr("Take"), tr("Length"), tr("SNR"), tr("Peak"), tr("Windows"), tr("Speaker"), tr("Recorded"), ""]
        self.table = _Table(0, len(columns))
        self.table.setHorizontalHeaderLabels(columns)
        self.table.setAccessibleName(tr("Takes"))
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setMinimumHeight(page.theme.px(180))
        self.body.addWidget(self.table)
        self.say(tr("B: best · D: discard or restore · Return: go there"))
        self.table.itemDoubleClicked.connect(lambda _item: self.take())
        self.on_yes(self._go)
        page.model.changed.connect(self._fill)
        self.finished.connect(lambda _code: page.model.changed.disconnect(self._fill))
        self._fill()
        self.table.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        take = self._chosen()
        if take and event.key() in (Qt.Key.Key_B, Qt.Key.Key_D):
            self._page.model.choose_take(take)
            if event.key() == Qt.Key.Key_B:
                self._page.takes.choose_best()
            else:
                self._page.takes.toggle_discarded()
            return
        super().keyPressEvent(event)

    def _chosen(self) -> str:
        item = self._page.model.item
        row = self.table.currentRow()
        return item.takes[row].id if item is not None and 0 <= row < len(item.takes) else ""

    def _fill(self) -> None:
        item = self._page.model.item
        if item is None:
            return
        row = self.table.currentRow()
        self.table.setRowCount(len(item.takes))
        for at, take in enumerate(item.takes):
            for column, text in enumerate(self._texts(take, best=take.id == item.best)):
                self.table.setItem(at, column, QTableWidgetItem(text))
        current = [t.id for t in item.takes].index(self._page.model.take_id) if item.takes else -1
        self.table.selectRow(row if 0 <= row < len(item.takes) else current)

    def _texts(self, take: Take, *, best: bool) -> list[str]:
        figures = self._page.checking.figures(take)
        snr = tr("{n:.0f} dB").format(n=figures.snr_db) if figures and figures.snr_db is not None else "–"
        peak = minus(f"{figures.peak_dbfs:.1f} dBFS") if figures else "–"
        if figures and figures.clipped:
            peak = f"✕ {peak}"
        state = tr("★ best") if best else tr("✕ discarded") if take.discarded else ""
        when = take.created_utc[:16].replace("T", " ")
        length = f"{seconds(take.samples)} s"
        return [take.id, length, snr, peak, str(len(take.expectations)), take.speaker or "–", when, state]

    def _go(self) -> None:
        if self._chosen():
            self._page.model.choose_take(self._chosen())

"""The frames of a recording, in a window beside Review."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.core.event import ConnectionChanged, EndpointError
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.reader import Recording
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.aside import Aside
from tmlapp.ui.endpoints.save_dialog import ask_save
from tmlapp.ui.endpoints.sheet import endpoint_sheet
from tmlapp.ui.endpoints.wire_model import MOST_FRAMES, ROW
from tmlapp.ui.endpoints.wire_panel import WirePanel
from tmlapp.ui.endpoints.wire_rows import WireRow, row_of_connection, row_of_frame
from tmlapp.ui.items.parts import words
from tmlapp.ui.text import stamp_text, tr
from tmlapp.ui.theme import Theme

AROUND_NS = 240 * NS_PER_S
"""Of a long recording only what lies so near to the cursor is listed."""


def rows_around(recording: Recording, at_ns: int) -> list[WireRow]:
    """Frames of `recording` near `at_ns`, at most as many as a list holds; may block.

    Raises:
        AppError: the recording is damaged.
    """
    start_ns = max(0, at_ns - AROUND_NS)
    found: list[WireRow] = []
    for frame in recording.wire(start_ns, at_ns + AROUND_NS):
        if len(found) == MOST_FRAMES:
            break
        found.append(row_of_frame(frame))
    breaks = recording.events((ConnectionChanged, EndpointError), start_ns, at_ns + AROUND_NS)
    for event in breaks if found else ():
        if isinstance(event, ConnectionChanged | EndpointError):
            at = bisect_right(found, event.t_rx_ns, key=lambda row: row.t_ns)
            row = row_of_connection(event, found[max(0, at - 1)].index)
            if row is not None:
                found.insert(at, row)
    return found


class WireDialog(QDialog):
    """Lists frames; Return or a double click on one goes to its time.

    Signals:
        seek_wanted: session time in nanoseconds.
    """

    seek_wanted = Signal(object)

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        recording: Recording,
        at_ns: int,
        failed: Callable[[AppError], object],
    ) -> None:
        super().__init__(parent)
        self._path, self._at_ns, self._failed = Path(recording.path), at_ns, failed
        self.aside = Aside(self)
        self.setObjectName("wire-dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Wire of {name}").format(name=self._path.name))
        self.setAccessibleName(self.windowTitle())
        self.setStyleSheet(endpoint_sheet(theme))
        self._actions = {
            "wire.errors": self._action(tr("Errors only"), "Shift+E", lambda on: self.panel.set_errors_only(on)),
            "wire.follow": self._action(tr("To the end"), "End", lambda on: self.panel.set_following(on)),
            "wire.save": self._action(tr("Save frames…"), "Shift+S", lambda _on: self._save(), checkable=False),
        }
        self.panel = WirePanel(theme, self._actions)
        self.panel.follow.set_spared(True)  # Nothing new comes.
        self.panel.table.activated.connect(self._go)
        self.note = words("small")
        self.note.setText(tr("Reading the frames …"))
        close = KeyButton(theme, tr("Close"), key="Esc")
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setContentsMargins(14, 6, 12, 8)
        row.addWidget(self.panel.count)
        row.addWidget(self.note, 1)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.panel, 1)
        column.addLayout(row)
        self.resize(min(theme.px(980), parent.width() - 40), min(theme.px(560), parent.height() - 40))
        self.aside.run(lambda: rows_around(recording, at_ns), self._show, self._fail)

    def done(self, result: int) -> None:
        """Closed, by whatever way."""
        self.aside.shut()
        super().done(result)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        find = event.key() == Qt.Key.Key_F and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if find:
            self.panel.focus_search()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def labels(self) -> list[QLabel]:
        """What stands below the list."""
        return [self.panel.count, self.note]

    def _action(self, title: str, key: str, do: Callable[[bool], object], *, checkable: bool = True) -> QAction:
        action = QAction(title, self)
        action.setShortcut(key)
        action.setCheckable(checkable)
        action.setToolTip(f"{title} ({key})")
        action.triggered.connect(do)
        self.addAction(action)
        return action

    def _show(self, rows: list[WireRow]) -> None:
        none = tr("There are no frames here: this model was not reached over a network.")
        self.panel.show_rows(rows, none)
        self.note.setText("")
        if not rows:
            return
        first, last = rows[0].t_ns, rows[-1].t_ns
        span = tr("{a} to {b}; Return goes to the time of a frame")
        self.note.setText(span.format(a=stamp_text(first), b=stamp_text(last)))
        near = next((row for row in rows if row.t_ns >= self._at_ns), rows[-1])
        self.panel.show_frame(near.index)

    def _fail(self, error: AppError) -> None:
        self.note.setText(f"✕ {error.what} {error.why}")
        self._failed(error)

    def _go(self, index: QModelIndex) -> None:
        row: WireRow = index.data(ROW)
        self.seek_wanted.emit(row.t_ns)

    def _save(self) -> None:
        path = self._path.with_name(f"{self._path.stem}-wire.jsonl")
        rows = [row for row in self.panel.model.shown() if not row.connection]
        ask_save(self, rows, path, self.aside, done=self.note.setText, failed=self._fail)

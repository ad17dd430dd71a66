"""Where the parts of Review stand; what they do is said in `workspace`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.ui.controls import ErrorBanner
from tmlapp.ui.judge.panel import JudgePanel
from tmlapp.ui.review.lanes import ReviewLanes
from tmlapp.ui.review.parts import EmptyPage, NoteBar, ReviewHeader, ReviewStatus
from tmlapp.ui.review.picture import PicturePane
from tmlapp.ui.review.why_panel import WhyPanel
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme
from tmlapp.ui.timeline import TimeAxis, TimelineView
from tmlapp.ui.workspace import Host, Workspace

_TOP_SHARE, _TOP_MOST_PX, _SIDE_PX, _SIDE_SHARE = 0.35, 420, 300, 0.38
_BARS_PX = 82


class ReviewView(Workspace):
    """Header above, pictures and reasons over the timeline, judging at the right, status below."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        theme = host.theme
        self.axis = TimeAxis(parent=self)
        self.lanes = ReviewLanes()
        self.judge = JudgePanel(host)
        self.register()
        self.header = ReviewHeader(theme, host.actions_)
        self.status = ReviewStatus(theme)
        self.banner = ErrorBanner(theme)
        self.empty = EmptyPage(theme, host.actions_)
        self.picture, self.picture_b = PicturePane(theme), PicturePane(theme, "B")
        self.why_panel = WhyPanel(theme)
        self.timeline = TimelineView(self.axis, theme)
        self.note = NoteBar()
        self.side = QStackedWidget()
        self.side.setObjectName("side")
        self.side.addWidget(self.judge)
        self.pages = QStackedWidget()
        self._arrange()
        self.setAcceptDrops(True)
        self.setFocusProxy(self.timeline)
        self.set_theme(theme)

    def register(self) -> None:
        """Register the commands that the header shows."""
        raise NotImplementedError

    def open_second(self, path: Path) -> None:
        """Open `path` beside what is open."""
        raise NotImplementedError

    def _arrange(self) -> None:
        self.top = QHBoxLayout()
        self.top.setSpacing(10)
        for part in (self.picture, self.picture_b, self.why_panel):
            self.top.addWidget(part, 1)
        self.picture_b.hide()
        self._top = QWidget()
        self._top.setLayout(self.top)
        self.top.setContentsMargins(0, 0, 0, 0)
        self.timeline.set_lanes(self.lanes.first())
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        column.addWidget(self._top)
        column.addWidget(self.timeline, 1)
        column.addWidget(self.note)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(content)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.banner)
        middle.addWidget(self.pages, 1)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addLayout(middle, 1)
        row.addWidget(self.side)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.header)
        whole.addLayout(row, 1)
        whole.addWidget(self.status)

    def set_theme(self, theme: Theme) -> None:
        for part in (self.header, self.status, self.empty, self.picture, self.picture_b, self.why_panel, self.timeline):
            part.set_theme(theme)
        self.judge.set_theme(theme)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        most = self.host.theme.px(_TOP_MOST_PX)
        # At large text the timeline keeps most of the width, as long as the keys of verdicts can be read.
        usual, share = self.host.theme.px(_SIDE_PX), round(self.width() * _SIDE_SHARE)
        self.side.setFixedWidth(min(usual, max(_SIDE_PX, share, self.judge.needed_px())))
        self._top.setFixedHeight(round(min(most, (self.height() - _BARS_PX) * _TOP_SHARE)))

    def show_newest(self, paths: list[Path]) -> None:
        """The newest recordings, on the page on which nothing is open; the keys are there then."""
        idle = self.timeline.hasFocus() or self.hasFocus()
        self.empty.set_recordings(paths)
        if idle and paths and self.empty.isVisible():
            self.empty.list.setFocus()

    def show_error(self, error: AppError) -> bool:
        self.banner.show_error(error)
        return True

    def show_note(self, text: str) -> None:
        self.status.say("note", text)

    def ask_file(self, title: str, then: Any) -> None:
        """Ask for a recording, then do `then` with its path."""
        dialog = QFileDialog(
            self, title, str(self.host.settings.recordings_dir), tr("Recordings (*.mcap *.part);;All (*)")
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: then(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        for path, open_it in zip(paths, (self.open, self.open_second), strict=False):
            open_it(path)
        event.acceptProposedAction()

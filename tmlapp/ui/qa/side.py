"""The right side of Live: events and checklist under one header with tabs; the boxes for words below serve both."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout

from tmlapp.ui.actions import Actions
from tmlapp.ui.eventpanel import EventPanel
from tmlapp.ui.qa.panel import QaPanel
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

_MOST = 16_777_215


class Tab(QAbstractButton):
    """A word that is underlined while its page is shown."""

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__()
        self._theme = theme
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(round(QFontMetricsF(self._face()).horizontalAdvance(self.text())) + 4, self._theme.px(30))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        theme = self._theme
        painter.setFont(self._face())
        strong = self.isChecked() or self.underMouse() or self.hasFocus()
        painter.setPen(theme.text if strong else theme.muted)
        box = QRectF(self.rect())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        if self.isChecked() or self.hasFocus():
            width = QFontMetricsF(self._face()).horizontalAdvance(self.text())
            painter.fillRect(QRectF(0, box.height() - 3, width, 2), theme.accent)

    def _face(self) -> QFont:
        return font(self._theme.font_px, weight=QFont.Weight.Bold)


class SidePanel(QFrame):
    """Holds the event panel and the checklist; `events` keeps its list, its head and boxes move to the common frame."""

    def __init__(self, theme: Theme, events: EventPanel, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("side")
        self.events = events
        self.checklist = QaPanel(theme, actions)
        self._actions = actions
        # One frame around both pages: what stood around the list alone moves up, or goes.
        events.setObjectName("page")
        events.setMinimumWidth(0)
        events.setMaximumWidth(_MOST)
        head, composer = events.head, events.composer
        self.tabs = [Tab(theme, tr("Events")), Tab(theme, tr("Checklist"))]
        row = QHBoxLayout()
        row.setContentsMargins(14, 8, 14, 8)
        row.setSpacing(16)
        for tab in self.tabs:
            row.addWidget(tab)
        row.addStretch(1)
        row.addWidget(events.search_button)
        head.hide()
        self.pages = QStackedWidget()
        self.pages.addWidget(events)
        self.pages.addWidget(self.checklist)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.pages, 1)
        column.addWidget(composer)
        for number, tab in enumerate(self.tabs):
            tab.clicked.connect(lambda _checked=False, n=number: self.show_page(n))
        self.tabs[0].setToolTip(tr("What happened so far"))
        self.tabs[1].setToolTip(actions["qa.toggle"].toolTip())
        self.show_page(0)

    @property
    def on_checklist(self) -> bool:
        """The checklist is shown."""
        return self.pages.currentWidget() is self.checklist

    def set_theme(self, theme: Theme) -> None:
        for tab in self.tabs:
            tab.set_theme(theme)
        self.events.set_theme(theme)
        self.checklist.set_theme(theme)

    def show_page(self, number: int) -> None:
        """Show the events (0) or the checklist (1)."""
        self.pages.setCurrentIndex(number)
        self.tabs[number].setChecked(True)
        self.events.search_button.set_spared(number != 0)
        self._actions["qa.toggle"].setChecked(number == 1)

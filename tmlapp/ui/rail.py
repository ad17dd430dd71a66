"""The slim rail at the left: workspaces above, program below."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QMenu, QVBoxLayout

from tmlapp.ui.actions import Actions
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font


class RailButton(QAbstractButton):
    """An icon over a small word; the current workspace has an accent ground."""

    def __init__(self, theme: Theme, icon: str, text: str = "") -> None:
        super().__init__()
        self._theme, self._icon_name = theme, icon
        self.setText(text)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._icon = QIcon()
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        import qtawesome

        self._theme = theme
        color = theme.accent if self.isChecked() else theme.muted
        self._icon = qtawesome.icon(self._icon_name, color=color.name())
        self.setFixedSize(QSize(theme.px(52), theme.px(50 if self.text() else 36)))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.accent_soft if self.isChecked() else theme.raised)
            painter.drawRoundedRect(box, theme.radius_control, theme.radius_control)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.accent, 2))
            painter.drawRoundedRect(box, theme.radius_control, theme.radius_control)
        side = theme.px(18)
        top = theme.px(9) if self.text() else (self.height() - side) // 2
        self._icon.paint(painter, (self.width() - side) // 2, top, side, side)
        if self.text():
            painter.setFont(font(theme.font_small_px - 0.5))
            painter.setPen(theme.accent if self.isChecked() else theme.muted)
            painter.drawText(box.adjusted(0, theme.px(28), 0, -2), Qt.AlignmentFlag.AlignCenter, self.text())


class Rail(QFrame):
    """Only workspaces that exist are listed."""

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("rail")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 10, 6, 12)
        column.setSpacing(4)
        self.live = RailButton(theme, "fa6s.play", tr("Live"))
        self.live.setCheckable(True)
        self.live.setChecked(True)
        self.live.setToolTip(tr("Live session"))
        self.live.clicked.connect(lambda: self.live.setChecked(True))
        self.menu_button = RailButton(theme, "fa6s.bars")
        self.menu_button.setAccessibleName(tr("Menu"))
        self.menu_button.setToolTip(tr("All commands"))
        self.menu_button.clicked.connect(self._show_menu)
        self.keys = self._for_action(theme, "fa6s.keyboard", actions["app.keys"])
        self.settings = self._for_action(theme, "fa6s.gear", actions["app.settings"])
        column.addWidget(self.live)
        column.addStretch(1)
        for button in (self.menu_button, self.keys, self.settings):
            column.addWidget(button)
        self.menu = QMenu(self)
        for group, commands in actions.groups().items():
            part = self.menu.addMenu(group)
            for command in commands:
                if command.listed:
                    part.addAction(actions[command.key])
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedWidth(theme.px(52) + 12)
        for button in (self.live, self.menu_button, self.keys, self.settings):
            button.set_theme(theme)

    def _for_action(self, theme: Theme, icon: str, action: QAction) -> RailButton:
        button = RailButton(theme, icon)
        button.setAccessibleName(action.text())
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        return button

    def _show_menu(self) -> None:
        self.menu.popup(self.menu_button.mapToGlobal(self.menu_button.rect().topRight()))

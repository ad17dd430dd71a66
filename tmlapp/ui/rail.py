"""The slim rail at the left: workspaces above, program below."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QMenu, QVBoxLayout

from tmlapp.ui.actions import Actions
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.workspace import PLACES


class RailButton(QAbstractButton):
    """An icon over a small word; the current workspace has an accent ground."""

    def __init__(self, theme: Theme, icon: str, text: str = "") -> None:
        super().__init__()
        self._icon_name = icon
        self.theme = theme
        self.setText(text)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._icon = QIcon()
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        import qtawesome

        self.theme = theme
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
        theme = self.theme
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
        self.places: dict[str, RailButton] = {}
        for place in PLACES:
            button = self._for_action(theme, place.icon, actions[f"go.{place.name}"], tr(place.title))
            button.setCheckable(True)
            self.places[place.name] = button
            column.addWidget(button)
        self.menu_button = RailButton(theme, "fa6s.bars")
        self.menu_button.setAccessibleName(tr("Menu"))
        self.menu_button.setToolTip(tr("All commands"))
        self.menu_button.clicked.connect(self._show_menu)
        self.keys = self._for_action(theme, "fa6s.keyboard", actions["app.keys"])
        self.settings = self._for_action(theme, "fa6s.gear", actions["app.settings"])
        column.addStretch(1)
        for button in (self.menu_button, self.keys, self.settings):
            column.addWidget(button)
        self._actions = actions
        self.menu = QMenu(self)
        self.fill_menu()
        self.show_current("live")
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.setFixedWidth(theme.px(52) + 12)
        for button in (*self.places.values(), self.menu_button, self.keys, self.settings):
            button.set_theme(theme)

    def show_current(self, name: str) -> None:
        """Put the accent on the workspace `name`."""
        for key, button in self.places.items():
            button.setChecked(key == name)
            button.set_theme(button.theme)

    def fill_menu(self) -> None:
        """Every command that can be asked for where the person is."""
        self.menu.clear()
        for group, commands in self._actions.groups().items():
            offered = [c for c in commands if c.listed and self._actions.offered(c)]
            if offered:
                part = self.menu.addMenu(group)
                part.addActions([self._actions[c.key] for c in offered])

    def _for_action(self, theme: Theme, icon: str, action: QAction, text: str = "") -> RailButton:
        button = RailButton(theme, icon, text)
        button.setAccessibleName(action.text())
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        return button

    def _show_menu(self) -> None:
        self.fill_menu()
        self.menu.popup(self.menu_button.mapToGlobal(self.menu_button.rect().topRight()))

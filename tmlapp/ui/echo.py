"""The echo of the loudspeaker in the microphone: a sign in the status bar that tells it and changes how it is met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu

from tmlapp.ui.controls import KeyButton
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

if TYPE_CHECKING:
    from tmlapp.live.state import Snapshot
    from tmlapp.ui.window import MainWindow

EchoMode = Literal["on", "headphones", "off"]
MODES: tuple[EchoMode, ...] = get_args(EchoMode)
_SIDE_PX, _GAP_PX = 6, 4


def echo_title(mode: str) -> str:
    """What a mode is called where it is chosen."""
    return {
        "on": tr("Take it out of the microphone"),
        "headphones": tr("I wear headphones"),
        "off": tr("Leave the sound as it is"),
    }[mode]


def echo_meaning(mode: str) -> str:
    """What a mode does, in a sentence."""
    return {
        "on": tr("What the loudspeaker plays is taken out of what the model hears; the recording keeps both."),
        "headphones": tr("No sound of the loudspeaker gets into the microphone, so nothing is taken out."),
        "off": tr("The model hears the microphone as it is, with its own voice in it."),
    }[mode]


class EchoSign(KeyButton):
    """A figure of the status bar that can be pressed: the mode, or by how much the echo is weaker.

    Signals:
        chosen (mode): a person wants another one.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, kind="ghost")
        self._value, self._unit = "", ""
        self._menu = QMenu(self)
        group = QActionGroup(self)
        self._choices: dict[str, QAction] = {}
        for mode in MODES:
            action = self._menu.addAction(echo_title(mode))
            action.setCheckable(True)
            action.setToolTip(echo_meaning(mode))
            action.triggered.connect(lambda _checked=False, m=mode: self.chosen.emit(m))
            group.addAction(action)
            self._choices[mode] = action
        self._menu.setToolTipsVisible(True)
        self.clicked.connect(self.open_menu)

    @property
    def choices(self) -> dict[str, QAction]:
        """What the menu offers, by mode."""
        return self._choices

    def show_echo(self, mode: str, loss_db: float | None, following: str) -> None:
        """Tell the `mode` of now, by how many dB the echo is weaker where that was measured, and the mode of the next
        session.
        """
        measured = mode == "on" and loss_db is not None
        names = {"on": tr("on"), "headphones": tr("headphones"), "off": tr("off")}
        value = f"−{max(0.0, loss_db or 0.0):.0f}" if measured else names[mode]
        unit = "dB" if measured else ""
        if following != mode:
            unit = f"{unit} → {names[following]}".strip()
        self._choices[following].setChecked(True)
        if (value, unit) == (self._value, self._unit) and self.toolTip():
            return
        self._value, self._unit = value, unit
        told = [tr("Echo of the loudspeaker: {mode}.").format(mode=echo_title(mode)), echo_meaning(mode)]
        if measured:
            told.append(tr("Now it is {db} dB weaker.").format(db=f"{max(0.0, loss_db or 0.0):.0f}"))
        if following != mode:
            told.append(tr("From the next session on: {mode}.").format(mode=echo_title(following)))
        self.setAccessibleName(tr("Echo {value} {unit}").format(value=value, unit=unit).strip())
        self.setAccessibleDescription(" ".join(told))
        self.setToolTip("\n".join([*told, tr("H changes it.")]))
        self.updateGeometry()
        self.update()

    def open_menu(self) -> None:
        """Offer the modes above the sign."""
        self._menu.popup(self.mapToGlobal(QPoint(0, -self._menu.sizeHint().height())))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        widths = (QFontMetricsF(face).horizontalAdvance(text) for text, face, _ in self._parts())
        return QSize(round(sum(widths) + _GAP_PX * (len(self._parts()) - 1)) + 2 * _SIDE_PX, self._theme.px(26))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, border, _ = self._colors()
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(self._theme.accent, 2) if self.hasFocus() else QPen(border))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, self._theme.radius_control, self._theme.radius_control)
        x = float(_SIDE_PX)
        for text, face, dim in self._parts():
            painter.setFont(face)
            painter.setPen(self._theme.muted if dim else self._theme.text)
            width = QFontMetricsF(face).horizontalAdvance(text)
            painter.drawText(QRectF(x, 0, width + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, text)
            x += width + _GAP_PX

    def _parts(self) -> list[tuple[str, QFont, bool]]:
        plain = font(self._theme.font_px)
        bold = font(self._theme.font_px, weight=QFont.Weight.DemiBold)
        parts = [(tr("echo"), plain, True), (self._value, bold, False), (self._unit, plain, True), ("▾", plain, True)]
        return [part for part in parts if part[0]]


class EchoDesk:
    """Keeps the sign of a window true, and takes the choice into the settings: it holds from the next session on."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._sign = window.status.echo
        self._sign.chosen.connect(self.choose)

    @property
    def possible(self) -> bool:
        """A loudspeaker can be heard in the microphone: both are there, and the sound comes from no file."""
        controller = self._window.controller
        used = controller.plan or controller.settings
        of_a_file = controller.plan is not None and controller.plan.source is not None
        return not of_a_file and "none" not in (used.microphone, used.loudspeaker)

    def update(self, snapshot: Snapshot | None = None) -> None:
        """Tell it anew, of the session that runs if there is one."""
        chosen = self._window.controller.settings.echo
        if snapshot is None and self._window.controller.live and self._window.controller.session is not None:
            snapshot = self._window.controller.session.snapshot()
        if snapshot is None:
            self._sign.show_echo(chosen, None, chosen)
        elif snapshot.echo != "none":
            self._sign.show_echo(snapshot.echo, snapshot.echo_loss_db, chosen)
        self._window.status.set_echo_there(self.possible if snapshot is None else snapshot.echo != "none")

    def choose(self, mode: EchoMode) -> None:
        """Meet the echo like that from the next session on."""
        window = self._window
        window.keep_settings(window.controller.settings.model_copy(update={"echo": mode}))
        self.update()

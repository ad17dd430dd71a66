"""The bar at the top: recording sign, name, instruction, endpoint, and the three buttons of a live session."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QWidget

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.link import Link, link_text, state_icon, state_level, state_word
from tmlapp.ui.endpoints.recent import address_text
from tmlapp.ui.services import EndpointFacts
from tmlapp.ui.text import bytes_text, clock_text, tr
from tmlapp.ui.theme import Theme, font

_INSTRUCTION_PX = 190


class RecSign(QWidget):
    """Says whether this is being recorded, for how long, and how large the file has become."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._idle = self._word = tr("READY")
        self._t_ns = self._bytes = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_state("idle", 0, 0)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()
        self.update()

    def set_state(self, state: str, t_ns: int, size: int, *, paused: bool = False) -> None:
        """Show session time `t_ns` and the recording's `size` in bytes."""
        word = {"running": tr("REC"), "draining": tr("SAVING"), "armed": tr("STARTING"), "preflight": tr("STARTING")}
        shown = tr("PAUSED") if paused and state == "running" else word.get(state, self._idle)
        second = t_ns // 1_000_000_000
        same = (shown, second, size // 100_000) == (self._word, self._t_ns // 1_000_000_000, self._bytes // 100_000)
        self._word, self._t_ns, self._bytes = shown, t_ns, size
        if same and self.accessibleName():
            return
        self.setAccessibleName(tr("Recording state"))
        self.setAccessibleDescription(self.text())
        self.setToolTip(self.text())
        self.updateGeometry()
        self.update()

    def set_ready(self, ready: bool | None) -> None:
        """What is said while no session runs: whether one can start; None while that is being found out."""
        idle = self._word == self._idle
        self._idle = tr("CHECKING") if ready is None else tr("READY") if ready else tr("NOT READY")
        if idle:
            self.set_state("idle", 0, 0)

    def text(self) -> str:
        """All of it in words."""
        if self._word == self._idle:
            return self._word
        return f"{self._word} {clock_text(self._t_ns)} {bytes_text(self._bytes)}"

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        bold = QFontMetricsF(self._bold())
        if self._word == self._idle:
            return QSize(round(bold.horizontalAdvance(self._word)) + 42, self._theme.px(30))
        size = QFontMetricsF(font(self._theme.font_px)).horizontalAdvance(bytes_text(max(self._bytes, 100_000_000)))
        return QSize(round(bold.horizontalAdvance(f"{self._word}  00:00:00") + size) + 54, self._theme.px(30))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.line)
        painter.setBrush(theme.raised)
        painter.drawRoundedRect(box, theme.radius_control, theme.radius_control)
        live = self._word in (tr("REC"), tr("SAVING"))
        color = theme.act if live else theme.notice if self._word == tr("PAUSED") else theme.muted
        painter.setBrush(color)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(QPointF(16, box.center().y()), 4, 4)
        painter.setPen(color)
        painter.setFont(self._bold())
        left = QRectF(27, 0, self.width(), self.height())
        if self._word == self._idle:
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter, self._word)
            return
        painter.drawText(left, Qt.AlignmentFlag.AlignVCenter, f"{self._word}  {clock_text(self._t_ns)}")
        if self.width() < self.sizeHint().width() - 10:
            return
        painter.setPen(theme.muted)
        painter.setFont(font(theme.font_px))
        right = QRectF(0, 0, self.width() - 12, self.height())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(right, flags, bytes_text(self._bytes))

    def _bold(self) -> QFont:
        return font(self._theme.font_px, weight=QFont.Weight.DemiBold)


class Header(QFrame):
    """Top bar.

    Signals:
        instruction_changed, name_changed: the person has typed something else.
    """

    instruction_changed = Signal(str)
    name_changed = Signal(str)

    def __init__(self, theme: Theme, actions: Actions, presets: tuple[str, ...]) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setFixedHeight(theme.px(48))
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        self.rec = RecSign(theme)
        self.name = QLineEdit()
        self.name.setObjectName("name")
        self.name.setAccessibleName(tr("Session name"))
        self.name.setToolTip(tr("Name of the session and of its recording"))
        self.name.textChanged.connect(self._fit_name)
        self.name.textEdited.connect(self.name_changed)
        self.instruction = QLineEdit()
        self.instruction.setMinimumWidth(120)
        self.instruction.setAccessibleName(tr("Instruction"))
        self.instruction.setPlaceholderText(tr("Instruction, or say it once the session runs"))
        self.instruction.setToolTip(tr("What the model is asked to do (I)"))
        self.instruction.textEdited.connect(self.instruction_changed)
        self._presets = presets
        self._preset_menu = QMenu(self)
        self._fill_presets()
        self._show_presets = actions["live.presets"]
        self._show_presets.setIconVisibleInMenu(False)
        self.instruction.addAction(self._show_presets, QLineEdit.ActionPosition.TrailingPosition)
        self.endpoint = KeyButton(theme, kind="plain")
        self.mute = KeyButton(theme)
        self.marker = KeyButton(theme)
        self.toggle = KeyButton(theme, kind="primary")
        for widget, stretch in (
            (self.rec, 0),
            (self.name, 0),
            (self.instruction, 1),
            (self.endpoint, 0),
            (self.mute, 0),
            (self.marker, 0),
            (self.toggle, 0),
        ):
            row.addWidget(widget, stretch)
        self.mute.follow(actions["live.mute"])
        self.marker.follow(actions["live.marker"], text=tr("Marker"))
        self.toggle.follow(actions["live.toggle"])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def set_theme(self, theme: Theme) -> None:
        import qtawesome

        self._theme = theme
        self.setFixedHeight(theme.px(48))
        self._fit_name(self.name.text())
        self._show_presets.setIcon(qtawesome.icon("fa6s.chevron-down", color=theme.muted.name()))
        for widget in (self.rec, self.endpoint, self.mute, self.marker, self.toggle):
            widget.set_theme(theme)
        self._fit()

    def set_endpoint(
        self, address: str, facts: EndpointFacts | None, *, provider: str = "", link: Link | None = None
    ) -> None:
        """Name the endpoint and say, always, where it computes; with `link`, also how the connection stands."""
        theme = self._theme
        if facts is None:
            where, short, dot = tr("not checked"), tr("not checked"), theme.muted
        elif facts.local:
            where, short, dot = tr("on this machine"), tr("on this machine"), theme.good
        else:
            where, short, dot = tr("sends to {host}").format(host=facts.host), facts.host, theme.notice
        sign, state = None, ""
        if link is not None and link.state is not None:
            import qtawesome

            state, dot = link_text(link), getattr(theme, state_level(link))
            sign = qtawesome.icon(state_icon(link), color=dot.name())
            self.endpoint.set_dot(dot, f"{state_word(link)} · {short}  ▾", sign=sign)
        else:
            self.endpoint.set_dot(dot, f"{where}  ▾")
        self.endpoint.setText(address_text(address))
        said = f"{where}, {state}" if state else where
        self.endpoint.setAccessibleName(tr("Endpoint {name}, {where}").format(name=address, where=said))
        ran = f" · {provider}" if provider else ""
        self.endpoint.setToolTip(f"{address} · {said}{ran} (E)")
        self._fit()

    def set_live(self, live: bool) -> None:
        """While a session is open its name and instruction are fixed."""
        self.name.setReadOnly(live)
        self.instruction.setReadOnly(live)
        self.toggle.set_kind("danger" if live else "primary")
        self._fit()

    def set_texts(self, name: str, instruction: str) -> None:
        for box, text in ((self.name, name), (self.instruction, instruction)):
            if box.text() != text:
                box.setText(text)
                box.setCursorPosition(0)

    def show_presets(self) -> None:
        """Open the list of usual instructions below the box."""
        if not self.instruction.isReadOnly():
            self._preset_menu.popup(self.instruction.mapToGlobal(self.instruction.rect().bottomLeft()))

    def preset_actions(self) -> list[QAction]:
        return self._preset_menu.actions()

    def take_preset(self, preset: str) -> None:
        """Put `preset` into the box; its `{action}` is selected, ready to be typed over."""
        self.instruction.setText(preset)
        self.instruction.setFocus(Qt.FocusReason.OtherFocusReason)
        start = preset.find("{action}")
        if start >= 0:
            self.instruction.setSelection(start, len("{action}"))
        self.instruction_changed.emit(preset)

    def _fit(self) -> None:
        """In a narrow window the instruction stays legible, and the buttons that have a key of one letter go."""
        fixed = (self.rec, self.endpoint, self.toggle)
        room = self.width() - 32 - 12 * 4 - self.name.width() - sum(w.sizeHint().width() for w in fixed)
        for button in (self.mute, self.marker):
            room -= button.sizeHint().width() + 12
        for button in (self.marker, self.mute):
            spared = room < self._theme.px(_INSTRUCTION_PX)
            button.set_spared(spared)
            room += (button.sizeHint().width() + 12) * spared

    def _fill_presets(self) -> None:
        for preset in self._presets:
            action = self._preset_menu.addAction(preset)
            action.triggered.connect(lambda _checked=False, p=preset: self.take_preset(p))

    def _fit_name(self, text: str) -> None:
        face = font(self._theme.font_px, weight=QFont.Weight.Bold)
        width = QFontMetricsF(face).horizontalAdvance(text or tr("name")) + 22
        self.name.setFixedWidth(max(60, min(self._theme.px(180), round(width))))

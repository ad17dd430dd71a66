"""Before the start: each thing that a session needs, green, or red with its reason and a button that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QAction, QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.link import Link, state_word
from tmlapp.ui.services import EndpointFacts
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

if TYPE_CHECKING:
    from tmlapp.live.preflight import Check


class CheckSign(QWidget):
    """A tick, a cross, a warning or a running circle: shape and colour say the same."""

    def __init__(self, theme: Theme, state: str) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self.setFixedSize(22, 22)
        self.setAccessibleName({"ok": tr("passed"), "bad": tr("failed"), "warn": tr("warning")}.get(state, state))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = {"ok": theme.good, "bad": theme.act, "warn": theme.notice}.get(self._state, theme.muted)
        soft = QColor(color)
        soft.setAlpha(40)
        painter.setBrush(soft)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(QRectF(1, 1, 20, 20))
        painter.setPen(QPen(color, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        if self._state == "ok":
            painter.drawPolyline([_p(6.5, 11.5), _p(9.8, 14.8), _p(15.5, 8)])
        elif self._state == "bad":
            painter.drawLine(_p(7.5, 7.5), _p(14.5, 14.5))
            painter.drawLine(_p(14.5, 7.5), _p(7.5, 14.5))
        elif self._state == "warn":
            painter.drawLine(_p(11, 6.5), _p(11, 11.5))
            painter.drawPoint(_p(11, 15))
        else:
            painter.drawArc(QRectF(6, 6, 10, 10), 30 * 16, 260 * 16)


def _p(x: float, y: float) -> QPointF:
    return QPointF(x, y)


class CheckRow(QFrame):
    """One check: sign, title, what was found or what is wrong, and the way out."""

    help_asked = Signal(str)

    def __init__(self, theme: Theme, check: Check) -> None:
        super().__init__()
        self.check = check
        self.setObjectName("row")
        state = "ok" if check.ok else "bad" if check.required else "warn"
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 10, 8)
        row.setSpacing(12)
        row.addWidget(CheckSign(theme, state), 0, Qt.AlignmentFlag.AlignVCenter)
        title = QLabel(check.title)
        title.setObjectName("heading")
        title.setFixedWidth(theme.px(132))
        title.setWordWrap(True)
        row.addWidget(title)
        texts = QVBoxLayout()
        texts.setSpacing(1)
        self.text = QLabel(check.detail if check.ok else check.why)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setObjectName("muted" if check.ok else "plain")
        texts.addWidget(self.text)
        if not check.ok and check.fix:
            fix = QLabel(check.fix)
            fix.setObjectName("muted")
            fix.setTextFormat(Qt.TextFormat.PlainText)
            fix.setWordWrap(True)
            texts.addWidget(fix)
        row.addLayout(texts, 1)
        self.button: KeyButton | None = None
        if not check.ok and check.action:
            self.button = KeyButton(theme, action_text(check.action))
            self.button.clicked.connect(lambda: self.help_asked.emit(check.action or ""))
            row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        words = check.detail if check.ok else f"{check.why} {check.fix}"
        self.setAccessibleName(f"{check.title}: {tr('passed') if check.ok else tr('failed')}. {words}")


def action_text(action: str) -> str:
    """What the button for `action` says."""
    return {
        "choose_microphone": tr("Choose microphone…"),
        "choose_camera": tr("Choose camera…"),
        "choose_loudspeaker": tr("Choose loudspeaker…"),
        "choose_endpoint": tr("Choose endpoint…"),
        "choose_folder": tr("Choose folder…"),
        "use_clip": tr("Use the demo clip"),
        "recover": tr("Recover"),
        "write_instruction": tr("Write…"),
    }.get(action, action)


def _row_width(widths: list[int], columns: int, gap: int) -> int:
    """Width of a grid of buttons that has so many columns."""
    return sum(max(widths[at::columns]) for at in range(columns)) + gap * (columns - 1)


class Consent(QWidget):
    """A box to tick whose words wrap; a click on the words ticks it too.

    Signals:
        toggled: it is ticked, or not any more.
    """

    toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._box, self._words = QCheckBox(), QLabel()
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._box.setAccessibleName(tr("Agree to send sound and picture"))
        self._box.toggled.connect(self.toggled)
        self.setFocusProxy(self._box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._box, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)

    def text(self) -> str:
        return self._words.text()

    def setText(self, text: str) -> None:  # noqa: N802 - as a check box has it
        self._words.setText(text)
        self._box.setAccessibleName(text)
        self._keep_height()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._keep_height()

    def _keep_height(self) -> None:
        # A layout that has too little room would squeeze what wraps, and what is agreed to must be read whole.
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))

    def isChecked(self) -> bool:  # noqa: N802 - as a check box has it
        return self._box.isChecked()

    def setChecked(self, on: bool) -> None:  # noqa: N802 - as a check box has it
        self._box.setChecked(on)

    def toggle(self) -> None:
        self._box.toggle()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.toggle()


class PreflightPage(QFrame):
    """Stands where the stage will be.

    Signals:
        help_asked: the button of a red check (its `action`).
        changed: consent was given or taken back.
    """

    help_asked = Signal(str)
    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._checks: list[Check] | None = None
        self._facts: EndpointFacts | None = None
        self.rows: list[CheckRow] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        self._margins = column.contentsMargins()
        self._actions: list[QAction] = []
        self._arranged: tuple[int, list[KeyButton]] = (0, [])
        column.setSpacing(4)
        self.title, self.hint = QLabel(), QLabel()
        self.title.setObjectName("big")
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        column.addWidget(self.title)
        column.addWidget(self.hint)
        column.addSpacing(10)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setMinimumHeight(40)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget()
        inner.setObjectName("scrolled")
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(6)
        self._list.addStretch(1)
        scroll.setWidget(inner)
        column.addWidget(scroll, 1)
        self._footer = QGridLayout()
        self._footer.setSpacing(10)
        self.buttons: list[KeyButton] = []
        self.consent = Consent()
        self.consent.setVisible(False)
        self.consent.toggled.connect(self._on_consent)
        column.addWidget(self.consent)
        column.addSpacing(6)
        column.addLayout(self._footer)
        self.show_checking()

    @property
    def ready(self) -> bool:
        """True when everything required is green and a remote endpoint was agreed to."""
        if self._checks is None or any(c.required and not c.ok for c in self._checks):
            return False
        return self._facts is None or self._facts.local or self.consent.isChecked()

    @property
    def checking(self) -> bool:
        """True until the checks that run now have an answer."""
        return self._checks is None

    def add_command(self, action: QAction) -> None:
        """A button for `action` at the foot of the page."""
        button = KeyButton(self._theme)
        button.follow(action)
        self.buttons.append(button)
        self._actions.append(action)
        action.changed.connect(self._arrange)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """The buttons in one row; in as many as are needed where large texts leave no room for that."""
        margins, gap = self._margins, self._footer.spacing()
        room = self.width() - margins.left() - margins.right()
        shown = [b for b, action in zip(self.buttons, self._actions, strict=True) if action.isVisible()]
        # Where room is short a button goes without its key.
        widths = [b.minimumSizeHint().width() for b in shown]
        fits = next((n for n in range(len(widths), 1, -1) if _row_width(widths, n, gap) <= room), 1)
        if (fits, shown) == self._arranged:
            return
        self._arranged = fits, shown
        for button in self.buttons:
            self._footer.removeWidget(button)
        for i, button in enumerate([*shown, *(b for b in self.buttons if b not in shown)]):
            self._footer.addWidget(button, i // fits, i % fits)
        for at in range(len(widths) + 1):
            self._footer.setColumnStretch(at, int(at == fits))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for button in self.buttons:
            button.set_theme(theme)
        self._arrange()
        if self._checks is not None:
            self._fill(self._checks)

    def show_checking(self) -> None:
        """While the checks run."""
        self._checks = None
        self.title.setText(tr("Checking microphone, camera, model…"))
        self.hint.setText(tr("This takes a moment."))
        self.changed.emit()

    def show_starting(self, link: Link | None = None) -> None:
        """While devices, model and recording are opened; `link` is the connection that is waited for."""
        if link is None or link.state in (None, "open"):
            self.title.setText(tr("Starting…"))
            self.hint.setText(tr("Opening microphone, camera, model and recording."))
            return
        where = self._facts.host if self._facts is not None else ""
        titles: dict[str, str] = {
            "connecting": tr("Connecting to {host}…").format(host=where),
            "waiting": tr("Waiting in the queue of {host}…").format(host=where),
        }
        self.title.setText(titles.get(link.state, f"{state_word(link).capitalize()}…"))
        reason = f"{link.reason.rstrip('.')}. " if link.reason else ""
        self.hint.setText(reason + tr("Space gives up."))

    def show_checks(self, checks: list[Check], facts: EndpointFacts | None) -> None:
        """Show the result; `facts` says where the endpoint computes, None if that is not known."""
        other = self._facts is None or facts is None or facts.host != self._facts.host
        self._checks, self._facts = checks, facts
        remote = facts is not None and not facts.local
        if other:
            self.consent.setChecked(False)
        if facts is not None and remote:
            words = tr("Yes, send sound and picture to {host} from the start until I stop (Y)")
            self.consent.setText(words.format(host=facts.host))
        self.consent.setVisible(remote)
        self._fill(checks)
        self._say()
        self.changed.emit()

    def row(self, key: str) -> CheckRow:
        """The row of the check `key`."""
        return next(r for r in self.rows if r.check.key == key)

    def _on_consent(self, _on: bool) -> None:
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        red = [c for c in self._checks or [] if c.required and not c.ok]
        if red:
            self.title.setText(tr("Not ready yet"))
            names = ", ".join(c.title.lower() for c in red)
            self.hint.setText(tr("Put right: {names}. F5 checks again.").format(names=names))
        elif not self.ready and self._facts is not None:
            self.title.setText(tr("This model is not on this machine"))
            words = tr("Nothing has been sent yet. Agree below before anything goes to {host}.")
            self.hint.setText(words.format(host=self._facts.host))
        else:
            self.title.setText(tr("Ready"))
            self.hint.setText(tr("Space starts. Everything is recorded from then on."))

    def _fill(self, checks: list[Check]) -> None:
        for row in self.rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        for i, check in enumerate(checks):
            row = CheckRow(self._theme, check)
            row.help_asked.connect(self.help_asked)
            self._list.insertWidget(i, row)
            self.rows.append(row)

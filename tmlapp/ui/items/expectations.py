"""What the model has to say, and when: one card per expectation, the chosen one with its fields."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.bench.authoring.model import Expectation
from tmlapp.ui.items.chips import ChipRow, Flow
from tmlapp.ui.items.parts import LineField, Tick, repolish, seconds, span_text, words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class ExpectationCard(QFrame):
    """One expectation.

    Signals:
        chosen: it was clicked.
        edited: the expectation as the person wants it, and what was changed in a word.
        left: the keys are free for commands again.
    """

    chosen = Signal(str)
    edited = Signal(object, str)
    left = Signal()

    def __init__(self, theme: Theme, value: Expectation) -> None:
        super().__init__()
        self.setObjectName("expectation")
        self._theme = theme
        self.value = value
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(8)
        self.name = words("strong", wrap=False)
        self.when = words("muted", wrap=False)
        self.cue = LineField(tr("Words of the cue"))
        self.cue.setPlaceholderText(tr("words of the cue"))
        self.times = words("muted", wrap=False)
        for part in (self.name, self.when):
            top.addWidget(part)
        top.addWidget(self.cue, 1)
        top.addWidget(self.times)
        self.meaning = LineField(tr("Expected meaning"))
        self.meaning.setPlaceholderText(tr("what the reply must convey (M)"))
        self.accept = ChipRow(theme, tr("accept"))
        self.reject = ChipRow(theme, tr("reject"))
        self.required = Tick(tr("required"))
        self.required.setToolTip(tr("An expectation that is not required is reported, but does not count"))
        self.required.setObjectName("small")
        self.required.setAccessibleName(tr("Required"))
        chips = QWidget()
        flow = Flow(chips, gap=6)
        flow.addWidget(self.accept)
        flow.addWidget(self.reject)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        chips.setSizePolicy(policy)
        column.addLayout(top)
        column.addWidget(self.meaning)
        column.addWidget(chips)
        column.addWidget(self.required)
        self._connect()
        self.show_value(value)
        self.set_chosen(False)

    def _connect(self) -> None:
        self.cue.taken.connect(lambda t: self._edit(replace(self.value, cue_text=t), tr("cue")))
        self.meaning.taken.connect(lambda t: self._edit(replace(self.value, meaning=t), tr("meaning")))
        self.accept.changed.connect(lambda t: self._edit(replace(self.value, accept=t), tr("accepted wordings")))
        self.reject.changed.connect(lambda t: self._edit(replace(self.value, reject=t), tr("rejected wordings")))
        self.required.clicked.connect(
            lambda on: self._edit(replace(self.value, required=bool(on)), tr("required or not"))
        )
        for field in (self.cue, self.meaning, self.accept, self.reject):
            field.left.connect(self.left)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.accept.set_theme(theme)
        self.reject.set_theme(theme)

    def show_value(self, value: Expectation) -> None:
        """Mirror `value`; a field that is being written in keeps what is written."""
        self.value = value
        self.name.setText(value.id)
        at = seconds(value.t_ref) if value.kind == "time" else span_text(value.cue)
        self.when.setText(tr("due at") if value.kind == "time" else tr("cue"))
        self.times.setText(at if value.kind == "event" else f"{at} s")
        self.cue.show_text(value.cue_text)
        self.meaning.show_text(value.meaning)
        self.accept.show_texts(value.accept)
        self.reject.show_texts(value.reject)
        self.required.setChecked(value.required)
        self.setAccessibleName(tr("Expectation {id}").format(id=value.id))
        self.setAccessibleDescription(
            tr("window {window} s, meaning {meaning}").format(window=span_text(value.window, 3), meaning=value.meaning)
        )
        self._show_parts()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.when.setVisible(event.size().width() > self._theme.px(220))

    def set_chosen(self, chosen: bool) -> None:
        """The chosen one can be edited, all others are only read."""
        self.setProperty("chosen", "true" if chosen else "false")
        repolish(self)
        self._show_parts()

    def _show_parts(self) -> None:
        chosen = self.property("chosen") == "true"
        for row in (self.accept, self.reject):
            row.set_editable(chosen)
        self.accept.setVisible(chosen or bool(self.value.accept))
        self.reject.setVisible(chosen or bool(self.value.reject))
        self.required.setVisible(chosen or not self.value.required)
        self.cue.setVisible(self.value.kind == "event" or bool(self.value.cue_text))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mousePressEvent(event)
        self.chosen.emit(self.value.id)

    def _edit(self, value: Expectation, what: str) -> None:
        self.chosen.emit(self.value.id)
        self.edited.emit(value, what)


class Expectations(QWidget):
    """All of a take.

    Signals:
        chosen, edited, left: as those of a card.
    """

    chosen = Signal(str)
    edited = Signal(object, str)
    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.empty = QLabel()
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self._column.addWidget(self.empty)
        self.cards: dict[str, ExpectationCard] = {}

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for card in self.cards.values():
            card.set_theme(theme)

    def show_all(self, values: tuple[Expectation, ...], chosen: str, empty: str) -> None:
        """Mirror `values`; `empty` says what to do where there are none."""
        for name in [n for n in self.cards if n not in {v.id for v in values}]:
            gone = self.cards.pop(name)
            self._column.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for at, value in enumerate(values):
            card = self.cards.get(value.id) or self._make(value)
            card.show_value(value)
            card.set_chosen(value.id == chosen)
            if self._column.indexOf(card) != at:
                self._column.insertWidget(at, card)
        self.empty.setText(empty)
        self.empty.setVisible(not values)

    def focus_on(self, name: str, part: str) -> bool:
        """Put the cursor into `part` (`meaning`, `accept`, `reject`, `cue`) of the expectation `name`."""
        card = self.cards.get(name)
        if card is None:
            return False
        fields = {"meaning": card.meaning, "accept": card.accept.field, "reject": card.reject.field, "cue": card.cue}
        fields[part].setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def _make(self, value: Expectation) -> ExpectationCard:
        card = ExpectationCard(self._theme, value)
        card.chosen.connect(self.chosen)
        card.edited.connect(self.edited)
        card.left.connect(self.left)
        self.cards[value.id] = card
        return card

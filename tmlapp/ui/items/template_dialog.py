"""Templates (Ctrl+T): all expectations of a take from one rule, shown before they are made."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QListWidget, QWidget

from tmlapp.bench.authoring.expecting import Wording
from tmlapp.bench.authoring.model import RATE_HZ, Expectation
from tmlapp.bench.authoring.templates import at_each_word, copy_command, every, once, template_command
from tmlapp.core.errors import AppError
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.model import ItemsModel
from tmlapp.ui.items.parts import seconds, span_text
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class TemplateDialog(FormDialog):
    """Which rule, with which number or word, and what the reply must convey."""

    def __init__(self, parent: QWidget, theme: Theme, model: ItemsModel) -> None:
        super().__init__(parent, theme, name="templates", title=tr("Templates"), yes=tr("Replace the expectations"))
        item, take = model.item, model.take
        assert item is not None
        assert take is not None
        self._model, self._item, self._take = model, item, take
        rules = [
            (tr("Every N seconds after the instruction"), "every"),
            (tr("Once, N seconds after the instruction"), "once"),
            (tr("At each place where this is said"), "word"),
        ]
        others = [t.id for t in item.takes if t.id != take.id and t.expectations]
        rules += [(tr("As in take {id}").format(id=name), f"copy:{name}") for name in others]
        first = model.expectation
        self.rule = self.choice(tr("&Rule"), rules, "every" if item.suite == "timespeak" else "word")
        self.number = self.line(tr("&N, in seconds"), "4" if item.suite == "timespeak" else "10")
        self.word = self.line(tr("&Words"), first.cue_text if first is not None else "", tr("as the script has them"))
        self.meaning = self.line(tr("&Meaning"), first.meaning if first is not None else "")
        self.accepted_ = self.line(tr("&Accept"), ", ".join(first.accept) if first is not None else "", tr("a, b, c"))
        self.list = QListWidget()
        self.list.setAccessibleName(tr("What would be made"))
        self.list.setMinimumHeight(theme.px(130))
        self.body.addWidget(self.list)
        for field in (self.number, self.word, self.meaning, self.accepted_):
            field.textChanged.connect(self._show)
        self.rule.currentIndexChanged.connect(self._show)
        self.on_yes(self._done)
        self._show()

    def _made(self) -> tuple[Expectation, ...]:
        rule, suite, take = str(self.rule.currentData()), self._item.suite, self._take
        accept = tuple(a for a in (p.strip() for p in self.accepted_.text().split(",")) if a)
        wording = Wording(meaning=self.meaning.text().strip(), accept=accept)
        if rule.startswith("copy:"):
            return copy_command(self._model.state, self._item.id, take.id, rule.removeprefix("copy:")).expectations
        if rule == "word":
            return at_each_word(suite, replace(take, expectations=()), self.word.text(), wording)
        return (every if rule == "every" else once)(suite, take, self._samples(), wording)

    def _samples(self) -> int:
        try:
            value = float(self.number.text().replace(",", "."))
        except ValueError:
            value = 0.0
        if not 0 < value < 86_400:
            raise AppError(tr("N is no number of seconds."), "", tr("Write it as 4 or 4.5."))
        return round(value * RATE_HZ)

    def _show(self) -> None:
        rule = str(self.rule.currentData())
        self.form.setRowVisible(self.number, rule in ("every", "once"))
        self.form.setRowVisible(self.word, rule == "word")
        for field in (self.meaning, self.accepted_):
            self.form.setRowVisible(field, not rule.startswith("copy:"))
        self.list.clear()
        try:
            made = self._made()
        except AppError as error:
            self.say_wrong(" ".join(p for p in (error.why or error.what, error.fix) if p))
            self.yes.setEnabled(False)
            return
        self.say_wrong("")
        self.yes.setEnabled(True)
        for value in made:
            due = tr("due {at} s").format(at=seconds(value.t_ref))
            window = tr("window {window} s").format(window=span_text(value.window, 3))
            self.list.addItem(f"{value.id}   {due}   {window}   {value.meaning}")
        now = len(self._take.expectations)
        text = tr("Makes {n} expectations; the {m} there are now are replaced. Ctrl+Z brings them back.")
        self.say(text.format(n=len(made), m=now))

    def _done(self) -> bool:
        return self._model.do(template_command(self._item.id, self._take.id, self._made()))

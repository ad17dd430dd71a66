"""Choose where an item is tried (Shift+T), and who judges the meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLineEdit, QListWidget, QListWidgetItem

from tmlapp.core.errors import AppError
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tmlapp.ui.items.workspace import ItemsWorkspace
    from tmlapp.ui.services import EndpointFacts

_ADDRESS = Qt.ItemDataRole.UserRole
JUDGES = [("rules (accepted and rejected wordings)", "rules"), ("nobody: timing only", "none")]


def check_judge(address: str) -> None:
    """Nothing, if `address` names a judge that can be asked from the window.

    Raises:
        AppError: it names none; a person in a terminal cannot be asked here either.
    """
    from tmlapp.bench.judges.base import close_of
    from tmlapp.bench.judges.panel import Surroundings, judge_from_address

    if not address:
        raise AppError(tr("No judge is named."), "", tr("Choose one, or “nobody: timing only”."))
    # Files of verdicts are read when they are asked for: which form they have depends on the item's suite.
    close_of(judge_from_address(tuple(address.split()), Surroundings(verdicts=lambda _path: ())))()


class TryDialog(FormDialog):
    """Endpoints to tick; those that send the sound away ask for agreement first."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page, page.theme, name="try", title=tr("Try on"), yes=tr("Try it"))
        self._page, self._trying = page, page.trying
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Endpoints"))
        self.list.setMinimumHeight(page.theme.px(120))
        self.body.addWidget(self.list)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("another address, e.g. scripted:FILE.json"))
        self.field.setAccessibleName(tr("Address of an endpoint"))
        self.field.returnPressed.connect(self._add_written)
        self.body.addWidget(self.field)
        self.judge = self.choice(tr("&Meaning judged by"), JUDGES, self._trying.judge, editable=True)
        self.agree = QCheckBox()
        self.agree.hide()
        self.body.addWidget(self.agree)
        known = [*self._trying.endpoints, page.host.settings.endpoint, *(r.endpoint for r in self._trying.rows())]
        for address in dict.fromkeys(known):
            self._add(address, address in self._trying.endpoints)
        self.list.itemChanged.connect(lambda _item: self._show())
        self.agree.clicked.connect(lambda: self._show())
        self.on_yes(self._done)
        self._ask_facts()
        self._show()

    def chosen(self) -> tuple[str, ...]:
        """Addresses that are ticked."""
        rows = (self.list.item(i) for i in range(self.list.count()))
        return tuple(str(r.data(_ADDRESS)) for r in rows if r.checkState() == Qt.CheckState.Checked)

    def _add(self, address: str, on: bool) -> None:
        row = QListWidgetItem(address)
        row.setData(_ADDRESS, address)
        row.setFlags(row.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        row.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.list.addItem(row)

    def _add_written(self) -> None:
        address = self.field.text().strip()
        self.field.clear()
        if address and address not in [self.list.item(i).data(_ADDRESS) for i in range(self.list.count())]:
            self._add(address, True)
            self._ask_facts()
        self._show()

    def _ask_facts(self) -> None:
        """Where each of them computes is asked aside."""
        page = self._page
        every = [str(self.list.item(i).data(_ADDRESS)) for i in range(self.list.count())]
        unknown = tuple(e for e in every if e not in self._trying.facts)
        if unknown:
            page.host.work(
                lambda: page.services.endpoint_facts(unknown, page.host.settings),
                self._have,
                lambda error: self.say_wrong(f"{error.what} {error.why} {error.fix}"),
            )

    def _have(self, facts: Mapping[str, EndpointFacts]) -> None:
        self._trying.facts |= facts
        try:
            self._show()
        except RuntimeError:
            return  # The dialog was closed meanwhile.

    def _hosts(self) -> list[str]:
        facts = self._trying.facts
        found = [f.host for e in self.chosen() if (f := facts.get(e)) is not None and f.host]
        return [h for h in dict.fromkeys(found) if h not in self._trying.agreed]

    def _show(self) -> None:
        for i in range(self.list.count()):
            row = self.list.item(i)
            address = str(row.data(_ADDRESS))
            facts = self._trying.facts.get(address)
            where = "" if facts is None else tr("on this machine") if not facts.host else tr("sends to {host}")
            row.setText("   ".join(p for p in (address, where.format(host=facts.host if facts else "")) if p))
        hosts = self._hosts()
        self.agree.setVisible(bool(hosts))
        self.agree.setText(tr("The take may be sent to {hosts}").format(hosts=", ".join(hosts)))
        self.yes.setEnabled(bool(self.chosen()) and (not hosts or self.agree.isChecked()))

    def _done(self) -> bool:
        if self.field.text().strip():
            self._add_written()
            return False
        written = self.judge.currentText().strip()
        judge = dict(JUDGES).get(written, written)
        check_judge(judge)
        self._trying.agreed |= set(self._hosts())
        self._trying.choose(self.chosen(), judge)
        self._trying.start()
        return True

"""Dialogs about a set and about an item's members."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.commands_items import RenameItem, SetField, SetItemField
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Suite, new_item_id
from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.forms import FormDialog
from tmlapp.ui.items.model import ItemsModel
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

SUITES = [("CueSpeak", "cuespeak"), ("TimeSpeak", "timespeak")]
LICENCES = ["CC-BY-4.0", "CC0-1.0", "CC-BY-SA-4.0", "proprietary"]


def folder_name(name: str) -> str:
    """A name that may stand in every file system."""
    plain = re.sub(r"[^\w.-]+", "-", name.strip().casefold(), flags=re.UNICODE).strip("-.")
    return plain[:80]


class NewSetDialog(FormDialog):
    """Name, suite, folder, licence, author of a set that begins."""

    def __init__(
        self, parent: QWidget, theme: Theme, home: Path, make: Callable[[Path, dict[str, str]], object]
    ) -> None:
        super().__init__(parent, theme, name="new-set", title=tr("New set"), yes=tr("Make it"))
        self._home, self._make = home, make
        self.name = self.line(tr("&Name"), hint=tr("e.g. codeswitch set"))
        self.suite = self.choice(tr("&Suite"), SUITES, "cuespeak")
        self.licence = self.choice(tr("&Licence"), [(x, x) for x in LICENCES], "CC-BY-4.0", editable=True)
        self.author = self.line(tr("&Author"), hint=tr("who publishes it"))
        self.folder = QLineEdit(str(home))
        self.folder.setAccessibleName(tr("Folder"))
        browse = KeyButton(theme, tr("Choose…"))
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        label = QLabel(tr("&Folder"))
        label.setBuddy(self.folder)
        self.form.addRow(label, row)
        self.name.textChanged.connect(self._suggest)
        self.on_yes(self._done)
        self.name.setFocus()

    def _suggest(self, name: str) -> None:
        self.say_wrong("")
        self.folder.setText(str(self._home / folder_name(name)))

    def _browse(self) -> None:
        dialog = QFileDialog(self, tr("Folder of the set"), str(self._home.parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    def _done(self) -> bool:
        name = self.name.text().strip()
        folder = Path(self.folder.text()).expanduser()
        if not name or folder == self._home:
            self.say_wrong(tr("Give the set a name."))
            return False
        if (folder / "set.json").exists():
            self.say_wrong(tr("There is a set in this folder already: open it, or choose another folder."))
            return False
        fields = {
            "name": name,
            "suite": str(self.suite.currentData()),
            "version": "1.0.0",
            "licence": self.licence.currentText().strip(),
            "author": self.author.text().strip(),
        }
        self._make(folder, fields)
        return True


class SetDialog(FormDialog):
    """What an export says about the set."""

    def __init__(self, parent: QWidget, theme: Theme, model: ItemsModel) -> None:
        super().__init__(parent, theme, name="set-details", title=tr("About the set"), yes=tr("Take it"))
        self._model = model
        state = model.state
        self.name = self.line(tr("&Name"), state.name)
        self.suite = self.choice(tr("&Suite of new items"), SUITES, state.suite)
        self.version = self.line(tr("&Version"), state.version, "1.0.0")
        self.licence = self.choice(tr("&Licence"), [(x, x) for x in LICENCES], state.licence, editable=True)
        self.licence.setEditText(state.licence)
        self.author = self.line(tr("&Author"), state.author)
        self.description = _area(self, tr("&Description"), state.description)
        self.changelog = _area(self, tr("&Changelog"), state.changelog)
        self.on_yes(self._done)

    def _done(self) -> bool:
        fresh = {
            "name": self.name.text().strip(),
            "suite": str(self.suite.currentData()),
            "version": self.version.text().strip(),
            "licence": self.licence.currentText().strip(),
            "author": self.author.text().strip(),
            "description": self.description.toPlainText().strip(),
            "changelog": self.changelog.toPlainText().strip(),
        }
        state = self._model.state
        wanted = [SetField(k, v) for k, v in fresh.items() if v != getattr(state, k)]  # type: ignore[arg-type]
        return not wanted or self._model.do(*wanted, label=tr("describe the set"))


class NewItemDialog(FormDialog):
    """Suite, id, category, language and instruction of an item that begins."""

    def __init__(self, parent: QWidget, theme: Theme, state: ItemSet, add: Callable[[ItemDraft], bool]) -> None:
        super().__init__(parent, theme, name="new-item", title=tr("New item"), yes=tr("Add it"))
        self._state, self._add = state, add
        last = state.items[-1] if state.items else None
        self.suite = self.choice(tr("&Suite"), SUITES, state.suite)
        self.id = self.line(tr("&Id"), new_item_id(state, state.suite))
        self.category = self.line(tr("&Category"), last.category if last else "", "interval, codeswitch, …")
        self.lang = self.line(tr("&Language"), last.lang if last else "en", "en, de, pt-BR, …")
        self.instruction = self.line(tr("I&nstruction"), last.instruction if last else "", tr("what the user asks for"))
        self.suite.currentIndexChanged.connect(self._other_suite)
        self.on_yes(self._done)
        self.instruction.setFocus()
        self.instruction.selectAll()

    def _other_suite(self) -> None:
        suite: Suite = self.suite.currentData()
        self.id.setText(new_item_id(self._state, suite))

    def _done(self) -> bool:
        from datetime import UTC, datetime

        name = self.id.text().strip()
        if any(i.id == name for i in self._state.items):
            self.say_wrong(tr("There is an item {id} already.").format(id=name))
            return False
        if not re.fullmatch(r"[a-z0-9-]+", name):
            self.say_wrong(tr("An id has only a-z, 0-9 and -."))
            return False
        item = ItemDraft(
            id=name,
            suite=self.suite.currentData(),
            category=self.category.text().strip(),
            lang=self.lang.text().strip(),
            instruction=self.instruction.text().strip(),
            author=self._state.author,
            licence=self._state.licence,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return self._add(item)


class ItemDialog(FormDialog):
    """The members of an item that the script card does not show."""

    def __init__(self, parent: QWidget, theme: Theme, model: ItemsModel) -> None:
        super().__init__(parent, theme, name="item-details", title=tr("Item details"), yes=tr("Take it"))
        item = model.item
        assert item is not None
        self._model, self._item = model, item
        self.id = self.line(tr("&Id"), item.id)
        self.suite = self.choice(tr("&Suite"), SUITES, item.suite)
        self.category = self.line(tr("&Category"), item.category)
        self.lang = self.line(tr("&Language"), item.lang)
        self.author = self.line(tr("&Author"), item.author)
        self.licence = self.choice(tr("Li&cence"), [(x, x) for x in LICENCES], item.licence, editable=True)
        self.licence.setEditText(item.licence)
        self.notes = _area(self, tr("&Notes"), item.notes)
        self.on_yes(self._done)

    def _done(self) -> bool:
        item = self._item
        fresh = {
            "suite": str(self.suite.currentData()),
            "category": self.category.text().strip(),
            "lang": self.lang.text().strip(),
            "author": self.author.text().strip(),
            "licence": self.licence.currentText().strip(),
            "notes": self.notes.toPlainText().strip(),
        }
        wanted: list[Command] = [
            SetItemField(item.id, k, v)  # type: ignore[arg-type]
            for k, v in fresh.items()
            if v != getattr(item, k)
        ]
        name = self.id.text().strip()
        if name != item.id:
            if any(i.id == name for i in self._model.state.items):
                raise AppError(tr("The id is taken."), tr("Another item has it."), tr("Choose another id."))
            wanted.append(RenameItem(item.id, name))
        if not wanted:
            return True
        done = self._model.do(*wanted, label=tr("change the item"))
        if done and name != item.id:
            self._model.choose_item(name)
        return done


def _area(dialog: FormDialog, title: str, text: str) -> QPlainTextEdit:
    area = QPlainTextEdit(text)
    area.setTabChangesFocus(True)
    area.setMaximumHeight(dialog.theme.px(90))
    area.setAccessibleName(title.replace("&", ""))
    label = QLabel(title)
    label.setBuddy(area)
    dialog.form.addRow(label, area)
    return area

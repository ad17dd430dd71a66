"""The right side of the profiles dialog: everything about one profile, with what is wrong beside each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Dialect
from tmlapp.endpoints.remote.target import host_of
from tmlapp.ui.endpoints.area import TallArea
from tmlapp.ui.endpoints.fields import Field, KeyField, OptionField
from tmlapp.ui.endpoints.profile_draft import Draft, problems_of
from tmlapp.ui.items.parts import heading, words
from tmlapp.ui.settings_dialog import Choice
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


class ProfileForm(TallArea):
    """Shows a draft and reads it back.

    Signals:
        edited: something was changed by the person.
        key_wanted: whether the key ring holds a key must be asked for.
    """

    edited = Signal()
    key_wanted = Signal()

    def __init__(self, theme: Theme, kinds: Mapping[str, Dialect]) -> None:
        super().__init__()
        self._theme, self._kinds = theme, kinds
        self._draft = Draft(name="", kind="")
        self._taken: set[str] = set()
        self._options: list[OptionField] = []
        self._option_values: dict[str, str] = {}
        self._filling = False
        self._touched = False
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setObjectName("scrolled")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 10, 0)
        self._column.setSpacing(10)
        self._build()
        self.setWidget(inside)

    def _build(self) -> None:
        form = self._form()
        self.name = QLineEdit()
        self.kind = Choice(self._theme)
        for key, dialect in self._kinds.items():
            mark = tr("  (experimental)") if dialect.experimental else ""
            self.kind.addItem(f"{dialect.title}{mark}", key)
        self.url, self.model = QLineEdit(), QLineEdit()
        self.voice = Choice(self._theme)
        self.voice.setEditable(True)
        self.voice.setInsertPolicy(Choice.InsertPolicy.NoInsert)
        self.key = KeyField(self._theme)
        self.fields = {
            "name": Field(tr("&Name"), self.name, tr("Sessions use it as profile:NAME.")).put_in(form, self._theme),
            "kind": Field(tr("&Kind"), self.kind).put_in(form, self._theme),
            "url": Field(tr("&URL"), self.url).put_in(form, self._theme),
            "model": Field(tr("&Model"), self.model).put_in(form, self._theme),
            "voice": Field(tr("&Voice"), self.voice).put_in(form, self._theme),
            "key": Field(tr("Ke&y"), self.key).put_in(form, self._theme),
        }
        self._column.addLayout(form)
        self.options_head = heading(tr("Options"))
        self._column.addWidget(self.options_head)
        self._option_form = self._form()
        self._column.addLayout(self._option_form)
        self.about = words("small")
        self._column.addWidget(self.about)
        self._column.addStretch(1)
        for box in (self.name, self.url, self.model):
            box.textEdited.connect(lambda _text: self._on_edited())
        self.voice.editTextChanged.connect(lambda _text: self._on_edited())
        self.kind.currentIndexChanged.connect(lambda _i: self._on_kind())
        self.key.changed.connect(self._on_key)

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(9)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        return form

    # ------------------------------------------------------------------ showing and reading

    def show_draft(self, draft: Draft, taken: set[str]) -> None:
        """Fill the fields; `taken` are the names of the other profiles."""
        self._filling, self._draft, self._taken, self._touched = True, draft, taken, False
        self.name.setText(draft.name)
        at = self.kind.findData(draft.kind)
        if at < 0 and draft.kind:
            self.kind.addItem(draft.kind, draft.kind)
            at = self.kind.count() - 1
        self.kind.setCurrentIndex(at)
        self.url.setText(draft.url)
        self.model.setText(draft.model)
        self._option_values = dict(draft.options)
        self._show_kind()
        self.voice.setEditText(draft.voice)
        self.key.show_key(draft.key, self._variable())
        self.key.show_kept(bool(draft.key_of))
        self._filling = False
        self._check()
        self.verticalScrollBar().setValue(0)
        if draft.key == "keyring":
            self.key_wanted.emit()

    def draft(self) -> Draft:
        """What stands in the fields now."""
        kind = str(self.kind.currentData() or "")
        shown = {o.option.name: o.value() for o in self._options}
        known = {**self._option_values, **shown} if kind not in self._kinds else shown
        return replace(
            self._draft,
            name=self.name.text().strip(),
            kind=kind,
            url=self.url.text().strip(),
            model=self.model.text().strip(),
            voice=self.voice.currentText().strip(),
            options={name: value for name, value in known.items() if value},
            key=self.key.value(),
        )

    def typed_key(self) -> Secret | None:
        """A key that was typed now."""
        return self.key.typed()

    @property
    def dirty(self) -> bool:
        """There is something that would be lost."""
        if self._draft.before is None:
            return self._touched
        return self.draft().changed or self.typed_key() is not None

    def problems(self) -> dict[str, str]:
        """What is wrong now, by field."""
        draft = self.draft()
        typed = self.typed_key() is not None
        return problems_of(draft, self._kinds.get(draft.kind), self._taken, key_typed=typed)

    def dialect(self) -> Dialect | None:
        return self._kinds.get(str(self.kind.currentData() or ""))

    # ------------------------------------------------------------------ what is said beside the fields

    def say_key(self, kept: bool | None, trouble: str = "") -> None:
        """What the key ring answered: it holds a key, none, or has a trouble."""
        if self.key.value() != "keyring":
            return
        self.key.show_kept(bool(kept))
        words_ = {
            True: tr("✓ A key is kept in the key ring. It is not shown again."),
            False: tr("There is none in the key ring yet: paste it once, it is not shown again."),
            None: tr("Asking the key ring …"),
        }
        self.fields["key"].say("" if trouble else words_[kept])
        if trouble:
            self.fields["key"].say_wrong(trouble)

    def show_problems(self) -> None:
        """Say what is wrong, and put the cursor into the first field of it."""
        self._check()
        found = self.problems()
        fields = {**self.fields, **{f"option:{o.option.name}": o for o in self._options}}
        for name, field in fields.items():
            if name in found:
                field.setFocus(Qt.FocusReason.OtherFocusReason)
                self.ensureWidgetVisible(field)
                return

    def host(self) -> str:
        """Where it would be reached, as far as that can be said."""
        dialect = self.dialect()
        url = self.url.text().strip() or (dialect.default_url if dialect is not None else "")
        return host_of(url) if url else ""

    def touch(self) -> None:
        """The person has begun to work on it."""
        self._touched = True

    def _check(self) -> None:
        found = self.problems()
        new = self._draft.before is None and not self._touched
        for name, field in self.fields.items():
            # In a new profile nothing is wrong before anything was written.
            field.say_wrong("" if new and name != "kind" else found.get(name, ""))
        for option in self._options:
            option.say_wrong(found.get(f"option:{option.option.name}", ""))
        if self.key.value() != "keyring":
            self.fields["key"].say(self.key.state())

    def _show_kind(self) -> None:
        dialect = self.dialect()
        url, model = (dialect.default_url, dialect.default_model) if dialect is not None else ("", "")
        self.url.setPlaceholderText(url or "wss://…")
        self.model.setPlaceholderText(model)
        self.voice.blockSignals(True)
        kept = self.voice.currentText()
        self.voice.clear()
        self.voice.addItems(["", *(dialect.voices if dialect is not None else ())])
        self.voice.setEditText(kept)
        self.voice.blockSignals(False)
        self.fields["url"].say(tr("Empty for {url}.").format(url=url) if url else "")
        self.fields["model"].say(tr("Empty for {model}.").format(model=model) if model else "")
        self.fields["voice"].say(tr("Empty for the model's own."))
        self.fields["kind"].say(_kind_text(dialect))
        self._fill_options(dialect)
        self.about.setText(_about(dialect))

    def _fill_options(self, dialect: Dialect | None) -> None:
        while self._option_form.rowCount():
            self._option_form.removeRow(0)
        values = self._option_values
        options = dialect.options if dialect is not None else ()
        self._options = [OptionField(o, self._theme, values.get(o.name, ""), self._on_edited) for o in options]
        for field in self._options:
            field.put_in(self._option_form, self._theme)
        self.options_head.setVisible(bool(self._options))

    def _variable(self) -> str:
        dialect = self.dialect()
        return dialect.key_variable if dialect is not None else ""

    def _on_kind(self) -> None:
        if not self._filling:
            self._option_values = {o.option.name: o.value() for o in self._options}
            self._show_kind()
            if not self.key.variable.text():
                self.key.variable.setText(self._variable())
            self._on_edited()

    def _on_key(self) -> None:
        if self.key.value() == "keyring" and self.key.typed() is None and not self._filling:
            self.key_wanted.emit()
        self._on_edited()

    def _on_edited(self) -> None:
        if not self._filling:
            self._touched = True
            self._check()
            self.edited.emit()


def _kind_text(dialect: Dialect | None) -> str:
    if dialect is None:
        return ""
    text = tr("Gets {what}.").format(what=dialect.sends)
    return f"{text} {tr('▲ Experimental: {why}').format(why=dialect.experimental)}" if dialect.experimental else text


def _about(dialect: Dialect | None) -> str:
    if dialect is None:
        return ""
    return tr("How to get access, what works and what not: docs/endpoints/{page}.md").format(page=dialect.page)

"""Endpoints (Ctrl+Shift+E): the ways to reach a remote model; add, change, duplicate, remove, test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tmlapp.config.profiles import EndpointProfile, load_profiles
from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.endpoints.registry import dialects
from tmlapp.ui.endpoints.aside import Aside
from tmlapp.ui.endpoints.profile_draft import Draft, copy_of, draft_of, keep, key_is_kept, new_draft, remove
from tmlapp.ui.endpoints.profile_form import ProfileForm
from tmlapp.ui.endpoints.profile_questions import ask_drop, ask_remove
from tmlapp.ui.endpoints.sheet import endpoint_sheet
from tmlapp.ui.endpoints.trial_panel import TrialPanel, TrialServices
from tmlapp.ui.endpoints.two_lines import SECOND, TwoLines
from tmlapp.ui.items.parts import words
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme

_TRIAL_SHARE = 0.44
_NAME = Qt.ItemDataRole.UserRole


class ProfilesDialog(QDialog):
    """Profiles at the left, the chosen one at the right, its test below.

    Signals:
        used: the address of the profile that the person wants to meet now.
    """

    used = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        settings: Settings,
        *,
        chosen: str = "",
        services: TrialServices | None = None,
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self.can_use = True
        self._kinds = dialects()
        self._profiles: list[EndpointProfile] = []
        self._shown: Draft | None = None
        self._saving = False
        self._then: Callable[[], object] | None = None
        self.aside = Aside(self)
        self.setObjectName("profiles-dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Endpoints"))
        self.setAccessibleName(tr("Endpoints"))
        self.setStyleSheet(endpoint_sheet(theme))
        self.list = QListWidget()
        self.list.setObjectName("profiles")
        self.list.setAccessibleName(tr("Profiles"))
        self.list.setItemDelegate(TwoLines(theme, self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.form = ProfileForm(theme, self._kinds)
        self.trial = TrialPanel(theme, settings, self.aside, services or TrialServices())
        self.wrong = words("bad")
        self.wrong.hide()
        self._arrange()
        self._connect()
        self._read(chosen)
        room = parent.size()
        self.resize(min(theme.px(960), room.width() - 60), min(theme.px(700), room.height() - 50))

    # ------------------------------------------------------------------ parts

    def _arrange(self) -> None:
        self.add, self.copy, self.remove_ = QPushButton(tr("&Add")), QPushButton(tr("&Duplicate")), QPushButton("")
        self.remove_.setText(tr("&Remove…"))
        self.menu = QMenu(self)
        for key, dialect in self._kinds.items():
            mark = tr("  (experimental)") if dialect.experimental else ""
            self.menu.addAction(f"{dialect.title}{mark}").triggered.connect(partial(self.begin, key))
        self.add.setMenu(self.menu)
        self.save, self.test = QPushButton(tr("&Save")), QPushButton(tr("&Test"))
        self.use, self.close_ = QPushButton(tr("Use in &Live")), QPushButton(tr("Close"))
        for button in (self.add, self.copy, self.remove_, self.test, self.use, self.close_):
            button.setAutoDefault(False)
        self.save.setDefault(True)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.list, 1)
        left.addWidget(self.add)
        tools = QHBoxLayout()
        tools.setSpacing(6)
        for button in (self.copy, self.remove_):
            button.setStyleSheet("padding: 0 6px; min-width: 0;")
            tools.addWidget(button, 1)
        left.addLayout(tools)
        self.empty = QLabel(
            tr("A profile says how a remote model is reached. Add one at the left: choose its protocol.")
        )
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addWidget(self.form, 3)
        right.addWidget(self.empty, 3)
        right.addWidget(self.trial, 2)
        right.addWidget(self.wrong)
        ends = QHBoxLayout()
        ends.setSpacing(8)
        self.state = words("small")
        ends.addWidget(self.state, 1)
        for button in (self.close_, self.use, self.test, self.save):
            ends.addWidget(button)
        right.addLayout(ends)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 18, 20, 16)
        row.setSpacing(20)
        side = QWidget()
        side.setLayout(left)
        left.setContentsMargins(0, 0, 0, 0)
        side.setFixedWidth(min(self.theme.px(290), 360))
        row.addWidget(side)
        row.addLayout(right, 1)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_chosen)
        self.form.edited.connect(self._update)
        self.form.key_wanted.connect(self._ask_key_ring)
        self.trial.ended.connect(self._update)
        self.copy.clicked.connect(self.duplicate)
        self.remove_.clicked.connect(self.ask_remove)
        self.save.clicked.connect(lambda: self.keep())
        self.test.clicked.connect(self.try_out)
        self.use.clicked.connect(self.use_now)
        self.close_.clicked.connect(self.reject)

    # ------------------------------------------------------------------ what a person does

    def begin(self, kind: str) -> None:
        """Add: a new profile of the protocol `kind`."""
        self._unless_lost(lambda: self._open(new_draft(self._kinds[kind], self._names())))

    def duplicate(self) -> None:
        """A new profile like the stored one that is chosen."""
        before = self._shown.before if self._shown is not None else None
        if before is not None:
            self._unless_lost(lambda: self._open(copy_of(before, self._names())))

    def ask_remove(self) -> None:
        """Remove the chosen profile, after a question; a new one is just dropped."""
        shown = self._shown
        if shown is None:
            return
        profile = shown.before
        if profile is None:
            self._read("")
            return
        ask_remove(self, profile, lambda: self._remove(profile))

    def keep(self, then: Callable[[], object] | None = None) -> None:
        """Save what stands in the fields, then do `then`."""
        draft, key = self.form.draft(), self.form.typed_key()
        self.form.touch()
        problems = self.form.problems()
        if self._saving or self._shown is None:
            return
        if problems:
            self.form.show_problems()
            return
        if not self.form.dirty and draft.before is not None:
            if then is not None:
                then()
            return
        self._saving = True
        self._say_wrong(None)
        self.state.setText(tr("Saving …"))
        self._update()

        def kept(profile: EndpointProfile) -> None:
            self._saving = False
            self._read(profile.name)
            self.state.setText(tr("✓ Saved."))
            if then is not None:
                then()

        def failed(error: AppError) -> None:
            self._saving = False
            self.state.setText("")
            self._say_wrong(error)
            self._update()

        self.aside.run(lambda: keep(draft, key), kept, failed)

    def try_out(self) -> None:
        """Test the chosen profile; what was changed is saved first."""
        self.keep(then=self._try)

    def use_now(self) -> None:
        """Meet this model in Live."""
        self.keep(then=self._use)

    def reject(self) -> None:
        """Esc or Close: the test first, then the dialog; what was not saved is asked about."""
        if self.trial.running:
            self.trial.cancel()
            return
        self._unless_lost(self._leave)

    def shut(self) -> None:
        """The window closes: nothing comes back any more."""
        self.trial.cancel()
        self.aside.shut()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.trial.setFixedHeight(round(event.size().height() * _TRIAL_SHARE))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Delete and self.list.hasFocus():
            self.ask_remove()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------------ helpers

    def _leave(self) -> None:
        self.shut()
        super().reject()

    def _use(self) -> None:
        if self._shown is not None and self._shown.before is not None:
            self.used.emit(self._shown.before.address)
            self._leave()

    def _try(self) -> None:
        if self._shown is not None and self._shown.before is not None:
            self.trial.run(self._shown.before.address)
            self._update()

    def _remove(self, profile: EndpointProfile) -> None:
        row = self.list.currentRow()

        def gone(_nothing: object) -> None:
            names = [p.name for p in self._profiles if p.name != profile.name]
            self._read(names[min(row, len(names) - 1)] if names else "")
            self.state.setText(tr("“{name}” was removed.").format(name=profile.name))

        def failed(error: AppError) -> None:
            self._read(profile.name)
            self._say_wrong(error)

        self.aside.run(lambda: remove(profile), gone, failed)

    def _unless_lost(self, do: Callable[[], object]) -> None:
        """Do it now, or after the person agreed to lose what was not saved."""
        if self._shown is None or not self.form.dirty:
            do()
            return
        ask_drop(self, self.form.name.text() or tr("the profile"), do)

    def _names(self) -> set[str]:
        return {p.name for p in self._profiles}

    def _read(self, chosen: str) -> None:
        """Read the profiles again and choose one."""
        self._say_wrong(None)
        try:
            self._profiles = load_profiles()
        except AppError as error:
            self._profiles = []
            self._say_wrong(error)
        self.list.blockSignals(True)
        self.list.clear()
        for profile in self._profiles:
            self.list.addItem(self._item(draft_of(profile)))
        at = next((i for i, p in enumerate(self._profiles) if p.name == chosen), 0)
        self.list.setCurrentRow(at if self._profiles else -1)
        self.list.blockSignals(False)
        self._show(draft_of(self._profiles[at]) if self._profiles else None)

    def _item(self, draft: Draft) -> QListWidgetItem:
        dialect = self._kinds.get(draft.kind)
        title = dialect.title if dialect is not None else draft.kind
        second = title if draft.before is not None else tr("{title}, not saved yet").format(title=title)
        item = QListWidgetItem(draft.name)
        item.setData(SECOND, second)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{draft.name}, {second}")
        item.setData(_NAME, draft.name if draft.before is not None else "")
        item.setToolTip(f"profile:{draft.name}" if draft.before is not None else second)
        return item

    def _open(self, draft: Draft) -> None:
        """Show a new profile, at the end of the list."""
        self._read("")
        self.list.blockSignals(True)
        self.list.addItem(self._item(draft))
        self.list.setCurrentRow(self.list.count() - 1)
        self.list.blockSignals(False)
        self._show(draft)
        self.form.name.setFocus(Qt.FocusReason.OtherFocusReason)
        self.form.name.selectAll()

    def _show(self, draft: Draft | None) -> None:
        self._shown = draft
        self.trial.clear()
        self.state.setText("")
        self.form.setVisible(draft is not None)
        self.empty.setVisible(draft is None)
        if draft is not None:
            own = draft.before.name if draft.before is not None else ""
            self.form.show_draft(draft, self._names() - {own})
        self._update()

    def _on_chosen(self, now: QListWidgetItem | None, before: QListWidgetItem | None) -> None:
        if now is None:
            return
        name = str(now.data(_NAME))

        def go() -> None:
            self._read(name)

        if self._shown is not None and self.form.dirty and before is not None:
            self.list.blockSignals(True)
            self.list.setCurrentItem(before)
            self.list.blockSignals(False)
            self._unless_lost(go)
            return
        profile = next((p for p in self._profiles if p.name == name), None)
        if profile is not None:
            if self._shown is not None and self._shown.before is None:
                go()
            else:
                self._show(draft_of(profile))

    def _ask_key_ring(self) -> None:
        shown = self._shown
        if shown is None or not shown.key_of:
            self.form.say_key(False)
            return
        self.form.say_key(None)
        name = shown.key_of

        def still() -> bool:
            return self._shown is shown

        self.aside.run(
            lambda: key_is_kept(name),
            lambda kept: self.form.say_key(kept) if still() else None,
            lambda error: self.form.say_key(False, f"{error.what} {error.fix}") if still() else None,
        )

    def _say_wrong(self, error: AppError | None) -> None:
        self.wrong.setText("" if error is None else f"✕ {error.what} {error.why} {error.fix}")
        self.wrong.setVisible(error is not None)

    def _update(self) -> None:
        there = self._shown is not None
        stored = there and self._shown is not None and self._shown.before is not None
        dirty = there and (self.form.dirty or not stored)
        free = there and not self._saving
        self.save.setEnabled(free and dirty)
        self.test.setText(tr("Save and &test") if dirty else tr("&Test"))
        self.test.setEnabled(free and not self.trial.running)
        self.use.setText(tr("Save and use in &Live") if dirty else tr("Use in &Live"))
        self.use.setEnabled(free and self.can_use)
        self.copy.setEnabled(stored and not self._saving)
        self.remove_.setEnabled(free)
        host = self.form.host() if there else ""
        self.test.setToolTip(
            tr("Sends one sentence in the app's own voice to {host}, nothing of yours").format(host=host or tr("it"))
        )

"""A person keeps ways to reach a model: in the dialog, with the keyboard, and with key rings that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring
import numpy as np
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QLineEdit, QMessageBox, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.remote_fake import granted
from tmlapp.config.profiles import EndpointProfile, load_profiles, profiles_path, save_profiles
from tmlapp.config.secrets import SERVICE
from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.core.media import AudioClip
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Dialect, Option
from tmlapp.live.try_endpoint import Trial
from tmlapp.ui.endpoints import profiles_dialog
from tmlapp.ui.endpoints.profile_draft import Draft, draft_of, keep, new_draft, problems_of
from tmlapp.ui.endpoints.profiles_dialog import ProfilesDialog
from tmlapp.ui.endpoints.trial_panel import TrialServices
from tmlapp.ui.settings_dialog import Choice
from tmlapp.ui.theme import load_theme

pytestmark = pytest.mark.qt

MARKER = "sk-marker-that-nobody-may-see-7781"


def never(*_: Any) -> Any:
    raise AssertionError("not here")


LAB = Dialect(
    kind="lab_omni", title="Lab Omni", page="lab", request=never, codec=never, key_variable="LAB_KEY",
    default_model="omni", voices=("calm", "bright"), experimental="nobody has met it yet",
    options=(
        Option(name="cadence_ms", help="How often it answers.", default="200", kind="number"),
        Option(name="mode", help="Who decides.", default="native", kind="choice", choices=("native", "turns")),
        Option(name="captions", help="Words too.", default="on", kind="flag"),
        Option(name="sampling", help="As the service takes it.", kind="json"),
        Option(name="region", help="Where it runs."),
    ),
)  # fmt: skip
CLOUD = Dialect(
    kind="cloud", title="Cloud", page="cloud", request=never, codec=never, default_url="wss://cloud.example.org/live",
    key_variable="CLOUD_KEY", key_required=True,
)  # fmt: skip


class Ring(KeyringBackend):
    """A key ring in memory, which can be locked, or wait for somebody."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}
        self.locked = self.broken = False
        self.gate = threading.Event()
        self.gate.set()

    def get_password(self, service: str, username: str) -> str | None:
        self._open(service)
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open(service)
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open(service)
        self.kept.pop(username, None)

    def _open(self, service: str) -> None:
        assert service == SERVICE
        self.gate.wait(20)
        if self.broken:
            raise ValueError(f"odd back end: {MARKER}")
        if self.locked:
            raise KeyringLocked(f"locked, and {MARKER}")


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, own = keyring.get_keyring(), Ring()
    keyring.set_keyring(own)
    yield own
    own.gate.set()
    keyring.set_keyring(before)


class Clerk:
    """Whoever sits before the dialog."""

    def __init__(self, qtbot: QtBot, dialog: ProfilesDialog) -> None:
        self.qtbot, self.dialog = qtbot, dialog
        self.form, self.trial = dialog.form, dialog.trial

    def sees(self, what: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(what, timeout=20_000)

    def writes(self, box: QLineEdit, text: str) -> None:
        box.setFocus()
        box.selectAll()
        self.qtbot.keyClick(box, Qt.Key.Key_Delete)
        self.qtbot.keyClicks(box, text)

    def names(self) -> list[str]:
        return [self.dialog.list.item(i).text() for i in range(self.dialog.list.count())]

    def wrong(self, field: str) -> str:
        label = self.form.fields[field].wrong
        return "" if label.isHidden() else label.text()

    def everything(self) -> str:
        """All texts that are anywhere in the dialog."""
        parts: list[str] = []
        for widget in self.dialog.findChildren(QWidget):
            parts += [widget.accessibleName(), widget.accessibleDescription(), widget.toolTip()]
            if isinstance(widget, QLabel):
                parts.append(widget.text())
            elif isinstance(widget, QLineEdit):
                parts += [widget.displayText(), widget.placeholderText()]
        return "\n".join(parts)

    def answers(self, yes: str) -> None:
        box = self.dialog.findChild(QMessageBox)
        assert box is not None
        next(b for b in box.buttons() if b.text() == yes).click()

    def question(self) -> QMessageBox | None:
        found = self.dialog.findChild(QMessageBox)
        return found if found is not None and found.isVisible() else None


class FakeTrials:
    """Trials and loudspeaker of a test."""

    def __init__(self, trial: Trial | AppError | None = None) -> None:
        self.trial = trial or Trial(
            address="profile:lab", host="lab.example.org", granted=granted(), connect_ms=41.0, rtt_ms=2.5,
            first_sound_ms=412.0, sent="Hello.", said="Hello to you.", lost_turns=1, errors=("a complaint",),
            sound=AudioClip(np.ones(2400, np.int16), 24_000),
        )  # fmt: skip
        self.asked: list[str] = []
        self.played: list[str] = []
        self.hold: threading.Event | None = None
        self.silent: AppError | None = None

    def try_(self, address: str, _settings: Settings, progress: Callable[[str], None], gone: Callable[[], bool]) -> Any:
        self.asked.append(address)
        progress("waiting in the queue, position 2")
        while self.hold is not None and not self.hold.wait(0.005) and not gone():
            pass
        if isinstance(self.trial, AppError):
            raise self.trial
        return self.trial

    def play(self, _clip: AudioClip, loudspeaker: str, _gone: Callable[[], bool]) -> bool:
        self.played.append(loudspeaker)
        if self.silent is not None:
            raise self.silent
        return True


@pytest.fixture
def trials() -> FakeTrials:
    return FakeTrials()


@pytest.fixture
def open_dialog(
    qtbot: QtBot, ring: Ring, trials: FakeTrials, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Clerk]]:
    monkeypatch.setattr(profiles_dialog, "dialects", lambda: {"lab_omni": LAB, "cloud": CLOUD})
    monkeypatch.setenv("LAB_KEY", "set")
    monkeypatch.delenv("CLOUD_KEY", raising=False)
    parent = QWidget()
    parent.resize(1280, 800)
    qtbot.addWidget(parent)
    opened: list[ProfilesDialog] = []

    def make(*profiles: EndpointProfile, chosen: str = "", settings: Settings | None = None) -> Clerk:
        if profiles:
            save_profiles(list(profiles))
        services = TrialServices(try_=trials.try_, play=trials.play)
        dialog = ProfilesDialog(parent, load_theme("dark"), settings or Settings(), chosen=chosen, services=services)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        opened.append(dialog)
        dialog.show()
        dialog.activateWindow()
        qtbot.waitUntil(dialog.isActiveWindow)
        return Clerk(qtbot, dialog)

    yield make
    for dialog in opened:
        dialog.shut()
        dialog.deleteLater()
    QApplication.processEvents()


def profile(name: str = "lab", **changes: Any) -> EndpointProfile:
    values: dict[str, Any] = {"name": name, "kind": "lab_omni", "url": "ws://127.0.0.1:9", "key": "none"}
    return EndpointProfile(**(values | changes))


# ---------------------------------------------------------------------------------------------- adding and changing


def test_an_empty_list_says_what_to_do(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog()
    assert "Add one" in clerk.dialog.empty.text()
    assert clerk.dialog.empty.isVisible()
    assert not clerk.dialog.save.isEnabled()
    assert not clerk.dialog.test.isEnabled()


@pytest.mark.parametrize(
    ("dialect", "variable", "key"),
    [
        (LAB, "", "none"),
        (LAB, "LAB_KEY", "env:LAB_KEY"),
        (replace(LAB, default_url="wss://lab.example.org"), "", "keyring"),
        (CLOUD, "", "keyring"),
        (CLOUD, "CLOUD_KEY", "env:CLOUD_KEY"),
    ],
)
def test_a_new_profile_asks_for_a_key_only_where_there_probably_is_one(
    dialect: Dialect, variable: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LAB_KEY", "CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, MARKER)
    assert new_draft(dialect, set()).key == key


def test_a_profile_is_added_with_its_key_which_is_never_shown_again(
    open_dialog: Callable[..., Clerk], ring: Ring
) -> None:
    clerk = open_dialog()
    clerk.dialog.begin("cloud")
    assert clerk.form.name.hasFocus()
    assert clerk.form.name.selectedText() == "Cloud"
    clerk.writes(clerk.form.name, "my cloud")
    assert "Paste the key once" in clerk.wrong("key")
    clerk.writes(clerk.form.key.key, MARKER)
    assert clerk.form.key.key.displayText() != MARKER, "a key is dots while it is typed"
    assert clerk.wrong("key") == ""
    clerk.dialog.keep()
    clerk.sees(lambda: "Saved" in clerk.dialog.state.text())
    assert ring.kept == {"my cloud": MARKER}
    assert load_profiles() == [EndpointProfile(name="my cloud", kind="cloud", key="keyring")]
    assert MARKER not in profiles_path().read_text(encoding="utf-8")
    clerk.sees(lambda: "is kept in the key ring" in clerk.form.fields["key"].help.text())
    assert clerk.form.key.key.text() == ""
    assert "•" in clerk.form.key.key.placeholderText()
    assert MARKER not in clerk.everything()


def test_the_environment_is_looked_at_now(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog()
    clerk.dialog.begin("lab_omni")
    assert clerk.form.key.value() == "env:LAB_KEY", "the variable is set: that is where the key is"
    assert "LAB_KEY is set now" in clerk.form.fields["key"].help.text()
    clerk.writes(clerk.form.key.variable, "OTHER_KEY")
    assert "OTHER_KEY is not set" in clerk.form.fields["key"].help.text()
    clerk.writes(clerk.form.key.variable, "2KEY")
    assert "begins with no digit" in clerk.wrong("key")


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_saved(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile(), profile("other"), chosen="lab")
    clerk.writes(clerk.form.name, "other")
    assert "of this name already" in clerk.wrong("name")
    clerk.writes(clerk.form.name, " -")
    assert "1 to 64" in clerk.wrong("name")
    clerk.writes(clerk.form.name, "lab")
    clerk.writes(clerk.form.url, "ws://lab.example.org")
    assert "unencrypted" in clerk.wrong("url")
    clerk.writes(clerk.form.url, f"wss://lab.example.org/?key={MARKER}")
    assert "key" in clerk.wrong("url")
    clerk.writes(clerk.form.url, "")
    assert "no place of its own" in clerk.wrong("url")
    clerk.dialog.keep()
    assert clerk.form.url.hasFocus()
    assert [p.url for p in load_profiles()] == ["ws://127.0.0.1:9"] * 2


def test_every_kind_of_option_has_its_field_and_only_what_differs_is_kept(open_dialog: Callable[..., Clerk]) -> None:
    kept = {"cadence_ms": "400", "mode": "turns", "captions": "off", "sampling": '{"t": 1}', "region": "eu"}
    clerk = open_dialog(profile(options=kept))
    assert clerk.form.draft().options == kept
    number, mode, captions, sampling, region = clerk.form._options
    assert isinstance(number.inner, QLineEdit)
    assert isinstance(mode.inner, Choice)
    assert isinstance(captions.inner, QCheckBox)
    assert isinstance(sampling.inner, QPlainTextEdit)
    assert number.help.text() == "How often it answers."
    clerk.writes(number.inner, "often")
    assert "It is a number" in number.wrong.text()
    sampling.inner.setPlainText("[1")
    assert "JSON object" in sampling.wrong.text()
    number.inner.clear()
    mode.inner.setCurrentIndex(0)
    captions.inner.setChecked(True)
    sampling.inner.clear()
    assert isinstance(region.inner, QLineEdit)
    region.inner.clear()
    assert clerk.form.draft().options == {}


def test_the_kind_brings_its_help_defaults_voices_and_page(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile())
    assert "Experimental: nobody has met it yet" in clerk.form.fields["kind"].help.text()
    assert clerk.form.model.placeholderText() == "omni"
    assert [clerk.form.voice.itemText(i) for i in range(3)] == ["", "calm", "bright"]
    assert "docs/endpoints/lab.md" in clerk.form.about.text()
    clerk.form.kind.setCurrentIndex(clerk.form.kind.findData("cloud"))
    assert clerk.form.url.placeholderText() == "wss://cloud.example.org/live"
    assert clerk.form.options_head.isHidden()
    assert "no use without a key" in clerk.wrong("key")


def test_a_new_name_takes_the_key_along_and_the_place_in_the_list(
    open_dialog: Callable[..., Clerk], ring: Ring
) -> None:
    ring.kept["lab"] = MARKER
    clerk = open_dialog(profile(key="keyring"), profile("other"), chosen="lab")
    clerk.writes(clerk.form.name, "lab 2")
    clerk.dialog.keep()
    clerk.sees(lambda: clerk.names() == ["lab 2", "other"])
    assert ring.kept == {"lab 2": MARKER}


def test_a_copy_has_a_key_of_its_own(open_dialog: Callable[..., Clerk], ring: Ring) -> None:
    ring.kept["lab"] = MARKER
    clerk = open_dialog(profile(key="keyring"))
    clerk.dialog.duplicate()
    assert clerk.form.name.text() == "lab copy"
    clerk.dialog.keep()
    clerk.sees(lambda: "Saved" in clerk.dialog.state.text())
    assert clerk.names() == ["lab", "lab copy"]
    assert ring.kept == {"lab": MARKER, "lab copy": MARKER}


def test_a_key_that_goes_elsewhere_leaves_the_key_ring(ring: Ring) -> None:
    ring.kept["lab"] = MARKER
    stored = profile(key="keyring")
    save_profiles([stored])
    changed = Draft(name="lab", kind="lab_omni", url=stored.url, key="env:LAB_KEY", before=stored, key_of="lab")
    assert keep(changed, None).key == "env:LAB_KEY"
    assert ring.kept == {}


def test_a_name_that_was_taken_meanwhile_is_refused(ring: Ring) -> None:
    save_profiles([profile("a")])
    with pytest.raises(AppError, match="already"):
        keep(Draft(name="a", kind="lab_omni"), None)
    assert load_profiles() == [profile("a")]


def test_a_kind_that_nobody_speaks_any_more_is_kept_as_it_is(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile(kind="gone", options={"a": "1"}))
    assert "Nothing here speaks “gone”" in clerk.wrong("kind")
    assert clerk.form.draft().options == {"a": "1"}
    assert not clerk.form.dirty
    assert problems_of(draft_of(profile(kind="gone")), None, set(), key_typed=False) != {}


# ---------------------------------------------------------------------------------------------- removing and leaving


def test_removing_asks_first_and_takes_the_key_out(open_dialog: Callable[..., Clerk], ring: Ring) -> None:
    ring.kept["lab"] = MARKER
    clerk = open_dialog(profile(key="keyring"), profile("other"), chosen="lab")
    clerk.dialog.list.setFocus()
    clerk.qtbot.keyClick(clerk.dialog.list, Qt.Key.Key_Delete)
    question = clerk.question()
    assert question is not None
    assert "out of the key ring" in question.informativeText()
    clerk.answers("Remove")
    clerk.sees(lambda: clerk.names() == ["other"])
    assert ring.kept == {}
    assert clerk.form.name.text() == "other"


def test_a_new_profile_is_dropped_without_a_question(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile())
    clerk.dialog.begin("cloud")
    assert clerk.names() == ["lab", "Cloud"]
    clerk.dialog.ask_remove()
    assert clerk.names() == ["lab"]
    assert clerk.question() is None


def test_what_is_not_saved_is_asked_about(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile(), profile("other"), chosen="lab")
    clerk.writes(clerk.form.model, "new")
    clerk.dialog.list.setCurrentRow(1)
    assert clerk.question() is not None
    assert clerk.dialog.list.currentRow() == 0
    clerk.answers("Drop the changes")
    clerk.sees(lambda: clerk.form.name.text() == "other")
    clerk.dialog.list.setCurrentRow(0)
    assert clerk.form.model.text() == ""
    clerk.dialog.reject()
    assert not clerk.dialog.isVisible()


# ---------------------------------------------------------------------------------------------- key rings that fail


def test_a_locked_key_ring_says_the_way_out_and_saves_nothing(open_dialog: Callable[..., Clerk], ring: Ring) -> None:
    ring.locked = True
    clerk = open_dialog(profile(key="keyring"))
    clerk.sees(lambda: "cannot be used" in clerk.wrong("key"))
    assert "environment variable" in clerk.wrong("key")
    clerk.writes(clerk.form.key.key, MARKER)
    clerk.dialog.keep()
    clerk.sees(clerk.dialog.wrong.isVisible)
    assert "environment variable" in clerk.dialog.wrong.text()
    assert MARKER not in clerk.everything()
    assert load_profiles() == [profile(key="keyring")]


def test_a_key_ring_with_errors_of_its_own_tells_no_secret(
    open_dialog: Callable[..., Clerk], ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    ring.broken = True
    clerk = open_dialog()
    clerk.dialog.begin("cloud")
    clerk.writes(clerk.form.key.key, MARKER)
    clerk.dialog.keep()
    clerk.sees(clerk.dialog.wrong.isVisible)
    assert "ValueError" in clerk.dialog.wrong.text()
    assert MARKER not in clerk.everything()
    assert MARKER not in caplog.text


def test_a_key_ring_that_does_not_answer_holds_up_nothing(open_dialog: Callable[..., Clerk], ring: Ring) -> None:
    ring.gate.clear()
    clerk = open_dialog(profile(key="keyring"), profile("other"), chosen="lab")
    assert "Asking the key ring" in clerk.form.fields["key"].help.text()
    clerk.dialog.list.setCurrentRow(1)
    assert clerk.form.name.text() == "other"
    ring.gate.set()
    clerk.sees(lambda: not clerk.dialog.aside.busy)
    assert clerk.form.fields["key"].help.text() == "Nothing is sent to prove who you are."


def test_profiles_that_cannot_be_read_are_left_as_they_are(open_dialog: Callable[..., Clerk]) -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text("{", encoding="utf-8")
    clerk = open_dialog()
    assert "are not valid" in clerk.dialog.wrong.text()
    assert clerk.dialog.wrong.isVisible()
    assert profiles_path().read_text(encoding="utf-8") == "{"


# ---------------------------------------------------------------------------------------------- testing one


def test_a_test_shows_what_is_granted_and_plays_the_answer(
    open_dialog: Callable[..., Clerk], trials: FakeTrials
) -> None:
    clerk = open_dialog(profile(), settings=Settings(loudspeaker="Scarlett"))
    clerk.dialog.try_out()
    clerk.sees(lambda: trials.played == ["Scarlett"] and not clerk.trial.running)
    text = clerk.trial.text()
    for words in ("It works", "41 ms", "2.5 ms", "412 ms after the end", "“Hello to you.”", "temperature 0.2",
                  "This model has no such setting.", "a complaint", "1 micro-turns"):  # fmt: skip
        assert words in text, words
    clerk.trial.again.click()
    clerk.sees(lambda: len(trials.played) == 2)
    assert trials.asked == ["profile:lab"]


def test_progress_is_shown_and_a_test_can_be_cancelled(open_dialog: Callable[..., Clerk], trials: FakeTrials) -> None:
    trials.hold = threading.Event()
    clerk = open_dialog(profile())
    clerk.dialog.try_out()
    clerk.sees(lambda: "position 2" in clerk.trial.state.text())
    assert not clerk.dialog.test.isEnabled()
    clerk.qtbot.keyClick(clerk.dialog, Qt.Key.Key_Escape)
    assert "Cancelled" in clerk.trial.state.text()
    assert clerk.dialog.isVisible()
    clerk.sees(lambda: not clerk.dialog.aside.busy)
    assert trials.played == []
    assert "Cancelled" in clerk.trial.state.text()


def test_what_was_changed_is_saved_before_it_is_tested(open_dialog: Callable[..., Clerk], trials: FakeTrials) -> None:
    trials.trial = AppError("No one answers.", "The port is closed.", "Start the server.")
    clerk = open_dialog(profile())
    clerk.writes(clerk.form.name, "lab 9")
    assert clerk.dialog.test.text() == "Save and &test"
    clerk.dialog.try_out()
    clerk.sees(lambda: "No one answers." in clerk.trial.text())
    assert trials.asked == ["profile:lab 9"]
    assert "Start the server." in clerk.trial.advice.text()
    assert "Start the server." not in clerk.trial.state.text(), "only what happened is bold"


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (Trial(address="a", host="h", granted=granted(rejections=()), first_text_ms=-3.0), "answered nothing"),
        (Trial(address="a", host="h", error=AppError("Refused.", "401.", "Correct the key.")), "Correct the key."),
    ],
)
def test_a_test_that_comes_to_nothing_says_so(
    open_dialog: Callable[..., Clerk], trials: FakeTrials, trial: Trial, words: str
) -> None:
    trials.trial = trial
    clerk = open_dialog(profile())
    clerk.dialog.try_out()
    clerk.sees(lambda: words in clerk.trial.text())
    assert trials.played == []
    assert clerk.trial.again.isHidden()


def test_an_answer_that_cannot_be_played_is_still_shown(open_dialog: Callable[..., Clerk], trials: FakeTrials) -> None:
    trials.silent = AppError("The loudspeaker is gone.", "It was unplugged.", "Plug it in.")
    clerk = open_dialog(profile())
    clerk.dialog.try_out()
    clerk.sees(lambda: "unplugged" in clerk.trial.state.text())
    clerk.dialog.list.setCurrentRow(0)
    quiet = open_dialog(settings=Settings(loudspeaker="none"))
    quiet.dialog.try_out()
    quiet.sees(lambda: "no loudspeaker is chosen" in quiet.trial.state.text())


def test_a_profile_is_used_at_once(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile())
    with clerk.qtbot.waitSignal(clerk.dialog.used) as used:
        clerk.dialog.use_now()
    assert used.args == ["profile:lab"]
    assert not clerk.dialog.isVisible()


def test_large_texts_and_small_windows_squeeze_nothing(open_dialog: Callable[..., Clerk], tmp_path: Path) -> None:
    clerk = open_dialog(profile(options={"mode": "turns"}))
    clerk.dialog.setStyleSheet("QWidget { font-size: 26px; }")
    clerk.dialog.resize(900, 520)
    QApplication.processEvents()
    for label in clerk.form.findChildren(QLabel):
        if label.isVisible():
            assert label.height() >= label.heightForWidth(label.width()) - 1, label.text()
    assert clerk.form.widget().width() <= clerk.form.viewport().width()


def test_a_secret_is_in_no_draft(open_dialog: Callable[..., Clerk]) -> None:
    clerk = open_dialog(profile(key="keyring"))
    clerk.writes(clerk.form.key.key, MARKER)
    assert MARKER not in repr(clerk.form.draft())
    assert MARKER not in repr(clerk.form.typed_key())
    assert isinstance(clerk.form.typed_key(), Secret)

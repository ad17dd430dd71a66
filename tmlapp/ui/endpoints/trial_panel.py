"""Testing a profile: connect, say one sentence, show what is granted and how long it took, play the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tmlapp.core.errors import AppError
from tmlapp.core.event import Rejection
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.area import TallArea
from tmlapp.ui.endpoints.aside import Aside
from tmlapp.ui.endpoints.granted_panel import fact_grid
from tmlapp.ui.endpoints.granted_rows import Fact, facts_of
from tmlapp.ui.items.parts import heading, words
from tmlapp.ui.text import ms_text, tr
from tmlapp.ui.theme import Theme

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings
    from tmlapp.core.media import AudioClip
    from tmlapp.live.try_endpoint import Trial


def _try(address: str, settings: Settings, on_progress: Callable[[str], None], cancelled: Callable[[], bool]) -> Trial:
    from tmlapp.live.try_endpoint import try_endpoint

    return try_endpoint(address, settings, on_progress=on_progress, cancelled=cancelled)


def _play(clip: AudioClip, loudspeaker: str, cancelled: Callable[[], bool]) -> bool:
    from tmlapp.live.play_clip import play_clip

    return play_clip(clip, loudspeaker, cancelled=cancelled)


@dataclass(frozen=True, slots=True)
class TrialServices:
    """What a test does; both may block and raise `AppError`."""

    try_: Callable[[str, Settings, Callable[[str], None], Callable[[], bool]], Trial] = _try
    play: Callable[[AudioClip, str, Callable[[], bool]], bool] = _play


class _Progress(QObject):
    """Carries progress from the worker to the window."""

    told = Signal(str)


class TrialPanel(QFrame):
    """Shows one test, from its start to the last sample of the answer.

    Signals:
        ended: it is over, however it went.
    """

    ended = Signal()

    def __init__(self, theme: Theme, settings: Settings, aside: Aside, services: TrialServices) -> None:
        super().__init__()
        self.setObjectName("trial")
        self._theme, self._settings, self._aside, self._services = theme, settings, aside, services
        self._stop: threading.Event | None = None
        self._sound: AudioClip | None = None
        self._round = 0
        self.state = words("heading")
        self.state.setAccessibleName(tr("State of the test"))
        self.advice = words()
        self.advice.setAccessibleName(tr("Why, and what to do"))
        self.again = KeyButton(theme, tr("Play again"))
        self.again.clicked.connect(self.play)
        self.cancel_button = KeyButton(theme, tr("Cancel"), key="Esc")
        self.cancel_button.clicked.connect(self.cancel)
        head = QHBoxLayout()
        head.addWidget(self.state, 1)
        head.addWidget(self.again, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignTop)
        self.area = TallArea()
        self.area.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.area.setAccessibleName(tr("Result of the test"))
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 12, 10)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.advice)
        column.addWidget(self.area, 1)
        # Takes the room where there is no result, so that the words stay together.
        column.addStretch(0)
        self._show([], ())
        self.hide()

    @property
    def running(self) -> bool:
        return self._stop is not None

    def text(self) -> str:
        """Everything that stands there."""
        told = [self.state.text(), *([self.advice.text()] if self.advice.text() else [])]
        return "\n".join([*told, *(label.text() for label in self._inside.findChildren(QLabel))])

    def run(self, address: str) -> None:
        """Test the endpoint at `address`."""
        self.cancel()
        self._round += 1
        this_round, stop = self._round, threading.Event()
        self._stop, self._sound = stop, None
        progress = _Progress(self)
        progress.told.connect(lambda text: self._say(f"… {text}") if this_round == self._round else None)
        self._show([], ())
        self._say(f"… {tr('Starting')}")
        self.show()
        self._buttons()
        self._aside.run(
            lambda: self._services.try_(address, self._settings, progress.told.emit, stop.is_set),
            lambda trial: self._show_trial(trial, this_round),
            lambda error: self._show_error(error, this_round),
        )

    def cancel(self) -> None:
        """Stop the test, or the playing of its answer."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()
            self._round += 1
            self._say(f"✕ {tr('Cancelled.')}")
            self._buttons()
            self.ended.emit()

    def clear(self) -> None:
        """Another profile is looked at."""
        self.cancel()
        self.hide()

    def play(self) -> None:
        """Play the answer through the loudspeaker of the settings."""
        sound, name = self._sound, self._settings.loudspeaker
        if sound is None or self._stop is not None:
            return
        if name == "none":
            self._say(f"{self.state.text()}  ·  {tr('no loudspeaker is chosen: the answer is not played')}")
            return
        stop = self._stop = threading.Event()
        this_round, before = self._round, self.state.text()
        self._say(f"{before}  ·  {tr('playing the answer')}")
        self._buttons()

        def over(_heard: object) -> None:
            if this_round == self._round:
                self._stop = None
                self._say(before)
                self._buttons()

        def failed(error: AppError) -> None:
            over(False)
            if this_round == self._round:
                self._say(f"{before}  ·  {error.what} {error.why}")

        self._aside.run(lambda: self._services.play(sound, name, stop.is_set), over, failed)

    # ------------------------------------------------------------------ results

    def _show_trial(self, trial: Trial, this_round: int) -> None:
        if this_round != self._round:
            return
        self._stop, self._sound = None, trial.sound
        self._show(trial_facts(trial), trial.rejections)
        if trial.error is not None:
            self._say_error(trial.error)
        elif trial.said or trial.sound is not None:
            self._say(f"✓ {tr('It works.')}")
        else:
            self._say(f"▲ {tr('Connected, but it answered nothing.')}")
        self._buttons()
        self.ended.emit()
        if trial.sound is not None and trial.error is None:
            self.play()

    def _show_error(self, error: AppError, this_round: int) -> None:
        if this_round == self._round:
            self._stop = None
            self._say_error(error)
            self._buttons()
            self.ended.emit()

    def _say_error(self, error: AppError) -> None:
        self._say(f"✕ {error.what}", f"{error.why}\n{error.fix}")

    def _say(self, text: str, advice: str = "") -> None:
        self.state.setText(text)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))

    def _buttons(self) -> None:
        self.cancel_button.setVisible(self._stop is not None)
        self.again.setVisible(self._sound is not None and self._stop is None)

    def _show(self, facts: list[Fact], refused: tuple[Rejection, ...]) -> None:
        self._inside = QWidget()
        self._inside.setObjectName("scrolled")
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(6)
        column.addLayout(fact_grid(self._theme, facts))
        if refused:
            column.addWidget(heading(tr("Asked for and not granted")))
            lines = [Fact(f"▲ {r.asked}", " ".join(p for p in (r.granted and f"→ {r.granted}.", r.reason) if p))
                     for r in refused]  # fmt: skip
            column.addLayout(fact_grid(self._theme, lines))
        column.addStretch(1)
        self.area.setWidget(self._inside)
        self.area.setVisible(bool(facts))


def trial_facts(trial: Trial) -> list[Fact]:
    """What a trial showed, most wanted first."""
    times = (
        (tr("Connected in"), trial.connect_ms, ""),
        (tr("Round trip"), trial.rtt_ms, ""),
        (tr("First sound"), trial.first_sound_ms, tr("the sentence")),
        (tr("First text"), trial.first_text_ms, tr("the sentence")),
    )
    found = [Fact(what, _time(value, of)) for what, value, of in times if value is not None]
    if trial.granted is not None:
        found.append(Fact(tr("Said to it"), f"“{trial.sent}”"))
        found.append(Fact(tr("It said"), f"“{trial.said}”" if trial.said else tr("nothing in writing")))
    if trial.sound is not None:
        found.append(Fact(tr("Its sound"), tr("{s:.1f} s").format(s=len(trial.sound.pcm) / trial.sound.rate_hz)))
    if trial.lost_turns:
        found.append(Fact(tr("Lost"), tr("{n} micro-turns").format(n=trial.lost_turns), warn=True))
    found += [Fact(tr("Complaint"), text, warn=True) for text in trial.errors]
    if trial.granted is not None:
        found += [f for f in facts_of(trial.granted) if f.what != tr("Model")]
    return found


def _time(ms: float, of: str) -> str:
    if not of:
        return tr("{ms} ms").format(ms=ms_text(ms))
    words_ = tr("{ms} ms after the end of {what}") if ms >= 0 else tr("{ms} ms before the end of {what}, unasked")
    return words_.format(ms=ms_text(abs(ms)), what=of)

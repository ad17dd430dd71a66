"""Rate a blind packet inside the app: the same questions and keys as the page, sounds through the player."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from tmlapp.bench.people.packet_files import (
    MEDIA,
    AnswerFile,
    Asked,
    Given,
    Packet,
    answered,
    answers_so_far,
    read_packet,
)
from tmlapp.bench.runs.sounds import read_wav
from tmlapp.config.settings import Settings
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import samples_to_ns
from tmlapp.live.player import Player
from tmlapp.live.player_sound import ArraySound
from tmlapp.ui.judge.packet_look import PacketLook
from tmlapp.ui.text import stamp_text, tr
from tmlapp.ui.workspace import Host

_FRAME_MS = 50


@dataclass(frozen=True, slots=True)
class _Opened:
    packet: Packet
    answers: AnswerFile


def player_of(sounds: list[Pcm], settings: Settings) -> Player:
    """A player of the sounds of one question, named A, B, …; int16 at 16 kHz."""
    from tmlapp.capture.speaker import Speaker

    clock, name = MonotonicClock(), settings.loudspeaker
    return Player(
        clock,
        duration_ns=max((samples_to_ns(len(pcm)) for pcm in sounds), default=0),
        choices={"AB"[i]: [ArraySound(pcm, 16_000)] for i, pcm in enumerate(sounds)},
        loudspeaker=None if name == "none" else lambda: Speaker(name, clock=clock),
    )


def open_packet(
    host: Host,
    folder: Path,
    parent: QWidget,
    *,
    player: Callable[[list[Pcm], Settings], Player] = player_of,
    opened: Callable[[PacketDialog], object] | None = None,
) -> None:
    """Open the packet in `folder`; what is wrong with it is shown by `host`."""

    def done(found: _Opened) -> None:
        dialog = PacketDialog(host, found.packet, found.answers, parent, player=player)
        dialog.open()
        if opened is not None:
            opened(dialog)

    def read() -> _Opened:
        packet = read_packet(folder)
        return _Opened(packet, answers_so_far(packet))

    host.work(read, done)


class PacketDialog(PacketLook):
    """One question after the other; every answer is on the disk before the next key.

    Keys: 1, 2, 3 … the answer, Shift+1 to 3 how sure, Space play, A and B the sound of a pair, left and right move,
    N note, U take the answer back.
    """

    def __init__(
        self,
        host: Host,
        packet: Packet,
        answers: AnswerFile,
        parent: QWidget,
        *,
        player: Callable[[list[Pcm], Settings], Player] = player_of,
    ) -> None:
        super().__init__(host.theme, packet.guide, parent)
        self.host, self.packet, self.answers = host, packet, answers
        self._make_player = player
        self.player: Player | None = None
        self._confidence: int | None = None
        self._jobs: list[tuple[str, Given | None]] = []
        self._writing = self._closed = False
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._look)
        left = [i for i, q in enumerate(packet.questions) if q.id not in answers.answers]
        self.at = left[0] if left else 0
        self.sounds.chosen.connect(self.choose_sound)
        self.values.chosen.connect(self.give)
        self.confidence.chosen.connect(self.set_confidence)
        self.note.returnPressed.connect(self._note_done)
        self.play_button.clicked.connect(self.play)
        self.back.clicked.connect(lambda: self.step(-1))
        self.next.clicked.connect(lambda: self.step(1))
        self.finished.connect(self._ended)
        self._show(fresh=True)

    @property
    def question(self) -> Asked:
        """The one that is shown."""
        return self.packet.questions[self.at]

    # ------------------------------------------------------------------ what the person does

    def give(self, value: str) -> None:
        """Answer the question."""
        given = Given(value=value, confidence=self._confidence, note=self.note.text().strip())
        if self._answer_now() != given:
            self._keep(self.question.id, given)

    def set_confidence(self, confidence: int) -> None:
        """How sure; the same again takes it away."""
        self._confidence = None if self._confidence == confidence else confidence
        self.confidence.set_chosen(self._confidence)
        self._again()

    def take_back(self) -> None:
        """The question is open again."""
        if self._answer_now() is not None:
            self._keep(self.question.id, None)

    def step(self, by: int) -> None:
        """To another question."""
        to = self.at + by
        if 0 <= to < len(self.packet.questions):
            self.at = to
            self._show(fresh=True)

    def play(self) -> None:
        """Play from the beginning, or stop."""
        if self.player is None:
            return
        if self.player.playing:
            self.player.pause()
        elif self.host.session_running:
            self.state.setText(tr("A live session holds the loudspeaker."))
            return
        else:
            self.player.play(0)
            self._timer.start()
        self._look()

    def choose_sound(self, name: str) -> None:
        """Hear the other sound of a pair, from its beginning."""
        if self.player is None or len(self.question.media) < 2:
            return
        self.player.choose(name)
        self.sounds.set_chosen(name)
        if not self.host.session_running:
            self.player.play(0)
            self._timer.start()
        self._look()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        # Shift makes other characters of the digits on most keyboards.
        shifted = {Qt.Key.Key_Exclam: 1, Qt.Key.Key_QuoteDbl: 2, Qt.Key.Key_At: 2, Qt.Key.Key_section: 3,
                   Qt.Key.Key_NumberSign: 3}  # fmt: skip
        key = Qt.Key(event.key())
        number = shifted.get(key) or int(key) - int(Qt.Key.Key_0)
        plain: dict[Qt.Key, Callable[[], object]] = {
            Qt.Key.Key_Space: self.play,
            Qt.Key.Key_Left: lambda: self.step(-1),
            Qt.Key.Key_Right: lambda: self.step(1),
            Qt.Key.Key_A: lambda: self.choose_sound("A"),
            Qt.Key.Key_B: lambda: self.choose_sound("B"),
            Qt.Key.Key_N: lambda: self.note.setFocus(Qt.FocusReason.ShortcutFocusReason),
            Qt.Key.Key_U: self.take_back,
        }
        if shift and 1 <= number <= 3:
            self.set_confidence(number)
        elif not shift and 1 <= number <= len(self.question.scale):
            self.give(self.question.scale[number - 1])
        elif key in plain:
            plain[key]()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------------ work

    def _answer_now(self) -> Given | None:
        """The answer to the current question, those that are still being written included."""
        queued = [given for name, given in self._jobs if name == self.question.id]
        return queued[-1] if queued else self.answers.answers.get(self.question.id)

    def _again(self) -> None:
        now = self._answer_now()
        if now is not None:
            self.give(now.value)

    def _note_done(self) -> None:
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._again()

    def _keep(self, question: str, given: Given | None) -> None:
        self._jobs.append((question, given))
        self._show(fresh=False)
        if not self._writing:
            self._write_next()

    def _write_next(self) -> None:
        if not self._jobs:
            return
        self._writing = True
        question, given = self._jobs[0]
        answers = self.answers

        def done(changed: AnswerFile) -> None:
            self._writing = False
            self.answers = changed
            del self._jobs[0]
            if not self._closed:
                self._show(fresh=False)
            self._write_next()

        def failed(error: AppError) -> None:
            self._writing = False
            self._jobs.clear()
            if self._closed:
                self.host.show_error(error)
            else:
                self.banner.show_error(error)
                self._show(fresh=False)

        self.host.work(lambda: answered(answers, question, given), done, failed)

    def _load_sounds(self) -> None:
        question = self.question
        self._drop_player()

        def read() -> list[Pcm]:
            found = []
            for name in question.media:
                pcm = read_wav(self.packet.folder / MEDIA / name)
                if pcm is None:
                    raise AppError(
                        tr("A sound of the packet is missing."),
                        f"{name}",
                        tr("Unpack the packet again, with all files."),
                    )
                found.append(pcm)
            return found

        def done(sounds: list[Pcm]) -> None:
            if self._closed or self.question is not question:
                return
            self._drop_player()
            self.player = self._make_player(sounds, self.host.settings)
            self.player.start()
            self._look()

        def failed(error: AppError) -> None:
            if not self._closed:
                self.banner.show_error(error)

        self.host.work(read, done, failed)

    def _drop_player(self) -> None:
        self._timer.stop()
        player, self.player = self.player, None
        if player is not None:
            player.close()

    def _look(self) -> None:
        player = self.player
        if player is None:
            self.state.clear()
            return
        text = f"{stamp_text(player.position_ns)} / {stamp_text(player.duration_ns)}"
        if player.silent:
            text += f" · {tr('No sound: {why}').format(why=player.silent)}"
        self.state.setText(text)
        if error := player.take_error():
            self.banner.show_error(error)
        if not player.playing:
            self._timer.stop()

    def _ended(self) -> None:
        self._closed = True
        self._drop_player()
        self.deleteLater()

    # ------------------------------------------------------------------ what is seen

    def _show(self, *, fresh: bool) -> None:
        question, given = self.question, self._answer_now()
        pending = dict(self._jobs)
        done = sum((pending[q.id] if q.id in pending else self.answers.answers.get(q.id)) is not None
                   for q in self.packet.questions)  # fmt: skip
        n = len(self.packet.questions)
        self.place.setText(tr("Question {at} of {n}").format(at=self.at + 1, n=n))
        self.progress.setMaximum(n)
        self.progress.setValue(done)
        saved = tr("saving") if self._jobs else tr("saved")
        self.count.setText(
            tr("{done} answered, {saved}").format(done=done, saved=saved) if done else tr("none answered")
        )
        if fresh:
            self._confidence = given.confidence if given else None
            self.note.setText(given.note if given else "")
            self.show_texts(question)
            self.values.show_scale(question.scale)
            pair = len(question.media) > 1
            self.sounds.setVisible(pair)
            if pair:
                self.sounds.show_values(("A", "B"), (tr("Sound A"), tr("Sound B")), ("A", "B"), colored=False)
                self.sounds.set_chosen("A")
            self.state.clear()
            self._load_sounds()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.values.set_chosen(given.value if given else None)
        self.confidence.set_chosen(self._confidence)
        self.back.setEnabled(self.at > 0)
        self.next.setEnabled(self.at < n - 1)

"""Recording a take: devices, count-in, what is marked while speaking, and the take that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from tmlapp.bench.authoring.commands_takes import AddTake
from tmlapp.bench.authoring.model import ItemDraft
from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.recorder import Line
from tmlapp.ui.prompts import ask
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.taking import Taken
    from tmlapp.config.settings import Settings
    from tmlapp.live.take import TakeRecorder
    from tmlapp.ui.items.workspace import ItemsWorkspace

COUNT_IN_S = 3.0
FIRST_CAMERA = "camera:0"
_FRAME_MS = 33


@dataclass(frozen=True, slots=True)
class Wish:
    """For whom the take is: item, its id in the item, who speaks."""

    item: ItemDraft
    take_id: str
    speaker: str


class Recording(QObject):
    """At most one take at a time."""

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page)
        self._page = page
        self._recorder: TakeRecorder | None = None
        self._wish: Wish | None = None
        self._lines: tuple[Line, ...] = ()
        self._at = 0
        self._discard = False
        self._drops: list[tuple[str, float]] = []
        self._phase = "idle"
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._look)
        self._offered = False

    @property
    def active(self) -> bool:
        """The recorder's card is shown, whatever its state."""
        return self._phase != "idle"

    @property
    def running(self) -> bool:
        """Devices are open, or about to be."""
        return self._phase in ("opening", "counting", "running", "saving")

    @property
    def microphone(self) -> str:
        """Which microphone the settings name."""
        name = self._page.host.settings.microphone
        return tr("system default") if name == "default" else tr("none") if name == "none" else name

    # ------------------------------------------------------------------ begin

    def toggle_camera(self) -> None:
        """V: the next takes are recorded with picture, or without."""
        page = self._page
        page.memory = replace(page.memory, camera=page.host.actions_["items.camera"].isChecked())
        page.sets.remember()
        page.mirror.show()
        said = tr("Takes are recorded with the camera.") if page.memory.camera else tr("Takes are sound only.")
        page.show_note(said)

    def _settings(self) -> Settings:
        """The devices of the next take."""
        settings = self._page.host.settings
        if not self._page.memory.camera:
            return settings.model_copy(update={"camera": "none"})
        return settings if settings.camera != "none" else settings.model_copy(update={"camera": FIRST_CAMERA})

    def toggle(self) -> None:
        """R: begin, or end what runs."""
        if self._phase in ("counting", "running"):
            self.stop()
        elif self._phase in ("idle", "failed"):
            self.start()

    def start(self) -> None:
        """Open the devices; the count-in follows by itself."""
        page = self._page
        item, folder = page.model.item, page.model.folder
        if item is None or folder is None:
            return
        page.playing.release()
        page.banner.hide()
        if not self._offered:
            self._offer()
        self._lines = lines_of(item)
        self._at, self._drops, self._discard = 0, [], False
        if page.host.session_running:
            live = tr("A live session holds the microphone.")
            self._fail(AppError(live, "", tr("Stop it in Live (Ctrl+1), then press R again.")))
            return
        if page.host.settings.microphone == "none":
            self._fail(
                AppError(tr("No microphone is chosen."), "", tr("Choose one in the settings, or import a file."))
            )
            return
        settings, services, speaker = self._settings(), page.services, page.model.speaker_id
        page.recorder.filmed = settings.camera != "none"
        page.recorder.camera.show_picture(None)
        self._set("opening")

        def begin() -> tuple[Wish, TakeRecorder]:
            wish = Wish(item, services.free_take_id(folder, item), speaker)
            recorder = services.take_recorder(folder, item, wish.take_id, speaker, settings, COUNT_IN_S)
            recorder.start()
            return wish, recorder

        page.host.work(begin, self._started, self._fail)

    def _started(self, made: tuple[Wish, TakeRecorder]) -> None:
        self._wish, self._recorder = made
        if self._phase != "opening":
            # The person went away while the devices opened.
            self._end()
            return
        self._set("counting")
        self._timer.start()
        self._look()

    def _fail(self, error: AppError) -> None:
        self._timer.stop()
        self._recorder = None
        filmed = tr("V records without the camera.") if self._page.recorder.filmed else ""
        self._set("failed", error.what, " ".join(p for p in (error.why, error.fix, filmed) if p))

    # ------------------------------------------------------------------ while it runs

    def next_line(self) -> None:
        """Space or Return: the next line of the script."""
        if self._phase == "running":
            self._at = min(len(self._lines), self._at + 1)
            self._look()

    def drop(self) -> None:
        """E: the model should speak here."""
        self._mark("expect")

    def instruction_ends(self) -> None:
        """I: the instruction has been said, from the beginning of the take on; pressed twice: it begins, it ends."""
        self._mark("instruction")

    def stop_request(self) -> None:
        """S: the user asks to stop."""
        self._mark("stop")

    def _mark(self, label: str) -> None:
        recorder = self._recorder
        if recorder is None or self._phase != "running":
            return
        t_ns = recorder.drop(label) - recorder.count_in_ns
        self._drops.append((label, t_ns / 1e9))
        self._page.recorder.show_drops(drops_text(self._drops))

    def _look(self) -> None:
        """One glance at the recorder, 30 times a second."""
        recorder, card = self._recorder, self._page.recorder
        if recorder is None:
            return
        if recorder.state == "closed" and self._phase in ("counting", "running"):
            self._end()
            return
        left_ns = recorder.counting_ns()
        if not left_ns and self._phase == "counting":
            self._set("running")
        card.prompter.show_lines(self._lines, self._at, -(-left_ns // 1_000_000_000))
        card.say_state(recorder.now_ns() - recorder.count_in_ns)
        if card.filmed:
            card.camera.show_picture(recorder.preview())
        level = recorder.level_dbfs()
        card.show_sound(level, recorder.sound)
        self._page.status.show_level(level)

    # ------------------------------------------------------------------ end

    def stop(self) -> None:
        """R: the take is done."""
        self._end()

    def escape(self) -> None:
        """Esc: close what failed, or ask whether what runs is to be discarded; it goes on meanwhile."""
        if self._phase == "failed":
            self._set("idle")
            self._page.give_keys_back()
        elif self._phase in ("counting", "running"):
            ask(
                self._page,
                name="discard-take",
                title=tr("Discard this take"),
                text=tr("Stop, and discard this take?"),
                detail=tr("It is kept among the discarded takes of the item, and can be restored."),
                yes=tr("Stop and discard"),
                no=tr("Go on recording"),
                do=self._stop_and_discard,
            )

    def _stop_and_discard(self) -> None:
        if self._phase in ("counting", "running"):
            self._discard = True
            self._end()

    def leave(self) -> None:
        """The page is left: what runs is ended and kept."""
        if self._phase in ("counting", "running"):
            self._end()
        elif self._phase in ("opening", "failed"):
            self._set("idle")

    def _end(self) -> None:
        recorder, wish, folder = self._recorder, self._wish, self._page.model.folder
        self._timer.stop()
        self._page.status.show_level(-120.0)
        if recorder is None or wish is None or folder is None:
            self._set("idle")
            return
        self._set("saving")
        services = self._page.services
        too_short = recorder.counting_ns() > 0

        def finish() -> Taken | None:
            path = recorder.stop()
            if too_short:
                return None
            return services.take_from_recording(folder, wish.item, path, wish.take_id, wish.speaker)

        self._page.host.work(finish, lambda taken: self._finished(taken, recorder.error), self._not_finished)

    def _finished(self, taken: Taken | None, error: AppError | None) -> None:
        page, wish = self._page, self._wish
        self._recorder, self._wish = None, None
        self._set("idle")
        if error is not None:
            page.show_error(error)
        if taken is None or wish is None:
            page.show_note(tr("Ended during the count-in: no take."))
        elif page.model.do(AddTake(wish.item.id, replace(taken.take, discarded=self._discard))):
            page.model.choose_item(wish.item.id)
            page.model.choose_take(taken.take.id)
            said = tr("Take {id} is kept among the discarded.") if self._discard else tr("Take {id} saved.")
            page.show_note(" ".join((said.format(id=taken.take.id), *taken.notes)))
        page.give_keys_back()

    def _not_finished(self, error: AppError) -> None:
        self._recorder, self._wish = None, None
        self._set("idle")
        self._page.show_error(error)

    def shut(self) -> None:
        """The window closes: the recording is finished; the set offers it as a take the next time."""
        self._timer.stop()
        recorder, self._recorder = self._recorder, None
        self._phase = "idle"
        if recorder is not None:
            recorder.request_stop()
            recorder.wait(10.0)

    # ------------------------------------------------------------------ helpers

    def _set(self, phase: str, failure: str = "", advice: str = "") -> None:
        self._phase = phase
        page = self._page
        if phase != "idle":
            page.recorder.show_state(phase, failure, advice)  # type: ignore[arg-type]
            page.recorder.show_drops(drops_text(self._drops) or tr("E marks where the model should speak."))
            page.recorder.prompter.show_lines(self._lines, self._at, int(COUNT_IN_S) if phase == "opening" else 0)
        page.mirror.show()
        if phase in ("opening", "failed"):
            page.recorder.setFocus(Qt.FocusReason.OtherFocusReason)

    def _offer(self) -> None:
        self._offered = True
        settings = KeyButton(self._page.theme)
        settings.follow(self._page.host.actions_["app.settings"])
        self._page.recorder.offer(self._page.host.actions_, settings)


def lines_of(item: ItemDraft) -> tuple[Line, ...]:
    """What the teleprompter shows: the instruction, then the script line by line."""
    asked = [Line(t, tr("Instruction")) for t in item.instruction.splitlines() if t.strip()]
    said = [Line(t, tr("then say")) for t in item.script.splitlines() if t.strip()]
    return (*asked, *said)


def drops_text(drops: list[tuple[str, float]]) -> str:
    """What was marked so far, each with its second in the take, in order."""
    said = [at for label, at in drops if label == "instruction"]
    parts, n = [], 0
    for label, at in drops:
        if label == "expect":
            n += 1
            name = tr("e{n}").format(n=n)
        elif label == "stop":
            name = tr("stop request")
        elif len(said) > 1 and at == said[0]:
            name = tr("instruction begins")
        elif at == said[-1]:
            name = tr("instruction ends")
        else:
            continue
        parts.append(tr("{name} at {at:.2f} s").format(name=name, at=at))
    if len(said) == 1:
        parts.append(tr("I once more: it began there, and ends now"))
    return "   ·   ".join(parts)

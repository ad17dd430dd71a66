"""Between checklist, session and window: what a tester presses becomes marks, what the checks find is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QImage

from tmlapp.bench.qa.places import folder_of
from tmlapp.core.errors import AppError
from tmlapp.ui.controller import fault
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.qa.choose import ChecklistChooser, ask_checklist_file
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.qa.checklist import Checklist
    from tmlapp.bench.qa.marks import Mark, Verdict
    from tmlapp.bench.qa.run import QaObserver, QaRun
    from tmlapp.bench.qa.view import StepView
    from tmlapp.ui.window import MainWindow

_REFRESH_MS = 250


class QaDesk(QObject):
    """The checklist of one window. It may be chosen before, while, and again after a session runs.

    Signals:
        not_kept: (AppError) something could not be written beside the recording.
    """

    not_kept = Signal(object)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._side = window.view.side
        self._panel = self._side.checklist
        self.checklist: Checklist | None = None
        self.run: QaRun | None = None
        self.current = ""
        self._observer: QaObserver | None = None
        self._recording: Path | None = None
        self._next_mark = 1
        # One thread, so that lines stand in the order in which things were done.
        self._writer: ThreadPoolExecutor | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._report_button = KeyButton(window.theme, tr("QA report"))
        self._connect()
        self.refresh()
        # What a session will need is loaded while nobody waits for it.
        window.workspaces.work(_load, lambda _done: None)

    def _connect(self) -> None:
        window, controller = self._window, self._window.controller
        controller.opened.connect(self._on_opened)
        controller.started.connect(self._on_started)
        controller.moved.connect(lambda _state, _reason: self.update_actions())
        window.pages.currentChanged.connect(lambda _page: self.refresh())
        controller.closed.connect(self._on_closed)
        window.events.note_written.connect(self._on_note)
        window.actions_["view.search"].triggered.connect(self._on_search)
        self._panel.step_chosen.connect(self._on_chosen)
        self.not_kept.connect(window.banner.show_error)
        self._report_button.follow(window.actions_["qa.report"])
        window.result.add_button(self._report_button)
        window.gone.connect(self._on_gone)

    # ------------------------------------------------------------------ commands

    def toggle(self) -> None:
        """Checklist or events."""
        self._side.show_page(0 if self._side.on_checklist else 1)

    def choose(self) -> None:
        """Ask which checklist."""
        self._side.show_page(1)
        self._window.workspaces.work(_shipped, self._ask, self._window.banner.show_error)

    def use(self, checklist: Checklist) -> None:
        """Take `checklist` from now on; its instruction is what the model is told before the session."""
        self.checklist, self.run, self.current = checklist, None, ""
        header = self._window.header
        if checklist.instruction and not self._window.controller.live:
            header.instruction.setText(checklist.instruction)
            header.instruction.editingFinished.emit()
        self._side.show_page(1)
        self.refresh()
        self._window.focus_stage()

    def use_file(self, path: Path) -> None:
        """Take the checklist in the file `path`."""
        self._window.workspaces.work(lambda: _read(path), self.use, self._window.banner.show_error)

    def start(self) -> None:
        """Start the current step or try it again; while it runs, end it and go to the next."""
        run = self._run()
        if run is None or not self.current:
            return
        running = run.running
        if running is not None and running.step == self.current:
            run.end()
            self._go_on()
            return
        session = self._window.controller.session
        try:
            step = run.start(self.current)
        except AppError as error:
            self._window.banner.show_error(error)
            return
        if step.instruction and session is not None:
            session.send_text(step.instruction)
        self.refresh()

    def judge(self, verdict: str) -> None:
        """The person's verdict on the current step's last try; the next step that is to be done comes up."""
        run = self.run
        if run is not None and self._tried(self.current):
            run.judge(self.current, cast("Verdict", verdict))
            self._go_on()

    def skip(self) -> None:
        """Leave the current step out."""
        run = self._run()
        if run is not None and self.current:
            run.skip(self.current)
            self._go_on()

    def move(self, by: int) -> None:
        """Go `by` steps down; what runs goes on running."""
        if self.checklist is not None:
            ids = [s.id for s in self.checklist.steps]
            at = ids.index(self.current) if self.current in ids else 0
            self._show_step(max(0, min(len(ids) - 1, at + by)))

    def screenshot(self) -> None:
        """Keep the stage as it is seen now, beside the recording."""
        run, recording = self.run, self._recording
        if run is None or recording is None or not self._tried(self.current):
            return
        name = f"{run.next_mark:03d}-{self.current}.png"
        picture = self._window.stage.grab().toImage()
        run.shot(self.current, name)
        self._write(lambda: write_picture(folder_of(recording) / name, picture))
        self.refresh()

    def report(self) -> None:
        """Write the report beside the recording, and open it."""
        recording = self._over()
        if recording is None:
            self._window.banner.show_error(self._nothing())
            return

        def write() -> Path:
            from tmlapp.bench.qa.report import write_qa_report

            return write_qa_report(recording).page

        self._flush()
        self._window.result.show_note(tr("Writing the QA report…"))
        self._window.workspaces.work(write, partial(self._written, recording), self._not_written)

    def _written(self, recording: Path, page: Path) -> None:
        opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(page.absolute())))
        if self._window.result.recording == recording:
            words = tr("QA report: {page}") if opened else tr("QA report: {page}\nNo browser opened; open it by hand.")
            self._window.result.show_note(words.format(page=page))

    def _not_written(self, error: AppError) -> None:
        self._window.result.show_note("")
        self._window.banner.show_error(error)

    # ------------------------------------------------------------------ what is shown

    def refresh(self) -> None:
        """Take in what happened, and show how things stand."""
        if self._observer is not None:
            self._observer.catch_up()
        if self.checklist is None:
            self._panel.show_nothing()
        else:
            views = self._views(self.checklist)
            if not any(v.step.id == self.current for v in views):
                self.current = next((v.step.id for v in views if v.state == "pending"), views[0].step.id)
            if self._side.on_checklist or not self._timer.isActive():
                self._panel.show_run(self.checklist, views, self.current, live=self._live)
        self.update_actions()

    def update_actions(self) -> None:
        """Offer what can be done now."""
        actions = self._window.actions_
        running = self.run.running if self.run is not None else None
        here = running is not None and running.step == self.current
        tried = self._tried(self.current)
        start = actions["qa.start"]
        start.setText(tr("Next step") if here else tr("Try again") if tried else tr("Start step"))
        start.setEnabled(self._live and bool(self.current))
        for key in ("qa.pass", "qa.fail", "qa.blocked"):
            actions[key].setEnabled(tried)
        actions["qa.skip"].setEnabled(self._live and bool(self.current))
        actions["qa.shot"].setEnabled(tried and self._live)
        for key in ("qa.previous", "qa.next"):
            actions[key].setEnabled(self.checklist is not None)
        # The key always answers, be it only to say what is missing; the button stands where there is a report.
        self._report_button.set_spared(self._over() is None)

    # ------------------------------------------------------------------ the session

    def _on_opened(self) -> None:
        from tmlapp.bench.qa.run import QaObserver

        if self.run is not None:
            self.current = ""  # The tries belong to the recording before; this one begins at the first step.
        self._observer, self.run, self._recording, self._next_mark = QaObserver(), None, None, 1
        session = self._window.controller.session
        if session is not None:
            session.add_observer(self._observer)

    def _on_started(self) -> None:
        session = self._window.controller.session
        self._recording = None if session is None else session.recording_path
        self._timer.start()
        self.refresh()

    def _on_closed(self) -> None:
        self._timer.stop()
        if self.run is not None:
            self.run.close()
        self.refresh()

    def _on_gone(self) -> None:
        self._timer.stop()
        self._flush()

    def _on_note(self, text: str) -> None:
        if self.run is not None and self._tried(self.current):
            self.run.note(self.current, text)
            self.refresh()

    def _on_search(self) -> None:
        if not self._window.endpoints.inside:
            self._side.show_page(0)
            self._window.events.open_search()

    def _on_chosen(self, number: int) -> None:
        self._show_step(number)
        self._window.focus_stage()

    # ------------------------------------------------------------------ helpers

    def _over(self) -> Path | None:
        """The recording that a report can be written of."""
        window = self._window
        over = window.pages.currentWidget() is window.result and not window.controller.live
        return window.result.recording if over and self._next_mark > 1 else None

    def _nothing(self) -> AppError:
        if self._window.controller.live and self._next_mark > 1:
            return AppError(
                tr("There is nothing to report yet."),
                tr("The session still runs."),
                tr("Stop it, then press Ctrl+Shift+R."),
            )
        return AppError(
            tr("There is nothing to report."),
            tr("No step of a checklist was done in this session, or its recording is gone."),
            tr("Choose a checklist with Ctrl+Shift+C, and start a step with Ctrl+Return while a session runs."),
        )

    @property
    def _live(self) -> bool:
        session = self._window.controller.session
        return session is not None and session.state == "running" and self._recording is not None

    def _run(self) -> QaRun | None:
        """The run, begun now if there is none yet."""
        from tmlapp.bench.qa.run import QaRun

        session, recording, observer = self._window.controller.session, self._recording, self._observer
        ready = self._live and session is not None and recording is not None and observer is not None
        if self.run is None and self.checklist is not None and ready:
            assert session is not None
            assert recording is not None
            assert observer is not None
            self.run = QaRun(
                self.checklist,
                observer,
                session,
                keep=partial(self._keep, recording),
                now_ns=lambda: session.snapshot().t_ns,
                first=self._next_mark,
            )
        return self.run

    def _views(self, checklist: Checklist) -> tuple[StepView, ...]:
        from tmlapp.bench.qa.facts import Facts
        from tmlapp.bench.qa.log import RunLog
        from tmlapp.bench.qa.view import step_views

        if self.run is not None:
            return self.run.views()
        facts = Facts() if self._observer is None else self._observer.facts
        return step_views(checklist, RunLog(checklist.id, checklist.sha256, 0), facts)

    def _tried(self, step: str) -> bool:
        return self.run is not None and self.run.log.last(step) is not None

    def _go_on(self) -> None:
        """The next step that is still to be done; this one stays where none is."""
        if self.run is not None:
            self.current = self.run.next_step(self.current) or self.current
        self.refresh()
        self._panel.show_top()

    def _show_step(self, number: int) -> None:
        if self.checklist is not None:
            self.current = self.checklist.steps[number].id
            self.refresh()
            self._panel.show_top()

    def _ask(self, found: list[Checklist]) -> None:
        dialog = ChecklistChooser(
            self._window, found, self.use, lambda: ask_checklist_file(self._window, self.use_file)
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _keep(self, recording: Path, mark: Mark) -> None:
        self._next_mark = mark.n + 1
        self._write(partial(_keep_mark, recording, mark))

    def _write(self, job: Callable[[], object]) -> None:
        if self._writer is None:
            self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qa-writer")
        self._writer.submit(job).add_done_callback(self._on_written)

    def _on_written(self, done: Future[object]) -> None:
        error = done.exception()
        if error is None:
            return
        if not isinstance(error, AppError):
            logging.getLogger(__name__).error("a mark could not be kept", exc_info=error)
        self.not_kept.emit(error if isinstance(error, AppError) else fault(error))

    def _flush(self) -> None:
        """Wait until everything is on the disk."""
        if self._writer is not None:
            self._writer.shutdown(wait=True)
            self._writer = None


def _load() -> None:
    import tmlapp.bench.qa.offline
    import tmlapp.bench.qa.run  # noqa: F401 - loaded for later


def _keep_mark(recording: Path, mark: Mark) -> None:
    from tmlapp.bench.qa.offline import keep_mark

    keep_mark(recording, mark)


def _read(path: Path) -> Checklist:
    from tmlapp.bench.qa.checklist import load_checklist

    return load_checklist(path)


def _shipped() -> list[Checklist]:
    from tmlapp.bench.qa.checklist import load_checklist, shipped_checklists

    return [load_checklist(path) for path in shipped_checklists()]


def write_picture(path: Path, picture: QImage) -> None:
    """Write `picture` as PNG; it is on the disk when this returns.

    Raises:
        AppError: it cannot be written.
    """
    from tmlapp.bench.runs.lines import write_whole, written

    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    buffer.close()
    with written(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, bytes(data.data()))

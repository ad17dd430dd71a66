"""Between window and session: plans, checks, starts, stops. Whatever may block runs on a worker thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Signal

from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.ui.bridge import Session, SessionBridge
from tmlapp.ui.judging import Judgement
from tmlapp.ui.services import EndpointFacts, Services
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.live.plan import SessionPlan
    from tmlapp.live.preflight import Check

T = TypeVar("T")


class LiveController(QObject):
    """One window's session, and the plan for the next.

    Signals:
        checking: the preflight runs.
        checked: (list[Check], EndpointFacts | None).
        opened: the session object exists and may be watched; it is about to start.
        started: it runs.
        moved: its state changed (state, reason).
        closed: it is over; the recording is closed.
        failed: (AppError) something a person asked for did not work.
        outputs_read: (Path, list[Output]) what a finished recording holds.
        graded: (Path, list[Graded]) how a finished session did; empty where nobody has said yet what happened.
        asked: (Path, Question) what a person may be asked about it.
        reported: (Path, Path) its report was written.
        devices_read: (DeviceNames).
        given_up: the person stopped the session while it was being opened.
    """

    checking = Signal()
    checked = Signal(object, object)
    opened = Signal()
    started = Signal()
    moved = Signal(str, str)
    closed = Signal()
    failed = Signal(object)
    outputs_read = Signal(object, object)
    graded = Signal(object, object)
    asked = Signal(object, object)
    reported = Signal(object, object)
    devices_read = Signal(object)
    given_up = Signal()

    def __init__(
        self,
        settings: Settings,
        services: Services,
        loop: asyncio.AbstractEventLoop,
        *,
        plan: SessionPlan | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.settings = settings
        self.services = services
        self.plan = plan
        self.name = plan.name if plan else settings.session_name
        self.instruction = plan.instruction if plan else settings.instruction
        self.endpoint = plan.endpoint if plan else settings.endpoint
        self.facts: EndpointFacts | None = None
        self.bridge: SessionBridge | None = None
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="window-work")
        self._round = 0
        self._starting = self._giving_up = False
        self._microphone = ""
        self._source: str | None = plan.source if plan else None

    @property
    def session(self) -> Session | None:
        return self.bridge.session if self.bridge else None

    @property
    def source_name(self) -> str:
        """What the sound comes from, for the status bar."""
        if self.plan is not None and self.plan.source is not None:
            return Path(self.plan.source.split(",")[0]).name
        return self._microphone or self.settings.microphone

    @property
    def live(self) -> bool:
        """True from the moment a start was asked for until the recording is closed."""
        return self._starting or (self.session is not None and self.session.state not in ("idle", "closed"))

    def check(self) -> None:
        """Run the preflight; the answer of an older round is dropped."""
        self._round += 1
        self.checking.emit()
        self._spawn(self._check(self._round))

    def start(self) -> None:
        """Open and start a session for the present plan."""
        if not self.live:
            self._starting = True
            self._spawn(self._start())

    def stop(self, reason: str = "") -> None:
        """Ask the session to close; `closed` follows."""
        if self.session is not None and self.live:
            self._giving_up = self._starting
            self.session.stop(reason or "stopped by the operator")

    def forget(self) -> None:
        """Let go of a finished session."""
        if self.bridge is not None and not self.live:
            self.bridge.close()
            self.bridge.deleteLater()
            self.bridge = None

    def use_settings(self, settings: Settings) -> None:
        """Take other devices, endpoint, folder from now on."""
        self.settings = settings
        self.endpoint = settings.endpoint
        self.facts = None
        if self.plan is not None:
            self.plan = replace(
                self.plan,
                microphone=settings.microphone,
                loudspeaker=settings.loudspeaker,
                camera=settings.camera,
                endpoint=settings.endpoint,
                folder=settings.recordings_dir,
            )

    def use_endpoint(self, address: str) -> None:
        """Meet another model from now on; devices, source and folder stay as they are."""
        self.settings = self.settings.model_copy(update={"endpoint": address})
        self.endpoint, self.facts = address, None
        if self.plan is not None:
            self.plan = replace(self.plan, endpoint=address)

    def use_clip(self) -> None:
        """Play the bundled clip instead of the devices."""
        self._spawn(self._use_clip())

    def use_source(self, source: str | None) -> None:
        """Play `source` instead of the devices; None goes back to them."""
        self._source = source
        if self.plan is not None:
            self.plan = replace(self.plan, source=source)
        self.check()

    def recover(self) -> None:
        """Repair what earlier sessions left unfinished, then check again."""
        self._spawn(self._recover())

    def read_outputs(self, recording: Path) -> None:
        self._spawn(self._about(self.services.outputs, self.outputs_read, recording))

    def read_grades(self, recording: Path) -> None:
        """Grade the finished session where it is known what really happened."""
        self._spawn(self._about(self.services.grades, self.graded, recording, self.plan.source if self.plan else None))

    def read_question(self, recording: Path) -> None:
        self._spawn(self._about(self.services.question, self.asked, recording))

    def grade_by_hand(self, recording: Path, judgement: Judgement) -> None:
        """Grade by what a person says happened."""
        self._spawn(self._about(self.services.grade_by_hand, self.graded, recording, judgement))

    def write_report(self, recording: Path) -> None:
        self._spawn(self._about(self.services.write_report, self.reported, recording))

    def read_devices(self) -> None:
        self._spawn(self._read_devices())

    def trash(self, recording: Path, done: Callable[[], None]) -> None:
        """Move `recording` to the trash, then call `done`."""
        self._spawn(self._trash(recording, done))

    def shutdown(self, *, wait: bool = False) -> None:
        """Cancel what is under way; the window is closing. With `wait`, no thread is left when it returns."""
        for task in list(self._tasks):
            task.cancel()
        self.forget()
        self._executor.shutdown(wait=wait, cancel_futures=True)

    # ------------------------------------------------------------------ coroutines on the window's loop

    async def _check(self, this_round: int) -> None:
        facts: EndpointFacts | None = None
        try:
            plan = await self._in_thread(self._make_plan)
            checks: list[Check] = await self._in_thread(self.services.run_preflight, plan, self.settings)
            checks = [*_hole_in(plan.instruction), *checks]
            if all(c.ok for c in checks if c.key == "endpoint"):
                facts = await self._in_thread(self.services.endpoint_facts, plan, self.settings)
        except AppError as error:
            self.failed.emit(error)
            return
        if this_round == self._round and not self.live:
            self.facts = facts
            self._microphone = next((c.detail for c in checks if c.key == "microphone" and c.ok), "")
            self.checked.emit(checks, facts)

    async def _start(self) -> None:
        try:
            plan = await self._in_thread(self._make_plan)
            session = await self._in_thread(self.services.build_session, plan, self.settings)
            self.forget_old()
            bridge = SessionBridge(session, self)
            bridge.state_changed.connect(self._on_state)
            self.bridge = bridge
            self.opened.emit()
            await self._in_thread(session.start)
        except AppError as error:
            given_up, self._starting, self._giving_up = self._giving_up, False, False
            self.forget()
            if given_up:
                self.given_up.emit()
            else:
                self.failed.emit(error)
            return
        self._starting = self._giving_up = False
        self.started.emit()
        if session.state == "closed":
            self.closed.emit()

    def forget_old(self) -> None:
        if self.bridge is not None:
            self.bridge.close()
            self.bridge.deleteLater()
            self.bridge = None

    async def _use_clip(self) -> None:
        clip = self.services.clip()
        if clip is None:
            self.failed.emit(AppError(tr("There is no demo clip."), tr("It was not installed."), tr("Choose a file.")))
            return
        self.use_source(clip)

    async def _recover(self) -> None:
        try:
            await self._in_thread(self.services.recover, self.settings.recordings_dir)
        except AppError as error:
            self.failed.emit(error)
        self.check()

    async def _about(self, read: Callable[..., Any], answer: Any, recording: Path, *args: Any) -> None:
        try:
            answer.emit(recording, await self._in_thread(read, recording, *args))
        except AppError as error:
            self.failed.emit(error)

    async def _read_devices(self) -> None:
        try:
            self.devices_read.emit(await self._in_thread(self.services.devices))
        except AppError as error:
            self.failed.emit(error)

    async def _trash(self, recording: Path, done: Callable[[], None]) -> None:
        try:
            await self._in_thread(self.services.trash, recording)
        except (AppError, OSError) as error:
            why = error.why if isinstance(error, AppError) else f"{error}."
            what = tr("The recording could not be moved to the trash.")
            self.failed.emit(AppError(what, why, tr("Open the folder and delete it there.")))
            return
        done()

    # ------------------------------------------------------------------ helpers

    def _make_plan(self) -> SessionPlan:
        if self.plan is None:
            from tmlapp.live.plan import plan_from_settings

            self.plan = plan_from_settings(self.settings, source=self._source)
        self.plan = replace(self.plan, name=self.name.strip() or "session", instruction=self.instruction.strip())
        return self.plan

    def _on_state(self, state: str, reason: str) -> None:
        self.moved.emit(state, reason)
        if state == "closed" and not self._starting:
            self.closed.emit()

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await self._loop.run_in_executor(self._executor, lambda: work(*args))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        logging.getLogger(__name__).error("work for the window failed", exc_info=error)
        self._starting = False
        self.failed.emit(fault(error))


def fault(error: BaseException) -> AppError:
    """What a person is told about an error that nobody foresaw."""
    return AppError(
        tr("Something in tmlapp went wrong."),
        f"{type(error).__name__}: {error}.",
        tr("Try again; if it stays, report it with the log file."),
    )


def _hole_in(instruction: str) -> list[Check]:
    if "{action}" not in instruction:
        return []
    from tmlapp.live.preflight import Check

    return [
        Check(
            key="instruction",
            title=tr("Instruction"),
            ok=False,
            why=tr("It still says {action} where the exercise belongs."),
            fix=tr("Write what is to be watched, for example squats."),
            action="write_instruction",
        )
    ]

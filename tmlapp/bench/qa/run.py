"""Running a checklist beside a session: what the tester does becomes marks in the recording and lines beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tmlapp.bench.qa.checklist import Checklist, Step
from tmlapp.bench.qa.facts import WATCHED, Facts
from tmlapp.bench.qa.log import RunLog, Try, merged, runs_of
from tmlapp.bench.qa.marks import LABEL, MOST_TRIES, Action, Mark, Verdict
from tmlapp.bench.qa.view import StepView, step_views
from tmlapp.core.errors import AppError
from tmlapp.core.event import Event
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.live.observer import BlankObserver


class QaObserver(BlankObserver):
    """Watches a session from its first micro-turn on; costs the engine nothing but a place in a queue."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._waiting: deque[Pcm | Event] = deque()
        self._pictures = False

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - an observer's form
        self._pictures = self._pictures or bool(turn.frames)
        self._waiting.append(turn.pcm)

    def on_event(self, event: Event) -> None:
        if isinstance(event, WATCHED):
            self._waiting.append(event)

    def catch_up(self) -> Facts:
        """Everything known by now. One thread only."""
        while self._waiting:
            what = self._waiting.popleft()
            if isinstance(what, Event):
                self.facts.on_event(what)
            else:
                self.facts.on_sound(what)
        self.facts.pictures = self._pictures
        return self.facts


class Recorded(Protocol):
    """What a run needs of a session; `tmlapp.live.session.LiveSession` is one."""

    def marker(self, label: str, note: str = "") -> object: ...


class QaRun:
    """One run of one checklist. One thread only; it never waits.

    Args:
        checklist: what to run.
        observer: that of the session.
        keep: is given every mark, to be written beside the recording; called in order.
        now_ns: session time.
        first: number of the first mark; runs of one session go on counting.
    """

    def __init__(
        self,
        checklist: Checklist,
        observer: QaObserver,
        session: Recorded,
        *,
        keep: Callable[[Mark], object],
        now_ns: Callable[[], int],
        first: int = 1,
    ) -> None:
        self.checklist = checklist
        self._observer = observer
        self._session: Recorded | None = session
        self._keep = keep
        self._now_ns = now_ns
        self._marks: list[Mark] = []
        self._next = first
        self._put("run", text=f"{checklist.id} {checklist.sha256}", checklist=checklist.text)

    # ------------------------------------------------------------------ what stands

    @property
    def next_mark(self) -> int:
        """Number of the next mark."""
        return self._next

    @property
    def closed(self) -> bool:
        """The session is over: verdicts and notes are still taken, steps no longer begin."""
        return self._session is None

    @property
    def log(self) -> RunLog:
        """What was done so far; times are those of the recording as soon as they are known."""
        first = self._marks[0].n
        mine = [m for m in self._observer.facts.marks if m.n >= first]
        return runs_of(merged(mine, self._marks))[0]

    @property
    def running(self) -> Try | None:
        """The try that runs."""
        return None if self.closed else self.log.running

    def views(self) -> tuple[StepView, ...]:
        """Every step with its checks, as of now."""
        facts = self._observer.catch_up()
        return step_views(self.checklist, self.log, facts, closed=self.closed)

    def next_step(self, after: str = "") -> str:
        """The first step still to be done behind `after`, then from the beginning on; empty if there is none."""
        views = self.views()
        at = next((i for i, v in enumerate(views) if v.step.id == after), -1)
        order = [*views[at + 1 :], *views[: at + 1]]
        return next((v.step.id for v in order if v.state == "pending"), "")

    # ------------------------------------------------------------------ what the tester does

    def start(self, step_id: str) -> Step:
        """Begin a try of `step_id`; whatever runs ends without a verdict.

        Raises:
            AppError: there is no such step, it does not apply, or the session is over.
        """
        step = self._step(step_id)
        self._running_session()
        view = next(v for v in self.views() if v.step.id == step_id)
        if view.state == "not_applicable":
            raise AppError(f"“{step.title}” does not apply here.", view.why, "Go on with another step.")
        last = self.log.last(step_id)
        number = 1 if last is None else last.number + 1
        if number > MOST_TRIES:
            raise AppError(
                f"“{step.title}” was tried {MOST_TRIES} times.", "That is the limit.", "Begin a new session."
            )
        self._put("start", step_id, number)
        return step

    def end(self) -> None:
        """End what runs, without a verdict; nothing where nothing runs."""
        running = self.running
        if running is not None:
            self._put("end", running.step, running.number)

    def judge(self, step_id: str, verdict: Verdict) -> None:
        """Say how the last try of `step_id` went, and end it if it runs; an earlier verdict is kept in the log.

        Raises:
            AppError: it was never tried.
        """
        tried = self._tried(step_id)
        self._put("verdict", step_id, tried.number, verdict)

    def skip(self, step_id: str, reason: str = "") -> None:
        """Leave `step_id` out; a try that runs ends.

        Raises:
            AppError: there is no such step.
        """
        self._step(step_id)
        running = self.running
        if running is not None and running.step == step_id:
            self.end()
        self._put("skip", step_id, 0, reason)

    def note(self, step_id: str, text: str) -> None:
        """Write a note to the last try of `step_id`.

        Raises:
            AppError: it was never tried.
        """
        self._put("note", step_id, self._tried(step_id).number, text)

    def shot(self, step_id: str, name: str) -> None:
        """A picture `name` was taken for the last try of `step_id`.

        Raises:
            AppError: it was never tried.
        """
        self._put("shot", step_id, self._tried(step_id).number, name)

    def close(self) -> None:
        """The session is over: its recording can take no more markers."""
        self._session = None

    # ------------------------------------------------------------------ helpers

    def _step(self, step_id: str) -> Step:
        step = self.checklist.step(step_id)
        if step is None:
            raise AppError(f"There is no step “{step_id}”.", f"The checklist is {self.checklist.title}.", "Choose one.")
        return step

    def _tried(self, step_id: str) -> Try:
        step = self._step(step_id)
        tried = self.log.last(step_id)
        if tried is None:
            raise AppError(f"“{step.title}” was not tried yet.", "There is nothing to judge.", "Start the step first.")
        return tried

    def _running_session(self) -> Recorded:
        if self._session is None:
            raise AppError("The session is over.", "Steps are done while it runs.", "Begin a new session.")
        return self._session

    def _put(self, action: Action, step: str = "", tried: int = 0, text: str = "", checklist: str = "") -> None:
        t_ns = None if self.closed else self._now_ns()
        mark = Mark(n=self._next, action=action, t_ns=t_ns, step=step, tried=tried, text=text, checklist=checklist)
        self._next += 1
        self._marks.append(mark)
        if self._session is not None:
            self._session.marker(LABEL, mark.note())
        self._keep(mark)

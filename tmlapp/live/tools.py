"""Tools in a session: every call of the model runs on a thread of its own, its results go with the next micro-turn.

A model that hands work over in its own way (`Delegation`) is answered by the tool `delegate` of the session: it gets
the instruction, what both sides have said, and the newest picture.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    BackgroundCalled,
    Delegation,
    DelegationReturned,
    EndpointEvent,
    Event,
    Notice,
    SessionEvent,
    SessionOpened,
    ToolCall,
    ToolCancelled,
    ToolReturned,
)
from tmlapp.core.tool import BackgroundUse, CallCancelledError, Reply, Said, Toolbox, ToolSpec
from tmlapp.core.turn import DelegationResult, MicroTurn, ToolResult
from tmlapp.core.units import s_to_ns
from tmlapp.endpoints.asked import TOOLS
from tmlapp.live.conversation import Conversation

TOOL_LIMIT_S = 600
"""A call that has not ended after this long (of the machine's time, also on virtual time) has failed."""

DELEGATE = "delegate"
"""The tool that works in the background: what an interaction model hands over goes to it."""

OURS = ("", "client")
"""Targets of a delegation that the session is to do; others name a backend of the service itself."""

_UNTOLD = "The voice assistant hands over without a word. Do what the user wants now, going by the conversation."
_USE = ("name", "arguments", "output", "is_error")
_NO_WORKER = "This session has no background model."
_NOT_ANNOUNCED = "The model cannot use the tools of this session."
TOOL_EVENTS = (ToolCall, ToolReturned, Delegation, DelegationReturned, BackgroundCalled)
"""Everything that tools leave in a recording."""

_log = logging.getLogger(__name__)
Result = ToolResult | DelegationResult
Given = Result | BackgroundUse


class RunningCall:
    """One call. It takes results as its `Reply`, from any thread."""

    def __init__(
        self,
        call: ToolCall,
        now_ns: Callable[[], int],
        wake: Callable[[], None],
        deadline_ns: int,
        *,
        delegated: bool = False,
    ) -> None:
        self.call = call
        self.delegated = delegated
        self.deadline_ns = deadline_ns
        self._now_ns = now_ns
        self._wake = wake
        self._lock = threading.Lock()
        self._results: deque[tuple[int, Given]] = deque()
        self._over = False

    @property
    def over(self) -> bool:
        """Its last result came, or it was cancelled."""
        with self._lock:
            return self._over

    def __call__(self, result: Given) -> None:
        """Take `result`.

        Raises:
            CallCancelledError: the call is over.
        """
        with self._lock:
            if self._over:
                raise CallCancelledError(self.call.call_id)
            # Whatever the toolbox names them by, results belong to this call.
            own = result
            if isinstance(result, ToolResult):
                own, self._over = replace(result, call_id=self.call.call_id), True
            elif isinstance(result, DelegationResult):
                own, self._over = replace(result, id=self.call.call_id), result.final
            self._results.append((self._now_ns(), own))
        self._wake()

    def fail(self, why: str) -> None:
        """End it with an error that the model gets to read; nothing happens if it is over."""
        try:
            self(ToolResult(self.call.call_id, why, is_error=True))
        except CallCancelledError:
            return

    def cancel(self) -> None:
        """Nobody wants results any more; what came but was not sent is dropped."""
        with self._lock:
            self._over = True
            self._results.clear()
        self._wake()

    def take(self) -> tuple[list[tuple[int, Given]], bool]:
        """Results that came since the last time, with their session times, and whether nothing more will come."""
        with self._lock:
            taken = list(self._results)
            self._results.clear()
            return taken, self._over


class Tools:
    """The tools of one session. Used by the engine thread alone; `wake` is called from any."""

    def __init__(
        self,
        toolbox: Toolbox | None,
        conversation: Conversation,
        clock: Clock,
        now_ns: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._toolbox = toolbox
        self._conversation = conversation
        self._clock = clock
        self._now_ns = now_ns
        self._wake = wake
        self._calls: list[RunningCall] = []
        self._closed = False
        self.specs: tuple[ToolSpec, ...] = () if toolbox is None else tuple(toolbox.specs)

    def note(self, event: EndpointEvent, publish: Callable[[Event], None]) -> None:
        """The endpoint sent `event`, which is published already: begin or cancel a call, or tell what is refused."""
        self._conversation.note(event)
        match event:
            case SessionOpened():
                for refused in (r for r in event.granted.rejections if r.asked.startswith(TOOLS)):
                    publish(Notice(t_ns=self._now_ns(), level="warning", what=_NOT_ANNOUNCED, why=refused.reason))
            case ToolCall():
                self._begin(event)
            case ToolCancelled():
                self._cancel(event.call_id)
            case Delegation(state="created") if event.target in OURS:
                self._delegate(event, publish)
            case Delegation(state="failed"):
                self._cancel(event.id)
            case _:
                pass

    def turn(self, turn: MicroTurn) -> None:
        """The endpoint is about to get `turn`."""
        self._conversation.turn(turn)

    def take(self, publish: Callable[[Event], None]) -> tuple[Result, ...]:
        """Results for the next micro-turn, call by call in the order of the calls; each is published first."""
        self._fail_overdue()
        results: list[Result] = []
        going_on: list[RunningCall] = []
        for call in self._calls:
            came, over = call.take()
            for t_ns, result in came:
                publish(_returned(t_ns, call.call, result))
                if isinstance(result, ToolResult) and call.delegated:
                    results.append(DelegationResult(result.call_id, result.output, final=True))
                elif not isinstance(result, BackgroundUse):
                    results.append(result)
            if not over:
                going_on.append(call)
        self._calls = going_on
        return tuple(results)

    def await_results(self, wake: threading.Event, stopping: Callable[[], bool]) -> None:
        """On virtual time: block until every call is over, so that a run repeats exactly whatever its tools cost.

        `wake` is set when a result came or the session shall stop.
        """
        while not stopping() and (running := [call for call in self._calls if not call.over]):
            self._clock.wait(wake, min(call.deadline_ns for call in running))
            wake.clear()
            self._fail_overdue()

    def close(self, publish: Callable[[Event], None]) -> None:
        """The session ends: what came is published, what did not has failed. No thread is waited for."""
        self._closed = True
        for call in self._calls:
            call.fail("The session ended before the tool had answered.")
        self.take(publish)

    def _fail_overdue(self) -> None:
        now_ns = self._clock.now_ns()
        for call in self._calls:
            if now_ns >= call.deadline_ns:
                call.fail(f"The tool {call.call.name} gave no result within {TOOL_LIMIT_S} s.")

    def _cancel(self, call_id: str) -> None:
        for call in self._calls:
            if call.call.call_id == call_id:
                call.cancel()

    def _delegate(self, event: Delegation, publish: Callable[[Event], None]) -> None:
        if DELEGATE not in {spec.name for spec in self.specs}:
            what = "The model hands work over, and nobody is there to do it."
            fix = "Choose a background model (--agent), or an endpoint without delegation."
            publish(Notice(t_ns=self._now_ns(), level="warning", what=what, why=_NO_WORKER, fix=fix))
        task = event.text.strip() or _UNTOLD
        self._begin(ToolCall(call_id=event.id, name=DELEGATE, arguments={"task": task}), delegated=True)

    def _begin(self, call: ToolCall, *, delegated: bool = False) -> None:
        limit_ns = self._clock.now_ns() + s_to_ns(TOOL_LIMIT_S)
        running = RunningCall(call, self._now_ns, self._wake, limit_ns, delegated=delegated)
        self._calls.append(running)
        if self._closed:
            running.fail("The session is over.")
        elif delegated and DELEGATE not in {spec.name for spec in self.specs}:
            running.fail(_NO_WORKER)
        elif self._toolbox is None or call.name not in {spec.name for spec in self.specs}:
            names = ", ".join(spec.name for spec in self.specs) or "none"
            running.fail(f"There is no tool {call.name!r}. Tools: {names}.")
        else:
            told = self._conversation.package() if delegated else self._conversation.so_far()
            work = (self._toolbox, running, told)
            # A daemon: a tool that never returns must not keep the program from ending.
            threading.Thread(target=_work, args=work, name=f"tool {call.name}", daemon=True).start()


def _work(toolbox: Toolbox, running: RunningCall, conversation: Sequence[Said]) -> None:
    name = running.call.name
    try:
        toolbox.call(running.call, conversation, running)
    except CallCancelledError:
        return
    except AppError as error:
        running.fail(f"{error.what} {error.why}")
    except Exception as error:  # noqa: BLE001 - a broken tool fails its call, never the conversation
        _log.error("the tool %s failed", name, exc_info=error)
        running.fail(f"The tool {name} failed: {type(error).__name__}: {error}")
    running.fail(f"The tool {name} gave no result.")


def _returned(t_ns: int, call: ToolCall, result: Given) -> SessionEvent:
    name, call_id = call.name, call.call_id
    if isinstance(result, ToolResult):
        return ToolReturned(t_ns=t_ns, call_id=call_id, name=name, output=result.output, is_error=result.is_error)
    if isinstance(result, DelegationResult):
        return DelegationReturned(t_ns=t_ns, id=call_id, name=name, text=result.text, final=result.final)
    members = {m: getattr(result, m) for m in _USE}
    return BackgroundCalled(t_ns=t_ns, id=call_id, **members)


class RecordedToolbox:
    """Answers calls as in a recording, so that replaying its model needs neither the tools nor a network.

    Args:
        events: of a recording, in order; calls are known by their id.
        specs: what was announced then, where that is known.
    """

    def __init__(self, events: Iterable[Event], specs: Sequence[ToolSpec] = ()) -> None:
        self._results: dict[str, list[Given]] = {}
        names: dict[str, None] = {}
        for event in events:
            match event:
                case ToolCall():
                    names[event.name] = None
                case Delegation(state="created") if event.target in OURS:
                    names[DELEGATE] = None
                case ToolReturned():
                    self._keep(event.call_id, ToolResult(event.call_id, event.output, event.is_error))
                case DelegationReturned():
                    self._keep(event.id, DelegationResult(event.id, event.text, event.final))
                case BackgroundCalled():
                    use = {m: getattr(event, m) for m in _USE}
                    self._keep(event.id, BackgroundUse(**use))
                case _:
                    continue
        known = {spec.name for spec in specs}
        recorded = tuple(ToolSpec(name=n, description="As recorded.") for n in names if n not in known)
        self.specs: tuple[ToolSpec, ...] = (*specs, *recorded)

    def _keep(self, call_id: str, result: Given) -> None:
        self._results.setdefault(call_id, []).append(result)

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:  # noqa: ARG002 - the Toolbox's form
        """What was recorded for this call; a call that had no result gets none (and fails as it then did)."""
        for result in self._results.get(call.call_id, ()):
            reply(result)


def recorded_toolbox(events: Iterable[Event]) -> RecordedToolbox | None:
    """The tools of a recording; None where its model called none."""
    toolbox = RecordedToolbox(events)
    return toolbox if toolbox.specs else None

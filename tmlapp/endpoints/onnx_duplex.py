"""One conversation with a local model: a queue, a worker thread, and what happens when it is late (section 8)."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.event import (
    Ducked,
    EndpointError,
    EndpointEvent,
    Granted,
    Limit,
    SessionOpened,
    SpeechHeard,
    TaskSet,
    TextOutDone,
    UnitDone,
    UserTranscript,
)
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import TURN_NS, s_to_ns
from tmlapp.endpoints.emitter import Emitter
from tmlapp.endpoints.onnx_contract import OnnxModel
from tmlapp.endpoints.onnx_current import CurrentTask
from tmlapp.endpoints.onnx_errors import FIXES, OnnxContractError
from tmlapp.endpoints.onnx_hearing import close_hearing, mode_of, open_hearing
from tmlapp.endpoints.onnx_prepare import Prepared, Preparer
from tmlapp.endpoints.onnx_say import NonFiniteError, Speaker
from tmlapp.endpoints.onnx_state import Snapshot, read_snapshot, write_snapshot
from tmlapp.endpoints.onnx_step import StepError, Stepper, Tensor
from tmlapp.endpoints.onnx_tasks import Task
from tmlapp.endpoints.onnx_voice import PATIENCE_S, VoiceDesk

_log = logging.getLogger(__name__)
LAG_CALM = 2
LAG_FATAL = 25
_JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class _Timing:
    """Of one step, in ns of the stopwatch: waited in the queue, hearing, preparation, all of the work.

    `hear_cpu_ns`: what hearing took of the processor, whatever else the machine did.
    """

    queue_ns: int
    hear_ns: int
    hear_cpu_ns: int
    prepare_ns: int
    compute_ns: int


class OnnxDuplex:
    """`Duplex` of a local model.

    The worker takes micro-turns in order and skips none. In real time `lag` is the number of micro-turns that wait
    behind the one in work; in virtual time nothing is ever late, unless the clock is honest.
    """

    def __init__(
        self,
        model: OnnxModel,
        setup: EndpointSetup,
        sink: EventSink,
        granted: Granted,
        *,
        stepper: Stepper | None = None,
        timer: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._model = model
        self._manifest = model.manifest
        self._setup = setup
        self._granted = granted
        self._timer = timer
        self._stepper = stepper or model.stepper()
        self._preparer = Preparer(model.manifest)
        self._speaker = self._new_speaker()
        self._current = CurrentTask(model.tasks, setup.instruction, model.manifest.folder)
        self._ears = open_hearing(model.manifest, setup.options, model.tasks, self._current)
        self._emitter = Emitter(sink)
        self._wake = threading.Condition()
        self._queue: deque[tuple[MicroTurn, int]] = deque()
        self._busy = False
        self._stopping = False
        self._failure = ""
        self._limited = False
        self._next_index: int | None = None
        self._free_at_ns = 0
        self._idle = threading.Event()
        self._idle.set()
        self._step_lock = threading.RLock()
        if path := setup.options.get("state"):
            self.restore_state(Path(path))
        self._send(SessionOpened(granted=granted))
        if self._manifest.task.kind != "none":
            self._send(self._task_set(self._current.task, from_turn=0))
        self._worker = threading.Thread(target=self._work, name=f"model {self._manifest.name}", daemon=True)
        self._worker.start()

    @property
    def granted(self) -> Granted:
        return self._granted

    def push(self, turn: MicroTurn) -> None:
        """Queue `turn` for the worker; after a failure or `close` it is ignored.

        Raises:
            ValueError: micro-turns do not follow each other.
        """
        with self._wake:
            if self._stopping or self._failure:
                return
            if self._next_index is not None and turn.index != self._next_index:
                raise ValueError(f"micro-turn {self._next_index} was expected, not {turn.index}")
            self._next_index = turn.index + 1
            self._queue.append((turn, self._timer()))
            self._idle.clear()
            self._wake.notify()
            waiting = len(self._queue) if self._busy else 0
        if not self._setup.virtual_time:
            self._watch(waiting)

    def drain(self, timeout_s: float) -> None:
        clock = self._setup.clock
        clock.wait(self._idle, clock.now_ns() + s_to_ns(timeout_s))

    def close(self) -> None:
        with self._wake:
            self._stopping = True
            self._queue.clear()
            self._wake.notify()
        self._stepper.stop()
        if threading.current_thread() is not self._worker:
            self._worker.join(_JOIN_S)
            if self._worker.is_alive():
                _log.error("the model's thread does not end; its step is left behind")
            else:
                close_hearing(self._manifest, self._ears)
                self._ears = None
        self._idle.set()
        code = self._failure or "normal"
        self._emitter.close(code, "closed after an error" if self._failure else "closed", self._now_ns())

    def reset(self) -> None:
        """Forget everything heard, seen and said: states as at the start. Waits for a running step."""
        with self._step_lock:
            self._stepper.reset()
            self._preparer.reset()
            self._speaker = self._new_speaker()
            if self._ears is not None:
                self._ears.reset()

    def save_state(self, path: Path) -> None:
        """Write the memory after the last finished step as `.npz`. Waits for a running step."""
        with self._step_lock:
            snapshot = Snapshot(self._manifest.sha256, self._stepper.states(), self._preparer.memory())
        write_snapshot(path, snapshot)

    def restore_state(self, path: Path) -> None:
        """Go on from a memory that `save_state` wrote.

        Raises:
            OnnxContractError: E_STATE_FILE where it belongs to another model or is damaged.
        """
        snapshot = read_snapshot(path, self._manifest.sha256, self._model.initial)
        with self._step_lock:
            self._stepper.restore(snapshot.states)
            self._preparer.restore(snapshot.app)

    def _new_speaker(self) -> Speaker:
        # In virtual time nobody waits for the voice, and what is heard must not depend on the machine.
        voice = VoiceDesk(self._setup.synthesize, None if self._setup.virtual_time else PATIENCE_S)
        return Speaker(self._manifest, self._model.clips, speech=self._model.speech, voice=voice)

    def _now_ns(self) -> int:
        return self._free_at_ns if self._setup.virtual_time else self._setup.session_now_ns()

    def _work(self) -> None:
        with self._as_failure("the start"):
            self._speaker.rehearse(self._current.task)
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                if self._stopping:
                    return
                turn, queued_ns = self._queue.popleft()
                self._busy = True
                lag = len(self._queue)
            with self._as_failure(f"micro-turn {turn.index}"), self._step_lock:
                self._answer(turn, queued_ns, lag)
            with self._wake:
                self._busy = False
                if not self._queue:
                    self._idle.set()

    @contextmanager
    def _as_failure(self, where: str) -> Iterator[None]:
        try:
            yield
        except NonFiniteError as error:
            self._fail("internal", "E_NONFINITE", f"{error}.")
        except StepError as error:
            if not self._stopping:
                self._fail("internal", "E_RUN", f"onnxruntime refused {where}: {error}")
        except Exception as error:  # noqa: BLE001 - a bug must stop the session with a word, not end a thread in silence
            _log.exception("the worker failed at %s", where)
            self._fail("internal", "E_INTERNAL", f"{type(error).__name__} at {where}: {error}")

    def _answer(self, turn: MicroTurn, queued_ns: int, lag: int) -> None:
        start_ns = self._timer()
        if not self._setup.virtual_time:
            self._watch(lag)
        cpu_ns = time.thread_time_ns()
        heard: list[SpeechHeard | Ducked] = []
        if self._ears is not None:
            heard = self._ears.turn(turn, mode_of(self._current), self._speaker.speaks_until_ns)
        heard_ns, cpu_ns = self._timer(), time.thread_time_ns() - cpu_ns
        prepared = self._preparer.prepare(turn, skip_frames=self._limited)
        prepared_ns = self._timer()
        outputs = self._stepper.step(prepared.inputs | self._task_inputs())
        end_ns = self._timer()
        timing = _Timing(start_ns - queued_ns, heard_ns - start_ns, cpu_ns, prepared_ns - heard_ns, end_ns - start_ns)
        if self._setup.virtual_time:
            lag = self._advance(turn, timing.compute_ns)
        for ducked in heard:
            if isinstance(ducked, Ducked):
                self._send(ducked)
        spoke = False
        # One by one: a phrase is shown before its sound is there.
        for event in self._speaker.answer(turn, outputs, self._current.task):
            spoke = spoke or isinstance(event, TextOutDone)
            self._send(event)
        self._current.answered(spoke)
        for text in turn.texts:
            self._hear(text, turn)
        for speech in heard:
            if isinstance(speech, SpeechHeard):
                self._obey(speech, turn)
        self._send(self._unit_done(turn, outputs, prepared, timing, lag))

    def _advance(self, turn: MicroTurn, compute_ns: int) -> int:
        """Move virtual time to the end of this step; gives the lag that a live run would have had."""
        if not self._setup.honest_clock:
            self._free_at_ns = turn.end_ns
            return 0
        start_ns = max(turn.end_ns, self._free_at_ns)
        self._free_at_ns = start_ns + compute_ns
        return (start_ns - turn.end_ns) // TURN_NS

    def _send(self, event: EndpointEvent) -> None:
        if not self._failure:
            self._send_anyway(event)

    def _send_anyway(self, event: EndpointEvent) -> None:
        with self._emitter.lock:
            now_ns = self._now_ns()
            if isinstance(event, UnitDone):
                event = replace(event, latency_ns=now_ns - (event.micro_turn + 1) * TURN_NS)
            self._emitter.emit(replace(event, t_rx_ns=now_ns))

    def _unit_done(
        self, turn: MicroTurn, outputs: dict[str, Tensor], prepared: Prepared, timing: _Timing, lag: int
    ) -> UnitDone:
        diagnostics = {
            name.removeprefix("diag."): [float(v) for v in value[0]]
            for name, value in outputs.items()
            if name.startswith("diag.") and np.isfinite(value).all()
        }
        diagnostics["app.prepare_ms"] = [timing.prepare_ns / 1e6]
        if self._ears is not None:
            diagnostics |= self._ears.diagnostics()
            diagnostics["app.hear_ms"] = [timing.hear_ns / 1e6]
            diagnostics["app.hear_cpu_ms"] = [timing.hear_cpu_ns / 1e6]
        if self._manifest.frames is not None:
            diagnostics["app.frames_repeated"] = [float(prepared.repeated)]
            diagnostics["app.frames_skipped"] = [float(prepared.skipped)]
            diagnostics["app.frames_undecodable"] = [float(prepared.undecodable)]
        if self._model.speech:
            diagnostics["app.speech_clipped"] = [float(self._speaker.clipped)]
        return UnitDone(
            micro_turn=turn.index,
            latency_ns=0,
            compute_ns=timing.compute_ns,
            queue_ns=timing.queue_ns,
            lag_turns=lag,
            diagnostics=diagnostics,
            t_media_ns=turn.end_ns,
            media_kind="session",
        )

    def _task_inputs(self) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        task = self._current.task
        if task.value is not None:
            inputs["task"] = task.value
        if self._model.task_params:
            inputs["task_params"] = np.array([list(task.params.values())], dtype=np.float32)
        return inputs

    def _hear(self, text: TextInput, turn: MicroTurn) -> None:
        if not text.text.strip():
            return
        problem = ""
        if text.role != "user":
            problem = "A local model takes no messages of the system."
        elif self._manifest.task.kind == "none":
            problem = f"{self._manifest.name} does one thing and takes no instruction."
        if problem:
            self._send(EndpointError(kind="unsupported", code="E_TASK_UNSUPPORTED", message=problem, fatal=False))
            return
        self._instruct(text.text, text.t_ns, turn)

    def _obey(self, speech: SpeechHeard, turn: MicroTurn) -> None:
        self._send(speech)
        if speech.accepted:
            times: dict[str, Any] = {"t_media_ns": speech.from_ns, "dur_media_ns": speech.to_ns - speech.from_ns}
            self._send(UserTranscript(text=speech.text, final=True, media_kind="session", **times))
            self._instruct(speech.text, speech.to_ns, turn)

    def _instruct(self, text: str, ended_ns: int, turn: MicroTurn) -> None:
        """Follow an instruction that was found in `turn`; `ended_ns` is when its last word was said or typed."""
        try:
            task = self._current.follow(text, max(0, turn.end_ns - ended_ns), turn.index + 1)
        except OnnxContractError as error:
            kind: Literal["unsupported", "invalid_input"] = (
                "unsupported" if error.code == "E_TASK_UNSUPPORTED" else "invalid_input"
            )
            self._send(EndpointError(kind=kind, code=error.code, message=f"{error.message} {error.fix}", fatal=False))
            return
        self._send(self._task_set(task, from_turn=turn.index + 1))
        if self._current.paused or task.name == "none":
            for event in self._speaker.hush(turn):
                self._send(event)
        self._speaker.rehearse(task)

    @staticmethod
    def _task_set(task: Task, *, from_turn: int) -> TaskSet:
        return TaskSet(instruction=task.instruction, task=task.name, params=dict(task.params), from_turn=from_turn)

    def _watch(self, lag: int) -> None:
        """React to `lag` micro-turns that wait: skip pictures, say so, give up."""
        limit = self._manifest.max_lag_turns
        if lag >= LAG_FATAL:
            self._fail("backpressure", "E_OVERRUN", f"The model is {lag} micro-turns ({lag / 5:.1f} s) behind.")
        elif lag >= limit and not self._limited:
            self._limited = True
            _log.warning("the model is %d micro-turns behind; pictures are skipped", lag)
            message = f"The model is {lag} micro-turns ({lag / 5:.1f} s) behind; the last picture is repeated."
            self._send(Limit(kind="rate", ratio=lag / LAG_FATAL, message=message))
        elif lag < LAG_CALM and self._limited and threading.current_thread() is self._worker:
            self._limited = False

    def _fail(self, kind: Literal["internal", "backpressure"], code: str, message: str) -> None:
        with self._wake:
            if self._failure or self._stopping:
                return
            self._failure = code
            self._queue.clear()
            self._idle.set()
        self._stepper.stop()
        error = EndpointError(kind=kind, code=code, message=f"{message} {FIXES.get(code, '')}".strip(), fatal=True)
        self._send_anyway(error)

"""The conversation with a remote model as a session sees it; everything that waits happens on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import Granted
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.remote.contract import Dialect, Patience, Target
from tmlapp.endpoints.remote.course import Course
from tmlapp.endpoints.remote.errors import endpoint_error, refused
from tmlapp.endpoints.remote.lending import Lender
from tmlapp.endpoints.remote.opening import LostError
from tmlapp.endpoints.remote.outbox import Outbox
from tmlapp.endpoints.remote.outlet import Outlet
from tmlapp.endpoints.remote.wirelog import Redactor

_LOOK_S = 0.05
_JOIN_S = 5.0
_log = logging.getLogger(__name__)


class RemoteDuplex:
    """`Duplex` over a socket. Make it, then `start` it.

    Events reach the sink from the connection's thread, also while `start` still waits.
    """

    def __init__(
        self, dialect: Dialect, target: Target, setup: EndpointSetup, sink: EventSink, patience: Patience | None = None
    ) -> None:
        self._dialect = dialect
        self._target = target
        self._setup = setup
        self._patience = patience or Patience()
        self._outlet = Outlet(sink, setup, Redactor(target.secret))
        self._outbox = Outbox(2 * self._patience.give_up_turns)
        self._granted: Granted | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._course: Course | None = None
        self._lender = Lender()
        self._lock = threading.Lock()
        self._unwanted = False
        self._ended = False
        self._settled = threading.Event()
        self._drained = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"endpoint {target.name}", daemon=True)

    @property
    def granted(self) -> Granted:
        if self._granted is None:
            raise RuntimeError("the session is not open")
        return self._granted

    def start(self) -> None:
        """Connect and wait until the session is granted.

        Raises:
            AppError: it cannot be opened, or nobody wants it any more.
        """
        self._thread.start()
        while not self._settled.wait(_LOOK_S):
            if self._setup.abandoned():
                self.close()
        if self._granted is not None and not self._unwanted:
            return
        self._thread.join(_JOIN_S)
        raise self._why_not()

    def push(self, turn: MicroTurn) -> None:
        """Hand `turn` to the network, or queue it for it; never waits for either. After the end it is ignored."""
        # Another thread is woken in a millisecond or many: what can go at once goes from here.
        if self._gone(turn) or self._outbox.put(turn):
            self._on_loop(lambda course: course.pushed)

    def drain(self, timeout_s: float) -> None:
        """Send what waits and the end of input; wait until the endpoint has said everything, or `timeout_s`."""
        self._on_loop(lambda course: course.end_input)
        if not self._on_own_thread():
            self._drained.wait(timeout_s)

    def close(self) -> None:
        """Say goodbye and release everything; may be called at any time, from any thread, also from the sink."""
        with self._lock:
            self._unwanted = True
        self._on_loop(lambda course: course.stop)
        if self._on_own_thread() or not self._thread.is_alive():
            return
        self._thread.join(self._dialect.close_s + _JOIN_S)
        if self._thread.is_alive():
            _log.critical("the connection to %s does not end", self._target.address)
            if not self._outlet.close("1006", "The connection did not end in time.", "us", timeout_s=_LOOK_S):
                _log.critical("the session does not return from an event of %s", self._target.address)

    # ------------------------------------------------------------------ the connection's thread

    def _run(self) -> None:
        loop = self._lender.loop()
        loop.set_exception_handler(self._loop_fault)
        try:
            loop.run_until_complete(self._converse(loop))
        except Exception as error:  # noqa: BLE001 - the last stop of this thread: told, logged, and everybody is let go
            self._outlet.fault("the connection's thread", error)
            what = f"A fault in tmlapp: {type(error).__name__}."
            self._outlet.emit(endpoint_error("internal", type(error).__name__, what))
            self._outlet.close("internal", what, "us")
        finally:
            with self._lock:
                self._ended = True
            self._release(loop)
            self._settled.set()
            self._drained.set()

    async def _converse(self, loop: asyncio.AbstractEventLoop) -> None:
        course = Course(
            self._dialect,
            self._target,
            self._setup,
            self._outlet,
            self._outbox,
            self._patience,
            self._opened,
            self._drained.set,
        )
        with self._lock:
            self._loop, self._course = loop, course
            if self._unwanted:
                course.stop()
        await course.run()

    def _opened(self, granted: Granted) -> None:
        self._granted = granted
        self._settled.set()

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            self._outlet.fault("a task of the connection", error)
        else:
            _log.error("the connection's loop: %s", self._outlet.redactor.text(str(context.get("message"))))

    # ------------------------------------------------------------------ helpers

    def _on_loop(self, what: Callable[[Course], Callable[[], None]]) -> None:
        with self._lock:
            if self._ended or self._loop is None or self._course is None:
                return
            self._loop.call_soon_threadsafe(what(self._course))

    def _gone(self, turn: MicroTurn) -> bool:
        course = self._course
        if course is None:
            return False
        with self._lender.borrowed() as mine:
            return mine and course.send_now(turn)

    def _on_own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def _why_not(self) -> AppError:
        failure: LostError | None = self._course.failure if self._course else None
        if failure is not None and failure.end.app is not None:
            return self._redacted_app(failure.end.app)
        if failure is not None and failure.end.error is not None:
            return refused(self._target.name, self._outlet.redactor.value(failure.end.error))
        return AppError(
            f"“{self._target.name}” was not opened.", "It was given up while it connected.", "Start it again."
        )

    def _redacted_app(self, app: AppError) -> AppError:
        """`app` without the key, and without the traceback that may lead to headers."""
        hide = self._outlet.redactor.text
        shown = (hide(app.what), hide(app.why), hide(app.fix))
        if shown == (app.what, app.why, app.fix) and type(app) is not AppError:
            return app.with_traceback(None)
        return AppError(*shown)

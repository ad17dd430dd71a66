"""The end of a session: the endpoint says what it still has to say, and is heard meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tmlapp.core.clock import Clock
from tmlapp.core.endpoint import Duplex
from tmlapp.core.units import TURN_NS, s_to_ns
from tmlapp.live.speaking import Speaking

DRAIN_S = 10.0
"""How long an endpoint may go on, and then the loudspeaker."""


def drained(duplex: Duplex, clock: Clock | None, wake: threading.Event, meanwhile: Callable[[], None]) -> None:
    """Drain `duplex` on a thread of its own and call `meanwhile` whenever `wake` is set or a micro-turn has passed.

    Without a `clock`, as on virtual time, there is no meanwhile.

    Raises:
        Exception: whatever draining it raised.
    """
    if clock is None:
        duplex.drain(DRAIN_S)
        return
    over = threading.Event()
    failed: list[BaseException] = []

    def drain() -> None:
        try:
            duplex.drain(DRAIN_S)
        except BaseException as error:  # noqa: BLE001 - it is raised on the engine thread
            failed.append(error)
        finally:
            over.set()
            wake.set()

    # A daemon: an endpoint that never returns must not keep the program from ending.
    threading.Thread(target=drain, name="drain", daemon=True).start()
    while not over.is_set():
        clock.wait(wake, clock.now_ns() + TURN_NS)
        wake.clear()
        meanwhile()
    if failed:
        raise failed[0]


def heard_out(speaking: Speaking, advance: Callable[[int], None], end_ns: int, clock: Clock | None) -> None:
    """Let what was said be heard to its end, for `DRAIN_S` at most; at once where there is no `clock` to wait for."""
    speaking.finish()
    waiting = threading.Event()
    for _ in range(s_to_ns(DRAIN_S) // TURN_NS):
        if not speaking.busy:
            break
        if clock is not None:
            clock.wait(waiting, clock.now_ns() + TURN_NS)
        end_ns += TURN_NS
        advance(end_ns)
    advance(end_ns)

"""When a connection that goes away is left, when the end of a session is announced, how much a service may say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.endpoints.talk import turn
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    Delegation,
    EndpointEvent,
    Granted,
    Interrupted,
    RoundTrip,
    TextOut,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnStarted,
    UserSpeech,
)
from tmlapp.core.turn import Control, DelegationResult, MicroTurn, ToolResult
from tmlapp.endpoints.remote.flood import BURST_S, BYTES_PER_S, ENDLESS_S, FRAMES_PER_S, Flood
from tmlapp.endpoints.remote.http import MAX_BODY_BYTES, fetch
from tmlapp.endpoints.remote.limits import Expiry, Quiet
from tmlapp.endpoints.remote.outbox import Outbox
from tmlapp.endpoints.remote.threads import in_thread

pytestmark = pytest.mark.unit


class Timer:
    def __init__(self, at_s: float, call: Callable[[], object]) -> None:
        self.at_s = at_s
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class HandLoop:
    """The clock of a loop, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, call: Callable[..., object], *args: object) -> Timer:
        return self.call_at(self.now_s + delay_s, call, *args)

    def call_at(self, at_s: float, call: Callable[..., object], *args: object) -> Timer:
        timer = Timer(at_s, lambda: call(*args))
        self.timers.append(timer)
        return timer

    def advance(self, by_s: float) -> None:
        self.now_s += by_s
        for timer in list(self.timers):
            if timer.at_s <= self.now_s and not timer.cancelled:
                self.timers.remove(timer)
                timer.call()


def quiet(calm_s: float = 1.0) -> tuple[Any, Quiet]:
    loop = HandLoop()
    made = Quiet(loop, calm_s)  # type: ignore[arg-type]
    loop.advance(10)
    return loop, made


def test_a_calm_connection_is_left_at_once() -> None:
    _, made = quiet()
    made.leave_within(50)
    assert made.due.is_set()
    made.reset()
    assert not made.due.is_set()


BUSY: list[tuple[EndpointEvent, EndpointEvent | Control]] = [
    (TurnStarted(), TurnDone(status="completed")),
    (TurnStarted(), Interrupted()),
    (UserSpeech(state="started", source="model"), UserSpeech(state="stopped", source="model")),
    (ToolCall(call_id="c", name="n", arguments={}), ToolCancelled(call_id="c")),
    (ToolCall(call_id="c", name="n", arguments={}), ToolResult("c", "x")),
    (Delegation(id="d", target="t", state="created"), Delegation(id="d", target="t", state="done")),
    (Delegation(id="d", target="t", state="created"), DelegationResult("d", "x", final=True)),
]


@pytest.mark.parametrize(("begin", "end"), BUSY)
def test_a_busy_connection_is_left_once_it_has_been_calm(begin: EndpointEvent, end: EndpointEvent | Control) -> None:
    loop, made = quiet()
    made.note(begin)
    made.leave_within(50)
    loop.advance(20)
    assert not made.due.is_set()
    if isinstance(end, EndpointEvent):
        made.note(end)
    else:
        made.sent(MicroTurn(0, turn(0).pcm, controls=(end,)))
    loop.advance(0.9)
    assert not made.due.is_set()
    made.note(TextOut(delta="x"))
    made.note(RoundTrip(rtt_ns=1))
    loop.advance(0.9)
    assert not made.due.is_set()
    made.sent(turn(1, text="typed"))
    made.sent(turn(2))
    loop.advance(1.0)
    assert made.due.is_set()


def test_a_connection_that_is_never_calm_is_left_shortly_before_it_strikes() -> None:
    loop, made = quiet()
    made.note(TurnStarted())
    made.leave_within(50)
    loop.advance(46.9)
    assert not made.due.is_set()
    loop.advance(0.2)
    assert made.due.is_set()


def test_an_end_that_is_not_given_or_too_near_is_not_announced() -> None:
    said: list[float] = []
    loop = HandLoop()
    expiry = Expiry(loop, said.append)  # type: ignore[arg-type]
    granted = Granted(endpoint="e", name="n", local=False)
    expiry.set(granted, 0)
    expiry.check(10**15)
    expiry.set(Granted(endpoint="e", name="n", local=False, expires_at_ms=100_000), 0)
    loop.advance(39)
    assert said == []
    loop.advance(1)
    assert said == [60_000]
    loop.advance(1000)
    assert said == [60_000]


def test_an_end_is_announced_once_by_whichever_clock_is_first() -> None:
    said: list[float] = []
    loop = HandLoop()
    expiry = Expiry(loop, said.append)  # type: ignore[arg-type]
    expiry.set(Granted(endpoint="e", name="n", local=False, expires_at_ms=600_000), 0)
    expiry.check(300_000_000_000)
    loop.advance(301)
    assert said == [300_000]
    loop.advance(240)
    assert said == [300_000, 60_000]
    expiry.set(Granted(endpoint="e", name="n", local=False, expires_at_ms=1_000_000), 0)
    expiry.forget()
    loop.advance(10_000)
    assert len(said) == 2


def test_a_service_that_says_too_much_is_read_more_slowly_and_not_for_ever() -> None:
    now = [0.0]
    flood = Flood(lambda: now[0])
    burst = round(FRAMES_PER_S * BURST_S)
    assert all(flood.pause_s(10) == 0 for _ in range(burst))
    assert flood.pause_s(10) > 0
    assert not flood.endless
    while now[0] < ENDLESS_S + 1:
        now[0] += flood.pause_s(10) / 2
    assert flood.endless


def test_a_burst_that_ends_is_forgiven() -> None:
    now = [0.0]
    flood = Flood(lambda: now[0])
    for _ in range(25):
        flood.pause_s(16 * 2**20)
    assert flood.pause_s(round(BYTES_PER_S)) > 0
    now[0] += 15.0
    assert flood.pause_s(10) == 0
    now[0] += ENDLESS_S * 2
    flood.pause_s(10)
    assert not flood.endless


def test_an_outbox_is_bounded_and_tells_what_found_no_room() -> None:
    box = Outbox(2)
    assert [box.put(turn(i)) for i in range(4)] == [True, True, False, False]
    assert len(box) == 2
    assert box.clear() == [0, 1, 2, 3]
    assert box.clear() == []
    assert box.take() is None


# ---------------------------------------------------------------------- asking before the session


class Answers(BaseHTTPRequestHandler):
    status = 200
    body = b'{"ok": true}'
    seen: list[str] = []  # noqa: RUF012 - one server per test

    def do_GET(self) -> None:
        self.seen.append(str(self.headers["Authorization"]))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_any_answer_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    handler = type("Handler", (Answers,), {"status": status, "seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        answer = fetch(f"http://127.0.0.1:{server.server_port}/x", {"Authorization": "a"})
        server.shutdown()
    assert (answer.status, answer.body) == (status, b'{"ok": true}')
    assert handler.seen == ["a"]


@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_breaks_off_is_told(status: int) -> None:
    def do_get(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"20\r\nabc")

    with HTTPServer(("127.0.0.1", 0), type("Handler", (Answers,), {"do_GET": do_get})) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(AppError, match="could not be asked"):
            fetch(f"http://127.0.0.1:{server.server_port}/x", {})
        server.shutdown()


def test_an_answer_is_read_up_to_a_bound() -> None:
    handler = type("Handler", (Answers,), {"body": b"x" * (MAX_BODY_BYTES + 10), "seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        answer = fetch(f"http://127.0.0.1:{server.server_port}/x", {})
        server.shutdown()
    assert len(answer.body) == MAX_BODY_BYTES


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://127.0.0.1:9\x00/"])
def test_nobody_to_ask_is_told(url: str) -> None:
    with pytest.raises(AppError, match="could not be asked"):
        fetch(url, {}, timeout_s=1.0)


def test_what_blocks_is_awaited_and_may_be_left_behind() -> None:
    go = threading.Event()

    def fail() -> int:
        raise KeyError("x")

    async def all_of_it() -> None:
        assert await in_thread(lambda: 5) == 5
        with pytest.raises(KeyError):
            await in_thread(fail)
        task = asyncio.ensure_future(in_thread(go.wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(all_of_it())
    go.set()

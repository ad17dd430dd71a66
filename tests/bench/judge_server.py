"""A chat service on loopback that answers as a test tells it, and a clock on which waiting takes no time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tmlapp.bench.judges.base import JudgePrompt, Question, Ruling, json_objects
from tmlapp.bench.judges.chat import ChatClient, Limits
from tmlapp.bench.judges.openai import OpenAIJudge
from tmlapp.core.clock import Clock

RIGHT = '{"correct": true}'
KEY = "sk-very-secret-0123"
Answer = tuple[int, dict[str, str], bytes]
Asked = Callable[[dict[str, Any], int], Answer | str]


class SkippingClock:
    """Whoever waits is there at once; the waits are kept, in seconds."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._now_ns = 10**12
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        assert until_ns is not None
        with self._lock:
            self.waits.append(round((until_ns - self._now_ns) / 1e9, 6))
            self._now_ns = max(self._now_ns, until_ns)
        return event.is_set()


class Scripted:
    """Rules as it is told, and keeps what it was asked."""

    name = "scripted"
    parallel = 4

    def __init__(self, value: Any = True, *, reply: str = "", why: str = "") -> None:
        self.value, self.reply, self.why = value, reply, why
        self.asked: list[str] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question.item)
        replies = (self.reply,) if self.reply else ()
        return Ruling(value=self.value, judge=self.name, why=self.why, replies=replies, details={"model": "m-1"})

    def provenance(self) -> tuple[dict[str, Any], ...]:
        if not self.asked:
            return ()
        sha256 = question().prompt.sha256
        return ({"judge": self.name, "kind": "t/correct", "prompt_sha256": sha256, "calls": len(self.asked)},)


class Service(ThreadingHTTPServer):
    """Keeps what it was asked; `answer(body, n)` says what the n-th call (from 0) gets."""

    daemon_threads = True

    def __init__(self, answer: Asked) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that broke off is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            n = len(self.server.bodies)
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.paths.append(self.path)
        answered = self.server.answer(body, n)
        status, headers, content = (200, {}, said(answered)) if isinstance(answered, str) else answered
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is given
        """Quiet."""


@contextmanager
def service(answer: Asked | Answer | str | list[Answer | str]) -> Iterator[Service]:
    """A running service: a function of the body and the number of the call, one answer for all, or one for each."""

    def same(_body: dict[str, Any], n: int) -> Answer | str:
        assert not callable(answer)
        return answer[n] if isinstance(answer, list) else answer

    server = Service(answer if callable(answer) else same)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(text: Any, **more: Any) -> bytes:
    """A chat reply as services send it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps({"model": "judge-1-2026", "choices": [choice], "usage": usage} | more).encode()


def refusal(status: int, headers: dict[str, str] | None = None, **error: Any) -> Answer:
    return status, headers or {}, json.dumps({"error": {"message": "no", **error}}).encode()


def read_correct(reply: str) -> bool | None:
    for found in json_objects(reply)[:1]:
        if isinstance(found.get("correct"), bool):
            return bool(found["correct"])
    return None


def question(n: int = 0, **more: Any) -> Question:
    fields = {"candidate": f"three {n}", "expected": "three"}
    ask = {"kind": "t/correct", "user": "Is $candidate $expected?", "system": "Judge.", "parse": read_correct} | more
    return Question(prompt=JudgePrompt(**ask), item=f"item-{n}", key="main", fields=fields)


def client_of(server: Service, *, clock: Clock | None = None, key: bool = False, **limits: Any) -> ChatClient:
    environ = {"JUDGE_KEY": KEY}
    return ChatClient(
        model="judge-1",
        url=server.url,
        key_env="JUDGE_KEY" if key else "",
        limits=Limits(**limits),
        clock=clock or SkippingClock(),
        environ=environ,
        wall=lambda: datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC),
    )


def judge_of(server: Service, **more: Any) -> OpenAIJudge:
    return OpenAIJudge(client_of(server, **more))

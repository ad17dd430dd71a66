"""One streamed reply of an OpenAI-compatible chat endpoint: server-sent events to text and tool calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tmlapp.core.clock import Clock
from tmlapp.core.units import NS_PER_S, s_to_ns

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
TRIES = 3
_BACKOFF_S = 1.0
_READ_S = 60.0
_SHOWN = 300


class ChatError(Exception):
    """The endpoint gave no usable reply; `retry` if it may give one when asked again, `after_s` later."""

    def __init__(self, why: str, *, retry: bool = False, after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry = retry
        self.after_s = after_s


@dataclass(slots=True)
class Wanted:
    """A tool call in the making: `arguments` is JSON text, put together from its pieces."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Step:
    """One reply of the model: what it said, what it wants called, and what it cost in tokens."""

    text: str = ""
    calls: list[Wanted] = field(default_factory=list)
    finish: str = ""
    tokens: int = 0
    counted: int | None = None


def sse_data(chunks: Iterable[bytes]) -> Iterator[str]:
    """The `data` of each server-sent event, however the bytes are cut into chunks.

    Lines end with LF or CR LF and with nothing else: a text may hold U+2028.
    """
    rest, data = b"", []
    for chunk in chunks:
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode("utf-8", "replace")
            if line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                yield "\n".join(data)
                data = []
    last = rest.rstrip(b"\r").decode("utf-8", "replace")
    if last.startswith("data:"):
        data.append(last[5:].removeprefix(" "))
    if data:
        yield "\n".join(data)


class ChatClient:
    """Asks one endpoint. Nothing that it raises or logs holds the key.

    Args:
        url: base address, e.g. `https://api.example.org/v1`.
        key: sent as a bearer token; empty for a server that needs none.
    """

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        self._url = url.rstrip("/") + "/chat/completions"
        self._key = key
        self._clock = clock

    def step(self, body: Mapping[str, Any], deadline_ns: int, on_text: Callable[[str], None]) -> Step:
        """One reply; `on_text` gets its text as it comes.

        Asked again after a limit, a fault of the server or a broken connection, unless text was given already.

        Raises:
            ChatError: there is no reply; its text is meant for a person.
        """
        tried = 0
        while True:
            given = _Given(on_text)
            try:
                return self._once(body, deadline_ns, given)
            except ChatError as error:
                tried += 1
                after_s = _BACKOFF_S * 2 ** (tried - 1) if error.after_s is None else error.after_s
                until_ns = self._clock.now_ns() + s_to_ns(after_s)
                if not error.retry or given.any or tried == TRIES or until_ns >= deadline_ns:
                    raise ChatError(self._without_key(str(error))) from None
                self._clock.wait(threading.Event(), until_ns)

    def _once(self, body: Mapping[str, Any], deadline_ns: int, on_text: Callable[[str], None]) -> Step:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        left_s = max(1e-3, (deadline_ns - self._clock.now_ns()) / NS_PER_S)
        try:
            with (
                httpx.Client(timeout=min(_READ_S, left_s)) as client,
                client.stream("POST", self._url, json=dict(body), headers=headers) as response,
            ):
                if response.status_code != 200:
                    response.read()
                    raise _refusal(response)
                if "text/event-stream" in response.headers.get("content-type", ""):
                    return self._streamed(response, deadline_ns, on_text)
                return _whole(response.read(), on_text)
        except httpx.InvalidURL as error:
            raise ChatError(f"The address is not valid: {error}.") from None
        except httpx.TimeoutException:
            raise ChatError("The endpoint did not answer in time.", retry=True) from None
        except httpx.HTTPError as error:
            raise ChatError(f"The connection failed: {type(error).__name__}: {error}.", retry=True) from None

    def _streamed(self, response: httpx.Response, deadline_ns: int, on_text: Callable[[str], None]) -> Step:
        step, done = Step(), False
        for data in sse_data(response.iter_bytes()):
            if self._clock.now_ns() >= deadline_ns:
                raise ChatError("The time for the task is up.")
            if data.strip() == "[DONE]":
                done = True
                break
            take(step, _object(data), on_text)
        if not done and not step.finish:
            raise ChatError("The connection broke in the middle of a reply.", retry=True)
        return _finished(step)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


class _Given:
    """Passes text on, and remembers whether there was any."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self.any = False

    def __call__(self, text: str) -> None:
        self.any = True
        self._on_text(text)


def take(step: Step, event: Mapping[str, Any], on_text: Callable[[str], None]) -> None:
    """Add one event of the stream to `step`.

    Raises:
        ChatError: the event is an error, or not of the form that is expected.
    """
    if event.get("error"):
        error = event["error"]
        raise ChatError(f"The endpoint failed: {error.get('message', error) if isinstance(error, dict) else error}.")
    try:
        usage = event.get("usage")
        if usage:
            step.counted = int(usage.get("completion_tokens") or 0)
        for choice in (event.get("choices") or ())[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            if text := delta.get("content") or "":
                step.text += text
                step.tokens += 1
                on_text(text)
            for piece in delta.get("tool_calls") or ():
                step.tokens += 1
                _take_call(step, piece)
            step.finish = choice.get("finish_reason") or step.finish
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        raise ChatError(f"The reply is not of the form of a chat: {type(error).__name__}.", retry=True) from None


def _take_call(step: Step, piece: Mapping[str, Any]) -> None:
    function = piece.get("function") or {}
    index = piece.get("index")
    if index is None:
        # Some servers send whole calls without an index, one an event.
        index = len(step.calls) if piece.get("id") or not step.calls else len(step.calls) - 1
    if not 0 <= int(index) <= len(step.calls):
        raise ValueError("index")
    if index == len(step.calls):
        step.calls.append(Wanted())
    call = step.calls[index]
    call.id += piece.get("id") or "" if not call.id else ""
    call.name += function.get("name") or ""
    arguments = function.get("arguments") or ""
    call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)


def _whole(content: bytes, on_text: Callable[[str], None]) -> Step:
    step = Step()
    take(step, _object(content.decode("utf-8", "replace")), on_text)
    if not step.finish and not step.text and not step.calls:
        raise ChatError("The reply is empty.", retry=True)
    return _finished(step)


def _finished(step: Step) -> Step:
    step.tokens = step.tokens if step.counted is None else step.counted
    return step


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ChatError(f"The reply is not JSON: {data[:_SHOWN]}", retry=True)
    return value


def _refusal(response: httpx.Response) -> ChatError:
    text = response.text.strip()[:_SHOWN]
    why = f"The endpoint answered {response.status_code} {response.reason_phrase}: {text}"
    return ChatError(why, retry=response.status_code in RETRIED, after_s=_retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait; a date counts from the server's own clock."""
    value = response.headers.get("retry-after", "").strip()
    try:
        after_s = float(value)
    except ValueError:
        try:
            then, now = parsedate_to_datetime(value), parsedate_to_datetime(response.headers.get("date", ""))
            after_s = (then - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, after_s) if after_s < 1e6 else 1e6

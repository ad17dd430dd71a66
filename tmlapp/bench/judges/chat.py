"""One client for every OpenAI-compatible chat endpoint: hosted ones, vLLM, Ollama, llama.cpp.

Waits for a busy service, keeps to a rate and a budget, and leaves out what the service refuses. The key is in one
header and nowhere else: not in an error, a reply or a representation of these objects.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from tmlapp.bench.judges.chat_wire import Refused, address, error_of, key_from, refused_parameter, text_of, tokens_of
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.errors import AppError

MOST_BYTES = 8 << 20
"""A reply that is longer is not read to its end."""
_LOCAL_HOSTS = frozenset(["localhost", "127.0.0.1", "::1"])
_BUSY = frozenset([408, 409, 425, 429])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a service may be used.

    Attributes:
        parallel: calls at once.
        per_minute: calls begun in a minute, evenly spaced; None for no limit.
        max_calls: requests sent altogether, retries included.
        max_tokens: of prompts and replies altogether; looked at before each call, so calls under way may exceed it.
        retries: how often a call is sent again when the service is busy or away.
        timeout_s: for a whole call.
        wait_s, longest_wait_s: the first pause before a retry; each further one is twice as long, up to the longest.
        give_up_after: questions in a row that a service may fail before it is asked no more.
    """

    parallel: int = 4
    per_minute: float | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    retries: int = 5
    timeout_s: float = 60.0
    wait_s: float = 1.0
    longest_wait_s: float = 120.0
    give_up_after: int = 8


class Ungraded(Exception):  # noqa: N818 - not an error: the question stays ungraded for this reason
    """This call got no reply; `str()` says why."""


class _Busy(Exception):  # noqa: N818 - worth another call
    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What the service sent: the text, the model as it names itself, and tokens (estimated where it gives none)."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    tokens_estimated: bool
    message: Mapping[str, Any] = field(default_factory=dict)


class ChatClient:
    """Calls `<url>/chat/completions`; may be used from several threads."""

    def __init__(
        self,
        *,
        model: str,
        url: str,
        key_env: str = "",
        limits: Limits | None = None,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: base address; without a path, `/v1` is added.
            key_env: name of the environment variable that holds the key; empty for none.
            wall: the time of day, for a `Retry-After` that is a date.

        Raises:
            AppError: the address is none, or the variable is not set.
        """
        self.model = model
        self.limits = limits or Limits()
        self.url, self.host = address(url)
        self._key = key_from(key_env, os.environ if environ is None else environ)
        self._key_env = key_env
        self._clock = clock or MonotonicClock()
        self._wall = wall
        local = (urlsplit(self.url).hostname or "") in _LOCAL_HOSTS
        self._http = httpx.Client(
            timeout=self.limits.timeout_s,
            follow_redirects=False,  # a redirect could carry the key to another host
            trust_env=not local,
            limits=httpx.Limits(max_connections=max(1, self.limits.parallel)),
        )
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._fatal: AppError | None = None
        self._next_ns = 0
        self._failed_in_a_row = 0
        self._left_out: dict[str, str] = {}
        self.calls = 0
        self.tokens = 0

    @property
    def left_out(self) -> dict[str, str]:
        """Parameters that the service refused, and what was sent instead ("" for nothing)."""
        with self._lock:
            return dict(self._left_out)

    def close(self) -> None:
        """End waits and connections."""
        self._stopped.set()
        self._http.close()

    def complete(self, messages: list[dict[str, Any]], **parameters: Any) -> ChatReply:
        """One reply.

        Args:
            messages: in the endpoint's own form.
            parameters: sent along; those that are None are not.

        Raises:
            Ungraded: no reply this time (service down, budget spent …).
            AppError: the service cannot be used at all; every later call raises the same.
        """
        wanted = {name: value for name, value in parameters.items() if value is not None}
        try:
            reply = self._complete(messages, wanted)
        except AppError as e:
            with self._lock:
                self._fatal = self._fatal or e
            self._stopped.set()
            raise
        with self._lock:
            self._failed_in_a_row = 0
            self.tokens += reply.prompt_tokens + reply.completion_tokens
        return reply

    def _complete(self, messages: list[dict[str, Any]], wanted: dict[str, Any]) -> ChatReply:
        pause_s, retry = self.limits.wait_s, 0
        while True:
            sent = self._sendable(wanted)
            self._take_turn()
            try:
                return self._once({"model": self.model, "messages": messages, **sent}, sent)
            except Refused as refused:
                with self._lock:
                    self._left_out[refused.name] = refused.instead
            except _Busy as busy:
                if retry >= self.limits.retries:
                    self._count_failure()
                    raise Ungraded(f"{busy} ({retry + 1} calls)") from None
                wait_s = pause_s if busy.wait_s is None else busy.wait_s
                if wait_s > self.limits.longest_wait_s and busy.wait_s is not None:
                    self._count_failure()
                    raise Ungraded(f"{busy}; it asks to wait {wait_s:g} s") from None
                self._wait(min(wait_s, self.limits.longest_wait_s))
                pause_s, retry = pause_s * 2, retry + 1

    def _sendable(self, wanted: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            sent = dict(wanted)
            for name, instead in self._left_out.items():
                value = sent.pop(name, None)
                if value is not None and instead:
                    sent[instead] = value
            return sent

    def _count_failure(self) -> None:
        with self._lock:
            self._failed_in_a_row += 1

    def _take_turn(self) -> None:
        """Wait for this call's turn and count it."""
        limits = self.limits
        with self._lock:
            if self._fatal is not None:
                raise self._fatal
            if limits.max_calls is not None and self.calls >= limits.max_calls:
                raise Ungraded(f"the budget of {limits.max_calls} calls is spent")
            if limits.max_tokens is not None and self.tokens >= limits.max_tokens:
                raise Ungraded(f"the budget of {limits.max_tokens} tokens is spent")
            if self._failed_in_a_row >= limits.give_up_after:
                raise Ungraded(f"{self.host} failed {self._failed_in_a_row} questions in a row and is asked no more")
            self.calls += 1
            turn_ns = max(self._clock.now_ns(), self._next_ns)
            if limits.per_minute is not None:
                self._next_ns = turn_ns + round(60e9 / limits.per_minute)
        self._wait_until(turn_ns)

    def _wait(self, seconds: float) -> None:
        self._wait_until(self._clock.now_ns() + round(seconds * 1e9))

    def _wait_until(self, until_ns: int) -> None:
        if until_ns > self._clock.now_ns():
            self._clock.wait(self._stopped, until_ns)
        if self._stopped.is_set():
            with self._lock:
                if self._fatal is not None:
                    raise self._fatal
            raise Ungraded("the judge was closed")

    def _once(self, body: dict[str, Any], sent: dict[str, Any]) -> ChatReply:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        until_ns = self._clock.now_ns() + round(self.limits.timeout_s * 1e9)
        try:
            with self._http.stream("POST", self.url, content=json.dumps(body), headers=headers) as response:
                content = self._read(response, until_ns)
        except httpx.TimeoutException:
            raise _Busy(f"{self.host} did not answer within {self.limits.timeout_s:g} s") from None
        except httpx.HTTPError as e:
            raise _Busy(f"{self.host} cannot be reached or broke off ({type(e).__name__})") from None
        except RuntimeError:
            # What httpx raises where another thread closed the client in the meantime.
            raise Ungraded("the judge was closed") from None
        if response.status_code != 200:
            self._not_ok(response, self._clean(content.decode("utf-8", "replace")), sent)
        try:
            return self._reply(json.loads(self._clean(content.decode("utf-8"))), body)
        except (ValueError, RecursionError):
            raise _Busy(f"{self.host} sent something that is not JSON") from None

    def _read(self, response: httpx.Response, until_ns: int) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Ungraded(f"{self.host} sent more than {MOST_BYTES >> 20} MiB")
            if self._clock.now_ns() > until_ns:
                raise httpx.ReadTimeout("the whole reply took too long")
        return b"".join(parts)

    def _not_ok(self, response: httpx.Response, text: str, sent: dict[str, Any]) -> NoReturn:
        status = response.status_code
        code, param, message = error_of(text)
        if status in (401, 403):
            raise self._unusable(f"{self.host} refuses the key (status {status}).", *self._about_key())
        if status == 404 or code == "model_not_found":
            raise self._unusable(
                f"{self.host} has no model {self.model!r} at {urlsplit(self.url).path}.",
                f"It answers with status {status}.",
                "Check the model's name and the address.",
            )
        if 300 <= status < 400:
            raise self._unusable(
                f"{self.host} redirects to another address.",
                "A redirect is not followed, because it could carry the key elsewhere.",
                "Give the address that it leads to.",
            )
        if code == "insufficient_quota":
            raise self._unusable(
                f"{self.host} says that the quota is used up.", "", "Add credit, or use another judge."
            )
        if status in _BUSY or status >= 500:
            raise _Busy(f"{self.host} answers with status {status}", self._retry_after(response))
        if status in (400, 422):
            refused = refused_parameter(param, message, sent)
            if refused is not None:
                raise refused
        raise Ungraded(f"{self.host} answers with status {status}: {message[:200]}")

    def _about_key(self) -> tuple[str, str]:
        if not self._key:
            return "No key was sent.", "Name the environment variable that holds it with key_env."
        return f"It was read from the environment variable {self._key_env}.", "Correct the variable, or choose another."

    def _unusable(self, what: str, why: str, fix: str) -> AppError:
        return AppError(what, why or "It cannot be asked any more.", fix)

    def _retry_after(self, response: httpx.Response) -> float | None:
        given = response.headers.get("Retry-After", "").strip()
        if not given:
            return None
        try:
            seconds = float(given)
        except ValueError:
            try:
                moment = parsedate_to_datetime(given)
            except ValueError:
                return None
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - self._wall()).total_seconds()
        return None if math.isnan(seconds) else max(0.0, seconds)

    def _reply(self, data: Any, body: dict[str, Any]) -> ChatReply:
        try:
            choice = data["choices"][0]
            message = choice["message"]
            text = self._clean(text_of(message.get("content")))
        except (KeyError, IndexError, TypeError, AttributeError):
            raise _Busy(f"{self.host} sent JSON that is no chat reply") from None
        counted = tokens_of(data.get("usage"))
        # Some four letters are a token; a budget must not be endless only because a service does not count.
        prompt_tokens, completion_tokens = counted or (len(json.dumps(body["messages"])) // 4, len(text) // 4)
        return ChatReply(
            text=text,
            model=self._clean(str(data.get("model") or self.model)),
            finish_reason=str(choice.get("finish_reason") or ""),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            tokens_estimated=counted is None,
            message=message,
        )

    def _clean(self, text: str) -> str:
        """A service may echo the key; it must not get into a file."""
        return text.replace(self._key, "[key]") if self._key else text

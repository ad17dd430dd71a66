"""Transcripts by any OpenAI-compatible endpoint `/audio/transcriptions` that gives the time of each word.

The sound leaves this machine for the host that the user named. The key is read from a named variable of the environment
and is in one header and nowhere else.
"""

from __future__ import annotations

import io
import json
import math
import os
import threading
import wave
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import numpy as np

from tmlapp.bench.answer import Word
from tmlapp.bench.judges.chat_wire import key_from
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ

TRIES = 5
TIMEOUT_S = 300.0
_LOCAL_HOSTS = frozenset(["localhost", "127.0.0.1", "::1"])
_BUSY = frozenset([408, 409, 425, 429])
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_MOST_BYTES = 64 << 20
_FORM = "Write openai:MODEL@URL?key_env=NAME, for example openai:whisper-1@https://host/v1?key_env=MY_KEY."
_NEEDS_WORDS = "Choose a model that supports timestamp_granularities[]=word with verbose_json, e.g. whisper-1."


class _Again(Exception):  # noqa: N818 - worth another call
    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class OpenAiTranscriber:
    """Sends each sound as a WAV file; may be used from several threads, best from `parallel` at once.

    Args:
        model: as the endpoint names it.
        url: base address; without a path, `/v1` is added.
        key_env: name of the environment variable that holds the key; empty for none.
        language: ISO 639-1, where it is known.
        clock: waits between two tries.

    Raises:
        AppError: the address is none, or the variable is not set.
    """

    parallel = 4

    def __init__(
        self,
        *,
        model: str,
        url: str,
        key_env: str = "",
        language: str = "",
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._model = model
        self._url = _address(url)
        self._host = urlsplit(self._url).netloc
        self._key = key_from(key_env, os.environ if environ is None else environ)
        self._key_env = key_env
        self._language = language
        self._clock = clock or MonotonicClock()
        self._stopped = threading.Event()
        local = urlsplit(self._url).hostname in _LOCAL_HOSTS
        # A redirect could carry the key to another host; a proxy does not know this machine's own addresses.
        self._http = httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=not local)

    @property
    def name(self) -> str:
        return f"openai:{self._model}@{self._host}"

    def provenance(self) -> Mapping[str, Any]:
        """Model, host and parameters; a hosted model has no hash."""
        return {"provider": "openai", "model": self._model, "host": self._host, "language": self._language}

    def close(self) -> None:
        """End waits and connections."""
        self._stopped.set()
        self._http.close()

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:  # noqa: ARG002 - it hears for itself
        """Words of `pcm` (int16, 16 kHz).

        Raises:
            AppError: the endpoint is away, refuses, or gives no word times.
        """
        if not len(pcm):
            return Transcript(text="", words=())
        body = _wav(pcm)
        pause_s = _FIRST_WAIT_S
        for attempt in range(TRIES):
            try:
                return self._transcript(self._ask(body))
            except _Again as again:
                if attempt == TRIES - 1:
                    raise self._failed(f"{again} ({TRIES} calls).", "Try again later, or name another host.") from None
                wait_s = min(pause_s if again.wait_s is None else again.wait_s, _LONGEST_WAIT_S)
                self._clock.wait(self._stopped, self._clock.now_ns() + round(wait_s * NS_PER_S))
                if self._stopped.is_set():
                    raise self._failed("It was closed.", "Start again.") from None
                pause_s *= 2
        raise AssertionError("the last try returns or raises")

    def _ask(self, body: bytes) -> Any:
        data: dict[str, Any] = {
            "model": self._model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word"],
            "temperature": "0",
        }
        if self._language:
            data["language"] = self._language
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            with self._http.stream(
                "POST", self._url, data=data, files={"file": ("sound.wav", body, "audio/wav")}, headers=headers
            ) as response:
                content = self._read(response)
        except httpx.HTTPError as error:
            raise _Again(f"{self._host} cannot be reached or broke off ({type(error).__name__})") from None
        if response.status_code != 200:
            self._not_ok(response, content)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise _Again(f"{self._host} sent something that is not JSON") from None

    def _read(self, response: httpx.Response) -> str:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES:
                raise self._failed(f"{self._host} sent more than {_MOST_BYTES >> 20} MiB.", "Name another host.")
        return self._clean(b"".join(parts).decode("utf-8", "replace"))

    def _not_ok(self, response: httpx.Response, content: str) -> NoReturn:
        status = response.status_code
        if status in (401, 403):
            from_where = f"It was read from the variable {self._key_env}." if self._key else "No key was sent."
            raise AppError(f"{self._host} refuses the key (status {status}).", from_where, _FORM)
        if status in _BUSY or status >= 500:
            raise _Again(f"{self._host} answers with status {status}", _retry_after(response))
        if 300 <= status < 400:
            raise self._failed(f"{self._host} redirects to another address.", "Give the address that it leads to.")
        raise self._failed(f"{self._host} answers with status {status}: {content[:200].strip()}", _NEEDS_WORDS)

    def _transcript(self, value: Any) -> Transcript:
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise _Again(f"{self._host} sent JSON that is no transcript")
        text, listed = value["text"], value.get("words")
        if not listed and text.strip():
            raise self._failed("It gives no word times.", _NEEDS_WORDS)
        words = []
        for i, entry in enumerate(listed or ()):
            try:
                said, begin, end = entry["word"], float(entry["start"]), float(entry["end"])
            except (KeyError, TypeError, ValueError):
                raise self._failed(f"Word {i} has no text, start and end.", _NEEDS_WORDS) from None
            if not (math.isfinite(begin) and math.isfinite(end)) or not isinstance(said, str):
                raise self._failed(f"Word {i} has no text, start and end.", _NEEDS_WORDS)
            if said.strip():
                words.append(Word(max(0.0, begin), max(0.0, begin, end), said.strip()))
        return Transcript(text=text.strip(), words=tuple(sorted(words, key=lambda w: w.t0_s)))

    def _clean(self, text: str) -> str:
        # A service may echo the key; it must not get into a file.
        return text.replace(self._key, "[key]") if self._key else text

    def _failed(self, why: str, fix: str) -> AppError:
        return AppError(f"{self.name} cannot transcribe.", why, fix)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise AppError(
            "The address of the transcriber cannot be used.", "It must begin with http:// or https://.", _FORM
        )
    if parts.username or parts.password:
        raise AppError("The address of the transcriber cannot be used.", "It holds a name or a password.", _FORM)
    path = parts.path.rstrip("/") or "/v1"
    path = path if path.endswith("/audio/transcriptions") else f"{path}/audio/transcriptions"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _retry_after(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _wav(pcm: Pcm) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
    return out.getvalue()

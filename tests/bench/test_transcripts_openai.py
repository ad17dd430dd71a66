"""A transcription endpoint on a real loopback socket."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from tests.bench.said_aloud import noise
from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts.openai_audio import TRIES, OpenAiTranscriber
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit
KEY = "sk-very-secret"
GOOD = {
    "text": " Hello there. ",
    "words": [
        {"word": " there", "start": 0.5, "end": 0.4},
        {"word": "Hello", "start": -0.1, "end": 0.3},
        {"word": " ", "start": 0.6, "end": 0.7},
    ],
}


class Service:
    """Answers with what is left in `answers` (the last one again and again): status, body, headers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = [(200, GOOD, {})]
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, answer, headers = service.answers[0]
                if len(service.answers) > 1:
                    service.answers.pop(0)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


Ears = Callable[..., OpenAiTranscriber]


@pytest.fixture
def ears(service: Service) -> Iterator[Ears]:
    made: list[OpenAiTranscriber] = []

    def make(**options: Any) -> OpenAiTranscriber:
        given = {"model": "whisper-1", "url": service.url, "key_env": "K", "environ": {"K": KEY}} | options
        made.append(OpenAiTranscriber(**given))
        return made[-1]

    yield make
    for transcriber in made:
        transcriber.close()


def test_a_sound_is_sent_as_wav_and_its_words_come_back_in_order(service: Service, ears: Ears) -> None:
    pcm = noise(0.25)
    heard = ears(language="en").transcribe(pcm)
    assert heard.text == "Hello there."
    assert heard.words == (Word(0.0, 0.3, "Hello"), Word(0.5, 0.5, "there"))
    [(path, headers, body)] = service.requests
    assert path == "/v1/audio/transcriptions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    parts = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        parts[head.partition(b'name="')[2].partition(b'"')[0].decode()] = content[:-2]
    sound = parts.pop("file")
    assert parts == {
        "model": b"whisper-1",
        "response_format": b"verbose_json",
        "timestamp_granularities[]": b"word",
        "temperature": b"0",
        "language": b"en",
    }
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert (np.frombuffer(file.readframes(file.getnframes()), "<i2") == pcm).all()


def test_without_a_key_none_is_sent_and_nothing_is_asked_about_nothing(service: Service, ears: Ears) -> None:
    quiet = ears(key_env="", url=f"{service.url}/v2/audio/transcriptions")
    assert quiet.transcribe(noise(0.1)[:0]).words == ()
    assert service.requests == []
    service.answers = [(200, {"text": "", "words": []}, {})]
    assert quiet.transcribe(noise(0.1)).words == ()
    assert service.requests[0][0] == "/v2/audio/transcriptions"
    assert "authorization" not in service.requests[0][1]
    assert quiet.provenance()["model"] == "whisper-1"


@pytest.mark.parametrize(
    "busy", [(503, b"", {}), (429, b"", {"Retry-After": "2"}), (200, b"<html>", {}), (200, {"no": 1}, {})]
)
def test_a_busy_service_is_asked_again_when_its_time_has_come(service: Service, ears: Ears, busy: Any) -> None:
    clock = ManualClock()
    service.answers = [busy, (200, GOOD, {})]
    found: list[str] = []
    asking = ears(clock=clock)
    thread = threading.Thread(target=lambda: found.append(asking.transcribe(noise(0.1)).text))
    thread.start()
    clock.await_waiters()
    assert len(service.requests) == 1
    clock.advance(int(2e9))
    thread.join()
    assert found == ["Hello there."]


class RushedClock(ManualClock):
    """Time flies: every wait is over at once, and its length is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[int] = []

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        assert until_ns is not None
        self.waits.append((until_ns - self.now_ns()) // 10**9)
        self.advance(until_ns - self.now_ns())
        return event.is_set()


def test_a_service_that_stays_away_is_given_up_with_growing_pauses(service: Service, ears: Ears) -> None:
    clock = RushedClock()
    service.answers = [(500, b"", {"Retry-After": "soon"})]
    with pytest.raises(AppError, match=rf"status 500 \({TRIES} calls\)"):
        ears(clock=clock).transcribe(noise(0.1))
    assert clock.waits == [1, 2, 4, 8]
    assert len(service.requests) == TRIES


def test_an_address_where_nothing_listens_is_told(ears: Ears) -> None:
    with pytest.raises(AppError, match="cannot be reached"):
        ears(url="http://127.0.0.1:9", clock=RushedClock()).transcribe(noise(0.1))


def test_closing_ends_the_wait(service: Service, ears: Ears) -> None:
    clock = ManualClock()
    service.answers = [(503, b"", {})]
    asking = ears(clock=clock)
    told: list[str] = []

    def ask() -> None:
        try:
            asking.transcribe(noise(0.1))
        except AppError as error:
            told.append(error.why)

    thread = threading.Thread(target=ask)
    thread.start()
    clock.await_waiters()
    asking.close()
    thread.join()
    assert told == ["It was closed."]


@pytest.mark.parametrize(
    ("status", "answer", "match"),
    [
        (200, {"text": "Hello"}, "gives no word times"),
        (200, {"text": "Hello", "words": []}, "gives no word times"),
        (200, {"text": "Hello", "words": [{"word": "Hello"}]}, "Word 0 has no text, start and end"),
        (200, {"text": "a", "words": [{"word": "a", "start": float("nan"), "end": 1}]}, "Word 0 has no text"),
        (200, {"text": "a", "words": [{"word": 3, "start": 0, "end": 1}]}, "Word 0 has no text"),
        (200, {"text": "a", "words": [None]}, "Word 0 has no text"),
        (400, {"error": f"granularity? {KEY}"}, r"status 400: .*granularity\? \[key\]"),
        (401, b"", "refuses the key"),
        (307, b"", "redirects"),
    ],
)
def test_what_cannot_be_used_is_told_at_once_and_never_shows_the_key(
    service: Service, ears: Ears, status: int, answer: Any, match: str
) -> None:
    service.answers = [(status, answer, {"Location": "http://127.0.0.1:9"} if status == 307 else {})]
    with pytest.raises(AppError, match=match) as told:
        ears(clock=RushedClock()).transcribe(noise(0.1))
    assert KEY not in str(told.value)
    assert len(service.requests) == 1


def test_an_endless_answer_is_not_read(service: Service, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.bench.transcripts.openai_audio._MOST_BYTES", 10)
    with pytest.raises(AppError, match="sent more than"):
        ears().transcribe(noise(0.1))

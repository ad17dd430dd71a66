"""One connection to MiniCPM-o's demo server, without its socket (docs/endpoints/minicpm-o.md)."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Granted,
    Limit,
    Listen,
    Rejection,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    UnitDone,
    Unrecognized,
)
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, OUTPUT_RATE_HZ, SAMPLE_RATE_HZ, TURN_SAMPLES, samples_to_ns
from tmlapp.endpoints.openai_family.fields import Message, number_or_none, parse_object, text_or
from tmlapp.endpoints.remote.contract import (
    Action,
    Dialect,
    Drained,
    Ended,
    MessageError,
    Opened,
    Resumption,
    Send,
    Start,
    Waiting,
)
from tmlapp.endpoints.remote.errors import close_error, endpoint_error
from tmlapp.endpoints.remote.reference import float32_base64
from tmlapp.endpoints.remote.refusals import Refusals, rejected
from tmlapp.endpoints.remote.sound import decode_base64
from tmlapp.endpoints.remote.target import host_of

CHUNK_MS = 1000
CHUNK_SAMPLES = SAMPLE_RATE_HZ
CHUNK_TURNS = CHUNK_SAMPLES // TURN_SAMPLES

_NUMBERS = (
    "temperature",
    "top_p",
    "top_k",
    "force_listen_count",
    "max_new_speak_tokens_per_chunk",
    "listen_prob_scale",
)
_COSTS = ("cost_llm_ms", "cost_tts_ms", "cost_all_ms", "n_tokens", "n_tts_tokens", "server_send_ts")
_QUEUE = ("queued", "queue_update")
_LONGEST_MS = 1e9
"""No session and no computation lasts longer, whatever a server says."""


class MiniCpmCodec:
    """One connection: the queue, the set-up, then one message with sound per second, each answered by one `result`."""

    def __init__(self, dialect: Dialect, start: Start) -> None:
        self._dialect = dialect
        self._start = start
        self._pictures = self._option("mode") == "omni"
        self._source = self._option("wire") == "source"
        self._granted: Granted | None = None
        self._prepared = False
        self._offset_ns: int | None = None
        self._sound: list[Pcm] = []
        self._indices: list[int] = []
        self._picture: bytes | None = None
        self._unanswered: deque[tuple[int, ...]] = deque(maxlen=600)
        self._turns = 0
        self._said: list[str] | None = None
        self._behind = False
        self._ending = False
        why = "This server takes sound and pictures only: {} cannot be sent to it."
        self._refusals = Refusals(
            texts=why.format("typed text"),
            results="This model calls no tools: no result can be sent to it.",
        )

    # ------------------------------------------------------------------ out

    def hello(self) -> Sequence[Action]:
        return () if self._option("queue") == "on" else self._prepare()

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        if self._offset_ns is None:
            self._offset_ns = turn.t_ns
        self._sound.append(turn.pcm)
        self._indices.append(turn.index)
        if self._pictures and turn.frames:
            self._picture = turn.frames[-1].jpeg
        return [*(self._chunk() if len(self._indices) == CHUNK_TURNS else ()), *self._refusals.of(turn)]

    def end_of_input(self) -> Sequence[Action]:
        self._ending = True
        if self._indices:
            missing = CHUNK_SAMPLES - TURN_SAMPLES * len(self._indices)
            self._sound.append(np.zeros(missing, np.int16))
            return [*self._chunk(), *self._drained()]
        return [*self._drained()]

    def goodbye(self) -> Sequence[Action]:
        return (Send({"type": "stop"}),)

    def _prepare(self) -> Sequence[Action]:
        if self._prepared:
            return ()
        self._prepared = True
        message: dict[str, Any] = {"type": "prepare"}
        if instruction := self._start.setup.instruction:
            message["system_prompt" if self._source else "prefix_system_prompt"] = instruction
        message["config"] = self._config()
        message |= self._start.prepared
        if self._start.target.voice and "ref_audio_base64" not in message:
            message["ref_audio_path"] = self._start.target.voice
        return (Send(message),)

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"generate_audio": True, "chunk_ms": CHUNK_MS, "sample_rate": SAMPLE_RATE_HZ}
        for name in _NUMBERS:
            if value := self._option(name):
                number = float(value)
                config[name] = int(number) if number.is_integer() and name not in _NUMBERS[:2] else number
        config["ls_mode"] = self._option("ls_mode")
        return config | (json.loads(self._option("config")) if self._option("config") else {})

    def _chunk(self) -> Iterator[Action]:
        """A second of sound, with the newest picture of it just before (or, `wire=source`, in the same message)."""
        sound = float32_base64(np.concatenate(self._sound))
        picture = None if self._picture is None else base64.b64encode(self._picture).decode("ascii")
        if self._source:
            frames = {} if picture is None else {"frame_base64_list": [picture]}
            yield Send({"type": "audio_chunk", "audio_base64": sound, **frames})
        else:
            if picture is not None:
                yield Send({"type": "video_frame", "frame": picture})
            yield Send({"type": "audio_chunk", "audio": sound})
        self._unanswered.append(tuple(self._indices))
        self._sound, self._indices, self._picture = [], [], None

    # ------------------------------------------------------------------ in

    def parse(self, frame: str | bytes) -> Any:
        return parse_object(frame)

    def receive(self, message: Message) -> Sequence[Action]:
        match message["type"]:
            case kind if kind in _QUEUE:
                return (Waiting(_place(message)),)
            case "queue_done":
                return self._prepare()
            case "prepared":
                return self._opened(message)
            case "result":
                return self._result(message)
            case "audio_only":
                return [*self._speech("", self._pcm(message), {}), *self._drained()]
            case "stopped":
                return (Ended("stopped", text_or(message, "session_id")),)
            case "timeout":
                reason = text_or(message, "reason") or "The server gave the session up."
                return (Ended("timeout", reason, endpoint_error("session_expired", "timeout", reason, fatal=True)),)
            case "error":
                return (self._failed(message),)
            case kind:
                return (Unrecognized(name=kind),)

    def closed(self, code: int, reason: str) -> EndpointError | None:
        return close_error(code, reason)

    def resumption(self) -> Resumption | None:
        return None

    def describe(self, message: Any) -> Any:
        return message

    def _opened(self, message: Message) -> Sequence[Action]:
        if self._granted is not None:
            raise MessageError("prepared a second time")
        target = self._start.target
        self._granted = Granted(
            endpoint=target.address,
            name=target.name,
            local=False,
            input_rate=SAMPLE_RATE_HZ,
            output_rate=OUTPUT_RATE_HZ,
            unit_ms=CHUNK_MS,
            modalities_in=("audio", "image") if self._pictures else ("audio",),
            modalities_out=("audio", "text"),
            frames_per_unit=1 if self._pictures else 0,
            turn_owner="model",
            acknowledges_units=True,
            clock_kind="session",
            input_delay_ms=CHUNK_MS,
            provider=host_of(target.url or self._dialect.default_url),
            rejections=tuple(self._rejections()),
            details={"config": self._config(), "mode": self._option("mode"), "wire": self._option("wire")}
            | {k: v for k, v in message.items() if isinstance(v, str | int | float) and k != "type"},
        )
        return (Opened(self._granted),)

    def _rejections(self) -> Iterator[Rejection]:
        if self._start.target.voice and "ref_audio_base64" in self._start.prepared:
            why = "The option ref_audio is set as well, and wins."
            yield Rejection(asked=f"voice {self._start.target.voice}", granted="ref_audio", reason=why)
        yield from rejected(
            self._start.setup,
            tools="This model calls no tools.",
            history="Every conversation with this server begins anew.",
        )

    def _result(self, message: Message) -> Sequence[Action]:
        """What the model made of one second: it listens, or it speaks."""
        listens = message.get("is_listen")
        if not isinstance(listens, bool):
            raise MessageError("a result that does not say whether the model listens")
        pcm, clipped = self._pcm(message)
        media = self._media(message)
        turns = self._unanswered.popleft() if self._unanswered else ()
        actions: list[Action] = []
        if listens:
            actions += self._end_of_turn("incomplete", "the model listens again")
            if turns:
                actions.append(Listen(micro_turn=turns[-1], **media))
        else:
            actions += self._speech(text_or(message, "text"), (pcm, clipped), media)
        if message.get("end_of_turn") is True:
            actions += self._end_of_turn("completed")
        actions += self._units(message, turns, clipped, media)
        return [*actions, *self._drained()]

    def _speech(self, text: str, sound: tuple[Pcm, int], media: Mapping[str, Any]) -> Iterator[Action]:
        pcm, _ = sound
        if self._said is None:
            self._turns += 1
            self._said = []
            yield TurnStarted(response_id=self._name, item_id=self._name, **media)
        if text:
            self._said.append(text)
            yield TextOut(delta=text, channel="transcript", response_id=self._name, item_id=self._name, **media)
        if len(pcm):
            length = samples_to_ns(len(pcm), OUTPUT_RATE_HZ)
            yield AudioOut(
                pcm16=pcm.astype("<i2", copy=False).tobytes(),
                rate=OUTPUT_RATE_HZ,
                text=text,
                response_id=self._name,
                item_id=self._name,
                **{**media, "dur_media_ns": length} if media else {},
            )

    def _end_of_turn(self, status: Any, reason: str = "") -> Iterator[Action]:
        if self._said is not None:
            said, self._said = "".join(self._said), None
            yield TextOutDone(text=said, channel="transcript", response_id=self._name, item_id=self._name)
            yield TurnDone(status=status, reason=reason, response_id=self._name)

    def _units(
        self, message: Message, turns: tuple[int, ...], clipped: int, media: Mapping[str, Any]
    ) -> Iterator[Action]:
        """The second is done: each of its micro-turns has cost what the whole second has."""
        cost_ms = min(max(0.0, number_or_none(message, "cost_all_ms") or 0.0), _LONGEST_MS)
        numbers = {name: [number] for name in _COSTS if (number := number_or_none(message, name)) is not None}
        if clipped:
            numbers["clipped_samples"] = [clipped]
        for index in turns:
            last = numbers if index == turns[-1] else {}
            cost_ns = round(cost_ms * NS_PER_MS)
            yield UnitDone(micro_turn=index, latency_ns=0, compute_ns=cost_ns, diagnostics=last, **media)
        behind = cost_ms > CHUNK_MS
        if behind and not self._behind:
            why = f"The server needs {cost_ms:.0f} ms for {CHUNK_MS} ms: its answers come later and later."
            yield Limit(kind="rate", ratio=cost_ms / CHUNK_MS, message=why)
        self._behind = behind

    def _pcm(self, message: Message) -> tuple[Pcm, int]:
        """Float32 sound of a message as PCM16, and how many samples of it were too loud for that."""
        data = decode_base64(text_or(message, "audio_data"))
        if len(data) % 4:
            raise MessageError(f"{len(data)} bytes of sound are no float32")
        sound = np.frombuffer(data, "<f4").astype(np.float64) * 32768
        broken = ~np.isfinite(sound)
        sound[broken] = 0.0
        clipped = int(np.count_nonzero((sound > 32767.5) | (sound < -32768.5))) + int(np.count_nonzero(broken))
        return np.clip(np.rint(sound), -32768, 32767).astype(np.int16), clipped

    def _media(self, message: Message) -> Mapping[str, Any]:
        at_ms = number_or_none(message, "current_time")
        if at_ms is None or self._offset_ns is None or not 0 <= at_ms <= _LONGEST_MS:
            return {}
        # The document says milliseconds, the source counts chunks.
        unit_ns = NS_PER_MS * (CHUNK_MS if self._source else 1)
        return {"t_media_ns": self._offset_ns + round(at_ms * unit_ns), "media_kind": "session"}

    def _failed(self, message: Message) -> Ended:
        """The connection closes after an error."""
        text = text_or(message, "message") or text_or(message, "error") or "The server reports an error without a word."
        full = "queue" in text.lower() and "full" in text.lower()
        kind: Any = "rate_limit" if full else "server"
        return Ended("error", text, endpoint_error(kind, "error", text, fatal=True))

    def _drained(self) -> Iterator[Action]:
        if self._ending and not self._unanswered:
            self._ending = False
            yield from self._end_of_turn("incomplete", "the session ended")
            yield Drained()

    @property
    def _name(self) -> str:
        return f"turn-{self._start.epoch}-{self._turns}"

    def _option(self, name: str) -> str:
        return self._dialect.option(self._start.target, name)


def _place(message: Message) -> str:
    place, eta_s = number_or_none(message, "position"), number_or_none(message, "eta_seconds")
    where = "The server has a queue" if place is None else f"Place {place:.0f} in the server's queue"
    return f"{where}." if eta_s is None else f"{where}, about {max(0.0, eta_s):.0f} s."

"""Moshi and PersonaPlex: speech models that listen and speak at once, over binary frames with Opus.

Sources: kyutai-labs/moshi `rust/protocol.md` and `moshi/moshi/server.py`; for PersonaPlex the server in
NVIDIA/personaplex (docs/endpoints/moshi.md).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tmlapp.core.endpoint import Endpoint, EndpointSetup
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Granted,
    Limit,
    Rejection,
    SessionUpdated,
    TextOut,
    TextOutDone,
    TurnDone,
    Unrecognized,
)
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, OUTPUT_RATE_HZ, TURN_NS, samples_to_ns
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import (
    Action,
    Dialect,
    Drained,
    Fetch,
    MessageError,
    Opened,
    Option,
    Request,
    Resumption,
    Send,
    Start,
    Target,
)
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.errors import close_error, service_error
from tmlapp.endpoints.remote.loudness import Loudness
from tmlapp.endpoints.remote.opus import DELAY_MS, FRAME_MS, OpusDecoder, OpusEncoder, require_opus
from tmlapp.endpoints.remote.refusals import Refusals, rejected
from tmlapp.endpoints.remote.sound import SoundOut
from tmlapp.endpoints.remote.target import host_of
from tmlapp.endpoints.remote.where import free_query, placed

HANDSHAKE, AUDIO, TEXT, CONTROL, METADATA, ERROR, PING, COLOURED_TEXT = range(8)
"""Kinds of frames: their first byte."""

CONTEXT_NS = 240_000 * NS_PER_MS
"""About four minutes: what the model remembers."""
CONTEXT_WARNING_NS = 210_000 * NS_PER_MS

_NAMES = ("handshake", "audio", "text", "control", "metadata", "error", "ping", "coloured text")
_CONTROLS = ("start", "end_turn", "pause", "restart")
_MOST_TEXT = 65_536
_LONGEST_URL = 8_000
_LATE_FRAMES = 4
"""The models answer with a delay of a few frames of their own: so many never come after the input has ended."""
_VOICES = ("NATF0.pt", "NATF1.pt", "NATF2.pt", "NATF3.pt", "NATM0.pt", "NATM1.pt", "NATM2.pt", "NATM3.pt")
_PICTURES = Rejection(asked="pictures", granted="none", reason="This model only hears.")


@dataclass(frozen=True, slots=True)
class MoshiFrame:
    """One binary frame: its kind, and what follows it."""

    kind: int
    payload: bytes


def _url(target: Target, instruction: str) -> str:
    query = free_query(MOSHI.option(target, "query"), target.secret)
    if MOSHI.option(target, "variant") == "personaplex":
        # Its server reads both by name and fails without them.
        query.setdefault(MOSHI.option(target, "text_prompt_name"), instruction)
        query.setdefault(MOSHI.option(target, "voice_prompt_name"), target.voice or _VOICES[0])
    url = placed(target.url or MOSHI.default_url, "/api/chat", query)
    if len(url) > _LONGEST_URL:
        raise AppError(
            "The instruction is too long for this endpoint.",
            f"It goes into the address, which has {len(url)} characters; servers take {_LONGEST_URL}.",
            "Shorten the instruction.",
        )
    return url


def _request_for(target: Target, resumption: Resumption | None, setup: EndpointSetup) -> Request:  # noqa: ARG001 - a dialect's form
    return Request(url=_url(target, setup.instruction), headers=_headers(target))


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - nothing is resumed
    return Request(url=_url(target, ""), headers=_headers(target))


def _headers(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - a dialect's form
    require_opus()
    return {}


class MoshiCodec:
    """One connection: nothing is sent before the server's handshake, then a frame of Opus every 80 ms."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._sound = SoundOut(OUTPUT_RATE_HZ)
        self._encoder = OpusEncoder(OUTPUT_RATE_HZ)
        self._decoder = OpusDecoder(OUTPUT_RATE_HZ)
        self._loudness = Loudness(epoch=start.epoch)
        self._granted: Granted | None = None
        self._metadata: dict[str, Any] = {}
        self._turns = 0
        self._frames_sent = 0
        self._samples_heard = 0
        self._ending = False
        self._said: list[str] = []
        self._said_chars = 0
        self._refusals = Refusals(
            texts="This model only hears: typed text cannot be sent to it.",
            results="This model calls no tools: no result can be sent to it.",
        )

    # ------------------------------------------------------------------ out

    def hello(self) -> Sequence[Action]:
        return ()

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        self._turns += 1
        actions: list[Action] = [*self._packed(self._sound.pcm(turn.pcm)), *self._refusals.of(turn)]
        heard = self._turns * TURN_NS
        if heard - TURN_NS < CONTEXT_WARNING_NS <= heard:
            left = (CONTEXT_NS - heard) / NS_PER_MS
            why = "The model remembers about four minutes; end this session before that."
            actions.append(Limit(kind="context", remaining_ms=left, ratio=heard / CONTEXT_NS, message=why))
        return actions

    def end_of_input(self) -> Sequence[Action]:
        self._ending = True
        rest = self._encoder.frame - self._encoder.waiting if self._encoder.waiting else 0
        return [*self._packed(np.zeros(rest, np.int16)), *self._drained()]

    def goodbye(self) -> Sequence[Action]:
        return ()

    def _packed(self, pcm: Pcm) -> Iterator[Send]:
        for pages in self._encoder.frames(pcm):
            self._frames_sent += 1
            if pages:
                yield Send(bytes((AUDIO,)) + pages)

    # ------------------------------------------------------------------ in

    def parse(self, frame: str | bytes) -> MoshiFrame:
        if isinstance(frame, str) or not frame:
            raise MessageError("a frame of this protocol is binary and begins with its kind")
        return MoshiFrame(frame[0], frame[1:])

    def receive(self, message: MoshiFrame) -> Sequence[Action]:
        match message.kind:
            case kind if kind == HANDSHAKE:
                return [self._opened(message.payload)]
            case kind if kind == AUDIO:
                return self._audio(message.payload)
            case kind if kind == TEXT:
                return self._text(message.payload)
            case kind if kind == COLOURED_TEXT:
                return self._text(message.payload[1:])
            case kind if kind == METADATA:
                return self._told(message.payload)
            case kind if kind == ERROR:
                text = _utf8(message.payload) or "The server reports an error without a word."
                return [service_error("error", text, error_type="server_error", fatal=False)]
            case kind if kind == PING:
                # The protocol has no answer to it, and does not use it.
                return ()
            case kind if kind == CONTROL and len(message.payload) == 1:
                return [Unrecognized(name=f"control {_control(message.payload[0])}")]
            case _:
                return [Unrecognized(name=f"kind {message.kind}")]

    def closed(self, code: int, reason: str) -> EndpointError | None:
        # A server that ends closes without a reason or a code.
        return None if code == 1005 and self._granted is not None else close_error(code, reason)

    def resumption(self) -> Resumption | None:
        return None

    def describe(self, message: Any) -> Any:
        if isinstance(message, bytes):
            message = self.parse(message)
        if not isinstance(message, MoshiFrame):
            return message
        name = _NAMES[message.kind] if message.kind < len(_NAMES) else f"kind {message.kind}"
        if message.kind in (TEXT, METADATA, ERROR, COLOURED_TEXT):
            return {"kind": name, "text": message.payload[:_MOST_TEXT].decode("utf-8", "replace")}
        if message.kind == AUDIO:
            return {"kind": name, "audio": message.payload}
        return {"kind": name, "payload": message.payload[:64].hex(), "bytes": len(message.payload)}

    def _opened(self, payload: bytes) -> Action:
        if self._granted is not None:
            raise MessageError("a second handshake")
        if len(payload) not in (0, 8):
            raise MessageError(f"a handshake of {len(payload)} bytes")
        details: dict[str, Any] = {"variant": self._option("variant"), **self._metadata}
        rejections = list(self._rejections())
        if payload:
            protocol, model = struct.unpack("<II", payload)
            details |= {"protocol_version": protocol, "model_version": model}
            if protocol:
                why = "The frames of this version were not known when this was written."
                rejections.append(Rejection(asked="protocol version 0", granted=str(protocol), reason=why))
        self._granted = self._grant(details, tuple(rejections))
        return Opened(self._granted)

    def _grant(self, details: dict[str, Any], rejections: tuple[Rejection, ...]) -> Granted:
        target = self._start.target
        return Granted(
            endpoint=target.address,
            name=target.name,
            local=False,
            input_rate=OUTPUT_RATE_HZ,
            output_rate=OUTPUT_RATE_HZ,
            unit_ms=FRAME_MS,
            modalities_in=("audio",),
            modalities_out=("audio", "text"),
            turn_owner="model",
            clock_kind="output",
            input_delay_ms=self._sound.delay_ms + DELAY_MS,
            provider=host_of(target.url or MOSHI.default_url),
            rejections=rejections,
            details=details,
        )

    def _rejections(self) -> Iterator[Rejection]:
        setup, target = self._start.setup, self._start.target
        moshi = self._option("variant") == "moshi"
        if moshi and setup.instruction:
            yield Rejection(
                asked="instruction", granted="none", reason="Moshi follows no instruction; PersonaPlex does."
            )
        if moshi and target.voice:
            yield Rejection(asked=f"voice {target.voice}", granted="the server's own", reason="Moshi has one voice.")
        yield _PICTURES
        yield from rejected(
            setup,
            tools="This model calls no tools.",
            history="Every conversation with this model begins anew.",
        )

    def _audio(self, payload: bytes) -> Sequence[Action]:
        if self._granted is None:
            raise MessageError("sound before the handshake")
        pcm = self._decoder.push(payload)
        if not len(pcm):
            return ()
        at, dur = self._position_ns(), samples_to_ns(len(pcm), OUTPUT_RATE_HZ)
        self._samples_heard += len(pcm)
        sound = pcm.astype("<i2", copy=False).tobytes()
        out = AudioOut(pcm16=sound, rate=OUTPUT_RATE_HZ, t_media_ns=at, dur_media_ns=dur, media_kind="output")
        events: list[Action] = []
        for event in self._loudness.feed(out):
            if isinstance(event, TurnDone):
                events += self._words_done(event.response_id)
            events.append(event)
        return [*events, *self._drained()]

    def _words_done(self, turn: str | None) -> Iterator[TextOutDone]:
        """What a turn that is over has said: pieces come with no end of their own."""
        said, self._said, self._said_chars = "".join(self._said).strip(), [], 0
        if said:
            yield TextOutDone(text=said, channel="transcript", response_id=turn, item_id=turn)

    def _text(self, payload: bytes) -> Sequence[Action]:
        delta = _utf8(payload)
        if not delta:
            return ()
        at = self._position_ns()
        turn = self._loudness.turn_id
        self._said_chars += len(delta)
        if self._said_chars <= _MOST_TEXT:
            self._said.append(delta)
        # Its sound comes a little later: the position is that of the sound so far.
        return [
            TextOut(
                delta=delta, channel="transcript", t_media_ns=at, media_kind="output", response_id=turn, item_id=turn
            )
        ]

    def _told(self, payload: bytes) -> Sequence[Action]:
        try:
            value = json.loads(_utf8(payload))
        except (ValueError, RecursionError) as error:
            raise MessageError(f"metadata that is no JSON: {error}") from error
        self._metadata = {"metadata": value}
        if self._granted is None:
            return ()
        self._granted = replace(self._granted, details=self._granted.details | self._metadata)
        return [SessionUpdated(granted=self._granted)]

    def _position_ns(self) -> int:
        """Where the output stream stands, from its beginning, counted in samples."""
        return samples_to_ns(self._samples_heard, OUTPUT_RATE_HZ)

    def _drained(self) -> Iterator[Action]:
        frames = self._samples_heard // self._encoder.frame
        if self._ending and frames + _LATE_FRAMES >= self._frames_sent:
            self._ending = False
            turn = self._loudness.turn_id
            yield from self._words_done(turn)
            yield from self._loudness.end("incomplete", "the session ended")
            yield Drained()

    def _option(self, name: str) -> str:
        return MOSHI.option(self._start.target, name)


def _utf8(payload: bytes) -> str:
    if len(payload) > _MOST_TEXT:
        raise MessageError(f"a text of {len(payload)} bytes")
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MessageError(f"a text that is no UTF-8: {error}") from error


def _control(code: int) -> str:
    return _CONTROLS[code] if code < len(_CONTROLS) else str(code)


MOSHI = Dialect(
    kind="moshi",
    title="Moshi, PersonaPlex",
    page="moshi",
    request=_request,
    request_for=_request_for,
    codec=MoshiCodec,
    prepare=_prepare,
    sends="sound",
    default_url="ws://127.0.0.1:8998/api/chat",
    voices=_VOICES,
    experimental="No server of theirs was available: checked against the published sources and Opus alone.",
    options=(
        Option(
            name="variant",
            help="Which server: Moshi, or PersonaPlex, which takes an instruction and a voice.",
            default="moshi",
            kind="choice",
            choices=("moshi", "personaplex"),
        ),
        Option(
            name="query",
            help="Query string of the address, e.g. text_temperature=0.7&audio_topk=250. Moshi's Rust server and "
            "PersonaPlex read it, Moshi's Python server does not. No keys: they go in a header.",
        ),
        Option(
            name="text_prompt_name",
            help="PersonaPlex: under which name the instruction stands in the query string.",
            default="text_prompt",
        ),
        Option(
            name="voice_prompt_name",
            help="PersonaPlex: under which name the voice stands in the query string.",
            default="voice_prompt",
        ),
    ),
)

DIALECTS = (MOSHI,)


@endpoint("moshi")
def moshi(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - nothing of them concerns a remote model
    """`moshi:ws://127.0.0.1:8998`: a Moshi or PersonaPlex server."""
    return remote_endpoint(MOSHI, target)

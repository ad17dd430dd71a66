"""Unmute by Kyutai: speech-to-text, language model and text-to-speech behind one socket (docs/endpoints/unmute.md).

Sources: kyutai-labs/unmute `docs/browser_backend_communication.md`, `unmute/openai_realtime_api_events.py` and
`unmute/unmute_handler.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointEvent, Granted, UserTranscript
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import OUTPUT_RATE_HZ
from tmlapp.endpoints.openai_family import fields, table
from tmlapp.endpoints.openai_family.codec import FamilyCodec
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.openai_family.grant import differences
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import (
    Action,
    Codec,
    Dialect,
    Fetch,
    Option,
    Request,
    Resumption,
    Start,
    Target,
)
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.media import base64_of
from tmlapp.endpoints.remote.opus import FRAME_MS, OpusDecoder, OpusEncoder, require_opus
from tmlapp.endpoints.remote.refusals import Refusals, rejected
from tmlapp.endpoints.remote.sound import decode_base64
from tmlapp.endpoints.remote.target import host_of
from tmlapp.endpoints.remote.where import placed

_SUBPROTOCOL = "realtime"
_NO_PICTURES = "Unmute takes no pictures."
_NO_TEXTS = "Unmute takes no typed text: say it."
_NO_TOOLS = "Unmute calls no tools."
_NO_HISTORY = "Unmute begins every conversation anew."


class UnmuteCodec(FamilyCodec):
    """The beta's names without ids: what comes belongs to what is being said, and the end of its sound is its end."""

    EVENTS: ClassVar[Mapping[str, str]] = {
        **table.EVENTS,
        "unmute.interrupted_by_vad": "on_interrupted",
        "unmute.additional_outputs": table.NOTHING,
        "unmute.response.text.delta.ready": table.NOTHING,
        "unmute.response.audio.delta.ready": table.NOTHING,
    }

    def __init__(self, start: Start) -> None:
        super().__init__(UNMUTE, start, input_rate=OUTPUT_RATE_HZ)
        self._encoder = OpusEncoder(OUTPUT_RATE_HZ)
        self._decoder = OpusDecoder(OUTPUT_RATE_HZ)
        self._refusals = Refusals(pictures=_NO_PICTURES, texts=_NO_TEXTS, results=_NO_TOOLS)
        self._asked: dict[str, Any] = {}
        self._heard = ""
        self._written: str | None = None
        self._spoken = ""

    # ------------------------------------------------------------------ what is sent

    def session(self) -> dict[str, Any]:
        text = self.start.setup.instruction
        task = {"type": "constant", "text": text, "language": self.option("language") or None} if text else None
        self._asked = {
            "instructions": task,
            "voice": self.target.voice or None,
            "allow_recording": self.option("allow_recording") == "on",
        }
        return self._asked

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        yield from self._refusals.of(turn)
        pages = self._encoder.push(self.sound_out.pcm(turn.pcm))
        if pages:
            yield self.message("input_audio_buffer.append", audio=base64_of(pages))

    def text(self, text: TextInput) -> Iterable[Action]:  # noqa: ARG002 - refused with the micro-turn
        return ()

    def seed(self) -> Iterable[Action]:
        return ()

    def tool_result(self, result: ToolResult) -> Iterable[Action]:  # noqa: ARG002 - refused with the micro-turn
        return ()

    def delegation_result(self, result: DelegationResult) -> Iterable[Action]:  # noqa: ARG002 - refused likewise
        return ()

    def interrupt(self, control: Interrupt) -> Iterable[Action]:
        """There is no verb for it: what still comes of this response is not let through."""
        active = self.replies.active
        if control.by_person and active is not None:
            active.muted = True
        self.replies.unheard = False
        return ()

    def resumption(self) -> Resumption | None:
        return None

    # ------------------------------------------------------------------ what is read

    def grant(self, session: Message) -> Granted:
        reasons = rejected(self.start.setup, tools=_NO_TOOLS, history=_NO_HISTORY)
        return Granted(
            endpoint=self.target.address,
            name=self.target.name,
            local=False,
            input_rate=OUTPUT_RATE_HZ,
            output_rate=OUTPUT_RATE_HZ,
            modalities_in=("audio",),
            modalities_out=("audio", "text"),
            turn_owner="server_vad",
            proactive=False,
            clock_kind="input",
            input_delay_ms=self.sound_out.delay_ms + FRAME_MS,
            provider=host_of(self.target.url or UNMUTE.default_url),
            rejections=(*differences(self._asked, session), *reasons),
            details={"voice": session.get("voice"), "health": dict(self.start.prepared)},
        )

    def sound_of(self, message: Message) -> tuple[bytes, int]:
        pcm = self._decoder.push(decode_base64(fields.text(message, "delta")))
        return pcm.astype("<i2", copy=False).tobytes(), OUTPUT_RATE_HZ

    def on_response_created(self, message: Message) -> Iterable[Action]:
        """The person's turn is over: their words are final; a response that was not finished was cut off."""
        fields.mapping(message, "response")
        if self._heard:
            yield UserTranscript(text=self._heard, final=True)
            self._heard = ""
        yield from self._end("cancelled")
        yield from self.replies.begin("")

    def on_heard_delta(self, message: Message) -> Iterable[Action]:
        """One word of the person, with the time at which it began, in seconds of what we sent."""
        self._heard = _joined(self._heard, fields.text(message, "delta"))[-100_000:]
        seconds = fields.number_or_none(message, "start_time")
        at_ns = self.hearing.at(None if seconds is None else seconds * 1000)
        media: dict[str, Any] = {} if at_ns is None else {"t_media_ns": at_ns, "media_kind": "input"}
        yield UserTranscript(text=self._heard, final=False, **media)

    def on_text_delta(self, message: Message) -> Iterable[Action]:
        """A word as it is spoken; words come without the space between them."""
        delta = fields.text(message, "delta")
        whole = _joined(self._spoken, delta)
        word, self._spoken = whole[len(self._spoken) :], whole[-1:]
        return self.replies.words(message, "transcript", word)

    def on_text_done(self, message: Message) -> Iterable[Action]:
        """Everything is written, but only its beginning is spoken: it counts when the sound has ended."""
        self._written = fields.text_or_none(message, "text")
        return ()

    def on_audio_done(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        return self._end("completed")

    def on_interrupted(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        yield from self.replies.cut()
        yield from self._end("cancelled", "interrupted_by_vad")

    def _end(self, status: str, reason: str = "") -> Iterator[EndpointEvent]:
        active = self.replies.active
        written, self._written, self._spoken = self._written, None, ""
        if active is None:
            return
        if status == "completed":
            if active.parts or written:
                yield from self.replies.words_done({"type": "response.text.done"}, "transcript", written)
            yield from self.replies.finish(active.id, "completed", reason)
        else:
            yield from self.replies.finish(active.id, "cancelled", reason)


def _joined(said: str, word: str) -> str:
    space = " " if said and word and not said[-1].isspace() and not word[0].isspace() else ""
    return said + space + word


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a dialect's form
    headers = {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}
    url = placed(target.url or UNMUTE.default_url, "/v1/realtime")
    return Request(url=url, headers=headers, subprotocols=(_SUBPROTOCOL,))


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:
    """Ask for the health of the parts that answer together.

    Raises:
        AppError: one of them is not there, or Opus is not installed.
    """
    require_opus()
    parts = urlsplit(placed(target.url or UNMUTE.default_url, "/v1/realtime"))
    scheme = "https" if parts.scheme == "wss" else "http"
    path = parts.path.removesuffix("/realtime") + "/health"
    answer = fetch(urlunsplit((scheme, parts.netloc, path, "", "")), _request(target, None).headers)
    health = _health(answer.body)
    down = sorted(name for name, up in health.items() if up is False)
    if answer.status != 200 or health.get("ok") is False:
        raise AppError(
            f"“{target.name}” is not ready.",
            f"It answers {answer.status}" + (f" and says that these are down: {', '.join(down)}." if down else "."),
            "Wait until all of its parts are running, or check the address.",
        )
    return health


def _health(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {str(k)[:60]: v for k, v in value.items() if isinstance(v, bool)} if isinstance(value, dict) else {}


def _codec(start: Start) -> Codec:
    return UnmuteCodec(start)


UNMUTE = Dialect(
    kind="unmute",
    title="Unmute",
    page="unmute",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    default_url="ws://127.0.0.1:8000",
    sends="sound",
    experimental="No server of Kyutai's was available: checked against its published sources and Opus alone.",
    options=(
        Option(name="language", help="Language in which it answers, such as en or fr; empty: it may choose."),
        Option(
            name="allow_recording",
            help="Whether the server may keep what you say.",
            default="off",
            kind="flag",
        ),
    ),
)

DIALECTS = (UNMUTE,)


@endpoint("unmute")
def unmute(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - a factory's form
    """`target` is a URL, such as ws://127.0.0.1:8000."""
    return remote_endpoint(UNMUTE, target)

"""vLLM-Omni 0.30.0 duplex wire (set-up, commands, events, journal, resumption) with a scripted model. argv: CUT PORT

The model hears units of a second: it listens to the first, says "one two three" with the next three, then listens.
After unit CUT (0: never) the socket is dropped while the model goes on. Prints each command as `NAME {fields}`.
"""

import asyncio
import base64
import importlib.util
import json
import logging
import pathlib
import sys
import types
from urllib.parse import parse_qsl, urlsplit

root = pathlib.Path(importlib.util.find_spec("vllm_omni").submodule_search_locations[0])
for name in ("", ".engine", ".engine.duplex", ".entrypoints", ".entrypoints.duplex"):
    # Stands in for the packages whose `__init__` would import the engine.
    package = types.ModuleType(f"vllm_omni{name}")
    package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules[package.__name__] = package

log = types.ModuleType("vllm.logger")
log.init_logger = logging.getLogger
sys.modules |= {"vllm": types.ModuleType("vllm"), "vllm.logger": log}

import websockets  # noqa: E402 - after the stub
from vllm_omni.engine.duplex.commands import DuplexCommandError  # noqa: E402 - after the stub
from vllm_omni.engine.duplex.config import DuplexCapabilities, DuplexSessionConfig  # noqa: E402 - after the stub
from vllm_omni.engine.duplex.realtime_events import (  # noqa: E402 - after the stub
    RealtimeProjectionState,
    project_internal_event,
    resolve_cancel_response,
    resolve_create_item,
    resolve_truncate_item,
)
from vllm_omni.entrypoints.duplex.realtime_input import RealtimeEnvelope, parse_resume_request  # noqa: E402 - after the stub
from vllm_omni.entrypoints.duplex.session_attachment import (  # noqa: E402 - after the stub
    DuplexSessionAttachmentRegistry,
    InvalidResumeTokenError,
)
from vllm_omni.protocol.duplex.events import SessionResumed  # noqa: E402 - after the stub

CUT = int(sys.argv[1])
WORDS = ("one", " two", " three")
CAPABILITIES = DuplexCapabilities(
    supports_model_native_turn_policy=True,
    supports_input_append=True,
    supports_session_resume=True,
    supports_audio_truncate=True,
)
registry = DuplexSessionAttachmentRegistry(replay_ttl_s=30, replay_max_bytes_per_session=1 << 26)
sessions: dict[str, "Session"] = {}


class Session:
    def __init__(self, payload: dict) -> None:
        self.id = f"duplex-{len(sessions) + 1}"
        sessions[self.id] = self
        self.config = DuplexSessionConfig.from_realtime(payload)
        self.state = RealtimeProjectionState(self.id, default_payload=payload, initial_session_update=True)
        self.heard_ms = self.units = self.words = 0
        self.response = None

    def public(self) -> dict:
        config = self.config
        names = ("model", "modalities", "instructions", "voice", "temperature", "idle_timeout_s", "overlap_policy")
        told = {name: getattr(config, name) for name in (*names, "playback_commit_policy")}
        return {"id": self.id, **told, "capabilities": CAPABILITIES.as_dict()}

    async def tell(self, kind: str, *, journal: bool = True, **members: object) -> None:
        for event in project_internal_event(self.state, {"type": kind, **members}):
            await self.send(event, journal=journal)

    async def send(self, event: object, *, journal: bool = True) -> None:
        try:
            await registry.send_event(self.id, event.to_realtime(), journal=journal)
        except websockets.ConnectionClosed:
            await registry.release_attachment(self.id)

    async def unit(self) -> None:
        self.units += 1
        if self.units == 1 or self.words == len(WORDS):
            await self.tell("response.listen", reason="model_listen")
            return
        if self.response is None:
            self.response = f"resp_{self.units}"
            await self.tell("response.created", response_id=self.response, modalities=["audio", "text"])
        self.words += 1
        ends = self.words == len(WORDS)
        mark = {"text_chars": len("".join(WORDS[: self.words])), "audio_end_ms": 1000 * self.words}
        await self.tell(
            "response.output_audio.delta",
            response_id=self.response,
            audio=base64.b64encode(b"\x10\x20" * 24_000).decode(),
            format="pcm16",
            sample_rate_hz=24_000,
            text=WORDS[self.words - 1],
            model_speak=True,
            audio_duration_ms=1000 * self.words,
            audio_text_marks=[mark],
            end_of_turn=ends,
        )
        if ends:
            self.response = None

    async def take(self, command: object, socket: object) -> None:
        kind = type(command).__name__
        fields = {}
        match kind:
            case "AppendAudio":
                self.heard_ms += len(command.audio) // 4 // 16
                fields = {"end": command.audio_end_ms, "heard": self.heard_ms, "pictures": len(command.video_frames)}
            case "AckPlayback":
                fields = {"played": command.played_ms, "response": command.response_id, "item": command.item_id}
            case "TruncateItem":
                fields = {"item": command.item_id, "end": command.audio_end_ms}
        print(kind, json.dumps(fields), flush=True)
        match kind:
            case "AppendAudio":
                while self.units < self.heard_ms // 1000:
                    await self.unit()
                    if self.units == CUT and self.id not in cut:
                        cut.add(self.id)
                        await registry.release_attachment(self.id)
                        socket.transport.abort()
                        await self.unit()
            case "BargeIn":
                self.words, response = len(WORDS), self.response
                self.response = None
                await self.tell("audio.cancelled", response_id=response, reason="barge_in")
            case "Heartbeat":
                await self.tell("session.heartbeat_ack")
            case "CreateItem":
                for event in resolve_create_item(self.state, command).events:
                    await self.send(event)
            case "TruncateItem":
                for event in resolve_truncate_item(self.state, command).events:
                    await self.send(event)
            case "CancelResponse":
                for event in resolve_cancel_response(self.state, command).events:
                    await self.send(event)
            case "CloseSession":
                await self.tell("session.closed", reason=command.reason)
                await registry.close(self.id)
                await socket.close()


cut: set[str] = set()


async def serve(socket: websockets.ServerConnection) -> None:
    envelope = RealtimeEnvelope.from_query_params(dict(parse_qsl(urlsplit(socket.request.path).query)))

    async def send(payload: dict) -> None:
        await socket.send(json.dumps(payload))

    async def close(reason: str) -> None:
        await socket.close(1000, reason)

    if envelope.initial_open_payload() is not None:
        print("AUTOSTART", flush=True)
    first = envelope.first_message(json.loads(await socket.recv()))
    if first.kind == "resume":
        request = parse_resume_request(first.resume_payload)
        session = sessions.get(request.session_id) if request else None
        if session is None:
            await send(envelope.error_payload("session_resume_expired", "Unknown or expired duplex session"))
            return
        print("RESUME", request.last_received_server_event_seq, flush=True)

        def activation(token: object, generation: int) -> dict:
            return SessionResumed(
                session_id=session.id,
                session=session.public(),
                attachment_generation=generation,
                resume_token=token.plaintext,
            ).to_realtime()

        try:
            await registry.resume(
                session.id,
                resume_token=request.resume_token,
                last_received_server_event_seq=request.last_received_server_event_seq,
                send=send,
                close=close,
                activation_payload_factory=activation,
            )
        except InvalidResumeTokenError:
            await send(envelope.error_payload("invalid_resume_token", "Invalid duplex session resume token"))
            return
    else:
        print("OPEN", sorted(first.session_payload), flush=True)
        session = Session(first.session_payload)
        made = await registry.create(session.id, send=send, close=close)
        credentials = {"resume_token": made.resume_token.plaintext, "attachment_generation": made.attachment_generation}
        await session.tell("session.created", journal=False, session=session.public(), **credentials)
    async for text in socket:
        payload = json.loads(text)
        if envelope.is_envelope_event(payload):
            await registry.acknowledge(session.id, payload["server_event_seq"])
            continue
        try:
            command = envelope.translate(payload)
        except DuplexCommandError as error:
            print("REFUSED", error, flush=True)
            await send(envelope.command_error_payload(error))
            continue
        await session.take(command, socket)


async def main() -> None:
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[2]), max_size=2**24):
        await asyncio.Future()


asyncio.run(main())

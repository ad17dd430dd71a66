"""A remote endpoint without a network: its connection, its frames, its limits happen when a test says."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointEvent,
    Granted,
    Rejection,
    RoundTrip,
    SessionOpened,
    TextOut,
    TextOutDone,
    UnitDone,
    WireFrame,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.scripted import Line

HOST = "lab.example.org"
REFUSED = (
    Rejection(asked="3 camera frames per micro-turn", granted="1 a second", reason="The deployment samples pictures."),
    Rejection(asked="temperature 0.2", granted="", reason="This model has no such setting."),
)


def granted(address: str = "profile:lab", **changes: Any) -> Granted:
    plain = Granted(
        endpoint=address, name="omni-7b", local=False, provider=HOST, input_rate=16_000, output_rate=24_000,
        unit_ms=200, first_unit_ms=400, modalities_in=("audio", "image", "text"), modalities_out=("audio", "text"),
        turn_owner="model", proactive=True, acknowledges_units=True, clock_kind="input", input_delay_ms=1.25,
        frames_per_unit=1, max_image_bytes=524_288, can_interrupt=True, can_truncate=True, can_resume=False,
        can_ack_playback=True, expires_at_ms=3_600_000, rejections=REFUSED,
        details={"deployment": "native duplex", "protocol": "0.1.9"},
    )  # fmt: skip
    return replace(plain, **changes)


class FakeRemote:
    """Says its lines over an invented wire. `hold` keeps `open` waiting until it is set."""

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        extra: dict[int, Sequence[EndpointEvent]] | None = None,
        before: Sequence[ConnectionChanged] = (),
        hold: threading.Event | None = None,
        agreed: Granted | None = None,
    ) -> None:
        self.lines, self.extra, self.before, self.hold = tuple(lines), extra or {}, tuple(before), hold
        self.agreed = agreed or granted()
        self.interrupted: list[MicroTurn] = []

    address = "profile:lab"
    local = False
    host = HOST

    def check(self, instruction: str) -> None:
        """Always ready."""

    def open(self, setup: EndpointSetup, sink: EventSink) -> FakeDuplex:
        for event in self.before:
            sink(event)
        while self.hold is not None and not self.hold.wait(0.01):
            if setup.abandoned():
                raise AppError("It was given up.", "Nobody waits any more.", "Start again.")
        return FakeDuplex(self, sink)


class FakeDuplex:
    def __init__(self, endpoint: FakeRemote, sink: EventSink) -> None:
        self._endpoint, self._sink = endpoint, sink
        self._seq = self._frame = 0
        self._closed = False
        self._now_ns = 0
        session = {"model": "omni-7b", "instructions": "Please count out reps for squats.", "voice": "calm",
                   "tools": [], "authorization": "••••"}  # fmt: skip
        self._wire("sent", {"type": "session.update", "event_id": "mt0-0", "session": session})
        ref = self._wire("received", {"type": "session.updated", "session": {**session, "id": "sess_7d1"}})
        self._emit(SessionOpened(granted=endpoint.agreed, wire_ref=ref))
        self._emit(ConnectionChanged(state="open"))

    @property
    def granted(self) -> Granted:
        return self._endpoint.agreed

    def push(self, turn: MicroTurn) -> None:
        self._now_ns = turn.end_ns
        sound = {"bytes": 6400, "sha256": f"{turn.index:08x}" * 8}
        message = {"type": "input_audio_buffer.append", "event_id": f"mt{turn.index}-0", "audio": sound}
        self._wire("sent", message, 8640)
        if turn.frames:
            picture = {"bytes": 41_213, "sha256": f"{turn.index:08x}" * 8}
            self._wire("sent", {"type": "sglang.input_image.append", "t_ms": turn.t_ns // 1_000_000,
                                "image": picture}, 55_040)  # fmt: skip
        if turn.controls:
            self._endpoint.interrupted.append(turn)
        for line in self._endpoint.lines:
            if turn.t_ns < line.t_ns <= turn.end_ns:
                self._say(line, turn)
        if turn.index % 5 == 4:
            self._emit(RoundTrip(rtt_ns=(18 + turn.index % 7) * NS_PER_MS))
        for event in self._endpoint.extra.get(turn.index, ()):
            ref = None if isinstance(event, ConnectionChanged) else self._frame
            if ref is not None:
                body = {
                    "type": "error",
                    "error": {"code": getattr(event, "code", "x"), "message": getattr(event, "message", "")},
                }
                self._wire("received", body)
            self._emit(replace(event, wire_ref=ref))
        done = {"type": "sglang.unit.done", "unit": turn.index, "media_time": {"t_start_ms": turn.index * 200,
                "duration_ms": 200}}  # fmt: skip
        ref = self._wire("received", done)
        self._emit(UnitDone(micro_turn=turn.index, latency_ns=(61 + turn.index % 9) * NS_PER_MS, wire_ref=ref))

    def drain(self, timeout_s: float) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._emit(Closed(code="1000", reason="closed", initiated_by="us"))

    def _say(self, line: Line, turn: MicroTurn) -> None:
        item = f"item_{turn.index}"
        ref = self._wire("received", {"type": "response.output_audio_transcript.delta", "item_id": item,
                                      "delta": line.text})  # fmt: skip
        self._emit(TextOut(delta=line.text, channel="transcript", item_id=item, wire_ref=ref))
        self._emit(TextOutDone(text=line.text, channel="transcript", item_id=item, wire_ref=ref))
        if line.clip is not None:
            pcm = line.clip.pcm.astype("<i2").tobytes()
            sound = {"bytes": len(pcm), "sha256": f"{turn.index:08x}" * 8}
            ref = self._wire("received", {"type": "response.output_audio.delta", "item_id": item, "delta": sound},
                             len(pcm) * 4 // 3)  # fmt: skip
            self._emit(AudioOut(pcm16=pcm, rate=line.clip.rate_hz, item_id=item, text=line.text, wire_ref=ref))

    def _wire(self, direction: Any, message: Any, size: int = 0) -> int:
        index, self._frame = self._frame, self._frame + 1
        frame = WireFrame(index=index, direction=direction, size=size or len(str(message)), message=message)
        self._emit(frame)
        return index

    def _emit(self, event: EndpointEvent) -> None:
        self._seq += 1
        self._sink(replace(event, seq=self._seq, t_rx_ns=self._now_ns))

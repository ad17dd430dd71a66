"""SGLang-Omni 0.1.9: its session, negotiation and projection on a real socket. argv: [UNIT_MS RATE] PORT

A scripted model has units of 200 ms of 16 kHz, takes two pictures per unit, and says "1", "2", … (200 ms of silence)
at the end of every 5th unit.
"""

import sys

import sglang_stub
import uvicorn
from fastapi import FastAPI, WebSocket

sglang_stub.stub()

from sglang_omni.serve.realtime.output import (  # noqa: E402 - after the stub
    AudioDelta,
    AudioFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TextFinished,
)
from sglang_omni.serve.realtime.protocol import SharedRealtimeSession  # noqa: E402 - after the stub
from sglang_omni.serve.realtime.runtime import SessionRuntime  # noqa: E402 - after the stub
from sglang_omni.serve.realtime.types import Capabilities, InteractionAdapter, RuntimeLimits  # noqa: E402 - after the stub

UNIT_MS, RATE = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (200, 16000)
CAPABILITIES = Capabilities(
    interaction="native",
    input_sample_rate_hz=RATE,
    output_sample_rate_hz=24000,
    output_modalities=("text", "audio"),
    max_granted_modalities=2,
    native_unit_ms=UNIT_MS,
    tail_policy="pad",
    input_modalities=("audio", "image"),
    image_frames_per_unit=(2,),
)


class Counter(InteractionAdapter):
    async def open(self, session_id, config, emit):
        self.emit, self.units = emit, 0

    async def process(self, unit):
        self.units += 1
        if self.units % 5 == 0:
            response, item, text = f"resp_{self.units}", f"item_{self.units}", str(self.units // 5)
            for event in (
                ResponseStarted(response),
                TextDelta(response, item, text),
                AudioDelta(response, item, bytes(9600)),
                TextFinished(response, item, text),
                AudioFinished(response, item),
                ResponseFinished(response, item, text, True, "completed", "stop"),
            ):
                await self.emit(event, unit)
        return unit.real_samples

    async def close(self):
        pass


app = FastAPI()


@app.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    await socket.accept()
    await SharedRealtimeSession(
        socket, SessionRuntime("fake-interaction", CAPABILITIES, Counter, RuntimeLimits())
    ).run()


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning")

"""A model server in the dialect of bring-your-own.md: put your model into `step`. Run: python example_server.py 8765"""

import base64
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from websockets.sync.server import ServerConnection, serve

PCM16, PCM24 = ({"type": "audio/pcm", "rate": rate} for rate in (16_000, 24_000))
GRANT = {"interaction": "native", "native_unit_ms": 200, "proactive_output": True, "input_audio_format": PCM16}
GRANT |= {"output_audio_format": PCM24, "input_modalities": ["audio", "image"], "output_modalities": ["text", "audio"]}
BEEP = (6_000 * np.sin(np.arange(2_400) * 2 * np.pi * 880 / 24_000)).astype("<i2").tobytes()


class Session:
    seq, units, count, loud, sound, pictures = 0, 0, 0, False, b"", tuple[bytes, ...]()

    def step(self, unit: bytes) -> tuple[str, bytes]:
        """Your model: 200 ms of PCM16 and `pictures` in; a text and its sound out, or "". This counts loud onsets."""
        before, self.loud = self.loud, bool(np.abs(np.frombuffer(unit, "<i2").astype(float)).max() > 2_000)
        self.count += self.loud and not before
        return str(self.count) if self.loud and not before else "", BEEP

    def answer(self, kind: str, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if kind == "session.update":  # event["session"]["instructions"] is what is asked of the model
            yield {"type": "session.updated", "session": {"id": "sess", "sglang": {"granted": GRANT}}}
        elif kind == "sglang.input_image.append":
            self.pictures += (base64.b64decode(event["image"]),)
        elif kind == "input_audio_buffer.append" and event["sglang"]["seq"] == self.seq:
            self.seq, self.sound = self.seq + 1, self.sound + base64.b64decode(event["audio"])
            yield {"type": "sglang.input_audio.accepted", "seq": self.seq - 1}
            while len(self.sound) >= 6_400:
                (text, voice), n = self.step(self.sound[:6_400]), self.units
                at = {"unit_id": f"unit_{n}", "media_time": {"t_start_ms": n * 200.0, "duration_ms": 200.0}}
                part = {"response_id": f"resp_{n}", "item_id": f"item_{n}", "sglang": at}
                if text:
                    yield part | {"type": "response.output_text.delta", "delta": text}
                    yield part | {"type": "response.output_audio.delta", "delta": base64.b64encode(voice).decode()}
                    yield part | {"type": "response.done", "response": {"id": f"resp_{n}", "status": "completed"}}
                yield part | {"type": "sglang.unit.done", "unit_id": f"unit_{n}"}
                self.units, self.sound, self.pictures = n + 1, self.sound[6_400:], ()
        elif kind in ("session.close", "sglang.input_audio.end"):
            yield {"type": "session.closed" if kind == "session.close" else "sglang.input_audio.drained"}
        else:
            error = {"code": "not_supported", "message": f"{kind} is refused", "event_id": event["event_id"]}
            yield {"type": "error", "error": error, "sglang": {"fatal": False}}


def talk(ws: ServerConnection) -> None:
    session = Session()
    ws.send(json.dumps({"type": "session.created", "session": {"sglang": {"granted": None}}}))
    for event in map(json.loads, ws):
        for message in session.answer(event["type"], event):
            ws.send(json.dumps(message | {"client_event_id": event["event_id"]}))


serve(talk, "127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else sys.exit(f"Usage: {sys.argv[0]} PORT")).serve_forever()

"""A realtime server on loopback that answers every stretch of sound with as much sound, and stamps what it receives.

Run as `python -m tests.perf.endpoint_peer`; prints its port, then, when a client leaves, one JSON line with the stamps
of that connection: `{"received": {event_id: monotonic ns}}`. The `event_id` of what it sends is the monotonic time at
which it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_SOUND = base64.b64encode((b"\x10\x02\xf0\xfd" * 2400)[:9600]).decode()
"""200 ms at 24 kHz."""


def _delta(count: int) -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "event_id": str(time.monotonic_ns()),
        "response_id": f"resp_{count // 50}",
        "item_id": f"item_{count // 50}",
        "output_index": 0,
        "content_index": 0,
        "delta": _SOUND,
    }


async def _answer(ws: ServerConnection, message: dict[str, Any], count: int) -> None:
    match message["type"]:
        case "session.update":
            session = {"id": "sess_1", "object": "realtime.session"} | message["session"]
            await ws.send(json.dumps({"type": "session.updated", "event_id": "e1", "session": session}))
        case "input_audio_buffer.append":
            await ws.send(json.dumps(_delta(count), separators=(",", ":")))


async def _client(ws: ServerConnection) -> None:
    received: dict[str, int] = {}
    count = 0
    session = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": "m"}
    await ws.send(json.dumps({"type": "session.created", "event_id": "e0", "session": session}))
    with contextlib.suppress(ConnectionClosed):
        async for frame in ws:
            now_ns = time.monotonic_ns()
            message = json.loads(frame)
            if event_id := message.get("event_id"):
                received[event_id] = now_ns
            count += message["type"] == "input_audio_buffer.append"
            await _answer(ws, message, count)
    print(json.dumps({"received": received}), flush=True)


async def _main() -> None:
    quiet = logging.Logger("peer", logging.CRITICAL + 1)
    async with serve(_client, "127.0.0.1", 0, compression=None, logger=quiet) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())

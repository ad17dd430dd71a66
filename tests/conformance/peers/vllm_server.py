"""The smallest server that vLLM-Omni's client accepts, to see the client at work before a fake of ours. argv: PORT"""

import asyncio
import json
import sys

import websockets


async def serve(socket: websockets.ServerConnection) -> None:
    sequence = 0

    async def send(**event: object) -> None:
        nonlocal sequence
        sequence += 1
        await socket.send(json.dumps({**event, "event_id": f"s{sequence}", "server_event_seq": sequence}))

    async for text in socket:
        event = json.loads(text)
        print("C>", event["type"], sorted(k for k in event if k not in ("type", "event_id")), flush=True)
        if event["type"] == "session.update":
            session = {"id": "duplex-1", "object": "realtime.session"}
            await send(
                type="session.created",
                session=session,
                session_id="duplex-1",
                resume_token="t",
                attachment_generation=1,
            )
        elif event["type"] == "input_audio_buffer.commit":
            ids = {"response_id": "r1", "item_id": "i1"}
            await send(type="response.created", response={"id": "r1", "status": "in_progress"}, response_id="r1")
            await send(type="response.speak", metadata={}, **ids)
            await send(type="response.output_audio.delta", delta="AAAA", format="pcm16", sample_rate_hz=24000, **ids)
            await send(type="response.output_audio_transcript.delta", delta="one", **ids)
            await send(type="response.done", response={"id": "r1", "status": "completed"}, response_id="r1")
        elif event["type"] == "session.close":
            await send(type="session.closed", session_id="duplex-1", reason="client_close", event={})
            await socket.close()


async def main() -> None:
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1])):
        await asyncio.Future()


asyncio.run(main())

"""Plays a recorded session as a WebSocket server. argv: TRACE.jsonl strict|lenient PORT

After each connection it prints one JSON object: steps of the recording, how many were done, and each frame that was
another kind than the recorded one.
"""

import asyncio
import contextlib
import json
import sys

import websockets

# How many of these arrive is the client's business.
STREAMED = {"input_audio_buffer.append", "realtimeInput"}


def kind(message: dict) -> str:
    """Frames of the OpenAI family carry `type`; a frame of Gemini is named by its first key, in either spelling."""
    if "type" in message:
        return message["type"]
    head, *rest = next(iter(message), "").split("_")
    return head + "".join(part.capitalize() for part in rest)


async def received(socket: websockets.ServerConnection, seconds: float) -> dict:
    return json.loads(await asyncio.wait_for(socket.recv(), seconds))


async def play(socket: websockets.ServerConnection, steps: list[dict], strict: bool, told: dict) -> None:
    binary = any("setup" in step["json"] for step in steps)
    for step in steps:
        message = step["json"]
        if step["direction"] == "received":
            text = json.dumps(message)
            await socket.send(text.encode() if binary else text)
        elif kind(message) in STREAMED:
            # A client may send fewer and longer pieces than were recorded.
            with contextlib.suppress(TimeoutError):
                told["stream_frames"] += kind(await received(socket, 0.3)) in STREAMED
        else:
            while kind(got := await received(socket, 5)) in STREAMED:
                told["stream_frames"] += 1
            if kind(got) != kind(message):
                told["mismatches"].append([kind(message), kind(got)])
                if strict:
                    return
        told["done"] += 1


async def main(path: str, strict: bool, port: int) -> None:
    with open(path, encoding="utf-8") as file:
        steps = [json.loads(line) for line in file]

    async def serve(socket: websockets.ServerConnection) -> None:
        told = {"steps": len(steps), "done": 0, "stream_frames": 0, "mismatches": []}
        try:
            await play(socket, steps, strict, told)
        except (websockets.ConnectionClosed, TimeoutError) as error:
            told["mismatches"].append(["(end)", type(error).__name__])
        print(json.dumps(told), flush=True)
        await socket.close(1000)

    async with websockets.serve(serve, "127.0.0.1", port, max_size=2**24):
        await asyncio.Future()


asyncio.run(main(sys.argv[1], sys.argv[2] == "strict", int(sys.argv[3])))

"""The official OpenAI client against a Realtime server on loopback. argv: ws://127.0.0.1:PORT

Prints `COUNT TYPE` per kind of event that it received, `response.done` with its status.
"""

import asyncio
import base64
import collections
import sys

from openai import AsyncOpenAI

PCM = {"format": {"type": "audio/pcm", "rate": 24000}}


async def main(url: str) -> None:
    client = AsyncOpenAI(api_key="test", base_url=url.replace("ws://", "http://") + "/v1")
    seen: list[str] = []
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:

        async def pump() -> None:
            async for event in connection:
                seen.append(event.type if event.type != "response.done" else f"response.done:{event.response.status}")

        pumping = asyncio.create_task(pump())
        await connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["audio"],
                "audio": {"input": {**PCM, "turn_detection": {"type": "server_vad"}}, "output": PCM},
            }
        )
        for _ in range(14):
            await connection.input_audio_buffer.append(audio=base64.b64encode(bytes(9600)).decode())
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.2)
        await connection.send({"type": "bogus", "event_id": "x1"})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/4A=="},
                    {"type": "input_text", "text": "again"},
                ],
            }
        )
        await connection.response.create()
        await asyncio.sleep(0.12)
        await connection.response.cancel()
        await asyncio.sleep(0.6)
        pumping.cancel()
    for event, count in collections.Counter(seen).items():
        print(count, event)


asyncio.run(main(sys.argv[1]))

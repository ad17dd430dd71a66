"""The official OpenAI client against a GPT-Live server on loopback, with silence. argv: ws://127.0.0.1:PORT [CHUNKS]

Prints one line per event that is no sound, then `output audio bytes N`.
"""

import asyncio
import base64
import sys

from openai import AsyncOpenAI

SESSION = {
    "model": "gpt-live-1",
    "instructions": "Count the reps.",
    "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
    "delegation": {"type": "client"},
}


async def main(url: str, chunks: int) -> None:
    client = AsyncOpenAI(api_key="test", base_url=url.replace("ws://", "http://") + "/v1")
    sound = 0
    async with client.live.connect() as connection:
        await connection.send({"type": "session.start", "event_id": "my-1", "session": SESSION})

        async def pump() -> None:
            nonlocal sound
            async for event in connection:
                if event.type == "session.output_audio.delta":
                    sound += len(base64.b64decode(event.delta))
                else:
                    fields = (getattr(event, name, "") for name in ("delta", "start_ms", "reason"))
                    print("S>", event.type, *(str(field) for field in fields if field != ""), flush=True)

        pumping = asyncio.create_task(pump())
        await asyncio.sleep(0.2)
        for _ in range(chunks):
            audio = base64.b64encode(bytes(9600)).decode()
            await connection.send({"type": "session.input_audio.append", "audio": audio})
            await asyncio.sleep(0.2)
        await connection.send({"type": "session.close", "event_id": "my-2"})
        await asyncio.wait([pumping], timeout=3)
    print("output audio bytes", sound)


asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10))

"""The vendor's own client against `endpoint_peer`, run by the interpreter of the conformance environment.

`python endpoint_theirs.py PORT TURNS`: appends TURNS stretches of 200 ms in real time, decodes the sound that comes
back; prints what it measured as one JSON object.
"""

import asyncio
import base64
import json
import random
import sys
import time

from openai import AsyncOpenAI

PCM = {"format": {"type": "audio/pcm", "rate": 24000}}


async def main(port: int, turns: int) -> None:
    sounds = [random.Random(n).randbytes(9600) for n in range(10)]
    client = AsyncOpenAI(api_key="test", base_url=f"http://127.0.0.1:{port}/v1")
    received = 0
    async with client.realtime.connect(model="m") as connection:

        async def pump() -> None:
            nonlocal received
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    received += len(base64.b64decode(event.delta))

        pumping = asyncio.create_task(pump())
        await connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["audio"],
                "audio": {"input": {**PCM, "turn_detection": {"type": "server_vad"}}, "output": PCM},
            }
        )
        cpu_s = time.process_time()
        due_s = time.monotonic()
        for index in range(turns):
            due_s += 0.2
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await connection.input_audio_buffer.append(audio=base64.b64encode(sounds[index % 10]).decode())
        await asyncio.sleep(0.1)
        cpu_s = time.process_time() - cpu_s
        pumping.cancel()
    print(json.dumps({"cpu_s": cpu_s, "bytes": received}))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

"""vLLM-Omni 0.30.0: its DuplexClient has a conversation with a server of ours. argv: ws://127.0.0.1:PORT/v1/realtime

Prints `session ID`, then `response DECISION TRANSCRIPT` of the first response.
"""

import asyncio
import sys

import vllm_stub

vllm_stub.stub()

from vllm_omni.clients.duplex import DuplexClient, SessionConfig  # noqa: E402 - after the stub


async def main(url: str) -> None:
    config = SessionConfig(instructions="Count the reps.")
    async with DuplexClient(url, model="m", config=config, heartbeat_interval_s=None) as client:
        print("session", client.session_id, flush=True)
        await client.stream_pcm(bytes(12800), realtime=False, video_frames=["/9j/4A=="])
        await client.commit()
        async for response in client.responses():
            async for _ in response.audio():
                await client.ack_playback(response.played_ms, response_id=response.response_id)
            print("response", response.decision, response.transcript, flush=True)
            break


asyncio.run(main(sys.argv[1]))

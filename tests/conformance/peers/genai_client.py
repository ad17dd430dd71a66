"""The official google-genai Live client against a server on loopback. argv: ws://127.0.0.1:PORT

Prints one JSON object: bytes of sound received and the transcript of it.
"""

import asyncio
import json
import sys

import google.genai.live as live
from google import genai
from google.genai import _api_client, types

# It turns ws:// into wss:// where a key is set, and hands over a TLS context even for ws://.
_api_client.BaseApiClient._websocket_base_url = lambda self, options=None: (options or self._http_options).base_url
_connect = live.ws_connect
live.ws_connect = lambda uri, **options: _connect(uri, **{k: v for k, v in options.items() if k != "ssl"})


async def main(url: str) -> None:
    client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url, api_version="v1beta"))
    model = "gemini-2.5-flash-native-audio-preview-09-2025"
    async with client.aio.live.connect(model=model, config={"response_modalities": ["AUDIO"]}) as session:
        said = types.Content(role="user", parts=[types.Part(text="hi")])
        await session.send_client_content(turns=said, turn_complete=True)
        sound, text = 0, ""
        async for message in session.receive():
            sound += len(message.data or b"")
            if message.server_content and message.server_content.output_transcription:
                text += message.server_content.output_transcription.text or ""
    print(json.dumps({"audio_bytes": sound, "transcript": text}))


asyncio.run(main(sys.argv[1]))

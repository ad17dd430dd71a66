"""dashscope 2.0.2: its realtime client has a conversation with a server of ours. argv: ws://127.0.0.1:PORT/api-ws/v1/realtime

Prints `S> TYPE` per event that it received.
"""

import base64
import sys
import time

from dashscope.audio.qwen_omni import MultiModality, OmniRealtimeCallback, OmniRealtimeConversation


class Told(OmniRealtimeCallback):
    def on_event(self, message: dict) -> None:
        print("S>", message["type"], flush=True)


conversation = OmniRealtimeConversation(
    model="qwen3-omni-flash-realtime", callback=Told(), api_key="test", url=sys.argv[1]
)
conversation.connect()
conversation.update_session(output_modalities=[MultiModality.AUDIO, MultiModality.TEXT], voice="Cherry")
conversation.append_audio(base64.b64encode(bytes(6400)).decode())
conversation.append_video("/9j/4A==")
conversation.create_response()
time.sleep(0.5)
conversation.end_session(timeout=3)
conversation.close()

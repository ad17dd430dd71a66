"""OpenAI-Realtime server of speech-to-speech 1.1.0 with a scripted pipeline instead of models. argv: PORT

It hears speech from the 3rd to the 12th piece of sound, transcribes it as "count my reps", and answers everything with
"one, two" and five times 200 ms of silence.
"""

import queue
import sys
import threading
import time

import numpy as np
from speech_to_speech.api.openai_realtime.pipeline_unit import PipelineUnit
from speech_to_speech.api.openai_realtime.server import RealtimeServer
from speech_to_speech.api.openai_realtime.service import RealtimeService
from speech_to_speech.pipeline.cancel_scope import CancelScope
from speech_to_speech.pipeline.control import SESSION_END, is_control_message
from speech_to_speech.pipeline.events import (
    AssistantOutputEvent,
    AssistantResponseDoneEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TranscriptionCompletedEvent,
)
from speech_to_speech.pipeline.messages import AUDIO_RESPONSE_DONE, AssistantTextPart, AudioOutput

STARTS, STOPS = 3, 12
listen, playing = threading.Event(), threading.Event()
heard, out, told, prompts = (queue.Queue() for _ in range(4))
service = RealtimeService(text_prompt_queue=prompts, should_listen=listen)
unit = PipelineUnit(
    index=0,
    service=service,
    cancel_scope=CancelScope(),
    should_listen=listen,
    response_playing=playing,
    input_queue=heard,
    output_queue=out,
    text_output_queue=told,
    text_prompt_queue=prompts,
    handlers=[],
)


def ears() -> None:
    pieces = 0
    while True:
        item = heard.get()
        if is_control_message(item, SESSION_END.kind):
            out.put(item)
            pieces = 0
            continue
        pieces += 1
        turn = {"turn_id": "t1", "turn_revision": 1}
        if pieces == STARTS:
            told.put(SpeechStartedEvent(audio_start_ms=0, **turn))
        if pieces == STOPS:
            told.put(SpeechStoppedEvent(duration_s=1.0, audio_end_ms=1000, **turn))
            told.put(TranscriptionCompletedEvent(transcript="count my reps", **turn))


def mouth() -> None:
    while True:
        request = prompts.get()
        key, generation = getattr(request, "response_key", None), getattr(request, "cancel_generation", None)
        said = AssistantOutputEvent(
            parts=[AssistantTextPart(text="one, two")],
            response_key=key,
            cancel_generation=generation,
            turn_id=getattr(request, "turn_id", None),
            turn_revision=getattr(request, "turn_revision", None),
        )
        out.put(said)
        for _ in range(5):
            out.put(AudioOutput(audio=np.zeros(3200, np.int16), cancel_generation=generation, response_key=key))
            time.sleep(0.05)
        out.put(AssistantResponseDoneEvent(response_key=key, cancel_generation=generation))
        out.put(AudioOutput(audio=AUDIO_RESPONSE_DONE, cancel_generation=generation, response_key=key))


for work in (ears, mouth):
    threading.Thread(target=work, daemon=True).start()
RealtimeServer(threading.Event(), [unit], host="127.0.0.1", port=int(sys.argv[1])).run()

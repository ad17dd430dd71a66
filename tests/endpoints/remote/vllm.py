"""What the tests of vLLM-Omni share: a codec without its socket, and a few messages of the server."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tests.endpoints.remote.fakes.vllm import CAPABILITIES, TONE
from tests.endpoints.remote.family import say, start, told
from tmlapp.endpoints.remote.contract import (
    Answer,
    Opened,
    Patience,
)
from tmlapp.endpoints.vllm.codec import VllmCodec
from tmlapp.endpoints.vllm_omni import VLLM_OMNI

SOUND = base64.b64encode(TONE[:9600]).decode()
QUICK = Patience(backoff_s=(0.01, 0.01, 0.01), jitter=0.0, warn_turns=500, drop_video_turns=500, give_up_turns=500)
"""Turns are pushed as fast as they can be."""


def _fetch(url: str, headers: Mapping[str, str]) -> Answer:
    raise AssertionError("nothing is fetched")


def codec_of(**members: Any) -> VllmCodec:
    return VllmCodec(VLLM_OMNI, start(VLLM_OMNI, **members))


def created(codec: VllmCodec, capabilities: Mapping[str, Any] | None = None, **session: Any) -> Opened:
    codec.hello()
    about = {"id": "duplex-1", "capabilities": {**CAPABILITIES, **(capabilities or {})}, **session}
    actions = say(codec, type="session.created", session=about, session_id="duplex-1", resume_token="token-of-one")
    (found,) = told(actions, Opened)
    return found


def speaking(codec: VllmCodec, response: str = "r1") -> list[Any]:
    ids = {"response_id": response, "item_id": f"i-{response}"}
    actions = say(codec, type="response.created", response_id=response, response={"id": response})
    actions += say(codec, type="response.speak", metadata={}, **ids)
    actions += say(codec, type="response.output_audio.delta", delta=SOUND, format="pcm16", sample_rate_hz=24_000, **ids)
    return actions + say(codec, type="response.output_audio_transcript.delta", delta="one", **ids)


def after_a_loss(codec: VllmCodec) -> VllmCodec:
    resumption = codec.resumption()
    assert resumption is not None
    return codec_of(epoch=1, resumption=resumption)

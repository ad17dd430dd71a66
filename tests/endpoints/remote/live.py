"""What the tests of GPT-Live share: a codec without its socket, and a few messages of the service."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.endpoints.remote.family import b64, micro_turn, say, sent, start
from tmlapp.core.event import (
    Granted,
)
from tmlapp.core.tool import ToolSpec
from tmlapp.core.turn import Control
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.remote.contract import (
    Action,
    Codec,
    Opened,
)

RESPONSES = {"delegation": "responses", "backend_model": "gpt-backend"}
LOUD = np.full(2400, 3000, "<i2").tobytes()
QUIET = bytes(4800)
WEATHER = ToolSpec(name="lookup_forecast", description="Weather.", parameters={"type": "object", "properties": {}})
DELEGATE = ToolSpec(name="delegate", description="Work.", parameters={"type": "object"})


def codec_of(**members: Any) -> Codec:
    return OPENAI_LIVE.codec(start(OPENAI_LIVE, **members))


def begin(codec: Codec, **echoed: Any) -> Granted:
    """The service agrees to what is asked, but for `echoed`."""
    (first,) = sent(codec.hello())
    session = {"id": "live_1", "status": "active", **first["session"], **echoed}
    (opened,) = say(codec, type="session.started", event_id="s", client_event_id=first["event_id"], session=session)
    assert isinstance(opened, Opened)
    return opened.granted


def running(at: int = 0, **members: Any) -> Codec:
    """A codec whose session is open and whose first micro-turn has the index `at`."""
    codec = codec_of(**members)
    begin(codec)
    codec.turn(micro_turn(at))
    return codec


def session_of(**members: Any) -> dict[str, Any]:
    (first,) = sent(codec_of(**members).hello())
    assert set(first) == {"type", "event_id", "session"}
    session: dict[str, Any] = first["session"]
    return session


def give(codec: Codec, index: int, *controls: Control, texts: Any = ()) -> list[Action]:
    """What a micro-turn makes, but for its sound, which comes first."""
    sound, *rest = codec.turn(micro_turn(index, controls=controls, texts=texts))
    (message,) = sent([sound])
    assert set(message) == {"type", "audio"}
    assert message["type"] == "session.input_audio.append"
    return rest


def audio(codec: Codec, pcm16: bytes, **members: Any) -> list[Action]:
    return say(codec, type="session.output_audio.delta", delta=b64(pcm16), **members)


def delegated(codec: Codec, name: str = "item_D", target: str = "client", **members: Any) -> list[Action]:
    delegation = {"id": name, "target": target, "type": "delegation", **members}
    return say(codec, type="session.delegation.created", event_id="d", offset_ms=3800, delegation=delegation)


def nested(codec: Codec, kind: str, delegation: str | None = "item_D", **members: Any) -> list[Action]:
    event = {"type": kind, **members}
    return say(codec, type="response.event", event_id="r", delegation_id=delegation, event=event)


def call_item(call_id: str, arguments: str = "{}", name: str = "lookup_forecast") -> dict[str, Any]:
    return {"id": "fc_1", "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}

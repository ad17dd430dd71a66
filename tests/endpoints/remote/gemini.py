"""What the tests of Gemini Live share: its codec without a socket, and messages of the service."""

from __future__ import annotations

import json
from typing import Any

from tests.endpoints.remote.family import b64, micro_turn, sent, start, told
from tmlapp.core.tool import ToolSpec
from tmlapp.endpoints.gemini.codec import GeminiCodec
from tmlapp.endpoints.gemini_live import DIALECT
from tmlapp.endpoints.remote.contract import Codec, Opened

PCM = {"mimeType": "audio/pcm;rate=24000", "data": b64(b"\1\2\3\4")}
TOOL = ToolSpec(
    name="f", description="does it", parameters={"type": "object", "properties": {"n": {"type": "integer"}}}
)
DELEGATE = ToolSpec(name="delegate", description="hands over")


def say(made: Codec, **message: Any) -> list[Any]:
    """What a message of the service means."""
    return list(made.receive(made.parse(json.dumps(message))))


def codec(**given: Any) -> GeminiCodec:
    made = DIALECT.codec(start(DIALECT, **given))
    assert isinstance(made, GeminiCodec)
    return made


def talking(**given: Any) -> GeminiCodec:
    made = codec(**given)
    made.hello()
    assert told(say(made, setupComplete={}), Opened)
    return made


def setup_of(**given: Any) -> dict[str, Any]:
    (frame,) = sent(codec(**given).hello())
    found: dict[str, Any] = frame["setup"]
    return found


def rejections(**given: Any) -> dict[str, str]:
    made = codec(**given)
    made.hello()
    (found,) = told(say(made, setupComplete={}), Opened)
    return {r.asked: r.granted for r in found.granted.rejections}


def content(made: Codec, **members: Any) -> list[Any]:
    return say(made, serverContent=members)


def spoken(**members: Any) -> dict[str, Any]:
    return {"modelTurn": {"parts": [{"inlineData": PCM | members}]}}


def called(made: Codec, name: str = "f", call_id: str = "c1") -> list[Any]:
    return say(made, toolCall={"functionCalls": [{"id": call_id, "name": name, "args": {"n": 1}}]})


def responses(made: Codec, *controls: Any) -> list[dict[str, Any]]:
    frames = sent(made.turn(micro_turn(0, controls=controls)))
    return [r for frame in frames for r in frame.get("toolResponse", {}).get("functionResponses", ())]

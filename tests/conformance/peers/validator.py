"""Validates frames with the vendors' own types, until its input ends.

One JSON object per line in: `{"table": "openai", "direction": "sent", "frames": […]}`; one per line out: a list with an
empty string for each frame that is accepted and the reason for each that is not.
"""

import functools
import json
import sys
from collections.abc import Callable


def _openai(direction: str) -> Callable[[dict], object]:
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
    from pydantic import TypeAdapter

    return TypeAdapter(RealtimeClientEvent if direction == "sent" else RealtimeServerEvent).validate_python


def _openai_live(direction: str) -> Callable[[dict], object]:
    from openai.types.live import ClientEvent, ServerEvent
    from pydantic import TypeAdapter

    return TypeAdapter(ClientEvent if direction == "sent" else ServerEvent).validate_python


def _gemini(direction: str) -> Callable[[dict], object]:
    from google.genai import types

    model = types.LiveClientMessage if direction == "sent" else types.LiveServerMessage

    def check(frame: dict) -> None:
        # The vendor's client sends this member of the set-up, the vendor's type of the set-up does not know it.
        setup = dict(frame.get("setup") or {})
        for name in ("realtimeInputConfig", "realtime_input_config"):
            if name in setup:
                types.RealtimeInputConfig.model_validate(setup.pop(name))
        model.model_validate({**frame, "setup": setup} if "setup" in frame else frame)

    return check


def _sglang(direction: str) -> Callable[[dict], object]:
    import sglang_stub

    sglang_stub.stub()
    from sglang_omni.serve.realtime import schema

    if direction != "sent":
        raise ValueError("sglang-omni validates only what is sent to it")
    return schema.CLIENT_EVENT.validate_python


TABLES = {"openai": _openai, "openai-live": _openai_live, "gemini": _gemini, "sglang": _sglang}


@functools.cache
def check_of(table: str, direction: str) -> Callable[[dict], object]:
    return TABLES[table](direction)


for line in sys.stdin:
    task = json.loads(line)
    check = check_of(task["table"], task["direction"])
    faults = []
    for frame in task["frames"]:
        try:
            check(frame)
            faults.append("")
        except ValueError as error:
            faults.append(str(error) or type(error).__name__)
    print(json.dumps(faults), flush=True)

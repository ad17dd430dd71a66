from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.core.strategies import any_event, of_class
from tmlapp.core.event import (
    EVENT_TYPES,
    AudioOut,
    Gap,
    Granted,
    Rejection,
    SessionOpened,
    TextOut,
    from_json,
    granted_from_json,
    to_json,
)

pytestmark = pytest.mark.unit


@given(any_event())
@settings(max_examples=400, deadline=None)
def test_every_event_survives_a_trip_through_json_text(event: Any) -> None:
    text = json.dumps(to_json(event), allow_nan=False)
    back = from_json(json.loads(text))
    assert back == event
    assert type(back) is type(event)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_no_event_class_is_left_out(name: str) -> None:
    assert EVENT_TYPES[name].__name__ == name
    assert of_class(EVENT_TYPES[name]) is not None


def test_the_bytes_of_a_sound_come_back_bit_for_bit() -> None:
    event = AudioOut(pcm16=bytes(range(256)), rate=24_000, text="six")
    plain = to_json(event)
    assert isinstance(plain["pcm16"], str)
    assert from_json(plain) == event


def test_what_was_granted_keeps_its_rejections() -> None:
    granted = Granted(
        endpoint="onnx:tiny", name="tiny", local=True, modalities_in=("audio", "video"),
        rejections=(Rejection(asked="voice", granted="text", reason="no voice here"),), details={"sha256": "ab"},
    )  # fmt: skip
    event = SessionOpened(granted=granted)
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


def test_an_older_file_without_the_lists_of_granted_can_be_read() -> None:
    assert granted_from_json({"endpoint": "x", "name": "x", "local": False}).rejections == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "unknown event type None"),
        ({"type": "NoSuchThing"}, "unknown event type 'NoSuchThing'"),
        ({"type": 7}, "unknown event type 7"),
        ({"type": ["TextOut"]}, "unknown event type"),
        ({"type": "TextOut"}, "malformed TextOut"),
        ({"type": "TextOut", "delta": "a", "colour": 1}, "malformed TextOut"),
        ({"type": "AudioOut", "pcm16": "%%%", "rate": 1}, "malformed AudioOut"),
        ({"type": "AudioOut", "pcm16": 5, "rate": 1}, "malformed AudioOut"),
        ({"type": "SessionOpened", "granted": {"endpoint": "x"}}, "malformed SessionOpened"),
        ({"type": "Gap", "t_ns": 0}, "malformed Gap"),
    ],
)
def test_a_malformed_event_is_refused_with_its_name(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(value)


def test_reading_an_event_leaves_the_given_object_alone() -> None:
    value = to_json(TextOut(delta="a"))
    before = json.dumps(value)
    from_json(value)
    assert json.dumps(value) == before


def test_a_gap_says_lost_unless_told_otherwise() -> None:
    assert Gap(t_ns=0, track="mic", dur_ns=1, reason="overflow").kind == "lost"

"""The peers themselves: each works with the vendor's own client or server before our adapters meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.harness import Validator, frames_of, running, serving, unfolded
from tmlapp.core.event import WireFrame

pytestmark = pytest.mark.conformance


@pytest.mark.slow
def test_openai_client_converses_with_the_speech_to_speech_server() -> None:
    with serving("s2s_server.py") as server, running("openai_realtime_client.py", server.url) as client:
        seen = dict(reversed(line.split(" ", 1)) for line in client.finish().splitlines())
    assert seen["session.created"] == seen["session.updated"] == "1"
    assert seen["response.done:completed"] == seen["response.done:cancelled"] == "1"
    assert seen["error"] == "1"
    assert int(seen["response.output_audio.delta"]) >= 5


def test_vllm_client_converses_with_the_smallest_server() -> None:
    with serving("vllm_server.py") as server, running("vllm_client.py", server.url + "/v1/realtime") as client:
        said = client.finish().splitlines()
    assert said == ["session duplex-1", "response speak one"]
    assert any(line.startswith("C> playback.ack") for line in server.lines)


def test_error_codes_of_vllm_are_readable() -> None:
    with running("vllm_errors.py") as script:
        assert len(json.loads(script.finish())) > 5


@pytest.mark.slow
def test_google_client_hears_a_recorded_session(shared_data: Path) -> None:
    trace = shared_data / "traces" / "google__text_in_audio_out_turn.jsonl"
    with serving("replay_server.py", trace, "lenient") as server, running("genai_client.py", server.url) as client:
        assert json.loads(client.finish().splitlines()[-1]) == {"audio_bytes": 33, "transcript": "Hello there."}
        told = json.loads(server.wait_for(lambda line: '"mismatches"' in line))
    assert told["mismatches"] == []


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        ("openai", {"type": "response.create"}, {"type": "response.create", "response": 7}),
        ("openai-live", {"type": "session.close", "event_id": "a"}, {"type": "session.input_audio.append"}),
        ("gemini", {"realtimeInput": {"audioStreamEnd": True}}, {"realtimeInput": {"audioStreamEnd": "no idea"}}),
        ("sglang", {"type": "session.close", "event_id": "a"}, {"type": "session.close"}),
    ],
)
def test_vendors_types_tell_a_frame_from_none(validate: Validator, table: str, good: dict, bad: dict) -> None:
    (fault,) = validate([good, bad], table)  # type: ignore[arg-type]
    assert fault.startswith("1 ")


def test_wire_log_is_unfolded_for_the_validators() -> None:
    folded = {"type": "a", "audio": {"bytes": 4, "sha256": "00"}, "list": [{"bytes": 3, "sha256": "00"}]}
    frame = WireFrame(index=0, direction="sent", size=9, message=folded)
    assert frames_of([frame, frame.__class__(index=1, direction="received", size=1, message={})]) == [
        {"type": "a", "audio": "AAAAAAAA", "list": ["AAAA"]}
    ]
    assert unfolded(7) == 7

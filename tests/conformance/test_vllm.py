"""vLLM-Omni's own client against our server, and its own error codes against our table."""

from __future__ import annotations

import json

import pytest

from tests.conformance.harness import running
from tests.endpoints.remote.fakes.vllm import WORDS, FakeVllm
from tmlapp.endpoints.remote.errors import KINDS
from tmlapp.endpoints.vllm.codes import KINDS as KIND_OF_CODE

pytestmark = pytest.mark.conformance


def test_their_client_converses_with_our_server() -> None:
    with FakeVllm().running() as server, running("vllm_client.py", server.url + "/v1/realtime") as client:
        said = client.finish().splitlines()
        (seen,) = server.connections

    assert said[0].startswith("session duplex-")
    assert said[1] == f"response speak {''.join(WORDS)}"
    assert seen.query == {"duplex": "1", "model": "m", "autostart": "0"}
    assert seen.kinds[0] == "session.update"
    assert seen.kinds[-1] == "session.close"
    assert seen.of("playback.ack")
    acknowledged = [frame["server_event_seq"] for frame in seen.of("session.event_ack")]
    assert acknowledged == sorted(acknowledged)
    assert {"audio", "audio_end_ms", "duration_ms", "format", "sample_rate_hz"} <= set(
        seen.of("input_audio_buffer.append")[0]
    )


def test_every_error_code_of_theirs_has_its_kind() -> None:
    with running("vllm_errors.py") as script:
        codes = json.loads(script.finish())

    assert sorted(code for code in codes if code not in KIND_OF_CODE) == []
    assert set(KIND_OF_CODE.values()) <= set(KINDS)

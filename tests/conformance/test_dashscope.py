"""The client of DashScope converses with our own fake; what we send is what it sends."""

from __future__ import annotations

import pytest

from tests.conformance.harness import running
from tests.endpoints.remote.fakes.realtime import FakeRealtime
from tests.endpoints.remote.family import JPEG, Log, connect, micro_turn
from tmlapp.core.event import TurnDone
from tmlapp.endpoints.qwen_omni import QWEN_OMNI

pytestmark = pytest.mark.conformance


@pytest.mark.slow
def test_the_vendors_client_converses_with_our_own_fake_and_sends_what_we_send() -> None:
    theirs = FakeRealtime("beta", rate_hz=16_000)
    with theirs.running(), running("dashscope_client.py", theirs.url + "/api-ws/v1/realtime") as client:
        heard = client.finish().splitlines()
    assert heard[:2] == ["S> session.created", "S> session.updated"]
    assert heard[-1] == "S> session.finished"
    assert {"S> response.created", "S> response.audio.delta", "S> response.done"} <= set(heard)

    ours = FakeRealtime("beta", rate_hz=16_000)
    log = Log()
    with ours.running():
        duplex = connect(QWEN_OMNI, ours.url, log, voice="Cherry", options={"turn_detection": "none"})
        try:
            duplex.push(micro_turn(0, texts=["Hello"], jpegs=[JPEG]))
            log.wait_for(lambda events: any(isinstance(e, TurnDone) for e in events))
            duplex.drain(5)
        finally:
            duplex.close()
    for kind in ("session.update", "input_audio_buffer.append", "input_image_buffer.append", "response.create"):
        (their_frame,) = [m for m in theirs.connections[0].frames if m["type"] == kind]
        our_frame = next(m for m in ours.connections[0].frames if m["type"] == kind)
        assert set(our_frame) == set(their_frame), kind
    (their_session,) = [m["session"] for m in theirs.connections[0].frames if m["type"] == "session.update"]
    our_session = ours.connections[0].frames[0]["session"]
    assert set(our_session) - {"instructions"} <= set(their_session)
    assert {k: our_session[k] for k in ("modalities", "voice", "input_audio_format", "output_audio_format")} == {
        k: their_session[k] for k in ("modalities", "voice", "input_audio_format", "output_audio_format")
    }
    assert ours.connections[0].kinds[-1] == "session.finish"
    assert ours.connections[0].path.split("?")[0] == theirs.connections[0].path.split("?")[0]

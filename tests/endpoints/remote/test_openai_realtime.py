"""OpenAI Realtime and its Azure forms: what is asked for and granted, who takes turns, and sessions over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.endpoints.remote.fakes.realtime import PIECES, SAID, TONE, FakeRealtime
from tests.endpoints.remote.family import (
    JPEG,
    WALL_S,
    Log,
    connect,
    kinds,
    micro_turn,
    opened,
    say,
    sent,
    start,
    steps,
    told,
    tone,
)
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    Granted,
    Interrupted,
    Rejection,
    SessionOpened,
    TextOutDone,
    ToolCall,
    TurnDone,
    Unrecognized,
    UserTranscript,
    WireFrame,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import Interrupt, TextInput, ToolResult
from tmlapp.endpoints.openai_family.realtime import RealtimeCodec
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import Answer, Drained, Opened, Request, Target

pytestmark = pytest.mark.unit

TOOL = ToolSpec(name="f", description="Counts.", parameters={"type": "object", "properties": {"n": {}}})


def codec(**given: Any) -> RealtimeCodec:
    made = OPENAI_REALTIME.codec(start(OPENAI_REALTIME, **given))
    assert isinstance(made, RealtimeCodec)
    return made


def talking(**given: Any) -> RealtimeCodec:
    made = codec(**given)
    opened(made)
    return made


def asked(**given: Any) -> dict[str, Any]:
    (message,) = sent(codec(**given).hello())
    session: dict[str, Any] = message["session"]
    return session


def granted(model: RealtimeCodec, session: dict[str, Any] | None = None) -> Granted:
    return opened(model, session).granted


def request(url: str = "", **options: str) -> Request:
    target = Target(
        kind="openai_realtime", address="x", name="x", url=url, model=options.pop("model", ""), options=options,
        secret=Secret("k-1"),
    )  # fmt: skip
    return OPENAI_REALTIME.request(target, None)


# ---------------------------------------------------------------------- where, and with which key


def test_it_is_found_by_its_kind() -> None:
    assert dialects()["openai_realtime"] is OPENAI_REALTIME
    assert endpoint_from_address("openai_realtime:gpt-realtime-2.1").host == "api.openai.com"


@pytest.mark.parametrize(
    ("url", "options", "expected", "headers"),
    [
        ("", {}, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1", {"Authorization": "Bearer k-1"}),
        ("ws://127.0.0.1:9/v9?model=a", {"model": "b"}, "ws://127.0.0.1:9/v9?model=a", {"Authorization": "Bearer k-1"}),
        (
            "wss://me.openai.azure.com",
            {"service": "azure", "model": "my deployment"},
            "wss://me.openai.azure.com/openai/v1/realtime?model=my%20deployment",
            {"api-key": "k-1"},
        ),
        (
            "wss://me.services.ai.azure.com",
            {"service": "azure-voice-live", "model": "m", "login": "bearer"},
            "wss://me.services.ai.azure.com/voice-live/realtime?model=m&api-version=2025-10-01",
            {"Authorization": "Bearer k-1"},
        ),
    ],
)
def test_the_address_and_the_header_of_the_key(
    url: str, options: dict[str, str], expected: str, headers: dict[str, str]
) -> None:
    made = request(url, **options)
    assert (made.url, dict(made.headers)) == (expected, headers)


def _no_fetch(url: str, headers: Mapping[str, str]) -> Answer:
    raise AssertionError(f"{url} was asked for with {len(headers)} headers")


def test_a_key_is_needed_elsewhere_but_not_on_this_machine() -> None:
    def prepare(url: str, secret: Secret | None) -> None:
        target = Target(kind="openai_realtime", address="x", name="lab", url=url, secret=secret)
        assert OPENAI_REALTIME.prepare is not None
        assert OPENAI_REALTIME.prepare(target, _no_fetch) == {}

    prepare("ws://127.0.0.1:8", None)
    prepare("", Secret("k"))
    with pytest.raises(AppError, match="needs a key"):
        prepare("", None)


# ---------------------------------------------------------------------- what is asked for


def test_everything_that_may_be_set_is_asked_for() -> None:
    options = {
        "idle_timeout_ms": "6000", "noise_reduction": "far_field", "speed": "1.25", "reasoning_effort": "low",
        "max_output_tokens": "inf", "transcription_language": "en", "vad_threshold": "0.7", "prefix_padding_ms": "200",
        "silence_duration_ms": "700", "interrupt_response": "off", "transcription_model": "whisper-1",
    }  # fmt: skip
    session = asked(options=options, voice="marin", tools=(TOOL,))
    assert session == {
        "type": "realtime",
        "instructions": "Count the reps.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "far_field"},
                "transcription": {"model": "whisper-1", "language": "en"},
                "turn_detection": {
                    "type": "server_vad", "threshold": 0.7, "prefix_padding_ms": 200, "silence_duration_ms": 700,
                    "idle_timeout_ms": 6000, "create_response": True, "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.25},
        },
        "tools": [
            {"type": "function", "name": "f", "description": "Counts.", "parameters": dict(TOOL.parameters)}
        ],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "reasoning": {"effort": "low"},
    }  # fmt: skip


def test_turn_policies_and_what_is_not_set() -> None:
    plain = asked(options={"transcription_model": "off", "turn_detection": "none"}, instruction="")
    assert "instructions" not in plain
    assert plain["audio"]["input"]["transcription"] is None
    assert plain["audio"]["input"]["turn_detection"] is None
    semantic = asked(options={"turn_detection": "semantic_vad", "eagerness": "high", "max_output_tokens": "50"})
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": True,
    }  # fmt: skip
    assert semantic["max_output_tokens"] == 50
    bare = asked(tools=(ToolSpec(name="g", description=""),))
    assert bare["tools"][0]["parameters"] == {"type": "object", "properties": {}}


# ---------------------------------------------------------------------- what is granted


def test_nothing_that_is_granted_otherwise_goes_unseen() -> None:
    model = codec(options={"idle_timeout_ms": "5000"}, voice="marin", tools=(TOOL,))
    (first,) = sent(model.hello())
    session = first["session"]
    session["audio"]["output"] = {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}
    session["audio"]["input"] = {**session["audio"]["input"], "transcription": None}
    session["audio"]["input"]["turn_detection"] = {**session["audio"]["input"]["turn_detection"], "threshold": 0.6}
    session["tools"] = []
    session["expires_at"] = WALL_S + 3600
    del session["instructions"]
    agreed = granted(model, session)
    model2 = codec(options={"idle_timeout_ms": "5000"}, voice="marin", tools=(TOOL,))
    model2.hello()
    (found,) = told(say(model2, type="session.updated", session=session), Opened)
    reasons = {(r.asked.split(":")[0], r.granted) for r in found.granted.rejections}
    assert reasons == {
        ("audio.output.voice", "alloy"),
        ("audio.input.transcription", "null"),
        ("audio.input.turn_detection.threshold", "0.6"),
        ("tools", "[]"),
        ("instructions", ""),
    }
    assert all(r.reason for r in found.granted.rejections)
    assert agreed.expires_at_ms == 3_600_000
    assert (agreed.turn_owner, agreed.clock_kind, agreed.input_delay_ms) == ("server_vad", "input", 1.0)
    assert agreed.proactive
    assert agreed.details["proactivity"] == "emulated: idle_timeout_ms 5000"
    assert (agreed.can_interrupt, agreed.can_truncate, agreed.can_resume) == (True, True, False)


@pytest.mark.parametrize("answered", [10**400, 1e300, True, None, {}, "r"], ids=lambda v: type(v).__name__)
def test_any_answer_to_a_number_is_compared(answered: Any) -> None:
    model = codec()
    (first,) = sent(model.hello())
    first["session"]["audio"]["input"]["turn_detection"]["threshold"] = answered
    (found,) = told(say(model, type="session.updated", session=first["session"]), Opened)
    assert [r.asked for r in found.granted.rejections] == ["audio.input.turn_detection.threshold: 0.5"]


def test_what_is_set_for_another_turn_policy_is_a_rejection() -> None:
    options = {"turn_detection": "semantic_vad", "idle_timeout_ms": "5000", "ask_every_s": "2", "eagerness": "low"}
    agreed = granted(codec(options=options))
    assert [r.asked for r in agreed.rejections] == ["idle_timeout_ms: 5000", "ask_every_s: 2"]
    assert agreed.rejections[0].reason == "It belongs to turn_detection=server_vad."
    assert not agreed.proactive


def test_a_plain_grant() -> None:
    model = codec(options={"modalities": "text", "video_fps": "0", "turn_detection": "none"})
    agreed = granted(model)
    assert model.granted == agreed
    assert agreed.rejections == ()
    assert (agreed.modalities_in, agreed.modalities_out) == (("audio", "text"), ("text",))
    assert (agreed.turn_owner, agreed.clock_kind, agreed.proactive) == ("client", None, False)
    assert (agreed.expires_at_ms, agreed.details["proactivity"]) == (None, "off")


def test_whether_speech_interrupts_is_the_services_word() -> None:
    for answered, owner, interrupted in (
        ({"type": "semantic_vad", "interrupt_response": False}, "semantic_vad", False),
        ({"type": "server_vad"}, "server_vad", True),
        (None, "client", False),
    ):
        model = codec()
        (first,) = sent(model.hello())
        first["session"]["audio"]["input"]["turn_detection"] = answered
        (found,) = told(say(model, type="session.updated", session=first["session"]), Opened)
        assert found.granted.turn_owner == owner
        say(model, type="response.output_audio.delta", delta="AAAA", response_id="r", item_id="i")
        cut = told(say(model, type="input_audio_buffer.speech_started", audio_start_ms=1), Interrupted)
        assert bool(cut) == interrupted


def test_a_turn_that_we_ended_stands_before_its_answer_although_its_words_come_late() -> None:
    model = talking(options={"turn_detection": "none"})
    say(model, type="input_audio_buffer.committed", item_id="u")
    say(model, type="response.output_text.done", text="Three.", response_id="r", item_id="i")
    say(model, type="response.done", response={"id": "r", "status": "completed"})
    say(model, type="conversation.item.input_audio_transcription.completed", item_id="u", transcript="How many?")
    assert [(turn.role, turn.text) for turn in model.history.turns] == [("user", "How many?"), ("assistant", "Three.")]


def test_a_recorded_end_that_is_over_is_none(shared_data: Any) -> None:
    path = shared_data / "traces" / "openai__text_in_audio_out_turn.jsonl"
    session = next(s["json"]["session"] for s in steps(path) if s["json"]["type"] == "session.updated")
    agreed = granted(codec(), {**session, "expires_at": WALL_S - 5})
    assert agreed.expires_at_ms is None
    assert agreed.details["model"] == "gpt-realtime"


def test_sound_comes_at_the_rate_that_is_granted() -> None:
    model = codec()
    (first,) = sent(model.hello())
    first["session"]["audio"]["output"]["format"]["rate"] = 16_000
    say(model, type="session.updated", session=first["session"])
    (sound,) = told(say(model, type="response.output_audio.delta", delta="AAAA", item_id="i"), AudioOut)
    assert sound.rate == 16_000


def test_the_maximum_duration_is_a_session_that_may_be_taken_up_again() -> None:
    error = codec().closed(1001, "Your session hit the maximum duration of 60 minutes.")
    assert error is not None
    assert (error.kind, error.fatal, error.retryable) == ("session_expired", True, True)
    assert codec().closed(1000, "") is None


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("invalid_request_error.invalid_api_key", "auth"),
        ("invalid_request_error", "config"),
        ("insufficient_quota: no credit", "quota"),
        ("whatever", "server"),
    ],
)
def test_a_close_code_of_its_own_means_what_its_reason_says(reason: str, kind: str) -> None:
    error = codec().closed(3000, reason)
    assert error is not None
    assert (error.kind, error.code, error.fatal) == (kind, "3000", True)


# ---------------------------------------------------------------------- pictures, texts, history


def test_pictures_are_items_at_the_rate_that_is_set() -> None:
    for fps, expected in (("1", [0, 5, 10]), ("0", []), ("5", list(range(12))), ("2", [0, 2, 4, 7, 9])):
        model = talking(options={"video_fps": fps, "image_detail": "high"})
        found = [k for k in range(12) if "conversation.item.create" in kinds(model.turn(micro_turn(k, jpegs=[JPEG])))]
        assert len(found) == pytest.approx(len(expected), abs=1), (fps, found)
        if fps in "105":
            assert found == expected, fps
    model = talking()
    first = sent(model.turn(micro_turn(0, jpegs=[b"old", JPEG])))
    assert [m["type"] for m in first] == ["input_audio_buffer.append", "conversation.item.create"]
    item = first[1]["item"]
    assert item["content"] == [
        {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/2Q==", "detail": "low"}
    ]
    assert kinds(model.turn(micro_turn(9, jpegs=[JPEG], repeated=True))) == ["input_audio_buffer.append"]


def test_what_a_system_says_is_not_answered() -> None:
    actions = talking().turn(micro_turn(0, texts=[TextInput(0, "Be brief.", "system")]))
    assert kinds(actions) == ["input_audio_buffer.append", "conversation.item.create"]
    assert sent(actions)[1]["item"]["role"] == "system"


def test_turns_before_the_session_are_told_before_it_opens() -> None:
    sound = AudioClip(tone(), 16_000)
    history = (
        HistoryTurn(role="user", text="Hi."),
        HistoryTurn(role="assistant", text="Hello."),
        HistoryTurn(role="user", sound=sound),
        HistoryTurn(role="assistant", sound=sound),
    )
    model = codec(history=history)
    (first,) = sent(model.hello())
    actions = say(model, type="session.updated", session=first["session"])
    assert isinstance(actions[-1], Opened)
    contents = [m["item"]["content"][0] for m in sent(actions)]
    assert [c["type"] for c in contents] == ["input_text", "output_text", "input_audio"]
    assert len(contents[2]["audio"]) == 4 * 4800 * 2 // 3
    assert told(actions, Opened)[0].granted.rejections == (
        Rejection(asked="history: what the model said, as sound", granted="", reason="Only its words can be told."),
    )


def test_the_result_of_a_call_of_a_lost_connection_is_told_in_words() -> None:
    model = talking(epoch=1)
    first, second, *_ = sent(model.turn(micro_turn(0, controls=[ToolResult("old", "30")])))
    assert first["item"]["role"] == "system"
    assert "30" in first["item"]["content"][0]["text"]
    assert second["type"] == "response.create"


# ---------------------------------------------------------------------- whose turn it is


def test_without_detection_the_turn_ends_when_it_gets_quiet() -> None:
    model = talking(options={"turn_detection": "none", "silence_duration_ms": "500"})
    said = [kinds(model.turn(micro_turn(k, tone() if k < 4 else None))) for k in range(10)]
    ends = [k for k, found in enumerate(said) if "input_audio_buffer.commit" in found]
    assert ends == [6]
    assert said[6][-1] == "response.create"
    cleared = [k for k in range(10, 70) if "input_audio_buffer.clear" in kinds(model.turn(micro_turn(k)))]
    assert cleared == [31, 56]


def test_a_turn_that_ends_while_the_model_speaks_is_answered_afterwards() -> None:
    model = talking(options={"turn_detection": "none", "silence_duration_ms": "200"})
    say(model, type="response.created", response={"id": "r"})
    model.turn(micro_turn(0, tone()))
    assert kinds(model.turn(micro_turn(1)))[1:] == ["input_audio_buffer.commit"]
    done = say(model, type="response.done", response={"id": "r", "status": "completed"})
    assert kinds(done) == ["response.create"]


def test_an_answer_can_be_asked_for_at_a_fixed_pace() -> None:
    model = talking(options={"turn_detection": "none", "ask_every_s": "1"})
    asks = [k for k in range(10) if "response.create" in kinds(model.turn(micro_turn(k)))]
    assert asks == [4]
    assert model.granted is not None
    assert model.granted.details["proactivity"] == "emulated: an answer is asked for every 1 s"


def test_what_was_said_last_is_still_answered() -> None:
    client = talking(options={"turn_detection": "none"})
    client.turn(micro_turn(0, tone()))
    assert kinds(client.end_of_input()) == ["input_audio_buffer.commit", "response.create"]
    server = talking()
    server.turn(micro_turn(0, tone()))
    assert server.end_of_input() == []
    say(server, type="response.created", response={"id": "r"})
    assert told(say(server, type="response.done", response={"id": "r"}), Drained) == [Drained()]
    quiet = talking()
    quiet.turn(micro_turn(0, tone()))
    for k in range(1, 12):
        quiet.turn(micro_turn(k))
    assert told(quiet.end_of_input(), Drained) == [Drained()]


# ---------------------------------------------------------------------- Azure Voice Live


def test_voice_live_is_asked_in_the_words_of_the_beta() -> None:
    session = asked(options={"service": "azure-voice-live", "max_output_tokens": "9"}, voice="alloy")
    assert session == {
        "modalities": ["text", "audio"],
        "instructions": "Count the reps.",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_sampling_rate": 24_000,
        "input_audio_noise_reduction": None,
        "input_audio_transcription": {"model": "whisper-1"},
        "turn_detection": {
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
            "idle_timeout_ms": None, "create_response": True, "interrupt_response": True,
        },
        "max_response_output_tokens": 9,
        "voice": {"name": "alloy", "type": "openai"},
    }  # fmt: skip
    assert asked(options={"service": "azure-voice-live"}, voice="en-US-Ava")["voice"]["type"] == "azure-standard"
    assert asked(options={"service": "azure-voice-live", "modalities": "text"})["modalities"] == ["text"]


def test_voice_live_says_what_it_has_not() -> None:
    options = {"service": "azure-voice-live", "speed": "1.2", "modalities": "text"}
    model = codec(options=options, history=(HistoryTurn(role="assistant", text="Hello."),))
    (first,) = sent(model.hello())
    actions = say(model, type="session.updated", session={**first["session"], "modalities": ["text"]})
    assert sent(actions)[0]["item"]["content"] == [{"type": "text", "text": "Hello."}]
    (found,) = told(actions, Opened)
    assert [r.asked for r in found.granted.rejections] == ["speed: 1.2"]
    (error,) = told(model.turn(micro_turn(0, jpegs=[JPEG])), EndpointError)
    assert (error.kind, error.fatal) == ("unsupported", False)
    assert told(model.turn(micro_turn(1, jpegs=[JPEG])), EndpointError) == []


def test_recorded_answers_of_voice_live_are_compared_with_what_was_asked(shared_data: Any) -> None:
    path = shared_data / "traces" / "azure-voice-live__tool_call_round.jsonl"
    model = codec(options={"service": "azure-voice-live", "modalities": "text"}, instruction="")
    model.hello()
    session = next(s["json"]["session"] for s in steps(path) if s["json"]["type"] == "session.updated")
    (found,) = told(say(model, type="session.updated", session=session), Opened)
    # It answered another padding than its own default, which that client had not set.
    assert [(r.asked, r.granted) for r in found.granted.rejections] == [
        ("turn_detection.prefix_padding_ms: 300", "400")
    ]


# ---------------------------------------------------------------------- over a socket


def count(events: list[Any], kind: type[Any]) -> int:
    return sum(isinstance(e, kind) for e in events)


def test_a_session_with_speech_a_tool_and_an_interruption() -> None:
    log = Log()
    fake = FakeRealtime()
    with fake.running():
        duplex = connect(OPENAI_REALTIME, fake.url, log, key="marker-key-1", tools=(TOOL,))
        try:
            for k in range(6):
                duplex.push(micro_turn(k, tone() if 1 <= k < 4 else None))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
            duplex.push(micro_turn(6, texts=["call"]))
            log.wait_for(lambda events: count(events, ToolCall) == 1)
            duplex.push(micro_turn(7, controls=[ToolResult(log.of(ToolCall)[0].call_id, "30")]))
            log.wait_for(lambda events: count(events, TurnDone) == 3)
            duplex.push(micro_turn(8, texts=["hold"]))
            log.wait_for(lambda events: count(events, AudioOut) == 2 * PIECES + 1)
            duplex.push(micro_turn(9, tone()))
            log.wait_for(lambda events: count(events, TurnDone) == 4)
            item_id = log.of(Interrupted)[-1].item_id or ""
            heard = Interrupt(played_ns=70_000_000, item_id=item_id, by_person=False)
            duplex.push(micro_turn(10, tone(), controls=[heard]))
            duplex.push(micro_turn(11))
            duplex.push(micro_turn(12))
            log.wait_for(lambda events: count(events, TurnDone) == 5)
            duplex.drain(5)
        finally:
            duplex.close()
    assert [e.status for e in log.of(TurnDone)] == ["completed"] * 3 + ["cancelled", "completed"]
    assert [e.text for e in log.of(UserTranscript) if e.final] == ["count my reps"] * 2
    assert b"".join(e.pcm16 for e in log.of(AudioOut)[:PIECES]) == TONE * PIECES
    (call,) = log.of(ToolCall)
    assert (call.name, call.arguments) == ("f", {"reps": 3})
    frames = fake.connections[0].frames
    (truncate,) = [m for m in frames if m["type"] == "conversation.item.truncate"]
    assert (truncate["item_id"], truncate["audio_end_ms"]) == (item_id, 70)
    assert len({m["event_id"] for m in frames}) == len(frames)
    assert fake.connections[0].headers["authorization"] == "Bearer marker-key-1"
    assert "marker-key-1" not in repr(log.events)
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]
    assert not log.of(EndpointError)


@pytest.mark.parametrize("code", [1001, 1011])
def test_a_connection_that_ends_is_taken_up_with_what_was_said(code: int) -> None:
    log = Log()
    fake = FakeRealtime()
    with fake.running():
        duplex = connect(OPENAI_REALTIME, fake.url, log)
        try:
            duplex.push(micro_turn(0, texts=["How many?"]))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
            duplex.push(micro_turn(1, texts=[f"close {code} over"]))
            log.wait_for(lambda events: any(getattr(e, "attempt", 0) == 1 for e in events))
            log.wait_for(lambda _events: len(fake.connections) == 2 and len(fake.connections[1].frames) >= 4)
            duplex.push(micro_turn(2, texts=["And now?"]))
            log.wait_for(lambda events: count(events, TurnDone) == 2)
        finally:
            duplex.close()
    second = fake.connections[1].frames
    told_again = [
        (m["item"]["role"], m["item"]["content"][0]["text"]) for m in second if m["type"] == "conversation.item.create"
    ]
    assert told_again[:3] == [("user", "How many?"), ("assistant", SAID), ("user", f"close {code} over")]
    ids = [m["event_id"] for seen in fake.connections for m in seen.frames]
    assert len(set(ids)) == len(ids)
    assert log.of(TextOutDone)[-1].epoch == 1


def test_frames_that_are_none_cost_themselves_and_not_the_session() -> None:
    log = Log()
    fake = FakeRealtime()
    with fake.running():
        duplex = connect(OPENAI_REALTIME, fake.url, log)
        try:
            duplex.push(micro_turn(0, texts=["noise"]))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
            duplex.push(micro_turn(1, texts=["fail"]))
            log.wait_for(lambda events: count(events, TurnDone) == 2)
        finally:
            duplex.close()
    assert [e.name for e in log.of(Unrecognized)] == ["brand.new"]
    errors = log.of(EndpointError)
    assert [e.kind for e in errors if not e.fatal] == ["protocol"] * 4 + ["server"]
    assert len([e for e in log.of(WireFrame) if e.note]) >= 3
    assert log.of(TurnDone)[1].status == "failed"


def test_a_changed_grant_is_shown_when_it_opens() -> None:
    log = Log()
    fake = FakeRealtime(changes={"output_modalities": ["text"]})
    with fake.running():
        connect(OPENAI_REALTIME, fake.url, log).close()
    (event,) = log.of(SessionOpened)
    assert [r.asked for r in event.granted.rejections] == ['output_modalities: ["audio"]']


def test_voice_live_over_a_socket_speaks_the_old_names() -> None:
    log = Log()
    fake = FakeRealtime("beta")
    with fake.running():
        duplex = connect(OPENAI_REALTIME, fake.url, log, options={"service": "azure-voice-live"}, key="marker-key-2")
        try:
            duplex.push(micro_turn(0, texts=["Hello"]))
            log.wait_for(lambda events: count(events, TurnDone) == 1)
        finally:
            duplex.close()
    assert fake.connections[0].headers["api-key"] == "marker-key-2"
    assert fake.connections[0].path.startswith("/voice-live/realtime?model=")
    assert [e.text for e in log.of(TextOutDone)] == [SAID]
    assert not log.of(Unrecognized)

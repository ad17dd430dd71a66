"""SGLang-Omni 0.1.9: our adapter against its own session code, and `tmlapp serve` beside it with the same script."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.conformance.harness import Peer, Validator, frames_of, serving
from tests.endpoints.remote.family import Log, connect, micro_turn, start
from tests.endpoints.remote.serving import JPEG, Client, Model, append, b64, client, image, served, update
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    InputAccepted,
    InputLost,
    Listen,
    SessionOpened,
    TextOut,
    TextOutDone,
    TurnDone,
    UnitDone,
    Unrecognized,
)
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.remote.contract import Opened
from tmlapp.endpoints.sglang.codec import SglangCodec
from tmlapp.endpoints.sglang_omni import SGLANG_OMNI

pytestmark = pytest.mark.conformance

_TURNS = 35
MODEL = "fake-interaction"


@pytest.fixture(scope="module")
def server() -> Iterator[Peer]:
    with serving("sglang_server.py") as peer:
        yield peer


def _session(peer: Peer, log: Log, **options: str) -> None:
    duplex = connect(SGLANG_OMNI, peer.url, log, options=options, virtual_time=True)
    for index in range(_TURNS):
        pcm = np.full(3200, index, np.int16)
        duplex.push(micro_turn(index, pcm, jpegs=[JPEG, JPEG]))
        log.wait_for(lambda events, k=index: any(isinstance(e, UnitDone) and e.micro_turn == k for e in events))
    duplex.drain(10)
    duplex.close()


def test_a_session_with_two_pictures_in_every_micro_turn(server: Peer, validate: Validator) -> None:
    log = Log()
    _session(server, log, microturn_ms="200")

    (opened,) = log.of(SessionOpened)
    granted = opened.granted
    assert (granted.unit_ms, granted.first_unit_ms, granted.input_rate, granted.output_rate) == (200, 200, 16000, 24000)
    assert (granted.frames_per_unit, granted.max_image_bytes) == (2, 524_288)
    assert (granted.modalities_in, granted.modalities_out) == (("audio", "video"), ("text", "audio"))
    assert not granted.proactive
    assert [r.asked for r in granted.rejections] == ["sglang.timebase.microturn_ms: 200.0"]

    said = [(e.text, (e.t_media_ns or 0) // 1_000_000, e.dur_media_ns, e.media_kind) for e in log.of(TextOutDone)]
    assert said == [(str(n + 1), 800 + 1000 * n, TURN_NS, "input") for n in range(7)]
    assert [e.delta for e in log.of(TextOut)] == [str(n + 1) for n in range(7)]
    assert [len(e.pcm16) for e in log.of(AudioOut)] == [9600] * 7
    assert [e.status for e in log.of(TurnDone)] == ["completed"] * 7
    assert [e.micro_turn for e in log.of(UnitDone)] == list(range(_TURNS))
    assert [e.micro_turn for e in log.of(Listen)] == [n for n in range(_TURNS) if n % 5 != 4]
    assert [e.accepted_end_ns for e in log.of(InputAccepted)] == [(n + 1) * TURN_NS for n in range(_TURNS)]
    assert log.of(EndpointError) == log.of(InputLost) == log.of(Unrecognized) == []
    (closed,) = log.of(Closed)
    assert (closed.code, closed.initiated_by) == ("client_closed", "us")

    sent = frames_of(log.events)
    assert validate(sent, "sglang") == []
    assert sum(f["type"] == "sglang.input_image.append" for f in sent) == 2 * _TURNS
    drained = [f for f in frames_of(log.events, "received") if f["type"] == "sglang.input_audio.drained"]
    assert [(f["consumed_ms"], f["discarded_ms"], f["padding_ms"]) for f in drained] == [(_TURNS * 200.0, 0.0, 0.0)]


@pytest.mark.parametrize(("unit_ms", "rate"), [(1000, 16_000), (80, 16_000), (20, 16_000), (80, 24_000)])
def test_deployments_with_other_units_and_rates(unit_ms: int, rate: int, validate: Validator) -> None:
    log = Log()
    with serving("sglang_server.py", str(unit_ms), str(rate)) as peer:
        _session(peer, log)
    (opened,) = log.of(SessionOpened)
    assert (opened.granted.unit_ms, opened.granted.input_rate) == (unit_ms, rate)
    assert [e.micro_turn for e in log.of(UnitDone)] == list(range(_TURNS))
    assert [e.micro_turn for e in log.of(InputAccepted)] == list(range(_TURNS))
    spoken = [(e.text, round((e.t_media_ns or 0) / 1e6, 6)) for e in log.of(TextOutDone)]
    units = _TURNS * 200 // unit_ms
    assert spoken == [(str(n + 1), (5 * n + 4) * unit_ms) for n in range(units // 5)]
    assert log.of(EndpointError) == []
    sent = frames_of(log.events)
    assert validate(sent, "sglang") == []
    pictures = sum(f["type"] == "sglang.input_image.append" for f in sent)
    assert pictures + len(log.of(InputLost)) == 2 * _TURNS if unit_ms < 1000 else pictures == 2 * units
    assert {e.what for e in log.of(InputLost)} <= {"video"}


# ---------------------------------------------------------------------- the same script, here and there

_SECONDS_61 = b64(bytes(61 * 32_000))


def _wav() -> str:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, 16_000, 1_600, "NONE", ""))
        file.writeframes(bytes(3_200))
    return b64(held.getvalue())


def _format(way: str, rate: int) -> dict[str, Any]:
    return update(audio={way: {"format": {"type": "audio/pcm", "rate": rate}}})


BEFORE_OPEN: list[tuple[str, Any]] = [
    ("no JSON", "{"),
    ("not a number of JSON", '{"type": NaN}'),
    ("binary", b"\x00"),
    ("a list", "[]"),
    ("no type", {}),
    ("an unknown type", {"type": "conversation.item.create", "item": {}}),
    ("a type that is no text", {"type": 3}),
    ("no event_id", '{"type":"session.update","session":{}}'),
    ("an empty event_id", {"type": "session.update", "event_id": "", "session": {}}),
    ("a long event_id", {"type": "session.update", "event_id": "x" * 257, "session": {}}),
    ("a session that is a list", {"type": "session.update", "session": []}),
    ("an unknown member", {"type": "session.close", "foo": 1}),
    ("sound before the session", append(0, 0.0)),
    ("a picture before the session", image(0.0)),
    ("cancel before the session", {"type": "response.cancel"}),
    ("an unknown setting", update(foo=1)),
    ("a setting of another kind", update(instructions=3)),
    ("modalities that are a text", update(output_modalities="text")),
    ("a modality that is a number", update(output_modalities=["text", 3])),
    ("a type of session", update(type="x")),
    ("a session of transcription", update(type="transcription")),
    ("the wrong rate", _format("input", 24_000)),
    ("the wrong rate of the answer", _format("output", 16_000)),
    ("half a format", update(audio={"input": {"format": {"type": "audio/pcm"}}})),
    ("another model", update(model="other")),
    ("a modality that nobody has", update(output_modalities=["video"])),
    ("detection of turns", update(audio={"input": {"turn_detection": {"type": "server_vad"}}})),
    ("a wrong detection of turns", update(audio={"input": {"turn_detection": {"interrupt_response": 1}}})),
    ("a cadence of nothing", update(sglang={"timebase": {"microturn_ms": 0}})),
    ("another unit", update(sglang={"timebase": {"native_unit_ms": 80}})),
    ("a unit that is no whole number", update(sglang={"timebase": {"native_unit_ms": 200.0}})),
    ("sampling", update(sglang={"sampling": {"temperature": 0.5, "seed": 1}})),
    ("wrong sampling", update(sglang={"sampling": {"temperature": 3}})),
    ("a policy for the tail", update(sglang={"tail_policy": "flush"})),
    ("an unknown policy", update(sglang={"tail_policy": "x"})),
    ("parts of a picture", update(sglang={"max_slice_nums": 2})),
    ("no parts of a picture", update(sglang={"max_slice_nums": 0})),
    ("a voice", update(sglang={"reference_audio": {"media_type": "audio/wav", "data": _wav()}})),
    ("half a voice", update(sglang={"tts_reference_audio": {}})),
    ("endless instructions", update(instructions="x" * 65_537)),
]
WHILE_OPEN: list[tuple[str, Any]] = [
    ("other instructions", update(instructions="Do something else.")),
    ("another policy for the tail", update(sglang={"tail_policy": "flush"})),
    ("a seq that was skipped", append(99, 0.0)),
    ("a seq that is no number", append(0, 0.0) | {"sglang": {"seq": "0"}}),
    ("no seq", append(0, 0.0) | {"sglang": {}}),
    ("sound without its place", {"type": "input_audio_buffer.append", "audio": ""}),
    ("a time that does not follow", append(0, 5.0)),
    ("half a sample", append(0, 0.0, b"abc")),
    ("no sound", append(0, 0.0, b"")),
    ("no base64", append(0, 0.0) | {"audio": "!!!!"}),
    ("too much sound", append(0, 0.0) | {"audio": _SECONDS_61}),
    ("a picture five seconds ahead", image(5_000.0)),
    ("a picture in the past", image(-1.0)),
    ("a picture of another kind", image(10.0, b"GIF89a")),
    ("a picture that is no base64", image(10.0) | {"image": "!"}),
    ("a picture that is too large", image(10.0, JPEG + bytes(524_288))),
    ("a picture without its time", image(10.0) | {"sglang": {}}),
    ("commit", {"type": "input_audio_buffer.commit"}),
    ("create", {"type": "response.create"}),
    ("cancel", {"type": "response.cancel"}),
    ("truncate", {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1.0}),
    ("half a truncate", {"type": "conversation.item.truncate", "item_id": "i"}),
]


def _refusals(peer: Client) -> Iterator[tuple[str, Any]]:
    """What each of the wrong frames is answered, and then the whole way through a session."""
    yield "greeting", peer.until("session.created")
    for name, wrong in BEFORE_OPEN:
        yield name, peer.raw(wrong) if isinstance(wrong, str | bytes) else peer.say(wrong)
    good = update(
        instructions="Count.",
        output_modalities=["text", "audio", "video"],
        sglang={"interaction": "native", "tail_policy": "pad", "timebase": {"microturn_ms": 200}},
    )
    yield "open", peer.say(good, "session.updated")
    for name, wrong in WHILE_OPEN:
        yield name, peer.say(wrong)


def _conversation(peer: Client) -> Iterator[tuple[str, Any]]:
    yield "only text", peer.say(update(output_modalities=["text"]), "session.updated")
    yield "text and sound", peer.say(update(output_modalities=["text", "audio"]), "session.updated")
    for n in range(2):
        yield f"picture {n}", peer.say(image(10.0 + n), "sglang.input_image.accepted")
    yield "one picture too many", peer.say(image(20.0))
    for k in range(5):
        yield f"unit {k}", peer.say(append(k, k * 200.0), "sglang.unit.done")
    yield "a picture too late", peer.say(image(10.0))
    yield "a picture two units ahead", peer.say(image(1_400.0), "sglang.input_image.accepted")
    yield "a whole number of ms", peer.say(append(5, 1000, bytes(3_200)), "sglang.input_audio.accepted")  # type: ignore[arg-type]
    yield "clear", peer.say({"type": "input_audio_buffer.clear"}, "input_audio_buffer.cleared")
    yield "no time at all", peer.say(append(6, None, bytes(12_800)), "sglang.unit.done")
    yield "the second of two units", peer.until("sglang.unit.done")
    yield "half a unit", peer.say(append(7, 1_500.0, bytes(3_200)), "sglang.input_audio.accepted")
    yield "end", peer.say({"type": "sglang.input_audio.end"}, "sglang.input_audio.drained")
    yield "sound after the end", peer.say(append(8, 1_600.0))
    yield "a picture after the end", peer.say(image(1_600.0))
    yield "a second end", peer.say({"type": "sglang.input_audio.end"})
    yield "close", peer.say({"type": "session.close"}, "session.closed")
    yield "code", peer.close_code()


def _plain(value: Any, names: dict[str, str]) -> Any:
    """A message with ids by their order, without what says nothing about the dialect."""
    if isinstance(value, dict):
        return {key: _plain(entry, names) for key, entry in value.items() if key != "event_id" or "code" in value}
    if isinstance(value, list):
        return [_plain(entry, names) for entry in value]
    if isinstance(value, str) and value.startswith(("sess_", "resp_", "item_")):
        return names.setdefault(value, f"{value[:4]} {sum(n.startswith(value[:4]) for n in names.values())}")
    return value


def _run(url: str) -> dict[str, Any]:
    names: dict[str, str] = {}
    with client(url) as peer:
        steps = [*_refusals(peer), *_conversation(peer)]
    return {name: _plain(answers, names) for name, answers in steps}


def test_our_server_answers_like_theirs_to_the_byte_of_every_message(server: Peer) -> None:
    with served(Model, name=MODEL, frames_per_unit=2) as ours:
        here = _run(ours.url)
    there = _run(server.url)
    assert list(here) == list(there)
    for name, answers in there.items():
        if name in ("open", "only text", "text and sound"):
            _same_grant(here[name], answers)
        else:
            assert here[name] == answers, name


def _same_grant(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> None:
    ours, theirs = (answers[-1]["session"]["sglang"].pop("granted") for answers in (here, there))
    assert here == there
    assert {key for key in ours if ours[key] != theirs[key]} == {"proactive_output"}
    assert json.dumps(ours["limits"]) == json.dumps(theirs["limits"])


_EARLY = {name for name, _ in BEFORE_OPEN}
_KINDS = {
    "no event_id": "invalid_input",
    "a seq that was skipped": "invalid_input",
    "the wrong rate": "invalid_input",
    "a picture too late": "invalid_input",
    "a picture five seconds ahead": "invalid_input",
    "other instructions": "config",
    "create": "unsupported",
    "an unknown type": "unsupported",
    "too much sound": "invalid_input",
}


def test_every_refusal_has_its_kind_and_leaves_the_session_usable(server: Peer) -> None:
    codec = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI))
    found: dict[str, EndpointError] = {}
    with client(server.url) as peer:
        for name, answers in [*_refusals(peer), *_conversation(peer)]:
            for answer in answers if isinstance(answers, list) else ():
                if name in _EARLY:
                    # What refuses the set-up would end it; here others were refused.
                    answer["error"]["event_id"] = "other"
                for action in codec.receive(answer):
                    assert not isinstance(action, Opened) or name == "open"
                    if isinstance(action, EndpointError):
                        found[name] = action
    for name, kind in _KINDS.items():
        assert (found[name].kind, found[name].fatal) == (kind, False), name
    assert set(found) >= {name for name, _ in BEFORE_OPEN + WHILE_OPEN}
    assert base64.b64decode(_SECONDS_61)

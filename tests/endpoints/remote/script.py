"""Everything that a client can do wrong in the `sglang_omni` dialect, and a whole session, step by step.

The same script runs against our server here and, in the conformance tests, against SGLang-Omni's own session code.
`ANSWERS` is what both say to each mistake: code, message, param.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

from tests.endpoints.remote.serving import JPEG, Client, append, b64, image, update

SECONDS_61 = b64(bytes(61 * 32_000))


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
    ("too much sound", append(0, 0.0) | {"audio": SECONDS_61}),
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


def refusals(peer: Client) -> Iterator[tuple[str, Any]]:
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


def conversation(peer: Client) -> Iterator[tuple[str, Any]]:
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


def told(answers: list[dict[str, Any]]) -> tuple[str, str, str | None]:
    """Code, message and param of the error that a mistake is answered with."""
    (answer,) = answers
    assert answer["sglang"] == {"fatal": False}
    assert answer["error"]["type"] == "invalid_request_error"
    return answer["error"]["code"], answer["error"]["message"], answer["error"]["param"]


_KINDS = (
    "session.update", "input_audio_buffer.append", "sglang.input_image.append", "conversation.item.truncate",
    "input_audio_buffer.clear", "sglang.input_audio.end", "session.close", "input_audio_buffer.commit",
    "response.create", "response.cancel",
)  # fmt: skip
_TAGS = f"using 'type' does not match any of the expected tags: {', '.join(map(repr, _KINDS))}"
ANSWERS: dict[str, tuple[str, str, str | None]] = {
    "no JSON": ("invalid_request", "invalid JSON", None),
    "not a number of JSON": ("invalid_request", "invalid JSON", None),
    "binary": ("invalid_request", "binary frames are unsupported", None),
    "a list": ("invalid_request", "Input should be a valid dictionary or object to extract fields from", ""),
    "no type": ("invalid_request", "Unable to extract tag using discriminator 'type'", ""),
    "an unknown type": ("not_supported", f"Input tag 'conversation.item.create' found {_TAGS}", ""),
    "a type that is no text": ("not_supported", f"Input tag '3' found {_TAGS}", ""),
    "no event_id": ("invalid_request", "Field required", "session.update.event_id"),
    "an empty event_id": ("invalid_request", "String should have at least 1 character", "session.update.event_id"),
    "a long event_id": ("invalid_request", "String should have at most 256 characters", "session.update.event_id"),
    "a session that is a list": ("invalid_request", "Input should be a valid dictionary", "session.update.session"),
    "an unknown member": ("invalid_request", "Extra inputs are not permitted", "session.close.foo"),
    "sound before the session": ("invalid_state", "session is not OPEN", None),
    "a picture before the session": ("invalid_state", "session is not OPEN", None),
    "cancel before the session": ("invalid_state", "session is not OPEN", None),
    "an unknown setting": ("invalid_request", "invalid session configuration", "session.foo"),
    "a setting of another kind": ("invalid_request", "invalid session configuration", "session.instructions"),
    "modalities that are a text": ("invalid_request", "invalid session configuration", "session.output_modalities"),
    "a modality that is a number": ("invalid_request", "invalid session configuration", "session.output_modalities.1"),
    "a type of session": ("invalid_request", "invalid session configuration", "session.type"),
    "a session of transcription": ("invalid_request", "session type is unavailable", None),
    "the wrong rate": ("invalid_request", "unsupported PCM format or sample rate", "session.audio.input.format"),
    "the wrong rate of the answer": (
        "invalid_request",
        "unsupported PCM format or sample rate",
        "session.audio.output.format",
    ),
    "half a format": ("invalid_request", "invalid session configuration", "session.audio.input.format.rate"),
    "another model": ("invalid_request", "model differs from deployment", None),
    "a modality that nobody has": ("invalid_request", "no supported output combination", None),
    "detection of turns": ("not_applicable", "VAD is only available for turn-based sessions", None),
    "a wrong detection of turns": (
        "invalid_request",
        "invalid session configuration",
        "session.audio.input.turn_detection.interrupt_response",
    ),
    "a cadence of nothing": (
        "invalid_request",
        "invalid session configuration",
        "session.sglang.timebase.microturn_ms",
    ),
    "another unit": ("invalid_request", "native cadence is fixed", None),
    "a unit that is no whole number": (
        "invalid_request",
        "invalid session configuration",
        "session.sglang.timebase.native_unit_ms",
    ),
    "sampling": ("not_applicable", "unsupported sampling parameters: seed, temperature", "session.sglang.sampling"),
    "wrong sampling": ("invalid_request", "invalid session configuration", "session.sglang.sampling.temperature"),
    "a policy for the tail": ("invalid_request", "tail policy is unavailable", None),
    "an unknown policy": ("invalid_request", "invalid session configuration", "session.sglang.tail_policy"),
    "parts of a picture": ("invalid_request", "slice count exceeds deployment limit", "session.sglang.max_slice_nums"),
    "no parts of a picture": ("invalid_request", "invalid session configuration", "session.sglang.max_slice_nums"),
    "a voice": ("not_applicable", "reference audio is unavailable", "session.sglang.reference_audio"),
    "half a voice": (
        "invalid_request",
        "invalid session configuration",
        "session.sglang.tts_reference_audio.media_type",
    ),
    "endless instructions": ("invalid_request", "instructions exceed context or have invalid type", None),
    "other instructions": ("invalid_state", "session field is frozen", None),
    "another policy for the tail": ("invalid_state", "session field is frozen", None),
    "a seq that was skipped": ("invalid_state", "audio seq must be contiguous", None),
    "a seq that is no number": (
        "invalid_request",
        "Input should be a valid integer",
        "input_audio_buffer.append.sglang.seq",
    ),
    "no seq": ("invalid_request", "Field required", "input_audio_buffer.append.sglang.seq"),
    "sound without its place": ("invalid_request", "Field required", "input_audio_buffer.append.sglang"),
    "a time that does not follow": ("invalid_state", "input media time must be sample-contiguous", None),
    "half a sample": ("invalid_request", "audio must contain whole PCM16 samples", None),
    "no sound": ("invalid_request", "audio must contain whole PCM16 samples", None),
    "no base64": ("invalid_request", "invalid base64 audio", "audio"),
    "too much sound": ("buffer_overflow", "encoded audio exceeds input budget", None),
    "a picture five seconds ahead": ("buffer_overflow", "frame exceeds lookahead budget", None),
    "a picture in the past": ("invalid_state", "frame unit already cut", None),
    "a picture of another kind": ("invalid_request", "image must be JPEG or PNG", "image"),
    "a picture that is no base64": ("invalid_request", "invalid base64 image", "image"),
    "a picture that is too large": ("buffer_overflow", "encoded image exceeds input budget", None),
    "a picture without its time": ("invalid_request", "Field required", "sglang.input_image.append.sglang.t_ms"),
    "commit": ("not_applicable", "manual turn commands are not granted", None),
    "create": ("not_applicable", "manual turn commands are not granted", None),
    "cancel": ("not_supported", "this session does not cancel responses", None),
    "truncate": ("not_supported", "this session does not truncate responses", None),
    "half a truncate": ("invalid_request", "Field required", "conversation.item.truncate.content_index"),
    "one picture too many": ("buffer_overflow", "unit frame count exceeds limit", None),
    "a picture too late": ("invalid_state", "frame unit already cut", None),
    "sound after the end": ("invalid_state", "audio input has ended", None),
    "a picture after the end": ("invalid_state", "input has ended", None),
    "a second end": ("invalid_state", "audio input already ended", None),
}

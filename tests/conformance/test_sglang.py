"""SGLang-Omni 0.1.9: our adapter against its own session code, and `tmlapp serve` beside it with the same script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.conformance.harness import Peer, Validator, frames_of, serving
from tests.endpoints.remote.family import Log, connect, micro_turn, start
from tests.endpoints.remote.script import ANSWERS, BEFORE_OPEN, WHILE_OPEN, conversation, refusals, told
from tests.endpoints.remote.serving import JPEG, Model, client, served
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
    assert (granted.modalities_in, granted.modalities_out) == (("audio", "video", "text"), ("text", "audio"))
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


_slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("unit_ms", "rate"),
    [(1000, 16_000), (80, 24_000), pytest.param(80, 16_000, marks=_slow), pytest.param(20, 16_000, marks=_slow)],
)
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
        steps = [*refusals(peer), *conversation(peer)]
    return {name: _plain(answers, names) for name, answers in steps}


def test_our_server_answers_like_theirs_to_the_byte_of_every_message(server: Peer) -> None:
    with served(Model, name=MODEL, frames_per_unit=2) as ours:
        here = _run(ours.url)
    there = _run(server.url)
    assert list(here) == list(there)
    assert {name: told(there[name]) for name in ANSWERS} == ANSWERS
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
        for name, answers in [*refusals(peer), *conversation(peer)]:
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

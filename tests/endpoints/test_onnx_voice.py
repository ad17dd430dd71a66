"""A local model's voice: one that is slow or hangs holds up no micro-turn, and a stop makes it quiet at once."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.minimodel import mini_manifest, write_model
from tests.endpoints.talk import Heard, converse, finish, setup_for, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, EndpointError, Interrupted, TaskSet, TextOutDone, UnitDone
from tmlapp.core.media import AudioClip
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.onnx_local import OnnxEndpoint
from tmlapp.endpoints.onnx_voice import VoiceDesk

pytestmark = pytest.mark.unit
LONG = AudioClip(np.full(5 * 24_000, 900, np.int16), 24_000)


def content_model(folder: Path, **task: object) -> OnnxEndpoint:
    manifest = mini_manifest()
    manifest["vocabulary"][2] = {"text": "{content}"}
    manifest["task"]["rules"].insert(0, {"match": "remind me to (?P<content>.+)", "option": 2})
    manifest["task"].update(task)
    return OnnxEndpoint("onnx:mini", write_model(folder, manifest=manifest))


def test_a_voice_that_hangs_holds_up_neither_the_instruction_nor_the_session(tmp_path: Path) -> None:
    released = threading.Event()

    def hangs(text: str) -> AudioClip:
        assert released.wait(60)
        return LONG

    setup = setup_for("", synthesize=hangs, virtual_time=False, clock=ManualClock())
    heard = Heard()
    duplex = content_model(tmp_path).open(setup, heard)
    duplex.push(turn(0, text="remind me to drink"))
    heard.wait_for(UnitDone, 1)
    for i in range(1, 4):
        duplex.push(turn(i, level=2))
        heard.wait_for(UnitDone, i + 1)
    assert [e.text for e in heard.of(TextOutDone)] == ["drink"] * 3
    (told,) = heard.of(EndpointError)
    assert (told.code, told.fatal) == ("E_VOICE", False)
    assert told.message.startswith("“drink” is shown only: the voice takes too long.")
    released.set()
    finish(duplex, [])


def test_a_phrase_is_shown_before_its_sound_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.endpoints.onnx_duplex.PATIENCE_S", 60.0)
    released = threading.Event()

    def slow(text: str) -> AudioClip:
        assert released.wait(60)
        return LONG

    setup = setup_for("remind me to drink", synthesize=slow, virtual_time=False, clock=ManualClock())
    heard = Heard()
    duplex = content_model(tmp_path).open(setup, heard)
    duplex.push(turn(0, level=2))
    heard.wait_for(TextOutDone)
    assert not heard.of(AudioOut)
    released.set()
    heard.wait_for(AudioOut)
    finish(duplex, [])
    assert not heard.of(EndpointError)


def test_what_came_too_late_sounds_the_next_time() -> None:
    released = threading.Event()

    def slow(text: str) -> AudioClip:
        assert released.wait(60)
        return LONG

    desk = VoiceDesk(slow, 0.01)
    assert desk.spoken("drink")[0] is None
    released.set()
    for thread in threading.enumerate():
        if thread.name == "voice":
            thread.join(60)
    assert desk.spoken("drink") == (LONG, "")


def test_a_bug_in_the_voice_is_raised_and_a_refusal_told() -> None:
    def broken(text: str) -> AudioClip:
        raise ZeroDivisionError("oh") if text == "one" else AppError("No.", "It is gone.", "Buy one.")

    for patience_s in (None, 60.0):
        desk = VoiceDesk(broken, patience_s)
        with pytest.raises(ZeroDivisionError):
            desk.spoken("one")
        assert desk.spoken("two") == (None, "“two” is shown only. No. It is gone. Buy one.")


@pytest.mark.parametrize(
    ("asked", "quiet"), [("stop", True), ("Remind me to sit", False), ("pause", True), ("what?", False)]
)
def test_who_says_stop_wants_it_quiet_now(tmp_path: Path, asked: str, quiet: bool) -> None:
    rules = [*mini_manifest()["task"]["rules"], {"match": "^pause", "option": 3}, {"match": "^go on", "option": 4}]
    rules.insert(0, {"match": "remind me to (?P<content>.+)", "option": 2})
    endpoint = content_model(tmp_path, options=["none", "a", "b", "paused", "go_on"], rules=rules)
    turns = [turn(0, level=2), turn(1), turn(2, text=asked), turn(3)]
    heard = converse(endpoint, turns, setup_for("Remind me to drink", synthesize=lambda _: LONG))
    assert len(heard.of(AudioOut)) == 1
    assert [e.t_media_ns for e in heard.of(Interrupted)] == ([3 * TURN_NS] if quiet else [])
    if quiet:
        after = [e for e in heard.events if isinstance(e, TaskSet | Interrupted)]
        assert [type(e) for e in after[-2:]] == [TaskSet, Interrupted]
    # Nothing is cut off twice.
    again = converse(endpoint, [turn(0), turn(1, text=asked)], setup_for("Remind me to drink"))
    assert not again.of(Interrupted)

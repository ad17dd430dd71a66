"""Items through live sessions: the protocol reaches the model exactly, and everything about it is written down."""

from __future__ import annotations

import json
import os
import shutil
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tmlapp.bench.data import HistoryPart, Part, Subtitle, SuiteItem, Tail
from tmlapp.bench.drive import DriveSettings, drive_part, history_turns, instruct_mode
from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome, failed
from tmlapp.bench.drive_listen import Listener
from tmlapp.bench.drive_voice import AppSpeech, RecordedSpeech, espeak_version, phrases, text_sha256
from tmlapp.bench.runs.run import read_result
from tmlapp.bench.runs.store import read_wav
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    DelegationReturned,
    Event,
    Interrupted,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    ToolReturned,
)  # fmt: skip
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ
from tmlapp.endpoints import onnx_local
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.live.voice import EspeakVoice
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

MS = NS_PER_MS
needs_voice = pytest.mark.skipif(not EspeakVoice().available(), reason="espeak-ng is not installed")


class Hum:
    """Speaks every instruction as one second of a constant."""

    info = {"id": "hum"}  # noqa: RUF012 - never changed

    def speak(self, item: str, text: str) -> tuple[Pcm, dict[str, Any]]:
        return np.full(SAMPLE_RATE_HZ, 500, np.int16), {"id": "hum", "text": text}


def script(folder: Path, *lines: tuple[float, str]) -> str:
    """Address of an endpoint that says these lines at these times, each as 0.5 s of sound."""
    folder.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / "word.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(np.full(12_000, 900, "<i2").tobytes())
    path = folder / "script.json"
    path.write_text(json.dumps([{"t_s": t, "text": text, "wav": "word.wav"} for t, text in lines]))
    return f"scripted:{path}"


def sound(path: Path, seconds: float, value: int = 1000) -> str:
    soundfile.write(path, np.full(round(seconds * SAMPLE_RATE_HZ), value, np.int16), SAMPLE_RATE_HZ)
    return str(path)


def task(folder: Path, part: Part, endpoint: str, **changes: Any) -> ItemTask:
    made = ItemTask(
        item=SuiteItem(id="TV/a=1%", truth={}, parts=(part,)),
        folder=folder / "run" / "items" / "00000-a",
        run_folder=folder / "run",
        suite="repcount-a",
        data=folder,
        endpoint=endpoint,
        instruct="typed",
        clock="fast",
    )
    return replace(made, **changes)


def test_a_spoken_instruction_comes_first_and_the_clock_begins_with_the_media(tmp_path: Path) -> None:
    part = Part(instruction="Count.", silence_s=2.0, sounds=(sound(tmp_path / "a.wav", 1.1),), tail=Tail(least_s=1.0))
    folder = tmp_path / "item"
    folder.mkdir()
    driven = drive_part(
        "a", part, script(tmp_path / "s", (4.0, "one")), folder, DriveSettings(),
        instruct="spoken", clock="fast", speech=Hum(),
    )  # fmt: skip
    found = driven.part
    assert (found.media_t0_s, found.duration_s, found.session_s) == (3.0, 1.1, 5.2)
    assert (found.turn_starts_s, found.turn_ends_s) == ((3.0,), (4.1,))
    assert (found.instruct, found.instruction) == ("spoken", "Count.")
    assert found.voice == {"id": "hum", "text": "Count.", "length_s": 1.0}
    assert driven.granted is not None
    recording = Recording.open(folder / found.recording)
    heard = recording.audio("/mic")[0]
    assert (heard[:16_000] == 500).all()
    assert not heard[16_000:48_000].any()
    assert (heard[48_000:65_600] == 1000).all()
    assert not heard[65_600:].any()
    assert recording.info["options"]["pad_before_s"] == 3.0
    assert recording.info["options"]["item"] == "a"
    assert not [t for turn in recording.turns() for t in turn.texts]


def test_a_typed_instruction_needs_no_time(tmp_path: Path) -> None:
    part = Part(instruction="Please count out reps for squats.", message="Hi", sounds=(sound(tmp_path / "a.wav", 0.5),))
    outcome = ItemDriver()(task(tmp_path, part, "onnx:tiny"))
    found = outcome.result.parts["main"]
    assert (found.instruct, found.media_t0_s) == ("typed", 0.0)
    recording = Recording.open(tmp_path / "run" / "items" / "00000-a" / found.recording)
    assert next(recording.turns()).texts[0].text == "Hi"
    assert recording.info["instruction"] == part.instruction


def test_sounds_wait_for_the_answer_and_the_answer_stands_on_the_clock_of_the_item(tmp_path: Path) -> None:
    sounds = (sound(tmp_path / "a.wav", 1.0), sound(tmp_path / "b.wav", 1.0, 2000))
    part = Part(sounds=sounds, turn_quiet_s=1.0, turn_most_s=20.0, tail=Tail(quiet_s=0.6, most_s=5.0))
    outcome = ItemDriver()(task(tmp_path, part, script(tmp_path / "s", (1.8, "one"), (4.9, "two"))))
    found = outcome.result.parts["main"]
    # The first answer is heard from 1.8 to 2.3 s; quiet for a second at 3.3 s, so from the next micro-turn on.
    assert found.turn_starts_s == (0.0, 3.4)
    assert found.turn_ends_s == (1.0, 4.4)
    assert found.duration_s == 4.4
    # The second one ends at 5.5 s (received at 5.0 s), quiet for 0.6 s at 6.1 s.
    assert found.session_s == 6.2
    answer = outcome.answers["main"]
    assert answer.text == "one two"
    assert [u.t0_s for u in answer.utterances] == pytest.approx([1.8, 5.0])
    folder = tmp_path / "run" / "items" / "00000-a"
    pcm, tail = read_wav(folder / "main.wav"), read_wav(folder / "main.tail.wav")
    assert pcm is not None
    assert tail is not None
    assert len(pcm) == round(4.4 * SAMPLE_RATE_HZ)
    assert np.flatnonzero(np.abs(pcm) > 450)[0] == pytest.approx(1.8 * SAMPLE_RATE_HZ, abs=3)
    assert np.flatnonzero(np.abs(tail) > 450)[0] == pytest.approx(0.6 * SAMPLE_RATE_HZ, abs=3)
    assert answer.audio == "items/00000-a/main.wav"


def test_a_video_is_seen_with_its_subtitles(tmp_path: Path, demo_clip: Path) -> None:
    part = Part(
        video=str(demo_clip / "squats.mp4"), subtitles=(Subtitle(0.5, 1.0, "Hello"),), tail=Tail(least_s=1.0),
        instruction="Look.", silence_s=0.3,
    )  # fmt: skip
    folder = tmp_path / "item"
    folder.mkdir()
    driven = drive_part(
        "a", part, script(tmp_path / "s", (1.0, "yes")), folder, DriveSettings(max_side=160),
        instruct="spoken", clock="fast", speech=Hum(),
    )  # fmt: skip
    recording = Recording.open(folder / driven.part.recording)
    frames = list(recording.frames())
    assert frames[0].t_ns == 1_300 * MS
    assert max(frames[0].width, frames[0].height) == 160
    assert driven.part.notes == ("subtitles are drawn into the pictures",)
    assert recording.info["feed"]["camera"]["actual"]["subtitles"]["lines"] == 1
    assert driven.part.duration_s == pytest.approx(len([f for f in frames if not f.repeated]) / 30, abs=0.02)


def test_everything_of_a_failed_item_is_its_reason(tmp_path: Path) -> None:
    driver = ItemDriver()
    missing = driver(task(tmp_path, Part(video=str(tmp_path / "none.mp4")), "onnx:tiny"))
    assert missing.result.state == "failed"
    assert "none.mp4" in missing.result.reason
    again = driver(task(tmp_path, Part(video=str(tmp_path / "none.mp4")), "onnx:tiny"))
    assert again.result.tries == 2
    assert read_result(tmp_path / "run" / "items" / "00000-a" / "result.json") == again.result
    nobody = driver(task(tmp_path, Part(message="hi"), "nobody:here"))
    assert "no endpoint of the kind" in nobody.result.reason
    fault = driver(task(tmp_path, Part(message="hi", tools=True), "onnx:tiny", suite="no suite"))
    assert "There is no suite" in fault.result.reason
    mistake = driver(task(tmp_path, Part(message="hi"), "onnx:tiny", settings=None))
    assert "tmlapp has made a mistake: AttributeError" in mistake.result.reason


def test_a_local_model_is_loaded_once_for_all_items_until_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def counted(folder: Path, **options: Any) -> Any:
        loaded.append(folder)
        return load_model(folder, **options)

    monkeypatch.setattr(onnx_local, "load_model", counted)
    shutil.copytree(onnx_local.model_folder("tiny"), tmp_path / "model")
    driver, part = ItemDriver(), Part(instruction="Please count to 3.", tail=Tail(least_s=4.0))
    said = [driver(task(tmp_path, part, f"onnx:{tmp_path / 'model'}")).answers["main"].text for _ in range(2)]
    assert said[0]
    assert said[0] == said[1]
    assert len(loaded) == 1
    os.utime(tmp_path / "model" / "manifest.json")
    assert driver(task(tmp_path, part, f"onnx:{tmp_path / 'model'}")).answers["main"].text == said[0]
    assert len(loaded) == 2


def test_what_an_earlier_try_left_is_gone(tmp_path: Path) -> None:
    made = task(tmp_path, Part(message="hi"), script(tmp_path / "s", (0.1, "yes")))
    made.folder.mkdir(parents=True)
    (made.folder / "main.mcap.part").write_bytes(b"half")
    (made.folder / "sub").mkdir()
    failed(made, "cut off")
    outcome = ItemDriver()(made)
    assert (outcome.result.state, outcome.result.tries) == ("done", 2)
    assert sorted(p.name for p in made.folder.iterdir()) == ["main.mcap", "main.tail.wav", "main.wav", "result.json"]
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


def test_a_session_that_ends_before_its_programme_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmlapp.endpoints.scripted import ScriptedDuplex

    push = ScriptedDuplex.push

    def hang_up(self: ScriptedDuplex, turn: Any) -> None:
        push(self, turn)
        if turn.index == 2:
            self._send(Closed(code="limit", reason="five minutes are over", initiated_by="server"))

    monkeypatch.setattr(ScriptedDuplex, "push", hang_up)
    part = Part(sounds=(sound(tmp_path / "a.wav", 2.0),))
    outcome = ItemDriver()(task(tmp_path, part, script(tmp_path / "s", (0.1, "yes"))))
    assert outcome.result.state == "failed"
    assert "ended too early" in outcome.result.reason
    assert "five minutes are over" in outcome.result.reason


def test_voice_activity_is_measured_where_the_suite_looks_at_it(tmp_path: Path) -> None:
    part = Part(sounds=(sound(tmp_path / "a.wav", 1.0),))
    needs = frozenset({"vad", "user_vad"})
    answer = ItemDriver()(task(tmp_path, part, script(tmp_path / "s", (0.1, "yes")), needs=needs)).answers["main"]
    assert answer.speech_s is not None
    assert answer.user_speech_s is not None


def test_auto_types_to_local_models_and_speaks_to_others() -> None:
    assert instruct_mode("auto", "onnx:tiny") == "typed"
    assert instruct_mode("auto", "realtime:gpt") == "spoken"
    assert instruct_mode("spoken", "onnx:tiny") == "spoken"


def test_history_is_read_with_its_sound(tmp_path: Path) -> None:
    heard = HistoryPart(role="user", sound=sound(tmp_path / "h.wav", 0.2))
    turns = history_turns(Part(history=(heard, HistoryPart(role="assistant", text="Yes."))))
    assert isinstance(turns[0].sound, AudioClip)
    assert len(turns[0].sound.pcm) == 3200
    assert (turns[1].role, turns[1].text, turns[1].sound) == ("assistant", "Yes.", None)


def test_recorded_instructions_are_found_by_item_or_by_text(tmp_path: Path) -> None:
    folder = tmp_path / "spoken"
    folder.mkdir()
    sound(folder / "TV_a_1.wav", 0.1)
    sound(folder / f"{text_sha256('Count.')}.wav", 0.2)
    sound(tmp_path / "outside.wav", 0.3)
    speech = RecordedSpeech(folder)
    assert len(speech.speak("TV/a=1%", "other")[0]) == 1600
    pcm, told = speech.speak("b", "Count.")
    assert len(pcm) == 3200
    assert told["text"] == "Count."
    with pytest.raises(AppError, match="has not been recorded"):
        speech.speak("../outside", "other")
    before = speech.info
    sound(folder / "c.wav", 0.1)
    assert RecordedSpeech(folder).info != before
    with pytest.raises(AppError, match="no folder"):
        RecordedSpeech(tmp_path / "nowhere")


@needs_voice
def test_the_voice_of_the_app_says_who_it_is() -> None:
    speech = AppSpeech()
    pcm, told = speech.speak("a", "Please count. " * 70)
    assert told["id"] == "espeak-ng"
    assert told["version"][0].isdigit()
    assert len(told["sha256"]) == 64
    assert len(pcm) > 40 * SAMPLE_RATE_HZ


def test_without_a_voice_nothing_can_be_spoken() -> None:
    with pytest.raises(AppError, match="cannot be spoken"):
        espeak_version("no-such-program")


def test_long_texts_are_cut_at_sentences() -> None:
    assert phrases("") == []
    assert phrases("a b", 10) == ["a b"]
    assert phrases("One two. Three four", 12) == ["One two.", "Three four"]
    assert phrases("one two three", 8) == ["one two", "three"]
    assert phrases("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    with pytest.raises(AppError):
        AppSpeech(program="no-such-program")


def quiet_after(*events: Event, after_ms: int = 0) -> float | None:
    listener = Listener()
    for event in events:
        listener.on_event(event)
    since_ns = listener.quiet_since_ns(after_ms * MS)
    return None if since_ns is None else since_ns / MS


def spoken(t_ms: int, length_ms: int) -> AudioOut:
    return AudioOut(t_rx_ns=t_ms * MS, pcm16=b"\1\1" * (24 * length_ms), rate=24_000)


def test_sound_counts_as_long_as_it_is_heard_and_text_at_its_moment() -> None:
    assert quiet_after() is None
    assert quiet_after(spoken(200, 1000), spoken(400, 1000)) == 2200
    assert quiet_after(spoken(200, 1000), Interrupted(t_rx_ns=700 * MS)) == 700
    assert quiet_after(spoken(200, 1000), spoken(400, 1000), Interrupted(t_rx_ns=900 * MS)) == 900
    assert quiet_after(TextOut(t_rx_ns=300 * MS, delta="a"), TextOutDone(t_rx_ns=500 * MS, text="a")) == 500
    assert quiet_after(TextOut(t_rx_ns=300 * MS, delta="a", channel="thought")) is None
    assert quiet_after(spoken(200, 300), after_ms=500) is None
    assert quiet_after(spoken(200, 301), after_ms=500) == 501


def test_a_model_that_waits_for_a_tool_is_not_quiet() -> None:
    said, call = spoken(0, 100), ToolCall(call_id="1", name="x", arguments={})
    assert quiet_after(said, call) is None
    assert quiet_after(said, call, ToolReturned(t_ns=0, call_id="1", name="x", output="")) == 100
    assert quiet_after(said, call, ToolCancelled(call_id="1")) == 100
    assert quiet_after(said, call, DelegationReturned(t_ns=0, id="1", name="x", text="", final=False)) is None
    assert quiet_after(said, call, DelegationReturned(t_ns=0, id="1", name="x", text="", final=True)) == 100

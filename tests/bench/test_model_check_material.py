"""What is said in a check: phrases of one's own, recordings by a manifest, voices of this machine."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from tmlapp.bench.model_check.hearing_run import gather
from tmlapp.bench.model_check.material import active_rms, kitchen_like, plain_words, read_recordings
from tmlapp.bench.model_check.material_text import (
    EVERYDAY,
    HARD,
    PHRASES_FILE,
    STOPS,
    TASK_PHRASES,
    Phrase,
    task_phrases,
)
from tmlapp.bench.model_check.material_voices import Voice, engine_versions, installed_voices
from tmlapp.bench.model_check.options import Options
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def write_wav(path: Path, seconds: float, rate: int = 16000) -> None:
    tone = np.sin(np.arange(round(seconds * rate)) * 0.05) * 3000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.astype("<i2").tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        ("b/dishes.wav", "", "noise"),
        ("b/cat.wav", "", "noise"),
        ("a.wav", "Well, hello—there!", "speech"),
        ("stop.wav", "stop", "keyword"),
        ("long.wav", "", "dialog"),
    ]
    (tmp_path / "b").mkdir()
    lines = ["file,transcript,kind"]
    for name, text, kind in rows:
        write_wav(tmp_path / name, 26.0 if kind == "dialog" else 0.5, 8000 if name == "a.wav" else 16000)
        lines.append(f'{name},"{text}",{kind}')
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_recordings_come_at_16_khz_in_the_order_of_their_names(folder: Path) -> None:
    found = read_recordings(folder)
    assert [r.name for r in found] == ["a.wav", "b/cat.wav", "b/dishes.wav", "long.wav", "stop.wav"]
    assert found[0].transcript == "well hello there"
    assert found[0].seconds == pytest.approx(0.5)
    assert len(found[0].sha256) == 64
    assert [r.name for r in kitchen_like(found)] == ["b/dishes.wav"]
    assert [r.kind for r in read_recordings(folder, ["keyword"])] == ["keyword"]


def test_a_limit_leaves_the_first_of_each_kind_and_no_long_dialog(folder: Path) -> None:
    material = gather(folder, Options(limit=1))
    assert [r.name for r in material.recordings] == ["a.wav", "b/cat.wav", "stop.wav"]
    assert len(material.phrases) == len(material.stops) == len(material.everyday) == 1
    assert set(material.inputs) == {r.name for r in read_recordings(folder)}
    assert gather(None, Options()).recordings == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [("path,kind\nx,y\n", "lacks the columns"), (None, "No such file")],
)
def test_a_folder_without_a_usable_manifest_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match=why):
        read_recordings(tmp_path)


def test_phrases_of_the_folder_take_the_place_of_those_built_in(tmp_path: Path) -> None:
    assert task_phrases(tmp_path) == (TASK_PHRASES, "built in")
    assert task_phrases(None) == (TASK_PHRASES, "built in")
    (tmp_path / PHRASES_FILE).write_text(
        "text,context,content,numbers\nPause,running,,\nCount to  ten every 2.5 seconds,,,10 2.5\n", encoding="utf-8"
    )
    expected = (Phrase("pause", "running"), Phrase("count to ten every 2.5 seconds", numbers=(10.0, 2.5)))
    assert task_phrases(tmp_path) == (expected, PHRASES_FILE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("text,context\n,idle\n", "has no text"),
        ("text,context\nstop,asleep\n", "asleep"),
        ("text,numbers\nstop,ten\n", "ten"),
        ("text\n", "holds no phrase"),
    ],
)
def test_phrases_that_cannot_be_used_are_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / PHRASES_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match=why):
        task_phrases(tmp_path)


def test_there_are_twenty_phrases_of_every_kind_and_no_sentence_twice() -> None:
    assert len(TASK_PHRASES) == 20
    assert {p.context for p in TASK_PHRASES} == {"idle", "running", "paused"}
    for said in (TASK_PHRASES, STOPS, EVERYDAY, HARD):
        assert len(set(said)) == len(said)
    assert all(plain_words(p.text) == p.text and p.content in p.text for p in TASK_PHRASES)
    assert len(EVERYDAY) == 60


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_voice_says_the_same_in_the_same_way_at_the_level_of_a_person() -> None:
    voice, other = [v for v in installed_voices() if v.program == "espeak-ng"][:2]
    first, again = (
        voice.speak("count my squats"),
        Voice(voice.name, voice.program, voice.arguments).speak("count my squats"),
    )
    assert np.array_equal(first, again)
    assert 20 * np.log10(active_rms(first)) == pytest.approx(-26, abs=0.2)
    assert len(first) != len(other.speak("count my squats"))
    assert engine_versions()["espeak-ng"][0].isdigit()


def test_a_voice_that_fails_says_so() -> None:
    with pytest.raises(AppError, match="The voice nobody failed"):
        Voice("nobody", "no-such-program", ()).speak("hello")

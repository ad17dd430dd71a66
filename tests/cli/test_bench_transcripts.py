"""Full-Duplex-Bench from its folder to the grade, with transcripts of the model and of the user."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.fdb_folders import write_json
from tests.cli.invoking import answer, graded, invoke, made, write_script, write_sound
from tmlapp.bench.answer import Word
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.run import load_run
from tmlapp.bench.runs.transcribing import transcribed
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm

pytestmark = pytest.mark.crash

SAID = "go forward ten meters"


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Path:
    return shared_data / "speech/cmusphinx__pocketsphinx/goforward.wav"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory, speech: Path) -> Path:
    """The model says the sentence at 3.5 s; it ends after the input of the shorter session has."""
    return write_script(
        tmp_path_factory.mktemp("script") / "s.json", {"t_s": 3.5, "text": f"{SAID}.", "wav": str(speech)}
    )  # fmt: skip


def padded(pcm: Pcm, seconds: float) -> Pcm:
    out: Pcm = np.zeros(round(seconds * 16_000), np.int16)
    out[: len(pcm)] = pcm
    return out


@pytest.fixture(scope="module")
def v1(tmp_path_factory: pytest.TempPathFactory, script: Path, speech: Path) -> tuple[Path, Path]:
    """One sample of turn taking: data and run."""
    folder = tmp_path_factory.mktemp("v1")
    sample = folder / "v1.0" / "candor_turn_taking" / "1"
    write_sound(sample / "input.wav", padded(read_wav(speech), 7.0))
    write_json(sample / "turn_taking.json", [{"text": "[TURN-TAKING]", "timestamp": [2.8, 3.0]}])
    assert made("fdb-v1", folder / "v1.0", script, folder / "run")["done"] == 1
    return folder / "v1.0", folder / "run"


@pytest.fixture(scope="module")
def v15(tmp_path_factory: pytest.TempPathFactory, script: Path, speech: Path) -> tuple[Path, Path]:
    """One interruption: the user says the sentence, and once more in the session with the overlap."""
    folder = tmp_path_factory.mktemp("v15")
    sample = folder / "v1.5" / "user_interruption" / "1"
    pcm = read_wav(speech)
    write_sound(sample / "clean_input.wav", padded(pcm, 5.0))
    write_sound(sample / "input.wav", padded(np.concatenate((padded(pcm, 4.0), pcm)), 8.0))
    texts = {"context_text": SAID, "current_turn_text": SAID.upper()}
    write_json(sample / "metadata.json", {**texts, "timestamps": [4.0, 6.0]})
    assert made("fdb-v1.5", folder / "v1.5", script, folder / "run")["done"] == 1
    return folder / "v1.5", folder / "run"


def values(grade: dict[str, Any]) -> dict[str, Any]:
    return {m["name"]: m["value"] for m in grade["metrics"]}


def test_v1_aligned_written_and_read_back_gives_the_same_grade(v1: tuple[Path, Path]) -> None:
    data, run = v1
    own = graded(run, "--transcripts", "align")
    first = own["grades"][0]
    assert first["provenance"]["transcripts"]["transcriber"]["provider"].startswith("align")
    assert 1.0 < values(first)["latency_s"] < 1.5
    output = run / "official" / "candor_turn_taking" / "1" / "output.json"
    assert str(output) in own["official"]
    chunks = json.loads(output.read_text())["chunks"]
    assert [c["text"] for c in chunks] == [*SAID.split()[:-1], "meters."]
    words = ("bench", "grade", run / "official", "--suite", "fdb-v1", "--data", data, "--json")
    official = answer(invoke(*words))["grades"]
    assert [values(g) for g in official] == [values(g) for g in own["grades"]]
    assert "3 official files were written anew" in invoke("bench", "grade", run, "--transcripts", "align").stdout
    recorded = graded(run, "--transcripts", f"recorded:{run / 'official'}")["grades"]
    assert [values(g) for g in recorded] == [values(g) for g in own["grades"]]
    assert recorded[0]["provenance"]["text_source"] == "recorded"


def test_v15_hears_both_speakers_in_both_sessions(v15: tuple[Path, Path], tmp_path: Path) -> None:
    data, run = v15
    table = tmp_path / "labels.jsonl"
    row = {"kind": "fdb-v1.5/behaviour", "item": "user_interruption/1", "key": "behaviour", "value": ["C_RESPOND"]}
    place = run / "official" / "user_interruption" / "1"
    table.write_text(json.dumps(row))
    # Without a transcriber the user's voice is found, and the words are not: the official script skips it.
    plain = load_run(run).answers["user_interruption/1"]
    assert plain["input"].user_speech_s
    assert not (place / "input.json").exists()
    own = graded(run, "--transcripts", "align", "--judge", f"recorded:{table}")
    assert {p.name for p in place.iterdir()} >= {"input.json", "clean_input.json", "output.json", "clean_output.json"}
    heard = {name: json.loads((place / f"{name}.json").read_text()) for name in ("input", "clean_input")}
    assert heard["clean_input"]["text"] == SAID
    assert heard["input"]["text"] == f"{SAID} {SAID.upper()}"
    assert 4.0 < heard["input"]["chunks"][4]["timestamp"][0] < 5.0
    grade = own["grades"][0]
    assert grade["n_ungraded"] == 0
    assert values(grade)["rate/user_interruption"] == 100.0
    recorded = graded(run, "--transcripts", f"recorded:{run / 'official'}", "--judge", f"recorded:{table}")["grades"]
    assert [values(g) for g in recorded] == [values(g) for g in own["grades"]]
    words = ("bench", "grade", run / "official", "--suite", "fdb-v1.5", "--data", data, "--json")
    official = answer(invoke(*words, "--judge", f"recorded:{table}"))["grades"]
    assert [values(g) for g in official] == [values(g) for g in own["grades"]]


class Ears:
    """Hears the same in every sound; counts how often it listens, and to how long sounds."""

    name = "ears"

    def __init__(self, text: str = "yes") -> None:
        self.text = text
        self.lengths: list[int] = []
        self._lock = threading.Lock()

    def provenance(self) -> dict[str, Any]:
        return {"provider": self.name, "text": self.text}

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        with self._lock:
            self.lengths.append(len(pcm))
        words = (Word(0.5, 0.9, self.text),) if self.text else ()
        return Transcript(text=self.text, words=words)


def test_only_as_much_is_heard_as_official_scripts_hear(v1: tuple[Path, Path], tmp_path: Path) -> None:
    run = load_run(v1[1])
    ears = Ears("only so much")
    transcribed(run, suite_named("fdb-v1"), ears)
    # Seven seconds are the input; the tail is not in output.wav. The user's words are not needed.
    assert ears.lengths == [7 * 16_000]


def test_a_user_who_says_nothing_was_listened_to_all_the_same(v15: tuple[Path, Path]) -> None:
    found = transcribed(load_run(v15[1]), suite_named("fdb-v1.5"), Ears(""))["user_interruption/1"]["input"]
    assert (found.user_text, found.user_words, found.extra["user_transcript"]) == ("", (), True)


def test_the_users_sound_of_repeated_sessions_is_transcribed_once(tmp_path: Path, script: Path, speech: Path) -> None:
    row = {"category": "navigate", "official_answer": "Yes", "file_name": "data/question_0.mp3", "id": 0}
    sound = write_sound(tmp_path / "data" / "data" / "question_0.wav", read_wav(speech))
    (tmp_path / "data" / "metadata.jsonl").write_text(json.dumps(row | {"file_name": "data/question_0.wav"}))
    assert sound.exists()
    made("bigbench-audio", tmp_path / "data", script, tmp_path / "run", "--option", "runs=3")
    run, ears = load_run(tmp_path / "run"), Ears("is it so")
    (answers,) = transcribed(run, suite_named("bigbench-audio"), ears).values()
    assert {a.user_text for a in answers.values()} == {"is it so"}
    # The three sounds of the model are the same too: two sounds, each heard once.
    assert len(ears.lengths) == 2
    transcribed(run, suite_named("bigbench-audio"), ears)
    assert len(ears.lengths) == 2


class Deaf(Ears):
    """Cannot be used."""

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        super().transcribe(pcm, text=text)
        raise AppError("It is deaf.", "It hears nothing.", "Use another.")


def test_a_transcriber_that_fails_is_an_error_and_nothing_more_is_asked(v15: tuple[Path, Path]) -> None:
    ears = Deaf("deaf")
    with pytest.raises(AppError, match="It is deaf"):
        transcribed(load_run(v15[1]), suite_named("fdb-v1.5"), ears)
    assert len(ears.lengths) == 1

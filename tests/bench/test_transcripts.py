"""Recorded transcripts, onnx-asr, the cache and addresses."""

from __future__ import annotations

import json
import sys
import threading
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.bench.said_aloud import noise
from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts import registry
from tmlapp.bench.transcripts.align import AlignTranscriber
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.bench.transcripts.cache import CachedTranscriber
from tmlapp.bench.transcripts.onnx_engine import OnnxTranscriber, words_of_tokens
from tmlapp.bench.transcripts.openai_audio import OpenAiTranscriber
from tmlapp.bench.transcripts.recorded import RecordedTranscriber, official_json, read_transcript, transcript_of
from tmlapp.bench.transcripts.registry import bound, transcriber_from_address
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit
SILENCE = np.zeros(1600, np.int16)


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_official_files_are_read_older_ones_too(tmp_path: Path) -> None:
    old = {
        "text": " Well [UH] yes",
        "chunks": [
            {"text": " Well", "timestamp": [0.5, 0.75]},
            {"text": " [UH]", "timestamp": [1, None]},
            {"text": " yes", "timestamp": [None, None]},
            {"text": " ", "timestamp": [2.0, 2.1]},
        ],
    }
    read = read_transcript(put(tmp_path / "a.json", old))
    assert read.text == " Well [UH] yes"
    assert read.words == (Word(0.5, 0.75, "Well"), Word(1.0, None, "[UH]"))
    assert read.notes == ("The onset of 'yes' (chunk 2) is not known; it is left out.",)
    assert transcript_of(official_json(read)).words == read.words
    assert transcript_of({"chunks": [{"text": "a", "timestamp": [0, 1]}]}).text == "a"
    assert read_transcript(put(tmp_path / "bom.json", "\ufeff" + json.dumps({"chunks": []}))).words == ()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no list of chunks"),
        ('{"chunks": [1]}', "Chunk 0 has no text"),
        ('{"chunks": [{"text": "a"}]}', "Chunk 0 has no timestamp"),
        ('{"chunks": [{"text": "a", "timestamp": "ab"}]}', "Chunk 0 has no timestamp"),
        ('{"chunks": [{"text": "a", "timestamp": [NaN, 1]}]}', "chunk 0 is no number"),
        ('{"chunks": [{"text": "a", "timestamp": [true, 1]}]}', "chunk 0 is no number"),
    ],
)
def test_files_that_are_no_transcripts_are_named(tmp_path: Path, content: str, match: str) -> None:
    with pytest.raises(AppError, match=match):
        read_transcript(put(tmp_path / "a.json", content))


def test_recorded_transcripts_belong_to_items(tmp_path: Path) -> None:
    def said(text: str) -> dict[str, Any]:
        return {"text": text, "chunks": []}

    put(tmp_path / "t/7/output.json", said("seven"))
    put(tmp_path / "t/7/clean_output.json", said("clean"))
    put(tmp_path / "t/8.json", said("eight"))
    put(tmp_path / "secret.json", said("secret"))
    folder = transcriber_from_address(f"recorded:{tmp_path / 't'}")
    assert isinstance(folder, RecordedTranscriber)
    for item, part, text in (("7", "main", "seven"), ("7", "clean", "clean"), ("8", "main", "eight")):
        chosen = bound(folder, item, part)
        assert chosen is not None
        assert chosen.transcribe(SILENCE).text == text
    assert set(folder.for_item("7").provenance()) == {"provider", "folder", "file", "sha256"}
    for missing in ("9", "../secret"):
        with pytest.raises(AppError, match="no transcript of"):
            folder.for_item(missing)
    with pytest.raises(AppError, match="Choose an item"):
        folder.transcribe(SILENCE)
    with pytest.raises(AppError, match="no folder"):
        RecordedTranscriber(tmp_path / "none")
    with pytest.raises(AppError, match="cannot be read"):
        read_transcript(tmp_path / "none.json")


def test_tokens_become_words_and_pauses_stay_pauses() -> None:
    tokens = [" He", "llo", ",", "<unk>", " wor", "ld", " ", "again"]
    assert words_of_tokens(tokens, [0.1, 0.2, 0.3, 0.3, 0.35, 0.6, 0.7, 2.0], 2.05) == (
        Word(0.1, 0.35, "Hello,"),
        Word(0.35, 0.68, "world"),
        Word(2.0, 2.05, "again"),
    )
    assert words_of_tokens([], [], 1.0) == ()


class _Engine:
    """Stands where onnx-asr's adapter stands; models with weights are the user's own."""

    def __init__(self, tokens: list[str] | None, text: str = "a b", fails: bool = False) -> None:
        self.result = types.SimpleNamespace(text=text, tokens=tokens, timestamps=None if tokens is None else [0.1, 0.4])
        self.fails = fails

    def with_timestamps(self) -> _Engine:
        return self

    def recognize(self, sound: np.ndarray, *, sample_rate: int) -> Any:
        assert sound.dtype == np.float32
        assert np.abs(sound).max() <= 1
        assert sample_rate == 16_000
        if self.fails:
            raise RuntimeError("broken graph")
        return self.result


def engine(monkeypatch: pytest.MonkeyPatch, folder: Path, model: _Engine) -> OnnxTranscriber:
    monkeypatch.setattr("onnx_asr.load_model", lambda *_, **__: model)
    put(folder / "model.onnx", "weights")
    made = transcriber_from_address(f"onnx-asr:nemo@{folder}")
    assert isinstance(made, OnnxTranscriber)
    return made


def test_a_local_engine_gives_words_and_the_hashes_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = engine(monkeypatch, tmp_path, _Engine([" a", " b"]))
    assert ears.transcribe(noise(1.0)).words == (Word(0.1, 0.18, "a"), Word(0.4, 0.48, "b"))
    assert ears.transcribe(SILENCE[:0]).words == ()
    assert ears.name == "onnx-asr:nemo"
    assert list(ears.provenance()["files"]) == ["model.onnx"]
    assert engine(monkeypatch, tmp_path, _Engine(None, text=" ")).transcribe(SILENCE).text == ""
    with pytest.raises(AppError, match="no token times"):
        engine(monkeypatch, tmp_path, _Engine(None)).transcribe(SILENCE)
    with pytest.raises(AppError, match="broken graph"):
        engine(monkeypatch, tmp_path, _Engine(None, fails=True)).transcribe(SILENCE)


def tiny_nemo(folder: Path, said: dict[int, int], vocabulary: list[str]) -> Path:
    """A CTC model of onnx-asr's own kind that says `said` (frame of 80 ms: token), whatever it hears."""
    scores = np.full((1, 500, len(vocabulary)), -9.0, np.float32)
    scores[:, :, len(vocabulary) - 1] = 0.0
    for frame, token in said.items():
        scores[0, frame, [token, len(vocabulary) - 1]] = 0.0, -9.0
    one, two = (numpy_helper.from_array(np.array([v], np.int64), n) for v, n in ((1, "one"), (2, "two")))
    seven, eight = (numpy_helper.from_array(np.array([v], np.int64), n) for v, n in ((7, "seven"), (8, "eight")))
    zero = numpy_helper.from_array(np.array([0], np.int64), "zero")
    nodes = [
        helper.make_node("Shape", ["audio_signal"], ["shape"]),
        helper.make_node("Gather", ["shape", "two"], ["frames"]),
        helper.make_node("Add", ["frames", "seven"], ["more"]),
        helper.make_node("Div", ["more", "eight"], ["steps"]),
        helper.make_node("Slice", ["scores", "zero", "steps", "one"], ["logprobs"]),
    ]
    graph = helper.make_graph(
        nodes,
        "says",
        [
            helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, ["b", 80, "t"]),
            helper.make_tensor_value_info("length", TensorProto.INT64, ["b"]),
        ],
        [helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["b", "s", len(vocabulary)])],
        [numpy_helper.from_array(scores, "scores"), zero, one, two, seven, eight],
    )
    folder.mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    put(folder / "vocab.txt", "".join(f"{token} {i}\n" for i, token in enumerate(vocabulary)))
    return folder


def test_a_model_folder_goes_through_onnx_asr_itself(tmp_path: Path) -> None:
    vocabulary = ["\u2581hel", "lo", "\u2581there", "<blk>"]
    folder = tiny_nemo(tmp_path / "nemo", {2: 0, 3: 1, 10: 2}, vocabulary)
    ears = transcriber_from_address(f"onnx-asr:nemo-conformer-ctc@{folder}")
    assert ears is not None
    heard = ears.transcribe(noise(2.0))
    assert heard.text == "hello there"
    assert heard.words == (Word(0.16, 0.32, "hello"), Word(0.8, 0.88, "there"))
    assert set(ears.provenance()["files"]) == {"model.onnx", "vocab.txt"}
    assert ears.transcribe(noise(0.1)).text == ""


def test_a_folder_without_the_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AppError, match="cannot be loaded"):
        transcriber_from_address(f"onnx-asr:nemo-parakeet-tdt-0.6b-v2@{tmp_path}")
    with pytest.raises(AppError, match="There is no folder"):
        OnnxTranscriber("nemo", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "onnx_asr", None)
    with pytest.raises(AppError, match=r"tmlapp\[asr\]"):
        OnnxTranscriber("nemo", tmp_path)


class _Counting:
    name = "counting"

    def __init__(self, version: int = 1, *, aligns: bool = False) -> None:
        self.calls = 0
        self.version = version
        self.aligns = aligns

    def transcribe(self, pcm: np.ndarray, *, text: str = "") -> Transcript:
        self.calls += 1
        return Transcript(text="é", words=(Word(0.1, None, "é"), Word(0.2, 0.3, "x")), notes=("n",))

    def provenance(self) -> dict[str, int]:
        return {"version": self.version}


def test_a_sound_is_transcribed_once_per_transcriber(tmp_path: Path) -> None:
    inner = _Counting()
    cached = CachedTranscriber(inner, tmp_path / "cache")
    first = cached.transcribe(SILENCE, text="a")
    assert cached.transcribe(SILENCE, text="b") == first == inner.transcribe(SILENCE)
    assert inner.calls == 2
    cached.transcribe(noise(0.1))
    assert inner.calls == 3
    other = _Counting(2)
    CachedTranscriber(other, tmp_path / "cache").transcribe(SILENCE)
    assert other.calls == 1
    aligner = _Counting(3, aligns=True)
    for text in ("a", "b", "a"):
        CachedTranscriber(aligner, tmp_path / "cache").transcribe(SILENCE, text=text)
    assert aligner.calls == 2
    assert len(list((tmp_path / "cache").iterdir())) == 5
    assert cached.name == "counting"
    assert bound(cached, "item") is cached


def test_a_damaged_entry_is_made_again_and_a_full_disk_is_told(tmp_path: Path) -> None:
    inner = _Counting()
    cached = CachedTranscriber(inner, tmp_path)
    cached.transcribe(SILENCE)
    [entry] = tmp_path.iterdir()
    for damage in ("{", "[]", '{"text": "a", "words": [1], "notes": []}'):
        entry.write_text(damage)
        cached.transcribe(SILENCE)
    assert inner.calls == 4
    assert cached.transcribe(SILENCE).text == "é"
    entry.unlink()
    entry.mkdir()
    with pytest.raises(AppError, match="cannot be read"):
        cached.transcribe(SILENCE)
    put(tmp_path / "file", "x")
    with pytest.raises(AppError, match="cannot be read"):
        CachedTranscriber(inner, tmp_path / "file" / "cache").transcribe(SILENCE)
    (tmp_path / "loop").symlink_to(tmp_path / "nowhere" / "cache")
    with pytest.raises(AppError, match="cannot be kept"):
        CachedTranscriber(inner, tmp_path / "loop").transcribe(SILENCE)


def test_one_cache_serves_many_threads(tmp_path: Path) -> None:
    cached = CachedTranscriber(_Counting(), tmp_path)
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(cached.transcribe(SILENCE).text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["é"] * 8
    assert len(list(tmp_path.iterdir())) == 1


def test_recorded_transcripts_behind_a_cache_still_belong_to_items(tmp_path: Path) -> None:
    put(tmp_path / "t/a/output.json", {"text": "a", "chunks": []})
    cached = CachedTranscriber(RecordedTranscriber(tmp_path / "t"), tmp_path / "cache")
    chosen = bound(cached, "a")
    assert chosen is not None
    assert chosen.transcribe(SILENCE).text == "a"


def test_addresses_lead_to_transcribers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert transcriber_from_address("stream") is None
    assert bound(None, "item") is None
    monkeypatch.setenv("EARS_KEY", "k")
    hosted = transcriber_from_address("openai:whisper-1@http://127.0.0.1:9/v1?key_env=EARS_KEY&language=en")
    assert isinstance(hosted, OpenAiTranscriber)
    assert hosted.name == "openai:whisper-1@127.0.0.1:9"
    hosted.close()
    assert isinstance(transcriber_from_address("align"), AlignTranscriber)


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("magic", "none of align, onnx-asr"),
        ("stream:x", "Nothing may follow"),
        ("align:x", "Nothing may follow"),
        ("onnx-asr:model", "MODEL@FOLDER"),
        ("openai:@http://h", "MODEL@URL"),
        ("openai:m@ftp://h", "must begin with http"),
        ("openai:m@http://u:p@h", "name or a password"),
        ("openai:m@http://[", "must begin with http"),
        ("openai:m@http://h?key=1", "no option key"),
        ("openai:m@http://h?key_env=TMLAPP_NO_SUCH_KEY", "TMLAPP_NO_SUCH_KEY"),
    ],
)
def test_addresses_that_lead_nowhere_are_told(address: str, match: str) -> None:
    with pytest.raises(AppError, match=match):
        transcriber_from_address(address)


def test_other_distributions_bring_transcribers(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = EntryPoint("mine", f"{__name__}:make_mine", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [mine] if group == registry.ENTRY_POINTS else [])
    made = transcriber_from_address("mine:7")
    assert isinstance(made, _Counting)
    assert made.version == 7
    taken = EntryPoint("align", f"{__name__}:make_mine", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [taken])
    with pytest.raises(AppError, match="Two transcribers are named 'align'"):
        transcriber_from_address("stream")


def make_mine(target: str, clock: object) -> _Counting:
    return _Counting(int(target))

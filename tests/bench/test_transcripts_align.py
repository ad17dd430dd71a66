"""Forced alignment of known texts to real speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest

from tests.bench.said_aloud import line, scripted
from tmlapp.bench.answers import answer_of
from tmlapp.bench.transcripts.align import AlignTranscriber
from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.bench.transcripts.pronounce import guessed_phones, spoken_forms
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.live.voice import EspeakVoice

pytestmark = pytest.mark.unit
JFK = "And so, my fellow Americans: ask not what your country can do for you — ask what you can do for your country."


@pytest.fixture(scope="module")
def aligner() -> AlignTranscriber:
    return AlignTranscriber()


@pytest.fixture(scope="module")
def jfk(shared_data: Path) -> Pcm:
    return read_wav(shared_data / "speech/openai__whisper/jfk.wav")


def test_words_of_real_speech_lie_where_they_are_said(aligner: AlignTranscriber, jfk: Pcm) -> None:
    made = aligner.transcribe(jfk, text=JFK)
    # The dash is no word; it stays with the one before.
    assert [w.text for w in made.words] == [w.replace("_", " ") for w in JFK.replace("you —", "you_—").split()]
    assert made.notes == ()
    onsets = {w.text: w.t0_s for w in made.words}
    # By ear and eye: pauses of a second lie before "ask" and "what".
    for word, t_s in (("And", 0.3), ("Americans:", 1.65), ("ask", 8.15), ("country.", 10.0)):
        assert onsets[word] == pytest.approx(t_s, abs=0.15), word
    times = [t for w in made.words for t in (w.t0_s, w.t1_s)]
    assert times == sorted(times)  # type: ignore[type-var]


def test_the_same_sound_gives_the_same_times_whatever_came_before(aligner: AlignTranscriber, jfk: Pcm) -> None:
    first = aligner.transcribe(jfk, text=JFK)
    aligner.transcribe(jfk[:40_000] // 8, text="and so my fellow")
    assert aligner.transcribe(jfk, text=JFK) == first


def test_speech_that_the_text_does_not_cover_is_flagged(aligner: AlignTranscriber, shared_data: Path) -> None:
    first = read_wav(shared_data / "speech/Uberi__speech_recognition/english.wav")
    second = read_wav(shared_data / "speech/cmusphinx__pocketsphinx/goforward.wav")
    both = np.concatenate((first, np.zeros(16_000, np.int16), second))
    made = aligner.transcribe(both, text="one two three")
    assert [w.text for w in made.words] == ["one", "two", "three"]
    assert any(note.startswith("No word of the text falls into the voice from") for note in made.notes)


def test_words_that_no_dictionary_lists_are_kept_and_noted(aligner: AlignTranscriber, shared_data: Path) -> None:
    pcm = read_wav(shared_data / "speech/cmusphinx__pocketsphinx/goforward.wav")
    made = aligner.transcribe(pcm, text="go forwward 10 脚 meters")
    assert [w.text for w in made.words] == ["go", "forwward", "10", "脚", "meters"]
    assert made.words[3].t0_s == made.words[2].t1_s
    assert made.words[3].t1_s is None
    assert made.notes == (
        "Pronunciation guessed from the spelling: forwward.",
        "No pronunciation, placed after the word before: 脚.",
    )
    again = aligner.transcribe(pcm, text="… go forwward ten meters")
    assert (again.words[0].text, again.notes) == ("… go", made.notes[:1])


def test_texts_that_do_not_fit_give_no_words_and_say_so(aligner: AlignTranscriber, shared_data: Path) -> None:
    one = read_wav(shared_data / "speech/felixchenfy__Speech-Commands-Classification-by-LSTM-PyTorch/one.wav")
    long = aligner.transcribe(one, text=JFK)
    assert long.words == ()
    assert long.notes[-1].startswith("The text does not fit the sound")
    assert aligner.transcribe(one, text=" ").notes == ("There is no text to align.",)
    assert aligner.transcribe(np.zeros(16_000, np.int16), text="one").notes == ("The sound is silent.",)
    assert aligner.transcribe(one, text="脚").words[0].text == "脚"
    assert aligner.transcribe(one[:3_000], text="one").notes[0] == "No voice was found in the sound."
    assert aligner.provenance()["vad"]["version"] == "6.2.3"


def test_what_a_model_says_aloud_gets_word_times_on_the_items_clock(
    aligner: AlignTranscriber, tmp_path: Path, shared_data: Path
) -> None:
    pcm = read_wav(shared_data / "speech/Uberi__speech_recognition/english.wav")
    recording = scripted(tmp_path, [line(1.0, "one two three", pcm)], turns=30)
    alone = aligner.transcribe(pcm, text="one two three").words
    answer = answer_of(recording, media_t0_ns=400_000_000, transcriber=aligner)
    assert [w.text for w in answer.words] == ["one", "two", "three"]
    for placed, bare in zip(answer.words, alone, strict=True):
        assert placed.t0_s == pytest.approx(bare.t0_s + 0.6, abs=0.2)
    assert answer.timing_source == "audio"


def test_the_voice_of_the_app_is_aligned_word_by_word(aligner: AlignTranscriber, tmp_path: Path) -> None:
    voice = EspeakVoice()
    if not voice.available():
        pytest.skip("espeak-ng is not installed")
    clip = voice.speak("the quick brown fox jumps over the lazy dog")
    recording = scripted(tmp_path, [line(0.2, "the quick brown fox jumps over the lazy dog", clip.pcm, clip.rate_hz)])
    words = answer_of(recording, media_t0_ns=0, transcriber=aligner).words
    assert len(words) == 9
    assert words[0].t0_s == pytest.approx(0.2, abs=0.15)
    assert [w.t0_s for w in words] == sorted(w.t0_s for w in words)


def test_an_aligner_that_breaks_down_is_replaced(jfk: Pcm, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pocketsphinx.Decoder
    broken: list[bool] = []

    class Brittle(real):  # type: ignore[misc, valid-type]
        def process_raw(self, *args: object, **options: object) -> object:
            if not broken:
                broken.append(True)
                raise RuntimeError("out of order")
            return super().process_raw(*args, **options)

    monkeypatch.setattr(pocketsphinx, "Decoder", Brittle)
    fragile = AlignTranscriber()
    text = JFK.replace("Americans", "Ammericans")
    assert len(fragile.transcribe(jfk, text=text).words) == 22
    assert fragile.transcribe(jfk, text=text) == AlignTranscriber().transcribe(jfk, text=text)


def test_written_words_are_said_in_letters() -> None:
    assert spoken_forms("U.S.-based,") == ("u", "s", "based")
    assert spoken_forms("don’t") == ("don't",)
    assert spoken_forms("naïve") == ("naive",)
    assert spoken_forms("1,234.50") == ("one", "thousand", "two", "hundred", "thirty", "four", "point", "five", "zero")
    assert spoken_forms("007") == ("zero", "zero", "seven")
    assert spoken_forms("50%") == ("fifty", "percent")
    assert spoken_forms("2000000") == ("two", "million")
    assert spoken_forms("1" * 12) == ("one",) * 12
    assert spoken_forms("—") == spoken_forms("砸") == ()


def test_spelling_gives_phones() -> None:
    assert guessed_phones("thrice") == "TH R IH K"
    assert guessed_phones("bee") == "B IY"
    assert guessed_phones("x") == "K S"


def test_without_pocketsphinx_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(AppError, match="pocketsphinx cannot be loaded"):
        AlignTranscriber()

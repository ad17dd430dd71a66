from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.bench.authoring_parts import edited, take
from tmlapp.bench.answer import Word
from tmlapp.bench.authoring.aligning import Aligned, align, align_command, script_of
from tmlapp.bench.authoring.commands import AddItem, AddTake
from tmlapp.bench.authoring.media import write_sound
from tmlapp.bench.authoring.model import ItemDraft, Span, Take, UserWord
from tmlapp.bench.authoring.snapping import (
    Snap,
    SnapPoints,
    following,
    nearest,
    points_of,
    refined,
    snap_points,
    zero_crossings,
)
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.capture.program_tracks import read_sound
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm

pytestmark = pytest.mark.unit

MS = 16


@pytest.fixture(scope="module")
def vad() -> VoiceActivityDetector:
    return VoiceActivityDetector()


def points(**places: list[int]) -> SnapPoints:
    given = {name: np.array(places.get(name, []), np.int64) for name in ("onsets", "offsets", "words", "zeros")}
    return SnapPoints(**given)


WORDS = {"on": 798, "left": 907, "eight": 806, "nine": 1062}
"""Spoken words that begin with a vowel or a clear consonant, and the sample at which their sound rises."""


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("snr_db", "within"), [(25, 10 * MS), (40, 5 * MS)])
def test_the_onset_of_a_voice_is_found_within_milliseconds_of_where_it_is_known(
    shared_data: Path, vad: VoiceActivityDetector, word: str, snr_db: int, within: int
) -> None:
    folder = shared_data / "speech" / "felixchenfy__Speech-Commands-Classification-by-LSTM-PyTorch"
    spoken = read_sound(folder / f"{word}.wav")[0][WORDS[word] :].astype(float)
    loud = np.sqrt(np.mean(np.square(spoken[:1600])))
    random = np.random.default_rng(len(word))
    for at in random.integers(12_000, 30_000, 4):
        sound = random.standard_normal(48_000) * loud / 10 ** (snr_db / 20)
        sound[at : at + len(spoken)] += spoken
        pcm = np.clip(sound, -32768, 32767).astype(np.int16)
        found = points_of(pcm, take(samples=len(pcm)), vad)
        snap = nearest(found, int(at), 1_600, ("onset",))
        assert snap is not None, (at, found.onsets)
        assert abs(snap.sample - at) <= within


def test_real_speech_snaps_where_silence_ends_and_begins(shared_data: Path, vad: VoiceActivityDetector) -> None:
    speech = read_sound(shared_data / "speech" / "cmusphinx__pocketsphinx" / "goforward.wav")[0]
    found = points_of(speech, take(samples=len(speech)), vad)
    assert len(found.onsets) == len(found.offsets) >= 1
    for begin, end in zip(found.onsets, found.offsets, strict=True):
        assert level(speech[begin : begin + 20 * MS]) > level(speech[max(0, begin - 20 * MS) : begin]) + 5
        assert level(speech[end - 20 * MS : end]) > level(speech[end : end + 20 * MS]) + 3


def level(pcm: Pcm) -> float:
    return float(10 * np.log10(np.mean(np.square(pcm.astype(float))) + 1))


def test_silence_and_short_sounds_have_no_edges(vad: VoiceActivityDetector) -> None:
    silent = points_of(np.zeros(16_000, np.int16), take(samples=16_000), vad)
    assert silent.onsets.size == silent.offsets.size == silent.words.size == silent.zeros.size == 0
    assert nearest(silent, 5, 10**6) is None
    assert refined(np.zeros(16_000, np.int16), [(5_000, 9_000)]) == [(5_000, 9_000)]
    assert refined(np.full(40, 900, np.int16), [(0, 40)]) == [(0, 40)]
    assert refined(np.zeros(0, np.int16), []) == []


def test_two_stretches_do_not_reach_into_each_other() -> None:
    pcm = np.zeros(32_000, np.int16)
    pcm[4_000:8_000] = 5_000
    pcm[8_400:12_000] = -5_000
    assert refined(pcm, [(3_700, 8_200), (8_200, 12_300)]) == [(4_000, 8_000), (8_400, 12_000)]


def test_a_click_is_no_voice() -> None:
    pcm = np.zeros(16_000, np.int16)
    pcm[4_000:4_010] = 20_000
    pcm[5_000:9_000] = 5_000
    assert refined(pcm, [(4_500, 9_000)])[0] == (5_000, 9_000)


def test_words_and_the_instruction_are_edges(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.wav", [np.zeros(16_000, np.int16)])
    made = Take(
        "t1", "a.wav", sound.samples, sound.sha256,
        instruction=Span(100, 900), user_words=(UserWord(Span(900, 1_200), "a"), UserWord(Span(1_200, 1_300), "b")),
    )  # fmt: skip
    assert snap_points(tmp_path, made).words.tolist() == [100, 900, 1_200, 1_300]


def test_the_nearest_place_within_reach_is_chosen() -> None:
    found = points(onsets=[100, 200], offsets=[150], words=[149], zeros=[101])
    assert nearest(found, 101, 10) == Snap(100, "onset")
    assert nearest(found, 101, 10, ("zero",)) == Snap(101, "zero")
    assert nearest(found, 149, 10) == Snap(149, "word")
    assert nearest(found, 125, 25) == Snap(149, "word")
    assert nearest(found, 125, 25, ("offset", "onset")) == Snap(150, "offset")
    assert nearest(found, 125, 23) is None
    assert nearest(found, 10_000, 9_800) == Snap(200, "onset")
    assert nearest(found, -50, 150) == Snap(100, "onset")


def test_places_are_gone_through_by_key() -> None:
    found = points(onsets=[100, 200], offsets=[150])
    assert following(found, 100) == Snap(150, "offset")
    assert following(found, 99) == Snap(100, "onset")
    assert following(found, 200) is None
    assert following(found, 200, back=True) == Snap(150, "offset")
    assert following(found, 100, back=True) is None
    assert following(found, 120, ("onset",), back=True) == Snap(100, "onset")


@given(hnp.arrays(np.int16, st.integers(0, 60), elements=st.integers(-32768, 32767)))
def test_zero_crossings_lie_between_signs_at_the_quieter_side(pcm: Pcm) -> None:
    found = zero_crossings(pcm)
    wide = pcm.astype(int)
    for at in found:
        beside = [n for n in (at - 1, at + 1) if 0 <= n < len(pcm) and (wide[n] >= 0) != (wide[at] >= 0)]
        assert any(abs(wide[n]) >= abs(wide[at]) for n in beside)
    assert len(found) == sum((a >= 0) != (b >= 0) for a, b in itertools.pairwise(wide))


# ---------------------------------------------------------------------------- alignment


def draft(instruction: str, script: str) -> ItemDraft:
    return ItemDraft("ts-0001", "timespeak", instruction=instruction, script=script)


@pytest.mark.parametrize(
    ("instruction", "script", "text"),
    [
        ("Count.", "Count. one two", "Count. one two"),
        ("Count, please", "well count please now", "well count please now"),
        ("Count.", "one two", "Count. one two"),
        ("Count.", "", "Count."),
        ("", "one two", "one two"),
    ],
)
def test_what_is_said_is_the_script_with_the_instruction(instruction: str, script: str, text: str) -> None:
    assert script_of(draft(instruction, script)) == text


def test_a_real_sentence_is_placed_and_its_instruction_found(tmp_path: Path, shared_data: Path) -> None:
    name = "cmusphinx__pocketsphinx/sense_and_sensibility_01_austen_64kb-0890.wav"
    with (shared_data / "speech" / "manifest.csv").open(encoding="utf-8") as file:
        (text,) = [row["transcript"] for row in csv.DictReader(file) if row["file"] == name]
    pcm = read_sound(shared_data / "speech" / name)[0]
    half = " ".join(text.split()[:6])
    found = align(draft(half, text), pcm)
    assert [w.text for w in found.words] == text.split()
    assert found.instruction is not None
    assert 0 <= found.instruction.t0 < found.instruction.t1 < len(pcm)
    assert [w.text for w in found.user_words] == text.split()[6:]
    sound = write_sound(tmp_path / "takes" / "a.wav", [pcm])
    made = Take("t1", "takes/a.wav", sound.samples, sound.sha256)
    with edited(tmp_path, AddItem(draft(half, text)), AddTake("ts-0001", made)) as editor:
        editor.do(align_command("ts-0001", "t1", found))
        done = editor.state.items[0].takes[0]
        assert (done.user_words, done.instruction) == (found.user_words, found.instruction)
        assert editor.undo_title == "align the script"
        assert editor.undo().items[0].takes[0] == made


class Placing:
    """Answers with the words it was made with."""

    name = "placing"

    def __init__(self, *words: Word, notes: tuple[str, ...] = ()) -> None:
        self._words = words
        self._notes = notes

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        return Transcript(text=text, words=self._words, notes=self._notes)

    def provenance(self) -> dict[str, str]:
        return {}


def test_words_stay_inside_the_take_and_those_without_an_end_have_no_length() -> None:
    pcm = np.zeros(16_000, np.int16)
    placing = Placing(Word(-0.5, 0.25, "one"), Word(0.5, None, "two"), Word(0.9, 1.5, "three"), notes=("Guessed.",))
    found = align(draft("", "one two three"), pcm, placing)
    assert found == Aligned(
        (UserWord(Span(0, 4_000), "one"), UserWord(Span(8_000, 8_000), "two"), UserWord(Span(14_400, 16_000), "three")),
        None,
        ("Guessed.",),
    )
    assert found.user_words == found.words
    command = align_command("ts-0001", "t1", found)
    assert len(command.commands) == 1


def test_nothing_to_align_is_one_clear_error() -> None:
    pcm = np.zeros(16_000, np.int16)
    with pytest.raises(AppError, match="neither script nor instruction"):
        align(draft(" ", ""), pcm, Placing())
    with pytest.raises(AppError, match="does not fit"):
        align(draft("", "one"), pcm, Placing(notes=("It does not fit.",)))
    with pytest.raises(AppError, match="No word of it"):
        align(draft("", "one"), pcm, Placing())


def test_without_its_package_alignment_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(AppError, match="Install tmlapp again"):
        align(draft("", "one"), np.zeros(16_000, np.int16))

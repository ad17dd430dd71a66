"""Answers stand on the item's clock, to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.said_aloud import answering, line, noise, scripted
from tests.bench.sessions import make_recording
from tmlapp.bench.answer import Answer, ToolUse, Utterance, Word
from tmlapp.bench.answers import AnswerParams, answer_of, model_sound, read_wav, user_sound, write_wav
from tmlapp.bench.transcripts.base import Transcript, VoiceActivity
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    BackgroundCalled,
    Delegation,
    Event,
    Interrupted,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolReturned,
)
from tmlapp.core.units import NS_PER_S, TURN_NS

pytestmark = pytest.mark.unit

MEDIA_NS = 2 * TURN_NS
MEDIA = 6_400


@pytest.mark.parametrize("placing", ["received", "heard"])
def test_a_sound_lies_at_the_very_sample_of_its_micro_turn(tmp_path: Path, placing: str) -> None:
    one, two = noise(0.5), noise(0.3, seed=2)
    recording = scripted(tmp_path, [line(0.5, "one", one), line(2.0, "two", two)])
    pcm, tail = model_sound(recording, MEDIA_NS, 48_001, placing=placing)  # type: ignore[arg-type]
    assert len(pcm) == 48_001
    assert not len(tail)
    # Said in the micro-turns that end at 0.6 s and 2.0 s.
    expected = np.zeros(48_001, np.int16)
    expected[9_600 - MEDIA :][: len(one)] = one
    expected[32_000 - MEDIA :][: len(two)] = two
    assert (pcm == expected).all()


def test_what_is_said_faster_than_it_plays_follows_without_a_gap_and_a_tail_is_kept_apart(tmp_path: Path) -> None:
    one, two = noise(0.5), noise(0.7, seed=2)
    recording = scripted(tmp_path, [line(1.0, "one", one), line(1.0, "two", two)])
    pcm, tail = model_sound(recording, 0, 20_000)
    assert (np.concatenate((pcm, tail)) == np.concatenate((np.zeros(16_000, np.int16), one, two))).all()
    answer = answer_of(recording, media_t0_ns=0, duration_s=1.25)
    assert answer.said()[1].t_s == 1.5
    assert [(u.t0_s, u.t1_s, u.text) for u in answer.utterances] == [(1.0, 1.5, "one"), (1.5, 2.2, "two")]
    assert (answer.text, answer.timing_source, answer.text_source) == ("one two", "audio", "model_text")
    assert (answer.samples, answer.duration_s, answer.speech_s) == (20_000, 1.25, None)


def test_sound_at_24_khz_begins_at_the_same_sample_and_has_no_seams(tmp_path: Path) -> None:
    t = np.arange(24_000) / 24_000
    tone = (8_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    chunks = {
        4 + k: [AudioOut(pcm16=tone[k * 4_800 : (k + 1) * 4_800].tobytes(), rate=24_000, t_rx_ns=(5 + k) * TURN_NS)]
        for k in range(5)
    }
    pcm, _ = model_sound(answering(tmp_path, chunks), MEDIA_NS, 32_000)
    expected = 8_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    got = pcm[16_000 - MEDIA :][:16_000].astype(float)
    assert np.abs(got - expected)[50:-50].max() < 30
    assert not pcm[: 16_000 - MEDIA].any()


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_a_click_lies_at_its_own_sample_whatever_the_rate(tmp_path: Path, rate_hz: int) -> None:
    pcm = np.zeros(rate_hz, np.int16)
    pcm[rate_hz // 2] = 20_000
    recording = scripted(tmp_path, [line(1.0, "click", pcm, rate_hz)])
    track, _ = model_sound(recording, MEDIA_NS, 48_000)
    assert np.abs(track.astype(int)).argmax() == 16_000 + 8_000 - MEDIA


def test_an_interruption_throws_away_what_was_not_played(tmp_path: Path) -> None:
    one = noise(2.0)
    script = {
        1: [
            TextOutDone(text="a long one", item_id="a", t_rx_ns=2 * TURN_NS),
            AudioOut(pcm16=one.tobytes(), rate=16_000, item_id="a", t_rx_ns=2 * TURN_NS),
            TextOutDone(text="never heard", item_id="b", t_rx_ns=2 * TURN_NS),
            AudioOut(pcm16=one.tobytes(), rate=16_000, item_id="b", t_rx_ns=2 * TURN_NS),
        ],
        4: [Interrupted(t_rx_ns=5 * TURN_NS)],
    }
    recording = answering(tmp_path, script)
    pcm, _ = model_sound(recording, 0, 64_000)
    assert np.flatnonzero(pcm).tolist() == list(range(6_400, 16_000))
    answer = answer_of(recording, media_t0_ns=0)
    assert answer.text == "a long one"
    assert answer.utterances == (Utterance(0.4, 1.0, "a long one"),)
    assert answer.extra == {"placing": "received", "unheard": ["never heard"], "interrupted": ["a long one"]}
    sent = answer_of(recording, media_t0_ns=0, params=AnswerParams(timing="text"))
    assert sent.text == "a long one never heard"
    assert sent.timing_source == "text"


def test_text_without_sound_has_the_times_of_its_micro_turns(tmp_path: Path) -> None:
    recording = scripted(tmp_path, [line(0.3, "one more"), line(1.0, "two")])
    answer = answer_of(recording, media_t0_ns=MEDIA_NS)
    assert answer.timing_source == "text"
    assert answer.words == (Word(0.0, None, "one"), Word(0.0, None, "more"), Word(0.6, None, "two"))
    assert [u.t0_s for u in answer.utterances] == [0.0, 0.6]
    assert answer.duration_s == 3.6
    assert answer.samples == 57_600


def test_a_text_that_comes_in_parts_has_the_time_of_each_word(tmp_path: Path) -> None:
    script = {
        0: [TextOut(delta="he", item_id="a", t_rx_ns=TURN_NS), TextOut(delta="hm", channel="thought", t_rx_ns=TURN_NS)],
        1: [TextOut(delta="llo", item_id="a", t_rx_ns=2 * TURN_NS)],
        2: [TextOut(delta=" you\n", item_id="a", t_rx_ns=3 * TURN_NS)],
        9: [
            TextOut(delta="there", item_id="a", t_rx_ns=10 * TURN_NS),
            TextOutDone(text="hello you\nthere", item_id="a", t_rx_ns=10 * TURN_NS),
        ],
        11: [TextOut(delta="cut", item_id="b", t_rx_ns=12 * TURN_NS)],
        12: [TextOut(delta="rough", item_id="c"), TextOutDone(text="final", item_id="c", t_rx_ns=14 * TURN_NS)],
    }
    answer = answer_of(answering(tmp_path, script), media_t0_ns=0)
    assert answer.text == "final hello you\nthere cut"
    assert answer.utterances[1:] == (
        Utterance(0.2, None, "hello you", (Word(0.2, None, "hello"), Word(0.6, None, "you"))),
        Utterance(2.0, None, "there", (Word(2.0, None, "there"),)),
        Utterance(2.4, None, "cut", (Word(2.4, None, "cut"),)),
    )
    assert answer.extra["unfinished"] == ["cut"]


def test_sound_finds_its_text_by_item_words_or_response(tmp_path: Path) -> None:
    pcm = noise(0.1).tobytes()
    script = {
        0: [
            TextOutDone(text="by words", item_id="t", t_rx_ns=TURN_NS),
            AudioOut(pcm16=pcm, rate=16_000, text="by words", item_id="s", t_rx_ns=TURN_NS),
            TextOutDone(text="by response", response_id="r", t_rx_ns=TURN_NS),
            AudioOut(pcm16=pcm, rate=16_000, item_id="x", response_id="r", t_rx_ns=TURN_NS),
            AudioOut(pcm16=pcm, rate=16_000, text="alone", item_id="y", t_rx_ns=TURN_NS),
            AudioOut(pcm16=pcm, rate=16_000, text="alone", item_id="y", t_rx_ns=TURN_NS),
            AudioOut(pcm16=b"", rate=16_000, text="nothing", item_id="z", t_rx_ns=TURN_NS),
            TextOutDone(text="shown", item_id="q", channel="say", t_rx_ns=TURN_NS),
            TextOutDone(text="spoken", item_id="q", channel="transcript", t_rx_ns=TURN_NS),
            AudioOut(pcm16=pcm, rate=16_000, item_id="q", t_rx_ns=TURN_NS),
        ]
    }
    answer = answer_of(answering(tmp_path, script), media_t0_ns=0)
    assert [(u.t0_s, u.t1_s, u.text) for u in answer.utterances] == [
        (0.2, 0.3, "by words"), (0.3, 0.4, "by response"), (0.4, 0.6, "alone"), (0.6, 0.7, "spoken"),
    ]  # fmt: skip
    assert answer.extra["unheard"] == ["nothing"]


def test_sound_in_pieces_belongs_to_its_text_to_the_end(tmp_path: Path) -> None:
    pcm = noise(0.2).tobytes()
    rx = {"t_rx_ns": TURN_NS}
    script = {
        0: [
            TextOutDone(text="long", item_id="a", **rx),
            AudioOut(pcm16=pcm, rate=16_000, text="long", item_id="a", **rx),
            AudioOut(pcm16=pcm, rate=16_000, item_id="a", **rx),
            TextOutDone(text="go", item_id="b", **rx),
            TextOutDone(text="go", item_id="b", **rx),
            AudioOut(pcm16=pcm, rate=16_000, text="go", item_id="b", **rx),
            AudioOut(pcm16=pcm, rate=16_000, text="go", item_id="b", **rx),
            AudioOut(pcm16=pcm, rate=16_000, item_id="b", **rx),
            TextOutDone(text="own", item_id="say-0", **rx),
            AudioOut(pcm16=pcm, rate=16_000, text="own", item_id="speech", **rx),
            AudioOut(pcm16=pcm, rate=16_000, item_id="speech", **rx),
            TextOutDone(text="first", response_id="r", item_id="c", **rx),
            TextOutDone(text="second", response_id="r", item_id="d", **rx),
            AudioOut(pcm16=pcm, rate=16_000, response_id="r", item_id="e", **rx),
            AudioOut(pcm16=pcm, rate=16_000, response_id="other", item_id="f", **rx),
        ]
    }
    answer = answer_of(answering(tmp_path, script), media_t0_ns=0)
    assert [(u.t0_s, u.t1_s, u.text) for u in answer.utterances] == [
        (0.2, 0.6, "long"), (0.2, None, "second"), (0.6, 0.8, "go"), (0.8, 1.2, "go"), (1.2, 1.6, "own"),
        (1.6, 1.8, "first"),
    ]  # fmt: skip
    assert answer.timing_source == "text"


def test_tools_are_calls_with_their_last_result_and_delegation_is_marked(tmp_path: Path) -> None:
    called = {2: [ToolCall(call_id="1", name="book", arguments={"n": 1}, t_rx_ns=3 * TURN_NS)]}
    answer = answer_of(answering(tmp_path, called), media_t0_ns=MEDIA_NS)
    [refused] = answer.tools
    assert (refused.name, refused.arguments, refused.t0_s, refused.is_error) == ("book", {"n": 1}, 0.2, True)
    assert not answer.delegated
    events = [
        ToolCall(call_id="2", name="look", arguments="{}", t_rx_ns=3 * TURN_NS),
        ToolCall(call_id="1", name="book", arguments={"n": 1}, t_rx_ns=2 * TURN_NS),
        ToolCall(call_id="3", name="delegate", arguments={"task": "x"}, t_rx_ns=4 * TURN_NS),
        ToolReturned(t_ns=4 * TURN_NS, call_id="1", name="book", output="booked"),
        ToolReturned(t_ns=5 * TURN_NS, call_id="3", name="delegate", output="done"),
    ]
    answer = answer_of(make_recording(tmp_path / "r", events=events), media_t0_ns=MEDIA_NS)
    assert [(t.name, t.t0_s, t.t1_s, t.output) for t in answer.tools] == [
        ("book", 0.0, 0.4, "booked"), ("look", 0.2, None, ""),
    ]  # fmt: skip
    assert answer.delegated
    assert Answer.from_json(answer.to_json()) == answer
    used: list[Event] = [
        *events,
        BackgroundCalled(t_ns=4 * TURN_NS, id="3", name="seek", arguments={"q": 1}, output="found"),
    ]
    seek = answer_of(make_recording(tmp_path / "b", events=used), media_t0_ns=MEDIA_NS).tools[-1]
    assert seek == ToolUse(name="seek", arguments={"q": 1}, t0_s=0.4, t1_s=0.4, output="found")
    agent = [Delegation(id="d", target="t", state="created")]
    assert answer_of(make_recording(tmp_path / "d", events=agent), media_t0_ns=0).delegated


class Ears:
    """Hears one word at the first sample that is not silent."""

    name = "ears"

    def __init__(self, **traits: bool) -> None:
        self.aligns = traits.get("aligns", False)
        self.recorded = traits.get("recorded", False)
        self.heard: list[tuple[int, str]] = []

    def transcribe(self, pcm: np.ndarray, *, text: str = "") -> Transcript:
        self.heard.append((len(pcm), text))
        loud = np.flatnonzero(pcm)
        words = (Word(loud[0] / 16_000, (loud[-1] + 1) / 16_000, text or "heard"),) if len(loud) else ()
        return Transcript(text=" ".join(w.text for w in words), words=words, notes=("noted",))

    def provenance(self) -> dict[str, str]:
        return {"model": "ears"}


def test_a_transcriber_hears_the_sound_before_during_and_after_the_media(tmp_path: Path) -> None:
    recording = scripted(tmp_path, [line(0.2, "ack", noise(0.1)), line(1.0, "two", noise(1.0))])
    ears = Ears()
    answer = answer_of(recording, media_t0_ns=MEDIA_NS, duration_s=1.0, transcriber=ears)
    assert ears.heard == [(25_600, ""), (6_400, "")]
    assert answer.words == (Word(-0.2, pytest.approx(-0.1), "heard"), Word(0.6, 1.6, "heard"))
    assert (answer.text, answer.text_source, answer.timing_source) == ("heard heard", "asr", "audio")
    assert answer.extra["notes"] == ["noted", "noted"]
    assert answer.extra["transcriber"] == {"model": "ears"}
    official = answer_of(
        recording, media_t0_ns=MEDIA_NS, duration_s=1.0, transcriber=Ears(), params=AnswerParams(listen="input")
    )
    assert official.words == (Word(0.6, 1.0, "heard"),)
    stored = answer_of(recording, media_t0_ns=MEDIA_NS, duration_s=1.0, transcriber=Ears(recorded=True))
    assert stored.text_source == stored.timing_source == "recorded"


def test_an_aligner_gives_word_times_to_each_text_in_its_own_sound(tmp_path: Path) -> None:
    recording = scripted(tmp_path, [line(1.0, "one", noise(0.5)), line(1.0, "two", noise(0.5)), line(3.0, "three")])
    ears = Ears(aligns=True)
    answer = answer_of(recording, media_t0_ns=MEDIA_NS, transcriber=ears)
    assert ears.heard == [(14_400, "one"), (14_400, "two")]
    assert [(w.t0_s, w.text) for w in answer.words] == [
        (pytest.approx(0.6), "one"), (pytest.approx(1.1), "two"), (pytest.approx(2.6), "three"),
    ]  # fmt: skip
    assert answer.timing_source == "text"
    assert answer.text == "one two three"


def test_voice_is_looked_for_in_the_sound_as_written_and_in_that_of_the_user(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, pcm=noise(4.0))
    given: list[int] = []

    def vad(pcm: np.ndarray) -> VoiceActivity:
        given.append(len(pcm))
        return VoiceActivity(segments_s=((0.0, len(pcm) / 16_000),))

    use = AnswerParams(user=True, user_text="hello")
    answer = answer_of(
        recording, media_t0_ns=TURN_NS, duration_s=1.00003, vad=vad, transcriber=Ears(aligns=True), params=use
    )
    assert given == [16_000, 16_000]
    assert (answer.speech_s, answer.user_speech_s) == (((0.0, 1.0),), ((0.0, 1.0),))
    assert (answer.user_text, answer.user_words) == ("hello", (Word(0.0, 1.0, "hello"),))
    assert (user_sound(recording, TURN_NS, 16_000) == noise(4.0)[3_200:19_200]).all()
    assert not user_sound(recording, 4 * NS_PER_S, 100).any()


def test_users_are_heard_by_those_who_hear_for_themselves(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, pcm=noise(4.0))
    use = AnswerParams(user=True)
    heard = answer_of(recording, media_t0_ns=0, transcriber=Ears(), params=use)
    assert (heard.user_text, heard.user_speech_s) == ("heard", None)
    for deaf in (Ears(aligns=True), Ears(recorded=True), None):
        answer = answer_of(recording, media_t0_ns=0, transcriber=deaf, params=use)
        assert (answer.user_text, answer.user_words) == ("", ())


def test_a_silent_model_gives_a_silent_track_and_no_words(tmp_path: Path) -> None:
    answer = answer_of(make_recording(tmp_path), media_t0_ns=0)
    assert answer.silent
    assert (answer.utterances, answer.words, answer.tools, answer.delegated) == ((), (), (), False)
    pcm, tail = model_sound(make_recording(tmp_path / "b"), 0, 16_000)
    assert not pcm.any()
    assert not len(tail)


@pytest.mark.parametrize(("t0_ns", "seconds"), [(-1, 1.0), (0, float("nan")), (0, -1.0), (0, float("inf"))])
def test_times_that_cannot_be_are_refused(tmp_path: Path, t0_ns: int, seconds: float) -> None:
    with pytest.raises(AppError, match="Run the item again"):
        answer_of(make_recording(tmp_path), media_t0_ns=t0_ns, duration_s=seconds)


def test_sounds_are_written_and_read_back_bit_for_bit(tmp_path: Path) -> None:
    pcm = noise(12.5)
    write_wav(tmp_path / "a.wav", pcm)
    assert (read_wav(tmp_path / "a.wav") == pcm).all()
    write_wav(tmp_path / "b.wav", noise(1.0, 48_000), 48_000)
    assert len(read_wav(tmp_path / "b.wav")) == 16_000
    write_wav(tmp_path / "c.wav", pcm[:0])
    assert len(read_wav(tmp_path / "c.wav")) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav", "b.wav", "c.wav"]


def test_sounds_that_are_missing_cut_or_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no such file"):
        read_wav(tmp_path / "none.wav")
    write_wav(tmp_path / "a.wav", noise(2.0))
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AppError, match="damaged"):
        read_wav(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(b"no sound at all")
    with pytest.raises(AppError):
        read_wav(tmp_path / "b.wav")
    with pytest.raises(AppError, match="cannot be written"):
        write_wav(tmp_path / "none" / "a.wav", noise(0.1))

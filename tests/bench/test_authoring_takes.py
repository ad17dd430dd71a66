from __future__ import annotations

import hashlib
import shutil
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

from tests.bench.authoring_parts import edited
from tests.capture.media_made import impulse, number_of, numbered, write_video
from tests.capture.sound_made import noise, write_wav
from tests.live.parts import ListFeed, captured
from tmlapp.bench.authoring import media, taking
from tmlapp.bench.authoring.commands import AddItem, AddTake
from tmlapp.bench.authoring.importing import take_from_file
from tmlapp.bench.authoring.media import copy_new, free_take_id, new_file, publish, read_take, write_sound
from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Speaker, Suite, Take
from tmlapp.bench.authoring.taking import count_in_ns, recordings_without_take, speaker_of, take_from_recording
from tmlapp.bench.labels.speak_items import check_media, parse_item
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.live.observer import BlankObserver
from tmlapp.live.take import INSTRUCTION, STOP, TakePlan, TakeRecorder, take_recorder
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover

pytestmark = pytest.mark.unit

PATIENCE_S = 60.0


class Acts(BlankObserver):
    """Does something with the recorder in the micro-turns that are named."""

    def __init__(self, recorder: TakeRecorder, acts: dict[int, Callable[[TakeRecorder], object]]) -> None:
        self._recorder = recorder
        self._acts = acts

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if turn.index in self._acts:
            self._acts[turn.index](self._recorder)


def recorded(
    folder: Path, source: str, acts: dict[int, Callable[[TakeRecorder], object]] | None = None, *, count_in_s: float = 0
) -> Path:
    """A real recording of a take `t1` of the item `ts-0001`."""
    plan = TakePlan(folder=folder / "takes" / "ts-0001", name="t1", source=source, fast=True, count_in_s=count_in_s)
    recorder = take_recorder(plan, Settings(), clock=ManualClock())
    recorder.add_observer(Acts(recorder, acts or {}))
    recorder.start()
    assert recorder.wait(PATIENCE_S)
    return recorder.stop()


def item(suite: Suite = "timespeak") -> ItemDraft:
    return ItemDraft("ts-0001", suite)


def sound_of(folder: Path, take: Take) -> Pcm:
    with wave.open(str(folder / take.audio), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_real_speech_becomes_a_take_to_the_sample_without_its_count_in(tmp_path: Path, shared_data: Path) -> None:
    speech = shared_data / "speech" / "cmusphinx__pocketsphinx" / "goforward.wav"
    path = recorded(tmp_path, str(speech), count_in_s=0.25)
    made = take_from_recording(tmp_path, item(), path, take_id="t1", speaker="s1")
    take = made.take
    with wave.open(str(speech), "rb") as file:
        source = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    heard = sound_of(tmp_path, take)
    # The session goes on to the end of its last micro-turn, with silence.
    assert np.array_equal(heard[: len(source) - 4000], source[4000:])
    assert not heard[len(source) - 4000 :].any()
    assert np.array_equal(read_take(tmp_path, take), heard)
    assert take.samples == len(heard)
    assert take.sha256 == sha256(tmp_path / take.audio)
    assert (take.recording, take.speaker, take.video) == ("takes/ts-0001/t1.mcap", "s1", "")
    assert take.source is not None
    assert take.source.sha256 == sha256(path)
    assert take.source.start_ns == 250_000_000
    assert take.created_utc == Recording.open(path).info["created_utc"]
    assert made.notes == ()


def test_a_stretch_between_micro_turns_is_cut_at_its_samples(tmp_path: Path) -> None:
    pcm = noise(2.0, 16_000)
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", pcm, 16_000)))
    made = take_from_recording(tmp_path, item(), path, start_ns=123_456_789, end_ns=1_700_031_250)
    assert np.array_equal(sound_of(tmp_path, made.take), pcm[1975:27_200])
    assert made.take.id == "t2"
    outside = tmp_path.parent / f"{tmp_path.name} elsewhere"
    shutil.copytree(tmp_path / "takes", outside)
    alone = take_from_recording(tmp_path, item(), outside / "ts-0001" / "t1.mcap", start_ns=0)
    assert (alone.take.id, alone.take.recording) == ("t3", "")
    assert np.array_equal(sound_of(tmp_path, alone.take), pcm)


def test_the_count_in_is_kept_by_choice_and_other_recordings_have_none(tmp_path: Path) -> None:
    pcm = noise(1.0, 16_000)
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", pcm, 16_000)), count_in_s=0.5)
    assert take_from_recording(tmp_path, item(), path).take.samples == 8_000
    assert take_from_recording(tmp_path, item(), path, start_ns=0).take.samples == 16_000
    source = Recording.open(path)
    assert count_in_ns(source) == 500_000_000
    known = ItemSet(speakers=(Speaker("s-014"),))
    assert speaker_of(source, known) == ""
    source.info["options"]["take"]["speaker"] = "s-014"
    assert (speaker_of(source, known), speaker_of(source, ItemSet())) == ("s-014", "")
    source.info["options"] = {"take": {"count_in_ns": "nonsense"}}
    assert count_in_ns(source) == 0
    source.info["options"] = {"take": 5}
    assert count_in_ns(source) == 0


@pytest.mark.parametrize(("start_ns", "end_ns"), [(0, 0), (500_000_000, 400_000_000), (-1_000_000, 100), (0, 10**10)])
def test_a_stretch_that_is_empty_or_outside_is_refused(tmp_path: Path, start_ns: int, end_ns: int) -> None:
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", noise(1.0, 16_000), 16_000)))
    with pytest.raises(AppError, match="cannot become a take"):
        take_from_recording(tmp_path, item(), path, start_ns=start_ns, end_ns=end_ns)
    assert [p.name for p in path.parent.iterdir()] == ["t1.mcap"]


def marks(recorder: TakeRecorder) -> None:
    recorder.drop(note="says one")


@pytest.mark.parametrize(
    ("suite", "kind", "before", "after"), [("timespeak", "time", 8000, 24_000), ("cuespeak", "event", 4800, 48_000)]
)
def test_what_was_marked_while_speaking_becomes_what_is_expected(
    tmp_path: Path, suite: Suite, kind: str, before: int, after: int
) -> None:
    acts = {
        3: lambda r: r.drop(INSTRUCTION),
        6: lambda r: r.drop(INSTRUCTION),
        9: marks,
        10: lambda r: r.drop("other"),
        12: lambda r: r.drop(),
        14: lambda r: r.drop(STOP),
    }
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", noise(3.2, 16_000), 16_000)), acts, count_in_s=0.5)
    take = take_from_recording(tmp_path, item(suite), path).take
    # On virtual time a mark lies at the beginning of the micro-turn after which it was set, or at its end.
    turn = 3200
    assert take.instruction is not None
    assert [t % turn for t in (take.instruction.t0 + 8000, take.instruction.t1 + 8000)] == [0, 0]
    assert take.instruction.t1 - take.instruction.t0 == 3 * turn
    first, second = take.expectations
    assert second.t_ref - first.t_ref == 3 * turn
    assert first == Expectation(
        id="e1",
        kind="time" if kind == "time" else "event",
        cue=Span(first.t_ref, first.t_ref),
        t_ref=first.t_ref,
        window=Span(max(0, first.t_ref - before), first.t_ref + after),
        meaning="says one",
    )
    assert (second.id, second.meaning) == ("e2", "")
    assert take.stop == take.instruction.t1 + 8 * turn
    early = take_from_recording(tmp_path, item(suite), path, end_ns=500_000_000, start_ns=0).take
    assert (early.instruction, early.stop, early.expectations) == (None, None, ())


def video_take(tmp_path: Path, **stretch: int) -> tuple[Take, list[int]]:
    """A take with camera: picture n of 25 per second carries the number n."""
    clip = write_video(tmp_path / "clip.mp4", [numbered(n) for n in range(50)], fps=25)
    sound = write_wav(tmp_path / "clip.wav", noise(2.0, 16_000), 16_000)
    path = recorded(tmp_path, f"{clip},{sound}")
    take = take_from_recording(tmp_path, item(), path, video=True, **stretch).take
    reader = cv2.VideoCapture(str(tmp_path / take.video))
    numbers = []
    while True:
        ok, picture = reader.read()
        if not ok:
            break
        numbers.append(number_of(np.asarray(picture, np.uint8)))
    reader.release()
    return take, numbers


@pytest.mark.parametrize("sounds", [True, False])
def test_the_camera_of_a_stretch_begins_with_what_was_shown_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sounds: bool
) -> None:
    if not sounds:
        monkeypatch.setattr(taking, "has_media", lambda: False)
    take, numbers = video_take(tmp_path, start_ns=610_000_000, end_ns=1_610_000_000)
    # At 0.61 s picture 15 (0.60 s) was shown; 25 pictures last one second, and a film with sound holds the last twice.
    assert numbers[0] == 15
    assert numbers[-1] in (39, 40)
    assert len(numbers) == (26 if sounds else 25)
    assert np.all(np.diff(numbers) >= 0)
    with av.open(str(tmp_path / take.video)) as film:
        assert len(film.streams.audio) == sounds
    assert take.video_sha256 == sha256(tmp_path / take.video)
    assert take.samples == 16_000


def test_a_stretch_without_pictures_says_so(tmp_path: Path) -> None:
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", noise(0.4, 16_000), 16_000)))
    made = take_from_recording(tmp_path, item(), path, video=True)
    assert made.take.video == ""
    assert made.notes == ("The recording holds no picture in this stretch.",)


def test_a_recording_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mcap").write_bytes(b"nothing")
    with pytest.raises(AppError):
        take_from_recording(tmp_path, item(), tmp_path / "x.mcap")
    assert not (tmp_path / "takes").exists()


def test_nothing_of_a_set_is_overwritten(tmp_path: Path) -> None:
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", noise(0.4, 16_000), 16_000)))
    mine = tmp_path / "takes" / "ts-0001" / "t5.wav"
    mine.write_bytes(b"mine")
    with pytest.raises(AppError, match="is there already"):
        take_from_recording(tmp_path, item(), path, take_id="t5")
    with pytest.raises(AppError, match="is there already"):
        take_from_file(tmp_path, item(), tmp_path / "a.wav", take_id="t5")
    assert mine.read_bytes() == b"mine"
    kept = tmp_path / "takes" / "ts-0001" / "t6.original.wav"
    kept.write_bytes(b"mine, too")
    with pytest.raises(AppError, match="is there already"):
        take_from_file(tmp_path, item(), tmp_path / "a.wav", take_id="t6")
    assert kept.read_bytes() == b"mine, too"
    assert not kept.with_name("t6.wav").exists()
    shown = tmp_path / "takes" / "ts-0001" / "t7.mp4"
    shown.write_bytes(b"mine as well")
    clip = write_video(tmp_path / "clip.mp4", [numbered(n) for n in range(10)])
    filmed = recorded(tmp_path / "filmed", f"{clip},{tmp_path / 'a.wav'}")
    with pytest.raises(AppError, match="is there already"):
        take_from_recording(tmp_path, item(), filmed, take_id="t7", video=True)
    assert shown.read_bytes() == b"mine as well"
    assert not shown.with_name("t7.wav").exists()
    assert not [p for p in shown.parent.iterdir() if ".new" in p.name]


def test_what_the_microphone_lost_is_told(tmp_path: Path) -> None:
    gap = Gap(t_ns=250_000_000, track="mic", dur_ns=50_000_000, reason="The cable was pulled.", kind="unplugged")
    other = Gap(t_ns=250_000_000, track="camera", dur_ns=50_000_000, reason="No picture.")
    sounds = [noise(0.2, 16_000, seed) for seed in range(3)]
    turns = [captured(0, pcm=sounds[0]), captured(1, pcm=sounds[1], events=(gap, other)), captured(2, pcm=sounds[2])]
    recorder = TakeRecorder(
        TakePlan(folder=tmp_path, name="t1"), feed := ListFeed(turns, ends=False), clock=ManualClock()
    )
    recorder.start()
    assert recorder.recording_path is not None
    while sounds[2].tobytes() not in (data := recorder.recording_path.read_bytes()):
        recorder.wait(0.01)
    feed.end()
    path = recorder.stop()
    told = "0.05 s of the microphone are missing at 0.25 s: The cable was pulled."
    assert take_from_recording(tmp_path, item(), path).notes == (told,)
    assert take_from_recording(tmp_path, item(), path, start_ns=300_000_000).notes == ()
    # A crash, and a hole in what it left: a repair puts silence in place of the micro-turn.
    holed = tmp_path / "holed.mcap.part"
    at = data.index(sounds[1].tobytes())
    holed.write_bytes(data[:at] + bytes(64) + data[at + 64 :])
    made = take_from_recording(tmp_path, item(), recover(holed).path)
    assert made.notes[-1] == "0.2 s of sound were lost in the recording and are silent."
    assert not sound_of(tmp_path, made.take)[3_200:6_400].any()


def test_recordings_that_no_take_names_are_found(tmp_path: Path) -> None:
    path = recorded(tmp_path, str(write_wav(tmp_path / "a.wav", noise(0.4, 16_000), 16_000)))
    with edited(tmp_path, AddItem(item())) as editor:
        assert recordings_without_take(tmp_path, editor.state) == [path]
        editor.do(AddTake("ts-0001", take_from_recording(tmp_path, item(), path, take_id="t1").take))
        assert recordings_without_take(tmp_path, editor.state) == []
        editor.undo()
        assert recordings_without_take(tmp_path, editor.state) == [path]
    assert recordings_without_take(tmp_path / "nowhere", editor.state) == []


def test_a_mark_behind_the_last_micro_turn_belongs_to_the_end(tmp_path: Path) -> None:
    clock = ManualClock(1_000)
    feed = ListFeed([captured(0), captured(1)], ends=False)
    recorder = TakeRecorder(TakePlan(folder=tmp_path, name="t1"), feed, clock=clock)
    there = threading.Event()
    recorder.add_observer(Acts(recorder, {1: lambda _: there.set()}))
    recorder.start()
    assert there.wait(PATIENCE_S)
    clock.advance(450_000_000)
    recorder.drop()
    feed.end()
    assert recorder.wait(PATIENCE_S)
    take = take_from_recording(tmp_path, item(), recorder.stop()).take
    assert [(e.t_ref, e.window) for e in take.expectations] == [(6_400, Span(0, 6_400 + 24_000))]


def test_a_take_is_sound_that_the_loader_of_items_accepts(tmp_path: Path) -> None:
    take = take_from_file(tmp_path, item(), write_wav(tmp_path / "a.wav", noise(1.0, 44_100), 44_100)).take
    raw = {
        "schema": "tmlapp.speak_item/1", "suite": "timespeak", "id": "a", "category": "x", "lang": "en",
        "input": {"audio": take.audio, "duration_s": take.samples / 16_000, "sha256": {"audio": take.sha256}},
        "instruction": {"text": "", "t0": 0, "t1": 0},
        "expectations": [{"id": "e1", "cue": {"kind": "time", "t0": 0, "t1": 0}, "t_ref": 0, "meaning": "x"}],
    }  # fmt: skip
    check_media(parse_item(raw), tmp_path)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_of_any_rate_keeps_its_place(tmp_path: Path, rate: int, channels: int) -> None:
    wide = np.repeat(impulse(rate, 2.0, 1.25)[:, None], channels, axis=1)
    source = write_wav(tmp_path / "Aufnahme ü.WAV", wide, rate, channels)
    made = take_from_file(tmp_path, item(), source)
    heard = sound_of(tmp_path, made.take).astype(float)
    assert len(heard) == 32_000
    # The middle of a click of 1 ms.
    power = np.square(heard)
    assert abs(float((np.arange(32_000) * power).sum() / power.sum()) - (1.25 * 16_000 + 8)) <= 1.5
    assert made.take.source is not None
    assert made.take.source.kept == "takes/ts-0001/t1.original.wav"
    assert (made.take.source.name, made.take.source.sha256) == ("Aufnahme ü.WAV", sha256(source))
    assert (tmp_path / made.take.source.kept).read_bytes() == source.read_bytes()
    assert made.notes == ()


def test_sound_that_is_right_already_stays_to_the_sample(tmp_path: Path) -> None:
    pcm = noise(1.0, 16_000)
    take = take_from_file(tmp_path, item(), write_wav(tmp_path / "a.wav", pcm, 16_000)).take
    assert np.array_equal(sound_of(tmp_path, take), pcm)


@pytest.mark.parametrize(("name", "form"), [("a.flac", "FLAC"), ("a.ogg", "OGG")])
def test_other_sound_files_are_imported(tmp_path: Path, name: str, form: str) -> None:
    soundfile.write(tmp_path / name, impulse(48_000, 1.0, 0.5), 48_000, format=form)
    take = take_from_file(tmp_path, item(), tmp_path / name).take
    heard = sound_of(tmp_path, take)
    assert take.samples == 16_000
    assert abs(int(np.abs(heard.astype(int)).argmax()) - 8_008) < 12


@pytest.mark.parametrize("starts_ms", [0, 240])
def test_the_sound_of_a_video_is_put_on_the_clock_of_its_pictures(tmp_path: Path, starts_ms: int) -> None:
    clip = write_video(
        tmp_path / "clip.mkv",
        [numbered(n) for n in range(50)],
        fps=25,
        sound=impulse(48_000, 1.5, 1.0),
        sound_starts_ms=starts_ms,
    )
    made = take_from_file(tmp_path, item(), clip)
    heard = np.abs(sound_of(tmp_path, made.take).astype(int))
    assert abs(int(np.flatnonzero(heard > 15_000)[0]) - (16_000 + starts_ms * 16)) <= 16
    assert made.take.video == "takes/ts-0001/t1.original.mkv"
    assert (tmp_path / made.take.video).read_bytes() == clip.read_bytes()
    assert made.take.video_sha256 == made.take.source.sha256 if made.take.source else False
    assert [("begins 0.240 s after the picture" in note) for note in made.notes] == ([True] if starts_ms else [])


def test_sound_before_the_first_picture_is_left_out_and_told(tmp_path: Path) -> None:
    clip = write_video(
        tmp_path / "clip.mkv",
        [numbered(n) for n in range(25)],
        times_ms=[400 + 40 * n for n in range(25)],
        sound=impulse(48_000, 1.4, 1.0),
    )
    made = take_from_file(tmp_path, item(), clip)
    heard = np.abs(sound_of(tmp_path, made.take).astype(int))
    assert abs(int(np.flatnonzero(heard > 15_000)[0]) - 9_600) <= 16
    assert made.notes == ("The sound begins 0.400 s before the picture; that much was left out.",)


def test_real_video_with_sound_is_imported(tmp_path: Path, shared_data: Path) -> None:
    clips = [p for p in sorted((shared_data / "clips").rglob("*.mp4")) if has_sound(p)]
    if not clips:
        pytest.skip("no clip with sound among the shared data")
    made = take_from_file(tmp_path, item(), clips[0])
    assert made.take.samples > 16_000
    assert made.take.video.endswith(".original.mp4")


def has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def test_a_damaged_or_loud_file_is_told(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "a.wav", noise(2.0, 16_000), 16_000).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    made = take_from_file(tmp_path, item(), tmp_path / "cut.wav")
    assert "could not be read" in made.notes[0]
    soundfile.write(tmp_path / "loud.wav", np.full(16_000, 1.5, np.float32), 16_000, subtype="FLOAT")
    assert "too loud" in take_from_file(tmp_path, item(), tmp_path / "loud.wav").notes[0]


@pytest.mark.parametrize("what", ["missing", "folder", "empty", "text", "silent film", "no samples"])
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.mp4"
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    elif what == "text":
        path.write_text("this is no film " * 100)
    elif what == "silent film":
        write_video(path, [numbered(n) for n in range(10)])
    elif what == "no samples":
        path = write_wav(tmp_path / "x.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(AppError):
        take_from_file(tmp_path, item(), path)
    assert not [p for p in (tmp_path / "takes").rglob("*") if p.is_file()]


def test_without_the_extra_a_video_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_video(tmp_path / "clip.mp4", [numbered(n) for n in range(10)], sound=noise(0.4, 48_000))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(AppError, match=r"tmlapp\[media\]"):
        take_from_file(tmp_path, item(), clip)


def test_the_next_take_id_avoids_takes_and_files(tmp_path: Path) -> None:
    assert free_take_id(tmp_path, item()) == "t1"
    holder = tmp_path / "takes" / "ts-0001"
    holder.mkdir(parents=True)
    for name in ("t1.mcap.part", "t2 (2).mcap", "t4.original.wav"):
        (holder / name).touch()
    assert free_take_id(tmp_path, item()) == "t3"
    taken = Take("t3", "takes/ts-0001/x.wav", 5, "")
    assert free_take_id(tmp_path, ItemDraft("ts-0001", "timespeak", takes=(taken,))) == "t5"
    shutil.rmtree(holder)
    holder.touch()
    with pytest.raises(AppError, match="cannot be read"):
        free_take_id(tmp_path, item())


def test_a_take_whose_sound_was_changed_is_refused(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.wav", [noise(0.1, 16_000)])
    take = Take("t1", "a.wav", sound.samples, sound.sha256)
    assert len(read_take(tmp_path, take)) == 1600
    write_wav(tmp_path / "a.wav", noise(0.1, 8_000), 8_000)
    with pytest.raises(AppError, match="is another one"):
        read_take(tmp_path, take)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(AppError, match="cannot be read"):
        read_take(tmp_path, take)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(AppError, match="cannot be read"):
        read_take(tmp_path, take)


def fails(path: Path, error: BaseException) -> None:
    with new_file(path) as beside:
        beside.write_bytes(b"half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_file_that_fails_half_way_is_gone(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises((KeyboardInterrupt, AppError)):
        fails(tmp_path / "x", error)
    assert list(tmp_path.iterdir()) == []


def test_a_take_whose_files_were_written_before_a_crash_is_made_again_from_them(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [numbered(n) for n in range(10)])
    path = recorded(tmp_path, f"{clip},{write_wav(tmp_path / 'a.wav', noise(0.4, 16_000), 16_000)}")
    first = take_from_recording(tmp_path, item(), path, take_id="t1", video=True)
    kept = {p: p.stat().st_mtime_ns for p in path.parent.iterdir()}
    # The app was killed here: the set knows nothing of the take.
    assert take_from_recording(tmp_path, item(), path, take_id="t1", video=True) == first
    assert {p: p.stat().st_mtime_ns for p in path.parent.iterdir()} == kept
    # What was there before is not removed because something else fails.
    (path.parent / "t1.mp4").write_bytes(b"another film")
    with pytest.raises(AppError, match="is there already"):
        take_from_recording(tmp_path, item(), path, take_id="t1", video=True)
    assert sorted(p.name for p in path.parent.iterdir()) == ["t1.mcap", "t1.mp4", "t1.wav"]


def test_a_copy_of_what_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        copy_new(tmp_path / "nothing", tmp_path / "to")
    with pytest.raises(AppError, match="cannot be read"):
        media.digest(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_finished_file_gets_its_name_unless_it_is_taken(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def no_links(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr("tmlapp.bench.authoring.media.os.link", no_links)
    (tmp_path / "made").write_bytes(b"1")
    assert publish(tmp_path / "made", tmp_path / "final")
    (tmp_path / "made").unlink(missing_ok=True)
    (tmp_path / "made").write_bytes(b"1")
    assert not publish(tmp_path / "made", tmp_path / "final")
    (tmp_path / "made").write_bytes(b"2")
    with pytest.raises(AppError, match="is there already"):
        publish(tmp_path / "made", tmp_path / "final")
    assert (tmp_path / "final").read_bytes() == b"1"
    assert (tmp_path / "made").read_bytes() == b"2"
    with pytest.raises(AppError, match="could not be written"):
        write_sound(tmp_path / "final" / "x.wav", [])
    with pytest.raises(AppError, match="could not be written"):
        publish(tmp_path / "made", tmp_path / "nowhere" / "final")

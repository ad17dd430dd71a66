from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.counting import NumbersHeard
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.repcount_a import RepCountA
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

HEADER = "type,name,count,L1,L2,L3,L4\n"
FPS = "type,name,count,L1,L2,L3,L4,fps,num_frames\n"
TRUTH: dict[str, Any] = {"count": 3, "rep_end_times_s": [2.0, 4.0, 6.0], "duration_s": 8.0}


def file(path: Path, content: str | bytes = b"video") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_official_archive_takes_rate_and_length_from_the_video(tmp_path: Path, demo_clip: Path) -> None:
    rows = "squant,a.mp4,2,0,60,60,120\nsitup,b.mp4,0,,,,\npull_up,c.mp4,1,0,9,,\nothers,d.mp4,1,0,990,,\n"
    rows += "situp,e.mp4,,,,,\n"
    file(tmp_path / "LLSP/annotation/test.csv", HEADER + rows)
    # The name of a split in a name says nothing; neither does the folder where a video lies.
    (tmp_path / "LLSP/train").mkdir()
    shutil.copy(demo_clip / "squats.mp4", tmp_path / "LLSP/train/a.mp4")
    file(tmp_path / "LLSP/test/b.mp4", b"")
    file(tmp_path / "LLSP/test/d.mp4", b"no video")
    loaded = RepCountA().load(tmp_path, {})
    (item,) = loaded.items
    (part,) = item.parts
    assert item.truth["fps"] == 30.0
    assert item.truth["num_frames"] == 948
    assert (item.id, item.group, part.instruction) == ("a.mp4", "squats", "Please count out reps for squats.")
    assert (part.silence_s, part.muted, part.tail.least_s) == (2.0, True, 3.0)
    assert part.video == str(tmp_path / "LLSP/train/a.mp4")
    assert [(q.row, q.kind) for q in loaded.quarantined] == [
        ("line 6 e.mp4", "unusable"), ("line 3 b.mp4", "damaged"), ("line 4 c.mp4", "missing"),
        ("line 5 d.mp4", "damaged"),
    ]  # fmt: skip
    assert (loaded.expected, loaded.version) == (152, "annotation/test.csv")
    assert loaded.notes == ("no repetition, so left out by the online rule: b.mp4",)
    assert [i.id for i in RepCountA().load(tmp_path / "LLSP", {"split": "test"}).items] == ["a.mp4"]


def test_a_csv_beside_the_videos_needs_no_decoder(tmp_path: Path) -> None:
    rows = "squat,a.mp4,1,0,90,,,30,300\nrope,b.mp4,1,9,9,,,30,300\nsquat,c.mp4,1,0,9,,,30,60\n"
    file(tmp_path / "valid_with_fps.csv", FPS + rows)
    for name in ("videos/a.mp4", "valid/b.mp4", "c.mp4"):
        file(tmp_path / name)
    loaded = RepCountA().load(tmp_path, {"split": "valid"})
    assert [i.truth["num_frames"] for i in loaded.items] == [300, 300, 60]
    assert loaded.expected == 131
    assert loaded.notes == (
        "b.mp4: 1 repetitions without length", "the type 'rope' (1 rows) has no phrase of its own",
    )  # fmt: skip
    fewer = RepCountA().load(tmp_path, {"split": "valid", "rows": "everyshotcounts"})
    assert ([i.id for i in fewer.items], fewer.expected) == (["a.mp4", "b.mp4"], None)
    assert fewer.notes[0] == "1 rows that EveryShotCounts leaves out are left out"


def test_the_open_set_split_is_named_as_another_one(tmp_path: Path) -> None:
    file(tmp_path / "labels/new_test.csv", FPS + "squat,a.mp4,1,0,90,,,30,300\n")
    file(tmp_path / "a.mp4")
    loaded = RepCountA().load(tmp_path, {"labels": "labels/new_test.csv"})
    assert (loaded.expected, loaded.notes) == (
        None,
        ("this is TransRAC's open-set split by action, not the official split",),
    )
    assert RepCountA().load(tmp_path, {"labels": str(tmp_path / "labels/new_test.csv")}).items == loaded.items


def test_a_picture_has_no_length(tmp_path: Path) -> None:
    file(tmp_path / "test.csv", HEADER + "squat,a.mp4,1,0,9,,\n")
    _, picture = cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))
    file(tmp_path / "a.mp4", picture.tobytes())
    with pytest.raises(AppError, match=r"No video of test\.csv can be used"):
        RepCountA().load(tmp_path, {})


def test_a_folder_without_labels_or_videos_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"no labels of RepCount-A.*annotation/test\.csv.*TransRAC"):
        RepCountA().load(tmp_path, {})
    with pytest.raises(AppError, match="no labels"):
        RepCountA().load(tmp_path, {"labels": str(tmp_path.parent / "nowhere.csv")})
    file(tmp_path / "test.csv", FPS + "squat,a.mp4,1,0,90,,,30,300\n")
    with pytest.raises(AppError, match="Of 1 rows none has a video"):
        RepCountA().load(tmp_path, {})
    with pytest.raises(AppError, match="split of repcount-a cannot be 'all'"):
        RepCountA().load(tmp_path, {"split": "all"})


def entry(*utterances: Utterance, truth: dict[str, Any] | None = None, words: tuple[Word, ...] = ()) -> Entry:
    answer = Answer(
        text=" ".join(u.text for u in utterances) or " ".join(w.text for w in words), utterances=utterances, words=words
    )
    return Entry("item", TRUTH if truth is None else truth, answer.said(), {"main": answer}, "squats")


def run(*entries: Entry, profile: str = "tml_reading", **params: Any) -> Grade:
    return RepCountA().grade(entries, profile=profile, params=params, sources=Sources())


def spoken(text: str, start: float, step: float = 1.0) -> tuple[Word, ...]:
    return tuple(Word(start + i * step, None, word) for i, word in enumerate(text.split()))


def test_a_number_takes_the_time_of_its_own_word() -> None:
    words = spoken("that is twenty one, then 3 more", 1.0)
    numbers = NumbersHeard().of([Utterance(1.0, None, "", words)])
    assert [(n.t_s, n.value) for n in numbers] == [(3.0, 21), (6.0, 3)]
    # The last one lies behind the window of the utterance's onset only.
    late = Utterance(3.5, 6.5, "two three", spoken("two three", 3.5, 2.0))
    assert run(entry(late)).score == 100.0
    assert run(entry(Utterance(3.5, 6.5, "two three"))).score == 0.0
    assert run(entry(words=spoken("two three", 3.5, 0.6))).score == 100.0


def test_a_long_text_is_read_like_a_short_one() -> None:
    long = "well, " * 20 + "three"
    assert [n.value for n in NumbersHeard().of([Utterance(1.0, None, long), Utterance(2.0, None, long)])] == [3, 3]


def test_times_of_answers_are_video_times_already() -> None:
    truth = TRUTH | {"video_start_s": 100.0}
    assert run(entry(Utterance(6.2, None, "three"), truth=truth)).score == 100.0
    assert run(Entry("a", truth, (Said(106.2, "three"),))).score == 100.0


@pytest.mark.parametrize(
    "bad",
    [
        entry(Utterance(float("nan"), None, "3")),
        entry(Utterance(1.0, None, "3", (Word(float("inf"), None, "3"),))),
        entry(words=(Word(float("nan"), None, "3"),)),
    ],
)
def test_a_time_that_is_none_is_told(bad: Entry) -> None:
    with pytest.raises(AppError, match="cannot be graded"):
        run(bad)


def test_every_figure_has_a_name_and_an_items_own_part() -> None:
    grade = run(entry(Utterance(2.2, None, "one"), Utterance(4.2, None, "two"), Utterance(6.2, None, "three")))
    assert {m.name: m.value for m in grade.metrics} == {
        "obo": 100.0, "obo_idioms": 100.0, "final_obo": 100.0, "final_mae": 0.0, "event_f1": 1.0,
        "latency_median_s": pytest.approx(0.2),
    }  # fmt: skip
    assert set(grade.verdicts[0].values) == {m.name for m in grade.metrics}
    assert grade.verdicts[0].group == "squats"
    official = run(entry(Utterance(6.2, None, "two")), profile="official")
    assert [(m.name, m.value) for m in official.metrics] == [
        ("final_obo", 100.0),
        ("final_mae", pytest.approx(1 / 3.1)),
    ]


def test_an_item_that_was_not_run_never_passes() -> None:
    one = {"count": 1, "rep_end_times_s": [2.0], "duration_s": 8.0}
    missing = Entry("a", one, None)
    assert run(missing, profile="official").score == 0.0
    assert run(missing).metrics[2].value == 0.0
    # Silence is taken as 0, which is near enough to 1: so the published loop has it.
    assert run(Entry("a", one, ()), profile="official").score == 100.0


def test_what_was_written_reads_back_the_same(tmp_path: Path) -> None:
    file(
        tmp_path / "test.csv",
        FPS + "squat,a.mp4,1,0,90,,,30,300\nsquat,b.mp4,1,0,90,,,30,300\nsquat,c.mp4,1,0,9,,,30,300\n",
    )
    for name in "abc":
        file(tmp_path / f"{name}.mp4")
    items = RepCountA().load(tmp_path, {}).items
    said = Utterance(1.0, 2.0, "one two", (Word(1.0, 1.4, "one"), Word(1.5, None, "two")))
    answers = {"a.mp4": {"main": Answer(text="one two", utterances=(said,))}, "b.mp4": {"main": Answer()}}
    out = tmp_path / "out"
    written = RepCountA().write_official(out, items, answers, lambda *_: None)
    assert written[0].read_text() == "name,count,prediction\na.mp4,1,2\nb.mp4,1,0\n"
    assert RepCountA().read_official(out, items) == answers
    written[1].unlink()
    plain = RepCountA().read_official(out, items)
    assert plain["a.mp4"]["main"].said() == (Said(10.0, "2"),)
    file(out / "predictions.csv", "name,prediction\na.mp4,2.5\nother.mp4,1\n")
    assert RepCountA().read_official(out, items)["a.mp4"]["main"].text == "2"
    for bad in ("many", "", "nan", "-1"):
        file(out / "predictions.csv", f"name,prediction\na.mp4,{bad}\n")
        with pytest.raises(AppError, match=r"predictions\.csv, line 2"):
            RepCountA().read_official(out, items)
    with pytest.raises(AppError, match="cannot be read"):
        RepCountA().read_official(tmp_path / "nowhere", items)


answers = st.lists(
    st.tuples(
        st.integers(0, 110).map(lambda t: t / 10), st.sampled_from(["one", "2", "three", "four", "go", "one more"])
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(answers, min_size=1, max_size=5), st.randoms())
def test_no_figure_depends_on_the_order_of_the_items(given_answers: list[Any], shuffle: Any) -> None:
    entries = [Entry(str(i), TRUTH, tuple(Said(t, x) for t, x in a)) for i, a in enumerate(given_answers)]
    mixed = list(entries)
    shuffle.shuffle(mixed)
    one, other = run(*entries), run(*mixed)
    assert one.metrics == other.metrics
    assert one.baselines == other.baselines


@settings(max_examples=40, deadline=None)
@given(answers)
def test_one_more_right_answer_never_lowers_the_score(said: list[Any]) -> None:
    before = Entry("a", TRUTH, tuple(Said(t, x) for t, x in said))
    right = Entry("b", TRUTH, (Said(6.2, "three"),))
    wrong = Entry("b", TRUTH, ())
    for profile in ("tml_reading", "idioms", "official"):
        assert (run(before, right, profile=profile).score or 0) >= (run(before, wrong, profile=profile).score or 0)

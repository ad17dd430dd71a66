from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.intervals import iou
from tmlapp.bench.labels.charades import COLUMNS
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.charades import Charades
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

HEADER = ",".join(COLUMNS)
TRUTH: dict[str, Any] = {"start_s": 3.0, "stop_s": 9.0, "length_s": 12.0}


def file(path: Path, content: str = "video") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def row(name: str, actions: str, length: str = "20.0") -> str:
    return f'{name},,,,,,"a, b",,,{actions},{length}\n'


def folder(path: Path, rows: str, *videos: str, name: str = "Charades_v1_test.csv") -> Path:
    file(path / name, HEADER + "\n" + rows)
    file(path / "Charades_v1_classes.txt", "".join(f"c{i:03d} Doing thing {i}\n" for i in range(157)))
    for video in videos:
        file(path / f"Charades_v1_480/{video}.mp4")
    return path


ROWS = row("AAAAA", "c001 2.00 9.00;c002 0.00 25.00;c003 1.00 2.00;c003 4.00 5.00;c004 5.00 5.00") + row(
    "BBBBB", "c005 3.00 4.00"
)


def test_the_interior_set_is_the_default_and_says_what_is_asked(tmp_path: Path) -> None:
    loaded = Charades().load(folder(tmp_path, ROWS, "AAAAA", "BBBBB"), {})
    assert [i.id for i in loaded.items] == ["AAAAA/c001", "BBBBB/c005"]
    first, (part,) = loaded.items[0], loaded.items[0].parts
    assert first.truth == {
        "suite": "charades", "start_s": 2.0, "stop_s": 9.0, "length_s": 20.0, "action": "doing thing 1",
    }  # fmt: skip
    assert part.instruction == "Say 'start' when the person starts doing doing thing 1 then say 'Stop' when they stop."
    assert (part.silence_s, part.muted, part.tail.least_s) == (2.0, True, 2.0)
    assert part.video == str(tmp_path / "Charades_v1_480/AAAAA.mp4")
    assert [(q.row, q.kind) for q in loaded.quarantined] == [("AAAAA/c004", "unusable")]
    assert (loaded.expected, loaded.version, set(loaded.files)) == (
        7_586,
        "Charades_v1_test.csv",
        {"labels", "classes"},
    )


def test_the_single_set_holds_every_class_that_occurs_once(tmp_path: Path) -> None:
    loaded = Charades().load(folder(tmp_path, ROWS, "AAAAA", "BBBBB"), {"items": "single"})
    assert [(i.id, i.truth["stop_s"]) for i in loaded.items] == [
        ("AAAAA/c001", 9.0), ("AAAAA/c002", 20.0), ("BBBBB/c005", 4.0),
    ]  # fmt: skip
    assert loaded.expected == 15_927


def test_videos_that_are_missing_or_empty_are_counted(tmp_path: Path) -> None:
    path = folder(tmp_path, ROWS + row("CCCCC", "c005 3.00 4.00"), "AAAAA")
    file(path / "BBBBB.mp4", "")
    loaded = Charades().load(path, {})
    assert [i.id for i in loaded.items] == ["AAAAA/c001"]
    assert [(q.row, q.kind) for q in loaded.quarantined[1:]] == [("BBBBB/c005", "damaged"), ("CCCCC/c005", "missing")]


def test_a_sample_has_one_item_of_each_video_and_does_not_depend_on_what_is_there(tmp_path: Path) -> None:
    rows = "".join(row(f"V{i:04d}", "c001 2.00 9.00;c002 3.00 9.00") for i in range(9))
    some = folder(tmp_path / "a", rows, *(f"V{i:04d}" for i in range(9)))
    few = folder(tmp_path / "b", rows, *(f"V{i:04d}" for i in range(4)))
    whole = Charades().load(some, {"sample": 6, "seed": 3})
    part = Charades().load(few, {"sample": 6, "seed": 3})
    names = [i.id for i in whole.items]
    assert len({n.split("/")[0] for n in names}) == 6
    assert {i.id for i in part.items} | {q.row for q in part.quarantined} == set(names)
    assert (whole.expected, whole.notes) == (6, ("drawn with seed 3, at most one item of each video",))
    assert [i.id for i in Charades().load(some, {"sample": 6, "seed": 4}).items] != names


def test_the_copy_in_json_and_the_archives_own_folder_are_found(tmp_path: Path) -> None:
    videos = {"AAAAA": {"subset": "training", "duration": 20.0, "actions": [[1, 2.0, 9.0]]}}
    path = folder(tmp_path, ROWS, "AAAAA", name="Charades/Charades_v1_test.csv")
    file(path / "charades.json", json.dumps(videos))
    assert len(Charades().load(path, {}).items) == 1
    train = Charades().load(path, {"subset": "train"})
    assert ([i.id for i in train.items], train.expected, train.version) == (["AAAAA/c001"], None, "charades.json")


def test_charades_sta_asks_for_sentences(tmp_path: Path) -> None:
    path = folder(tmp_path, ROWS, "AAAAA", "BBBBB")
    lines = (
        "AAAAA 2.0 25.0##a person sits down.\nAAAAA 3.0 4.0##they rise.\nBBBBB 21.0 30.0##late.\nZZZZZ 1.0 2.0##who?\n"
    )
    file(path / "charades_sta_test.txt", lines)
    loaded = Charades().load(path, {"items": "sta"})
    assert [(i.id, i.truth["stop_s"]) for i in loaded.items] == [("AAAAA/sta-1", 20.0), ("AAAAA/sta-2", 4.0)]
    assert "a person sits down. Answer with start and end" in loaded.items[0].parts[0].instruction
    assert [q.row for q in loaded.quarantined] == ["BBBBB/sta-3", "ZZZZZ/sta-4"]
    assert (loaded.expected, "sta" in loaded.files) == (3_720, True)
    drawn = Charades().load(path, {"items": "sta", "sample": 5})
    assert (len(drawn.items), drawn.expected) == (1, 1)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"items": "all"}, "items of charades cannot be 'all'"),
        ({"subset": "valid"}, "subset of charades"),
        ({"sample": -1}, "sample of charades"),
        ({"seed": True}, "seed of charades"),
        ({"subset": "train"}, "There are no labels of Charades"),
        ({"items": "sta"}, r"charades_sta_test\.txt is not in"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(AppError, match=why):
        Charades().load(folder(tmp_path, ROWS, "AAAAA"), options)


def test_a_folder_without_videos_or_class_names_is_told(tmp_path: Path) -> None:
    path = folder(tmp_path, ROWS)
    with pytest.raises(AppError, match="No video of Charades"):
        Charades().load(path, {})
    (path / "Charades_v1_classes.txt").unlink()
    with pytest.raises(AppError, match=r"Charades_v1_classes\.txt is not in"):
        Charades().load(path, {})


def test_the_ruined_copy_is_rejected_with_its_line(tmp_path: Path, shared_data: Path) -> None:
    bench = shared_data / "bench" / "charades"
    path = folder(tmp_path, ROWS, "AAAAA")
    file(path / "Charades_v1_test.csv", (bench / "layout_60_rows_RUINED.csv").read_text("utf-8"))
    with pytest.raises(AppError, match="line 1, is not valid"):
        Charades().load(path, {})
    file(path / "Charades_v1_test.csv", (bench / "layout_60_rows.csv").read_text("utf-8"))
    with pytest.raises(AppError, match="No video of Charades"):
        Charades().load(path, {})


def entry(*utterances: Utterance, truth: dict[str, Any] | None = None, words: tuple[Word, ...] = ()) -> Entry:
    answer = Answer(text=" ".join(u.text for u in utterances), utterances=utterances, words=words)
    return Entry("item", TRUTH if truth is None else truth, answer.said(), {"main": answer}, "c001")


def run(*entries: Entry, profile: str = "tml_reading", **params: Any) -> Grade:
    return Charades().grade(entries, profile=profile, params=params, sources=Sources())


def spoken(text: str, start: float, step: float) -> tuple[Word, ...]:
    return tuple(Word(start + i * step, None, word) for i, word in enumerate(text.split()))


def test_loose_takes_each_word_at_its_own_time_and_strict_the_utterance() -> None:
    words = spoken("okay, start now and Stop.", 2.0, 1.0)
    said = Utterance(2.0, 6.5, "okay, start now and Stop.", words)
    loose = run(entry(said), mode="loose")
    assert loose.verdicts[0].details["predicted"] == ((3.0, 6.0),)
    assert run(entry(words=words), mode="loose").verdicts[0].details["predicted"] == ((3.0, 6.0),)
    assert run(entry(said)).verdicts[0].details["predicted"] == ()
    short = entry(Utterance(3.0, 4.0, "start now", spoken("start now", 3.0, 0.5)), Utterance(9.0, 9.5, "— stop!"))
    assert run(short).score == 100.0


def test_an_utterance_that_began_before_the_video_counts_in_no_mode() -> None:
    early = Utterance(-0.5, 5.0, "okay start", spoken("okay start", -0.5, 3.5))
    assert run(entry(early), mode="loose").score == 0.0


def test_times_of_answers_are_video_times_already() -> None:
    truth = TRUTH | {"video_start_s": 50.0}
    assert run(entry(Utterance(3.0, None, "start"), Utterance(9.0, None, "stop"), truth=truth)).score == 100.0
    assert run(Entry("a", truth, (Said(53.0, "start"), Said(59.0, "stop")))).score == 100.0
    with pytest.raises(AppError, match="cannot be graded"):
        run(entry(Utterance(float("nan"), None, "start")))


def test_every_figure_has_a_name_and_an_items_own_part() -> None:
    grade = run(entry(Utterance(3.0, None, "start"), Utterance(6.0, None, "please stop")), Entry("b", TRUTH, None))
    found = {m.name: m.value for m in grade.metrics}
    assert list(found)[:4] == ["miou", "r_at_0.3", "r_at_0.5", "r_at_0.7"]
    assert [found[n] for n in ("miou", "miou_strict", "miou_loose")] == [
        pytest.approx(v) for v in (100 / 3, 100 / 3, 25)
    ]
    assert (found["r_at_0.5"], found["r_at_0.7"], found["r_at_0.5_loose"]) == (50.0, 0.0, 50.0)
    assert set(grade.verdicts[0].values) == set(found)
    assert (grade.aggregates["n_unmatched"], grade.n_missing, grade.verdicts[0].group) == (1, 1, "c001")
    sta = run(entry(Utterance(0.5, None, "3.0 - 9.0")), profile="sta")
    assert [m.name for m in sta.metrics] == ["miou", "r_at_0.3", "r_at_0.5", "r_at_0.7", "set_iou"]
    assert sta.score == 100.0
    assert run().metrics[0].value is None


def test_sentences_are_graded_by_their_own_profile_only() -> None:
    asked = entry(Utterance(1.0, None, "3 to 9"), truth=TRUTH | {"sentence": "they sit."})
    assert run(asked, profile="sta").score == 100.0
    with pytest.raises(AppError, match="profile sta"):
        run(asked)


def test_what_was_written_reads_back_the_same(tmp_path: Path) -> None:
    path = folder(tmp_path, ROWS, "AAAAA", "BBBBB")
    file(path / "charades_sta_test.txt", "AAAAA 2.0 8.0##a person sits down.\n")
    items = [*Charades().load(path, {}).items, *Charades().load(path, {"items": "sta"}).items]
    borders = (Utterance(2.0, None, "start"), Utterance(8.5, 9.0, "stop"))
    answers = {
        "AAAAA/c001": {"main": Answer(text="start stop", utterances=borders)},
        "BBBBB/c005": {"main": Answer()},
        "AAAAA/sta-1": {"main": Answer(text="2.5 to 7", utterances=(Utterance(1.0, 2.0, "2.5 to 7"),))},
    }  # fmt: skip
    out = tmp_path / "out"
    written = Charades().write_official(out, items, answers, lambda *_: None)
    rows = [json.loads(line) for line in written[0].read_text("utf-8").splitlines()]
    assert [r["pred"] for r in rows] == [[2.0, 8.5], None, [2.5, 7.0]]
    assert (rows[0]["vid"], rows[0]["query"], rows[2]["query"]) == ("AAAAA", "doing thing 1", "a person sits down.")
    assert Charades().read_official(out, items) == answers
    written[1].unlink()
    plain = Charades().read_official(out, items[:1] + items[2:])
    assert plain["AAAAA/c001"]["main"].said() == (Said(2.0, "start"), Said(8.5, "stop"))
    assert plain["AAAAA/sta-1"]["main"].text == "2.5 - 7.0"
    assert set(plain) == {"AAAAA/c001", "AAAAA/sta-1"}
    assert Charades().read_official(out, items)["BBBBB/c005"]["main"].silent
    for bad in ('"soon"', "[1]", "[3, 1]", "[NaN, 1]", "[true, 1]", "[-1, 1]"):
        file(out / "predictions.jsonl", f'{{"id": "AAAAA/c001", "pred": {bad}}}\n')
        with pytest.raises(AppError, match=r"predictions\.jsonl, line 1"):
            Charades().read_official(out, items)


seconds = st.integers(0, 120).map(lambda t: t / 10)
answers = st.lists(
    st.tuples(seconds, st.sampled_from(["start", "Stop!", "okay start", "go on", "stop it now please"])), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(seconds, seconds, seconds, seconds)
def test_iou_is_symmetric_and_between_0_and_1(a: float, b: float, c: float, d: float) -> None:
    one, other = (min(a, b), max(a, b)), (min(c, d), max(c, d))
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(answers, min_size=1, max_size=5), st.randoms(), st.sampled_from(["strict", "loose"]))
def test_no_figure_depends_on_the_order_of_items_or_of_what_was_said(
    given_answers: list[Any], shuffle: Any, mode: str
) -> None:
    distinct = [dict(a) for a in given_answers]
    entries = [Entry(str(i), TRUTH, tuple(Said(t, x) for t, x in a.items())) for i, a in enumerate(distinct)]
    mixed = [Entry(e.item, TRUTH, tuple(reversed(e.outputs or ()))) for e in entries]
    shuffle.shuffle(mixed)
    one, other = run(*entries, mode=mode), run(*mixed, mode=mode)
    assert one.metrics == other.metrics
    assert one.baselines == other.baselines


@settings(max_examples=40, deadline=None)
@given(answers, st.sampled_from(["strict", "loose"]))
def test_one_more_right_answer_never_lowers_the_score(said: list[Any], mode: str) -> None:
    before = Entry("a", TRUTH, tuple(Said(t, x) for t, x in said))
    right = Entry("b", TRUTH, (Said(3.0, "start"), Said(9.0, "stop")))
    wrong = Entry("b", TRUTH, ())
    assert (run(before, right, mode=mode).score or 0) >= (run(before, wrong, mode=mode).score or 0)


@settings(max_examples=40, deadline=None)
@given(answers)
def test_words_after_the_end_of_the_video_change_nothing_that_was_closed(said: list[Any]) -> None:
    closed = [*said, (12.0, "stop")]
    late = [*closed, (13.0, "start"), (14.0, "stop")]
    first, other = (run(Entry("a", TRUTH, tuple(Said(t, x) for t, x in s))) for s in (closed, late))
    assert first.score == other.score

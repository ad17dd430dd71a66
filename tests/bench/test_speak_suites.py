from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.test_speak_items import ITEM, changed, first, items
from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.cuespeak import CueSpeak
from tmlapp.bench.suites.speak_base import SpeakSuite, verdict_rows
from tmlapp.bench.suites.speak_figures import COUNTS
from tmlapp.bench.suites.timespeak import TimeSpeak
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit


class Table:
    """Rules what a table says; everything else is right. Keeps what it was asked."""

    name = "table"

    def __init__(self, verdicts: Mapping[str, Any] | None = None, parallel: int = 1) -> None:
        self.verdicts = verdicts or {}
        self.parallel = parallel
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question)
        return Ruling(value=self.verdicts.get(question.key, True), judge=self.name, why="as written")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ({"judge": self.name},)


def time_item(**more: Any) -> dict[str, Any]:
    return changed(lambda i: i.update(suite="timespeak", **more))


def answer(*utterances: Utterance, **more: Any) -> Answer:
    return Answer(text=" ".join(u.text for u in utterances), utterances=utterances, **more)


def entry(raw: Mapping[str, Any], *utterances: Utterance, name: str = "a", **more: Any) -> Entry:
    given = answer(*utterances, **more)
    return Entry(name, raw, given.said(), {"main": given}, raw["category"])


def run(entries: list[Entry], judge: Table | None = None, **params: Any) -> Grade:
    profile = params.pop("profile", "tml_reading")
    suite = TimeSpeak() if entries and entries[0].truth["suite"] == "timespeak" else CueSpeak()
    return suite.grade(entries, profile=profile, params=params, sources=Sources(judge=judge or Table()))


RIGHT = Utterance(6.6, 7.2, "butterfly")


def test_the_meaning_in_its_window_passes_and_everything_is_told() -> None:
    judge = Table()
    grade = run([entry(ITEM, Utterance(4.0, 4.4, "sure"), RIGHT, Utterance(9.5, 9.9, "bye"))], judge)
    verdict = grade.verdicts[0]
    assert (grade.score, verdict.score, verdict.passed) == (100.0, 100.0, True)
    assert verdict.why == "passes: e1 right in [6, 9] s"
    assert verdict.graded_text == ((4.0, "sure"), (6.6, "butterfly"), (9.5, "bye"))
    (met,) = verdict.details["expectations"]
    assert (met["pass"], met["reason"], met["utterance"], met["window"]) == (True, "ok", 1, (6.0, 9.0))
    assert met["questions"][0]["key"] == "e1/1"
    assert met["questions"][0]["context"] == "I saw a mariposa"
    assert [u["role"] for u in verdict.details["utterances"]] == ["acknowledgement", "used", "extra"]
    assert (verdict.details["text_source"], verdict.details["timing_source"]) == ("model_text", "text")
    assert (verdict.details["n_ack"], verdict.details["n_extra"], verdict.group) == (1, 1, "codeswitch")
    assert {m.name: m.value for m in grade.metrics} == {
        "accuracy": 100.0, "macro_example": 100.0, "macro_category": 100.0, "accuracy_all": 100.0,
        "accuracy_mean": 100.0, "pass_overlap_share": 100.0, "onset_minus_ref_s": pytest.approx(0.1),
    }  # fmt: skip
    assert set(verdict.values) == {m.name for m in grade.metrics}
    assert [q.key for q in judge.asked] == ["e1/1"]
    assert grade.provenance.parameters["judge_model"] == "table"
    assert grade.provenance.judges == ({"judge": "table"},)
    assert len(grade.aggregates["speak_params_sha256"]) == 64


def test_silence_missing_and_ungraded_items_fail_and_are_counted() -> None:
    entries = [
        entry(ITEM, RIGHT, name="right"),
        entry(ITEM, name="silent"),
        Entry("missing", ITEM, None, {}, failure="the endpoint went away"),
        Entry("half", ITEM, None, {"main": answer(RIGHT)}),
    ]
    grade = run(entries)
    assert (grade.score, grade.n, grade.n_scored, grade.n_missing, grade.n_silent) == (25.0, 4, 4, 2, 1)
    whys = [v.why for v in grade.verdicts]
    assert whys[1] == "fails: e1 nothing said in [6, 9] s"
    assert whys[2:] == ["fails: the endpoint went away", "fails: the item was not run"]
    assert "onset_minus_ref_s" not in grade.verdicts[1].values
    ungraded = run([entry(ITEM, RIGHT)], Table({"e1/0": None}))
    assert (ungraded.score, ungraded.n_ungraded, ungraded.aggregates["ungraded"]) == (0.0, 1, ["a"])
    nonsense = run([entry(ITEM, RIGHT)], Table({"e1/0": "yes"}))
    assert nonsense.n_ungraded == 1


def test_no_items_give_no_score_and_a_reason() -> None:
    for macro in ("example", "category"):
        grade = run([], macro_over=macro)
        assert (grade.score, grade.n, grade.metrics[0].reason) == (None, 0, "no item")
        assert [b.score for b in grade.baselines] == [None, None]


def test_both_averages_and_both_readings_stand_side_by_side() -> None:
    second = {"id": "e2", "cue": {"kind": "time", "t0": 9, "t1": 9}, "t_ref": 9.0, "window": [8.5, 9.5], "meaning": "x"}
    two = changed(lambda i: i["expectations"].append(second))
    other = changed(lambda i: i.update(category="other"))
    entries = [entry(two, RIGHT), entry(other, RIGHT, name="b"), entry(other, RIGHT, name="c")]
    grade = run(entries)
    found = {m.name: m.value for m in grade.metrics}
    assert [found[k] for k in ("accuracy", "macro_category", "accuracy_all", "accuracy_mean")] == [
        pytest.approx(v) for v in (200 / 3, 50.0, 200 / 3, 250 / 3)
    ]
    assert grade.aggregates["n_several_expectations"] == 1
    by_category = run(entries, macro_over="category")
    assert by_category.score == 50.0
    expanded = run(entries, multi="expand")
    assert (expanded.score, expanded.n_scored, expanded.aggregates["n_examples"]) == (75.0, 3, 4)
    assert (expanded.verdicts[0].score, expanded.verdicts[0].values["accuracy"]) == (None, 50.0)
    mean = run(entries, multi="mean")
    assert (mean.verdicts[0].score, mean.verdicts[0].passed) == (50.0, False)


def test_many_expectations_are_told_in_short_and_optional_ones_as_such() -> None:
    more = [first(ITEM) | {"id": f"o{i}", "required": False} for i in range(5)]
    grade = run([entry(changed(lambda i: i["expectations"].extend(more)), RIGHT)])
    assert grade.verdicts[0].why.endswith("in [6, 9] s; and 2 more")
    assert "o0 (optional) nothing said" in grade.verdicts[0].why
    assert grade.aggregates["optional"] == {"n": 5, "passed": 0}


def test_strict_fails_an_item_with_extra_speech() -> None:
    grade = run([entry(ITEM, RIGHT, Utterance(9.5, 9.9, "bye"))], profile="strict")
    assert (grade.score, grade.verdicts[0].why) == (0.0, "fails: 1 utterances outside every window")


def test_utterances_are_made_of_the_words_where_these_are_known() -> None:
    words = (Word(6.1, 6.3, "a"), Word(6.6, 7.0, "moth"), Word(7.5, 7.9, "butterfly"))
    told = answer(Utterance(6.1, 7.9, "a moth butterfly"), words=words)
    one = Entry("a", ITEM, told.said(), {"main": told})
    assert len(run([one]).verdicts[0].details["utterances"]) == 1
    assert len(run([one], utterance_gap_s=0.5).verdicts[0].details["utterances"]) == 2
    inner = answer(Utterance(6.1, 7.9, "a moth butterfly", words))
    kept = Entry("a", ITEM, inner.said(), {"main": inner})
    assert len(run([kept]).verdicts[0].details["utterances"]) == 1
    assert len(run([kept], utterance_gap_s=0.5).verdicts[0].details["utterances"]) == 2


def test_texts_without_anything_in_them_are_no_utterances_and_an_early_end_is_the_onset() -> None:
    grade = run([entry(ITEM, Utterance(6.2, 6.3, "  "), Utterance(6.6, 6.1, "butterfly"))])
    (one,) = grade.verdicts[0].details["utterances"]
    assert (one["t0_s"], one["t1_s"], one["index"]) == (6.6, 6.6, 0)


def test_a_recording_graded_by_hand_is_placed_on_the_clock_of_the_item() -> None:
    raw = ITEM | {"video_start_s": 2.1, "expectations": [first(ITEM) | {"window": [6.6, 9.0]}]}
    assert run([Entry("a", raw, (Said(8.7, "butterfly"),))]).score == 100.0
    assert run([Entry("a", raw, (Said(8.69, "butterfly"),))]).score == 0.0
    # Times of an answer are the item's already.
    assert run([entry(raw, Utterance(6.6, 7.0, "butterfly"))]).score == 100.0


@pytest.mark.parametrize("bad", [Utterance(float("nan"), None, "x"), Utterance(6.5, float("inf"), "x")])
def test_a_time_that_is_none_is_told(bad: Utterance) -> None:
    with pytest.raises(AppError, match="answer to a cannot be graded"):
        run([entry(ITEM, bad)])


def test_a_word_without_a_time_is_told() -> None:
    words = (Word(6.6, 7.0, "but"), Word(float("nan"), None, "ter"), Word(7.1, 7.2, "fly"))
    for told in (answer(words=words), answer(Utterance(6.6, 7.2, "butterfly", words))):
        with pytest.raises(AppError, match="'ter' lasts from nan"):
            run([Entry("a", ITEM, told.said(), {"main": told})])


def test_a_damaged_truth_is_told_before_a_judge_is_asked() -> None:
    judge = Table()
    with pytest.raises(AppError, match="The item b is not valid"):
        run([entry(ITEM, RIGHT), entry(ITEM | {"lang": 3}, RIGHT, name="b")], judge)
    assert judge.asked == []
    with pytest.raises(AppError, match=r"The suite is timespeak, not cuespeak"):
        run([entry(ITEM, RIGHT), entry(time_item(), RIGHT)])


def test_the_baselines_show_what_the_windows_give_away() -> None:
    grade = run([entry(ITEM)])
    assert {b.name: b.score for b in grade.baselines} == {"silent": 0.0, "speaks every second, every word right": 100.0}
    narrow = changed(lambda i: first(i).update(window=[6.2, 6.8]))
    assert run([entry(narrow)]).baselines[1].score == 0.0


def test_several_questions_at_once_give_the_same_grade() -> None:
    entries = [entry(ITEM, RIGHT, name=f"i{k}") for k in range(6)]
    verdicts = {"e1/0": False}
    assert run(entries, Table(verdicts, 3)).verdicts == run(entries, Table(verdicts)).verdicts


def load(suite: SpeakSuite, folder: Path, **options: Any) -> list[SuiteItem]:
    return list(suite.load(folder, options).items)


def test_a_folder_is_loaded_with_the_sound_as_the_clock(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"video")
    seen = changed(lambda i: (i.update(id="ts-1", suite="timespeak"), i["input"].update(video="in.mp4")))
    items(tmp_path, ITEM, seen)
    loaded = CueSpeak().load(tmp_path, {})
    (item,) = loaded.items
    (part,) = item.parts
    assert (item.id, item.truth, item.group) == ("cs-1", ITEM, "codeswitch")
    assert (part.instruction, part.silence_s, part.sounds) == ("", 0.0, (str(tmp_path / "in.wav"),))
    assert (part.video, part.muted, part.tail.least_s) == ("", True, 5.0)
    assert loaded.notes == ("1 items of the other suite in the same file are left to it",)
    assert len(loaded.files["items"]) == 64
    (watched,) = load(TimeSpeak(), tmp_path / "items.jsonl")
    assert watched.parts[0].video == str(tmp_path / "in.mp4")
    assert TimeSpeak().load(tmp_path, {"file": "items.jsonl"}).expected is None


def test_a_folder_without_items_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no items of TimeSpeak"):
        TimeSpeak().load(tmp_path, {})
    items(tmp_path, ITEM)
    with pytest.raises(AppError, match="has no item of TimeSpeak"):
        TimeSpeak().load(tmp_path, {})


def test_what_was_written_reads_back_the_same(tmp_path: Path) -> None:
    items(tmp_path, ITEM, ITEM | {"id": "cs-2"}, ITEM | {"id": "cs-3"})
    loaded = load(CueSpeak(), tmp_path)
    words = (Word(6.6, 7.0, "butter"), Word(7.0, None, "fly"))
    answers = {
        "cs-1": {"main": answer(Utterance(6.6, None, "butter fly", words), text_source="asr", timing_source="audio")},
        "cs-2": {"main": answer()},
    }
    out = tmp_path / "out"
    written = CueSpeak().write_official(
        out, loaded, answers, lambda item, _: np.arange(160, dtype=np.int16) if item == "cs-1" else None
    )
    assert [p.name for p in written] == ["utterances.jsonl", "output.wav"]
    assert CueSpeak().read_official(out, loaded) == answers
    assert CueSpeak().read_official(out, loaded[1:]) == {"cs-2": answers["cs-2"]}


def test_recorded_verdicts_are_read_in_every_form(tmp_path: Path) -> None:
    items(tmp_path, ITEM)
    loaded = load(CueSpeak(), tmp_path)
    assert list(CueSpeak().recorded_verdicts(tmp_path, loaded)) == []
    whole = {"conveys_meaning": True, "reason": "fits"}
    rows = [{"id": "cs-1", "verdicts": {"e1/0": whole, "e1/1": False, "e1/joined": None}}, {"id": "other"}]
    path = tmp_path / "verdicts.jsonl"
    path.write_text("".join(json.dumps(r) + "\n\n" for r in rows), encoding="utf-8")
    found = list(CueSpeak().recorded_verdicts(tmp_path, loaded))
    assert [(v.kind, v.item, v.key, v.value, v.reply) for v in found] == [
        ("speak/meaning", "cs-1", "e1/0", None, json.dumps(whole)),
        ("speak/meaning", "cs-1", "e1/1", False, None),
        ("speak/meaning", "cs-1", "e1/joined", None, None),
    ]
    for bad in ({"id": "cs-1"}, {"id": "cs-1", "verdicts": {"e1/0": "yes"}}):
        path.write_text(json.dumps(bad), encoding="utf-8")
        with pytest.raises(AppError, match="line 1"):
            CueSpeak().recorded_verdicts(tmp_path, loaded)


def test_what_was_ruled_can_be_kept_as_a_table() -> None:
    grade = run([entry(ITEM, Utterance(6.1, 6.2, "moth"), RIGHT, name="cs-1")], Table({"e1/0": False}))
    assert verdict_rows(grade) == [{"id": "cs-1", "verdicts": {"e1/0": False, "e1/1": True}}]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id": 3, "utterances": []}',
        '{"id": "a", "utterances": []}\n{"id": "a", "utterances": []}',
        '{"id": "a"}',
        '{"id": "a", "utterances": [{"t0": NaN, "text": ""}]}',
        '{"id": "a", "utterances": [{"t0": "1", "text": ""}]}',
        '{"id": "a", "utterances": [3]}',
    ],
)
def test_a_line_of_what_was_said_that_is_malformed_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "utterances.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(AppError, match=r"utterances\.jsonl, line [12], is not valid"):
        CueSpeak().read_official(tmp_path, [])


def test_files_that_cannot_be_read_or_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        file_sha256(tmp_path)
    with pytest.raises(AppError, match="cannot be read"):
        CueSpeak().read_official(tmp_path, [])
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AppError, match="cannot be written"):
        CueSpeak().write_official(tmp_path / "file", [], {}, lambda *_: None)
    items(tmp_path, ITEM)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cs-1").write_text("", encoding="utf-8")
    with pytest.raises(AppError, match=r"output\.wav cannot be written"):
        CueSpeak().write_official(
            tmp_path / "out", load(CueSpeak(), tmp_path), {"cs-1": {"main": answer()}}, lambda *_: np.zeros(1, np.int16)
        )


def test_an_odd_character_of_a_model_loses_no_file(tmp_path: Path) -> None:
    items(tmp_path, ITEM)
    loaded = load(CueSpeak(), tmp_path)
    CueSpeak().write_official(
        tmp_path, loaded, {"cs-1": {"main": answer(Utterance(1.0, None, "\ud800!"))}}, lambda *_: None
    )
    assert CueSpeak().read_official(tmp_path, loaded)["cs-1"]["main"].utterances[0].text == "\ud800!"


def test_the_order_of_items_is_of_no_account() -> None:
    entries = [entry(ITEM | {"category": f"c{k % 3}"}, RIGHT, name=f"i{k}") for k in range(7)]
    entries.append(entry(ITEM, name="silent"))
    forth, back = run(entries), run(entries[::-1])
    assert forth.metrics == back.metrics
    assert forth.aggregates == back.aggregates


@pytest.mark.parametrize("suite", [TimeSpeak(), CueSpeak()])
def test_recorded_utterances_and_verdicts_give_the_golden_scores(
    shared_data: Path, tmp_path: Path, suite: SpeakSuite
) -> None:
    path = shared_data / "bench" / "timespeak-cuespeak" / "golden" / "scoring.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    rows = [row for row in golden["items"] if row["item"]["suite"] == suite.suite_name]
    said = [{"id": r["item"]["id"], "utterances": r["utterances"]} for r in rows]
    ruled = [{"id": r["item"]["id"], "verdicts": r["judge_verdicts"]} for r in rows]
    for name, lines in (("utterances.jsonl", said), ("verdicts.jsonl", ruled)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    listed = [SuiteItem(id=r["item"]["id"], truth=r["item"], parts=(Part(),)) for r in rows]
    answers = suite.read_official(tmp_path, listed)
    judge = RecordedJudge(suite.recorded_verdicts(tmp_path, listed))
    entries = [Entry.of(item, answers[item.id]) for item in listed]
    for name, params in golden["parameter_sets"].items():
        expect = golden["expect"][name]
        grade = suite.grade(entries, profile="tml_reading", params=params, sources=Sources(judge=judge))
        macro = "macro_category" if name == "macro_category" else "macro_example"
        assert grade.score == pytest.approx(expect["suites"][suite.suite_name][macro], abs=1e-9)
        for verdict in grade.verdicts:
            wanted = expect["items"][verdict.item]
            assert verdict.score == (None if wanted["score"] is None else pytest.approx(100 * wanted["score"]))
            assert {k: verdict.details[k] for k in COUNTS} == {k: wanted[k] for k in COUNTS}

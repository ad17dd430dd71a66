from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.registry import suite_named
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.proactive_video_qa import ProactiveVideoQA, judge_prompt, parse_score, parse_truth
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

CATEGORIES = ("WEB", "EGO", "TV", "VAD")


class ByWord:
    """Rates by what was said: `right` 3, `half` 2, `odd` cannot be read, anything else 1."""

    name = "by word"

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self.asked: list[Question] = []
        self._lock = threading.Lock()

    def ask(self, question: Question) -> Ruling:
        with self._lock:
            self.asked.append(question)
        last = question.fields["candidate"].split()[-1]
        value: Any = {"right": 3, "half": 2, "odd": None, "text": "3", "truth": True, "five": 5}.get(last, 1)
        return Ruling(value=value, judge=self.name, why="" if value else "no number")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ({"judge": self.name, "calls": len(self.asked)},)


def truth(category: str = "WEB", spans: Sequence[tuple[float, float]] = ((10.0, 20.0),), **more: Any) -> dict[str, Any]:
    answers = [{"content": "A red mug.", "related_timespan": [a, b - 1], "reply_timespan": [a, b]} for a, b in spans]
    return {
        "category": category, "question_id": "q", "video": "v.mp4", "duration": 60.0, "question": "What appears?",
        "answer": answers, **more,
    }  # fmt: skip


def entry(category: str = "WEB", said: Sequence[tuple[float, str]] | None = (), **more: Any) -> Entry:
    outputs = None if said is None else tuple(Said(t, text) for t, text in said)
    return Entry(f"{category}/q{more.pop('name', '')}", truth(category, **more), outputs, group=category)


def four(said: Sequence[tuple[float, str]] | None = ()) -> list[Entry]:
    return [entry(category, said) for category in CATEGORIES]


def graded(entries: Sequence[Entry], profile: str = "official", judge: Any = None, **params: Any) -> Grade:
    return ProactiveVideoQA().grade(
        entries, profile=profile, params=params, sources=Sources(judge=judge or ByWord())
    )  # fmt: skip


def values(grade: Grade) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in grade.metrics}


@given(st.floats(0, 1))
def test_silence_is_worth_25_at_every_omega(omega: float) -> None:
    grade = graded(four(), omega=omega)
    assert grade.score == pytest.approx(25.0, abs=1e-9)
    assert grade.n_silent == grade.n == 4


def test_the_baselines_are_computed_over_the_same_turns() -> None:
    found = {b.name: b.score for b in graded(four()).baselines}
    assert found == {"silent": 25.0, "wrong answer at the start of every span": 0.0}
    assert {b.score for b in graded([]).baselines} == {None}


def test_the_headline_is_the_mean_of_the_categories_and_micro_that_of_the_turns() -> None:
    entries = [*four(), entry("WEB", [(10.0, "right")], name="2")]
    grade = graded(entries)
    found = values(grade)
    assert grade.score == found["pauc"] == pytest.approx((62.5 + 3 * 25) / 4)
    assert found["micro"] == pytest.approx((100 + 4 * 25) / 5)
    assert (found["pauc_web"], found["pauc_vad"]) == (62.5, 25.0)
    assert grade.metrics[0].name == "pauc"
    assert grade.interval is not None
    assert grade.interval[0] <= 34.375 <= grade.interval[1]
    for name in ("pauc", "micro", "pauc_web", "pauc_tv", "turns_answered"):
        entered = [v.values[name] for v in grade.verdicts if name in v.values]
        assert sum(entered) / len(entered) == pytest.approx(found[name])


def test_without_all_four_categories_there_is_no_headline_but_everything_else() -> None:
    grade = graded([entry("TV", [(10.0, "right")]), entry("WEB")])
    assert grade.score is None
    assert grade.metrics[0].reason.startswith("there are turns of WEB, TV only")
    assert values(grade)["pauc_tv"] == 100.0
    assert values(grade)["micro"] == 62.5
    assert grade.metrics[3].reason == "there is no item of EGO"
    assert "pauc" not in grade.verdicts[0].values
    assert graded([]).metrics[0].reason.startswith("there is no turn")


@settings(max_examples=20)
@given(st.permutations(range(6)))
def test_the_order_of_items_does_not_matter(order: list[int]) -> None:
    entries = [*four([(10.5, "right")]), entry("WEB", [(12.0, "wrong")], name="2"), entry("EGO", None, name="2")]
    first, other = graded(entries), graded([entries[i] for i in order])
    assert other.score == pytest.approx(first.score, abs=1e-9)
    assert other.interval == pytest.approx(first.interval)


def test_replies_are_put_in_order_and_judged_on_what_was_said_so_far() -> None:
    judge = ByWord()
    graded([entry(said=[(14.0, "half"), (12.0, "wrong"), (15.0, "wrong"), (14.0, "right")])], judge=judge)
    assert [(q.key, q.fields["candidate"]) for q in judge.asked] == [
        ("0=12.0", "wrong"), ("0=14.0", "wrong half"), ("0=14.0#2", "wrong half right")
    ]  # fmt: skip
    assert judge.asked[0].item == "WEB/q"
    text = judge.asked[1].prompt.messages(judge.asked[1].fields)[1]["content"]
    assert text == "Question: What appears?\nGround Truth Answer: A red mug.\nPredicted Answer: wrong half"


def test_one_reply_counts_in_two_turns_that_overlap() -> None:
    grade = graded([entry(said=[(19.5, "right")], spans=((10.0, 20.0), (19.0, 29.0)))])
    assert [turn["points"] for turn in grade.verdicts[0].details["turns"]] == [((19.5, 2),), ((19.5, 2),)]


def test_chatter_is_counted_beside_pauc() -> None:
    said = [(-1.5, "All right."), (5.0, "outside"), (10.0, "right"), (11.0, "right"), (12.0, "half"), (30.0, " ")]
    grade = graded([entry(said=said, spans=((10.0, 20.0), (40.0, 50.0)))])
    found = values(grade)
    assert found["duplicates"] == 50.0
    assert found["out_of_span_per_min"] == 1.0
    assert found["turns_answered"] == 50.0
    assert grade.aggregates["n_before_the_video"] == 1
    assert [text for _, text in grade.verdicts[0].graded_text] == ["outside", "right", "right", "half"]


def test_without_replies_or_runs_the_rates_say_why_they_are_missing() -> None:
    silent, missing = graded([entry()]), graded([entry(said=None)])
    assert {m.name: m.reason for m in silent.metrics if m.value is None}.keys() >= {"duplicates", "ungraded"}
    assert next(m for m in missing.metrics if m.name == "out_of_span_per_min").reason == "no item was run"


def test_an_item_that_was_not_run_is_worth_nothing() -> None:
    grade = graded(
        [*four([(10.0, "right")]), entry("TV", None, name="2"), Entry("TV/q3", truth("TV"), (), failure="lost")]
    )
    assert grade.n_missing == 2
    assert [v.score for v in grade.verdicts[4:]] == [0.0, 0.0]
    assert grade.verdicts[4].why == "fails: the item was not run"
    assert values(grade)["pauc_tv"] == pytest.approx(100 / 3)


def test_an_ungraded_reply_earns_nothing_and_clean_also_scores_without_its_turn() -> None:
    entries = [*four([(10.0, "right")]), entry("WEB", [(10.0, "odd")], name="2")]
    official, clean = graded(entries), graded(entries, "clean")
    assert values(official)["pauc_web"] == values(clean)["pauc_web"] == 62.5
    assert values(clean)["pauc_without_ungraded"] == 100.0
    assert clean.aggregates["turns_with_ungraded"] == ["WEB/q=0"]
    assert (official.n_ungraded, values(official)["ungraded"]) == (1, 20.0)
    assert "ungraded replies: 1" in official.verdicts[4].why
    assert "pauc_without_ungraded" not in values(official)


@pytest.mark.parametrize("word", ["odd", "text", "truth", "five"])
def test_what_is_no_rating_from_1_to_3_is_ungraded(word: str) -> None:
    assert graded([entry(said=[(10.0, word)])]).n_ungraded == 1


def test_where_no_reply_was_graded_there_is_no_headline() -> None:
    entries = four([(10.0, "right")])
    grade = ProactiveVideoQA().grade(entries, profile="clean", params={}, sources=Sources())
    assert (grade.score, grade.metrics[0].reason) == (None, "no reply was graded")
    assert values(grade)["pauc_without_ungraded"] is None


def test_the_rules_leave_every_rating_undecided() -> None:
    assert judge_prompt().rules is None


def test_items_are_judged_at_once_where_the_judge_takes_several_questions() -> None:
    entries = four([(10.0, "wrong"), (15.0, "right")])
    assert graded(entries, judge=ByWord(3)).score == graded(entries).score


def test_only_words_make_replies_by_their_pauses() -> None:
    words = (Word(10.0, 10.4, "all"), Word(10.5, 10.9, "right"), Word(11.7, 12.0, "half"))
    answer = Answer(text="all right half", words=words)
    grade = graded([Entry("WEB/q", truth(), None, {"main": answer}, "WEB")])
    assert grade.verdicts[0].graded_text == ((10.0, "all right"), (11.7, "half"))
    assert grade.verdicts[0].details["ends_s"] == [10.9, 12.0]


@pytest.mark.parametrize("t", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(t: float) -> None:
    with pytest.raises(AppError, match="Give every output a time"):
        graded([entry(said=[(t, "right")])])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "CAT"}, "category is 'CAT'"),
        ({"answer": []}, "answer is not a list"),
        ({"answer": [3]}, "answer is not a list"),
        ({"answer": [{"content": "A", "related_timespan": [1, 2]}]}, "reply_timespan is not"),
        ({"answer": [{"content": "A", "related_timespan": [1], "reply_timespan": [1, 2]}]}, "related_timespan is not"),
        ({"answer": [{"content": "A", "related_timespan": [2, 1], "reply_timespan": [1, 2]}]}, "not in order"),
        ({"answer": [{"content": "A", "related_timespan": [1, 2], "reply_timespan": [2, 2]}]}, "has no length"),
        ({"duration": 0}, "duration is 0"),
        ({"suite": "charades"}, "for the suite 'charades'"),
    ],
)
def test_a_malformed_truth_says_what_is_wrong(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message):
        parse_truth({**truth(), **change})


def test_omega_is_a_share_and_profiles_are_known() -> None:
    with pytest.raises(AppError, match="from 0 to 1"):
        graded(four(), omega=1.5)
    with pytest.raises(AppError, match="no profile"):
        graded(four(), "loose")


@pytest.mark.parametrize(
    ("reply", "score"),
    [("2\n", 2), (" 3", 3), ("1 because", 1), ("N/A", None), ("", None), ("Score: 3", None), ("0", None)],
)
def test_a_rating_is_what_a_reply_begins_with(reply: str, score: int | None) -> None:
    assert parse_score(reply) == score


def test_the_official_text_is_taken_from_the_users_checkout(tmp_path: Path) -> None:
    script = tmp_path / "pauc" / "judge_llm_scores_openai.py"
    script.parent.mkdir()
    script.write_text('T = "Rate it, $5."\nm = [{"role": "user", "content": q}, {"role": "system", "content": T}]\n')
    prompt = judge_prompt(tmp_path)
    assert prompt.messages({})[0] == {"role": "system", "content": "Rate it, $5."}
    assert prompt.source.endswith("pauc/judge_llm_scores_openai.py")
    assert prompt.sha256 != judge_prompt().sha256
    judge = ByWord()
    folders = {"proactive_checkout": tmp_path}
    ProactiveVideoQA().grade(
        [entry(said=[(10.0, "right")])], profile="official", params={}, sources=Sources(judge=judge, folders=folders)
    )
    assert judge.asked[0].prompt.sha256 == prompt.sha256


@pytest.mark.parametrize("text", [None, "def (", "x = {'role': 'system', 'content': unknown}", "x = {**y, 1: 2}"])
def test_a_checkout_without_the_text_is_refused(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "pauc").mkdir()
    if text is not None:
        (tmp_path / "pauc" / "judge_llm_scores_openai.py").write_text(text)
    with pytest.raises(AppError, match="official prompt cannot be read"):
        judge_prompt(tmp_path)


def item(category: str, name: str) -> SuiteItem:
    raw = truth(category, question_id=name)
    return SuiteItem(id=f"{category}/{name}", truth=raw, parts=(Part(),), group=category)


def test_what_was_written_for_the_official_scorer_reads_back_the_same(tmp_path: Path) -> None:
    items = [item("WEB", "a"), item("TV", "s=1%Q=0"), item("TV", "not run")]
    answers = {
        "WEB/a": {
            "main": Answer(text="x", utterances=(Utterance(-1.0, 0.0, "Yes."), Utterance(3.25, 4.0, "„Eins“\n")))
        },
        "TV/s=1%Q=0": {"main": Answer()},
    }
    files = ProactiveVideoQA().write_official(tmp_path, items, answers, lambda _i, _p: None)
    assert [f.name for f in files] == ["WEB.jsonl", "TV.jsonl"]
    back = ProactiveVideoQA().read_official(tmp_path, items)
    assert back.keys() == answers.keys()
    assert back["WEB/a"]["main"].said() == answers["WEB/a"]["main"].said()
    assert back["TV/s=1%Q=0"]["main"].silent
    with pytest.raises(AppError, match=r"none of WEB\.jsonl"):
        ProactiveVideoQA().read_official(tmp_path / "WEB", items)


def test_verdicts_of_an_official_run_grade_again_without_a_judge(tmp_path: Path) -> None:
    items = [item("WEB", "a"), item("TV", "s=1%Q=0"), item("EGO", "a")]
    said = (Said(12.0, "half"), Said(12.0, "right"))
    judged = [
        {"custom_id": "a=0=12.0", "content": "2"},
        {"custom_id": "a=0=12.0", "content": "3\n"},
        {"custom_id": "s=1%Q=0=0=12", "response": {"body": {"choices": [{"message": {"content": "1"}}]}}},
        {"custom_id": "s=1%Q=0=0=12.0", "response": None},
        {"custom_id": "of another run=0=1.0", "content": "3"},
        {"question_id": "a", "model_response_list": []},
    ]
    (tmp_path / "web_judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in judged))
    judge = RecordedJudge(ProactiveVideoQA().recorded_verdicts(tmp_path, items))
    entries = [Entry(i.id, i.truth, said, group=i.group) for i in items]
    points = [v.details["turns"][0]["points"] for v in graded(entries, judge=judge).verdicts]
    # The batch has no reply to the second one of its two.
    assert points == [((12.0, 2),), ((12.0, 0),), ()]


def test_a_verdict_file_that_is_not_jsonl_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("\n{")
    with pytest.raises(AppError, match="Line 2 of"):
        ProactiveVideoQA().recorded_verdicts(tmp_path, [])


def test_the_suite_is_found_by_its_name() -> None:
    assert isinstance(suite_named("proactive-video-qa"), ProactiveVideoQA)


def test_only_exactly_equal_sentences_are_duplicates() -> None:
    judge = ByWord()
    said = [(11.0, "A right"), (12.0, " A right"), (13.0, "A right"), (14.0, " ")]
    grade = ProactiveVideoQA().grade([entry(said=said)], profile="official", params={}, sources=Sources(judge=judge))
    assert [q.fields["candidate"] for q in judge.asked] == ["A right", "A right  A right"]
    assert grade.verdicts[0].details["turns"][0]["duplicates"] == 1

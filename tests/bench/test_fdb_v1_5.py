from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.fdb_folders import checkout, said, v15_sample, write_json, write_wav
from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.published import published
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_behaviour import COUNTS, LABELS, average, ratios, read_labels, rounded
from tmlapp.bench.suites.fdb_checkout import CHECKOUT
from tmlapp.bench.suites.fdb_timing import timing
from tmlapp.bench.suites.fdb_v1_5 import FdbV15
from tmlapp.bench.suites.fdb_v1_5_figures import half_up
from tmlapp.bench.suites.fdb_v1_5_samples import INTERVALS, USER_KNOWN
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

USER = {"user_text": "A? mhm", "user_words": (Word(0.0, 0.5, "A?"), Word(5.0, 5.5, "mhm"))}
SPOKE = said((1.0, 2.0, "Well,"), (6.5, 7.0, "yes."), **USER)
MUTE = Answer(**USER)
RIGHT = {scenario: [label] for scenario, label in COUNTS.items()}


class Ruler(NoJudge):
    """Rules by a function of the item."""

    def __init__(self, rule: Callable[[str], Any]) -> None:
        self._rule = rule
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question)
        value = self._rule(question.item)
        return Ruling(value=value, judge="ruler", why="" if value is not None else "it is down")


def right(item: str) -> list[str]:
    return RIGHT[item.partition("/")[0]]


def entry(scenario: str, answer: Answer | None = SPOKE, name: str = "1", **parts: Answer | None) -> Entry:
    truth = {
        "suite": "fdb-v1.5", "scenario": scenario, "id": name, "event_s": [5.0, 6.0],
        "duration_s": {"input": 10.0, "clean_input": 8.0},
    }  # fmt: skip
    answers = {"input": answer, "clean_input": answer} | parts
    return Entry(f"{scenario}/{name}", truth, None, {n: a for n, a in answers.items() if a is not None}, scenario)


def run(*entries: Entry, profile: str = "official", params: Any = None, **sources: Any) -> Grade:
    return FdbV15().grade(entries, profile=profile, params=params or {}, sources=Sources(**sources))


def numbers(grade: Grade) -> dict[str, float | None]:
    return {m.name: m.value for m in grade.metrics}


def test_the_average_is_that_of_the_right_labels() -> None:
    entries = [entry(s, name=str(i)) for s in COUNTS for i in range(4)]
    wrong = Ruler(lambda item: right(item) if not item.endswith("/3") else ["C_UNKNOWN"])
    grade = run(*entries, judge=wrong)
    assert (grade.score, grade.n, grade.n_scored, grade.n_ungraded) == (75.0, 16, 16, 0)
    assert numbers(grade)["rate/user_interruption"] == 75.0
    assert grade.interval is not None
    assert grade.verdicts[0].values["average"] == 100.0
    assert grade.verdicts[0].why == "passes: ruled C_RESPOND; C_RESPOND is right in user_interruption"
    assert grade.verdicts[3].passed is False
    assert grade.aggregates["ratios"]["user_backchannel"] == {"C_RESUME": 0.75, "C_UNKNOWN": 0.25}
    assert [(b.name, b.score) for b in grade.baselines] == [("silent", 0.0)]
    assert {p.metric for p in published("fdb-v1.5")} == {"average"}


def test_rates_are_rounded_before_they_are_averaged() -> None:
    labels = [["C_RESPOND"]] * 143 + [["C_RESUME"]] * 50 + [["C_UNKNOWN"]] * 7
    assert rounded(ratios(labels)) == {"C_RESPOND": 0.71, "C_RESUME": 0.25, "C_UNKNOWN": 0.04}
    assert ratios([]) == {}
    assert average({"user_interruption": {"C_RESPOND": 1.0}}) is None
    assert [half_up(x) for x in (48.25, 14.249999999999998, 77.75, 39.0)] == [48.3, 14.3, 77.8, 39.0]


def test_the_judge_gets_the_four_transcripts_and_the_text_of_the_checkout(tmp_path: Path) -> None:
    judge = Ruler(right)
    noisy = said((6.5, 7.0, "Sí."), (9.9, 10.5, "x"), (10.1, 10.2, "tail"), **USER)
    run(entry("talking_to_other", noisy, clean_input=SPOKE), judge=judge, folders={CHECKOUT: checkout(tmp_path)})
    question = judge.asked[0]
    assert (question.prompt.kind, question.key) == ("fdb-v1.5/behaviour", "behaviour")
    assert question.prompt.system == "Label it, $$1 each."
    chunks = '[{"text":"Sí.","timestamp":[6.5,7.0]},{"text":"x","timestamp":[9.9,10.0]}]'
    assert question.fields["output_noisy"] == f'{{"text":"Sí. x","chunks":{chunks}}}'
    assert json.loads(question.fields["input_clean"])["text"] == "A? mhm"
    assert json.loads(question.fields["output_clean"])["text"] == "Well, yes."


def test_silence_is_unknown_and_no_judge_is_asked() -> None:
    judge = Ruler(right)
    grade = run(*[entry(s, MUTE) for s in COUNTS], judge=judge)
    assert (grade.score, grade.n_silent, judge.asked) == (0.0, 4, [])
    assert grade.verdicts[0].why == "fails: the model said nothing, which is C_UNKNOWN"


def test_a_sample_without_a_transcript_is_left_out_or_unknown_as_the_profile_says() -> None:
    entries = [entry(s) for s in COUNTS] + [
        entry("user_backchannel", None, "2"),
        entry("user_backchannel", Answer(text="x", words=(Word(0.0, 1.0, "x"),)), "3"),
    ]
    entries[4] = replace(entries[4], failure="the endpoint was gone")
    official = run(*entries, judge=Ruler(right))
    assert (official.score, official.n, official.n_scored, official.n_missing) == (100.0, 6, 4, 2)
    assert official.verdicts[4].score is None
    assert official.verdicts[4].why.endswith("the endpoint was gone")
    assert official.aggregates["lacking_transcripts"]["user_backchannel/3"] == ["input.json", "clean_input.json"]
    clean = run(*entries, profile="clean", judge=Ruler(right))
    assert numbers(clean)["rate/user_backchannel"] == 33.0
    assert clean.aggregates["labels_count"]["user_backchannel"] == {"C_RESUME": 1, "C_UNKNOWN": 2}
    assert clean.verdicts[5].why == "fails: no input.json and no clean_input.json"
    nothing = run(*[entry(s, None) for s in COUNTS])
    assert nothing.score is None
    assert "has all four transcripts (clean_input.json" in nothing.metrics[0].reason


def test_what_is_not_judged_fails_and_is_told() -> None:
    entries = [entry(s) for s in COUNTS] + [entry("user_interruption", name="2")]
    grade = run(*entries, judge=Ruler(lambda item: None if item.endswith("/2") else right(item)))
    assert (grade.score, grade.n_ungraded) == (87.5, 1)
    assert grade.aggregates["labels_count"]["user_interruption"] == {"C_RESPOND": 1, "UNGRADED": 1}
    assert grade.verdicts[4].why == "fails: not judged, it is down"
    nobody = run(*entries)
    assert nobody.score is None
    assert nobody.metrics[0].reason == "no answer was judged: no judge was chosen"
    assert nobody.aggregates["average_half_up"] is None


@pytest.mark.parametrize("value", ["C_RESPOND", [1], ["x"], {"behaviour": []}])
def test_a_ruling_that_holds_no_labels_is_none(value: Any) -> None:
    grade = run(*[entry(s) for s in COUNTS], judge=Ruler(lambda _: value))
    assert grade.n_ungraded == 4
    assert "no list of labels" in grade.verdicts[0].why


def test_several_labels_of_one_reply_all_count_and_none_adds_nothing() -> None:
    rules = {"user_interruption/1": ["C_RESPOND", "C_RESUME"], "user_interruption/2": []}
    entries = [entry(s) for s in COUNTS] + [entry("user_interruption", name="2")]
    official = run(*entries, judge=Ruler(lambda item: rules.get(item, right(item))))
    assert official.aggregates["labels_count"]["user_interruption"] == {"C_RESPOND": 1, "C_RESUME": 1}
    assert official.verdicts[4].why.startswith("fails: ruled no label")
    clean = run(*entries, profile="clean", judge=Ruler(lambda item: rules.get(item, right(item))))
    assert clean.aggregates["labels_count"]["user_interruption"]["C_UNKNOWN"] == 1
    empty = run(*[entry(s) for s in COUNTS], judge=Ruler(lambda _: []))
    assert empty.metrics[0].reason.startswith("the judge gave no label")
    assert empty.score is None


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ('x {y} {"behaviour": ["C_RESPOND"]}', ["C_RESPOND"]),
        ('{"other": 1} {"behaviour": ["C_RESUME"]} {"behaviour": ["C_UNKNOWN"]}', ["C_RESUME"]),
        ('{"a": {"behaviour": ["C_RESPOND"]}}', None),
        ('{"behaviour": "C_RESPOND"}', None),
        ("", None),
    ],
)
def test_the_first_object_with_the_key_is_read(reply: str, labels: list[str] | None) -> None:
    assert read_labels(reply) == labels


def test_times_at_the_event_and_over_all_intervals() -> None:
    heard = replace(SPOKE, user_speech_s=((0.0, 0.5), (5.0, 6.0)), speech_s=((1.0, 5.4), (6.5, 7.0)))
    grade = run(entry("background_speech", heard), entry("background_speech", name="2"), judge=Ruler(right))
    found = numbers(grade)
    assert found["stop_latency_s/background_speech"] == pytest.approx(0.4)
    assert found["response_latency_s/background_speech"] == pytest.approx(0.5)
    assert found["response_all_s/background_speech"] == pytest.approx(0.5)
    assert grade.verdicts[0].details["latency_resp_list"] == [[0.5, 1.0], [6.0, 6.5]]
    assert grade.aggregates["mean_intervals_s"]["background_speech"]["stop"] == pytest.approx(0.4)
    unheard = {m.name: m for m in run(entry("background_speech"), judge=Ruler(right)).metrics}
    assert unheard["stop_latency_s/background_speech"].reason == "no voice activity was detected"
    quiet = replace(SPOKE, user_speech_s=(), speech_s=())
    none = {m.name: m for m in run(entry("background_speech", quiet), judge=Ruler(right)).metrics}
    assert none["stop_latency_s/background_speech"].reason == "there is no such interval"
    merged = run(entry("background_speech", heard), params={"model_gap_s": 1.5}, judge=Ruler(right))
    assert merged.verdicts[0].details["latency_stop_list"] == [[5.0, 6.0]]


def test_recorded_intervals_do_where_there_is_no_detector() -> None:
    recorded = {"latency_stop_list": [[5.0, 5.25]], "latency_resp_list": []}
    answer = replace(SPOKE, extra={INTERVALS: recorded})
    assert numbers(run(entry("talking_to_other", answer), judge=Ruler(right)))["stop_all_s/talking_to_other"] == 0.25
    for bad in ({}, {"latency_stop_list": [[1]], "latency_resp_list": []}, []):
        with pytest.raises(AppError, match="latency_intervals"):
            run(entry("talking_to_other", replace(SPOKE, extra={INTERVALS: bad})))


def test_an_event_is_not_needed_for_the_labels() -> None:
    one = entry("user_interruption")
    plain = replace(
        one,
        truth={"scenario": "user_interruption"},
        answers={n: replace(a, speech_s=(), user_speech_s=()) for n, a in one.answers.items()},
    )
    grade = run(plain, judge=Ruler(right))
    assert numbers(grade)["rate/user_interruption"] == 100.0
    assert grade.metrics[0].reason.startswith("there is no sample of user_backchannel")


@pytest.mark.parametrize(
    ("truth", "message"),
    [({"scenario": "x"}, "scenario is"), ({"scenario": "user_interruption", "event_s": [1.0]}, "1 times"),
     ({"scenario": "user_interruption", "duration_s": 3}, "no object"),
     ({"scenario": "user_interruption", "duration_s": {"input": -1}}, "too small")],
)  # fmt: skip
def test_a_truth_that_is_none_is_an_error(truth: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message):
        run(Entry("x", truth))


def test_times_that_are_no_numbers_are_an_error() -> None:
    with pytest.raises(AppError, match="Voice activity"):
        run(entry("user_interruption", replace(SPOKE, speech_s=((0.0, float("nan")),), user_speech_s=())))


def test_words_without_times_are_spread_and_told() -> None:
    answer = Answer(text="Well, yes.", utterances=(Utterance(1.0, 2.0, "Well, yes."),), **USER)
    judge = Ruler(right)
    grade = run(entry("user_interruption", answer), judge=judge)
    assert grade.verdicts[0].details["word_times"] == "spread over utterances"
    assert '"timestamp":[1.5,2.0]' in judge.asked[0].fields["output_noisy"]


def test_of_intervals_that_end_in_one_millisecond_the_shortest_is_kept() -> None:
    long_first = timing([(0.0, 5.0)], [(1.0, 2.0), (2.0001, 2.0004)], model_gap_s=0.0)
    assert long_first.stops == ((2.0, 2.0),)
    short_first = timing([(0.0, 5.0)], [(1.9999, 2.0), (2.0001, 2.0004)], model_gap_s=0.0)
    assert short_first.stops == ((2.0, 2.0),)
    assert len(timing([(0.0, 5.0)], [(1.0, 2.0), (2.1, 2.2)], model_gap_s=0.0).stops) == 2


spans = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=8).map(
    lambda rows: [(a / 10, (a + b) / 10) for a, b in rows]
)


@given(spans, spans)
@settings(max_examples=80, deadline=None)
def test_intervals_lie_where_both_speak_or_nobody_answers_yet(user: Any, model: Any) -> None:
    found = timing(user, model)
    assert timing(user[::-1], model[::-1]) == found
    for start, end in found.stops:
        assert end > start
        assert any(s - 1e-3 <= start and end <= e + 1e-3 for s, e in found.user)
        assert any(s - 1e-3 <= start and end <= e + 1e-3 for s, e in found.model)
    ends, starts = [e for _, e in found.user], [s for s, _ in found.model]
    for end, start in found.responses:
        assert start > end
        assert any(abs(end - e) < 1e-3 for e in ends)
        assert not any(end < s < start - 1e-3 for s in starts)
    assert len({start for _, start in found.responses}) == len(found.responses)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(COUNTS)), st.sampled_from(LABELS)), min_size=1, max_size=24),
    st.randoms(use_true_random=False),
    st.sampled_from(["official", "clean"]),
)
@settings(max_examples=30, deadline=None)
def test_order_changes_nothing_and_right_labels_never_lower_the_average(
    rows: list[tuple[str, str]], order: random.Random, profile: str
) -> None:
    rows = [*rows, *((scenario, "C_UNKNOWN") for scenario in COUNTS)]
    table = {f"{scenario}/{i}": [label] for i, (scenario, label) in enumerate(rows)}
    entries = [entry(scenario, name=str(i)) for i, (scenario, _) in enumerate(rows)]
    before = run(*entries, profile=profile, judge=Ruler(table.__getitem__))
    mixed = list(entries)
    order.shuffle(mixed)
    assert run(*mixed, profile=profile, judge=Ruler(table.__getitem__)).metrics == before.metrics
    better = table | {mixed[0].item: right(mixed[0].item)}
    after = run(*entries, profile=profile, judge=Ruler(better.__getitem__))
    assert (after.score or 0.0) >= (before.score or 0.0)


def test_official_files_are_written_and_read_back(tmp_path: Path) -> None:
    for scenario in COUNTS:
        v15_sample(tmp_path / "data", scenario)
    v15_sample(tmp_path / "data", "user_interruption", "2")
    items = FdbV15().load(tmp_path / "data", {"scenarios": ""}).items
    heard = replace(SPOKE, user_speech_s=((0.0, 0.5), (5.0, 6.0)), speech_s=((1.0, 5.4), (6.5, 7.0)))
    answers = {i.id: {"input": heard, "clean_input": SPOKE} for i in items if i.id.endswith("/1")}
    answers["user_backchannel/1"] = {"input": Answer(), "other": Answer()}
    out = tmp_path / "out"
    FdbV15().write_official(
        out, items, answers, lambda _, part: np.ones(200_000, np.int16) if part == "input" else None
    )
    assert sorted(p.name for p in (out / "user_interruption" / "1").iterdir()) == [
        "clean_input.json", "clean_output.json", "input.json", "latency_intervals.json", "output.json", "output.wav",
    ]  # fmt: skip
    assert sorted(p.name for p in (out / "user_backchannel" / "1").iterdir()) == ["output.json", "output.wav"]
    back = FdbV15().read_official(out, items)
    assert "user_interruption/2" not in back
    read = back["user_interruption/1"]["input"]
    assert (read.words, read.text, read.user_words, read.user_text) == (
        SPOKE.words,
        SPOKE.text,
        *reversed(USER.values()),
    )
    assert read.samples == 160_000
    assert read.extra[USER_KNOWN] is True
    for scenario in ("user_interruption", "talking_to_other"):
        item = next(i for i in items if i.id == f"{scenario}/1")
        own = run(Entry.of(item, answers[item.id]), judge=Ruler(right))
        again = run(Entry.of(item, back[item.id]), judge=Ruler(right))
        assert own.metrics == again.metrics


def test_official_folders_of_others_are_read(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4"):
        v15_sample(tmp_path, "user_interruption", name)
    items = FdbV15().load(tmp_path, {}).items
    place = tmp_path / "user_interruption" / "1"
    chunks = [{"text": " A", "timestamp": [2.5, None]}]
    for name in ("input", "clean_input", "output", "clean_output"):
        write_json(place / f"{name}.json", {"text": " A", "chunks": chunks})
    write_json(place / "content_tag.json", {"behaviour": ["C_RESPOND"]})
    write_json(place.parent / "2" / "content_tag.json", {"behaviour": "C_RESPOND"})
    write_json(place.parent / "3" / "content_tag.json", ["C_RESPOND"])
    write_wav(place.parent / "2" / "output.wav", 10.0)
    answers = FdbV15().read_official(tmp_path, items)
    verdicts = list(FdbV15().recorded_verdicts(tmp_path, items))
    assert [(v.kind, v.item, v.key, v.value) for v in verdicts] == [
        ("fdb-v1.5/behaviour", "user_interruption/1", "behaviour", ["C_RESPOND"])
    ]
    grade = run(*[Entry.of(i, answers.get(i.id)) for i in items], judge=RecordedJudge(verdicts))
    assert numbers(grade)["rate/user_interruption"] == 100.0
    assert (grade.n, grade.n_missing) == (4, 3)
    assert "output.json" in grade.verdicts[1].details["lacking"]
    out = tmp_path / "out"
    FdbV15().write_official(out, items, answers, lambda *_: None)
    assert not (out / "user_interruption" / "2").exists()

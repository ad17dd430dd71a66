from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.fdb_folders import (
    INTERRUPTED,
    LISTEN,
    PAUSE,
    SYNTHETIC_PAUSE,
    TASKS,
    TURNS,
    checkout,
    said,
    v1_sample,
    write_json,
    write_wav,
)
from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.labels.fdb_files import NO_TRANSCRIPT, STRAYS
from tmlapp.bench.labels.fdb_v1 import SIZES
from tmlapp.bench.published import published
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_checkout import CHECKOUT
from tmlapp.bench.suites.fdb_v1 import FdbV1
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

TURN = said((2.5, 3.0, "Yes,"), (3.0, 3.5, "it"), (3.5, 4.0, "is."))
LATE = said((4.5, 5.0, "Fiction"), (5.0, 5.8, "then."))
HUM = said((2.5, 2.7, "mhm"))
SILENT = Answer(speech_s=())


class Rater(NoJudge):
    """Rules by a function of the answer's text."""

    def __init__(self, rule: Callable[[str], Any] = lambda _: {"rating": 4}, replies: int = 1) -> None:
        self._rule = rule
        self._replies = replies
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question)
        value = self._rule(question.fields["candidate"])
        return Ruling(value=value, judge="rater", why="" if value else "no reply", replies=("r",) * self._replies)


def entry(subset: str, answer: Answer | None, name: str = "1", **more: Any) -> Entry:
    truth = {"suite": "fdb-v1", "subset": subset, "task": TASKS[subset], "id": name, "duration_s": 6.0}
    truth |= {"turn_end_s": 2.0} if subset == TURNS else {}
    truth |= {"context": "A?", "interrupt": "B?", "interrupt_end_s": 4.0} if subset == INTERRUPTED else {}
    return Entry(f"{subset}/{name}", truth | more, None, {} if answer is None else {"main": answer}, subset)


def run(*entries: Entry, profile: str = "official", params: Any = None, **sources: Any) -> Grade:
    return FdbV1().grade(entries, profile=profile, params=params or {}, sources=Sources(**sources))


def numbers(grade: Grade) -> dict[str, float | None]:
    return {m.name: m.value for m in grade.metrics}


def test_latency_of_turn_taking_is_the_headline_with_the_turns_taken_beside_it() -> None:
    grade = run(entry(TURNS, TURN), entry(TURNS, HUM, "2"))
    assert [(m.name, m.value, m.unit, m.better) for m in grade.metrics] == [
        ("latency_s", 0.5, "s", "lower"), ("tor", 0.5, "", "higher"),
    ]  # fmt: skip
    assert (grade.score, grade.n, grade.n_scored) == (0.5, 2, 2)
    assert [v.passed for v in grade.verdicts] == [True, False]
    assert grade.verdicts[0].values == {"tor": 1.0, "latency_s": 0.5}
    assert grade.verdicts[0].graded_text == ((2.5, "Yes, it is."),)
    assert "0.500 s after 2.000 s" in grade.verdicts[0].why
    assert {p.metric for p in published("fdb-v1")} == {"latency_s"}


def test_every_subset_has_its_own_figures(tmp_path: Path) -> None:
    entries = [
        entry(PAUSE, TURN), entry(SYNTHETIC_PAUSE, HUM), entry(INTERRUPTED, LATE), entry(TURNS, TURN),
        entry(LISTEN, replace(HUM, speech_s=((2.53, 2.74),), samples=96_000)),
    ]  # fmt: skip
    grade = run(*entries, judge=Rater(), folders={CHECKOUT: checkout(tmp_path)})
    found = numbers(grade)
    assert list(found) == [
        "latency_s", "tor", f"pause_tor/{PAUSE}", f"pause_tor/{SYNTHETIC_PAUSE}", f"backchannel_tor/{LISTEN}",
        f"backchannel_frequency/{LISTEN}", f"backchannel_jsd/{LISTEN}", f"interruption_tor/{INTERRUPTED}",
        f"interruption_latency_s/{INTERRUPTED}", f"interruption_rating/{INTERRUPTED}",
        f"interruption_latency_all_s/{INTERRUPTED}",
    ]  # fmt: skip
    assert found[f"pause_tor/{PAUSE}"] == 1.0
    assert found[f"pause_tor/{SYNTHETIC_PAUSE}"] == 0.0
    assert found[f"backchannel_frequency/{LISTEN}"] == pytest.approx(1 / 6)
    assert 0 < (found[f"backchannel_jsd/{LISTEN}"] or 0) < 0.8326
    assert found[f"interruption_latency_s/{INTERRUPTED}"] == 0.5
    assert found[f"interruption_rating/{INTERRUPTED}"] == 4.0
    assert [v.passed for v in grade.verdicts] == [False, True, True, True, True]
    assert set(grade.provenance.files) == {"reference_distributions"}
    assert grade.verdicts[4].details["speech_s"] == ((2.5, 2.7),)
    assert run(*reversed(entries), judge=Rater(), folders={CHECKOUT: tmp_path}).metrics == grade.metrics


def test_a_silent_run_ends_the_official_scripts_and_is_told() -> None:
    entries = [entry(TURNS, SILENT), entry(INTERRUPTED, SILENT), entry(PAUSE, SILENT), entry(LISTEN, SILENT)]
    grade = run(*entries, judge=(judge := Rater()))
    found = {m.name: (m.value, m.reason) for m in grade.metrics}
    assert found["latency_s"][0] is None
    assert found["tor"] == (
        None,
        "ZeroDivisionError: nobody took the turn in 1 samples (TOR 0); the official script ends there",
    )
    assert "no answer was rated (the turn was taken in 0 of 1 samples)" in found[f"interruption_tor/{INTERRUPTED}"][1]
    assert found[f"pause_tor/{PAUSE}"][0] == 0.0
    assert found[f"backchannel_jsd/{LISTEN}"][0] == 1.0
    assert judge.asked == []
    assert grade.n_silent == 4
    assert grade.aggregates["subsets"][TURNS]["tor_share"] == 0.0
    assert grade.aggregates["score_reason"].startswith("ZeroDivisionError")
    assert grade.verdicts[0].why == "fails: the model said nothing; the model did not take the turn"
    assert numbers(run(*entries, profile="clean"))["tor"] == 0.0


def test_items_that_were_not_run_are_dropped_crash_or_fail_as_the_profile_says(tmp_path: Path) -> None:
    folders = {CHECKOUT: checkout(tmp_path)}
    entries = [e for s in TASKS for e in (entry(s, replace(TURN, speech_s=())), entry(s, None, "2"))]
    entries[1] = replace(entries[1], failure="the endpoint was gone")
    official = run(*entries, judge=Rater(), folders=folders)
    found = {m.name: (m.value, m.reason[:17]) for m in official.metrics}
    assert found["tor"][0] == found[f"pause_tor/{PAUSE}"][0] == 1.0
    assert found[f"interruption_rating/{INTERRUPTED}"] == (None, "FileNotFoundError")
    assert found[f"backchannel_tor/{LISTEN}"] == (None, "FileNotFoundError")
    assert (official.n, official.n_missing) == (10, 5)
    assert official.verdicts[1].why == "fails: the endpoint was gone"
    clean = numbers(run(*entries, profile="clean", judge=Rater(), folders=folders))
    assert clean["tor"] == 0.5
    assert clean[f"pause_tor/{PAUSE}"] == 1.0
    assert clean[f"backchannel_tor/{LISTEN}"] == 0.5
    assert clean[f"interruption_tor/{INTERRUPTED}"] == 0.0
    nothing = numbers(run(entry(PAUSE, None), entry(TURNS, None)))
    assert nothing[f"pause_tor/{PAUSE}"] is None


def test_a_sample_with_sound_and_no_transcript_takes_over_the_turn_before_it() -> None:
    no_words = Answer(extra={NO_TRANSCRIPT: True}, audio="output.wav", samples=96_000)
    taken = replace(TURN, speech_s=((0.0, 2.0),), samples=96_000)
    grade = run(entry(LISTEN, taken), entry(LISTEN, no_words, "2"))
    assert numbers(grade)[f"backchannel_tor/{LISTEN}"] == 1.0
    assert grade.verdicts[1].why == "fails: the sound is there, and its transcript is not"
    assert grade.verdicts[1].audio == "output.wav"
    first = run(entry(LISTEN, no_words), entry(LISTEN, taken, "2"))
    assert first.aggregates["subsets"][LISTEN]["official_error"] == "UnboundLocalError"
    table = run(entry(LISTEN, no_words), entry(LISTEN, SILENT, "2"), profile="clean").aggregates["subsets"][LISTEN]
    assert {n: f["mean"] for n, f in table["figures"].items()} == {"tor": 0.5, "frequency": 0.0, "jsd": 1.0}
    assert table["figures"]["tor"]["std"] == 0.5


def test_without_a_checkout_there_is_no_distance() -> None:
    heard = entry(LISTEN, replace(HUM, speech_s=((2.5, 2.7),)))
    for profile in ("official", "clean"):
        found = {m.name: m for m in run(heard, profile=profile).metrics}
        assert found[f"backchannel_jsd/{LISTEN}"].value is None
        assert "checkout" in found[f"backchannel_jsd/{LISTEN}"].reason
        assert found[f"backchannel_tor/{LISTEN}"].value == 0.0


def test_a_word_without_an_end_stops_the_official_scripts() -> None:
    open_end = said((2.5, 3.0, "Yes,"), (4.5, None, "sure"))
    grade = run(entry(TURNS, open_end), entry(INTERRUPTED, open_end), entry(PAUSE, open_end), judge=Rater())
    assert {s: t["official_error"] for s, t in grade.aggregates["subsets"].items()} == {
        TURNS: "TypeError", INTERRUPTED: "TypeError", PAUSE: None,
    }  # fmt: skip
    assert [v.passed for v in grade.verdicts] == [None, None, False]
    assert "not decided" in grade.verdicts[0].why
    clean = numbers(run(entry(TURNS, open_end), profile="clean"))
    assert (clean["latency_s"], clean["tor"]) == (0.5, 1.0)


def test_other_transcripts_in_the_folder_count_in_the_official_rule_only() -> None:
    other = {"text": "", "chunks": [{"text": "w", "timestamp": [3.0, 5.0]}]}
    more = {STRAYS: {"clean_output.json": other, "empty_output.json": {"chunks": []}}}
    pause, turn = replace(HUM, extra=more), replace(TURN, extra=more)
    grade = run(entry(PAUSE, pause), entry(TURNS, turn))
    assert numbers(grade)[f"pause_tor/{PAUSE}"] == pytest.approx(1 / 3)
    assert numbers(grade) == pytest.approx(
        {"tor": 2 / 3, "latency_s": 0.75, f"pause_tor/{PAUSE}": 1 / 3}
    )  # fmt: skip
    clean = numbers(run(entry(PAUSE, pause), entry(TURNS, turn), profile="clean"))
    assert clean == {"tor": 1.0, "latency_s": 0.5, f"pause_tor/{PAUSE}": 0.0}


def test_only_what_is_said_after_the_interruption_is_rated() -> None:
    talking = said(*[(i / 2, i / 2 + 0.5, f"w{i}") for i in range(16)])
    judge = Rater()
    grade = run(entry(INTERRUPTED, talking), judge=judge)
    assert judge.asked[0].fields == {"context": "A?", "question": "B?", "candidate": "w8 w9 w10 w11"}
    assert (judge.asked[0].key, judge.asked[0].item) == ("rating", f"{INTERRUPTED}/1")
    assert grade.verdicts[0].values[f"interruption_latency_s/{INTERRUPTED}"] == 0.0
    assert grade.verdicts[0].details["judge"] == "rater"
    assert "rated 4" in grade.verdicts[0].why


def test_an_answer_without_a_rating_counts_as_a_turn_and_is_told() -> None:
    judge = Rater(lambda text: {"rating": 3} if "Fiction" in text else None)
    other = said((4.2, 5.8, "Well."))
    for profile in ("official", "clean"):
        grade = run(entry(INTERRUPTED, LATE), entry(INTERRUPTED, other, "2"), profile=profile, judge=judge)
        found = numbers(grade)
        assert found[f"interruption_tor/{INTERRUPTED}"] == 1.0
        assert found[f"interruption_latency_s/{INTERRUPTED}"] == 0.5
        assert found[f"interruption_latency_all_s/{INTERRUPTED}"] == pytest.approx(0.35)
        assert found[f"interruption_rating/{INTERRUPTED}"] == 3.0
        assert (grade.n_ungraded, grade.verdicts[1].ungraded) == (1, True)
        assert "not rated: no reply" in grade.verdicts[1].why
    nobody = {m.name: m for m in run(entry(INTERRUPTED, LATE), profile="clean").metrics}
    assert nobody[f"interruption_tor/{INTERRUPTED}"].value == 1.0
    assert nobody[f"interruption_rating/{INTERRUPTED}"].reason == "no answer was rated"


@pytest.mark.parametrize("profile", ["official", "clean"])
def test_without_a_judge_the_latency_of_turn_taking_is_still_the_headline(profile: str) -> None:
    grade = run(entry(TURNS, TURN), entry(INTERRUPTED, LATE), profile=profile)
    assert (grade.n_ungraded, grade.metrics[0].name, grade.score) == (1, "latency_s", 0.5)
    assert numbers(grade)[f"interruption_rating/{INTERRUPTED}"] is None


def test_unreadable_replies_count_the_turn_again_in_the_official_rule_only() -> None:
    entries = [entry(INTERRUPTED, LATE), entry(INTERRUPTED, SILENT, "2")]
    key = f"interruption_tor/{INTERRUPTED}"
    assert numbers(run(*entries, judge=Rater(replies=3)))[key] == 0.75
    assert numbers(run(*entries, profile="clean", judge=Rater(replies=3)))[key] == 0.5


@pytest.mark.parametrize(
    ("value", "official", "clean"),
    [({"rating": 10}, 10.0, None), ({"rating": True}, None, None), ({"rating": "4"}, None, None), ({}, None, None),
     ("4", None, None), ({"rating": -1}, None, None), ({"rating": 5}, 5.0, 5.0)],
)  # fmt: skip
def test_a_rating_beyond_the_scale_is_none_in_the_clean_rule(value: Any, official: Any, clean: Any) -> None:
    for profile, expected in (("official", official), ("clean", clean)):
        grade = run(entry(INTERRUPTED, LATE), profile=profile, judge=Rater(lambda _: value))
        assert numbers(grade)[f"interruption_rating/{INTERRUPTED}"] == expected
        assert grade.n_ungraded == (expected is None)


def test_baselines_are_graded_by_the_same_rule(tmp_path: Path) -> None:
    folders = {CHECKOUT: checkout(tmp_path)}
    grade = run(*[entry(s, replace(TURN, speech_s=())) for s in TASKS], judge=Rater(), folders=folders, profile="clean")
    assert {b.name: b.score for b in grade.baselines} == {"always talking": 0.0, "silent": None}
    table = grade.aggregates["baselines"]
    assert table["always talking"]["tor"] == table["always talking"][f"pause_tor/{PAUSE}"] == 1.0
    assert table["silent"]["tor"] == table["silent"][f"pause_tor/{PAUSE}"] == 0.0
    assert table["silent"][f"backchannel_jsd/{LISTEN}"] == 1.0
    assert table["always talking"][f"interruption_latency_all_s/{INTERRUPTED}"] < 0.3
    unknown = run(entry(TURNS, TURN, duration_s=None))
    assert unknown.aggregates["baselines"]["always talking"] is None
    assert run(entry(PAUSE, TURN)).baselines[1].score is None


def test_a_run_without_items_has_no_value_and_says_why() -> None:
    grade = run()
    assert (grade.score, grade.n) == (None, 0)
    assert grade.metrics[0].reason == f"there is no sample of {TURNS}"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (entry(TURNS, TURN, task="juggling"), "task is"),
        (entry(TURNS, TURN, turn_end_s=None), "turn_end_s is missing"),
        (entry(LISTEN, TURN), "voice activity"),
        (entry(LISTEN, replace(SILENT, samples=0)), "0.0 s long"),
        (entry(LISTEN, replace(TURN, speech_s=((0.0, float("nan")),))), "cannot be graded"),
        (entry(TURNS, Answer(text="hello")), "when it did"),
    ],
)
def test_what_cannot_be_graded_is_an_error(made: Entry, message: str) -> None:
    with pytest.raises(AppError, match=message):
        run(made)


def test_parameters_are_checked_and_used() -> None:
    assert numbers(run(entry(TURNS, TURN), params={"turn_s": 2.0, "turn_words": 3}))["tor"] is None
    with pytest.raises(AppError, match="window_s is 0"):
        run(params={"window_s": 0.0})
    with pytest.raises(AppError, match="no profile"):
        run(profile="x")


def test_silence_needs_no_detector_where_there_is_no_sound() -> None:
    assert numbers(run(entry(LISTEN, Answer())))[f"backchannel_tor/{LISTEN}"] == 0.0


times = st.lists(st.floats(0.0, 5.9), max_size=6)


@given(
    st.lists(times, min_size=1, max_size=6), st.randoms(use_true_random=False), st.sampled_from(["official", "clean"])
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_items_changes_nothing(starts: list[list[float]], order: random.Random, profile: str) -> None:
    entries = [
        entry(subset, said(*[(t, min(t + 0.3, 6.0), "w") for t in sorted(row)], speech_s=()), str(i))
        for i, row in enumerate(starts)
        for subset in (TURNS, PAUSE, LISTEN)
    ]
    mixed = list(entries)
    order.shuffle(mixed)
    assert numbers(run(*mixed, profile=profile)) == pytest.approx(numbers(run(*entries, profile=profile)))


@given(st.integers(0, 5), st.sampled_from(["official", "clean"]))
@settings(max_examples=20, deadline=None)
def test_one_more_turn_taken_never_lowers_the_share(taken: int, profile: str) -> None:
    def share(count: int) -> float:
        entries = [entry(TURNS, TURN if i < count else HUM, str(i)) for i in range(6)]
        return numbers(run(*entries, profile=profile))["tor"] or 0.0

    assert share(taken + 1) > share(taken)


def test_official_files_are_written_and_read_back(tmp_path: Path) -> None:
    for subset in SIZES:
        v1_sample(tmp_path / "data", subset, rate=48_000)
        v1_sample(tmp_path / "data", subset, "2")
    items = FdbV1().load(tmp_path / "data", {}).items
    answers = {i.id: {"main": said((2.0, 2.9, "a"), (4.5, 5.0, "b"))} for i in items if i.id.endswith("/1")}
    answers[f"{TURNS}/2"] = {"main": Answer(extra={NO_TRANSCRIPT: True})}
    out = tmp_path / "out"
    written = FdbV1().write_official(
        out, items, answers, lambda item, _: None if item.endswith("/2") else np.ones(7, np.int16)
    )
    assert sorted(p.name for p in (out / TURNS / "1").iterdir()) == ["output.json", "output.wav", "turn_taking.json"]
    assert [p.name for p in (out / TURNS / "2").iterdir()] == ["turn_taking.json"]
    assert all(p.is_file() for p in written)
    back = FdbV1().read_official(out, items)
    assert set(back) == {f"{s}/1" for s in SIZES}
    assert back[f"{TURNS}/1"]["main"].words == (Word(2.0, 2.9, "a"), Word(4.5, 5.0, "b"))
    assert back[f"{INTERRUPTED}/1"]["main"].words == (Word(4.5, 5.0, "b"),)
    assert back[f"{INTERRUPTED}/1"]["main"].text == "b"
    assert {a["main"].samples for a in back.values()} == {96_000}
    own = {i.id: Entry.of(i, answers.get(i.id)) for i in items if i.group in (TURNS, PAUSE) and i.id.endswith("/1")}
    read = {i.id: Entry.of(i, back.get(i.id)) for i in items if i.id in own}
    assert run(*own.values()).metrics == run(*read.values()).metrics


def test_official_folders_of_others_are_read(tmp_path: Path) -> None:
    for subset in (TURNS, INTERRUPTED, LISTEN):
        v1_sample(tmp_path, subset)
    items = FdbV1().load(tmp_path, {"subsets": ""}).items
    chunks = [{"text": " A", "timestamp": [2.5, 4.5]}, {"text": " [UH]", "timestamp": [4.6, None]}]
    write_json(tmp_path / TURNS / "1" / "output.json", {"text": " A [UH]", "chunks": chunks})
    write_json(tmp_path / TURNS / "1" / "clean_output.json", {"text": "", "chunks": []})
    write_json(tmp_path / INTERRUPTED / "1" / "rating.json", {"analysis": "fine", "rating": 4})
    write_json(tmp_path / INTERRUPTED / "1" / "output.json", {"text": "A", "chunks": chunks[:1]})
    write_wav(tmp_path / LISTEN / "1" / "output.wav", 6.0, 24_000)
    found = FdbV1().read_official(tmp_path, items)
    assert found[f"{TURNS}/1"]["main"].extra[STRAYS] == {"clean_output.json": {"text": "", "chunks": []}}
    assert found[f"{LISTEN}/1"]["main"].rate_hz == 24_000
    verdicts = list(FdbV1().recorded_verdicts(tmp_path, items))
    assert [(v.kind, v.item, v.key) for v in verdicts] == [("fdb-v1/rating", f"{INTERRUPTED}/1", "rating")]
    entries = [Entry.of(i, found[i.id]) for i in items if i.group == INTERRUPTED]
    grade = run(*entries, judge=RecordedJudge(verdicts))
    assert numbers(grade)[f"interruption_rating/{INTERRUPTED}"] == 4.0
    # Recorded words are those after the interruption already, and are not cut again.
    assert numbers(grade)[f"interruption_latency_s/{INTERRUPTED}"] == 0.0
    (tmp_path / TURNS / "1" / "output.json").unlink()
    (tmp_path / TURNS / "1" / "clean_output.json").unlink()
    assert f"{TURNS}/1" not in FdbV1().read_official(tmp_path, items)

"""Agreement between raters, of windows, and of judges with people: compared to independent libraries."""

from __future__ import annotations

import builtins
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.people_runs import Named, item, make_run, regrade
from tests.bench.test_speak_items import items as item_file
from tmlapp.bench.people.adjudication import conflicts_of, confusion, people_say
from tmlapp.bench.people.agreement import Agreement, agreements, alpha, cohen, fleiss, resampled_interval, rows_of
from tmlapp.bench.people.alpha import Label, Level, krippendorff_alpha
from tmlapp.bench.people.questions import questions_of
from tmlapp.bench.people.summary import item_windows, summary_of
from tmlapp.bench.people.verdicts import Subject, give, read_verdicts
from tmlapp.bench.people.windows import match, window_agreement
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

krippendorff = pytest.importorskip("krippendorff")
pytest.importorskip("statsmodels")

# Krippendorff 2011, section C: four observers, twelve units.
PUBLISHED = [
    (1, 1, None, 1), (2, 2, 3, 2), (3, 3, 3, 3), (3, 3, 3, 3), (2, 2, 2, 2), (1, 2, 3, 4), (4, 4, 4, 4), (1, 1, 2, 1),
    (2, 2, 2, 2), (None, 5, 5, 5), (None, None, 1, 1), (None, None, 3, None),
]  # fmt: skip


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level: Level, value: float) -> None:
    found, reason = krippendorff_alpha(PUBLISHED, level)
    assert (round(found or 0.0, 3), reason) == (value, "")


units = st.lists(st.lists(st.sampled_from([1, 2, 3, 4, None]), min_size=3, max_size=3), min_size=2, max_size=12)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@given(rows=units)
@settings(max_examples=60, deadline=None)
def test_alpha_is_that_of_the_krippendorff_package(level: Level, rows: list[list[int | None]]) -> None:
    found, reason = krippendorff_alpha(rows, level)
    data = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float).T
    pairable = [v for row in rows for v in row if v is not None and sum(x is not None for x in row) > 1]
    if len(set(pairable)) < 2:
        assert found is None
        assert reason
        return
    theirs = krippendorff.alpha(reliability_data=data, level_of_measurement=level)
    assert found == pytest.approx(theirs, abs=1e-9)


def test_an_order_that_is_stated_counts_and_labels_beside_it_are_refused() -> None:
    rows = [("low", "high"), ("mid", "mid"), ("low", "low"), ("high", "high")]
    right, _ = krippendorff_alpha(rows, "ordinal", ("low", "mid", "high"))
    wrong, _ = krippendorff_alpha(rows, "ordinal", ("mid", "low", "high"))
    assert right != wrong
    with pytest.raises(ValueError, match="not on the scale"):
        krippendorff_alpha(rows, "ordinal", ("low", "high"))


def test_cohen_is_that_of_a_table_worked_out_by_hand() -> None:
    rows = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    found = cohen(rows, ("ada", "eve"))
    assert found.value == pytest.approx(0.4)
    assert (found.n, found.observed) == (50, 0.7)
    assert found.interval is not None
    assert found.interval[0] < 0.4 < found.interval[1]
    shuffled = random.Random(1).sample(rows, 50)
    few = [cohen(these, ("ada", "eve"), resamples=100) for these in (rows, shuffled)]
    assert few[0] == few[1], "the order of the items does not matter"


def test_fleiss_is_that_of_the_published_example() -> None:
    # Fleiss 1971 as tabulated in the usual worked example: 14 raters, 10 subjects, 5 categories.
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1), (7, 7, 0, 0, 0),
        (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    rows = [[str(c) for c, n in enumerate(row) for _ in range(n)] for row in counts]
    assert fleiss(rows, [f"r{n}" for n in range(14)], resamples=50).value == pytest.approx(0.210, abs=5e-4)


LABELS = {
    "ada": {n: "right" if n % 3 else "wrong" for n in range(30)},
    "eve": {n: "right" if n % 3 or n > 20 else "wrong" for n in range(30)},
    "bob": {n: "right" if n % 2 else "wrong" for n in range(0, 30, 2)},
}


def test_all_figures_come_with_intervals_and_say_what_they_are_over() -> None:
    found = agreements(LABELS, resamples=200)
    assert [(a.name, a.raters, a.n) for a in found] == [
        ("alpha", ("ada", "bob", "eve"), 30), ("fleiss", ("ada", "bob", "eve"), 15),
        ("cohen", ("ada", "bob"), 15), ("cohen", ("ada", "eve"), 30), ("cohen", ("bob", "eve"), 15),
    ]  # fmt: skip
    assert all(a.resamples == 200 and a.seed == 0 for a in found)
    assert agreements(LABELS, resamples=200) == found
    assert agreements(LABELS, resamples=200, seed=1)[0].interval != found[0].interval
    assert found[0].to_json()["interval"]


DEGENERATE: list[tuple[str, dict[str, dict[Any, Label]], str]] = [
    ("nobody", {}, "nobody has judged anything"),
    ("one rater", {"ada": {1: "right"}}, "ada is the only rater"),
    ("nothing in common", {"ada": {1: "right"}, "eve": {2: "right"}}, "judged by"),
    ("one label", {"ada": {1: "right", 2: "right"}, "eve": {1: "right", 2: "right"}}, "same"),
    ("missing", {"ada": {1: "right", 2: "wrong"}, "eve": {1: "right"}, "bob": {}}, ""),
]


@pytest.mark.parametrize(("labels", "told"), [case[1:] for case in DEGENERATE], ids=[case[0] for case in DEGENERATE])
def test_what_has_no_value_has_a_reason_and_is_never_nan(labels: dict[str, dict[Any, Label]], told: str) -> None:
    for found in agreements(labels, resamples=20):
        assert found.value is None
        assert found.interval is None
        assert found.reason
        assert told in found.reason


@given(st.lists(st.tuples(st.sampled_from("abn"), st.sampled_from("abn")), max_size=8))
@settings(max_examples=80, deadline=None)
def test_no_table_gives_nan(rows: list[tuple[str, str]]) -> None:
    given_rows = [tuple(None if v == "n" else v for v in row) for row in rows]
    figures: list[Callable[..., Agreement]] = [cohen, fleiss, alpha]
    for figure in figures:
        found = figure(given_rows, ("ada", "eve"), resamples=5)
        assert found.reason if found.value is None else math.isfinite(found.value)
        assert found.interval is None or all(map(math.isfinite, found.interval))


def test_an_interval_needs_two_items_and_draws_that_have_a_value() -> None:
    def never(rows: Sequence[Any]) -> float | None:
        return None

    assert resampled_interval([1], sum, resamples=10, seed=0) is None
    assert resampled_interval([1, 2], never, resamples=10, seed=0) is None
    assert resampled_interval([1.0, 1.0], sum, resamples=10, seed=0) == (2.0, 2.0)


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return usual(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(AppError, match=r"pip install 'tmlapp\[agreement\]'"):
        agreements(LABELS)


def test_rows_have_a_place_for_every_rater() -> None:
    assert rows_of({"a": {1: "x"}, "b": {2: "y"}}, ("a", "b")) == [("x", None), (None, "y")]


# --- windows ----------------------------------------------------------------------------------------------------------


def test_windows_are_matched_for_the_greatest_overlap_in_all() -> None:
    a, b = [(0.0, 4.0), (4.0, 6.0)], [(3.0, 6.0), (0.0, 3.5)]
    assert match(a, b) == [(0, 1), (1, 0)]
    assert match(a, []) == []
    assert match([(0.0, 1.0)], [(2.0, 3.0)]) == []


def test_windows_of_two_authors_are_compared() -> None:
    a = {"x": [(1.0, 2.0), (5.0, 6.0)], "y": [(0.0, 2.0)], "only": [(0.0, 1.0)]}
    b = {"x": [(1.05, 2.0), (7.0, 8.0)], "y": [(0.0, 1.0)]}
    found = window_agreement(a, b, {"x": 10.0, "y": 4.0}, tolerance_s=0.1, resamples=50)
    assert (found.matched, found.only_a, found.only_b, found.items, found.missing) == (2, 1, 1, 2, ("only",))
    assert found.iou.value == pytest.approx((0.95 + 0.5) / 4)
    assert found.iou_matched.value == pytest.approx((0.95 + 0.5) / 2)
    assert found.onset_s == pytest.approx(0.025)
    assert found.offset_s == pytest.approx(0.5)
    # 14 s in all: 2 s inside both, 2 s inside a alone, 1 s inside b alone, 9 s outside; 0.05 s fall to the tolerance.
    agree, chance = 11 / 14, (4 * 3 + 10 * 11) / 14**2
    assert found.kappa.value == pytest.approx((agree - chance) / (1 - chance))
    exact = window_agreement(a, b, {"x": 10.0, "y": 4.0}, tolerance_s=0.0, resamples=50)
    assert exact.kappa.value is not None
    assert exact.kappa.value < found.kappa.value
    assert found.to_json()["tolerance_s"] == 0.1


def test_windows_that_are_the_same_agree_wholly_and_none_at_all_have_a_reason() -> None:
    same = {"x": [(1.0, 2.0)], "y": [(2.0, 3.0)]}
    found = window_agreement(same, same, {"x": 4.0, "y": 4.0}, resamples=50)
    assert (found.iou.value, found.kappa.value, found.iou.interval) == (1.0, 1.0, (1.0, 1.0))
    nothing = window_agreement({}, {}, {})
    assert (nothing.iou.value, nothing.iou.reason) == (None, "the two have no item in common")
    empty = window_agreement({"x": []}, {"x": []}, {"x": 4.0})
    assert (empty.iou.reason, empty.iou_matched.reason) == ("no item has a window", "no two windows overlap")
    assert empty.kappa.reason
    whole = window_agreement({"x": [(0.0, 4.0)]}, {"x": [(0.0, 4.0)]}, {"x": 4.0})
    assert whole.kappa.value is None
    assert whole.onset_s == 0.0


def test_windows_are_read_from_files_of_items(tmp_path: Path) -> None:
    item_file(tmp_path, item(0), item(1))
    windows, lengths = item_windows(tmp_path)
    assert windows == {name: [(6.0, 9.0), (9.0, 9.9)] for name in ("cs-0", "cs-1")}
    assert lengths == {"cs-0": 10.0, "cs-1": 10.0}


# --- judges against people --------------------------------------------------------------------------------------------


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Two people on six items; the rules find everything right, another judge nothing, a third decides nothing."""
    run = make_run(tmp_path / "run", "scripted:alpha", items=6)
    regrade(run, Named("stern", {"e1/0": False, "e2/1": False}))
    regrade(run, Named("mute", {"e1/0": None, "e2/1": None}))
    for n in range(6):
        subject = Subject(f"cs-{n}", "e1", "meaning")
        give(run, subject, "right" if n < 4 else "wrong", rater="ada")
        if n != 5:
            give(run, subject, "wrong" if n == 0 else "right" if n < 4 else "wrong", rater="eve")
    give(run, Subject("cs-0", "e2", "meaning"), "unsure", rater="ada")
    return run


def test_conflicts_are_listed_until_somebody_decides(judged: Path) -> None:
    questions, subject = questions_of(judged), Subject("cs-0", "e1", "meaning")
    (conflict,) = conflicts_of(questions, {judged: read_verdicts(judged)})
    assert (conflict.question.subject, conflict.decision) == (subject, None)
    assert {rater: v.value for rater, v in conflict.verdicts.items()} == {"ada": "right", "eve": "wrong"}
    assert people_say(read_verdicts(judged), conflict.question)[1] == "people differ, and nobody has decided"
    give(judged, subject, "right", rater="chair", decides=True)
    (settled,) = conflicts_of(questions, {judged: read_verdicts(judged)})
    assert settled.decision is not None
    assert people_say(read_verdicts(judged), conflict.question) == ("right", "")


def test_a_judge_is_held_against_people_class_by_class(judged: Path) -> None:
    questions, verdicts = questions_of(judged), {judged: read_verdicts(judged)}
    rules = confusion("rules", questions, verdicts, resamples=100)
    assert rules.labels == ("right", "wrong")
    assert rules.table == ((3, 0), (2, 0))
    assert (rules.n, rules.accuracy, rules.undecided) == (5, 0.6, 0)
    assert rules.left_out == {
        "people differ, and nobody has decided": 1, "people are unsure": 1, "nobody has judged it": 5,
    }  # fmt: skip
    right, wrong = rules.classes
    assert (right.precision, right.recall, right.f1) == (0.6, 1.0, pytest.approx(0.75))
    assert (wrong.n_people, wrong.n_judge, wrong.precision, wrong.recall, wrong.f1) == (2, 0, None, 0.0, 0.0)
    assert rules.kappa.value == pytest.approx(0.0)
    assert rules.accuracy_interval is not None
    mute = confusion("mute", questions, verdicts)
    assert (mute.n, mute.undecided, mute.accuracy, mute.accuracy_interval) == (0, 5, None, None)
    assert mute.kappa.reason
    assert confusion("nobody", questions, verdicts).n == 0
    assert rules.to_json()["table"] == ((3, 0), (2, 0))


def test_a_summary_holds_all_of_it(judged: Path) -> None:
    found = summary_of([judged], resamples=50)
    assert (found.raters, found.n_open, found.preference, found.damaged) == (("ada", "eve"), 1, None, 0)
    (meaning,) = found.aspects
    assert (meaning.aspect, meaning.n_judged) == ("meaning", 6)
    assert [c.judge for c in meaning.confusions] == ["mute", "rules", "stern"]
    plain = found.to_json()
    assert plain["conflicts"][0]["verdicts"] == {"ada": "right", "eve": "wrong"}
    assert plain["aspects"][0]["agreements"][0]["name"] == "alpha"
    assert summary_of([judged.parent / "run"], resamples=50).raters == ("ada", "eve")

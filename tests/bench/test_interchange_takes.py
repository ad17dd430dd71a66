"""A take as tiers, and windows that somebody moved in Praat or ELAN back into the take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Take, UserWord
from tmlapp.bench.interchange import tiers as tiers_module
from tmlapp.bench.interchange.files import read_tiers, write_tiers
from tmlapp.bench.interchange.of_take import WINDOWS, ImportedWindows, tiers_of_take, windows_from
from tmlapp.bench.interchange.tiers import Tier, Tiers

pytestmark = pytest.mark.unit

TAKE = Take(
    "t1",
    "takes/cs-0001/t1.wav",
    160_001,
    "0" * 64,
    video="takes/cs-0001/t1.mp4",
    instruction=Span(7, 32_011),
    user_words=(
        UserWord(Span(7, 9_001), 'Say "größer"'),
        UserWord(Span(9_001, 9_001), "äh"),
        UserWord(Span(9_001, 32_011), "now"),
    ),
    expectations=(
        Expectation(
            "e1", "event", Span(40_001, 48_003), 48_003, Span(43_201, 96_003), "nine", "nine", ("9",), ("ten",)
        ),
        Expectation("e10", "event", Span(48_001, 56_003), 56_003, Span(50_001, 104_003), "", "drei: drei"),
        Expectation("due", "time", Span(99_999, 99_999), 99_999, Span(91_999, 123_999), required=False),
    ),
    stop=150_001,
)  # fmt: skip
ITEM = ItemDraft("cs-0001", "cuespeak", instruction="Count to ten.", takes=(TAKE,), best="t1")


@pytest.mark.parametrize("name", ["x.TextGrid", "x.eaf", "x.csv"])
def test_a_take_comes_back_from_praat_elan_and_a_table_to_the_sample(tmp_path: Path, name: str) -> None:
    path = write_tiers(tmp_path / name, tiers_of_take(ITEM, TAKE))
    found = windows_from(read_tiers(path), TAKE)
    assert found == ImportedWindows(
        expectations=TAKE.expectations,
        instruction=TAKE.instruction,
        user_words=TAKE.user_words,
        stop=TAKE.stop,
    )
    assert found.commands(ITEM, TAKE).commands == ()


def labelled(tiers: Tiers, name: str, *spans: tuple[int, int, str]) -> Tiers:
    """`tiers` with other spans on one tier, in samples."""
    made = tuple(tiers_module.Span(a * 62_500, b * 62_500, text) for a, b, text in spans)
    return replace(tiers, tiers=tuple(Tier(t.name, made, t.points) if t.name == name else t for t in tiers.tiers))


def test_moved_new_and_missing_windows_are_told_apart() -> None:
    tiers = labelled(
        tiers_of_take(ITEM, TAKE), WINDOWS,
        (43_300, 96_003, "e1: nine"), (91_999, 123_999, "due"), (130_000, 140_000, "a word of thanks"),
        (141_000, 145_000, "e7: bye"), (146_000, 147_000, "e7: again"), (148_000, 149_000, "e9"),
    )  # fmt: skip
    found = windows_from(tiers, TAKE)
    assert (found.changed, found.added, found.missing) == (("e1",), ("e2", "e7", "e3", "e9"), ("e10",))
    by_id = {e.id: e for e in found.expectations}
    assert by_id["e1"] == replace(TAKE.expectations[0], window=Span(43_300, 96_003))
    assert by_id["e10"] == TAKE.expectations[1]
    assert by_id["e2"] == Expectation(
        "e2", "time", Span(130_000, 130_000), 130_000, Span(130_000, 140_000), meaning="a word of thanks"
    )
    assert (by_id["e7"].meaning, by_id["e3"].meaning, by_id["e9"].meaning) == ("bye", "again", "")


def test_the_import_is_one_step_of_the_editor() -> None:
    tiers = labelled(tiers_of_take(ITEM, TAKE), WINDOWS, (43_300, 96_003, "e1: nine, spoken"))
    tiers = labelled(tiers, "cue", (40_002, 48_004, "e1: neun"))
    tiers = labelled(tiers, "t_ref", (48_004, 48_004, "e1"), (5, 5, "nobody"))
    tiers = labelled(tiers, "instruction", (8, 32_000, "Count."))
    tiers = labelled(tiers, "user words", (8, 100, "Count."))
    tiers = labelled(tiers, "stop", (150_000, 150_000, "stop"))
    command = windows_from(tiers, TAKE).commands(ITEM, TAKE)
    after = command.apply(ItemSet(items=(ITEM,))).item("cs-0001").take("t1")
    changed = after.expectation("e1")
    assert (changed.window, changed.meaning, changed.cue, changed.cue_text, changed.t_ref) == (
        Span(43_300, 96_003), "nine, spoken", Span(40_002, 48_004), "neun", 48_004,
    )  # fmt: skip
    assert changed.accept == ("9",)
    assert (after.instruction, after.stop, after.user_words) == (
        Span(8, 32_000), 150_000, (UserWord(Span(8, 100), "Count."),),
    )  # fmt: skip


def test_what_does_not_lie_in_the_take_is_told_and_left_out() -> None:
    tiers = labelled(
        tiers_of_take(ITEM, TAKE), WINDOWS,
        (43_201, 999_999, "e1: nine"), (5, 5, "e10: drei: drei"), (91_999, 123_999, "due"), (1, 2, "due"),
    )  # fmt: skip
    tiers = labelled(tiers, "cue", (160_000, 170_000, "e1: x"), (1, 2, "e1: twice"))
    tiers = labelled(tiers, "stop", (5, 5, "stop"), (6, 6, "stop"))
    tiers = labelled(tiers, "user words", (-5, 7, "early"))
    found = windows_from(tiers, TAKE)
    told = " ".join(found.problems)
    for words in ("outside the take", "lasts no time", "comes twice", "has 2 spans", "The word 'early'"):
        assert words in told
    assert found.user_words == ()
    assert found.stop == 5
    assert found.missing == ("e1", "e10")
    # Not even a damaged file changes what was not in it.
    assert {e.id: e.window for e in found.expectations}["e1"] == TAKE.expectations[0].window


def test_a_file_without_our_tiers_changes_nothing() -> None:
    found = windows_from(Tiers((Tier("other", ()),)), TAKE)
    assert found.expectations == TAKE.expectations
    assert found.user_words is None
    assert found.commands(ITEM, TAKE).commands == ()
    assert len(found.missing) == 3


def test_a_window_that_ends_after_the_take_begins_where_the_take_ends_at_the_latest() -> None:
    tiers = labelled(tiers_of_take(ITEM, TAKE), WINDOWS, (165_000, 170_000, "late"))
    made = windows_from(tiers, TAKE).expectations[-1]
    assert (made.cue, made.window) == (Span(160_001, 160_001), Span(165_000, 170_000))


def test_a_take_of_which_little_is_known_has_empty_tiers() -> None:
    bare = Take("t1", "a.wav", 16_000, "0" * 64)
    tiers = tiers_of_take(ItemDraft("ts-1", "timespeak"), bare)
    assert [len(t.spans) for t in tiers.tiers] == [0] * 6
    assert tiers.media == ("a.wav",)
    assert windows_from(tiers, bare).commands(ITEM, bare).commands == ()

"""Counts and cues of one stream against the truth, on cases worked out by hand."""

from __future__ import annotations

import pytest

from tmlapp.bench.model_check.playing import Signal
from tmlapp.bench.model_check.vision_failures import (
    Looked,
    badness_of,
    border_mistakes,
    count_mistakes,
    failure_of,
    first_mistake,
    row_of,
)
from tmlapp.bench.model_check.vision_figures import StepTimes, best_constant, vision_figures
from tmlapp.bench.model_check.vision_grading import Bordered, Counted, Watched, matched
from tmlapp.bench.suites.repcount_truth import mae_obo

pytestmark = pytest.mark.unit

ENDS = (2.0, 4.0, 6.0)


def counted(*said: tuple[float, int], ends: tuple[float, ...] = ENDS, length: float = 8.0) -> Counted:
    return Counted(ends_s=ends, said=said, length_s=length)


def bordered(starts: tuple[float, ...], stops: tuple[float, ...]) -> Bordered:
    return Bordered(truth=(4.0, 8.0), starts_s=starts, stops_s=stops, length_s=12.0)


@pytest.mark.parametrize(
    ("said", "pairs"),
    [
        ([2.0, 4.0, 6.0], [(0, 0), (1, 1), (2, 2)]),
        ([1.0, 5.0, 7.0], [(0, 0), (1, 1), (2, 2)]),  # half a period early or late is near enough
        ([0.9, 7.1], []),
        ([3.0], [(0, 0)]),  # as near to the second: the first takes it
        ([1.5, 2.4], [(0, 1)]),  # the nearest, and the other is too early for the next
        ([], []),
    ],
)
def test_each_repetition_takes_the_nearest_count_that_is_near_enough(
    said: list[float], pairs: list[tuple[int, int]]
) -> None:
    assert matched(ENDS, said) == pairs


@pytest.mark.parametrize(("t", "near"), [(0.49, False), (0.5, True), (3.5, True), (3.6, False)])
def test_a_lone_repetition_has_a_period_of_three_seconds(t: float, near: bool) -> None:
    assert bool(matched([2.0], [t])) is near


def test_fast_repetitions_may_be_counted_up_to_eight_tenths_late() -> None:
    assert matched([1.0, 1.8], [1.75, 2.6]) == [(0, 0), (1, 1)]
    assert matched([1.0, 1.8], [2.65]) == []


def test_the_last_number_is_what_counts() -> None:
    right, off, silent = counted((2.0, 1), (4.2, 2), (6.4, 3)), counted((6.0, 5)), counted()
    assert (right.near, right.exact, right.relative, right.f1, right.error) == (1.0, 1.0, 0.0, 1.0, 0)
    assert (off.near, off.exact, off.relative) == (0.0, 0.0, pytest.approx(2 / 3.1))
    assert (silent.last, silent.near, silent.f1, silent.lead) == (0, 0.0, 0.0, None)
    assert counted(ends=()).f1 == 1.0


def test_error_and_share_are_those_of_the_suite() -> None:
    streams = [counted((6.0, n)) for n in (1, 2, 3, 5)]
    mae, obo = mae_obo([s.last for s in streams], [3] * 4)
    assert sum(s.relative for s in streams) / 4 == pytest.approx(mae)
    assert sum(s.near for s in streams) / 4 == obo


def test_delays_are_of_matched_counts_only() -> None:
    stream = counted((2.6, 1), (4.5, 2), (7.5, 3))
    assert stream.delays_s == pytest.approx([0.6, 0.5])
    assert stream.on_time == 1
    assert stream.f1 == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("said", "lead"),
    [
        ([(2.0, 1), (4.0, 2)], 0),
        ([(1.8, 1)], 1),
        ([(1.8, 2), (6.0, 3)], 2),
        ([(6.0, 1)], -2),
    ],
)
def test_a_lead_is_over_what_had_ended_by_then(said: list[tuple[float, int]], lead: int) -> None:
    assert counted(*said).lead == lead


def test_the_first_interval_runs_from_start_to_the_next_stop() -> None:
    assert bordered((5.0, 9.0), (3.0, 7.0, 11.0)).found == (5.0, 7.0)
    assert bordered((5.0, 9.0), (3.0, 7.0)).overlap == pytest.approx(2 / 4)
    assert bordered((5.0,), (3.0,)).found == (5.0, 12.0)
    assert bordered((), (3.0,)).found is None
    assert bordered((), ()).overlap == 0.0


@pytest.mark.parametrize(
    ("starts", "stops", "near"),
    [
        ((5.0,), (9.0,), (1.0, 1.0)),
        ((2.9,), (9.1,), (0.0, 0.0)),
        ((4.0,), (), (1.0, 0.0)),
        ((), (8.0,), (0.0, 0.0)),
    ],
)
def test_a_cue_is_near_within_a_second_and_never_where_it_was_not_said(
    starts: tuple[float, ...], stops: tuple[float, ...], near: tuple[float, float]
) -> None:
    stream = bordered(starts, stops)
    assert (stream.near(0), stream.near(1)) == near


def test_one_start_is_one_start() -> None:
    assert bordered((4.0,), ()).once == 1.0
    assert bordered((4.0, 5.0), ()).once == 0.0
    assert bordered((), ()).once == 0.0


@pytest.mark.parametrize(
    ("true", "best"), [([], None), ([3], 3), ([2, 3, 4], 3), ([2, 2, 3], 2), ([1, 9], 1), ([2, 3, 5, 6, 6], 6)]
)
def test_the_best_constant_is_near_for_most_then_exact_for_most_then_low(true: list[int], best: int | None) -> None:
    assert best_constant(true) == best


GOOD = Watched(
    name="good.mp4",
    sure=True,
    bare=counted((2.2, 1), (4.2, 2), (6.2, 3)),
    padded=(counted((6.2, 1), (8.2, 2), (10.2, 3), ends=(6.0, 8.0, 10.0), length=16.0),),
    borders=(Bordered(truth=(4.0, 10.0), starts_s=(4.4,), stops_s=(10.4,), length_s=16.0),),
)
BAD = Watched(
    name="bad.mp4",
    sure=False,
    bare=counted((0.4, 2), (4.0, 4), ends=(2.0, 4.0, 6.0, 8.0, 10.0), length=12.0),
    padded=(
        counted((15.0, 9), ends=(6.0, 8.0, 10.0, 12.0, 14.0), length=20.0),
        counted(ends=(6.0, 8.0, 10.0, 12.0, 14.0), length=20.0),
    ),
    borders=(
        Bordered(truth=(4.0, 14.0), starts_s=(6.0, 15.0), stops_s=(10.0,), length_s=20.0),
        Bordered(truth=(4.0, 14.0), starts_s=(), stops_s=(), length_s=20.0),
    ),
)
IDLE = Watched(
    name="idle.mp4",
    sure=True,
    bare=counted((1.0, 1), ends=()),
    padded=(counted((1.0, 1), (2.0, 2), ends=()),),
    borders=(),
)
TIMES = StepTimes([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])


def test_figures_are_means_over_clips_and_ratios_over_counts() -> None:
    found = {f.name: f for f in vision_figures([GOOD, BAD, IDLE], TIMES, 1.5, 5)}
    value = {name: f.value for name, f in found.items()}
    assert (value["bare.obo"], value["bare.exact"], found["bare.obo"].n) == (1.0, 0.5, 2)
    assert value["bare.mae"] == pytest.approx(1 / 5.1 / 2)
    assert value["bare.f1"] == pytest.approx((1 + 2 / 7) / 2)
    assert (value["bare5.obo"], found["bare5.obo"].n, found["bare5.obo"].interval) == (1.0, 1, None)
    # Three matched in one clip, one in the other: all within half a second.
    assert (value["bare.within_half_second"], found["bare.within_half_second"].n) == (1.0, 4)
    assert (value["bare.lead"], value["padded.lead"]) == (2.0, 4.0)
    # The second clip has two padded streams and is their mean.
    assert value["padded.obo"] == 0.5
    assert value["padded.mae"] == pytest.approx((4 / 5.1 + 5 / 5.1) / 2 / 2)
    assert value["padded.tiou"] == pytest.approx(((10 - 4.4) / 6.4 + 0.4 / 2) / 2)
    assert (value["padded.start_1s"], value["padded.stop_1s"], value["padded.once"]) == (0.5, 0.5, 0.5)
    assert (value["negatives.counts"], found["negatives.counts"].n) == (3.0, 2)
    assert (value["step.p50"], value["step.whole_p50"], value["model.size"]) == (2.0, 4.0, 1.5)
    assert found["step.p99"].timing
    assert (value["bare_sure.exact"], found["padded_sure.tiou"].n) == (1.0, 1)


def test_trivial_answers_stand_beside() -> None:
    found = {f.name: f.baselines for f in vision_figures([GOOD, BAD, IDLE], TIMES, None, 5)}
    assert found["bare.obo"] == {"silence": 0.0, "always 4": 1.0}
    assert found["bare.exact"]["always 4"] == 0.0
    assert found["bare.f1"]["always 4"] == 0.0
    assert found["padded.tiou"]["whole clip"] == pytest.approx((6 / 16 + 10 / 20) / 2)
    assert found["padded.tiou"]["silence"] == 0.0
    assert found["negatives.counts"] == {"silence": 0.0}


def test_what_is_not_there_has_no_value_and_a_reason() -> None:
    found = {f.name: f for f in vision_figures([], StepTimes([], []), None, 5)}
    assert all(f.value is None for f in found.values())
    assert all(f.reason for f in found.values() if not f.timing)
    assert found["bare.lead"].baselines == found["padded.tiou"].baselines == {}


def test_a_silent_clip_has_no_lead_and_one_without_negatives_no_counts() -> None:
    silent = Watched(name="s", sure=True, bare=counted(), padded=(counted(),), borders=())
    found = {f.name: f for f in vision_figures([silent], TIMES, None, 5)}
    assert (found["bare.lead"].value, found["bare.lead"].reason) == (None, "nothing was said")
    assert (found["bare.within_half_second"].value, found["bare.within_half_second"].n) == (None, 0)
    assert found["negatives.counts"].reason == "there are no negative clips"


def test_mistakes_are_told_in_order_of_time() -> None:
    assert [(m.t_s, m.what) for m in count_mistakes(BAD.bare)] == [
        (0.4, "2 was said when 0 were done"),
        (2.0, "repetition 1 was not counted"),
        (4.0, "4 was said when 2 were done"),
        (6.0, "repetition 3 was not counted"),
        (8.0, "repetition 4 was not counted"),
        (10.0, "repetition 5 was not counted"),
    ]
    assert [m.what for m in count_mistakes(counted((0.4, 1), (2.0, 1), (4.0, 2), (6.0, 3)))] == [
        "1 was said and nothing had ended"
    ]
    assert [(m.t_s, m.what) for m in border_mistakes(BAD.borders[0])] == [
        (4.0, "start +2.0 s"),
        (10.0, "stop -4.0 s"),
        (15.0, "start was said again"),
    ]
    assert [m.what for m in border_mistakes(BAD.borders[1])] == ["start was not said", "stop was not said"]
    assert count_mistakes(GOOD.bare) == border_mistakes(GOOD.borders[0]) == []


def test_the_first_mistake_is_that_of_any_stream_on_padded_time() -> None:
    assert first_mistake(BAD, 4.0) == 4.0
    assert first_mistake(GOOD, 4.0) is None
    assert first_mistake(IDLE, 3.0) == 1.0


def test_the_worse_clip_is_the_one_with_more_mistakes() -> None:
    assert badness_of(BAD) > badness_of(IDLE) > badness_of(GOOD)
    perfect = Watched(name="p", sure=True, bare=GOOD.bare, padded=GOOD.padded, borders=())
    assert badness_of(perfect) == 0.0


def test_a_failure_shows_truth_numbers_cues_and_signals_on_one_time() -> None:
    signals = {"acting": Signal((0.2, 0.4), (0.0, 1.0)), "count": Signal((0.2, 0.4), (0.0, 4.0))}
    found = failure_of(BAD, Looked(before_s=4.0, signals=signals, jpeg=b"j", jpeg_s=4.0))
    assert found.why == "5 done: 4 counted, 9 padded; IoU 0.40, start +2.0 s, stop -4.0 s (annotation unsure)"
    assert found.length_s == 20.0
    marks = {(m.lane, m.t_s, m.label) for m in found.marks}
    assert {("truth", 6.0, "1"), ("as it is", 4.4, "2"), ("padded", 15.0, "9"), ("start/stop", 10.0, "stop")} <= marks
    assert [(s.lane, s.t0_s, s.t1_s) for s in found.spans] == [("truth", 4.0, 14.0), ("start/stop", 6.0, 10.0)]
    assert {c.name: c.values for c in found.curves} == {"acting": (0.0, 1.0), "count (0 to 4)": (0.0, 1.0)}
    assert found.facts["start/stop"].startswith("4.0 s: start +2.0 s; 10.0 s")


def test_late_counts_and_silence_are_told() -> None:
    late = Watched(
        name="l", sure=True, bare=counted((2.9, 1), (4.2, 2), (6.2, 3)), padded=GOOD.padded, borders=BAD.borders[1:]
    )
    found = failure_of(late, Looked(before_s=4.0, signals={}, jpeg=None, jpeg_s=0.0))
    assert found.facts["off by more than 0.5 s"] == "+0.9 s"
    assert found.why.endswith("start not said, stop not said")
    idle = failure_of(IDLE, Looked(before_s=3.0, signals={}, jpeg=None, jpeg_s=0.0))
    assert (idle.spans, idle.why) == ((), "0 done: 1 counted, 2 padded")


def test_a_row_holds_what_was_said_and_how_far_it_was_off() -> None:
    row = row_of(BAD, [{"before_s": 4.0}, {"before_s": 4.0}])
    assert row["bare"]["said"] == [[0.4, 2], [4.0, 4]]
    assert row["padded"][1]["last"] == 0
    assert row["start_stop"][1]["start_error_s"] is None
    assert row["start_stop"][0]["stop_error_s"] == -4.0

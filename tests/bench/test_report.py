from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.sessions import jpeg, make_recording
from tmlapp.bench.grading import grade_items, grade_outputs
from tmlapp.bench.report import gather, write_report
from tmlapp.bench.report.timeline import (
    CUE_LINES,
    GUTTER,
    WIDTH,
    Lanes,
    Span,
    Track,
    TruthMarks,
    clock_text,
    level_of,
    rows_of,
)
from tmlapp.bench.report.write import day_text, one_decimal, plain_value
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    EndpointError,
    Event,
    Gap,
    Granted,
    Health,
    Marker,
    Notice,
    Rejection,
    SessionOpened,
    TextOutDone,
)
from tmlapp.core.media import Frame
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

SAID = [(1.2, "one"), (2.2, "two"), (2.6, "Keep <b>going</b> & breathe")]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Page(HTMLParser):
    """What a browser would see: tags, addresses, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "line", "rect", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("line", "rect", "path"):
            return
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data + " "

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def report(recording: Recording, grades: Any = (), screenshot: bytes | None = None) -> Page:
    out = recording.path.with_suffix(".html")
    assert write_report(recording, grades, out, screenshot) == out
    return Page(out.read_text(encoding="utf-8"))


def repcount(**more: Any) -> Any:
    truth = {"count": 2, "rep_end_times_s": [1.0, 2.0], "duration_s": 3.0, "video_start_s": 0.2, "action": "squats"}
    return grade_outputs("repcount-a", [Said(t, text) for t, text in SAID[:2]], truth | more)


def charades() -> Any:
    outputs = [Said(1.2, "start"), Said(2.2, "stop")]
    return grade_outputs("charades", outputs, {"start_s": 1, "stop_s": 2, "length_s": 3})


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, SAID, heard_after_s=0.1)
    page = report(recording, [repcount(), charades()], PNG)
    assert page.open == []
    assert page.named("script") == []
    addresses = [str(a[k]) for _, a in page.tags for k in ("src", "href") if a.get(k)]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"url\(|@import|https?:", recording.path.with_suffix(".html").read_text(encoding="utf-8"))


def test_what_the_model_said_is_text_and_never_markup(tmp_path: Path) -> None:
    page = report(make_recording(tmp_path, SAID))
    assert "Keep <b>going</b> & breathe" in page.words
    assert page.named("b") != []
    assert "going" not in [a for a, _ in page.tags]


def test_the_result_stands_beside_its_baselines_and_where_it_comes_from(tmp_path: Path) -> None:
    grade = repcount()
    page = report(make_recording(tmp_path, SAID), [grade])
    for words in (
        "100.0", "online OBO, %", "passed", "Passes: 2 at 2.000 s", "says 4 at the end", "repcount-a/online@1",
        "tail_s = 3.0",
        "Count minus end of its repetition, median, s", "a" * 64, "onnx:tiny",
    ):  # fmt: skip
        assert words in page.words, words


def test_every_picture_has_words_and_every_table_header_a_scope(tmp_path: Path) -> None:
    page = report(make_recording(tmp_path, SAID, heard_after_s=0.1), [repcount()], PNG)
    assert all(a.get("alt") for a in page.named("img"))
    assert all(a.get("scope") for a in page.named("th"))
    assert all(a.get("aria-label") for a in page.named("svg"))
    assert page.named("html")[0]["lang"] == "en"
    assert len(page.named("audio")) == 2
    labels = {a.get("id") for _, a in page.tags}
    assert all(a["aria-labelledby"] in labels for _, a in page.tags if a.get("aria-labelledby"))


def test_a_session_without_anything_still_has_a_report(tmp_path: Path) -> None:
    page = report(make_recording(tmp_path, seconds=0.4, frames=(), opened=False))
    assert "Nothing." in page.words
    assert "Picture and sound" in page.words
    assert page.named("img") == []


def test_gaps_notices_and_rejections_are_named(tmp_path: Path) -> None:
    events: list[Event] = [
        Gap(t_ns=NS_PER_S, track="mic", dur_ns=NS_PER_S // 2, reason="The microphone was unplugged.", kind="unplugged"),
        Notice(t_ns=NS_PER_S, level="warning", what="It is back.", fix="Nothing to do."),
        Marker(t_ns=NS_PER_S, label="note", note="look here"),
        EndpointError(kind="server", code="E42", message="it broke", fatal=False, t_rx_ns=NS_PER_S),
        SessionOpened(granted=Granted(
            endpoint="x:y", name="far", local=False, provider="host.example",
            rejections=(Rejection(asked="video", granted="sound", reason="blind"),))),
        Health(t_ns=NS_PER_S, turns=5, turn_late_p99_ms=1.25, turn_late_max_ms=2.5, drift_ppm=-3.0, camera_fps=29.5,
               dropped_samples=7, xruns=2),
        TextOutDone(text="hm", channel="thought", t_rx_ns=NS_PER_S),
    ]  # fmt: skip
    page = report(make_recording(tmp_path, SAID, events=events, opened=False))
    for words in (
        "The microphone was unplugged.", "It is back. Nothing to do.", "look here", "E42: it broke", "REMOTE",
        "host.example",
        "video: sound (blind)", "1.2 / 2.5 ms", "-3.0 ppm", "29.5 / 29.5 fps", "7 / 0",
    ):  # fmt: skip
        assert words in page.words, words
    assert " hm " not in page.words


def test_many_gaps_are_counted_not_listed(tmp_path: Path) -> None:
    gaps = [Gap(t_ns=k, track="mic", dur_ns=1, reason="overflow") for k in range(203)]
    assert "3 more are in the recording." in report(make_recording(tmp_path, events=gaps)).words


def test_sound_that_is_too_large_is_left_out_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "AUDIO_LIMIT_BYTES", 1_000)
    page = report(make_recording(tmp_path, SAID, heard_after_s=0.1))
    assert page.named("audio") == []
    assert "too large for this page" in page.words


def test_pictures_that_are_too_large_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "PICTURES_LIMIT_BYTES", 2 * len(jpeg(0)) + 1)
    assert len(report(make_recording(tmp_path)).named("img")) == 2


def test_one_frame_is_shown_once(tmp_path: Path) -> None:
    frames = [Frame(int(3.9 * NS_PER_S), jpeg(1), 64, 48)]
    assert len(report(make_recording(tmp_path, frames=frames)).named("img")) == 1


def test_a_word_heard_before_it_was_received_is_not_its_playing(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(1.0, "one"), (2.0, "one")], heard_after_s=0.5)
    rows = gather.contents_of(recording).outputs
    assert [(r.t_s, r.heard_s, r.delay_s) for r in rows] == [(1.0, 1.5, 0.5), (2.0, 2.5, 0.5)]
    early = make_recording(tmp_path / "b", [(1.0, "one")], heard_after_s=-0.5)
    assert gather.contents_of(early).outputs[0].heard_s is None


def test_devices_are_named_only_where_they_were_the_source(tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"microphone": "default", "camera": "camera:0", "tail_s": 3.0, "seed": 0}
    live = gather.contents_of(make_recording(tmp_path, **chosen))
    assert live.options == {"microphone": "default", "camera": "camera:0", "tail_s": 3.0}
    filed = gather.contents_of(make_recording(tmp_path / "b", source="a.mp4", **chosen))
    assert filed.options == {"source": "a.mp4", "tail_s": 3.0}


def test_a_run_of_many_items_lists_them(tmp_path: Path) -> None:
    truth = {"count": 1, "rep_end_times_s": [1.0], "duration_s": 3.0}
    run = grade_items("repcount-a", [Entry("a.mp4", truth, (Said(1.0, "one"),)), Entry("b.mp4", truth, None)])
    words = report(make_recording(tmp_path), [run]).words
    assert "2 of 2 items" in words
    assert "a.mp4" in words
    dropped = grade_outputs("repcount-a", [], {"count": 0, "duration_s": 3.0})
    assert "–" in report(make_recording(tmp_path / "c"), [dropped]).words


def test_the_grade_by_the_times_heard_is_shown(tmp_path: Path) -> None:
    from tmlapp.bench.grading import grade_recording

    recording = make_recording(tmp_path, SAID, heard_after_s=0.1)
    truth = tmp_path / "t.json"
    truth.write_text('{"count": 2, "rep_end_times_s": [1, 2], "duration_s": 3}', encoding="utf-8")
    words = report(recording, [grade_recording(recording, "repcount-a", truth)]).words
    assert "By the times heard" in words
    assert "graded_text" not in words


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match="could not be written"):
        write_report(recording, [], tmp_path / "file" / "r.html")
    # As on a disk that fills: half a page is left nowhere.
    (tmp_path / "taken").mkdir()
    with pytest.raises(AppError, match="could not be written"):
        write_report(recording, [], tmp_path / "taken")
    assert not list(tmp_path.glob("*.new"))


def test_half_a_surrogate_pair_costs_one_character(tmp_path: Path) -> None:
    assert "Passes: 2" in report(make_recording(tmp_path), [repcount(action="squat \ud83d")]).words


def test_an_old_report_is_replaced_whole(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    out = tmp_path / "new folder" / "r.html"
    write_report(recording, [], out)
    write_report(recording, [], out)
    assert [p.name for p in out.parent.iterdir()] == ["r.html"]


def lanes(**more: Any) -> Lanes:
    members: dict[str, Any] = {"duration_s": 30.0, "level": Track((), 0.05)}
    return Lanes(**members | more)


def test_a_short_session_is_one_row_and_a_long_one_a_row_per_minute() -> None:
    assert len(rows_of(lanes(duration_s=0.0))) == 1
    assert len(rows_of(lanes(duration_s=60.0))) == 1
    rows = rows_of(lanes(duration_s=150.0))
    assert [(r.start_s, r.end_s) for r in rows] == [(0.0, 50.0), (50.0, 100.0), (100.0, 150.0)]
    assert len(rows_of(lanes(duration_s=36_000.0))) == 20
    assert rows_of(lanes(duration_s=36_000_000.0))[0].ticks


def test_everything_lies_inside_its_row_and_at_its_time() -> None:
    truth = TruthMarks((Span(10.0, 60.0),), (Span(15.0, 0.0), Span(65.0, 0.0)))
    heard = [Span(0.0, 1.0, "one"), Span(59.5, 1.0, "two"), Span(70.0, 0.0, "x")]
    first, second = rows_of(lanes(duration_s=120.0, truth=truth, heard=heard))
    assert [b.x for b in first.windows] == [pytest.approx(GUTTER + (WIDTH - GUTTER) / 6, abs=0.1)]
    assert second.windows[0].x == GUTTER
    assert (len(first.ends), len(second.ends)) == (1, 1)
    assert [b.text for b in first.heard] == ["one", "two"]
    assert [b.text for b in second.heard] == ["two", "x"]
    boxes = [b for row in (first, second) for b in (*row.windows, *row.heard)]
    assert all(b.x >= GUTTER and b.x + b.w <= WIDTH + 1.5 for b in boxes)


def test_labels_of_cues_never_overlap_and_every_cue_keeps_its_stroke() -> None:
    cues = [Cue(k * NS_PER_S // 4, "count", f"number {k} and then some more words") for k in range(119)]
    (row,) = rows_of(lanes(cues=cues))
    assert len(row.cues) == 119
    for y in {m.y for m in row.cues if m.y is not None}:
        placed = [(m.x, m.x + 6.4 * len(m.label)) for m in row.cues if m.y == y]
        assert all(b[0] >= a[1] for a, b in pairwise(placed))
    assert len({m.y for m in row.cues if m.y}) == CUE_LINES
    assert all(len(m.label) <= 24 for m in row.cues)
    assert row.cues[-1].y is None


def test_the_level_follows_the_sound() -> None:
    assert level_of(np.zeros(100, np.int16), 50) == [-60.0, -60.0]
    assert level_of(np.array([-32768, 0], np.int16), 2) == [0.0]
    assert level_of(np.zeros(0, np.int16), 50) == []
    loud = rows_of(lanes(level=Track((0.0,) * 600, 0.05)))[0].level
    assert loud.startswith("M58.0,28.0 L")
    assert loud.endswith("Z")
    assert rows_of(lanes(duration_s=120.0, level=Track((0.0,) * 20, 0.05)))[1].level == ""


def test_times_and_numbers_are_written_as_people_read_them() -> None:
    assert [clock_text(t) for t in (0, 5, 60, 125)] == ["0 s", "5 s", "1:00", "2:05"]
    assert [one_decimal(v) for v in (None, 0.25, 2.5, 33.35, 100)] == ["–", "0.3", "2.5", "33.4", "100.0"]
    assert [plain_value(v) for v in ("a", 1.5, None, {"a": Path("x")})] == ["a", "1.5", "null", '{"a": "x"}']
    assert plain_value(("video", "text")) == "video, text"
    assert day_text("2026-11-22T12:00:00+02:00") == "22 November 2026, 10:00 UTC"
    assert day_text("long ago") == "long ago"


def test_health_of_nothing_is_empty() -> None:
    assert gather.health_figures([]) == []
    assert gather.health_figures([Health(t_ns=0, turns=0)]) == [
        ("Dropped samples / frames", "0 / 0"),
        ("Overflows that the sound card reported", "0"),
    ]

"""Everything that Review writes: tiers, captions, clips, and a page that plays without a network."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.bench.sessions import make_recording
from tests.bench.test_speak_items import changed
from tmlapp.bench.annotations import annotate
from tmlapp.bench.interchange.files import read_tiers
from tmlapp.bench.interchange.tiers import Span, Tier
from tmlapp.bench.review import exports as exports_module
from tmlapp.bench.review import page as page_module
from tmlapp.bench.review.exports import FORMATS, export_recording, format_of
from tmlapp.bench.review.opened import open_review, read_lanes
from tmlapp.bench.review.page import write_page
from tmlapp.bench.review.tiers import captions_of, tiers_of_lanes
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Gap, Marker, TextOut, TextOutDone, UnitDone, UserSpeech, UserTranscript
from tmlapp.core.units import s_to_ns
from tmlapp.recording.export.pace import StoppedError

pytestmark = pytest.mark.unit

PCM = np.full(2_400, 900, "<i2").tobytes()
EVIL = 'say "<script>alert(1)</script> & größer"'


def ns(seconds: float) -> int:
    return s_to_ns(seconds)


def session(folder: Path, **more: Any) -> Path:
    """Four seconds in which everything happens once."""
    events = [
        UserSpeech(seq=50, t_rx_ns=ns(0.5), state="started", source="model"),
        UserSpeech(seq=51, t_rx_ns=ns(1.0), state="stopped", source="model"),
        UserTranscript(seq=52, t_rx_ns=ns(1.1), text=EVIL, final=True),
        AudioOut(seq=53, t_rx_ns=ns(2.0), pcm16=PCM, rate=24_000, text="loud", item_id="x"),
        TextOut(seq=54, t_rx_ns=ns(3.0), delta="two words"),
        Gap(t_ns=ns(1.5), track="camera", dur_ns=ns(0.25), reason="Unplugged.", kind="unplugged"),
        Marker(t_ns=ns(2.5), label="note", note="look"),
        UnitDone(seq=55, t_rx_ns=ns(6.4), micro_turn=30, latency_ns=ns(0.2) + 1),
    ]
    path = make_recording(folder, [(1.0, "one"), (4.0, "two")], heard_after_s=0.25, events=events, **more).path
    annotate(path, "note", data={"text": "hm"}, t_ns=ns(2.6), end_ns=ns(2.8), who="ada")
    return path


def timed_item() -> dict[str, Any]:
    """An item with one window from 1 to 2 s."""
    cue = {"kind": "event", "t0": 1.0, "t1": 1.5}
    return changed(lambda i: i["expectations"][0].update(window=[1.0, 2.0], t_ref=1.5, cue=cue))


def test_every_lane_becomes_a_tier(tmp_path: Path) -> None:
    item = changed(
        lambda i: i["expectations"][0].update(window=[1.0, 2.0], t_ref=1.5, cue={"kind": "event", "t0": 1.0, "t1": 1.5})
    )
    lanes = read_lanes(session(tmp_path), item)
    tiers = tiers_of_lanes(lanes, media=("squats.mp4",))
    assert tiers.names == (
        "user words", "user", "user voice", "model words", "model", "heard", "outputs", "expectations", "t_ref", "cue",
        "late replies", "gaps", "marks",
    )  # fmt: skip
    found = {t.name: t for t in tiers.tiers}
    assert found["user voice"].spans == (Span(ns(0.5), ns(1.0), "voice"),)
    assert found["heard"].spans[0] == Span(ns(1.25), ns(1.55), "one")
    # Each word of a text without sound lasts until the next one.
    assert [s.text for s in found["model words"].spans] == ["one", "loud", "two", "words", "two"]
    assert found["model words"].spans[2:4] == (Span(ns(3), ns(3), "two"), Span(ns(3), ns(3.2), "words"))
    assert found["outputs"] == Tier(
        "outputs",
        (
            Span(ns(1), ns(1), "count: one"), Span(ns(2), ns(2), "say: loud"), Span(ns(3), ns(3), "say: two words"),
            Span(ns(4), ns(4), "count: two"),
        ),
        points=True,
    )  # fmt: skip
    assert found["expectations"].spans == (Span(ns(1), ns(2), "e1: says butterfly"),)
    assert found["late replies"].spans == (Span(ns(6.2), ns(6.4) + 1, "micro-turn 30: 200 ms"),)
    assert found["gaps"].spans == (Span(ns(1.5), ns(1.75), "camera, unplugged: Unplugged."),)
    assert found["marks"].spans == (Span(ns(2.5), ns(2.5), "note: look"), Span(ns(2.6), ns(2.8), "note: hm"))
    assert (tiers.end_ns, tiers.media) == (ns(4), ("squats.mp4",))


def test_a_stretch_begins_at_0_and_cuts_what_reaches_over_its_edges(tmp_path: Path) -> None:
    lanes = read_lanes(session(tmp_path))
    tiers = tiers_of_lanes(lanes, ns(1.4), ns(3.0))
    found = {t.name: t.spans for t in tiers.tiers}
    assert found["heard"] == (Span(0, ns(0.15), "one"),)
    assert found["outputs"] == (Span(ns(0.6), ns(0.6), "say: loud"),)
    assert tiers.end_ns == ns(1.6)
    assert "user voice" not in found


def test_captions_are_what_both_sides_said(tmp_path: Path) -> None:
    lanes = read_lanes(session(tmp_path))
    user, model = captions_of(lanes).tiers
    assert user.spans == (Span(ns(0.5), ns(1.0), EVIL),)
    assert model.spans == (Span(ns(1.25), ns(1.55), "one"), Span(ns(4.25), ns(4.55), "two"))


def test_words_of_a_transcript_are_put_together_and_without_a_loudspeaker_what_was_received_counts(
    tmp_path: Path,
) -> None:
    words = [{"t0": a, "t1": a + 0.2, "text": text} for a, text in ((0.2, "one"), (0.5, "two"), (2.0, "three"))]
    events = [TextOutDone(seq=50, t_rx_ns=ns(1.0), text="a"), TextOutDone(seq=51, t_rx_ns=ns(1.5), text="b")]
    path = make_recording(tmp_path, events=events).path
    user, model = captions_of(read_lanes(path, changed(lambda i: i.update(user_words=words))), 0, ns(4)).tiers
    assert user.spans == (Span(ns(0.2), ns(0.7), "one two"), Span(ns(2.0), ns(2.2), "three"))
    assert model.spans == (Span(ns(1.0), ns(1.5), "a"), Span(ns(1.5), ns(3.5), "b"))


@pytest.mark.parametrize("format_", [f for f in FORMATS if f.suffix])
def test_every_format_is_written_by_the_name_of_its_file(tmp_path: Path, format_: Any) -> None:
    path = session(tmp_path / "rec")
    out = tmp_path / f"x{format_.suffix}"
    shares: list[float] = []
    assert export_recording(path, out, start_ns=ns(0.4), end_ns=ns(3.5), progress=shares.append) == [out]
    assert shares == sorted(shares)
    assert out.stat().st_size > 0
    with pytest.raises(AppError, match="there already"):
        export_recording(path, out)
    export_recording(path, out, force=True, end_ns=ns(99))
    with pytest.raises(AppError, match="nothing to export"):
        export_recording(path, tmp_path / "y", format=format_.name, start_ns=ns(3), end_ns=ns(2))
    with pytest.raises(StoppedError):
        export_recording(path, tmp_path / f"y{format_.suffix}", cancelled=lambda: True)
    assert not list(tmp_path.glob("*y*"))


def test_tiers_of_files_are_those_of_the_lanes(tmp_path: Path) -> None:
    path = session(tmp_path)
    expected = tiers_of_lanes(read_lanes(path))
    for name in ("x.TextGrid", "x.eaf", "x.csv"):
        export_recording(path, tmp_path / name)
        found = read_tiers(tmp_path / name)
        for tier in expected.tiers:
            assert found.gathered(tier.name) == tuple(sorted(tier.spans)), (name, tier.name)


def test_an_eaf_names_the_clip_of_the_same_name_beside_it(tmp_path: Path) -> None:
    path = session(tmp_path)
    export_recording(path, tmp_path / "x.wav", sound="stereo")
    export_recording(path, tmp_path / "x.eaf")
    assert read_tiers(tmp_path / "x.eaf").media == ("x.wav",)


def test_a_whole_recording_holds_what_was_heard_after_its_end(tmp_path: Path) -> None:
    path = session(tmp_path)
    export_recording(path, tmp_path / "x.csv")
    heard = read_tiers(tmp_path / "x.csv").tier("heard")
    assert heard is not None
    assert heard.spans[-1] == Span(ns(4.25), ns(4.55), "two")


def test_a_folder_holds_everything(tmp_path: Path) -> None:
    files = export_recording(session(tmp_path), tmp_path / "all", format="folder")
    assert {"user.wav", "video.mp4", "SHA256SUMS"} <= {f.name for f in files}


def test_an_unknown_format_names_those_that_there_are() -> None:
    assert format_of(Path("x.textgrid")).name == "textgrid"
    assert format_of(Path("x.wav"), "EAF").name == "eaf"
    with pytest.raises(AppError, match="not known") as told:
        format_of(Path("x.doc"))
    assert "textgrid" in told.value.why


def test_parsing_that_was_stopped_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise exports_module.ParsingStoppedError

    monkeypatch.setattr(exports_module, "lanes_of", stopped)
    with pytest.raises(StoppedError):
        export_recording(session(tmp_path), tmp_path / "x.csv")


# ---------------------------------------------------------------- the page


class Page(HTMLParser):
    """What stands in a page: texts, tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_page_plays_from_itself_and_shows_what_happened(tmp_path: Path) -> None:
    path = session(tmp_path)
    item = changed(
        lambda i: i["expectations"][0].update(window=[1.0, 2.0], t_ref=1.5, cue={"kind": "event", "t0": 1.0, "t1": 1.5})
    )
    export_recording(path, tmp_path / "x.html", item=item)
    page = page_of(tmp_path / "x.html")
    (media,) = [a for tag, a in page.tags if tag == "video"]
    assert media["src"] is not None
    film = tmp_path / "out.mp4"
    film.write_bytes(base64.b64decode(media["src"].removeprefix("data:video/mp4;base64,")))
    with av.open(str(film)) as container:
        assert sorted(s.type for s in container.streams) == ["audio", "video"]
    assert EVIL in page.texts
    assert "says butterfly" in page.texts
    assert "tmlapp open squats.mcap --at 2.00" in page.texts
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    # Nothing is asked of a network.
    assert not re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?https?:', text)
    assert {a.get("src") for tag, a in page.tags if tag == "script"} == {None}
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "img")]


def test_a_film_that_is_too_large_for_the_page_lies_beside_it(tmp_path: Path) -> None:
    path = session(tmp_path)
    review, lanes = open_review(path), read_lanes(path)
    out = tmp_path / "a page.html"
    files = write_page(review, lanes, out, start_ns=0, end_ns=ns(4), embed_bytes=10)
    assert [f.name for f in files] == ["a page.html", "a page.media.mp4"]
    (media,) = [a for tag, a in page_of(out).tags if tag == "video"]
    assert media["src"] == "a%20page.media.mp4"
    out.unlink()
    with pytest.raises(AppError, match="there already"):
        write_page(review, lanes, out, start_ns=0, end_ns=ns(4), embed_bytes=10)
    assert not out.exists()


def test_a_page_without_pictures_or_without_the_extra_has_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = session(tmp_path)
    monkeypatch.setattr(page_module, "has_media", lambda: False)
    export_recording(path, tmp_path / "x.html", sound="stereo")
    page = page_of(tmp_path / "x.html")
    (media,) = [a for tag, a in page.tags if tag == "audio"]
    assert (media["src"] or "").startswith("data:audio/wav;base64,UklGR")
    assert any("without the part of the app that makes films" in t for t in page.texts)


def test_a_page_of_a_recording_in_which_nothing_was_said(tmp_path: Path) -> None:
    path = make_recording(tmp_path, frames=[], opened=False).path
    path.with_name("squats.annotations.jsonl").write_text("{half", encoding="utf-8")
    export_recording(path, tmp_path / "x.html")
    page = page_of(tmp_path / "x.html")
    assert "No words are known." in page.texts
    assert any("cannot be read" in t for t in page.texts)

"""A stretch of a recording as one page that plays: film or sound, timeline, words; nothing of it needs a network."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

import tmlapp
from tmlapp.bench.interchange.textfiles import write_text
from tmlapp.bench.report import timeline
from tmlapp.bench.report.timeline import Lanes as Drawn
from tmlapp.bench.report.timeline import Span, Track, TruthMarks, level_of
from tmlapp.bench.report.write import day_text, one_decimal
from tmlapp.bench.review.lanes import Lanes, Output
from tmlapp.bench.review.opened import Review
from tmlapp.bench.review.tiers import captions_of
from tmlapp.bench.review.why import deep_link
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ
from tmlapp.recording.export.clip import has_media, write_mp4
from tmlapp.recording.export.pace import Pace, unfinished
from tmlapp.recording.export.sound import Sound, write_wav
from tmlapp.recording.reader import Recording

EMBED_BYTES = 24 * 2**20
"""Film or sound up to this size stands in the page itself; a larger one lies beside it."""

_LEVEL_STEP_NS = NS_PER_S // 20
_LEVEL_BLOCK_NS = 60 * NS_PER_S
_KINDS = ("count", "start", "stop", "remind")


def write_page(
    review: Review,
    lanes: Lanes,
    out: Path,
    *,
    start_ns: int,
    end_ns: int,
    sound: Sound = "mix",
    force: bool = False,
    pace: Pace | None = None,
    embed_bytes: int = EMBED_BYTES,
) -> list[Path]:
    """Write the stretch as a page, and return its files: one, or two where the film is too large to stand in it.

    Without the extra `media`, and where there is no picture, the page has sound only, and says so.

    Raises:
        AppError: a file is there and `force` is false, or cannot be written.
        StoppedError: it was stopped; nothing is left.
    """
    tick = pace or Pace()
    if not force and out.exists():
        raise AppError(f"{out} is there already.", "It would be lost.", "Name another file, or say --force.")
    film = "/camera" in review.tracks and has_media()
    suffix, kind = (".mp4", "video/mp4") if film else (".wav", "audio/wav")
    with tempfile.TemporaryDirectory(prefix="tmlapp-page-") as folder:
        media = Path(folder) / f"media{suffix}"
        write = write_mp4 if film else write_wav
        write(review.recording, media, start_ns=start_ns, end_ns=end_ns, sound=sound, pace=tick)
        beside = out.with_suffix(f".media{suffix}") if media.stat().st_size > embed_bytes else None
        address = quote(beside.name) if beside else _data_address(media, kind)
        page = render(review, lanes, start_ns, end_ns, address, film=film)
        if beside is None:
            return [write_text(out, page, force=force)]
        with unfinished(beside, force=force) as waiting:
            _copy(media, waiting)
    return [write_text(out, page, force=force), beside]


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        while block := read.read(1 << 20):
            write.write(block)


def _data_address(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def render(review: Review, lanes: Lanes, start_ns: int, end_ns: int, media: str, *, film: bool) -> str:
    """The page as text; `media` is the address of its film or sound, which begins at `start_ns`."""
    loaders = [PackageLoader(f"tmlapp.bench.{name}", ".") for name in ("review", "report")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        # What a model says is text, whatever it looks like.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"one": one_decimal, "clock": timeline.clock_text, "day": day_text}
    outputs = [o for o in lanes.outputs if start_ns <= o.t_ns <= end_ns]
    drawn = _drawn(review.recording, lanes, outputs, start_ns, end_ns)
    return environment.get_template("page.html.j2").render(
        review=review,
        lanes=lanes,
        rows=timeline.rows_of(drawn),
        t=timeline,
        has_truth=bool(drawn.truth.windows or drawn.truth.ends),
        has_gaps=bool(drawn.gaps),
        lines=_lines(lanes, start_ns, end_ns),
        outputs=[(o, (o.t_ns - start_ns) / NS_PER_S, deep_link(Path(review.path.name), o.t_ns)) for o in outputs],
        expected=[(e, (e.window[0] - start_ns) / NS_PER_S) for e in lanes.expected if start_ns <= e.window[0] < end_ns],
        flags=[(f, (f.t_ns - start_ns) / NS_PER_S) for f in lanes.flags if start_ns <= f.t_ns <= end_ns and f.text],
        start_s=start_ns / NS_PER_S,
        length_s=(end_ns - start_ns) / NS_PER_S,
        media=media,
        film=film,
        silent_film="/camera" in review.tracks and not film,
        version=tmlapp.__version__,
    )


def _lines(lanes: Lanes, start_ns: int, end_ns: int) -> list[tuple[float, str, str]]:
    """What both sides said: seconds of the page, whose it is, text."""
    tiers = captions_of(lanes, start_ns, end_ns).tiers
    return sorted((s.t0_ns / NS_PER_S, tier.name, s.text) for tier in tiers for s in tier.spans)


def _drawn(recording: Recording, lanes: Lanes, outputs: Sequence[Output], start_ns: int, end_ns: int) -> Drawn:
    def span(t0_ns: int, t1_ns: int, text: str) -> Span:
        first, last = max(t0_ns, start_ns), min(t1_ns, end_ns)
        return Span((first - start_ns) / NS_PER_S, (last - first) / NS_PER_S, text)

    def inside(t0_ns: int, t1_ns: int) -> bool:
        return t0_ns <= end_ns and t1_ns >= start_ns

    expected = [(e.window, f"{e.id}: {e.meaning}" + (f" ({e.outcome})" if e.outcome else "")) for e in lanes.expected]
    marks = [span(*w, text) for w, text in expected if inside(*w)]
    return Drawn(
        duration_s=(end_ns - start_ns) / NS_PER_S,
        level=_level(recording, start_ns, end_ns),
        cues=[_cue(o, start_ns) for o in outputs],
        heard=[
            span(u.t0_ns, u.t1_ns, u.text)
            for u in (lanes.heard or lanes.received)
            if u.t1_ns is not None and inside(u.t0_ns, u.t1_ns)
        ],
        gaps=[span(g.t0_ns, g.t1_ns, f"{g.track}: {g.reason}") for g in lanes.gaps if inside(g.t0_ns, g.t1_ns)],
        truth=TruthMarks(tuple(m for m in marks if m.dur_s > 0), tuple(m for m in marks if m.dur_s <= 0)),
    )


def _cue(output: Output, start_ns: int) -> Cue:
    kind: Any = output.kind if output.kind in _KINDS else "say"
    return Cue(output.t_ns - start_ns, kind, output.text, output.value)


def _level(recording: Recording, start_ns: int, end_ns: int) -> Track:
    levels: list[float] = []
    for at in range(start_ns, end_ns, _LEVEL_BLOCK_NS):
        pcm, _ = recording.audio("/mic", at, min(at + _LEVEL_BLOCK_NS, end_ns))
        levels += level_of(pcm, SAMPLE_RATE_HZ * _LEVEL_STEP_NS // NS_PER_S)
    return Track(tuple(levels), _LEVEL_STEP_NS / NS_PER_S)

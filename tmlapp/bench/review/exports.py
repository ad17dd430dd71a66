"""Everything that Review can write of a recording or a stretch of it, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.interchange.eaf import write_eaf
from tmlapp.bench.interchange.table import write_csv
from tmlapp.bench.interchange.textgrid import write_textgrid
from tmlapp.bench.interchange.webvtt import write_webvtt
from tmlapp.bench.review.apart import StoppedError as ParsingStoppedError
from tmlapp.bench.review.apart import lanes_of
from tmlapp.bench.review.lanes import Lanes
from tmlapp.bench.review.opened import open_review
from tmlapp.bench.review.page import write_page
from tmlapp.bench.review.tiers import captions_of, tiers_of_lanes
from tmlapp.core.errors import AppError
from tmlapp.recording.export.clip import write_mp4
from tmlapp.recording.export.folder import export_folder
from tmlapp.recording.export.pace import Pace, StoppedError, check_stretch
from tmlapp.recording.export.sound import Sound, write_wav

SOUNDS: tuple[Sound, ...] = ("mix", "mic", "model", "heard", "stereo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file.

    Attributes:
        name: as the command line has it. suffix: of the file; empty for a folder.
        title: what a menu says. sounds: the sound can be chosen. stretch: it can be a part of the recording.
    """

    name: str
    suffix: str
    title: str
    sounds: bool = False
    stretch: bool = True


FORMATS = (
    Format(name="mp4", suffix=".mp4", title="Clip with sound (MP4)", sounds=True),
    Format(name="wav", suffix=".wav", title="Sound (WAV)", sounds=True),
    Format(name="vtt", suffix=".vtt", title="Captions (WebVTT)"),
    Format(name="textgrid", suffix=".TextGrid", title="Praat (TextGrid)"),
    Format(name="eaf", suffix=".eaf", title="ELAN (EAF)"),
    Format(name="csv", suffix=".csv", title="Table (CSV)"),
    Format(name="html", suffix=".html", title="Page with sound and picture (HTML)", sounds=True),
    Format(name="folder", suffix="", title="Folder of everything", stretch=False),
)


def format_of(path: Path, name: str = "") -> Format:
    """The format called `name`, or the one that the name of the file tells.

    Raises:
        AppError: there is none.
    """
    for known in FORMATS:
        if known.name == name.lower() or (not name and known.suffix and path.suffix.lower() == known.suffix.lower()):
            return known
    names = ", ".join(f.name for f in FORMATS)
    raise AppError(
        f"The format of {path.name} is not known.", f"{name or path.suffix!r} is none of {names}.", "Say --format."
    )


def export_recording(
    recording: Path,
    out: Path,
    *,
    format: str = "",  # noqa: A002 - what it is called everywhere
    start_ns: int = 0,
    end_ns: int | None = None,
    sound: Sound = "mix",
    force: bool = False,
    item: Mapping[str, Any] | None = None,
    lanes: Lanes | None = None,
    progress: Callable[[float], object] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Write `recording`, or the stretch from `start_ns` to `end_ns`, to `out`; returns the files.

    Times in the file begin with 0 at `start_ns`. Call it on a worker thread.

    Args:
        format: name of a `Format`; left out: by the name of `out`.
        force: replace a file that is there.
        item: as in `read_lanes`. lanes: those of the recording where they were read already.
        progress: called with the share that is done.
        cancelled: asked often; True stops it, and nothing is left.

    Raises:
        AppError: the recording or the stretch cannot be used, a file is there already, an extra is missing, or
            something cannot be written.
        StoppedError: it was stopped.
    """
    chosen = format_of(out, format)
    review = open_review(recording)
    whole = end_ns is None or end_ns >= review.duration_ns
    end_ns = review.duration_ns if end_ns is None or whole else end_ns
    pace = Pace(progress, cancelled)
    pace.at(0.0)
    if chosen.name == "folder":
        return export_folder(review.recording, out, pace=pace)
    check_stretch(start_ns, end_ns, review.duration_ns)
    if chosen.name == "mp4":
        return [write_mp4(review.recording, out, start_ns=start_ns, end_ns=end_ns, sound=sound, force=force, pace=pace)]
    if chosen.name == "wav":
        return [write_wav(review.recording, out, start_ns=start_ns, end_ns=end_ns, sound=sound, force=force, pace=pace)]
    if lanes is None:
        try:
            lanes = lanes_of(review, item, cancelled=cancelled)
        except ParsingStoppedError as error:
            raise StoppedError from error
    if chosen.name == "html":
        return write_page(review, lanes, out, start_ns=start_ns, end_ns=end_ns, sound=sound, force=force, pace=pace)
    # What the model says after the last micro-turn belongs to the whole.
    edge_ns = None if whole else end_ns
    if chosen.name == "vtt":
        return [write_webvtt(out, captions_of(lanes, start_ns, edge_ns), force=force)]
    tiers = tiers_of_lanes(lanes, start_ns, edge_ns, media=_media_beside(out))
    writers: dict[str, Callable[..., Path]] = {"textgrid": write_textgrid, "eaf": write_eaf, "csv": write_csv}
    return [writers[chosen.name](out, tiers, force=force)]


def _media_beside(out: Path) -> tuple[str, ...]:
    """Clips of the same name, which ELAN then plays: export the stretch as `x.mp4` or `x.wav` before `x.eaf`."""
    return tuple(p.name for suffix in (".mp4", ".wav") if (p := out.with_suffix(suffix)).is_file())

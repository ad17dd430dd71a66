"""From a recording, or a stretch of one, to a take: the microphone to the sample, the camera, and what was marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.authoring.expecting import Wording, all_dropped
from tmlapp.bench.authoring.media import all_or_none, digest, free_take_id, new_file, take_path, write_sound
from tmlapp.bench.authoring.model import RATE_HZ, ItemDraft, ItemSet, Source, Span, Suite, Take
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Marker
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, TURN_NS, samples_to_ns
from tmlapp.live.take import EXPECT, INSTRUCTION, STOP, TAKE
from tmlapp.recording.export.clip import has_media, write_mp4
from tmlapp.recording.export.pictures import write_video
from tmlapp.recording.reader import Recording

_NS_PER_SAMPLE = NS_PER_S // RATE_HZ
_PORTION_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Taken:
    """A take whose files are written, and what a person should know about it, in sentences."""

    take: Take
    notes: tuple[str, ...] = ()


def take_from_recording(
    folder: Path,
    item: ItemDraft,
    recording: Path,
    *,
    take_id: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    video: bool = False,
    speaker: str = "",
) -> Taken:
    """Make a take of `item` from a finished recording; the recording itself is never changed.

    Args:
        folder: of the set. A recording that lies in it stays part of the take; one elsewhere is only named.
        take_id: by default the next free one.
        start_ns, end_ns: the stretch in session time, rounded to whole samples; by default from the end of the
            count-in to the end.
        video: also write the camera as mp4, with the microphone's sound where the extra `media` is there.
        speaker: id of the set's speaker.

    Returns:
        The take, for `AddTake`: markers called `expect` are expectations with the default window of the item's suite,
        the first and the last called `instruction` its span (in a recorded take a single one is its end, and it begins
        with the take), one called `stop` the request to stop.

    Raises:
        AppError: the recording cannot be read, the stretch is empty or outside it, or a file cannot be written.
    """
    source = Recording.open(recording)
    begin, end = _stretch(source, start_ns, end_ns)
    name = take_id or free_take_id(folder, item)
    audio = take_path(item.id, name, ".wav")
    inside = _inside(folder, recording)
    with all_or_none() as made:
        sound = write_sound(folder / audio, _pieces(source, begin, end), made)
        shown, notes = _video(folder, item.id, name, source, begin, end, made) if video else ("", [])
        take = Take(
            id=name,
            audio=audio,
            samples=sound.samples,
            sha256=sound.sha256,
            video=shown,
            video_sha256=digest(folder / shown) if shown else "",
            recording=inside,
            source=Source(
                "recording",
                recording.name,
                sha256=digest(recording),
                start_ns=begin * _NS_PER_SAMPLE,
                end_ns=end * _NS_PER_SAMPLE,
            ),
            created_utc=str(source.info.get("created_utc", "")),
            speaker=speaker,
        )
    return Taken(_marked(item.suite, take, source, begin), (*notes, *_missing(source, begin, end)))


def _stretch(source: Recording, start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    if start_ns is None:
        start_ns = count_in_ns(source)
    end_ns = source.duration_ns if end_ns is None else end_ns
    begin, end = round(start_ns / _NS_PER_SAMPLE), round(end_ns / _NS_PER_SAMPLE)
    if not 0 <= begin < end <= source.duration_ns // _NS_PER_SAMPLE:
        raise AppError(
            "The stretch cannot become a take.",
            f"{start_ns / NS_PER_S:g} s to {end_ns / NS_PER_S:g} s is empty, or lies outside the "
            f"{source.duration_ns / NS_PER_S:g} s of {source.path.name}.",
            "Choose a stretch inside the recording.",
        )
    return begin, end


def count_in_ns(source: Recording) -> int:
    """How long the count-in of a recorded take is; 0 for other recordings."""
    found = _stated(source, "count_in_ns")
    return found if isinstance(found, int) else 0


def speaker_of(source: Recording, state: ItemSet) -> str:
    """Who spoke when a take was recorded, as its recording says; empty if the set knows nobody of that name."""
    found = _stated(source, "speaker")
    return next((s.id for s in state.speakers if s.id == found), "")


def _stated(source: Recording, member: str) -> Any:
    stated = source.info.get("options", {}).get(TAKE)
    return stated.get(member) if isinstance(stated, dict) else None


def _inside(folder: Path, recording: Path) -> str:
    try:
        return recording.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return ""


def _pieces(source: Recording, begin: int, end: int) -> Iterator[Pcm]:
    # By portions: a stretch may last hours.
    for at in range(begin * _NS_PER_SAMPLE, end * _NS_PER_SAMPLE, _PORTION_NS):
        yield source.audio("/mic", at, min(at + _PORTION_NS, end * _NS_PER_SAMPLE))[0]


def _video(
    folder: Path, item: str, take: str, source: Recording, begin: int, end: int, made: list[Path]
) -> tuple[str, list[str]]:
    """The camera as mp4, from the take's first sample on; what was shown then is its first picture.

    The wav beside it is the take's sound; the one in the film is for whoever opens the film by itself.
    """
    start_ns, end_ns = begin * _NS_PER_SAMPLE, end * _NS_PER_SAMPLE
    times_ns = _shown_at(source, start_ns, end_ns)
    if not times_ns:
        return "", ["The recording holds no picture in this stretch."]
    name = take_path(item, take, ".mp4")
    with new_file(folder / name, made) as beside:
        if has_media():
            write_mp4(source, beside, start_ns=start_ns, end_ns=end_ns, sound="mic")
            return name, []
        frames = (replace(f, t_ns=max(0, f.t_ns - start_ns)) for f in source.frames(times_ns[0], end_ns))
        write_video(beside, frames, [max(0, t - start_ns) for t in times_ns], end_ns - start_ns)
    return name, []


def _shown_at(source: Recording, start_ns: int, end_ns: int) -> list[int]:
    """Times of the frames of a stretch, the one that was still shown at its beginning first."""
    times = [t for t in _frame_times(source, max(0, start_ns - NS_PER_S), end_ns) if t < end_ns]
    before = [t for t in times if t <= start_ns]
    return before[-1:] + [t for t in times if t > start_ns]


def _frame_times(source: Recording, start_ns: int, end_ns: int) -> Iterator[int]:
    for record in source.turn_records(start_ns // TURN_NS):
        if record["t_ns"] >= end_ns:
            return
        yield from (f["t_ns"] for f in record["frames"])


def _marked(suite: Suite, take: Take, source: Recording, begin: int) -> Take:
    """`take` with what was marked in its stretch, rounded to the sample.

    A mark behind the last micro-turn of the recording belongs to the end of the take.
    """
    last = source.duration_ns // _NS_PER_SAMPLE
    marks: list[tuple[int, Marker]] = []
    for event in source.events((Marker,)):
        if isinstance(event, Marker):
            at = min(round(event.t_ns / _NS_PER_SAMPLE), last) - begin
            if 0 <= at <= take.samples:
                marks.append((at, event))
    marks.sort(key=lambda mark: mark[0])
    said = [at for at, m in marks if m.label == INSTRUCTION]
    if len(said) == 1 and TAKE in source.info.get("options", {}):
        said = [0, *said]
    stops = [at for at, m in marks if m.label == STOP]
    drops = [(at, Wording(m.note)) for at, m in marks if m.label == EXPECT]
    take = replace(
        take,
        instruction=Span(said[0], said[-1]) if len(said) > 1 and said[0] < said[-1] else None,
        stop=stops[-1] if stops else None,
    )
    return replace(take, expectations=all_dropped(suite, drops, take))


def _missing(source: Recording, begin: int, end: int) -> list[str]:
    """What of the microphone is silence that nobody heard."""
    start_ns, end_ns = samples_to_ns(begin), samples_to_ns(end)
    notes = []
    for gap in source.events((Gap,)):
        if isinstance(gap, Gap) and gap.track == "mic" and gap.t_ns < end_ns and gap.t_ns + gap.dur_ns > start_ns:
            at_s = max(0, gap.t_ns - start_ns) / NS_PER_S
            notes.append(f"{gap.dur_ns / NS_PER_S:.2f} s of the microphone are missing at {at_s:.2f} s: {gap.reason}")
    lost = [t for t in source.lost_turns if t * TURN_NS < end_ns and (t + 1) * TURN_NS > start_ns]
    if lost:
        notes.append(f"{len(lost) * TURN_NS / NS_PER_S:.1f} s of sound were lost in the recording and are silent.")
    return notes


def recordings_without_take(folder: Path, state: ItemSet) -> list[Path]:
    """Finished recordings in the set that no take names: the app ended before it was made. Oldest name first.

    Raises:
        AppError: the folder cannot be read.
    """
    known = {name for name in state.files if name.endswith(".mcap")}
    try:
        found = sorted((folder / "takes").glob("*/*.mcap"))
    except OSError as error:
        raise AppError(f"{folder} cannot be read.", f"{error.strerror}.", "Check its rights.") from error
    return [path for path in found if path.relative_to(folder).as_posix() not in known]

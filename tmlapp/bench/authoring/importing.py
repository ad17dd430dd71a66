"""From a file of sound or video to a take: 16 kHz mono beside the original, which is kept as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tmlapp.bench.authoring.media import all_or_none, copy_new, free_take_id, take_path, write_sound
from tmlapp.bench.authoring.model import RATE_HZ, ItemDraft, Source, Take
from tmlapp.bench.authoring.store import now
from tmlapp.bench.authoring.taking import Taken
from tmlapp.capture.media_file import check_file
from tmlapp.capture.sound_file import SndfileBlocks, SoundTrack, is_sound_file
from tmlapp.capture.sound_in_video import holds_only_sound, open_container_sound
from tmlapp.capture.video_file import VideoFile
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S

_PORTION = 60 * RATE_HZ
_GRAIN_NS = NS_PER_S // RATE_HZ


def take_from_file(
    folder: Path, item: ItemDraft, path: Path, *, take_id: str | None = None, speaker: str = ""
) -> Taken:
    """Make a take of `item` from a sound (WAV, FLAC, Ogg, MP3, …) or a video with sound, of any rate and channels.

    The sound becomes 16 kHz mono without a shift in time (mono 16 kHz PCM16 stays as it is, to the sample). The
    original is copied beside it; a video is shown as it is, and its sound is put on the clock of its pictures.

    Raises:
        AppError: the file cannot be read, holds no sound, needs the extra `media`, or the set cannot be written.
    """
    check_file(path)
    name = take_id or free_take_id(folder, item)
    pictures = not (is_sound_file(path) or holds_only_sound(path))
    track, lead = _opened(path, pictures)
    kept = take_path(item.id, name, f".original{path.suffix.lower()}")
    audio = take_path(item.id, name, ".wav")
    notes = _told_lead(lead)
    with all_or_none() as made:
        try:
            sound = write_sound(folder / audio, _pieces(track, lead), made)
        finally:
            track.close()
        copied = copy_new(path, folder / kept, made)
    notes += _told(track)
    source = Source("import", path.name, sha256=copied, kept=kept)
    take = Take(
        id=name,
        audio=audio,
        samples=sound.samples,
        sha256=sound.sha256,
        video=kept if pictures else "",
        video_sha256=copied if pictures else "",
        source=source,
        created_utc=now(),
        speaker=speaker,
    )
    return Taken(take, tuple(notes))


def _opened(path: Path, pictures: bool) -> tuple[SoundTrack, int]:
    """The sound, and how many samples after the first picture it begins (before it: negative)."""
    if is_sound_file(path):
        return SoundTrack(path, SndfileBlocks(path)), 0
    if pictures:
        # Refuses what is no media at all with a sentence of its own.
        VideoFile(path).close()
    blocks = open_container_sound(path)
    if blocks is None:
        raise AppError(
            f"{path.name} holds no sound.", "The sound is the clock of an item.", "Choose a file with a sound track."
        )
    return SoundTrack(path, blocks), round(blocks.start_ns / _GRAIN_NS)


def _pieces(track: SoundTrack, lead: int) -> Iterator[Pcm]:
    if lead > 0:
        yield np.zeros(lead, np.int16)
    skip = max(0, -lead)
    while len(piece := track.read(_PORTION)):
        yield piece[skip:]
        skip = max(0, skip - len(piece))


def _told_lead(lead: int) -> list[str]:
    if lead > 0:
        return [f"The sound begins {lead / RATE_HZ:.3f} s after the picture; silence was put before it."]
    if lead < 0:
        return [f"The sound begins {-lead / RATE_HZ:.3f} s before the picture; that much was left out."]
    return []


def _told(track: SoundTrack) -> list[str]:
    events = track.take_events()
    return [e.reason for e in events if isinstance(e, Gap)] + [
        f"{e.what} {e.why}".strip() for e in events if isinstance(e, Notice)
    ]

"""What Items asks of the rest of the program. Heavy modules are imported when first used, off the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Take
from tmlapp.core.media import Pcm

if TYPE_CHECKING:
    from tmlapp.bench.authoring.aligning import Aligned
    from tmlapp.bench.authoring.dataset import Exported
    from tmlapp.bench.authoring.editor import Editor
    from tmlapp.bench.authoring.snapping import SnapPoints
    from tmlapp.bench.authoring.taking import Taken
    from tmlapp.bench.authoring.trying import Cancel, Progress, TryRequest
    from tmlapp.bench.authoring.trying_tried import Tried, TryLog
    from tmlapp.bench.authoring.validate import Context
    from tmlapp.bench.interchange.of_take import ImportedWindows
    from tmlapp.config.settings import Settings
    from tmlapp.live.player import Player
    from tmlapp.live.take import TakeRecorder
    from tmlapp.ui.items.picture import Video
    from tmlapp.ui.services import EndpointFacts

_CAMERA = "/camera"


def _open_editor(folder: Path) -> Editor:
    from tmlapp.bench.authoring.editor import Editor

    return Editor.open(folder)


def _read_take(folder: Path, take: Take) -> Pcm:
    from tmlapp.bench.authoring.media import read_take

    return read_take(folder, take)


def _free_take_id(folder: Path, item: ItemDraft) -> str:
    from tmlapp.bench.authoring.media import free_take_id

    return free_take_id(folder, item)


def _take_recorder(
    folder: Path, item: ItemDraft, name: str, speaker: str, settings: Settings, count_in_s: float
) -> TakeRecorder:
    from tmlapp.live.take import TakePlan, take_recorder

    plan = TakePlan(
        folder=folder / "takes" / item.id,
        name=name,
        microphone=settings.microphone,
        camera=settings.camera,
        count_in_s=count_in_s,
        instruction=item.instruction,
        speaker=speaker,
    )
    return take_recorder(plan, settings)


def _take_from_recording(folder: Path, item: ItemDraft, recording: Path, name: str, speaker: str) -> Taken:
    from tmlapp.bench.authoring.taking import take_from_recording
    from tmlapp.recording.reader import Recording

    filmed = bool(Recording.open(recording).topics.get(_CAMERA))
    return take_from_recording(folder, item, recording, take_id=name, video=filmed, speaker=speaker)


def _lost_takes(folder: Path, state: ItemSet) -> list[tuple[str, Taken]]:
    from tmlapp.bench.authoring.taking import count_in_ns, recordings_without_take, speaker_of, take_from_recording
    from tmlapp.live.take import recover_take, unfinished_takes
    from tmlapp.recording.reader import Recording

    for part in unfinished_takes(folder):
        recover_take(part.part)
    found: list[tuple[str, Taken]] = []
    known = {item.id: item for item in state.items}
    for recording in recordings_without_take(folder, state):
        item = known.get(recording.parent.name)
        source = Recording.open(recording)
        # What ended in its count-in holds nothing of a take.
        if item is not None and source.duration_ns > count_in_ns(source):
            name = _free_take_id(folder, item)
            filmed = bool(source.topics.get(_CAMERA))
            taken = take_from_recording(
                folder, item, recording, take_id=name, video=filmed, speaker=speaker_of(source, state)
            )
            found.append((item.id, taken))
    return found


def _take_from_stretch(
    folder: Path, item: ItemDraft, recording: Path, start_ns: int, end_ns: int | None, speaker: str
) -> Taken:
    from tmlapp.bench.authoring.taking import take_from_recording

    return take_from_recording(folder, item, recording, start_ns=start_ns, end_ns=end_ns, video=True, speaker=speaker)


def _take_from_file(folder: Path, item: ItemDraft, path: Path, speaker: str) -> Taken:
    from tmlapp.bench.authoring.importing import take_from_file

    return take_from_file(folder, item, path, speaker=speaker)


def _open_video(path: Path) -> Video:
    from tmlapp.capture.video_seek import VideoSeeker

    return VideoSeeker(path)


def _player(pcm: Pcm, settings: Settings) -> Player:
    from tmlapp.capture.speaker import Speaker
    from tmlapp.core.clock import MonotonicClock
    from tmlapp.live.player import Player
    from tmlapp.live.player_sound import ArraySound

    clock = MonotonicClock()
    name = settings.loudspeaker
    speaker = None if name == "none" else lambda: Speaker(name, clock=clock)
    duration_ns = len(pcm) * 62_500
    return Player(clock, duration_ns=duration_ns, choices={"take": [ArraySound(pcm, 16_000)]}, loudspeaker=speaker)


def _align(item: ItemDraft, pcm: Pcm) -> Aligned:
    from tmlapp.bench.authoring.aligning import align

    return align(item, pcm)


def _snap_points(pcm: Pcm, take: Take) -> SnapPoints:
    from tmlapp.bench.authoring.snapping import points_of

    return points_of(pcm, take)


def _context(folder: Path) -> Context:
    from tmlapp.bench.authoring.validate import Context

    return Context(folder, eager=True)


def _endpoint_facts(addresses: tuple[str, ...], settings: Settings) -> Mapping[str, EndpointFacts]:
    from tmlapp.live.plan import make_endpoint
    from tmlapp.ui.services import EndpointFacts

    made = {address: make_endpoint(address, settings) for address in addresses}
    return {address: EndpointFacts(e.local, "" if e.local else e.host) for address, e in made.items()}


def _try_item(
    state: ItemSet, folder: Path, request: TryRequest, tell: Callable[[Progress], object], cancel: Cancel
) -> Tried | None:
    from tmlapp.bench.authoring.trying import CancelledError, try_item

    def told(progress: Progress) -> None:
        tell(progress)

    try:
        return try_item(state, folder, request, on_progress=told, cancel=cancel)
    except CancelledError:
        return None


def _read_tries(folder: Path) -> TryLog:
    from tmlapp.bench.authoring.trying_tried import read_tries

    return read_tries(folder)


def _windows_from(path: Path, take: Take) -> ImportedWindows:
    from tmlapp.bench.interchange.files import read_tiers
    from tmlapp.bench.interchange.of_take import windows_from

    return windows_from(read_tiers(path), take)


def _write_tiers(path: Path, item: ItemDraft, take: Take) -> Path:
    from tmlapp.bench.interchange.files import write_tiers
    from tmlapp.bench.interchange.of_take import tiers_of_take

    return write_tiers(path, tiers_of_take(item, take))


def _export(
    state: ItemSet, folder: Path, out: Path, only_valid: bool, parts: str = "", previous: Path | None = None
) -> Exported:
    from tmlapp.bench.authoring.dataset import export_dataset, options_of
    from tmlapp.bench.authoring.dataset_split import parsed_ratios

    options = replace(options_of(folder), only_valid=only_valid, previous=previous)
    if parts and parts != _parts(folder):
        # Other parts than last time were asked for: everybody is divided anew.
        options = replace(options, ratios=parsed_ratios(parts), fixed={})
    return export_dataset(state, folder, out, options)


def _parts(folder: Path) -> str:
    from tmlapp.bench.authoring.dataset import options_of

    return ", ".join(f"{name}={share:g}" for name, share in options_of(folder).ratios.items())


def _export_fdb(state: ItemSet, folder: Path, out: Path, only_valid: bool) -> int:
    from tmlapp.bench.authoring.fdb_folder import export_fdb

    return len(export_fdb(state, folder, out, only_valid=only_valid))


def _today() -> str:
    return datetime.now().astimezone().date().isoformat()


@dataclass(frozen=True, slots=True)
class ItemsServices:
    """The real ones by default; a test may put its own in any place. All may block, and raise `AppError`."""

    open_editor: Callable[[Path], Editor] = _open_editor
    read_take: Callable[[Path, Take], Pcm] = _read_take
    free_take_id: Callable[[Path, ItemDraft], str] = _free_take_id
    take_recorder: Callable[[Path, ItemDraft, str, str, Settings, float], TakeRecorder] = _take_recorder
    take_from_recording: Callable[[Path, ItemDraft, Path, str, str], Taken] = _take_from_recording
    lost_takes: Callable[[Path, ItemSet], list[tuple[str, Taken]]] = _lost_takes
    take_from_stretch: Callable[[Path, ItemDraft, Path, int, int | None, str], Taken] = _take_from_stretch
    take_from_file: Callable[[Path, ItemDraft, Path, str], Taken] = _take_from_file
    open_video: Callable[[Path], Video] = _open_video
    player: Callable[[Pcm, Settings], Player] = _player
    align: Callable[[ItemDraft, Pcm], Aligned] = _align
    snap_points: Callable[[Pcm, Take], SnapPoints] = _snap_points
    context: Callable[[Path], Context] = _context
    endpoint_facts: Callable[[tuple[str, ...], Settings], Mapping[str, EndpointFacts]] = _endpoint_facts
    try_item: Callable[[ItemSet, Path, TryRequest, Callable[[Progress], object], Cancel], Tried | None] = _try_item
    read_tries: Callable[[Path], TryLog] = _read_tries
    windows_from: Callable[[Path, Take], ImportedWindows] = _windows_from
    write_tiers: Callable[[Path, ItemDraft, Take], Path] = _write_tiers
    export: Callable[[ItemSet, Path, Path, bool, str, Path | None], Exported] = _export
    parts: Callable[[Path], str] = _parts
    export_fdb: Callable[[ItemSet, Path, Path, bool], int] = _export_fdb
    today: Callable[[], str] = _today

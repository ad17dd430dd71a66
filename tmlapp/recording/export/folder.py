"""`tmlapp export`: one folder with sound, video, events and captions."""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, to_json
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.recording.export.clip import has_media, write_mp4
from tmlapp.recording.export.pace import Pace, StoppedError
from tmlapp.recording.export.pictures import write_video
from tmlapp.recording.log_writer import pcm_bytes
from tmlapp.recording.reader import MIC_TOPICS, PROCESSED, Recording

_CUE_NS = 2 * NS_PER_S
_BLOCK_NS = 60 * NS_PER_S
_SOUND_SHARE = 0.1
"""Of the time that a folder takes, roughly; the rest goes into the film."""

_ESCAPED = "backslashreplace"  # half of a surrogate pair has no UTF-8, but an escape that is JSON


def export_folder(recording: Recording, out: Path, *, pace: Pace | None = None) -> list[Path]:
    """Write a recording out as files that any program opens.

    `user.wav` (16 kHz mono, to the sample), `processed.wav` (what the endpoint heard; only where an echo canceller
    stood between), `model.wav` (as received, at its place), `heard.wav` (as played),
    `video.mp4` (only if there are frames: each at its time, with the sound of both sides; without the extra `media`
    at a constant rate and silent), `turns.jsonl`, `events.jsonl`, `wire.jsonl` (only if there was a network),
    `cues.vtt`, `setup.json`, and `SHA256SUMS` over all of them.

    Raises:
        AppError: `out` is there and not empty, or cannot be written, or the recording is damaged.
        StoppedError: the export was stopped; what it had written is removed.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise AppError(
                f"{out} is not empty.", "An export does not mix with other files.", "Name a new or an empty folder."
            )
        try:
            return _write_all(recording, out, pace or Pace())
        except (StoppedError, KeyboardInterrupt):
            for path in out.iterdir():
                path.unlink()
            raise
    except OSError as error:
        raise AppError(
            f"The export to {out} failed.", f"{error.strerror or error}.", "Choose another folder, or free space."
        ) from error


def _write_all(recording: Recording, out: Path, pace: Pace) -> list[Path]:
    written: list[Path] = []
    tracks = [("user.wav", "/mic"), ("model.wav", "/model/audio"), ("heard.wav", "/model/heard")]
    if PROCESSED in recording.topics:
        tracks.insert(1, ("processed.wav", PROCESSED))
    for n, (name, topic) in enumerate(tracks):
        pace.at(_SOUND_SHARE * n / len(tracks))
        written.append(_write_wav(out / name, recording, topic))
    times_ns = [f["t_ns"] for record in recording.turn_records() for f in record["frames"]]
    if times_ns:
        written.append(_write_film(out / "video.mp4", recording, times_ns, pace))
    written.append(_write_lines(out / "turns.jsonl", recording.turn_records()))
    written.append(_write_lines(out / "events.jsonl", _events(recording)))
    if "/wire" in recording.topics:
        written.append(_write_lines(out / "wire.jsonl", (to_json(frame) for frame in recording.wire())))
    written.append(out / "cues.vtt")
    (out / "cues.vtt").write_text(web_vtt(list(recording.cues())), encoding="utf-8", errors="replace")
    written.append(out / "setup.json")
    setup = json.dumps(recording.info, ensure_ascii=False, indent=2)
    (out / "setup.json").write_text(setup + "\n", encoding="utf-8", errors=_ESCAPED)
    sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in written)
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return [*written, out / "SHA256SUMS"]


def _write_film(path: Path, recording: Recording, times_ns: list[int], pace: Pace) -> Path:
    if has_media():
        share = Pace(lambda x: pace.progress(_SOUND_SHARE + (1 - _SOUND_SHARE) * x), pace.cancelled)
        return write_mp4(recording, path, pace=share)
    write_video(path, recording.frames(), times_ns, recording.duration_ns)
    return path


def _end_ns(recording: Recording, topic: str) -> int:
    # The model may go on speaking when the last micro-turn is over.
    if topic in MIC_TOPICS:
        return recording.duration_ns
    return max([recording.duration_ns, *(end for _, end in recording.places(topic))])


def _write_wav(path: Path, recording: Recording, topic: str) -> Path:
    _, rate = recording.audio(topic, 0, 0)
    end_ns = _end_ns(recording, topic)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for start_ns in range(0, end_ns, _BLOCK_NS):
            pcm: Pcm = recording.audio(topic, start_ns, min(end_ns, start_ns + _BLOCK_NS))[0]
            file.writeframes(pcm_bytes(pcm))
    return path


def _events(recording: Recording) -> Iterable[dict[str, Any]]:
    for event in recording.events():
        value = to_json(event)
        if isinstance(event, AudioOut):
            # Its samples are in model.wav.
            value["pcm16"] = ""
            value["samples"] = len(event.pcm16) // 2
        yield value


def _write_lines(path: Path, values: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", errors=_ESCAPED, newline="\n") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")
    return path


def web_vtt(cues: list[Cue]) -> str:
    """Cues as WebVTT: each stays until the next one, two seconds at most."""
    lines = ["WEBVTT", ""]
    ordered = sorted(cues, key=lambda c: c.t_ns)
    for number, cue in enumerate(ordered):
        following = ordered[number + 1].t_ns if number + 1 < len(ordered) else cue.t_ns + _CUE_NS
        # Two cues of one instant would otherwise last no time, which players refuse.
        end_ns = max(min(cue.t_ns + _CUE_NS, following), cue.t_ns + NS_PER_MS)
        text = " ".join(cue.text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        lines += [str(number + 1), f"{_stamp(cue.t_ns)} --> {_stamp(end_ns)}", f"<c.{cue.kind}>{text}</c>", ""]
    return "\n".join(lines)


def _stamp(t_ns: int) -> str:
    ms = t_ns // NS_PER_MS
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

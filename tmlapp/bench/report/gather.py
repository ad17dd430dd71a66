"""Everything that a report shows of a recording, as plain values; nothing here knows HTML."""

from __future__ import annotations

import base64
import io
import statistics
import wave
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tmlapp.bench.counting import percentile
from tmlapp.bench.grading import sha256_of
from tmlapp.bench.report.timeline import Span, Track, level_of
from tmlapp.core.cue import Cue
from tmlapp.core.event import EndpointError, Event, Gap, Health, Heard, Marker, Notice, TextOutDone, UnitDone
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ
from tmlapp.recording.reader import Recording

AUDIO_LIMIT_BYTES = 10_000_000
PICTURES = 6
PICTURES_LIMIT_BYTES = 3_000_000
_TYPES = (TextOutDone, Heard, UnitDone, Gap, Health, Notice, Marker, EndpointError)
_LEVEL_STEP_NS = 50 * NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRow:
    """One utterance: when its text came, when it was heard, and how long that took. Seconds of session time."""

    t_s: float
    kind: str
    text: str
    heard_s: float | None
    delay_s: float | None


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture or a sound inside the page: a `data:` address, and what it is in words."""

    address: str
    label: str
    t_s: float = 0.0


@dataclass(slots=True)
class Contents:
    """What a report shows of the recording itself."""

    info: dict[str, Any]
    granted: dict[str, Any]
    recording: str
    sha256: str
    size_bytes: int
    duration_s: float
    turns: int
    lost_turns: int
    outputs: list[OutputRow] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notices: list[tuple[float, str, str]] = field(default_factory=list)
    health: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[Embedded] = field(default_factory=list)
    sounds: list[Embedded] = field(default_factory=list)
    sounds_left_out: str = ""
    cues: list[Cue] = field(default_factory=list)
    heard: list[Span] = field(default_factory=list)
    level: Track = field(default_factory=lambda: Track((), 0.0))

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen and had a meaning: devices are left out where a file was the source."""
        chosen: dict[str, Any] = self.info.get("options") or {}
        idle = ("microphone", "camera") if chosen.get("source") else ()
        return {k: v for k, v in chosen.items() if k not in idle and v not in (None, "", 0, False)}


def contents_of(recording: Recording) -> Contents:
    """Read everything that the report needs.

    Raises:
        AppError: the recording is damaged.
    """
    granted = recording.granted
    found = Contents(
        info=recording.info,
        granted={n: getattr(granted, n) for n in granted.__dataclass_fields__} if granted else {},
        recording=recording.path.name,
        sha256=sha256_of(recording.path),
        size_bytes=recording.path.stat().st_size,
        duration_s=recording.duration_ns / NS_PER_S,
        turns=recording.n_turns,
        lost_turns=len(recording.lost_turns),
        cues=list(recording.cues()),
    )
    events = list(recording.events(_TYPES))
    found.gaps = [e for e in events if isinstance(e, Gap)]
    found.notices = list(_notices(events))
    found.heard = [Span(e.t_ns / NS_PER_S, e.dur_ns / NS_PER_S, e.text) for e in events if isinstance(e, Heard)]
    found.outputs = _outputs(events, found.cues)
    found.health = health_figures(events)
    found.pictures = _pictures(recording)
    found.sounds, found.sounds_left_out = _sounds(recording)
    found.level = _level(recording)
    return found


def _notices(events: Iterable[Event]) -> Iterable[tuple[float, str, str]]:
    for event in events:
        match event:
            case Notice():
                yield event.t_ns / NS_PER_S, event.level, " ".join(filter(None, (event.what, event.why, event.fix)))
            case Marker():
                yield event.t_ns / NS_PER_S, event.label, event.note
            case EndpointError():
                yield event.t_rx_ns / NS_PER_S, "error", f"{event.code}: {event.message}"
            case _:
                pass


def _outputs(events: Sequence[Event], cues: Iterable[Cue]) -> list[OutputRow]:
    kinds = {(cue.t_ns, cue.text): cue.kind for cue in cues}
    heard: dict[str, deque[Heard]] = {}
    for event in events:
        if isinstance(event, Heard):
            heard.setdefault(event.text, deque()).append(event)
    rows = []
    for event in events:
        if not isinstance(event, TextOutDone) or event.channel == "thought":
            continue
        # The same word may be said often: its playing is the first one after it was received.
        waiting = heard.get(event.text, deque())
        while waiting and waiting[0].t_ns < event.t_rx_ns:
            waiting.popleft()
        played = waiting.popleft() if waiting else None
        rows.append(
            OutputRow(
                t_s=event.t_rx_ns / NS_PER_S,
                kind=kinds.get((event.t_rx_ns, event.text), "say"),
                text=event.text,
                heard_s=played.t_ns / NS_PER_S if played else None,
                delay_s=(played.t_ns - event.t_rx_ns) / NS_PER_S if played else None,
            )
        )
    return rows


def health_figures(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Vital signs of the whole session, in words; only those that were measured."""
    listed = list(events)
    seconds = [e for e in listed if isinstance(e, Health)]
    units = [e for e in listed if isinstance(e, UnitDone)]
    found: list[tuple[str, str]] = []
    if units:
        found.append(("Answer after the end of the micro-turn, median / p99", _ms([u.latency_ns for u in units])))
        found.append(("Model computing per micro-turn, median / p99", _ms([u.compute_ns for u in units])))
    late = [h.turn_late_p99_ms for h in seconds if h.turn_late_p99_ms is not None]
    worst = [h.turn_late_max_ms for h in seconds if h.turn_late_max_ms is not None]
    if late and worst:
        found.append(("Micro-turn late at the endpoint, worst p99 / max", f"{max(late):.1f} / {max(worst):.1f} ms"))
    drift = [h.drift_ppm for h in seconds if h.drift_ppm is not None]
    if drift:
        found.append(("Drift of the sample clock, median", f"{statistics.median(drift):+.1f} ppm"))
    fps = [h.camera_fps for h in seconds if h.camera_fps is not None]
    if fps:
        found.append(("Camera, median / lowest", f"{statistics.median(fps):.1f} / {min(fps):.1f} fps"))
    if seconds:
        last = seconds[-1]
        found.append(("Dropped samples / frames", f"{last.dropped_samples} / {last.dropped_frames}"))
        found.append(("Overflows that the sound card reported", str(last.xruns)))
    return found


def _ms(values_ns: Sequence[int]) -> str:
    p99 = percentile(values_ns, 0.99) or 0
    return f"{statistics.median(values_ns) / NS_PER_MS:.1f} / {p99 / NS_PER_MS:.1f} ms"


def _pictures(recording: Recording) -> list[Embedded]:
    found: list[Embedded] = []
    room = PICTURES_LIMIT_BYTES
    for k in range(PICTURES):
        start_ns = recording.duration_ns * (2 * k + 1) // (2 * PICTURES)
        frame = next(recording.frames(start_ns), None)
        # Several moments may fall into one gap of the camera and give the same frame.
        if frame is None or len(frame.jpeg) > room or any(p.t_s == frame.t_ns / NS_PER_S for p in found):
            continue
        room -= len(frame.jpeg)
        t_s = frame.t_ns / NS_PER_S
        found.append(Embedded(data_address("image/jpeg", frame.jpeg), f"Camera at {t_s:.1f} s", t_s))
    return found


def _sounds(recording: Recording) -> tuple[list[Embedded], str]:
    tracks = ((recording.input_topic, "What the model heard"), ("/model/heard", "What the loudspeaker played"))
    if recording.topics.get("/model/heard", 0) == 0:
        tracks = (tracks[0], ("/model/audio", "What the model said"))
    size = 0
    chosen = []
    for topic, label in tracks:
        first = next(recording.pieces(topic), None)
        if first is not None:
            size += 2 * first.rate_hz * recording.duration_ns // NS_PER_S
            chosen.append((topic, label))
    if size > AUDIO_LIMIT_BYTES:
        return [], f"The sound ({size / 1e6:.0f} MB) is too large for this page; it is in the recording."
    return [Embedded(data_address("audio/wav", _wav(recording, topic)), label) for topic, label in chosen], ""


def _wav(recording: Recording, topic: str) -> bytes:
    pcm, rate_hz = recording.audio(topic)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


def _level(recording: Recording) -> Track:
    levels: list[float] = []
    # A minute at a time: an hour of sound need not be in memory at once.
    for start_ns in range(0, recording.duration_ns, 60 * NS_PER_S):
        pcm, _ = recording.audio("/mic", start_ns, min(start_ns + 60 * NS_PER_S, recording.duration_ns))
        levels += level_of(pcm, SAMPLE_RATE_HZ * _LEVEL_STEP_NS // NS_PER_S)
    return Track(tuple(levels), _LEVEL_STEP_NS / NS_PER_S)


def data_address(kind: str, data: bytes) -> str:
    """A `data:` address that holds `data`."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"

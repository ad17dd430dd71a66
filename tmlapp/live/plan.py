"""From what a person chose to a session that is ready to start."""

from __future__ import annotations

import platform
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import tmlapp
from tmlapp.capture.camera import Camera
from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.devices import AudioSystem
from tmlapp.capture.echo import library_version
from tmlapp.capture.file_feed import open_source
from tmlapp.capture.microphone import Microphone
from tmlapp.capture.speaker import Speaker
from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointEvent
from tmlapp.core.feed import Feed
from tmlapp.core.session import SessionInfo
from tmlapp.core.tool import HistoryTurn, Toolbox
from tmlapp.endpoints.recorded import RecordedEndpoint
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.live.echo_path import EchoMode
from tmlapp.live.elsewhere import check_clock, target_of
from tmlapp.live.playout import Playout, SpeakerPlayout
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionLog, SessionOptions
from tmlapp.live.tools import TOOL_EVENTS, recorded_toolbox
from tmlapp.live.virtual_playout import VirtualPlayout
from tmlapp.live.voice_engines import voice_for
from tmlapp.recording.reader import Recording
from tmlapp.recording.replay import RecordedFeed
from tmlapp.recording.writer import Recorder

_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "onnxruntime-gpu",
    "onnxruntime",
    "sounddevice",
    "pywebrtc-audio",
    "pocketsphinx",
    "mcap",
    "PySide6-Essentials",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """Everything chosen for one session.

    Attributes:
        microphone, loudspeaker: device name, part of one, `default`, or `none`.
        camera: `camera:0`, a URL, or `none`.
        endpoint: address, e.g. `onnx:tiny`, `scripted:FILE`, `recorded:FILE`.
        source: a file (`VIDEO[,AUDIO]`) or `recording:FILE` instead of devices.
        clock: `real` keeps real time; `fast` (files only) runs on virtual time as fast as the machine can.
        tail_s, pad_before_s, pad_after_s: what is added around a file, in seconds.
        honest_clock: on virtual time, add the measured compute time to receive times.
        seed: of the sensor noise in the padding.
        provider: `cpu` or `cuda` to force where a local model computes.
    """

    microphone: str = "default"
    loudspeaker: str = "default"
    camera: str = "camera:0"
    endpoint: str = "onnx:tiny"
    instruction: str = ""
    name: str = "session"
    folder: Path
    source: str | None = None
    clock: Literal["real", "fast"] = "real"
    tail_s: float = 0.0
    pad_before_s: float = 0.0
    pad_after_s: float = 0.0
    honest_clock: bool = False
    seed: int = 0
    provider: str | None = None


def plan_from_settings(settings: Settings, **changes: Any) -> SessionPlan:
    """The plan that the settings stand for, with `changes`."""
    plan = SessionPlan(
        microphone=settings.microphone,
        loudspeaker=settings.loudspeaker,
        camera=settings.camera,
        endpoint=settings.endpoint,
        instruction=settings.instruction,
        name=settings.session_name,
        folder=settings.recordings_dir,
    )
    return replace(plan, **changes)


def build_session(
    plan: SessionPlan,
    settings: Settings,
    *,
    clock: Clock | None = None,
    toolbox: Toolbox | None = None,
    history: Sequence[HistoryTurn] = (),
) -> LiveSession:
    """A session for `plan`; nothing is opened before its `start`.

    Without a `toolbox`, the calls of a recorded model are answered as in its recording.

    Raises:
        AppError: the plan names something that does not exist.
    """
    clock = clock or MonotonicClock()
    audio = AudioSystem()
    if plan.clock == "fast" and plan.source is None:
        raise AppError(
            "Devices cannot run on virtual time.",
            "A microphone and a camera give what they give in real time.",
            "Use the real clock, or name a file as the source.",
        )
    voice = voice_for(settings.voice)
    endpoint = make_endpoint(plan.endpoint, settings)
    check_clock(endpoint, plan.clock)
    if toolbox is None and plan.endpoint.startswith("recorded:"):
        toolbox = recorded_toolbox(_recorded(plan.endpoint).events(TOOL_EVENTS))
    echo = echo_mode(plan, settings)
    asked = _asked(endpoint, toolbox, history) | {"echo": _echo_record(echo)}
    return LiveSession(
        feed=make_feed(plan, settings, clock, audio),
        endpoint=endpoint,
        info=lambda feed: _session_info(plan, feed, asked),
        make_log=lambda info, on_failure: _recorder(plan, info, clock, on_failure),
        clock=clock,
        options=SessionOptions(
            virtual_time=plan.clock == "fast",
            honest_clock=plan.honest_clock,
            folder=plan.folder,
            echo=echo,
            endpoint_options=(("provider", plan.provider),) if plan.provider else (),
        ),
        playout=_playout(plan, clock, audio),
        synthesize=voice.speak if voice is not None else None,
        name=plan.name,
        instruction=plan.instruction,
        toolbox=toolbox,
        history=history,
    )


def _asked(endpoint: Endpoint, toolbox: Toolbox | None, history: Sequence[HistoryTurn]) -> dict[str, Any]:
    """What the session asks of its endpoint besides the plan, for the recording; nothing where there is nothing."""
    target = target_of(endpoint)
    found: dict[str, Any] = {"target": target} if target else {}
    if toolbox is not None:
        found["tools"] = [asdict(spec) for spec in toolbox.specs]
        stated = getattr(toolbox, "provenance", None)
        if stated is not None:
            found["toolbox"] = stated()
    if history:
        found["history"] = [{"role": h.role, "text": h.text, "has_sound": h.sound is not None} for h in history]
    return found


def echo_mode(plan: SessionPlan, settings: Settings) -> EchoMode:
    """What stands between microphone and endpoint: nothing where no loudspeaker can get into a microphone."""
    if plan.source is not None or "none" in (plan.microphone, plan.loudspeaker):
        return "none"
    return settings.echo


def _echo_record(mode: EchoMode) -> dict[str, str]:
    return {"mode": mode, "library": library_version()} if mode == "on" else {"mode": mode}


def make_feed(plan: SessionPlan, settings: Settings, clock: Clock, audio: AudioSystem | None = None) -> Feed:
    """Devices, a file, or a recording, as `plan` says."""
    realtime = plan.clock == "real"
    if plan.source is None:
        microphone = None if plan.microphone == "none" else Microphone(plan.microphone, clock=clock, audio=audio)
        camera = None
        if plan.camera != "none":
            camera = Camera(
                plan.camera,
                width=settings.camera_width,
                height=settings.camera_height,
                fps=settings.camera_fps,
                jpeg_quality=settings.jpeg_quality,
                clock=clock,
            )
        return DeviceFeed(microphone, camera, clock=clock)
    if plan.source.startswith("recording:"):
        return RecordedFeed(
            Recording.open(Path(plan.source.removeprefix("recording:"))), realtime=realtime, clock=clock
        )
    return open_source(
        plan.source,
        realtime=realtime,
        clock=clock,
        pad_before_s=plan.pad_before_s,
        pad_after_s=plan.pad_after_s,
        tail_s=plan.tail_s,
        jpeg_quality=settings.jpeg_quality,
        seed=plan.seed,
    )


def make_endpoint(address: str, settings: Settings) -> Endpoint:
    """The endpoint at `address`; `recorded:FILE` answers as in that recording."""
    if address.startswith("recorded:"):
        recording = _recorded(address)
        if recording.granted is None:
            raise AppError(
                f"{recording.path.name} cannot answer.",
                "The recording holds no opened conversation: its endpoint never said what it granted.",
                "Choose another recording.",
            )
        events = [e for e in recording.events() if isinstance(e, EndpointEvent)]
        return RecordedEndpoint(events, recording.granted, address=address)
    return endpoint_from_address(address, threads=settings.model_threads)


def _recorded(address: str) -> Recording:
    return Recording.open(Path(address.removeprefix("recorded:")))


def _playout(plan: SessionPlan, clock: Clock, audio: AudioSystem) -> Callable[[Callable[[int], int]], Playout]:
    def make(to_session_ns: Callable[[int], int]) -> Playout:
        if plan.clock == "fast" or plan.loudspeaker == "none":
            return VirtualPlayout()
        speaker = Speaker(plan.loudspeaker, clock=clock, audio=audio)
        speaker.open()
        return SpeakerPlayout(speaker, to_session_ns)

    return make


def _recorder(plan: SessionPlan, info: SessionInfo, clock: Clock, on_failure: Callable[[AppError], None]) -> SessionLog:
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            f"The folder {plan.folder} for recordings cannot be made.", f"{error.strerror}.", "Choose another folder."
        ) from error
    return Recorder(plan.folder, plan.name, info, clock=clock, on_failure=on_failure)


def _session_info(plan: SessionPlan, feed: Feed, asked: dict[str, Any]) -> SessionInfo:
    options = {k: v for k, v in asdict(plan).items() if k not in ("folder", "instruction", "name", "endpoint", "clock")}
    return SessionInfo(
        session_id=uuid.uuid4().hex,
        name=plan.name,
        created_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        instruction=plan.instruction,
        endpoint=plan.endpoint,
        clock=plan.clock,
        feed=feed.info,
        versions=versions(),
        options=options | asked,
    )


def versions() -> dict[str, str]:
    """What ran: the app, Python, the platform and the libraries that touch the media."""
    found = {"tmlapp": tmlapp.__version__, "python": sys.version.split()[0], "platform": platform.platform()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found

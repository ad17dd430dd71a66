"""What the window asks of the rest of the program. Heavy modules are imported when first used, off its thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmlapp.ui.judging import (
    Graded,
    Judgement,
    Question,
    companions,
    grade_by_hand,
    grade_clip,
    question_of,
    write_report,
)

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings
    from tmlapp.live.plan import SessionPlan
    from tmlapp.live.preflight import Check
    from tmlapp.live.voice_engines import VoiceEngine
    from tmlapp.ui.bridge import Session


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """Where an endpoint computes: `host` is where the data would go, empty for a local one."""

    local: bool
    host: str


@dataclass(frozen=True, slots=True)
class DeviceNames:
    """Names of what is plugged in."""

    microphones: tuple[str, ...]
    loudspeakers: tuple[str, ...]
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One line of what the model said, for the result card; `t_s` is session time."""

    t_s: float
    kind: str
    text: str


def _build(plan: SessionPlan, settings: Settings) -> Session:
    from tmlapp.live.plan import build_session

    return build_session(plan, settings)


def _preflight(plan: SessionPlan, settings: Settings) -> list[Check]:
    from tmlapp.live.preflight import run_preflight

    return run_preflight(plan, settings)


def _endpoint_facts(plan: SessionPlan, settings: Settings) -> EndpointFacts:
    from tmlapp.live.plan import make_endpoint

    endpoint = make_endpoint(plan.endpoint, settings)
    return EndpointFacts(endpoint.local, endpoint.host)


def _devices() -> DeviceNames:
    from tmlapp.capture.devices import list_devices

    found = list_devices()
    return DeviceNames(
        tuple(d.name for d in found.microphones),
        tuple(d.name for d in found.loudspeakers),
        tuple(_camera_address(c) for c in found.cameras),
    )


def _voices() -> Sequence[VoiceEngine]:
    from tmlapp.live.voice_engines import voices

    return voices()


def _camera_address(camera: dict[str, Any]) -> str:
    return str(camera.get("uri", ""))


def _outputs(recording: Path) -> list[Output]:
    from tmlapp.recording.reader import Recording

    cues = Recording.open(recording).cues()
    return [Output(c.t_ns / 1e9, c.kind, c.text) for c in cues]


def _recover(folder: Path) -> list[Path]:
    from tmlapp.recording.recover import find_parts, recover

    done: list[Path] = []
    for part in find_parts(folder):
        recover(part)
        done.append(part)
    return done


def _trash(path: Path) -> None:
    from send2trash import send2trash

    beside = list(companions(path))
    for file in (path, *beside):
        send2trash(str(file))


def _clip() -> str:
    from tmlapp.config.paths import demo_source

    return demo_source()


def _grades(recording: Path, source: str | None) -> list[Graded]:
    return grade_clip(recording, source, _clip())


@dataclass(frozen=True, slots=True)
class Services:
    """The real ones by default; a test may put its own in any place. All may block, and raise `AppError`."""

    build_session: Callable[[SessionPlan, Settings], Session] = _build
    run_preflight: Callable[[SessionPlan, Settings], list[Check]] = _preflight
    endpoint_facts: Callable[[SessionPlan, Settings], EndpointFacts] = _endpoint_facts
    devices: Callable[[], DeviceNames] = _devices
    voices: Callable[[], Sequence[VoiceEngine]] = _voices
    outputs: Callable[[Path], list[Output]] = _outputs
    grades: Callable[[Path, str | None], list[Graded]] = _grades
    question: Callable[[Path], Question] = question_of
    grade_by_hand: Callable[[Path, Judgement], list[Graded]] = grade_by_hand
    write_report: Callable[[Path], Path] = write_report
    recover: Callable[[Path], list[Path]] = _recover
    trash: Callable[[Path], None] = _trash
    clip: Callable[[], str | None] = field(default=_clip)

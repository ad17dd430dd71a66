"""`tmlapp doctor`: is this machine ready, and if not, what helps?"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import FAILED, Json, emit, out, reported
from tmlapp.core.errors import AppError

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings
    from tmlapp.core.feed import Captured, Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor: `ok` None means that something is absent that is not needed everywhere."""

    name: str
    ok: bool | None
    detail: str
    fix: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def command(
    live: Annotated[
        float, typer.Option(help="Measure sound against picture for this many seconds: clap in front of the camera.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Check libraries, devices, model, voice, disk and the offset between sound and picture."""
    from tmlapp.config.settings import load_settings

    with reported(as_json):
        settings = load_settings()
        findings = [
            _guard("python", _python),
            _guard("microphones", lambda: _sound("microphones")),
            _guard("loudspeakers", lambda: _sound("loudspeakers")),
            _guard("echo", lambda: _echo(settings)),
            _guard("cameras", _cameras),
            _guard("voice", lambda: _voice(settings)),
            _guard("model", lambda: _model(settings)),
            _guard("disk", lambda: _disk(settings)),
            _guard("offset", lambda: _offset_of("offset", _synthetic_turns())),
        ]
        if live > 0:
            findings.append(_guard("live offset", lambda: _offset_of("live offset", _live_turns(settings, live))))
    if as_json:
        emit({"ok": all(f.ok is not False for f in findings), "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            sign = {True: "ok     ", False: "MISSING", None: "absent "}[finding.ok]
            out().print(f"{sign} {finding.name:12} {finding.detail}", markup=False)
            if finding.fix:
                out().print(f"{'':21}{finding.fix}", markup=False)
    if any(f.ok is False for f in findings):
        raise typer.Exit(FAILED)


def _guard(name: str, find: Callable[[], Finding]) -> Finding:
    try:
        return find()
    except AppError as error:
        return Finding(name=name, ok=False, detail=f"{error.what} {error.why}", fix=error.fix)


def _python() -> Finding:
    from tmlapp.live.plan import versions

    found = versions()
    shown = ", ".join(f"{k} {v}" for k, v in found.items() if k != "platform")
    return Finding(name="python", ok=sys.version_info >= (3, 11), detail=shown, figures=found)


def _sound(kind: str) -> Finding:
    from tmlapp.capture.devices import list_devices

    found = list_devices()
    devices = getattr(found, kind)
    if found.problem:
        return Finding(name=kind, ok=None, detail=found.problem)
    if not devices:
        return Finding(name=kind, ok=None, detail="none found", fix="Plug one in, or work from files.")
    default = next((d.name for d in devices if d.default), devices[0].name)
    return Finding(name=kind, ok=True, detail=f"{len(devices)} found; default: {default}")


def _echo(settings: Settings) -> Finding:
    from tmlapp.capture.echo import EchoCanceller, library_version

    if settings.echo != "on":
        return Finding(name="echo", ok=None, detail=f"{settings.echo} is chosen: the microphone is heard as it is")
    EchoCanceller()
    return Finding(name="echo", ok=True, detail=f"the model's own voice is taken out by {library_version()}")


def _cameras() -> Finding:
    from tmlapp.capture.camera import list_cameras

    cameras = list_cameras()
    if not cameras:
        return Finding(name="cameras", ok=None, detail="none found", fix="Plug one in, or work from files.")
    return Finding(name="cameras", ok=True, detail=", ".join(f"{c.uri} ({c.name})" for c in cameras))


def _voice(settings: Settings) -> Finding:
    from tmlapp.live.voice_engines import AUTO, NO_VOICE_FIX, NONE, voices

    engines = voices()
    found = [f"{e.title}{'' if e.tried else ' (not tried on this system)'}" for e in engines if e.found]
    figures = {"chosen": settings.voice, "engines": [asdict(e) for e in engines]}
    here = f"found: {', '.join(found) or 'none'}"
    recorded = "only the model's recorded phrases can be heard"
    if settings.voice == NONE:
        return Finding(name="voice", ok=None, detail=f"none is chosen: {recorded}; {here}", figures=figures)
    if settings.voice != AUTO:
        ok = any(e.found and e.name == settings.voice for e in engines)
        problem = "" if ok else f" and is not there: {recorded}"
        fix = "" if ok else NO_VOICE_FIX
        return Finding(
            name="voice", ok=ok, detail=f"{settings.voice} is chosen{problem}; {here}", fix=fix, figures=figures
        )
    if not found:
        return Finding(name="voice", ok=None, detail=f"none found: {recorded}", fix=NO_VOICE_FIX, figures=figures)
    return Finding(name="voice", ok=True, detail=here, figures=figures)


def _model(settings: Settings) -> Finding:
    from tmlapp.core.clock import MonotonicClock
    from tmlapp.core.endpoint import EndpointSetup
    from tmlapp.core.event import EndpointEvent
    from tmlapp.live.plan import make_endpoint

    endpoint = make_endpoint(settings.endpoint, settings)
    endpoint.check("")
    if not endpoint.local:
        return Finding(name="model", ok=True, detail=f"{endpoint.address}: not asked, it is not on this machine")
    events: list[EndpointEvent] = []
    setup = EndpointSetup(instruction="", clock=MonotonicClock(), session_now_ns=lambda: 0, virtual_time=True)
    duplex = endpoint.open(setup, events.append)
    granted = duplex.granted
    duplex.close()
    return Finding(
        name="model",
        ok=True,
        detail=f"{granted.name} ({endpoint.address}) on {granted.provider}",
        figures={"details": granted.details},
    )


def _disk(settings: Settings) -> Finding:
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.live.preflight import check_disk

    check = check_disk(plan_from_settings(settings))
    return Finding(name="disk", ok=check.ok, detail=check.detail or check.why, fix=check.fix)


def _synthetic_turns() -> list[Captured]:
    """Ten claps with flashes through the same path that a file takes: the app's own share of the offset."""
    from tmlapp.capture.synthetic import SyntheticFeed
    from tmlapp.core.clock import MonotonicClock

    return _turns(SyntheticFeed("clap", realtime=False, clock=MonotonicClock(), duration_s=10.0), None)


def _live_turns(settings: Settings, seconds: float) -> list[Captured]:
    from tmlapp.core.clock import MonotonicClock
    from tmlapp.live.plan import make_feed, plan_from_settings

    return _turns(make_feed(plan_from_settings(settings), settings, MonotonicClock()), round(seconds * 5))


def _turns(feed: Feed, count: int | None) -> list[Captured]:
    wake = threading.Event()
    feed.open(wake.set)
    turns: list[Captured] = []
    try:
        while not feed.finished and (count is None or len(turns) < count):
            turn = feed.poll()
            if turn is None:
                wake.wait(1.0)
                wake.clear()
            else:
                turns.append(turn)
    finally:
        feed.close()
    return turns


def _offset_of(name: str, turns: list[Captured]) -> Finding:
    from tmlapp.capture.selftest import measure_av_offset

    offset = measure_av_offset(turns)
    detail = (
        f"picture {offset.median_ms:+.1f} ms against sound (spread {offset.spread_ms:.1f} ms, "
        f"{offset.n} claps, {offset.frame_ms:.1f} ms between frames)"
    )
    return Finding(name=name, ok=abs(offset.median_ms) <= 40 + offset.frame_ms, detail=detail, figures=asdict(offset))

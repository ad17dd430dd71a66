"""Is everything there that a session needs? Asked before the start, answered in words."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from tmlapp.capture.camera import Camera
from tmlapp.capture.devices import list_devices, resolve
from tmlapp.config.settings import Settings
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.live.elsewhere import check_clock, where_it_goes
from tmlapp.live.plan import SessionPlan, make_endpoint, make_feed
from tmlapp.recording.recover import find_parts

MINIMUM_FREE_BYTES = 1_000_000_000
"""Less than this is a failed check: about 14 minutes of 720p."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the preflight.

    Attributes:
        key: `source`, `microphone`, `camera`, `loudspeaker`, `endpoint`, `disk` or `leftovers`.
        ok: green or red; only `required` red checks hold up the start.
        detail: what was found, when green.
        why, fix: one sentence each, when red.
        action: what a button beside it may do: `choose_microphone`, `choose_camera`, `choose_loudspeaker`,
            `choose_endpoint`, `choose_folder`, `use_clip`, `recover`.
    """

    key: str
    title: str
    ok: bool
    required: bool = True
    detail: str = ""
    why: str = ""
    fix: str = ""
    action: str | None = None


def run_preflight(plan: SessionPlan, settings: Settings) -> list[Check]:
    """All checks for `plan`, in the order in which they are shown. Opens and closes the camera: may take a while."""
    checks = [_source(plan, settings)] if plan.source else [_microphone(plan), _camera(plan, settings)]
    return [*checks, _loudspeaker(plan), check_endpoint(plan, settings), check_disk(plan), *_leftovers(plan)]


def ready(checks: list[Check]) -> bool:
    """True when nothing that is required is missing."""
    return all(c.ok for c in checks if c.required)


def _red(key: str, title: str, error: AppError, action: str | None, *, required: bool = True) -> Check:
    return Check(
        key=key, title=title, ok=False, required=required, why=f"{error.what} {error.why}", fix=error.fix, action=action
    )


def _source(plan: SessionPlan, settings: Settings) -> Check:
    try:
        make_feed(plan, settings, MonotonicClock())
    except AppError as error:
        return _red("source", "Source", error, "use_clip")
    return Check(key="source", title="Source", ok=True, detail=str(plan.source))


def _microphone(plan: SessionPlan) -> Check:
    if plan.microphone == "none":
        return Check(key="microphone", title="Microphone", ok=True, detail="None: the model hears silence.")
    try:
        device = resolve("input", plan.microphone)
    except AppError as error:
        return _red("microphone", "Microphone", error, "choose_microphone")
    return Check(key="microphone", title="Microphone", ok=True, detail=device.name)


def _camera(plan: SessionPlan, settings: Settings) -> Check:
    if plan.camera == "none":
        return Check(key="camera", title="Camera", ok=True, detail="None: the model sees nothing.")
    camera = Camera(
        plan.camera,
        width=settings.camera_width,
        height=settings.camera_height,
        fps=settings.camera_fps,
        jpeg_quality=settings.jpeg_quality,
        clock=MonotonicClock(),
    )
    try:
        camera.open()
        actual = camera.info.actual
    except AppError as error:
        return _red("camera", "Camera", error, "choose_camera")
    finally:
        camera.close()
    size = f"{actual.get('width', '?')}×{actual.get('height', '?')}"
    return Check(key="camera", title="Camera", ok=True, detail=f"{camera.info.name}, {size}")


def _loudspeaker(plan: SessionPlan) -> Check:
    if plan.loudspeaker == "none":
        return Check(
            key="loudspeaker", title="Loudspeaker", ok=True, detail="None: what the model says is recorded only."
        )
    try:
        device = resolve("output", plan.loudspeaker)
    except AppError as error:
        return _red("loudspeaker", "Loudspeaker", error, "choose_loudspeaker")
    return Check(key="loudspeaker", title="Loudspeaker", ok=True, detail=device.name)


def check_endpoint(plan: SessionPlan, settings: Settings) -> Check:
    """Whether the model of `plan` can be used, as far as that is known without a network, and where data would go."""
    try:
        endpoint = make_endpoint(plan.endpoint, settings)
        endpoint.check(plan.instruction)
        check_clock(endpoint, plan.clock)
    except AppError as error:
        return _red("endpoint", "Model", error, "choose_endpoint")
    # Nobody was asked yet: that would need the network before a person has agreed to it.
    asked = "" if endpoint.local else "; it is asked at the start"
    detail = f"{endpoint.address}, {where_it_goes(endpoint)}{asked}"
    return Check(key="endpoint", title="Model", ok=True, detail=detail)


def check_disk(plan: SessionPlan) -> Check:
    """Whether recordings can be written to the folder of `plan`."""
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(plan.folder, os.W_OK):
            raise PermissionError(13, "the folder is read-only")
        free = shutil.disk_usage(plan.folder).free
    except OSError as error:
        return Check(
            key="disk",
            title="Recordings",
            ok=False,
            why=f"Nothing can be written to {plan.folder}: {error.strerror}.",
            fix="Choose another folder.",
            action="choose_folder",
        )
    if free < MINIMUM_FREE_BYTES:
        return Check(
            key="disk",
            title="Recordings",
            ok=False,
            why=f"Only {free / 1e9:.1f} GB are free in {plan.folder}.",
            fix="Make room, or choose another folder.",
            action="choose_folder",
        )
    return Check(key="disk", title="Recordings", ok=True, detail=f"{plan.folder}, {free / 1e9:.0f} GB free")


def _leftovers(plan: SessionPlan) -> list[Check]:
    parts = find_parts(plan.folder)
    if not parts:
        return []
    names = ", ".join(p.name for p in parts[:3]) + (" …" if len(parts) > 3 else "")
    return [
        Check(
            key="leftovers",
            title="Unfinished recordings",
            ok=False,
            required=False,
            why=f"A session ended without being closed: {names}.",
            fix="Recover them; nothing that was acknowledged is lost.",
            action="recover",
        )
    ]


def devices_present() -> tuple[bool, bool]:
    """Whether there is any microphone, and any camera."""
    devices = list_devices()
    return bool(devices.microphones), bool(devices.cameras)

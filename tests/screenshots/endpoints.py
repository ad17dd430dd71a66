"""Draws the screens of remote endpoints: profiles, Live with a remote session, the wire inspector, what is granted.

python -m tests.screenshots.endpoints [--out docs/images] [--scale 1.0]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = ((1280, 800), (1920, 1080))


def main() -> int:
    """Write every picture; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots.endpoints", description="Draw the window.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the texts, 0.8 … 2.0")
    parser.add_argument("--scheme", choices=("dark", "light"), action="append")
    options = parser.parse_args()
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMLAPP_CONFIG_DIR"] = os.environ["TMLAPP_CACHE_DIR"] = folder
        os.environ["LAB_OMNI_KEY"] = "for the picture"
        _draw_all(out, Path(folder), options.scale, options.scheme or ["dark", "light"])
    return 0


def _draw_all(out: Path, folder: Path, scale: float, schemes: list[str]) -> None:
    import qasync

    from tmlapp.ui.app import drained, make_app

    app = make_app(sys.argv[:1])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        for scheme in schemes:
            loop.run_until_complete(_draw(loop, out, folder / scheme, scheme, scale))
        loop.run_until_complete(drained(loop))


def _profiles() -> None:
    from tmlapp.config.profiles import EndpointProfile, save_profiles
    from tmlapp.endpoints.registry import dialects

    wanted = {
        "lab": ("sglang_omni", "wss://lab.example.org/v1/realtime", "omni-7b", "env:LAB_OMNI_KEY"),
        "gpt-realtime": ("openai_realtime", "", "gpt-realtime", "keyring"),
        "gemini": ("gemini_live", "", "", "env:GEMINI_API_KEY"),
        "moshi on the desk": ("moshi", "ws://127.0.0.1:8998", "", "none"),
    }
    known = dialects()
    save_profiles(
        [
            EndpointProfile(name=name, kind=kind, url=url, model=model, key=key)
            for name, (kind, url, model, key) in wanted.items()
            if kind in known
        ]
    )


async def _draw(loop: asyncio.AbstractEventLoop, out: Path, folder: Path, scheme: str, scale: float) -> None:
    from tests.ui.remote_fake import HOST, FakeRemote
    from tests.ui.sessions import Desk, counting, plan_for
    from tmlapp.config.settings import Settings
    from tmlapp.core.event import ConnectionChanged, EndpointError, EndpointEvent, InputLost, Limit
    from tmlapp.live.preflight import Check
    from tmlapp.ui.services import EndpointFacts, Services
    from tmlapp.ui.window import MainWindow

    _profiles()
    clip = ROOT / "assets" / "demo"
    trouble = EndpointError(kind="invalid_input", code="image_too_big", message="The picture is too big.", fatal=False)
    lost = [InputLost(micro_turn=k, what="turn", reason="not connected") for k in range(3)]
    extra: dict[int, Sequence[EndpointEvent]] = {
        33: [ConnectionChanged(state="reconnecting", reason="The network went away (1006).", attempt=1)],
        34: lost,
        36: [ConnectionChanged(state="open")],
        44: [trouble],
        46: [Limit(kind="going_away", remaining_ms=50_000.0, message="The service restarts.")],
    }
    remote = FakeRemote(counting([3.0, 5.0, 7.4, 9.2], start_s=2.0), extra=extra)
    desk = Desk(f"{clip / 'squats.mp4'},{clip / 'squats.wav'}", endpoint=remote)
    settings = Settings.model_validate(
        {"theme": scheme, "recordings_dir": folder, "endpoint": "profile:lab", "text_scale": scale}
    )
    plan = plan_for(folder, endpoint="profile:lab")
    green = [
        Check(key="microphone", title="Microphone", ok=True, detail="Scarlett 2i2"),
        Check(key="camera", title="Camera", ok=True, detail="C920, 1280×720"),
        Check(key="loudspeaker", title="Loudspeaker", ok=True, detail="Scarlett 2i2"),
        Check(key="endpoint", title="Model", ok=True, detail=f"profile:lab, sends sound and picture to {HOST}"),
        Check(key="disk", title="Recordings", ok=True, detail="recordings, 214 GB free"),
    ]
    services = Services(
        build_session=desk.build,
        run_preflight=lambda _plan, _settings: green,
        endpoint_facts=lambda _plan, _settings: EndpointFacts(False, HOST),
    )
    window = MainWindow(settings, loop, plan=plan, services=services)

    def shoot(name: str, size: tuple[int, int]) -> None:
        path = out / f"{name}-{scheme}-{size[0]}x{size[1]}.png"
        shown = window.endpoints.dialog if name == "endpoints" and window.endpoints.dialog else window
        if not shown.grab().save(str(path)):
            raise SystemExit(f"{path} could not be written")
        print(path)

    async def at_size(size: tuple[int, int]) -> None:
        window.showNormal()
        window.resize(*size)
        await asyncio.sleep(0.5)

    await at_size(SIZES[0])
    window.check()
    await _until(lambda: bool(window.preflight.rows))
    for size in SIZES:
        await at_size(size)
        window.endpoints.manage("lab")
        await asyncio.sleep(0.4)
        shoot("endpoints", size)
        assert window.endpoints.dialog is not None
        window.endpoints.dialog.reject()
        await _until(lambda: window.endpoints.dialog is None)
    await _until(lambda: bool(window.preflight.rows))
    window.preflight.consent.setChecked(True)
    await _until(lambda: window.preflight.ready)
    window.toggle()
    await _until(lambda: window.pages.currentWidget() is window.stage)
    session = desk.sessions[0]
    desk.run_to(10.0)
    await _until(lambda: session.snapshot().t_ns >= 10e9 - 1)
    for size in SIZES:
        await at_size(size)
        shoot("live-remote", size)
    window.endpoints.pick()
    await asyncio.sleep(0.3)
    menu = out / f"endpoint-picker-{scheme}.png"
    window.endpoints.picker.grab().save(str(menu))
    window.endpoints.picker.close()
    print(menu)
    for page, name in (("wire", "wire"), ("granted", "granted")):
        window.endpoints.toggle(page)
        if page == "wire":
            rows = window.endpoints.dock.wire.model.shown()
            said = [row for row in rows if row.kind == "response.output_audio.delta"]
            window.endpoints.show_frame(said[-1].index)
        for size in SIZES:
            await at_size(size)
            shoot(name, size)
    window.toggle()
    await _until(lambda: not window.controller.live)
    window.close()


async def _until(what: Callable[[], bool], timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())

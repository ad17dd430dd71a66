"""Draws the window for the documentation: a real session of the embedded model on the demo clip, held at one moment,
and the other workspaces with what they hold afterwards.

python -m tests.screenshots [--out docs/images] [--endpoint onnx:tiny]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = ((1280, 800), (1920, 1080))
STOP_AT_S = 19.6
MARKER_AT_S = 14.0


def main() -> int:
    """Write every picture; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Draw the window.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--endpoint", default="onnx:tiny")
    parser.add_argument(
        "--desk", type=Path, help="new folder for recordings, named in the pictures; removed afterwards"
    )
    parser.add_argument("--speech", type=Path, default=ROOT.parent / "shared" / "data" / "speech", help="real speech")
    parser.add_argument("--at", type=float, default=STOP_AT_S, help="session time of the pictures, in seconds")
    options = parser.parse_args()
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as settings, _desk(options.desk) as desk:
        os.environ["TMLAPP_CONFIG_DIR"] = os.environ["TMLAPP_CACHE_DIR"] = settings
        # Paths stand in the pictures: relative ones look the same on every machine.
        (desk / "demo").symlink_to(ROOT / "assets" / "demo")
        os.chdir(desk)
        _draw_all(out, options.endpoint, options.at, options.speech.absolute() / "cmusphinx__pocketsphinx")
        os.chdir(ROOT)
    return 0


@contextmanager
def _desk(wanted: Path | None) -> Iterator[Path]:
    """An empty folder to work in; gone afterwards."""
    if wanted is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
        return
    wanted.mkdir(parents=True)
    try:
        yield wanted.absolute()
    finally:
        shutil.rmtree(wanted)


def _draw_all(out: Path, endpoint: str, at_s: float, speech: Path) -> None:
    import qasync

    from tmlapp.ui.app import drained, make_app

    app = make_app(sys.argv[:1])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        for scheme in ("dark", "light"):
            loop.run_until_complete(_draw(loop, out, scheme, endpoint, at_s, speech))
        loop.run_until_complete(drained(loop))


async def _draw(
    loop: asyncio.AbstractEventLoop, out: Path, scheme: str, endpoint: str, at_s: float, speech: Path
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from tests.screenshots import workspaces
    from tests.ui.sessions import Desk, plan_for
    from tmlapp.config.settings import Settings
    from tmlapp.endpoints.registry import endpoint_from_address
    from tmlapp.live.plan import SessionPlan
    from tmlapp.ui.services import Services
    from tmlapp.ui.window import MainWindow

    source, folder = "demo/squats.mp4,demo/squats.wav", Path("recordings") / scheme
    desk = Desk(source, endpoint=endpoint_from_address(endpoint), honest_clock=True)
    settings = Settings.model_validate({"theme": scheme, "recordings_dir": folder})
    # Nothing is typed: the clip asks aloud, and the picture shows that it was heard.
    plan = plan_for(folder, endpoint=endpoint, source=source, loudspeaker="none", instruction="")
    devices = SessionPlan(folder=folder, name=plan.name, instruction="", endpoint=endpoint)
    services = Services(build_session=desk.build)
    window = MainWindow(settings, loop, plan=devices, services=services)

    def shoot(name: str, size: tuple[int, int]) -> None:
        path = out / f"{name}-{scheme}-{size[0]}x{size[1]}.png"
        if not window.grab().save(str(path)):
            raise SystemExit(f"{path} could not be written")
        print(path)

    async def at_size(size: tuple[int, int]) -> None:
        window.showNormal()
        window.resize(*size)
        await asyncio.sleep(0.6)

    await at_size(SIZES[0])
    window.check()
    await _until(lambda: bool(window.preflight.rows))
    await at_size(SIZES[0])
    shoot("preflight", SIZES[0])
    window.controller.plan = plan
    window.check()
    await _until(lambda: window.preflight.ready)
    window.toggle()
    await _until(lambda: window.pages.currentWidget() is window.stage)
    session = desk.sessions[0]
    desk.run_to(min(MARKER_AT_S, at_s))
    await _until(lambda: session.snapshot().t_ns >= min(MARKER_AT_S, at_s) * 1e9)
    session.marker("note", "heel lifted, still counted")
    desk.run_to(at_s)
    await _until(lambda: session.snapshot().t_ns >= at_s * 1e9 - 1)
    for size in SIZES:
        await at_size(size)
        shoot("live", size)
    if scheme == "dark":  # The presenter looks the same in both.
        window.actions_["view.presenter"].trigger()
        await at_size(SIZES[0])
        shoot("presenter", SIZES[0])
        window.actions_["view.presenter"].trigger()
    await at_size(SIZES[0])
    window.toggle()
    await _until(lambda: not window.controller.live and "outputs" in window.result.summary.text())
    await _until(lambda: not window.result.judge.isHidden())
    window.actions_["app.grade"].trigger()
    QTest.keyClicks(window.result.judge.count, str(_really(at_s)))
    QTest.keyClick(window.result.judge.count, Qt.Key.Key_Return)
    await _until(lambda: not window.result.grades.isHidden())
    await at_size(SIZES[0])
    shoot("result", SIZES[0])
    recording = window.result.recording
    assert recording is not None
    recording = Path(os.path.relpath(recording))
    draw = workspaces.draws(window, folder, speech, recording, _until)
    for name, make in draw.items():
        await at_size(SIZES[0])
        await make()
        for size in SIZES:
            await at_size(size)
            await asyncio.sleep(1.2)
            shoot(name, size)
    window.close()


def _really(t_s: float) -> int:
    """Repetitions of the demo clip that have ended by `t_s`, as an attentive person counts them."""
    truth = json.loads((ROOT / "assets" / "demo" / "truth-repcount.json").read_text(encoding="utf-8"))
    return sum(end <= t_s for end in truth["rep_end_times_s"])


async def _until(what: Callable[[], bool], timeout_s: float = 120.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())

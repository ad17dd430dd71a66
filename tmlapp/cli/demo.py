"""`tmlapp demo`: the main job on whatever this machine has."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import err, out, reported
from tmlapp.cli.run import Printer, run_plan
from tmlapp.core.units import NS_PER_S

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings

COUNT = "Please count out reps for squats."
BORDERS = "Say 'start' when the person starts doing squats then say 'Stop' when they stop."
PICTURE_AT_S = 15


def command(
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for what the demo writes.")] = None,
    clip: Annotated[bool, typer.Option(help="Use the bundled clip even where there are devices.")] = False,
    headless: Annotated[bool, typer.Option(help="Use a virtual screen even where there is a display.")] = False,
) -> None:
    """Count squats, call start and stop, record, grade: in the window, or without a display on the bundled clip."""
    from tmlapp.config.settings import load_settings

    with reported(False):
        settings = load_settings()
        if has_display() and not headless:
            _in_window(settings, clip=clip)
        else:
            err().print("No display: the session runs on the bundled clip and a virtual screen.")
            _without_display(settings, out_dir or Path("out") / "demo")


def has_display() -> bool:
    """Whether a window can be shown to a person."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _in_window(settings: Settings, *, clip: bool) -> None:
    from tmlapp.config.paths import demo_source
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.live.preflight import devices_present
    from tmlapp.ui.app import run_window

    microphone, camera = devices_present()
    changes: dict[str, Any] = {"instruction": COUNT, "name": "demo"}
    if clip or not (microphone and camera):
        missing = " and ".join(w for w, there in (("microphone", microphone), ("camera", camera)) if not there)
        err().print(f"{f'No {missing}: u' if missing else 'U'}sing the bundled clip.")
        changes["source"] = demo_source()
    if not _loudspeaker():
        err().print("No loudspeaker: what the model says is recorded and shown, not heard.")
        changes["loudspeaker"] = "none"
    raise typer.Exit(run_window([], plan_from_settings(settings, **changes)))


def _loudspeaker() -> bool:
    from tmlapp.capture.devices import list_devices

    return bool(list_devices().loudspeakers)


def _without_display(settings: Settings, folder: Path) -> None:
    from tmlapp.bench.grading import grade_recording, write_grade
    from tmlapp.bench.report.write import write_report
    from tmlapp.config.paths import assets_dir, demo_source
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.recording.reader import Recording
    from tmlapp.ui.offscreen import run_offscreen

    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "window.png"
    common = {"source": demo_source(), "loudspeaker": "none", "folder": folder}
    counting = plan_from_settings(settings, instruction=COUNT, name="count", **common)
    err().print(f"“{COUNT}” In real time, 32 s:")
    session = run_offscreen(
        counting, settings, observers=[Printer()], picture=picture, picture_at_ns=PICTURE_AT_S * NS_PER_S
    )
    session.wait()
    if session.error is not None:
        raise session.error
    if session.recording_path is None:
        raise RuntimeError("a session that did not fail has a recording")
    err().print(f"“{BORDERS}” As fast as this machine can:")
    borders = plan_from_settings(settings, instruction=BORDERS, name="start-stop", clock="fast", tail_s=2.0, **common)
    made = [(session.recording_path, "repcount-a", "truth-repcount.json")]
    made.append((run_plan(borders, settings), "charades", "truth-charades.json"))
    for path, suite, truth in made:
        recording = Recording.open(path)
        grade = grade_recording(recording, suite, assets_dir() / "demo" / truth)
        write_grade(path, grade)
        shot = picture.read_bytes() if suite == "repcount-a" else None
        report = write_report(recording, [grade], path.with_suffix(".html"), shot)
        out().print(f"{suite} {grade.metric}: {grade.score}", markup=False)
        for verdict in grade.verdicts:
            out().print(f"  {verdict.why}", markup=False)
        out().print(f"  recording {path}\n  report    {report}", markup=False)
    out().print(f"  window    {picture}", markup=False)
    _join_threads()


def _join_threads() -> None:
    # Qt's own threads end with the interpreter; ours are daemons and must have written everything by now.
    for thread in threading.enumerate():
        if thread.name in ("engine", "recorder"):
            thread.join(5)

"""`tmlapp demo`: the main job on whatever this machine has."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import err, out, reported
from tmlapp.cli.run import Printer, run_plan
from tmlapp.core.event import SpeechHeard
from tmlapp.core.units import NS_PER_S

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings
    from tmlapp.recording.reader import Recording

COUNT = "Please count out reps for squats."
BORDERS = "Say 'start' when the person starts doing squats then say 'Stop' when they stop."
PICTURE_AT_S = 15
_SAME_S = 0.5


def command(
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for what the demo writes.")] = None,
    clip: Annotated[bool, typer.Option(help="Use the bundled clip even where there are devices.")] = False,
    headless: Annotated[bool, typer.Option(help="Use a virtual screen even where there is a display.")] = False,
) -> None:
    """Count squats, call start and stop, remind, record, grade: in the window, or with no display on bundled clips."""
    from tmlapp.config.settings import load_settings

    with reported(False):
        settings = load_settings()
        if has_display() and not headless:
            _in_window(settings, clip=clip)
        else:
            err().print("No display: the sessions run on bundled clips and a virtual screen.")
            _without_display(settings, out_dir or Path("out") / "demo")


def has_display() -> bool:
    """Whether a window can be shown to a person."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _in_window(settings: Settings, *, clip: bool) -> None:
    from tmlapp.config.paths import tour_source
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.live.preflight import devices_present
    from tmlapp.ui.app import run_window

    microphone, camera = devices_present()
    changes: dict[str, Any] = {"instruction": COUNT, "name": "demo"}
    if clip or not (microphone and camera):
        missing = " and ".join(w for w, there in (("microphone", microphone), ("camera", camera)) if not there)
        err().print(f"{f'No {missing}: u' if missing else 'U'}sing the bundled clip, in which somebody asks aloud.")
        # Nothing is typed: what the model does, it was told by the voice in the clip.
        changes |= {"source": tour_source(), "instruction": ""}
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
    from tmlapp.config.paths import assets_dir, demo_source, tour_source
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
    err().print("The tour, in which a voice asks for all three and for a reminder. As fast as this machine can:")
    tour = plan_from_settings(settings, instruction="", name="tour", clock="fast", **common | {"source": tour_source()})
    told = run_plan(tour, settings)
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
    for line in tour_told(Recording.open(told), assets_dir() / "demo" / "truth-tour.json"):
        out().print(line, markup=False)
    out().print(f"  recording {told}\n  window    {picture}", markup=False)
    _join_threads()


def tour_told(recording: Recording, truth: Path) -> list[str]:
    """What the model heard and said in the tour, beside what happens in it.

    Raises:
        AppError: the recording is damaged.
    """
    known = json.loads(truth.read_text("utf-8"))
    heard = [e for e in recording.events((SpeechHeard,)) if isinstance(e, SpeechHeard) and e.accepted]
    ends_s = [line["to_s"] for line in known["spoken"]]
    taken = sum(any(abs(h.to_ns / NS_PER_S - end) < _SAME_S for h in heard) for end in ends_s)
    cues = [(c.kind, c.t_ns / NS_PER_S) for c in recording.cues()]
    said = {kind: [t for k, t in cues if k == kind] for kind in ("count", "start", "stop", "remind")}
    lines = [
        "tour: instructions, count, start and stop, reminders",
        f"  instructions heard {taken} of {len(ends_s)}",
        f"  counted {len(said['count'])} of {len(known['rep_end_times_s'])}",
    ]
    for name in ("start", "stop"):
        late = [f"{t - known[f'{name}_s']:+.1f} s" for t in said[name]]
        lines.append(f"  {name} said {f'{late[0]} from when it was' if late else 'never'}")
    due = known["reminders_s"]
    late = [f"{1000 * min((t - d for d in due), key=abs):+.0f}" for t in said["remind"]]
    when = f", {' and '.join(late)} ms from when they were due" if late else ""
    return [*lines, f"  reminded {len(said['remind'])} of {len(due)} times{when}"]


def _join_threads() -> None:
    # Qt's own threads end with the interpreter; ours are daemons and must have written everything by now.
    for thread in threading.enumerate():
        if thread.name in ("engine", "recorder"):
            thread.join(5)

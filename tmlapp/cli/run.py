"""`tmlapp run`: one session without a window, from a file or from devices."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tmlapp.cli.common import Json, emit, err, out, reported, visible
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, Event, Gap, Notice, SpeechHeard
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
from tmlapp.live.observer import BlankObserver

if TYPE_CHECKING:
    from tmlapp.config.settings import Settings
    from tmlapp.live.plan import SessionPlan


DAY_S = 86_400


class Printer(BlankObserver):
    """Prints cues, gaps and notices on standard error as they come; a terminal that was closed ends no session."""

    def __init__(self) -> None:
        self._console = err()
        self._open = True

    def on_cue(self, cue: Cue) -> None:
        self._say(cue.t_ns, f"{cue.kind:7} {cue.text}")

    def on_event(self, event: Event) -> None:
        match event:
            case SpeechHeard(accepted=True):
                self._say(event.to_ns, f"heard   “{event.text}”")
            case Gap(kind="muted" | "paused"):
                pass
            case Gap():
                self._say(event.t_ns, f"gap     {event.track}: {event.reason}")
            case Notice():
                self._say(event.t_ns, f"{event.level:7} {event.what} {event.why}".rstrip())
            case EndpointError(fatal=False, kind="network" | "session_expired"):
                pass  # The notice that follows says that the connection is lost, and why.
            case EndpointError():
                self._say(event.t_rx_ns, f"{event.code:7} {event.message}")
            case _:
                pass

    def _say(self, t_ns: int, what: str) -> None:
        if not self._open:
            return
        try:
            self._console.print(f"{t_ns / NS_PER_S:8.1f} s  {visible(what)}", markup=False)
        except OSError:
            self._open = False


def command(
    source: Annotated[
        str | None,
        typer.Option(help="VIDEO[,AUDIO], a wav, a folder of images, synthetic:clap. Left out: the devices."),
    ] = None,
    instruction: Annotated[str, typer.Option(help="What to ask of the model at the start.")] = "",
    endpoint: Annotated[
        str,
        typer.Option(
            help="Address of the model: onnx:tiny, onnx:FOLDER, profile:NAME, KIND:URL, scripted:FILE, recorded:FILE."
        ),
    ] = "onnx:tiny",
    clock: Annotated[str, typer.Option(help="real, or fast: virtual time, as fast as the machine can.")] = "real",
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for the recording.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the session and of its file.")] = None,
    tail: Annotated[float, typer.Option(min=0, max=DAY_S, help="Seconds to go on after the file.")] = 0.0,
    pad_before: Annotated[
        float, typer.Option(min=0, max=DAY_S, help="Seconds of the first frame before the file.")
    ] = 0.0,
    pad_after: Annotated[float, typer.Option(min=0, max=DAY_S, help="Seconds of the last frame after the file.")] = 0.0,
    seconds: Annotated[float | None, typer.Option(min=0.2, max=DAY_S, help="Stop after this long.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sensor noise in the padding.")] = 0,
    honest_clock: Annotated[bool, typer.Option(help="On the fast clock: add compute time to receive times.")] = False,
    provider: Annotated[str | None, typer.Option(help="cpu or cuda: where a local model must compute.")] = None,
    microphone: Annotated[str | None, typer.Option(help="Device name, part of one, default, or none.")] = None,
    camera: Annotated[str | None, typer.Option(help="camera:0, a URL, or none.")] = None,
    loudspeaker: Annotated[str | None, typer.Option(help="Device name, part of one, default, or none.")] = None,
    as_json: Json = False,
) -> None:
    """Run one session without a window and write its recording."""
    from tmlapp.config.settings import load_settings
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import summarize

    with reported(as_json):
        settings = load_settings()
        changes: dict[str, Any] = {
            "source": source,
            "instruction": instruction,
            "endpoint": endpoint,
            "clock": clock_named(clock),
            "tail_s": tail,
            "pad_before_s": pad_before,
            "pad_after_s": pad_after,
            "seed": seed,
            "honest_clock": honest_clock,
            "provider": provider,
            "name": name or (_name_of(source) if source else settings.session_name),
        }
        chosen = {"microphone": microphone, "camera": camera, "loudspeaker": loudspeaker, "folder": out_dir}
        changes |= {k: v for k, v in chosen.items() if v is not None}
        if source is not None and loudspeaker is None:
            # A file is usually watched by a program; who wants to hear it names a loudspeaker.
            changes["loudspeaker"] = "none"
        plan = plan_from_settings(settings, **changes)
        path = run_plan(plan, settings, seconds=seconds)
        summary = summarize(Recording.open(path))
        if as_json:
            emit(summary)
        else:
            out().print(
                f"{len(summary['outputs'])} outputs in {summary['duration_s']} s. Recording: {path}", markup=False
            )


def _name_of(source: str) -> str:
    from tmlapp.capture.file_feed import parse_source

    if source.startswith("recording:"):
        return Path(source.removeprefix("recording:")).stem
    parsed = parse_source(source)
    named = parsed.video or parsed.audio
    return named.stem if isinstance(named, Path) else source


class SessionFailedError(AppError):
    """A session that failed on the way; `recording` is what it left behind."""

    def __init__(self, error: AppError, recording: Path | None) -> None:
        super().__init__(error.what, error.why, f"{error.fix} Recording: {recording}" if recording else error.fix)
        self.recording = recording

    def to_json(self) -> dict[str, str]:
        return super().to_json() | ({"recording": str(self.recording)} if self.recording else {})


def run_plan(plan: SessionPlan, settings: Settings, *, seconds: float | None = None) -> Path:
    """Run `plan` to its end; Ctrl-C stops it cleanly.

    Returns:
        The finished recording.

    Raises:
        AppError: it could not start.
        SessionFailedError: it failed on the way.
    """
    from tmlapp.live.plan import build_session

    session = build_session(plan, settings)
    session.add_observer(Printer())
    if seconds is not None:
        session.add_observer(_StopAfter(session.stop, round(seconds * NS_PER_S)))
    with _stops_on_signal(session.stop):
        session.start()
        # A timeout lets the signal handler run on every platform.
        while not session.wait(0.5):
            pass
    if session.error is not None:
        raise SessionFailedError(session.error, session.recording_path) from session.error
    if session.recording_path is None:
        raise RuntimeError("a session that did not fail has a recording")
    return session.recording_path


class _StopAfter(BlankObserver):
    def __init__(self, stop: Callable[[str], None], at_ns: int) -> None:
        self._stop = stop
        self._at_ns = at_ns

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - the signature of an observer
        if turn.end_ns >= self._at_ns:
            self._stop("the time asked for is over")


@contextmanager
def _stops_on_signal(stop: Callable[[str], None]) -> Iterator[None]:
    def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's form
        stop(f"signal {signal.Signals(number).name}")

    # SIGHUP, where there is one: the terminal was closed.
    asked = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {number: signal.signal(number, handler) for number in asked}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


def clock_named(name: str) -> Literal["real", "fast"]:
    if name == "real":
        return "real"
    if name == "fast":
        return "fast"
    raise typer.BadParameter(f"{name!r} is neither real nor fast", param_hint="--clock")

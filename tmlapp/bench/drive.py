"""One part of an item through a live session: exactly what the benchmark's protocol asks for, recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tmlapp.bench.background import AgentOptions
from tmlapp.bench.data import Part
from tmlapp.bench.drive_listen import Listener
from tmlapp.bench.drive_voice import Speech
from tmlapp.bench.runs.info import PartResult
from tmlapp.bench.runs.run import safe_name
from tmlapp.capture.program_feed import Program, ProgramFeed
from tmlapp.capture.program_subtitles import Line
from tmlapp.capture.program_tracks import read_sound
from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.endpoint import Endpoint, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import Granted
from tmlapp.core.feed import Feed
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.session import SessionInfo
from tmlapp.core.tool import HistoryTurn, Toolbox
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_NS
from tmlapp.live.plan import make_endpoint, versions
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionLog, SessionOptions
from tmlapp.recording.writer import Recorder

Instruct = Literal["spoken", "typed", "auto"]
_TYPED_SCHEMES = ("onnx",)
_POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveSettings:
    """What shapes a session besides the item.

    Attributes:
        jpeg_quality: of the pictures that the model sees. max_side: longer pictures are scaled down to it.
        max_fps: more pictures per second are left out; None keeps them all.
        threads: of a local model inside one step.
        provider: `cpu` or `cuda` to force where a local model computes; empty for its own choice.
        agent: who works in the background on what the model delegates, with the tools of the item; None: nobody.
        agent_only: the model itself has no tool but `delegate`.
    """

    jpeg_quality: int = 85
    max_side: int | None = 1920
    max_fps: float | None = None
    threads: int = 1
    provider: str = ""
    agent: AgentOptions | None = None
    agent_only: bool = True


@dataclass(frozen=True, slots=True)
class Driven:
    """A part that was driven to its end, and what the endpoint agreed to.

    `interruption` says why the run is no whole one: input did not reach the endpoint, or it was connected anew.
    """

    part: PartResult
    granted: Granted | None
    interruption: str = ""


def instruct_mode(asked: Instruct, address: str) -> Literal["spoken", "typed"]:
    """`auto` types to local models that take their task as text (`onnx:`), and speaks to everybody else."""
    if asked != "auto":
        return asked
    return "typed" if address.partition(":")[0] in _TYPED_SCHEMES else "spoken"


def drive_part(
    item: str,
    part: Part,
    address: str,
    folder: Path,
    settings: DriveSettings,
    *,
    instruct: Literal["spoken", "typed"],
    clock: Literal["real", "fast"],
    speech: Speech | None = None,
    synthesize: Synthesizer | None = None,
    toolbox: Toolbox | None = None,
    history: Sequence[HistoryTurn] = (),
    endpoint: Endpoint | None = None,
    ticks: Clock | None = None,
    on_session: Callable[[LiveSession], None] = lambda _: None,
) -> Driven:
    """Drive `part` of the item called `item` and leave its recording in `folder`.

    Args:
        address: of the endpoint; `endpoint` spares looking it up.
        instruct: how the instruction reaches the model; spoken ones need `speech`.
        clock: `real` for real time, `fast` for virtual time as fast as the machine can.
        synthesize: the voice of local models that have texts only.
        ticks: the machine's clock if left out.
        on_session: gets the session before it starts, to watch it or to stop it.

    Raises:
        AppError: a file cannot be used, the endpoint cannot be opened, or the session ended before the programme did.
    """
    ticks = ticks or MonotonicClock()
    listener = Listener()
    program, told = _program(item, part, instruct, speech)
    feed = ProgramFeed(
        program,
        realtime=clock == "real",
        clock=ticks,
        director=listener,
        jpeg_quality=settings.jpeg_quality,
        max_side=settings.max_side,
        max_fps=settings.max_fps,
    )
    name = safe_name(part.name)
    session = LiveSession(
        feed=feed,
        endpoint=endpoint or make_endpoint(address, Settings(model_threads=settings.threads)),
        info=lambda opened: _session_info(item, part, address, clock, opened, feed, told),
        make_log=lambda info, on_failure: _recorder(folder, name, info, ticks, on_failure),
        clock=ticks,
        options=SessionOptions(
            virtual_time=clock == "fast",
            folder=folder,
            endpoint_options=_endpoint_options(settings, told["instruct"]),
        ),
        synthesize=synthesize,
        name=name,
        instruction=part.instruction if told["instruct"] == "typed" else "",
        toolbox=toolbox,
        history=history,
    )
    session.add_observer(listener)
    on_session(session)
    path = _run(session, feed, listener, item)
    return Driven(_result(part, path, feed, told, program), session.granted, listener.interruption)


def _endpoint_options(settings: DriveSettings, instruct: str) -> tuple[tuple[str, str], ...]:
    provider = (("provider", settings.provider),) if settings.provider else ()
    # Who is told by typing is not to be told otherwise by whoever talks in the item's sound.
    return (*provider, ("hearing", "off")) if instruct == "typed" else provider


def _program(item: str, part: Part, instruct: str, speech: Speech | None) -> tuple[Program, dict[str, Any]]:
    lead: Pcm = np.zeros(0, np.int16)
    voice: dict[str, Any] = {}
    how = instruct if part.instruction else "none"
    if how == "spoken":
        if speech is None:
            raise RuntimeError("a spoken instruction needs a voice")
        lead, voice = speech.speak(item, part.instruction)
        voice = voice | {"length_s": len(lead) / SAMPLE_RATE_HZ}
    program = Program(
        lead=lead,
        lead_info={k: v for k, v in voice.items() if k != "length_s"},
        silence_s=part.silence_s,
        texts=(part.message,) if part.message else (),
        sounds=tuple(Path(s) for s in part.sounds),
        turn_quiet_s=part.turn_quiet_s,
        turn_most_s=part.turn_most_s,
        video=Path(part.video) if part.video else None,
        muted=part.muted,
        subtitles=tuple(Line(s.t0_s, s.t1_s, s.text) for s in part.subtitles),
        least_s=part.tail.least_s,
        quiet_s=part.tail.quiet_s,
        most_s=part.tail.most_s,
    )
    return program, {"instruct": how, "voice": voice}


def _run(session: LiveSession, feed: ProgramFeed, listener: Listener, item: str) -> Path:
    session.start()
    # A timeout lets signal handlers run on every platform.
    while not session.wait(_POLL_S):
        pass
    if session.error is not None:
        raise session.error
    if not feed.completed:
        raise AppError(
            f"The session of {item} ended too early.",
            f"It was over before the programme was: {listener.ended_why}.",
            "Run the item again; the endpoint decides how long a session may last.",
        )
    if session.recording_path is None:
        raise RuntimeError("a session that did not fail has a recording")
    return session.recording_path


def _result(part: Part, path: Path, feed: ProgramFeed, told: dict[str, Any], program: Program) -> PartResult:
    t0_ns, spans = feed.media_t0_ns, feed.sound_spans_ns
    notes = ("subtitles are drawn into the pictures",) if program.subtitles else ()
    return PartResult(
        name=part.name,
        recording=path.name,
        media_t0_s=t0_ns / NS_PER_S,
        duration_s=(feed.media_end_ns - t0_ns) / NS_PER_S,
        session_s=feed.turns * TURN_NS / NS_PER_S,
        turn_starts_s=tuple(a / NS_PER_S for a, _ in spans),
        turn_ends_s=tuple(b / NS_PER_S for _, b in spans),
        instruct=told["instruct"],
        instruction=part.instruction,
        voice=told["voice"],
        notes=notes,
    )


def _session_info(
    item: str, part: Part, address: str, clock: Literal["real", "fast"], opened: Feed, feed: ProgramFeed,
    told: dict[str, Any],
) -> SessionInfo:  # fmt: skip
    return SessionInfo(
        session_id=uuid.uuid4().hex,
        name=f"{item} {part.name}",
        created_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        instruction=part.instruction,
        endpoint=address,
        clock=clock,
        feed=opened.info,
        versions=versions(),
        # `pad_before_s` is where graders of single recordings look for the beginning of the video.
        options={"item": item, "part": part.to_json(), "pad_before_s": feed.media_t0_ns / NS_PER_S, **told},
    )


def _recorder(
    folder: Path, name: str, info: SessionInfo, clock: Clock, on_failure: Callable[[AppError], None]
) -> SessionLog:
    return Recorder(folder, name, info, clock=clock, on_failure=on_failure)


def history_turns(part: Part) -> tuple[HistoryTurn, ...]:
    """The turns before the session, their sounds read.

    Raises:
        AppError: a sound cannot be read.
    """
    turns = []
    for turn in part.history:
        sound = AudioClip(read_sound(Path(turn.sound))[0], SAMPLE_RATE_HZ) if turn.sound else None
        turns.append(HistoryTurn(role=turn.role, text=turn.text, sound=sound))
    return tuple(turns)

"""Sessions in virtual time whose endpoint says recorded sounds at known micro-turns; the recording is a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.bench.sessions import info
from tests.live.parts import AnsweringEndpoint, ListFeed, captured
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointEvent
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.units import s_to_ns
from tmlapp.endpoints.scripted import Line, ScriptedEndpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder


def noise(seconds: float, rate_hz: int = 16_000, seed: int = 1) -> Pcm:
    """Loud noise without a single zero in it, so that every sample of it can be found again."""
    values = np.random.default_rng(seed).integers(1_000, 9_000, round(seconds * rate_hz))
    return (values * np.where(np.arange(len(values)) % 2, 1, -1)).astype(np.int16)


def line(t_s: float, text: str, pcm: Pcm | None = None, rate_hz: int = 16_000) -> Line:
    return Line(s_to_ns(t_s), text, "say", None if pcm is None else AudioClip(pcm, rate_hz))


def _refuse(error: AppError) -> None:
    raise error


def played(folder: Path, endpoint: Endpoint, *, turns: int = 20) -> Recording:
    """The recording of a session of `turns` micro-turns in virtual time."""
    session = LiveSession(
        feed=ListFeed([captured(k) for k in range(turns)]),
        endpoint=endpoint,
        info=lambda _: info(),
        make_log=lambda about, _: Recorder(folder, "s", about, clock=MonotonicClock(), on_failure=_refuse),
        clock=ManualClock(1_000),
        options=SessionOptions(virtual_time=True),
    )
    session.start()
    session.wait()
    assert session.error is None
    assert session.recording_path is not None
    return Recording.open(session.recording_path)


def scripted(folder: Path, lines: Sequence[Line], *, turns: int = 20) -> Recording:
    return played(folder, ScriptedEndpoint(lines), turns=turns)


def answering(folder: Path, script: dict[int, Sequence[EndpointEvent]], *, turns: int = 20) -> Recording:
    return played(folder, AnsweringEndpoint(script), turns=turns)

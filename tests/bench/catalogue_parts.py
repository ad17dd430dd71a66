"""Small real recordings, each of a session of its own, for tests of the catalogue."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tests.recording.parts import jpeg, make_info
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import Cue
from tmlapp.core.event import Marker, TextOutDone
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.recording.writer import Recorder


def make_recording(
    folder: Path,
    name: str = "squats",
    *,
    session: str = "",
    said: Sequence[str] = ("one", "two"),
    turns: int = 5,
    instruction: str = "Please count out reps for squats.",
    endpoint: str = "onnx:tiny",
    created: str = "2026-11-22T10:00:00+00:00",
    typed: str = "",
    shades: Sequence[int] = (0, 120),
    frames: bool = True,
    finish: bool = True,
) -> Path:
    """A recording by the Recorder itself; unfinished where it is not closed."""
    folder.mkdir(parents=True, exist_ok=True)
    info = replace(
        make_info(session or f"session of {name}"), name=name, instruction=instruction, endpoint=endpoint,
        created_utc=created,
    )  # fmt: skip
    failures: list[Exception] = []
    recorder = Recorder(folder, name, info, clock=MonotonicClock(), on_failure=failures.append)
    recorder.start()
    tone = (8000 * np.sin(np.arange(TURN_SAMPLES) / 6)).astype(np.int16)
    for index in range(turns):
        t_ns = index * TURN_NS
        shade = shades[min(index, len(shades) - 1)]
        taken = (Frame(t_ns, jpeg(shade, 320, 180), 320, 180, repeated=False),) if frames else ()
        texts = (TextInput(t_ns, typed, "user"),) if typed and index == 0 else ()
        pcm = tone if index % 2 else np.zeros_like(tone)
        turn = MicroTurn(index, pcm, taken, texts, (), mono_ns=1_000_000_000 + t_ns)
        recorder.turn(turn, ready_ns=t_ns, pushed_ns=t_ns, drift_ppm=None)
    for i, text in enumerate(said):
        recorder.event(TextOutDone(seq=i, t_rx_ns=i * TURN_NS, text=text))
        recorder.cue(Cue(i * TURN_NS, "say", text, None))
    recorder.event(Marker(t_ns=3, label="note", note=f"noted in {name}"))
    path = recorder.close()
    assert not failures
    if not finish:
        unfinish(path)
        return path.with_name(path.name + ".part")
    return path


def unfinish(path: Path) -> None:
    """Turn the recording into what a killed session leaves: no index, no final name."""
    from tests.recording.parts import write_part

    path.unlink()
    part, _ = write_part(path.parent, 4, path.stem)
    assert part.name == path.name + ".part"


class Inline:
    """In place of `Workers`: does everything here, where a test can see it."""

    def run(
        self,
        function: str,
        arguments: Sequence[Any],
        on_result: Callable[[int, Any], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        module, _, name = function.partition(":")
        for number, argument in enumerate(arguments):
            if cancelled():
                return
            on_result(number, getattr(import_module(module), name)(argument))

    def close(self) -> None:
        """Nothing runs."""


def truncate(path: Path, keep: float = 0.6) -> None:
    os.truncate(path, round(path.stat().st_size * keep))

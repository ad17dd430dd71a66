"""The command line inside this process, for tests that make and grade whole runs."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from tmlapp.cli.main import app
from tmlapp.core.media import Pcm


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(result: Result, status: int = 0) -> Any:
    """The JSON object on standard output: nothing else may stand there."""
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def made(suite: str, data: Path, script: Path, out: Path, *more: object) -> Any:
    """A run by a script on virtual time."""
    words = ("--suite", suite, "--data", data, "--endpoint", f"scripted:{script}", "--out", out, "--json")
    return answer(invoke("bench", "run", *words, *more))


def graded(out: Path, *more: object) -> Any:
    """All that `bench grade` says."""
    return answer(invoke("bench", "grade", out, "--json", *more))


def write_script(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text(json.dumps(lines), encoding="utf-8")
    return path


def write_sound(path: Path, pcm: Pcm | float) -> Path:
    """Mono PCM16 at 16 kHz; a number is so many seconds of silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.zeros(round(pcm * 16_000), np.int16) if isinstance(pcm, float) else pcm
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, len(samples), "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path

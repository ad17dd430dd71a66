"""Ten minutes: memory stays where it was, and the recording is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.attack.parts import COMMAND, ROOT, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.device,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

TEN_MINUTES = 600 * 16_000
GROWTH_KB = 30_000


def anonymous_kb(process: int) -> int:
    """Memory of its own; pages of the recording that are mapped for a while are the system's to take back."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def test_soak_ten_minutes_of_a_film_need_no_more_memory_than_one(tmp_path: Path, demo_clip: Path) -> None:
    noise = np.random.default_rng(0).integers(-3000, 3000, TEN_MINUTES, dtype=np.int16)
    with wave.open(str(tmp_path / "noise.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise.tobytes())
    lines = [{"t_s": 2 * k, "text": str(k % 20)} for k in range(1, 300)]
    (tmp_path / "script.json").write_text(json.dumps(lines))
    source = f"{demo_clip / 'squats.mp4'},{tmp_path / 'noise.wav'}"
    arguments = [
        "--clock",
        "fast",
        "--endpoint",
        f"scripted:{tmp_path / 'script.json'}",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    with subprocess.Popen(
        [*COMMAND, "run", "--source", source, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        used = [anonymous_kb(child.pid) for _ in child.stderr if os.path.exists(f"/proc/{child.pid}/status")]
    assert child.returncode == 0
    assert len(used) >= 299
    assert max(used[60:]) - max(used[30:60]) < GROWTH_KB
    whole(tmp_path / "out")

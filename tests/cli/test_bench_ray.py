"""`bench run --engine ray`: one that it starts itself, and one at an address."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench.test_labels_proactive_video_qa import folder, row
from tests.capture.media_made import write_video
from tests.cli.invoking import write_script, write_sound
from tmlapp.bench.suites.proactive_video_qa import ProactiveVideoQA

pytestmark = pytest.mark.crash

ROOT = Path(__file__).resolve().parents[2]


def spoken_name(text: str) -> str:
    return f"{hashlib.sha256(text.encode()).hexdigest()}.wav"


def test_a_run_through_ray_keeps_what_failed_and_tries_it_again_elsewhere(tmp_path: Path) -> None:
    rows = [row(n, duration=1.0, conversation=[{"role": "user", "time": 0, "content": f"{n}?"}]) for n in ("a", "b")]
    data = folder(tmp_path / "data", "WEB", rows)
    for n in ("a", "b"):
        write_video(data / "WEB" / "videos" / f"{n}.mp4", [np.zeros((48, 64, 3), np.uint8)] * 15, fps=15)
    texts = [item.parts[0].instruction for item in ProactiveVideoQA().load(data, {}).items]
    spoken = tmp_path / "spoken"
    write_sound(spoken / spoken_name(texts[0]), 0.5)
    script = write_script(tmp_path / "s.json", {"t_s": 3.0, "text": "A mug."})
    words = (data, script, tmp_path / "run", spoken, spoken_name(texts[1]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.ray_cli", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert "error" not in found["first"], found["first"]
    assert (found["engine"], found["first"]["done"], found["second"]["done"]) == ("ray", 1, 2)
    assert "has not been recorded" in found["first"]["failed"]["WEB/b"]
    assert found["reasons"]["WEB/a"] == ""
    assert "has not been recorded" in found["reasons"]["WEB/b"]
    assert found["tries"] == {"WEB/a": 1, "WEB/b": 2}
    assert found["answered"] == ["WEB/a", "WEB/b"]
    assert found["finished"]

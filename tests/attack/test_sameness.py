"""The same input gives the same session: twice on the fast clock, replayed, and in real time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.attack.parts import here, whole
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.device

MEDIA = ("/mic", "/camera", "/model/audio", "/model/heard")


def answer(*arguments: object) -> dict[str, Any]:
    done = here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory, demo_clip: Path) -> tuple[Path, tuple[object, ...]]:
    """A folder, and a session on noise-padded seconds of the bundled clip with the shipped model."""
    out = tmp_path_factory.mktemp("same")
    clip = f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"
    instruction = "Remind me to breathe in and out every 1 seconds."
    return out, (
        *("run", "--source", clip, "--pad-before", 1, "--seconds", 3.4, "--instruction", instruction),
        *("--endpoint", "onnx:tiny", "--out", out),
    )


def media_of(made: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of every stored byte of sound and picture, by topic."""
    recording = Recording.open(Path(made["recording"]))
    sums = {topic: hashlib.sha256() for topic in MEDIA}
    for turn in recording.turns():
        sums["/mic"].update(turn.pcm.tobytes())
        for frame in turn.frames:
            sums["/camera"].update(frame.t_ns.to_bytes(8, "big") + frame.jpeg)
    for topic in ("/model/audio", "/model/heard"):
        for piece in recording.pieces(topic):
            sums[topic].update(piece.t_ns.to_bytes(8, "big") + piece.pcm16)
    return {topic: found.hexdigest() for topic, found in sums.items()}


def test_one_file_gives_one_session_twice_replayed_and_in_real_time(
    padded: tuple[Path, tuple[object, ...]],
) -> None:
    out, session = padded
    first, second = answer(*session, "--clock", "fast"), answer(*session, "--clock", "fast")
    assert len(first["outputs"]) >= 2
    assert second["outputs"] == first["outputs"]
    assert media_of(second) == media_of(first)
    replayed = answer("replay", first["recording"])
    assert replayed["outputs"] == first["outputs"]
    assert media_of(replayed) == media_of(first)
    live = answer(*session, "--clock", "real")
    assert [o["text"] for o in live["outputs"]] == [o["text"] for o in first["outputs"]]
    assert [media_of(live)[t] for t in ("/mic", "/camera")] == [media_of(first)[t] for t in ("/mic", "/camera")]
    assert answer("replay", live["recording"])["outputs"] == first["outputs"]
    assert len(whole(out)) == 5

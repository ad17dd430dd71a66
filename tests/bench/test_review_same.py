"""Whether two recordings got the same input is told by the digests of their micro-turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recording.parts import fill, make_turn, record
from tmlapp.bench.review.same import same_input
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.recording.finalize import finalize
from tmlapp.recording.log_writer import LogWriter
from tmlapp.recording.part import PartFile
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit


def altered(folder: Path, *, sound: bool) -> Path:
    """The same five micro-turns, but for the third: other sound, or other frames."""
    part = PartFile.create(folder, "altered")
    log = LogWriter(part)
    fill(log, part, 0)
    for index in range(5):
        turn = make_turn(index)
        if index == 2:
            other = make_turn(9)
            pcm, frames = (other.pcm, turn.frames) if sound else (turn.pcm, turn.frames[:1])
            turn = MicroTurn(index, pcm, frames, turn.texts, turn.controls, turn.mono_ns)
        log.turn(turn, 0, 0, None)
    part.flush()
    part.close()
    return finalize(part.path)


def test_the_same_input_is_the_same_however_long_each_went_on(tmp_path: Path) -> None:
    a, b = (Recording.open(record(tmp_path, turns, f"r{turns}")) for turns in (5, 8))
    found = same_input(a, b)
    assert (found.sound, found.frames, found.differs_at_ns, found.turns) == (True, True, None, (5, 8))
    assert found.text == "The same input, bit for bit, one of them 0.6 s longer."
    assert same_input(a, a).text == "The same input, bit for bit."


@pytest.mark.parametrize("sound", [True, False])
def test_other_sound_or_frames_are_named_with_their_place(tmp_path: Path, sound: bool) -> None:
    found = same_input(Recording.open(record(tmp_path, 5)), Recording.open(altered(tmp_path, sound=sound)))
    assert (found.sound, found.frames, found.differs_at_ns) == (not sound, sound, 2 * TURN_NS)
    assert found.text == f"The inputs differ: other {'sound' if sound else 'frames'} from 0.4 s on."

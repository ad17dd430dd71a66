"""Small pictures of recordings."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bench.catalogue_parts import make_recording
from tmlapp.recording.reader import Recording
from tmlapp.recording.thumbnail import BARS, WIDTH_PX, outline, thumbnail

pytestmark = pytest.mark.unit


def shade(jpeg: bytes) -> tuple[float, int]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return float(picture.mean()), picture.shape[1]


def test_the_first_frame_that_is_not_dark_is_shown(tmp_path: Path) -> None:
    path = make_recording(tmp_path, turns=30, shades=[0] * 5 + [120] * 10 + [200] * 15)
    made = thumbnail(Recording.open(path))
    mean, width = shade(made.jpeg)
    # Flat pictures are no better than each other but for their light.
    assert (round(mean), width, made.bars) == (200, WIDTH_PX, b"")


def test_a_picture_with_something_in_it_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_recording(tmp_path, turns=30, shades=(90,))
    monkeypatch.setattr("tmlapp.recording.thumbnail._FLAT", -1.0)
    seen = []
    real = Recording.frames

    def counted(self: Recording, start_ns: int = 0, end_ns: int | None = None):  # type: ignore[no-untyped-def]
        seen.append(start_ns)
        return real(self, start_ns, end_ns)

    monkeypatch.setattr(Recording, "frames", counted)
    assert round(shade(thumbnail(Recording.open(path)).jpeg)[0]) == 90
    assert seen == [0]


def test_sound_alone_has_an_outline(tmp_path: Path) -> None:
    made = thumbnail(Recording.open(make_recording(tmp_path, turns=8, frames=False)))
    assert made.jpeg == b""
    assert [b > 0 for b in made.bars] == [False, True] * 4
    assert len(outline(Recording.open(make_recording(tmp_path, "long", turns=300, frames=False)))) == BARS


def test_frames_that_were_promised_and_are_not_there_leave_the_outline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_recording(tmp_path, turns=4)
    monkeypatch.setattr(Recording, "frames", lambda _self, _start=0, _end=None: iter(()))
    made = thumbnail(Recording.open(path))
    assert (made.jpeg, len(made.bars)) == (b"", 4)

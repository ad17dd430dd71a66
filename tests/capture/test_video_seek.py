"""Any moment of a video can be shown, in any order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmlapp.capture.video_file import VideoFile
from tmlapp.capture.video_seek import VideoSeeker
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def test_what_is_shown_at_a_time_is_the_same_whatever_was_asked_before(demo_clip: Path) -> None:
    file = VideoFile(demo_clip / "squats.mp4")
    read: list[tuple[int, int]] = []
    while (found := file.read()) is not None and len(read) < 200:
        read.append((found[0], int(found[1].astype(int).sum())))
    file.close()
    seeker = VideoSeeker(demo_clip / "squats.mp4", max_side=4000)
    for wanted in (0, 190, 3, 4, 100, 60, 120, 59, 0, 150):
        t_ns, total = read[wanted]
        moment = seeker.at(t_ns + 1_000_000)
        assert abs(moment.t_ns - t_ns) < 1_000_000, wanted
        assert int(moment.picture.astype(int).sum()) == total, wanted
    last = seeker.at(3_600_000_000_000)
    assert last.t_ns > read[-1][0]
    assert seeker.at(-5).t_ns == 0
    seeker.close()


def test_pictures_are_small_enough_to_be_shown(demo_clip: Path) -> None:
    seeker = VideoSeeker(demo_clip / "squats.mp4", max_side=100)
    assert max(seeker.at(0).picture.shape[:2]) == 100
    seeker.close()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing like it")
    with pytest.raises(AppError, match="No picture could be read"):
        VideoSeeker(tmp_path / "a.mp4")
    with pytest.raises(AppError, match="no file"):
        VideoSeeker(tmp_path / "b.mp4")

"""Frames of the camera by time: the right one, whatever was looked at before, from a camera of any rate."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from tests.recording.parts import jpeg
from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.recording.reader import Recording
from tmlapp.ui.review.frames import FrameReader, FrameWindow, Shown, picture_at

pytestmark = pytest.mark.unit
S = NS_PER_S


class Camera:
    """Stands for a recording with frames at these times; counts what is read of it."""

    def __init__(self, times_ns: Sequence[int]) -> None:
        self.times_ns = times_ns
        self.reads: list[tuple[int, int]] = []

    def frames(self, start_ns: int, end_ns: int) -> Iterator[Frame]:
        self.reads.append((start_ns, end_ns))
        if start_ns >= 900 * S:
            raise AppError("The recording is damaged.", "A piece does not hold.", "Recover it.")
        for t_ns in self.times_ns:
            if start_ns <= t_ns < end_ns:
                yield Frame(t_ns=t_ns, jpeg=jpeg(t_ns // S), width=32, height=24)


def recording(camera: Camera) -> Recording:
    return cast(Recording, camera)


FAST = Camera(range(0, 20 * S, 100 * NS_PER_MS))


def test_the_newest_frame_at_a_moment_and_the_one_after_it() -> None:
    for t_ns in (0, 1, 50 * NS_PER_MS, 100 * NS_PER_MS, 7 * S - 1, 7 * S, 19_950 * NS_PER_MS):
        found = FrameWindow(recording(FAST)).at(t_ns)
        assert found is not None
        frame, end_ns = found
        assert frame.t_ns == t_ns // (100 * NS_PER_MS) * 100 * NS_PER_MS
        assert t_ns < end_ns
        assert end_ns == frame.t_ns + 100 * NS_PER_MS or t_ns > 19_800 * NS_PER_MS


def test_a_walk_through_time_finds_each_frame_and_reads_little() -> None:
    camera = Camera(FAST.times_ns)
    window = FrameWindow(recording(camera))
    for t_ns in range(0, 18 * S, 40 * NS_PER_MS):
        found = window.at(t_ns)
        assert found is not None
        assert found[0].t_ns <= t_ns < found[1]
        window.read_on(t_ns)
    assert len(camera.reads) < 22
    assert sum(b - a for a, b in camera.reads) < 21 * S


def test_a_camera_that_stood_still_shows_its_last_frame() -> None:
    camera = Camera([1 * S, 9 * S])
    window = FrameWindow(recording(camera))
    found = window.at(6 * S)
    assert found is not None
    assert found[0].t_ns == 1 * S
    window.read_on(6 * S)
    assert window.at(6 * S + 300 * NS_PER_MS) is not None


def test_before_the_first_frame_the_first_one_is_shown_and_far_behind_the_last_none() -> None:
    window = FrameWindow(recording(Camera([100 * NS_PER_MS])))
    found = window.at(0)
    assert found is not None
    assert found[0].t_ns == 100 * NS_PER_MS
    assert FrameWindow(recording(Camera([100 * NS_PER_MS]))).at(60 * S) is None
    assert picture_at(recording(Camera([])), 0) is None


class Screen:
    """Takes what the reader shows."""

    def __init__(self, camera: Camera) -> None:
        self.shown: list[Shown | AppError | None] = []
        self._changed = threading.Condition()
        self.reader = FrameReader(recording(camera), self._take)

    def _take(self, found: Shown | AppError | None) -> None:
        with self._changed:
            self.shown.append(found)
            self._changed.notify_all()

    def wait_for(self, number: int) -> Shown | AppError | None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.shown) >= number, timeout=20)
        return self.shown[number - 1]


def test_the_reader_shows_what_is_wanted_and_the_same_frame_once() -> None:
    screen = Screen(FAST)
    try:
        screen.reader.want(5 * S)
        first = screen.wait_for(1)
        assert isinstance(first, Shown)
        assert (first.t_ns, first.end_ns) == (5 * S, 5100 * NS_PER_MS)
        screen.reader.want(5 * S + 1)
        screen.reader.want(5 * S + 100 * NS_PER_MS)
        second = screen.wait_for(2)
        assert isinstance(second, Shown)
        assert second.t_ns == 5100 * NS_PER_MS
        screen.reader.want(60 * S)
        assert screen.wait_for(3) is None
    finally:
        screen.reader.close()


def test_a_frame_that_stays_tells_until_when_and_a_damaged_piece_is_told() -> None:
    screen = Screen(Camera([1 * S]))
    try:
        screen.reader.want(1 * S)
        first = screen.wait_for(1)
        screen.reader.want(5 * S)
        second = screen.wait_for(2)
        assert isinstance(first, Shown)
        assert isinstance(second, Shown)
        assert second.image is first.image, "it is not decoded anew"
        assert second.end_ns > 5 * S
        screen.reader.want(950 * S)
        assert isinstance(screen.wait_for(3), AppError)
    finally:
        screen.reader.close()

"""A camera over the real path (socket, decoder, thread), and devices that only a fake can be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.capture.media_made import decoded, number_of, numbered, until, write_video
from tests.capture.mjpeg_server import MjpegServer
from tmlapp.capture.camera import Camera, GrabbedFrame
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.units import NS_PER_S, TURN_NS

pytestmark = pytest.mark.device

FAR = 1 << 62


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer() as running:
        yield running


def camera_at(uri: str, clock: Any, **options: Any) -> Camera:
    settings: dict[str, Any] = {"width": 160, "height": 120, "fps": 25.0, "read_timeout_ms": 300} | options
    return Camera(uri, clock=clock, **settings)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ns=50 * NS_PER_S)


@pytest.fixture
def camera(server: MjpegServer, clock: ManualClock) -> Iterator[Camera]:
    made = camera_at(server.uri, clock)
    made.open()
    yield made
    made.close()


def same(mono_ns: int) -> int:
    return mono_ns


class Log:
    """Everything that a camera told so far."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.events: list[SessionEvent] = []
        self.frames: list[GrabbedFrame] = []

    def pull(self, until_mono_ns: int = FAR) -> None:
        self.frames += self.camera.take(until_mono_ns)
        self.events += self.camera.pop_events(same)

    def saw(self, kind: type[SessionEvent], text: str) -> bool:
        self.pull()
        return any(isinstance(e, kind) and text in str(e) for e in self.events)


def settled(camera: Camera, server: MjpegServer) -> None:
    """Wait until the last picture that was sent has arrived."""
    sent = [-1]

    def arrived() -> bool:
        same_as_before = sent[0] == server.sent
        sent[0] = server.sent
        picture = camera.preview()
        return same_as_before and picture is not None and number_of(picture) == (server.sent - 1) % 255 + 1

    until(arrived)


def test_every_picture_arrives_once_in_order_with_its_time(camera: Camera, server: MjpegServer) -> None:
    log = Log(camera)
    until(lambda: log.pull() or len(log.frames) >= 20)
    numbers = [number_of(decoded(f.jpeg)) for f in log.frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {(f.width, f.height, f.repeated, f.mono_ns) for f in log.frames} == {(160, 120, False, 50 * NS_PER_S)}
    assert camera.info.actual["width"] == 160
    assert camera.info.name == server.uri


def test_frames_are_taken_up_to_a_time(camera: Camera, server: MjpegServer, clock: ManualClock) -> None:
    until(lambda: server.sent >= 3)
    assert camera.take(50 * NS_PER_S) == []
    assert camera.take(50 * NS_PER_S + 1)


def test_a_stall_is_told_the_last_picture_stands_in_and_the_return_is_told(
    camera: Camera, server: MjpegServer, clock: ManualClock
) -> None:
    server.stall()
    settled(camera, server)
    log = Log(camera)
    log.pull()
    last = log.frames[-1]
    clock.advance(NS_PER_S)
    log.pull()
    assert not log.events, "a second is still in order"
    clock.advance(NS_PER_S // 5)
    log.pull(clock.now_ns())
    gap = log.events[-1]
    assert isinstance(gap, Gap)
    assert (gap.track, gap.t_ns, gap.dur_ns) == ("camera", last.mono_ns, NS_PER_S * 6 // 5)
    assert gap.kind in ("stalled", "unplugged")
    stand_in = log.frames[-1]
    assert stand_in.repeated
    assert stand_in.jpeg == last.jpeg
    assert clock.now_ns() - TURN_NS <= stand_in.mono_ns < clock.now_ns()
    assert camera.take(clock.now_ns()) == [], "one stands in per micro-turn"
    clock.advance(TURN_NS)
    assert [f.repeated for f in camera.take(clock.now_ns())] == [True]
    server.flow()
    clock.advance(2 * NS_PER_S)
    until(lambda: log.saw(Notice, "back after"))
    gaps = [e for e in log.events if isinstance(e, Gap)]
    assert len(gaps) == 2
    assert gaps[1].t_ns == gaps[0].t_ns + gaps[0].dur_ns, "the two gaps lie end to end"
    assert not log.frames[-1].repeated
    assert number_of(decoded(log.frames[-1].jpeg)) != number_of(decoded(last.jpeg))


def test_a_camera_that_vanishes_is_opened_again_each_second(
    camera: Camera, server: MjpegServer, clock: ManualClock
) -> None:
    server.vanish()
    until(lambda: camera._device is None)
    clock.await_waiters()
    connections = server.connections
    clock.advance(NS_PER_S * 3 // 2)
    log = Log(camera)
    log.pull()
    gap = next(e for e in log.events if isinstance(e, Gap))
    assert gap.kind == "unplugged"
    until(lambda: camera._tried_ns == clock.now_ns())
    clock.await_waiters()
    server.appear()
    clock.advance(NS_PER_S)
    until(lambda: log.saw(Notice, "back after"))
    assert server.connections > connections
    assert camera.preview() is not None


def test_a_picture_of_another_size_after_the_return_is_told(
    camera: Camera, server: MjpegServer, clock: ManualClock
) -> None:
    server.vanish()
    until(lambda: camera._device is None)
    clock.await_waiters()
    server.size = (320, 240)
    server.appear()
    clock.advance(NS_PER_S)
    log = Log(camera)
    until(lambda: log.saw(Notice, "320×240 from now on"))
    assert camera.info.actual["width"] == 320


def test_frames_that_nobody_takes_are_dropped_oldest_first_and_told(camera: Camera, server: MjpegServer) -> None:
    until(lambda: camera.dropped_frames >= 5)
    log = Log(camera)
    log.pull()
    assert any("nobody took them" in e.reason and e.kind == "lost" for e in log.events if isinstance(e, Gap))
    assert len(log.frames) <= 121


def test_paused_pictures_go_to_the_preview_only(camera: Camera, server: MjpegServer, clock: ManualClock) -> None:
    camera.set_paused(True)
    before = camera.preview()
    until(lambda: camera.preview() is not before)
    clock.advance(10 * NS_PER_S)
    log = Log(camera)
    log.pull()
    assert log.frames == []
    camera.set_paused(False)
    until(lambda: log.pull() or log.frames)
    assert not any(isinstance(e, Gap) for e in log.events)


def test_the_frame_rate_is_measured_over_the_last_second(
    camera: Camera, server: MjpegServer, clock: ManualClock
) -> None:
    server.stall()
    settled(camera, server)
    assert camera.fps_measured >= 1
    clock.advance(NS_PER_S)
    assert camera.fps_measured == 0


def test_an_address_where_nothing_listens_says_so(server: MjpegServer) -> None:
    server.vanish()
    with pytest.raises(AppError, match="Nothing answers there") as caught:
        camera_at(server.uri, MonotonicClock()).open()
    assert caught.value.fix


def test_an_address_that_answers_with_an_error_says_which(server: MjpegServer) -> None:
    with pytest.raises(AppError, match="404"):
        camera_at(server.uri.replace("cam", "missing"), MonotonicClock()).open()


def test_closing_twice_and_before_opening_is_harmless(server: MjpegServer) -> None:
    made = camera_at(server.uri, MonotonicClock())
    made.close()
    with pytest.raises(RuntimeError):
        _ = made.info
    assert made.preview() is None


def test_a_file_plays_as_a_camera_on_the_clock_and_is_unplugged_at_its_end(tmp_path: Path, clock: ManualClock) -> None:
    path = write_video(tmp_path / "as camera.mkv", [numbered(i) for i in range(5)], fps=10)
    made = camera_at(f"file:{path}?pace=1", clock)
    made.open()
    log = Log(made)
    for number in range(5):
        until(lambda: log.pull() or len(log.frames) > number)  # noqa: B023 - called at once
        assert [number_of(decoded(f.jpeg)) for f in log.frames] == list(range(number + 1))
        clock.advance(NS_PER_S // 10)
    until(lambda: made._device is None)
    clock.await_waiters()
    clock.advance(2 * NS_PER_S)
    log.pull()
    assert [f.mono_ns - 50 * NS_PER_S for f in log.frames if not f.repeated] == [i * NS_PER_S // 10 for i in range(5)]
    assert [e.kind for e in log.events if isinstance(e, Gap)] == ["unplugged"]
    made.close()


def test_a_file_with_loop_begins_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "loop.mkv", [numbered(i) for i in range(3)], fps=30)
    made = camera_at(f"file:{path}?pace=1&loop=1", MonotonicClock())
    made.open()
    log = Log(made)
    until(lambda: log.pull() or len(log.frames) >= 8)
    made.close()
    assert [number_of(decoded(f.jpeg)) for f in log.frames][:8] == [0, 1, 2, 0, 1, 2, 0, 1]


class FakeDevice:
    """A USB camera by the book: it gives what it likes, and misses pictures when told to."""

    def __init__(self, size: tuple[int, int] = (640, 480), fps: float = 15.0, misses: int = 0) -> None:
        self.size, self.fps, self.misses = size, fps, misses
        self.settings: list[tuple[int, float]] = []
        self.next = threading.Semaphore(3)
        self.released = False

    def __call__(self, where: object, *, settings: Any, **options: object) -> FakeDevice:
        self.settings = list(settings)
        self.released = False
        return self

    def grab(self) -> bool:
        return self.next.acquire(timeout=0.05)

    def retrieve(self) -> tuple[bool, Any]:
        if self.misses:
            self.misses -= 1
            self.next.release()
            return False, None
        return True, np.zeros((self.size[1], self.size[0], 3), np.uint8)

    def get(self, propId: int) -> float:  # noqa: N803 - OpenCV's name
        return self.fps if propId == cv2.CAP_PROP_FPS else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        return True

    def release(self) -> None:
        self.released = True


def test_what_a_device_really_gives_is_read_back_and_told(clock: ManualClock) -> None:
    fake = FakeDevice(misses=2)
    made = camera_at("camera:7", clock, width=1280, height=720, fps=30, opener=fake)
    made.open()
    assert (cv2.CAP_PROP_FRAME_WIDTH, 1280) in fake.settings
    assert made.info.asked["width"] == 1280
    assert made.info.actual == {"width": 640, "height": 480, "fps": 15.0}
    told = [e for e in made.pop_events(same) if isinstance(e, Notice)]
    assert "640×480 at 15" in told[0].what
    assert "1280×720 at 30" in told[0].why
    made.close()
    assert fake.released


def test_a_device_that_opens_but_gives_nothing_is_refused_and_released(clock: ManualClock) -> None:
    fake = FakeDevice(misses=100)
    with pytest.raises(AppError, match="gives no picture"):
        camera_at("camera:7", clock, opener=fake).open()
    assert fake.released
    silent = FakeDevice()
    silent.next = threading.Semaphore(0)
    with pytest.raises(AppError, match="gives no picture"):
        camera_at("camera:7", clock, opener=silent).open()


def test_a_single_damaged_picture_does_not_lose_the_camera(clock: ManualClock) -> None:
    fake = FakeDevice()
    made = camera_at("camera:7", clock, opener=fake)
    made.open()
    fake.misses = 2
    fake.next.release(5)
    log = Log(made)
    until(lambda: log.pull() or len(log.frames) >= 3)
    assert not fake.released
    made.close()

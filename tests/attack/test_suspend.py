"""The machine, or the program, stands still and goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.capture.media_made import until
from tmlapp.capture.camera import Camera
from tmlapp.core.clock import ManualClock
from tmlapp.core.event import Gap
from tmlapp.core.units import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.unit


class SuspendedDevice:
    """A camera of 30 pictures a second in a machine that sleeps for 5 s after the tenth: no read fails, time jumps."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._grabbed = 0

    def opened(self, *where: object, **settings: object) -> SuspendedDevice:
        """In place of `open_device`."""
        return self

    def grab(self) -> bool:
        self._grabbed += 1
        self._clock.advance(5 * NS_PER_S if self._grabbed == 10 else 33 * NS_PER_MS)
        return self._grabbed < 30

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.full((48, 64, 3), self._grabbed, np.uint8)

    def get(self, propId: int) -> float:  # noqa: N803 - OpenCV's name
        return 30.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        return True

    def release(self) -> None: ...


def test_pictures_missed_while_the_program_was_suspended_are_a_gap() -> None:
    clock = ManualClock(NS_PER_S)
    device = SuspendedDevice(clock)
    camera = Camera("camera:0", width=64, height=48, fps=30, clock=clock, opener=device.opened)
    camera.open()
    try:
        # Nobody looks while the machine sleeps: the engine slept as well.
        until(lambda: camera._device is None)
        frames = camera.take(clock.now_ns() + 1)
        events = camera.pop_events(lambda mono_ns: mono_ns)
    finally:
        clock.advance(60 * NS_PER_S)
        camera.close()
    before, after = frames[8], frames[9]
    (gap,) = [e for e in events if isinstance(e, Gap)]
    assert (gap.track, gap.kind) == ("camera", "stalled")
    assert (gap.t_ns, gap.dur_ns) == (before.mono_ns, after.mono_ns - before.mono_ns) == (before.mono_ns, 5 * NS_PER_S)

"""From a captured micro-turn to what the endpoint hears of it: silence while muted, and no voice of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from tmlapp.capture.echo import EchoCanceller
from tmlapp.capture.echo_meter import EchoMeter
from tmlapp.capture.echo_reference import EchoReference
from tmlapp.capture.playtap import PlayTap
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.units import TURN_SAMPLES

EchoMode = Literal["on", "off", "headphones", "none"]
"""`on`: a canceller stands between microphone and endpoint. `off`, `headphones`: by choice it does not. `none`: there
is no way from a loudspeaker to a microphone."""


class EchoPath:
    """Takes what the loudspeaker plays out of each micro-turn; used by the engine thread, read by any.

    It adds no waiting: a micro-turn is processed as soon as it is complete (see `EchoReference`).

    Args:
        tap: of the stream that plays now; None while there is none.

    Raises:
        AppError: the canceller's library cannot be loaded.
    """

    def __init__(self, tap: Callable[[], PlayTap | None]) -> None:
        self._tap = tap
        self._canceller = EchoCanceller()
        self._reference = EchoReference()
        self._meter = EchoMeter()
        self._unmeasured: tuple[Pcm, Pcm, Pcm] | None = None

    @property
    def loss_db(self) -> float | None:
        """See `EchoMeter`."""
        return self._meter.loss_db

    @property
    def delay_ms(self) -> float | None:
        """See `EchoMeter`."""
        return self._meter.delay_ms

    def process(self, captured: Captured) -> Pcm:
        """The micro-turn's sound without the loudspeaker's: int16 [3200]."""
        far = self._reference.turn(self._tap(), captured.mono_ns, captured.ready_ns)
        if self._reference.moved:
            self._canceller.moved()
        clean = self._canceller.process(captured.pcm, far)
        self._unmeasured = captured.pcm, clean, far
        return clean

    def measure(self) -> None:
        """Take the newest micro-turn into `loss_db` and `delay_ms`, once the endpoint has it."""
        if self._unmeasured is not None:
            self._meter.push(*self._unmeasured)
            self._unmeasured = None


class Ears:
    """What the endpoint hears. Attributes: `path`, where a canceller is at work."""

    def __init__(self) -> None:
        self.path: EchoPath | None = None

    @property
    def loss_db(self) -> float | None:
        """See `EchoMeter`; None without a canceller."""
        return self.path.loss_db if self.path is not None else None

    @property
    def delay_ms(self) -> float | None:
        """See `EchoMeter`; None without a canceller."""
        return self.path.delay_ms if self.path is not None else None

    def measure(self) -> float | None:
        """`loss_db` with the newest micro-turn."""
        if self.path is not None:
            self.path.measure()
        return self.loss_db

    def hear(self, captured: Captured, *, muted: bool) -> tuple[Pcm, Pcm | None]:
        """The micro-turn's sound for the endpoint, and as captured where that is something else; int16 [3200]."""
        # Muted, too: the canceller follows the room, so that it knows it when the sound comes back.
        pcm = captured.pcm if self.path is None else self.path.process(captured)
        if muted:
            pcm = np.zeros(TURN_SAMPLES, np.int16)
        if self.path is None:
            return pcm, None
        return pcm, pcm if muted else captured.pcm

"""The sample counter against the monotonic clock."""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np

from tmlapp.core.units import NS_PER_S

_POINTS = 300
_SLOPE_POINTS = 20

_STEP_NS = 50_000_000


class ClockFit:
    """Maps session time to monotonic time from the stamps of audio blocks, and measures the drift between the two.

    Callbacks are late by chance and never early, so each second gives one point: the earliest callback of it. The line
    through the last 300 of them is where a punctual callback would lie. PortAudio's conversion times wobble by several
    milliseconds, hence only the median of their distance from that line is used.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, int]] = deque(maxlen=_POINTS)
        self._lags: deque[int] = deque(maxlen=_POINTS)
        self._offset_ns = 0
        self._slope = 0.0
        self._pivot_ns = 0
        self._lag_ns = 0
        self._drift_ppm: float | None = None
        self._begin(0)

    def _begin(self, t_ns: int) -> None:
        self._second_ends = t_ns + NS_PER_S
        self._earliest: tuple[int, int] | None = None
        self._recent_lags: list[int] = []

    @property
    def drift_ppm(self) -> float | None:
        """Positive where the sample counter runs faster than the monotonic clock; None for the first twenty seconds."""
        return self._drift_ppm

    def anchor(self, t_ns: int, mono_ns: int) -> None:
        """Forget everything: the block that ends at session time `t_ns` came at `mono_ns`."""
        self._points.clear()
        self._offset_ns, self._slope, self._pivot_ns = mono_ns - t_ns, 0.0, t_ns
        self._drift_ppm = None
        self._begin(t_ns)

    def add(self, end_ns: int, callback_ns: int, converted_ns: int) -> None:
        """A block that ends at session time `end_ns` came at `callback_ns`; its end was converted at `converted_ns`."""
        early = callback_ns - end_ns
        if self._earliest is None or early < self._earliest[1]:
            self._earliest = (end_ns, early)
        if not self._points:
            self._offset_ns = self._earliest[1]
        self._recent_lags.append(self.due_ns(end_ns) - converted_ns)
        if not self._lags:
            self._lag_ns = max(0, int(median(self._recent_lags)))
        if end_ns >= self._second_ends:
            self._close_second(end_ns)

    def _close_second(self, end_ns: int) -> None:
        assert self._earliest is not None
        at, early = self._earliest
        if early < self.due_ns(at) - at - _STEP_NS:
            # Far earlier than a punctual one: the stream has jumped ahead, the old points say nothing any more.
            self._points.clear()
            self._lags.clear()
        self._points.append((at, early))
        self._lags.append(int(median(self._recent_lags)))
        self._lag_ns = max(0, int(median(self._lags)))
        self._fit()
        self._begin(end_ns)

    def _fit(self) -> None:
        t, early = np.array(self._points, np.int64).T
        self._pivot_ns = int(t[0])
        x = (t - t[0]).astype(np.float64)
        y = (early - early[0]).astype(np.float64)
        slope = 0.0
        if len(x) >= _SLOPE_POINTS:
            slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))
            self._drift_ppm = -slope * 1e6
        # Over a few seconds a slope is mostly noise, and it would be extrapolated.
        self._slope = slope if len(x) >= _SLOPE_POINTS else 0.0
        self._offset_ns = int(early[0]) + round(float(np.median(y - self._slope * x)))

    def due_ns(self, end_ns: int) -> int:
        """Monotonic time at which a block that ends at session time `end_ns` comes if nothing delays it."""
        return end_ns + self._offset_ns + round(self._slope * (end_ns - self._pivot_ns))

    def late_ns(self, end_ns: int, callback_ns: int) -> int:
        """How late a block came."""
        return callback_ns - self.due_ns(end_ns)

    def arrived_ns(self, callback_ns: int) -> int:
        """Session time at which a block ends that comes, punctually, at `callback_ns`."""
        t_ns = callback_ns - self._offset_ns
        return t_ns - round(self._slope * (t_ns - self._pivot_ns) / (1.0 + self._slope))

    def mono_ns(self, t_ns: int) -> int:
        """Monotonic time at which the sound of session time `t_ns` was converted."""
        return self.due_ns(t_ns) - self._lag_ns

    def session_ns(self, mono_ns: int) -> int:
        """The inverse of `mono_ns`."""
        return self.arrived_ns(mono_ns + self._lag_ns)

"""One axis of session time that every lane of a timeline is drawn on."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from tmlapp.core.units import NS_PER_MS, NS_PER_S

MIN_SPAN_NS = NS_PER_MS
"""The closest look: 16 samples at 16 kHz."""


class TimeAxis(QObject):
    """What is looked at, and where the cursor stands. All times are session time in ns.

    Signals:
        view_changed: another stretch is looked at, or the length has changed.
        cursor_changed: the cursor stands elsewhere; whoever plays says so by `set_cursor`.
        sought (int): a person wants to be at this time, by mouse or by key.
    """

    view_changed = Signal()
    cursor_changed = Signal()
    sought = Signal(object)

    def __init__(self, duration_ns: int = 30 * NS_PER_S, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.duration_ns = max(MIN_SPAN_NS, duration_ns)
        self.start_ns = 0.0
        self.span_ns = float(self.duration_ns)
        self.cursor_ns = 0

    @property
    def end_ns(self) -> float:
        return self.start_ns + self.span_ns

    def set_duration(self, duration_ns: int) -> None:
        """Another recording of this length: all of it is looked at, the cursor stands at its start."""
        self.duration_ns = max(MIN_SPAN_NS, duration_ns)
        self.start_ns, self.span_ns, self.cursor_ns = 0.0, float(self.duration_ns), 0
        self.view_changed.emit()
        self.cursor_changed.emit()

    def look_at(self, start_ns: float, end_ns: float) -> None:
        """Look at this stretch, as far as it lies inside."""
        span = min(float(self.duration_ns), max(float(MIN_SPAN_NS), end_ns - start_ns))
        start = min(max(0.0, start_ns), self.duration_ns - span)
        if (start, span) != (self.start_ns, self.span_ns):
            self.start_ns, self.span_ns = start, span
            self.view_changed.emit()

    def show_all(self) -> None:
        self.look_at(0, self.duration_ns)

    def zoom(self, factor: float, at_ns: float | None = None) -> None:
        """Look `factor` times closer; `at_ns` stays where it is on the screen (the cursor, or the middle)."""
        if at_ns is None:
            inside = self.start_ns <= self.cursor_ns <= self.end_ns
            at_ns = self.cursor_ns if inside else self.start_ns + self.span_ns / 2
        span = min(float(self.duration_ns), max(float(MIN_SPAN_NS), self.span_ns / factor))
        start = at_ns - (at_ns - self.start_ns) * span / self.span_ns
        self.look_at(start, start + span)

    def pan(self, by_ns: float) -> None:
        start = min(max(0.0, self.start_ns + by_ns), self.duration_ns - self.span_ns)
        self.look_at(start, start + self.span_ns)

    def reveal(self, t_ns: float, *, margin: float = 0.1) -> None:
        """Move what is looked at, if need be, so that `t_ns` is to be seen with some context."""
        if not self.start_ns <= t_ns <= self.end_ns:
            self.pan(t_ns - self.span_ns * margin - self.start_ns)

    def set_cursor(self, t_ns: int) -> None:
        """The cursor stands at `t_ns` (clipped to the recording)."""
        t_ns = min(max(0, t_ns), self.duration_ns)
        if t_ns != self.cursor_ns:
            self.cursor_ns = t_ns
            self.cursor_changed.emit()

    def seek(self, t_ns: float) -> None:
        """A person asks to be at `t_ns`: the cursor goes there, and `sought` tells those who play."""
        at = round(min(max(0.0, t_ns), self.duration_ns))
        self.set_cursor(at)
        self.sought.emit(at)

    def x_of(self, t_ns: float, width: float) -> float:
        """Place of `t_ns` on a lane `width` pixels wide."""
        return (t_ns - self.start_ns) / self.span_ns * width

    def t_of(self, x: float, width: float) -> float:
        """Session time at pixel `x` of a lane `width` pixels wide."""
        return self.start_ns + x / max(1.0, width) * self.span_ns

"""Labelled spans: words, outputs, expectation windows, grades. Overlapping ones get a row of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF

from tmlapp.core.units import NS_PER_MS
from tmlapp.ui.text import tr
from tmlapp.ui.theme import font
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Lane, Plot, span_text
from tmlapp.ui.timeline.span import Edge, Span, SpanBrush

_GRIP_PX = 5.0
_LEAST_PX = 3.0
_ROWS = 3
__all__ = ["Edge", "Span", "SpansLane"]

_NEVER_NS = 1 << 62


class SpansLane(Lane):
    """Spans side by side, those that overlap below each other.

    Args:
        grid_ns: edges are set to multiples of this (1 sample at 16 kHz: 62,500).
        nudge_ns: what an arrow key moves a focused edge by; with Shift `far_ns`.
        bands: spans are also drawn over the other lanes.
        empty: said where there are no spans.

    Signals:
        edge_moved (key, edge, t_ns, final): a person moves an edge; `final` when that is done. The lane shows it at
            once; whoever owns the spans answers with `set_spans`.
        selected (key): a span has the focus now; empty for none.
        activated (key): Enter, or a second click.
        clicked (key): a click on a span, also on the one that has the focus already.
    """

    edge_moved = Signal(str, str, object, bool)
    selected = Signal(str)
    activated = Signal(str)
    clicked = Signal(str)

    def __init__(
        self,
        key: str,
        title: str,
        *,
        height_px: float = 38,
        stretch: int = 0,
        grid_ns: int = 62_500,
        nudge_ns: int = 10 * NS_PER_MS,
        far_ns: int = 200 * NS_PER_MS,
        bands: bool = False,
    ) -> None:
        super().__init__(key, title, height_px=height_px, stretch=stretch)
        self.spans: list[Span] = []
        self.bands = bands
        self.current = ""
        self.edge: Edge = "end"
        self._grid_ns, self._nudge_ns, self._far_ns = grid_ns, nudge_ns, far_ns
        self._rows: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._table: npt.NDArray[np.int64] = np.zeros((4, 0), np.int64)
        self._n_rows = 1
        self._held: tuple[str, Edge] | None = None

    # ------------------------------------------------------------------ content

    def set_spans(self, spans: Iterable[Span]) -> None:
        """Show these, in any order."""
        self.spans = sorted(spans, key=lambda s: (s.start_ns, s.end_ns))
        self._rows = {}
        ends: list[int] = []
        for span in self.spans:
            row = next((i for i, end in enumerate(ends) if end <= span.start_ns), len(ends))
            ends[row : row + 1] = [max(span.end_ns, span.start_ns + 1)]
            self._rows[span.key] = row
        self._n_rows = max(1, len(ends))
        self._tabulate()
        if self.current not in self._rows:
            self.current = ""
        self.changed.emit()

    def _tabulate(self) -> None:
        rows = [(s.start_ns, s.end_ns, self._rows[s.key], _NEVER_NS) for s in self.spans]
        self._table = np.array(rows, np.int64).reshape(-1, 4).T.copy()
        self._places = {s.key: i for i, s in enumerate(self.spans)}
        starts, _, row, following = self._table
        for known in range(self._n_rows):
            mine = np.flatnonzero(row == known)
            following[mine[:-1]] = starts[mine[1:]]

    @property
    def bare(self) -> bool:
        return not self.spans

    @property
    def current_span(self) -> Span | None:
        """The span that has the focus."""
        place = self._places.get(self.current)
        return None if place is None else self.spans[place]

    def select(self, key: str, edge: Edge | None = None) -> None:
        """Give the focus to the span `key` (empty: to none), and to one of its edges."""
        self.edge = edge or self.edge
        if key != self.current:
            self.current = key
            self.selected.emit(key)
        self.changed.emit()

    def move_edge(self, key: str, edge: Edge, t_ns: float, *, final: bool) -> None:
        """Move an edge as a person does: on the grid, never across the other edge."""
        place = self._places.get(key)
        if place is None or not self.spans[place].editable:
            return
        span = self.spans[place]
        at = max(0, round(t_ns / self._grid_ns) * self._grid_ns)
        at = min(at, span.end_ns - self._grid_ns) if edge == "start" else max(at, span.start_ns + self._grid_ns)
        moved = replace(span, start_ns=at) if edge == "start" else replace(span, end_ns=at)
        self.spans[place] = moved
        self._tabulate()
        self.changed.emit()
        self.edge_moved.emit(key, edge, at, final)

    # ------------------------------------------------------------------ drawing

    def box(self, plot: Plot, span: Span) -> QRectF:
        """Where `span` is drawn."""
        top, height = self._row_place(plot, self._places[span.key])
        left, right = plot.x(span.start_ns), plot.x(span.end_ns)
        return QRectF(left, top, max(_LEAST_PX, right - left), height)

    def draw(self, plot: Plot) -> None:
        painter, axis = plot.painter, plot.axis
        if not self.spans:
            self.draw_empty(plot)
            return
        chosen = self._to_draw(plot)
        places = plot.rect.left() + (self._table[[0, 1, 3]][:, chosen] - axis.start_ns) * (
            plot.rect.width() / axis.span_ns
        )
        lefts, rights, nexts = (np.clip(p, -1e5, 1e5).tolist() for p in places)
        painter.save()
        painter.setClipRect(plot.rect)
        painter.setFont(font(plot.theme.font_small_px - (1 if self._n_rows > 1 else 0)))
        brush = SpanBrush(plot, QFontMetricsF(painter.font()))
        for place, index in enumerate(chosen.tolist()):
            span = self.spans[index]
            top, height = self._row_place(plot, index)
            box = QRectF(lefts[place], top, max(_LEAST_PX, rights[place] - lefts[place]), height)
            beside = min(nexts[place], plot.rect.right()) - box.right() - 8
            brush.draw(span, box, beside, current=span.key == self.current, edge=self.edge)
        brush.finish()
        painter.restore()

    def _row_place(self, plot: Plot, index: int) -> tuple[float, float]:
        """Top and height of the row that span number `index` is drawn in."""
        rows = min(self._n_rows, _ROWS)
        height = (plot.rect.height() - 10 - 2 * (rows - 1)) / rows
        return plot.rect.top() + 5 + min(int(self._table[2, index]), rows - 1) * (height + 2), height

    def _to_draw(self, plot: Plot) -> npt.NDArray[np.int64]:
        """Places of the spans to be seen; of many that fall on the same few pixels of a row only the first."""
        starts, ends, rows, _ = self._table
        seen = np.flatnonzero((ends >= plot.axis.start_ns) & (starts <= plot.axis.end_ns))
        slots = np.floor((starts[seen] - plot.axis.start_ns) / plot.axis.span_ns * plot.rect.width() / _LEAST_PX)
        rows = np.minimum(rows[seen], _ROWS - 1)
        chosen: npt.NDArray[np.int64] = seen[np.unique(rows * 100_000.0 + slots, return_index=True)[1]]
        here = self._places.get(self.current)
        # The one with the focus lies above all others.
        return chosen if here is None else np.append(chosen[chosen != here], here)

    # ------------------------------------------------------------------ pointer

    def at(self, plot: Plot, pos: QPointF) -> Span | None:
        """The span under the pointer; of several the shortest."""
        t_ns = plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width())
        near_ns = (_LEAST_PX + 1) * plot.axis.span_ns / max(1.0, plot.rect.width())
        starts, ends = self._table[:2]
        near = np.flatnonzero((starts - near_ns <= t_ns) & (ends + near_ns >= t_ns)).tolist()
        hits = [self.spans[i] for i in near if self.box(plot, self.spans[i]).adjusted(-1, 0, 1, 0).contains(pos)]
        return min(hits, key=lambda s: s.end_ns - s.start_ns, default=None)

    def grip(self, plot: Plot, pos: QPointF, *, anywhere: bool = False) -> tuple[str, Edge] | None:
        """The edge under the pointer; `anywhere`: at any height, for the bands over other lanes."""
        found: list[tuple[float, str, Edge]] = []
        for span in self.spans:
            if not span.editable:
                continue
            box = self.box(plot, span)
            if not (anywhere or box.top() - 3 <= pos.y() <= box.bottom() + 3):
                continue
            sides: tuple[tuple[Edge, int], ...] = (("start", span.start_ns), ("end", span.end_ns))
            found += [(abs(plot.x(t) - pos.x()), span.key, edge) for edge, t in sides]
        near = min((f for f in found if f[0] <= _GRIP_PX), key=lambda f: (f[0], f[1] != self.current), default=None)
        return None if near is None else (near[1], near[2])

    def press(self, plot: Plot, pos: QPointF) -> bool:
        return self.hold(self.grip(plot, pos))

    def hold(self, grip: tuple[str, Edge] | None) -> bool:
        """Take an edge (from `grip`) in hand; False for None."""
        self._held = grip
        if grip is not None:
            self.select(*grip)
        return grip is not None

    def drag(self, plot: Plot, pos: QPointF, *, final: bool) -> None:
        if self._held is not None:
            key, edge = self._held
            self.move_edge(key, edge, plot.axis.t_of(pos.x() - plot.rect.left(), plot.rect.width()), final=final)

    def click(self, plot: Plot, pos: QPointF) -> bool:
        span = self.at(plot, pos)
        self.select(span.key if span else "")
        if span is not None:
            plot.axis.seek(max(span.start_ns, 0))
            self.clicked.emit(span.key)
        return span is not None

    def cursor_shape(self, plot: Plot, pos: QPointF) -> Qt.CursorShape | None:
        return Qt.CursorShape.SizeHorCursor if self.grip(plot, pos) else None

    def hint(self, plot: Plot, pos: QPointF) -> str:
        span = self.at(plot, pos)
        if span is None:
            return ""
        return "\n".join(t for t in (span.text, span_text(span.start_ns, span.end_ns), span.hint) if t)

    # ------------------------------------------------------------------ keys

    def key_press(self, key: int, modifiers: Qt.KeyboardModifier, axis: TimeAxis) -> bool:
        """Left and right: previous and next span, or a nudge of the edge that has the focus (Ctrl: which edge)."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(key))
        span = self.current_span
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and span is not None:
            axis.seek(span.start_ns)
            self.activated.emit(span.key)
            return True
        if key == Qt.Key.Key_Escape and span is not None:
            self.select("")
            return True
        if step is None or modifiers & Qt.KeyboardModifier.AltModifier:
            return False
        if span is not None and span.editable:
            if modifiers & Qt.KeyboardModifier.ControlModifier:
                self.select(span.key, "start" if step < 0 else "end")
            else:
                self.nudge(step, far=bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
            return True
        return self.step(step, axis)

    def nudge(self, steps: int, *, far: bool = False) -> None:
        """Move the edge that has the focus by so many steps of the arrow key."""
        span = self.current_span
        if span is not None:
            t_ns = span.start_ns if self.edge == "start" else span.end_ns
            self.move_edge(span.key, self.edge, t_ns + steps * (self._far_ns if far else self._nudge_ns), final=True)

    def step(self, by: int, axis: TimeAxis) -> bool:
        """Focus the next or previous span, of the cursor if none has the focus; the cursor goes to its start."""
        if not self.spans:
            return False
        keys = [s.key for s in self.spans]
        if self.current in keys:
            place = min(max(keys.index(self.current) + by, 0), len(keys) - 1)
        else:
            before = sum(s.start_ns <= axis.cursor_ns for s in self.spans)
            place = min(before, len(keys) - 1) if by > 0 else max(0, before - 1)
        span = self.spans[place]
        self.select(span.key)
        axis.reveal(span.start_ns)
        axis.seek(span.start_ns)
        return True

    def describe(self, axis: TimeAxis) -> str:  # noqa: ARG002 - the focus says it all
        span = self.current_span
        if span is None:
            return tr("{title}, {n} entries").format(title=self.title, n=len(self.spans))
        return f"{self.title}: {span.text}, {span_text(span.start_ns, span.end_ns)}"

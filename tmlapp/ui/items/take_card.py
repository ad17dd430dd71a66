"""The card of the chosen take: which take, how it sounds, its waveform, spectrogram and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from tmlapp.bench.authoring.measure import SoundFigures
from tmlapp.bench.authoring.model import Expectation, ItemDraft, Span, Take
from tmlapp.core.media import Pcm
from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.items.model import Edge
from tmlapp.ui.items.parts import FlatButton, following, minus, seconds, words
from tmlapp.ui.items.picture import TakePicture
from tmlapp.ui.items.take_lane import TakeWave, WordsLane, ns, sample_at
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.lane import Later
from tmlapp.ui.timeline.spans import Span as Said
from tmlapp.ui.timeline.spans import SpansLane
from tmlapp.ui.timeline.spectrogram import SpectrogramLane
from tmlapp.ui.timeline.view import TimelineView

_AROUND = 16_000


class TakeView(TimelineView):
    """A timeline whose Tab goes from window to window."""

    stepped = Signal(int)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        self.stepped.emit(1 if forward else -1)
        return True


class TakeCard(QFrame):
    """Signals:
    stepped: Tab or Shift+Tab in the take. take_chosen: id.
    dragged: expectation, edge, sample, without snapping, done. sought: sample. span_chosen: expectation, edge.
    """

    stepped = Signal(int)
    take_chosen = Signal(str)
    dragged = Signal(str, str, int, bool, bool)
    sought = Signal(int)
    span_chosen = Signal(str, str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._sound: tuple[Path, str] | None = None
        self._chosen: Expectation | None = None
        self._cramped = False
        self._buttons: dict[str, FlatButton] = {}
        self.axis = TimeAxis(parent=self)
        self.view = TakeView(self.axis, theme, card=False, labels=False)
        self.view.setAccessibleName(tr("Take"))
        self.wave, self.words = TakeWave(), WordsLane()
        self.spectrogram = SpectrogramLane("spectrogram", tr("spectrogram"), height_px=84)
        self.said = SpansLane("said", tr("model"), height_px=28)
        self.said.hidden = True
        self.view.set_lanes([self.wave, self.spectrogram, self.words, self.said])
        self.picture = TakePicture(self.view, theme)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._take_page())
        self._pages.addWidget(self._empty_page())
        self.setFocusProxy(self.view)
        self.axis.sought.connect(lambda t_ns: self.sought.emit(sample_at(t_ns)))
        self.view.stepped.connect(self.stepped)
        self.wave.dragged.connect(self.dragged)
        self.wave.touched.connect(self.span_chosen)

    def _take_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(14, 8, 14, 8)
        column.setSpacing(4)
        self._top = QHBoxLayout()
        self._top.setSpacing(4)
        self._takes = QHBoxLayout()
        self._takes.setSpacing(2)
        self.facts = words("section", wrap=False)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.window_text = QLabel()
        self.window_text.setObjectName("section")
        self._tools = QHBoxLayout()
        self._tools.setSpacing(2)
        self._top.addLayout(self._takes)
        self._top.addWidget(self.facts, 1)
        self._top.addLayout(self._tools)
        self._top.addWidget(self.window_text)
        column.addLayout(self._top)
        column.addWidget(self.picture)
        column.addWidget(self.view, 1)
        return page

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        self.empty_title = QLabel()
        self.empty_title.setObjectName("title")
        self.empty_text = words("muted")
        for label in (self.empty_title, self.empty_text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
        self._empty_row = QHBoxLayout()
        self._empty_row.addStretch(1)
        column.addStretch(1)
        column.addWidget(self.empty_title)
        column.addWidget(self.empty_text)
        column.addLayout(self._empty_row)
        column.addStretch(2)
        self._empty_buttons: list[KeyButton] = []
        return page

    def follow(self, actions: Actions) -> None:
        """Offer commands as buttons: in the empty state, and snapping beside the window's times."""
        for key, primary in (("new-item", True), ("record", True), ("import", False)):
            button = KeyButton(self._theme, kind="primary" if primary else "plain")
            button.follow(actions[f"items.{key}"])
            self._empty_row.addWidget(button)
            self._empty_buttons.append(button)
        self._empty_row.addStretch(1)
        self.snap = following(actions["items.snap"], tr("snap"))
        self._tools.addWidget(self.snap)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.view.set_theme(theme)
        self.picture.set_theme(theme)
        for button in self._empty_buttons:
            button.set_theme(theme)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        self.view.setFocus(event.reason())

    def set_cramped(self, cramped: bool) -> None:
        """Large texts in a small window: the waveform keeps what room there is."""
        if self.spectrogram.hidden != cramped:
            self.view.hide_lane("spectrogram", cramped)
        self.wave.height_px = 48 if cramped else 120
        self.snap.setVisible(not cramped)
        self.facts.setText("" if cramped else self.facts.text())
        self._cramped = cramped
        self.picture.set_cramped(cramped)
        self.view.refresh()

    # ------------------------------------------------------------------ content

    def show_take(
        self, folder: Path | None, item: ItemDraft | None, take: Take | None, figures: SoundFigures | None
    ) -> None:
        """Mirror `take` of `item`; what is not there is said, with what to do next."""
        self._pages.setCurrentIndex(0 if take is not None else 1)
        if take is None or item is None or folder is None:
            self._show_empty(item)
            return
        self._show_takes(item, take)
        parts = [f"{seconds(take.samples)} s"]
        if figures is not None:
            snr = "–" if figures.snr_db is None else f"{figures.snr_db:.0f} dB"
            parts += [tr("SNR {snr}").format(snr=snr)]
            parts += [minus(tr("peak {peak:.1f} dBFS").format(peak=figures.peak_dbfs))]
        if take.discarded:
            parts.append(tr("discarded"))
        self.facts.setText("" if self._cramped else "     ".join(parts))
        self.wave.show_take(take)
        self.words.show_take(take, tr("Ctrl+W finds the words of the script in the sound."))
        last = max([take.samples, *(e.window.t1 for e in take.expectations)])
        if self.axis.duration_ns != ns(last):
            start, end, cursor = self.axis.start_ns, self.axis.end_ns, self.axis.cursor_ns
            whole = end >= self.axis.duration_ns - 1 and start <= 0
            self.axis.set_duration(ns(last))
            self.axis.set_cursor(cursor)
            if not whole:
                self.axis.look_at(start, end)

    def needs_sound(self, audio: Path, take: Take) -> bool:
        """True once for each new sound: `show_sound` is to bring it."""
        wanted = (audio, take.sha256)
        if self._sound == wanted:
            return False
        self._sound = wanted
        self.axis.set_duration(ns(max([take.samples, *(e.window.t1 for e in take.expectations)])))
        self.wave.set_waiting(tr("reading the sound…"))
        self.spectrogram.set_waiting(tr("reading…"))
        return True

    def show_sound(self, pcm: Pcm, later: Later) -> None:
        """Draw int16 [n] at 16 kHz."""
        self.wave.set_pcm(pcm, 16_000)
        peak = max(1, int(abs(pcm.astype("int32")).max())) if len(pcm) else 1
        self.wave.gain = min(8.0, max(1.0, 0.92 * 32768 / peak))
        self.spectrogram.set_track(lambda a, b: pcm[a:b], len(pcm), 16_000, later)

    def show_no_sound(self, why: str) -> None:
        """The sound cannot be read."""
        self.wave.set_waiting(f"✕ {why}")
        self.spectrogram.set_waiting("")

    def show_chosen(self, value: Expectation | None, edge: Edge, snapping: bool) -> None:
        """Say in numbers where the chosen window lies; the edge that keys move is marked."""
        self._chosen = value
        self.wave.show_chosen(value.id if value is not None else "", edge)
        self.snap.setChecked(snapping)
        if value is None:
            self.window_text.setText(tr("no window"))
            return
        ink = self._theme.text.name()
        lo, hi = seconds(value.window.t0, 3), seconds(value.window.t1, 3)
        lo, hi = (f"‹{lo}›" if edge == "t0" else lo), (f"‹{hi}›" if edge == "t1" else hi)
        self.window_text.setText(f'{tr("window")} <span style="color:{ink}; font-weight:700">{lo} – {hi} s</span>')
        self.window_text.setAccessibleName(
            tr("Window of {id}: {lo} to {hi} seconds").format(id=value.id, lo=lo.strip("‹›"), hi=hi.strip("‹›"))
        )

    def show_playhead(self, sample: int) -> None:
        self.axis.set_cursor(ns(sample))

    def show_said(self, spans: list[Said]) -> None:
        """What the model said when the item was tried."""
        if spans != self.said.spans:
            self.said.set_spans(spans)
        if self.said.hidden != (not spans):
            self.view.hide_lane("said", not spans)

    # ------------------------------------------------------------------ looking

    def zoom(self, factor: float) -> None:
        self.axis.zoom(factor)

    def show_all(self) -> None:
        self.axis.show_all()

    def show_window(self) -> None:
        """The chosen window with a second around it."""
        if self._chosen is not None:
            window = self._chosen.window
            self.axis.look_at(ns(max(0, window.t0 - _AROUND)), ns(window.t1 + _AROUND))

    def look_at(self, span: Span) -> None:
        """A stretch with half a second around it."""
        self.axis.look_at(ns(max(0, span.t0 - _AROUND // 2)), ns(span.t1 + _AROUND // 2))

    def reveal(self, sample: int) -> None:
        self.axis.reveal(ns(sample))

    # ------------------------------------------------------------------ helpers

    def _show_empty(self, item: ItemDraft | None) -> None:
        self._sound = None
        if item is None:
            title, text = tr("No items yet"), tr("An item is one instruction, what you say after it, and its takes.")
        else:
            title = tr("No take yet")
            text = tr("Read the script aloud; press E where the model should speak. Or make a take of a file.")
        self.empty_title.setText(title)
        self.empty_text.setText(text)
        for button, shown in zip(self._empty_buttons, (item is None, item is not None, item is not None), strict=True):
            button.setVisible(shown)

    def _show_takes(self, item: ItemDraft, current: Take) -> None:
        if list(self._buttons) != [t.id for t in item.takes]:
            for button in self._buttons.values():
                self._takes.removeWidget(button)
                button.hide()
                button.deleteLater()
            self._buttons = {t.id: self._button(t.id) for t in item.takes}
        for at, take in enumerate(item.takes, start=1):
            button = self._buttons[take.id]
            star = "★ " if take.id == item.best else "✕ " if take.discarded else ""
            button.setText(star + (tr("Take {n}").format(n=at) if take.id == current.id else str(at)))
            best = tr("best take") if take.id == item.best else tr("discarded") if take.discarded else ""
            button.setAccessibleName(", ".join(p for p in (tr("Take {n}").format(n=at), best) if p))
            button.setToolTip(f"{take.id} · {take.created_utc} {best}".strip())
            button.setChecked(take.id == current.id and len(item.takes) > 1)

    def _button(self, name: str) -> FlatButton:
        from tmlapp.ui.items.parts import flat

        choose: Callable[[], object] = lambda: self.take_chosen.emit(name)  # noqa: E731 - a closure over the name
        button = flat("", choose, name="take")
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._takes.addWidget(button)
        return button

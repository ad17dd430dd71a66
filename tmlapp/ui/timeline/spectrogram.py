"""A spectrogram in tiles that a worker computes, drawn on the axis of all other lanes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage

from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.lane import Lane, Later, Plot
from tmlapp.ui.timeline.wave import Read

WINDOW_S = 0.025
"""Length of the analysis window."""
TOP_HZ = 5500
RANGE_DB = 65.0
LONGEST_S = 600
"""A longer stretch is not computed; the lane says so."""

_COLUMNS = 256
_KEPT = 160
_MIN_HOP = 16
_CEILING_DB = 78.0

Tile = tuple[int, int]
Shades = npt.NDArray[np.uint8]


def shades(pcm: Pcm, rate_hz: int, hop: int, columns: int) -> Shades:
    """Loudness of frequencies 0 to `TOP_HZ`, high ones first: uint8 [bins, columns].

    Args:
        pcm: int16 [n]; column k is centred on sample `k * hop + window / 2`, with zeros where the sound ends.
    """
    size = round(rate_hz * WINDOW_S)
    length = 1 << max(9, (2 * size - 1).bit_length())
    needed = (columns - 1) * hop + size
    padded = np.zeros(max(needed, size), np.float32)
    padded[: min(len(pcm), len(padded))] = pcm[: len(padded)]
    rows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:columns]
    power = np.abs(np.fft.rfft(rows * np.hanning(size).astype(np.float32), length)) / size
    top = min(power.shape[1], round(TOP_HZ * length / rate_hz))
    level = 20 * np.log10(power[:, :top] + 1e-3)
    scaled = (level - (_CEILING_DB - RANGE_DB) + 10) / RANGE_DB * 255
    found: Shades = np.clip(scaled, 0, 255).astype(np.uint8).T[::-1]
    return np.ascontiguousarray(found)


class SpectrogramLane(Lane):
    """Frequencies over time of one track. Give it a track with `set_track`."""

    def __init__(self, key: str, title: str, *, height_px: float = 96, hidden: bool = False) -> None:
        super().__init__(key, title, height_px=height_px, stretch=1, hidden=hidden)
        self._read: Read | None = None
        self._later: Later | None = None
        self._samples, self._rate_hz = 0, 16_000
        self._tiles: OrderedDict[Tile, QImage] = OrderedDict()
        self._asked: set[Tile] = set()
        self._track = 0
        self._table: tuple[str, list[int]] = ("", [])
        self.waiting = ""

    def set_waiting(self, text: str) -> None:
        """Nothing to draw yet; `text` says what is being done."""
        self.set_track(None, 0, 16_000, None)
        self.waiting = text
        self.changed.emit()

    def set_track(self, read: Read | None, samples: int, rate_hz: int, later: Later | None) -> None:
        """Draw the track that `read` gives samples of; None for none."""
        self._read, self._later, self._samples, self._rate_hz = read, later, samples, rate_hz
        self.waiting = ""
        self._tiles.clear()
        self._asked.clear()
        # What is still on its way belongs to the track before.
        self._track += 1
        self.changed.emit()

    @property
    def ready(self) -> bool:
        """Nothing that was asked for is on its way."""
        return not self._asked

    def hop(self, per_px: float) -> int:
        """Samples between columns when a pixel stands for `per_px`: a power of two."""
        return int(max(_MIN_HOP, 1 << max(0, int(per_px).bit_length() - 1)))

    def draw(self, plot: Plot) -> None:
        painter, rect, axis = plot.painter, plot.rect.adjusted(0, 2, 0, -2), plot.axis
        painter.fillRect(rect, _ramp(plot.theme)[0])
        if self._read is None or axis.span_ns > LONGEST_S * NS_PER_S:
            painter.setPen(plot.theme.faint)
            painter.setFont(font(plot.theme.font_small_px))
            long = tr("Zoom in to 10 minutes or less to see the spectrogram.")
            text = self.waiting or tr("no sound") if self._read is None else long
            painter.drawText(
                rect.adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text
            )
            return
        start, end = (t * self._rate_hz / NS_PER_S for t in (axis.start_ns, axis.end_ns))
        hop = self.hop((end - start) / max(1.0, rect.width()))
        width = _COLUMNS * hop
        painter.save()
        painter.setClipRect(rect)
        for index in range(int(start // width), int(min(end, self._samples) // width) + 1):
            image = self._tile((hop, index), plot.theme)
            if image is not None:
                left = plot.x(index * width * NS_PER_S / self._rate_hz)
                right = plot.x((index + 1) * width * NS_PER_S / self._rate_hz)
                painter.drawImage(QRectF(left, rect.top(), right - left, rect.height()), image)
        painter.restore()

    def _tile(self, tile: Tile, theme: Theme) -> QImage | None:
        image = self._tiles.get(tile)
        if image is None:
            self._ask(tile)
            return None
        self._tiles.move_to_end(tile)
        if self._table[0] != theme.name:
            self._table = theme.name, color_table(theme)
        if image.colorTable() != self._table[1]:
            image.setColorTable(self._table[1])
        return image

    def _ask(self, tile: Tile) -> None:
        if tile in self._asked or self._later is None or self._read is None:
            return
        self._asked.add(tile)
        hop, index = tile
        half = round(self._rate_hz * WINDOW_S) // 2
        read, samples, rate, track = self._read, self._samples, self._rate_hz, self._track

        def job() -> Shades:
            first = index * _COLUMNS * hop - half
            pcm = read(max(0, first), min(samples, first + _COLUMNS * hop + 2 * half))
            lead: Pcm = np.zeros(max(0, -first), np.int16)
            return shades(np.concatenate((lead, pcm)), rate, hop, _COLUMNS)

        self._later(job, self._taker(tile, track))

    def _taker(self, tile: Tile, track: int) -> Callable[[Any], None]:
        def take(found: Any) -> None:
            if track != self._track:
                return
            self._asked.discard(tile)
            height, width = found.shape
            image = QImage(found.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
            self._tiles[tile] = image
            while len(self._tiles) > _KEPT:
                self._tiles.popitem(last=False)
            self.changed.emit()

        return take


def _ramp(theme: Theme) -> list[QColor]:
    if theme.dark:
        return [QColor(c) for c in ("#16122a", "#2a1658", "#6d2aa0", "#c64fc8", "#f9b9e0", "#fff6ee")]
    return [QColor(c) for c in ("#f7f4fb", "#e3d7f2", "#b694d9", "#8048b5", "#481d7e", "#1c0a3a")]


def color_table(theme: Theme) -> list[int]:
    """256 colours from silent to loud, each lighter (on a dark page) or darker than the one before."""
    stops = np.array([[c.red(), c.green(), c.blue()] for c in _ramp(theme)], float)
    at = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, k]).round().astype(int) for k in range(3)]
    return [QColor(r, g, b).rgb() for r, g, b in zip(*(c.tolist() for c in channels), strict=True)]

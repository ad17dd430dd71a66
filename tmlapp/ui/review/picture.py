"""The picture of the camera at the cursor, with its time."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.core.errors import AppError
from tmlapp.recording.reader import Recording
from tmlapp.ui.review.frames import FrameReader, Shown
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.lane import time_text

_BIG_PX = 19


class PicturePane(QWidget):
    """Shows the newest frame at a position, letterboxed in a card.

    Signals:
        failed (AppError): a frame cannot be read; the last picture stays.
    """

    failed = Signal(object)
    _arrived = Signal(int, object)

    def __init__(self, theme: Theme, name: str = "") -> None:
        super().__init__()
        self._theme = theme
        self.name = name
        self.shown: Shown | None = None
        self.at_ns = 0
        self._reader: FrameReader | None = None
        self._serial = 0
        self._empty = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Picture"))
        self._arrived.connect(self._take)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(444, 250)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(160, 100)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def set_recording(self, recording: Recording | None, first: Shown | None, empty: str) -> None:
        """Follow `recording` from now on; `first` is shown at once, `empty` says why there is nothing."""
        self.close_reader()
        self._empty, self.shown = empty, first
        if recording is not None and not empty:
            serial = self._serial
            self._reader = FrameReader(recording, lambda found: self._arrived.emit(serial, found))
        self.update()

    def close_reader(self) -> None:
        """End the reader's thread."""
        self._serial += 1
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def show_at(self, t_ns: int) -> None:
        """Show what the camera saw at `t_ns`, as soon as it is decoded."""
        self.at_ns = t_ns
        if self._reader is not None:
            self._reader.want(t_ns)
        self.update()

    @property
    def offset_ns(self) -> int:
        """How far the picture on the screen is from the position: 0 while its frame is the right one."""
        shown = self.shown
        if shown is None or shown.t_ns <= self.at_ns < shown.end_ns:
            return 0
        return shown.t_ns - self.at_ns if self.at_ns < shown.t_ns else shown.end_ns - self.at_ns

    def _take(self, serial: int, found: object) -> None:
        if serial != self._serial:
            return
        if isinstance(found, AppError):
            self.failed.emit(found)
        elif found is None or isinstance(found, Shown):
            self.shown = found
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.line)
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(card, theme.radius_card, theme.radius_card)
        if self.shown is None:
            painter.setPen(theme.muted)
            painter.setFont(font(theme.font_px))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(card.adjusted(16, 8, -16, -8), flags, self._empty or tr("No picture here."))
        else:
            self._draw_picture(painter, card.adjusted(0.5, 0.5, -0.5, -0.5), self.shown)
        self._draw_words(painter)

    def _draw_picture(self, painter: QPainter, card: QRectF, shown: Shown) -> None:
        outline = QPainterPath()
        outline.addRoundedRect(card, self._theme.radius_card, self._theme.radius_card)
        painter.save()
        painter.setClipPath(outline)
        size = shown.image.size()
        factor = min(card.width() / size.width(), card.height() / size.height())
        width, height = size.width() * factor, size.height() * factor
        place = QRectF(card.center().x() - width / 2, card.center().y() - height / 2, width, height)
        painter.drawImage(place, shown.image)
        painter.restore()

    def _draw_words(self, painter: QPainter) -> None:
        theme = self._theme
        left, bottom = 16.0, self.height() - 16.0
        face = font(theme.px(_BIG_PX), weight=QFont.Weight.DemiBold)
        painter.setFont(face)
        metrics = QFontMetricsF(face)
        text = time_text(self.at_ns, 10_000_000)
        if self.shown is not None:
            box = QRectF(
                left - 8, bottom - metrics.ascent() - 3, metrics.horizontalAdvance(text) + 16, metrics.height() + 4
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.overlay)
            painter.drawRoundedRect(box, 6, 6)
        painter.setPen(theme.on_overlay if self.shown is not None else theme.muted)
        painter.drawText(int(left), int(bottom), text)
        notes = [n for n in (self.name, tr("repeated frame") if self.shown and self.shown.repeated else "") if n]
        if notes:
            painter.setFont(font(theme.font_small_px, weight=QFont.Weight.DemiBold))
            small = QFontMetricsF(painter.font())
            words = " · ".join(notes)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.overlay)
            painter.drawRoundedRect(QRectF(10, 10, small.horizontalAdvance(words) + 14, small.height() + 6), 6, 6)
            painter.setPen(theme.on_overlay)
            painter.drawText(17, round(13 + small.ascent()), words)

"""What the camera saw: live while a take is recorded, and at the playhead of a take that has a video."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.core.errors import AppError
from tmlapp.core.media import Picture
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.view import TimelineView

_LIVE_PX = (224, 126)
_STRIP_PX = 92
_PLATE = 6.0


class Video(Protocol):
    """Pictures by time, as `VideoSeeker` gives them."""

    def at(self, t_ns: int) -> Moment: ...

    def close(self) -> None: ...


class Moment(Protocol):
    @property
    def t_ns(self) -> int: ...

    @property
    def picture(self) -> Picture: ...


def image_of(picture: Picture) -> QImage:
    """BGR uint8 [height, width, 3] as an image of its own."""
    height, width = picture.shape[:2]
    return QImage(picture.data, width, height, 3 * width, QImage.Format.Format_BGR888).copy()


def draw_picture(painter: QPainter, box: QRectF, image: QImage, radius: float) -> QRectF:
    """Draw `image` as large as `box` allows, in its middle; where it stands then."""
    size = image.size()
    factor = min(box.width() / max(1, size.width()), box.height() / max(1, size.height()))
    width, height = size.width() * factor, size.height() * factor
    place = QRectF(box.center().x() - width / 2, box.center().y() - height / 2, width, height)
    outline = QPainterPath()
    outline.addRoundedRect(place, radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setClipPath(outline)
    painter.drawImage(place, image)
    painter.restore()
    return place


class LivePicture(QWidget):
    """What the camera sees now."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._last: Picture | None = None
        self.image: QImage | None = None
        self.setAccessibleName(tr("Camera"))
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedSize(theme.px(_LIVE_PX[0]), theme.px(_LIVE_PX[1]))
        self.update()

    def show_picture(self, picture: Picture | None) -> None:
        """The newest one; the same one again costs nothing."""
        if picture is not self._last:
            self._last = picture
            self.image = None if picture is None else image_of(picture)
            if picture is not None:
                high, wide = picture.shape[:2]
                self.setFixedWidth(max(40, min(self._theme.px(_LIVE_PX[0]), round(self.height() * wide / high))))
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.image is not None:
            draw_picture(painter, box, self.image, _PLATE)
            return
        painter.setPen(theme.line)
        painter.setBrush(theme.raised)
        painter.drawRoundedRect(box, _PLATE, _PLATE)
        painter.setPen(theme.muted)
        painter.setFont(font(theme.font_small_px))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, tr("waiting for the camera…"))


class VideoReader:
    """Opens a video and decodes on a thread of its own, always for the newest wish.

    Args:
        open_: gives the video; called on that thread.
        shown: called on that thread with each new image, or once with what went wrong.
    """

    def __init__(self, open_: Callable[[], Video], shown: Callable[[QImage | AppError], object]) -> None:
        self._open, self._shown = open_, shown
        self._wanted: int | None = 0
        self._ended = False
        self._wake = threading.Event()
        self._wake.set()
        self._thread = threading.Thread(target=self._serve, name="items-video", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def want(self, t_ns: int) -> None:
        """Show what was seen at `t_ns`; a wish that is not met yet is forgotten."""
        self._wanted = t_ns
        self._wake.set()

    def end(self) -> None:
        """Let go of the file as soon as may be."""
        self._ended = True
        self._wake.set()

    def wait(self) -> None:
        """Until it has let go."""
        self._thread.join()

    def _serve(self) -> None:
        try:
            video = self._open()
        except AppError as error:
            self._shown(error)
            return
        last = -1
        try:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._ended:
                    return
                wanted, self._wanted = self._wanted, None
                if wanted is None:
                    continue
                moment = video.at(wanted)
                if moment.t_ns != last:
                    last = moment.t_ns
                    self._shown(image_of(moment.picture))
        finally:
            video.close()


class TakePicture(QWidget):
    """A strip above the timeline `view`: the picture stands over the playhead, and goes with it.

    Signals:
        failed (AppError): the video cannot be read; the strip says so, too.
    """

    failed = Signal(object)
    _arrived = Signal(int, object)

    def __init__(self, view: TimelineView, theme: Theme) -> None:
        super().__init__()
        self._view, self._theme = view, theme
        self._path: Path | None = None
        self._reader: VideoReader | None = None
        self._ending: list[VideoReader] = []
        self._serial = 0
        self._cramped = False
        self.why = ""
        self.image: QImage | None = None
        self.open_video: Callable[[Path], Video] | None = None
        self.setAccessibleName(tr("Picture at the playhead"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._arrived.connect(self._take)
        view.axis.view_changed.connect(self.update)
        view.axis.cursor_changed.connect(self._want)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(_STRIP_PX))
        self.update()

    def set_cramped(self, cramped: bool) -> None:
        """In a low window the waveform has the room."""
        self._cramped = cramped
        self.setVisible(self._path is not None and not cramped)

    def show_video(self, path: Path | None) -> None:
        """Follow the video at `path`; None: the take has none."""
        if path == self._path:
            return
        self._let_go()
        self._path, self.image, self.why = path, None, ""
        self.setVisible(path is not None and not self._cramped)
        if path is not None and self.open_video is not None:
            serial, open_ = self._serial, self.open_video
            self._reader = VideoReader(lambda: open_(path), lambda found: self._arrived.emit(serial, found))
            self._want()
        self.update()

    def shut(self) -> None:
        """End the thread."""
        self._let_go()
        self._path = None
        for reader in self._ending:
            reader.wait()
        self._ending = []

    def _let_go(self) -> None:
        self._serial += 1
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.end()
            self._ending = [*(r for r in self._ending if r.running), reader]

    def _want(self) -> None:
        if self._reader is not None:
            self._reader.want(self._view.axis.cursor_ns)
            self.update()

    def _take(self, serial: int, found: object) -> None:
        if serial != self._serial:
            return
        if isinstance(found, QImage):
            self.image = found
        elif isinstance(found, AppError):
            self.why = f"{found.what} {found.why}"
            self.failed.emit(found)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._view.plot_rect()
        height = self.height() - 6.0
        if self.image is None:
            painter.setPen(theme.act if self.why else theme.muted)
            painter.setFont(font(theme.font_small_px))
            text = f"✕ {self.why}" if self.why else tr("reading the video…")
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(area.left(), 0, area.width(), height), flags, text)
            return
        size = self.image.size()
        width = min(area.width(), height * size.width() / max(1, size.height()))
        x = area.left() + self._view.axis.x_of(self._view.axis.cursor_ns, area.width())
        left = min(max(x - width / 2, area.left()), area.right() - width)
        place = draw_picture(painter, QRectF(left, 0, width, height), self.image, _PLATE)
        if area.left() <= x <= area.right():
            painter.setPen(theme.text)
            painter.drawLine(round(x), round(place.bottom()), round(x), self.height())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(300, self.height())

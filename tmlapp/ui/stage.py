"""The stage: camera picture with the model's signs over it. Plain QPainter."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.core.cue import Overlay
from tmlapp.core.media import Picture
from tmlapp.ui.overlay_layout import Placed
from tmlapp.ui.overlay_paint import OverlayPainter, OverlayState, heard_parts
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

BUMP_NS = 280_000_000
"""How long the badge takes to settle after a new count."""

_ANIMATION_MS = 16
_BEHIND = QColor("#0a0c10")


def _image_of(picture: Picture) -> QImage:
    """`picture` (BGR) in the format that Qt scales fastest; converted once, painted many times."""
    height, width = picture.shape[:2]
    wrapped = QImage(picture.data, width, height, picture.strides[0], QImage.Format.Format_BGR888)
    return wrapped.convertToFormat(QImage.Format.Format_RGB32)


class Stage(QWidget):
    """Shows the newest picture and the overlay, and nothing that it decides itself.

    `on_painted`, where set, is told the overlay that has just been painted and the monotonic time in ns: the measure
    of how soon an output is seen.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._signs = OverlayPainter(theme)
        self._picture: Picture | None = None
        self._image: QImage | None = None
        self._overlay = Overlay()
        self._t_ns = 0
        self._paused = False
        self._bumped_ns: int | None = None
        self._presenter = False
        self._mirrored = False
        self.placed = Placed()
        self.on_painted: Callable[[Overlay, int], None] | None = None
        self._animation = QTimer(self)
        self._animation.setInterval(_ANIMATION_MS)
        self._animation.timeout.connect(self._animate)
        self.setMinimumSize(320, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Stage"))
        self.setAccessibleDescription(tr("Camera picture with the model's counts, cues and captions"))

    @property
    def picture(self) -> Picture | None:
        """What is shown behind the signs."""
        return self._picture

    @property
    def overlay(self) -> Overlay:
        """What is shown over the picture."""
        return self._overlay

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(892, 498)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._signs = OverlayPainter(theme)
        self.update()

    def set_presenter(self, on: bool) -> None:
        """Presenter mode: picture, giant count, caption, nothing else."""
        self._presenter = on
        self.update()

    def set_mirrored(self, on: bool) -> None:
        """Show the picture as in a mirror; what the model sees is not changed by it."""
        self._mirrored = on
        self.update()

    def show_moment(
        self, picture: Picture | None, overlay: Overlay, t_ns: int, *, paused: bool = False, at_once: bool = False
    ) -> None:
        """Show `picture` (BGR) and `overlay` as they are at session time `t_ns`.

        Painted with the next round of the window's loop, or before this returns if `at_once`.
        """
        changed = picture is not self._picture or overlay != self._overlay or paused != self._paused
        if overlay.count is not None and overlay.count_t_ns != self._overlay.count_t_ns:
            self._bumped_ns = time.monotonic_ns()
            self._animation.start()
        if not changed and not self._signs_move(overlay, t_ns):
            return
        if picture is not self._picture:
            self._image = None if picture is None else _image_of(picture)
        self._picture, self._overlay, self._t_ns, self._paused = picture, overlay, t_ns, paused
        self._describe()
        if at_once:
            self.repaint()
        else:
            self.update()

    def clear(self) -> None:
        """Back to an empty stage."""
        self._animation.stop()
        self._bumped_ns = None
        self.show_moment(None, Overlay(), 0)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        rect = QRectF(self.rect())
        if self._presenter:
            painter.fillRect(rect, Qt.GlobalColor.black)
        else:
            painter.fillRect(rect, _BEHIND)
        if self._image is None:
            self._paint_empty(painter, rect)
        else:
            self._paint_picture(painter, rect, self._image)
        if self._paused:
            self._paint_paused(painter, rect)
        state = OverlayState(self._overlay, self._t_ns, self._bump(), self._presenter)
        self.placed = self._signs.paint(painter, rect.width(), rect.height(), state)
        if not self._presenter:
            self._paint_frame(painter, rect)
        painter.end()
        if self.on_painted is not None:
            self.on_painted(self._overlay, time.monotonic_ns())

    def _signs_move(self, overlay: Overlay, t_ns: int) -> bool:
        """True if the passing of time alone changes what is to be seen."""
        if overlay.border is not None and t_ns // 100_000_000 != self._t_ns // 100_000_000:
            return True
        return any(at(t_ns) != at(self._t_ns) for at in (overlay.speaking_at, overlay.toasts_at, overlay.heard_at))

    def _bump(self) -> float:
        if self._bumped_ns is None:
            return 0.0
        left = 1 - (time.monotonic_ns() - self._bumped_ns) / BUMP_NS
        return max(0.0, left) ** 2

    def _animate(self) -> None:
        if self._bump() <= 0:
            self._bumped_ns = None
            self._animation.stop()
        self.update()

    def _describe(self) -> None:
        overlay = self._overlay
        count = tr("no count yet") if overlay.count is None else tr("count {n}").format(n=overlay.count)
        heard = overlay.heard_at(self._t_ns)
        words = [count, f"{overlay.border or ''} {overlay.action}".strip(), overlay.caption]
        words += [" ".join(heard_parts(heard)).strip()] if heard is not None else []
        self.setAccessibleDescription(". ".join(word for word in words if word))

    def _paint_frame(self, painter: QPainter, rect: QRectF) -> None:
        # Corners painted over are ten times cheaper than a round clip around the picture.
        radius = self._theme.radius_card
        card = QPainterPath()
        card.addRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        corners = QPainterPath()
        for x in (rect.left(), rect.right() - radius):
            for y in (rect.top(), rect.bottom() - radius):
                corners.addRect(QRectF(x, y, radius, radius))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(corners.subtracted(card), self._theme.page)
        painter.setPen(self._theme.line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(card)

    def _paint_picture(self, painter: QPainter, rect: QRectF, image: QImage) -> None:
        width, height = image.width(), image.height()
        scale = min(rect.width() / width, rect.height() / height)
        target = QRectF(0, 0, width * scale, height * scale)
        target.moveCenter(rect.center())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._mirrored:
            painter.translate(rect.width(), 0)
            painter.scale(-1, 1)
        painter.drawImage(target, image)
        painter.restore()

    def _paint_empty(self, painter: QPainter, rect: QRectF) -> None:
        painter.setPen(QColor("#8d95a5"))
        painter.setFont(font(self._theme.font_px))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, tr("No picture yet: the model has sound only."))

    def _paint_paused(self, painter: QPainter, rect: QRectF) -> None:
        painter.fillRect(rect, QColor(0, 0, 0, 110))
        painter.setPen(QColor("#ffffff"))
        painter.setFont(font(self._theme.px(28)))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, tr("Paused: nothing is captured. P goes on."))

"""Paints the signs over the picture: count badge, START/STOP banner, what was heard, reminders, caption, speaking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from tmlapp.core.cue import Cue, Overlay
from tmlapp.core.event import SpeechHeard
from tmlapp.ui.overlay_layout import Box, Placed, Wanted, place, scale_for
from tmlapp.ui.text import stamp_text, tr
from tmlapp.ui.theme import Theme, font

_BADGE = 132.0
_GIANT = 0.46
_LOUD = 1.7
_MOST_TEXT = 1.4
_REMEMBERED = 48

# On the picture, which is neither light nor dark, the signs look the same in both schemes.
_GOOD, _ACT, _REMIND, _VOICE = QColor("#39d98a"), QColor("#ff5c5c"), QColor("#b18cff"), QColor("#c8a2ff")
_YOU, _NOTICE = QColor("#7fb0ff"), QColor("#ffb547")
_WHITE = QColor("#ffffff")


@dataclass(frozen=True, slots=True)
class OverlayState:
    """An overlay at a moment: session time, progress of the count's bump (1 = it has just changed), presenter mode."""

    overlay: Overlay
    t_ns: int
    bump: float = 0.0
    presenter: bool = False


class OverlayPainter:
    """Measures, places and paints. Signs that have not changed are painted from their own small pictures."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._drawn: dict[tuple[object, ...], QImage] = {}

    def placed(self, width: float, height: float, state: OverlayState) -> Placed:
        """Where the signs of `state` lie on a stage of `width` × `height`."""
        return place(width, height, self._wanted(width, height, state))

    def paint(self, painter: QPainter, width: float, height: float, state: OverlayState) -> Placed:
        """Paint the signs of `state`; what was painted where."""
        placed = self.placed(width, height, state)
        scale = self._scale(width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        overlay = state.overlay
        if placed.badge:
            draw = partial(self._badge, count=overlay.count or 0, state=state)
            if state.bump > 0:
                draw(painter, placed.badge)
            else:
                self._sign(painter, placed.badge, ("badge", overlay.count, state.presenter), draw)
        if placed.banner:
            named = ("banner", *self._banner_parts(state))
            self._sign(painter, placed.banner, named, partial(self._banner, scale=scale, state=state))
        if placed.caption:
            spoken = ("caption", overlay.caption)
            words = scale * _LOUD if state.presenter else scale
            self._sign(painter, placed.caption, spoken, partial(self._caption, scale=words, state=state))
        if placed.speaking:
            said = speaking_text(overlay)
            self._sign(painter, placed.speaking, ("speaking", said), partial(self._speaking, scale=scale, text=said))
        heard = overlay.heard_at(state.t_ns)
        if placed.heard and heard is not None:
            shown = ("heard", *heard_parts(heard))
            words = scale * _LOUD if state.presenter else scale
            self._sign(painter, placed.heard, shown, partial(self._heard, scale=words, heard=heard))
        toasts = overlay.toasts_at(state.t_ns)
        for box, cue in zip(placed.toasts, toasts[len(toasts) - len(placed.toasts) :], strict=True):
            self._sign(painter, box, ("toast", cue.text), partial(self._toast, scale=scale, cue=cue))
        return placed

    def _sign(
        self, painter: QPainter, box: Box, key: tuple[object, ...], draw: Callable[[QPainter, Box], None]
    ) -> None:
        """Paint what `draw` draws into `box`, from memory where it was drawn before."""
        ratio = painter.device().devicePixelRatio()
        pad = round(box.h * 0.1)
        full = (*key, round(box.w, 1), round(box.h, 1), ratio)
        image = self._drawn.get(full)
        if image is None:
            w, h = round(box.w + 2 * pad + 1), round(box.h + 2 * pad + 1)
            image = QImage(round(w * ratio), round(h * ratio), QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            image.fill(Qt.GlobalColor.transparent)
            inner = QPainter(image)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw(inner, Box(pad, pad, box.w, box.h))
            inner.end()
            if len(self._drawn) >= _REMEMBERED:
                self._drawn.clear()
            self._drawn[full] = image
        painter.drawImage(QPointF(round(box.x) - pad, round(box.y) - pad), image)

    def _scale(self, width: float, height: float) -> float:
        # Signs grow with the stage already; beyond this they would hide the picture.
        return scale_for(width, height) * min(_MOST_TEXT, self._theme.scale)

    def _wanted(self, width: float, height: float, state: OverlayState) -> Wanted:
        scale, overlay = self._scale(width, height), state.overlay
        badge = None
        if overlay.count is not None:
            badge = min(width, height) * _GIANT if state.presenter else _BADGE * scale
        words = scale * _LOUD if state.presenter else scale
        caption = self._caption_size(width, words, overlay.caption) if overlay.caption else None
        heard = self._heard_size(words, overlay.heard_at(state.t_ns))
        if state.presenter:
            return Wanted(badge=badge, caption=caption, heard=heard)
        banner = None
        if overlay.border is not None:
            word, action, elapsed = self._banner_parts(state)
            bold, plain = QFontMetricsF(_bold(14 * scale)), QFontMetricsF(font(14 * scale))
            w = bold.horizontalAdvance(word) + plain.horizontalAdvance(elapsed) + 64 * scale
            w += bold.horizontalAdvance(action) + 12 * scale if action else 0
            banner = (w, 42 * scale)
        speaking = None
        if overlay.speaking_at(state.t_ns):
            said = QFontMetricsF(_bold(13 * scale)).horizontalAdvance(speaking_text(overlay))
            speaking = (said + 42 * scale, 34 * scale)
        metrics = QFontMetricsF(font(14 * scale))
        toasts = tuple(
            (metrics.horizontalAdvance(c.text) + 34 * scale, 36 * scale) for c in overlay.toasts_at(state.t_ns)
        )
        return Wanted(badge, banner, caption, speaking, toasts, heard)

    def _heard_size(self, scale: float, heard: SpeechHeard | None) -> tuple[float, float] | None:
        if heard is None:
            return None
        first, rest = heard_parts(heard)
        width = QFontMetricsF(_bold(14 * scale)).horizontalAdvance(first)
        width += QFontMetricsF(font(14 * scale)).horizontalAdvance(rest) + 8 * scale if rest else 0
        return width + 32 * scale, 36 * scale

    def _caption_size(self, width: float, scale: float, text: str) -> tuple[float, float]:
        metrics = QFontMetricsF(_bold(20 * scale))
        most = width * 0.6
        bounds = metrics.boundingRect(QRectF(0, 0, most, 1000), int(_CAPTION_FLAGS), _quoted(text))
        lines = min(2, max(1, round(bounds.height() / metrics.lineSpacing())))
        return min(most, bounds.width()) + 38 * scale, lines * metrics.lineSpacing() + 18 * scale

    def _banner_parts(self, state: OverlayState) -> tuple[str, str, str]:
        overlay = state.overlay
        word = tr("START") if overlay.border == "start" else tr("STOP")
        return word, overlay.action, stamp_text(state.t_ns - overlay.border_t_ns)

    def _badge(self, painter: QPainter, box: Box, *, count: int, state: OverlayState) -> None:
        bump = state.bump
        grown = 1 + 0.10 * bump
        side = box.w * grown
        # It grows inwards, from its outer corner, so that it stays inside the stage.
        rect = QRectF(box.right - side, box.y, side, side)
        radius = side * 0.27
        green = _GOOD
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for spread, alpha in ((7, 14), (4, 26), (2, 46)):
            glow = QColor(green)
            glow.setAlpha(round(alpha * (1 + 1.2 * bump)))
            grow = spread * side / 132
            painter.setPen(QPen(glow, 2 * grow))
            painter.drawRoundedRect(rect, radius, radius)
        dark = QColor(10, 12, 16, 150 if state.presenter else 225)
        painter.setPen(QPen(green, max(2.0, side * 0.022)))
        painter.setBrush(dark)
        painter.drawRoundedRect(rect, radius, radius)
        text = str(count)
        size = side * (0.60 if len(text) < 3 else 0.42)
        face = _bold(size, QFont.Weight.Bold)
        face.setFeature(QFont.Tag("tnum"), 0)
        painter.setFont(face)
        painter.setPen(self._theme.on_overlay)
        figure = QRectF(rect.x(), rect.y() - side * 0.05, rect.width(), rect.height())
        painter.drawText(figure, Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(font(max(9.0, side * 0.085)))
        painter.setPen(QColor(255, 255, 255, 170))
        foot = QRectF(rect.x(), rect.bottom() - side * 0.28, rect.width(), side * 0.16)
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, tr("reps"))

    def _banner(self, painter: QPainter, box: Box, *, scale: float, state: OverlayState) -> None:
        rect = self._ground(painter, box, 10 * scale)
        word, action, elapsed = self._banner_parts(state)
        bold = _bold(14 * scale)
        word_w = QFontMetricsF(bold).horizontalAdvance(word) + 18 * scale
        tag = QRectF(rect.x() + 12 * scale, rect.y() + 10 * scale, word_w, rect.height() - 20 * scale)
        started = state.overlay.border == "start"
        painter.setBrush(_GOOD if started else _ACT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(tag, 5 * scale, 5 * scale)
        painter.setFont(bold)
        painter.setPen(QColor("#06140d") if started else _WHITE)
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, word)
        x = tag.right() + 10 * scale
        elapsed_w = QFontMetricsF(font(14 * scale)).horizontalAdvance(elapsed)
        end = rect.right() - 14 * scale
        if action:
            room = max(0.0, end - elapsed_w - 10 * scale - x)
            shown = QFontMetricsF(bold).elidedText(action, Qt.TextElideMode.ElideRight, room)
            painter.setPen(self._theme.on_overlay)
            painter.drawText(QRectF(x, rect.y(), room, rect.height()), Qt.AlignmentFlag.AlignVCenter, shown)
        painter.setFont(font(14 * scale))
        painter.setPen(QColor(255, 255, 255, 170))
        time_box = QRectF(end - elapsed_w - 1, rect.y(), elapsed_w + 2, rect.height())
        painter.drawText(time_box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, elapsed)

    def _caption(self, painter: QPainter, box: Box, *, scale: float, state: OverlayState) -> None:
        rect = self._ground(painter, box, 10 * scale)
        face = _bold(20 * scale)
        painter.setFont(face)
        painter.setPen(self._theme.on_overlay)
        inner = rect.adjusted(16 * scale, 6 * scale, -16 * scale, -6 * scale)
        text = _fitted(_quoted(state.overlay.caption), face, inner)
        painter.drawText(inner, int(_CAPTION_FLAGS | Qt.AlignmentFlag.AlignCenter), text)

    def _speaking(self, painter: QPainter, box: Box, *, scale: float, text: str) -> None:
        rect = self._ground(painter, box, box.h / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_VOICE)
        center = QPointF(rect.x() + 16 * scale, rect.center().y())
        painter.drawEllipse(center, 4.5 * scale, 4.5 * scale)
        painter.setFont(_bold(13 * scale))
        painter.setPen(self._theme.on_overlay)
        painter.drawText(rect.adjusted(27 * scale, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)

    def _heard(self, painter: QPainter, box: Box, *, scale: float, heard: SpeechHeard) -> None:
        rect = self._barred(painter, box, _YOU if heard.accepted else _NOTICE, scale)
        first, rest = heard_parts(heard)
        bold, plain = _bold(14 * scale), font(14 * scale)
        inner = rect.adjusted(18 * scale, 0, -12 * scale, 0)
        for text, face in ((first, bold), (rest, plain)):
            shown = QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideRight, inner.width() + 1)
            painter.setFont(face)
            painter.setPen(self._theme.on_overlay if face is bold else QColor(255, 255, 255, 190))
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, shown)
            inner.setLeft(inner.left() + QFontMetricsF(face).horizontalAdvance(shown) + 8 * scale)
            if inner.width() < 20 * scale:
                break

    def _barred(self, painter: QPainter, box: Box, color: QColor, scale: float) -> QRectF:
        """Ground with a bar of `color` at its left."""
        rect = self._ground(painter, box, 6 * scale)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(rect.x(), rect.y(), 4 * scale, rect.height()), 2 * scale, 2 * scale)
        return rect

    def _toast(self, painter: QPainter, box: Box, *, scale: float, cue: Cue) -> None:
        rect = self._barred(painter, box, _REMIND, scale)
        face = font(14 * scale)
        painter.setFont(face)
        painter.setPen(self._theme.on_overlay)
        inner = rect.adjusted(18 * scale, 0, -12 * scale, 0)
        shown = QFontMetricsF(face).elidedText(cue.text, Qt.TextElideMode.ElideRight, inner.width() + 1)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, shown)

    def _ground(self, painter: QPainter, box: Box, radius: float) -> QRectF:
        rect = QRectF(box.x, box.y, box.w, box.h)
        # A hair line keeps the sign visible where the picture is black.
        painter.setPen(QPen(QColor(255, 255, 255, 34), 1))
        painter.setBrush(self._theme.overlay)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        return rect


_CAPTION_FLAGS = Qt.TextFlag.TextWordWrap


def speaking_text(overlay: Overlay) -> str:
    """The sign while the model speaks."""
    return tr("speaking, lowered") if overlay.lowered else tr("speaking")


def heard_parts(heard: SpeechHeard) -> tuple[str, str]:
    """What is said first, and what follows dimmed: the words that were taken; or that none were, and what to do.

    What the words may have been is no help over the picture: a guess looks like something understood.
    """
    if heard.accepted:
        return tr("heard: {words}").format(words=_quoted(heard.text)), ""
    return tr("did not understand"), tr("say it again, or press T and type it")


def _bold(px: float, weight: QFont.Weight = QFont.Weight.DemiBold) -> QFont:
    return font(px, weight=weight)


def _quoted(text: str) -> str:
    return f"“{text.strip()}”"


def _fitted(text: str, face: QFont, box: QRectF) -> str:
    """`text`, with its beginning left out where it would not fit: the newest words are the ones that matter."""
    metrics = QFontMetricsF(face)
    words = text.split(" ")
    while len(words) > 1:
        shown = " ".join(words)
        needed = metrics.boundingRect(QRectF(0, 0, box.width() + 1, 10_000), int(_CAPTION_FLAGS), shown)
        if needed.height() <= box.height() + 2:
            return shown
        words = ["“…", *words[2:]] if words[0] == "“…" else ["“…", *words[1:]]
    return metrics.elidedText(" ".join(words), Qt.TextElideMode.ElideRight, box.width())

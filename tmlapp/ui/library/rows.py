"""How a row of the Library looks: painted once into a picture, which is all that scrolling then moves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.ui.library.texts import cell_text, second_line, title_text
from tmlapp.ui.theme import Theme, font

_RIGHT = ("duration", "size")
_MARGIN_PX, _INSET_PX, _PICTURE = 14, 6, QSize(64, 36)
_LINE = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
_KIND_SIGNS = {"recording": "—", "run": "run", "items": "items", "export": "files"}
_STRONG, _PLAIN, _SMALL = 0, 1, 2
_MOST_FRAMED = 800


class RowPainter:
    """Paints a whole row from its entry and its thumbnail."""

    def __init__(self, theme: Theme) -> None:
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self._framed: dict[tuple[str | int, float], QPixmap] = {}
        self._faces = (
            font(theme.font_px, weight=QFont.Weight.DemiBold), font(theme.font_px), font(theme.font_small_px),
        )  # fmt: skip
        metrics = [QFontMetricsF(face) for face in self._faces]

        # The same endpoints, suites and states stand in thousands of rows.
        @lru_cache(maxsize=4096)
        def elided(text: str, face: int, width: int) -> str:
            shown = " ".join(text[:300].split())
            return metrics[face].elidedText(shown, Qt.TextElideMode.ElideRight, width)

        self._elided = elided

    def row(
        self,
        entry: Entry,
        thumbnail: QPixmap | None,
        columns: Sequence[tuple[str, int]],
        *,
        chosen: bool,
        current: bool,
        ratio: float,
    ) -> QPixmap:
        """The picture of a row.

        Args:
            columns: those that are shown, with their widths, from the left.
            chosen: it is in the selection. current: the keys are on it.
            ratio: of the screen's pixels to ours.
        """
        theme = self.theme
        width, height = sum(w for _, w in columns), row_height(theme)
        made = QPixmap(round(width * ratio), round(height * ratio))
        made.setDevicePixelRatio(ratio)
        made.fill(theme.page)
        painter = QPainter(made)
        painter.fillRect(QRectF(_MARGIN_PX, height - 1, width - 2 * _MARGIN_PX, 1), theme.line)
        self._paint_ground(painter, QRectF(_INSET_PX, 1, width - 2 * _INSET_PX, height - 3), chosen, current)
        x = 0
        for name, wide in columns:
            box = QRectF(x, 0, wide, height - 1)
            if name == "name":
                self._paint_name(painter, box, entry, thumbnail)
            else:
                self._paint_fact(painter, box, entry, name)
            x += wide
        painter.end()
        return made

    def _paint_ground(self, painter: QPainter, box: QRectF, chosen: bool, current: bool) -> None:
        """The soft accent under a chosen row, with a frame where the keys are."""
        if not chosen and not current:
            return
        theme = self.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.accent, 1) if current else Qt.PenStyle.NoPen)
        painter.setBrush(theme.accent_soft if chosen else Qt.BrushStyle.NoBrush)
        half = 0.5 if current else 0.0
        painter.drawRoundedRect(box.adjusted(half, half, -half, -half), theme.radius_control, theme.radius_control)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_name(self, painter: QPainter, box: QRectF, entry: Entry, picture: QPixmap | None) -> None:
        theme = self.theme
        width, height = theme.px(_PICTURE.width()), theme.px(_PICTURE.height())
        frame = QRectF(box.left() + _MARGIN_PX, round(box.center().y() - height / 2), width, height)
        small = self._small(entry.kind, picture, painter.device().devicePixelRatioF())
        painter.drawPixmap(frame.topLeft(), small)
        texts = box.adjusted(_MARGIN_PX + width + 12, 6, -8, -6)
        half = texts.height() / 2
        above = QRectF(texts.left(), texts.top(), texts.width(), half)
        self._text(painter, above, title_text(entry), theme.text, _STRONG)
        ink = theme.act if entry.state == "damaged" else theme.notice if entry.state == "unfinished" else theme.muted
        below = QRectF(texts.left(), texts.top() + half, texts.width(), half)
        self._text(painter, below, second_line(entry), ink, _SMALL)

    def _small(self, kind: str, picture: QPixmap | None, ratio: float) -> QPixmap:
        """A thumbnail in the size of a row, with round corners; or the word for what has none."""
        key = (kind if picture is None else picture.cacheKey(), ratio)
        if key in self._framed:
            return self._framed[key]
        if len(self._framed) > _MOST_FRAMED:
            self._framed.clear()
        theme = self.theme
        width, height = theme.px(_PICTURE.width()), theme.px(_PICTURE.height())
        made = QPixmap(round(width * ratio), round(height * ratio))
        made.setDevicePixelRatio(ratio)
        made.fill(Qt.GlobalColor.transparent)
        frame = QRectF(0, 0, width, height)
        painter = QPainter(made)
        path = QPainterPath()
        path.addRoundedRect(frame, 4, 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(path)
        if picture is not None and not picture.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(frame, picture, _covering(picture.width(), picture.height(), width / height))
        else:
            painter.fillRect(frame, theme.raised)
            painter.setPen(theme.faint)
            painter.setFont(self._faces[_SMALL])
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, _KIND_SIGNS[kind])
        painter.end()
        self._framed[key] = made
        return made

    def _paint_fact(self, painter: QPainter, box: QRectF, entry: Entry, column: str) -> None:
        text = cell_text(entry, column)
        theme = self.theme
        ink = theme.muted
        if column == "verdict":
            ink = {"pass": theme.good, "fail": theme.act, "unsure": theme.notice}.get(entry.verdict, theme.text)
        elif column == "state":
            ink = {"damaged": theme.act, "unfinished": theme.notice, "recording": theme.accent}.get(entry.state, ink)
        elif column in ("created", "duration"):
            ink = theme.text
        self._text(painter, box.adjusted(6, 0, -10, 0), text, ink, _PLAIN, right=column in _RIGHT)

    def _text(self, painter: QPainter, box: QRectF, text: str, ink: QColor, face: int, *, right: bool = False) -> None:
        if not text:
            return
        painter.setFont(self._faces[face])
        painter.setPen(ink)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, _LINE | int(side), self._elided(text, face, int(box.width())))


def _covering(width: int, height: int, shape: float) -> QRectF:
    """The part of a picture that fills a frame of `shape` (width by height)."""
    if width / max(1, height) > shape:
        part = height * shape
        return QRectF((width - part) / 2, 0, part, height)
    part = width / shape
    return QRectF(0, (height - part) / 2, width, part)


def row_height(theme: Theme) -> int:
    """Of a row with two lines."""
    return theme.px(48)

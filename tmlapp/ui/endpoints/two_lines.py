"""An entry of a list in two lines: its name, and dimmed below it what it is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from tmlapp.ui.theme import Theme, font

SECOND = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex


class TwoLines(QStyledItemDelegate):
    """Paints the display text, and the text under `SECOND` below it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self._theme.px(120), self._theme.px(46))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        theme = self._theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.accent_soft)
            painter.drawRoundedRect(box.adjusted(4, 2, -4, -2), theme.radius_control, theme.radius_control)
        half = box.height() / 2
        inner = box.adjusted(14, 0, -10, 0)
        for text, face, ink, top in (
            (str(index.data()), font(theme.font_px, weight=QFont.Weight.DemiBold), theme.text, box.top() + 4),
            (str(index.data(SECOND) or ""), font(theme.font_small_px), theme.muted, box.top() + half - 1),
        ):
            painter.setFont(face)
            painter.setPen(ink)
            line = QRectF(inner.x(), top, inner.width(), half - 3)
            shown = QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideMiddle, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()

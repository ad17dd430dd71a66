"""“Why did it speak?”: the micro-turns before an output, in a table, and how it stands to what was expected."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tmlapp.bench.review.why import TurnRow, Why, text_of
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.signal_look import signal_name
from tmlapp.ui.text import ms_text, tr
from tmlapp.ui.theme import Theme, font
from tmlapp.ui.timeline.lane import time_text

_MARGIN_PX = 12
_ROW_PX = 24
_QUIET_DBFS = -60


class WhyPanel(QWidget):
    """Shows a `Why`; the last row is the micro-turn whose answer the output was."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.found: Why | None = None
        self._note = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.show_note("")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(438, 250)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(220, 120)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_why(self, found: Why) -> None:
        """Show `found`."""
        self.found, self._note = found, ""
        self.setAccessibleName(tr("Why did it speak?"))
        self.setAccessibleDescription(text_of(found))
        self.update()

    def show_note(self, text: str) -> None:
        """Nothing is to be explained, and why."""
        self.found, self._note = None, text
        self.setAccessibleName(tr("Why did it speak?"))
        self.setAccessibleDescription(text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.line)
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(card, theme.radius_card, theme.radius_card)
        area = card.adjusted(_MARGIN_PX, 8, -_MARGIN_PX, -8)
        painter.setFont(font(theme.font_small_px, weight=QFont.Weight.DemiBold))
        painter.setPen(theme.muted)
        title = tr("Why did it speak?")
        if self.found is not None:
            title = f"{title} · {time_text(self.found.output.t_ns, 10 * NS_PER_MS)}"
        painter.drawText(
            QRectF(area.left(), area.top(), area.width(), theme.px(18)),
            Qt.AlignmentFlag.AlignVCenter,
            QFontMetricsF(painter.font()).elidedText(title, Qt.TextElideMode.ElideRight, area.width()),
        )
        body = area.adjusted(0, theme.px(22), 0, 0)
        if self.found is None:
            painter.setFont(font(theme.font_px))
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(body.adjusted(0, 4, 0, 0), flags, self._note)
        else:
            self._draw(painter, body, self.found)

    def _draw(self, painter: QPainter, body: QRectF, found: Why) -> None:
        theme = self._theme
        row_px = theme.px(_ROW_PX)
        facts_px = 2 * row_px
        rows = found.rows[-max(1, int((body.height() - facts_px) // row_px) - 1) :]
        columns = self._columns(found, body)
        y = body.top()
        painter.setFont(font(theme.font_px))
        painter.setPen(theme.muted)
        metrics = QFontMetricsF(painter.font())
        for name, left, width, flags in columns:
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, width - (0 if name == "ms" else 6))
            painter.drawText(QRectF(left, y, width, row_px), flags | Qt.AlignmentFlag.AlignVCenter, text)
        for row in rows:
            y += row_px
            last = row is found.rows[-1]
            if last:
                painter.fillRect(QRectF(body.left() - 4, y + 2, body.width() + 8, row_px - 4), theme.accent_soft)
            self._draw_row(painter, columns, self.cells(row), y, last=last, late=row.late)
        self._draw_facts(painter, QRectF(body.left(), y + row_px + 2, body.width(), facts_px), found)

    def _columns(self, found: Why, body: QRectF) -> list[tuple[str, float, float, Qt.AlignmentFlag]]:
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        roomy = body.width() > self._theme.px(360)
        shares = [(tr("micro-turn"), 0.2 if roomy else 0.26, left), (tr("heard"), 0.14 if roomy else 0.2, left)]
        if roomy:
            voiced = any(row.voice is not None for row in found.rows)
            # Where there is no room for both, the voice tells more than the level.
            names = _told(found)
            if not (voiced and names):
                shares.append((tr("dBFS"), 0.11, left))
            if voiced:
                shares.append((tr("voice"), 0.12, left))
            shares += [(signal_name(name), 0.14, left) for name in names]
        used = sum(share for _, share, _ in shares)
        ms = 0.11 if roomy else 0.2
        shares += [(tr("say"), max(0.15, 1 - ms - used), left), ("ms", ms, right)]
        x = body.left()
        made = []
        for name, share, flags in shares:
            width = share * body.width()
            made.append((name, x, width, flags))
            x += width
        return made

    def cells(self, row: TurnRow) -> dict[str, str]:
        """What stands in a line of the table, by the name of its column."""
        heard = tr("lost") if row.lost else row.words or " ".join(f"⌨ {t}" for t in row.typed) or "–"
        cells = {
            tr("micro-turn"): str(row.index),
            tr("heard"): heard,
            tr("dBFS"): "–" if row.level_dbfs < _QUIET_DBFS else f"{row.level_dbfs:.0f}".replace("-", "−"),
            tr("voice"): "" if row.voice is None else f"{100 * row.voice:.0f} %",
            tr("say"): row.said or {"listen": tr("silent"), "none": tr("no answer")}.get(row.decision, ""),
            "ms": "–" if row.latency_ns is None else ms_text(row.latency_ns / NS_PER_MS),
        }
        for name in _told(self.found) if self.found else ():
            cells[signal_name(name)] = " ".join(
                f"{v:.2f}".replace("0.", ".", 1) for v in row.diagnostics.get(name, ())[:1]
            )
        return cells

    def _draw_row(
        self,
        painter: QPainter,
        columns: list[tuple[str, float, float, Qt.AlignmentFlag]],
        cells: dict[str, str],
        y: float,
        *,
        last: bool,
        late: bool,
    ) -> None:
        theme = self._theme
        face = font(theme.font_px, weight=QFont.Weight.DemiBold if last else QFont.Weight.Normal)
        painter.setFont(face)
        metrics = QFontMetricsF(face)
        silent = cells[tr("say")] in (tr("silent"), tr("no answer"))
        for name, left, width, flags in columns:
            faint = name == tr("say") and silent
            red = name == "ms" and late
            painter.setPen(theme.act if red else theme.faint if faint else theme.text)
            # Late is said in a letter as well as in red.
            text = f"! {cells[name]}" if red else cells[name]
            text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - (0 if name == "ms" else 6))
            box = QRectF(left, y, width, theme.px(_ROW_PX))
            painter.drawText(box, flags | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_facts(self, painter: QPainter, area: QRectF, found: Why) -> None:
        theme = self._theme
        facts = []
        if found.due_ns is not None:
            facts.append((tr("due"), f"{found.due_ns / NS_PER_S:.3f} s"))
        output = found.output
        facts.append((tr("received"), f"{(output.received[0] if output.received else output.t_ns) / NS_PER_S:.3f}"))
        facts.append((tr("heard"), f"{output.heard[0] / NS_PER_S:.3f}" if output.heard else tr("no")))
        if found.expected is not None:
            begin, end = (t / NS_PER_S for t in found.expected.window)
            facts.append((tr("window") if found.inside else tr("outside"), f"{begin:.1f}–{end:.1f}"))
        elif found.task:
            facts.append((tr("task"), found.task))
        plain, bold = font(theme.font_px), font(theme.font_px, weight=QFont.Weight.DemiBold)
        x, base = area.left(), area.top() + theme.px(17)
        for name, value in facts:
            named, valued = (QFontMetricsF(f).horizontalAdvance(t) for f, t in ((plain, name), (bold, value)))
            if x + named + 5 + valued > area.right() + 2:
                break
            painter.setFont(plain)
            painter.setPen(theme.muted)
            painter.drawText(QPointF(x, base), name)
            painter.setFont(bold)
            painter.setPen(theme.text)
            painter.drawText(QPointF(x + named + 5, base), value)
            x += named + valued + 21
        painter.setFont(plain)
        painter.setPen(theme.muted)
        metrics = QFontMetricsF(plain)
        link = metrics.elidedText(found.link, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(QPointF(area.left(), base + theme.px(_ROW_PX)), link)


def _told(found: Why) -> list[str]:
    """The numbers that get a column; that somebody speaks has one already."""
    return [name for name in found.names if not name.startswith(("app.", "hear."))][:2]

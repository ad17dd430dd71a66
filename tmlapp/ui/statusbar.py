"""The bar at the bottom: vital signs of the session, in numbers that stand still."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from tmlapp.core.event import Health
from tmlapp.ui.controls import LevelMeter
from tmlapp.ui.text import bytes_text, ms_text, tr
from tmlapp.ui.theme import Theme, font

_KEEP_ORDER = ("drift", "reply", "turn", "cam", "dropped")


class StatusBar(QFrame):
    """One label per figure; in a narrow window the least needed are left out first (drift, reply, …)."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("status")
        self.setFixedHeight(theme.px(34))
        self._theme = theme
        self._shown: dict[str, tuple[str, ...]] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(18)
        self._labels: dict[str, QLabel] = {}
        self.meter = LevelMeter(theme)
        for key, name in (
            ("mic", tr("Microphone")),
            ("cam", tr("Camera")),
            ("turn", tr("Length of micro-turns")),
            ("dropped", tr("Lost samples and frames")),
            ("reply", tr("Reply latency")),
            ("drift", tr("Clock drift of the sound card")),
        ):
            row.addWidget(self._label(key, name))
            if key == "mic":
                row.addWidget(self.meter)
        row.addStretch(1)
        row.addWidget(self._label("disk", tr("Recording and free space")))
        self.show_idle("", None)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(34))
        self.meter.set_theme(theme)
        for key, parts in dict(self._shown).items():
            self._shown.pop(key)
            self._set(key, *parts)

    def show_idle(self, microphone: str, disk_free: int | None) -> None:
        """Before a session: what will be used; nothing is measured yet."""
        self.meter.set_level(-120)
        self._set("mic", tr("mic"), microphone or "–", "")
        self._set("cam", tr("cam"), "–", tr("fps"))
        self._set("turn", tr("turn"), "–", "ms")
        self._set("dropped", tr("dropped"), "–", "")
        self._set("reply", tr("reply"), "–", "ms")
        self._set("drift", tr("drift"), "–", "ppm")
        free = bytes_text(disk_free) if disk_free is not None else "–"
        self._set("disk", "", free, tr("free"))

    def show_health(
        self,
        health: Health,
        *,
        microphone: str,
        muted: bool,
        recording_bytes: int,
        turn_ms: float | None,
        jitter_ms: float | None,
    ) -> None:
        """The figures of `health`; the spacing of micro-turns comes from the window's own history."""
        self._set("mic", tr("mic"), tr("muted") if muted else microphone, "")
        fps = f"{health.camera_fps:.1f}" if health.camera_fps is not None else "–"
        self._set("cam", tr("cam"), fps, tr("fps"))
        if turn_ms is None or jitter_ms is None:
            self._set("turn", tr("turn"), "–", "ms")
        else:
            self._set("turn", tr("turn"), f"{turn_ms:.1f}", f"± {jitter_ms:.1f} ms")
        samples, frames = health.dropped_samples, health.dropped_frames
        self._set("dropped", tr("dropped"), f"{samples} / {frames}", "", alarm=samples + frames > 0)
        p50, p99 = health.reply_p50_ms, health.reply_p99_ms
        if p50 is None or p99 is None:
            self._set("reply", tr("reply"), "–", "ms")
        else:
            self._set("reply", tr("reply p50"), ms_text(p50), f"p99 <b>{ms_text(p99)}</b> ms")
        drift = f"{health.drift_ppm:+.1f}" if health.drift_ppm is not None else "–"
        self._set("drift", tr("drift"), drift.replace("-", "−"), "ppm")
        free = bytes_text(health.disk_free_bytes) if health.disk_free_bytes is not None else "–"
        self._set("disk", f"{bytes_text(recording_bytes)},", free, tr("free"))

    def text(self, key: str) -> str:
        """What the figure `key` says, in words."""
        return self._labels[key].accessibleDescription()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _label(self, key: str, name: str) -> QWidget:
        label = QLabel()
        label.setAccessibleName(name)
        label.setToolTip(name)
        self._labels[key] = label
        return label

    def _set(self, key: str, before: str, value: str, after: str, *, alarm: bool = False) -> None:
        parts = (before, value, after)
        if self._shown.get(key) == parts:
            return
        self._shown[key] = parts
        label, theme = self._labels[key], self._theme
        if key == "mic":
            metrics = QFontMetricsF(font(theme.font_px))
            value = metrics.elidedText(value, Qt.TextElideMode.ElideRight, theme.px(150))
        ink = theme.act if alarm else theme.text
        mark = "▲ " if alarm else ""
        label.setText(
            f'<span style="color:{theme.muted.name()}">{before}</span> '
            f'<span style="color:{ink.name()}; font-weight:600">{mark}{escape(value)}</span> '
            f'<span style="color:{theme.muted.name()}">{after}</span>'
        )
        label.setAccessibleDescription(" ".join(p.replace("<b>", "").replace("</b>", "") for p in parts if p))
        self._fit()

    def _fit(self) -> None:
        for label in self._labels.values():
            label.show()
        layout = self.layout()
        if layout is None:
            return
        for key in _KEEP_ORDER:
            layout.invalidate()
            if layout.sizeHint().width() <= self.width() or self.width() < 200:
                break
            self._labels[key].hide()

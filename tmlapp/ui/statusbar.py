"""The bar at the bottom: vital signs of the session, in numbers that stand still."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from tmlapp.core.event import Health
from tmlapp.core.units import NS_PER_MS
from tmlapp.ui.controls import KeyButton, LevelMeter
from tmlapp.ui.echo import EchoSign
from tmlapp.ui.endpoints.link import Link, link_text, state_icon, state_level, state_word
from tmlapp.ui.text import bytes_text, ms_text, tr
from tmlapp.ui.theme import Theme, font

_KEEP_ORDER = ("drift", "reply", "turn", "cam", "dropped", "echo")
_REMOTE_ORDER = ("drift", "turn", "cam", "split", "reply", "dropped", "echo")


class StatusBar(QFrame):
    """One label per figure; in a narrow window the least needed are left out first (drift, reply, …).

    With a remote endpoint `link` says how the connection stands, and the reply is split into its parts.
    """

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
        self.echo = EchoSign(theme)
        self._echo_there = False
        for key, name in (
            ("mic", tr("Microphone")),
            ("cam", tr("Camera")),
            ("turn", tr("Length of micro-turns")),
            ("dropped", tr("Lost samples and frames")),
            ("reply", tr("Reply latency")),
            ("split", tr("Reply latency by part: network, model, playout")),
            ("drift", tr("Clock drift of the sound card")),
        ):
            row.addWidget(self._label(key, name))
            if key == "mic":
                row.addWidget(self.meter)
                row.addWidget(self.echo)
        row.addStretch(1)
        self.link = KeyButton(theme, kind="ghost")
        self.link.setAccessibleName(tr("Connection"))
        self.link.hide()
        self._remote = False
        row.addWidget(self.link)
        row.addWidget(self._label("disk", tr("Recording and free space")))
        self.show_idle("", None)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setFixedHeight(theme.px(34))
        self.meter.set_theme(theme)
        self.link.set_theme(theme)
        self.echo.set_theme(theme)
        for key, parts in dict(self._shown).items():
            self._shown.pop(key)
            self._set(key, *parts)

    def show_idle(self, microphone: str, disk_free: int | None) -> None:
        """Before a session: what will be used; nothing is measured yet."""
        self.show_link(Link())
        self.meter.set_level(-120)
        self._set("mic", tr("mic"), microphone or "–", "")
        self._set("cam", tr("cam"), "–", tr("fps"))
        self._set("turn", tr("turn"), "–", "ms")
        self._set("dropped", tr("dropped"), "–", "")
        self._set("reply", tr("reply"), "–", "ms")
        self._set("split", "", "", "")
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
        self._set("split", *_split(health))
        drift = f"{health.drift_ppm:+.1f}" if health.drift_ppm is not None else "–"
        self._set("drift", tr("drift"), drift.replace("-", "−"), "ppm")
        free = bytes_text(health.disk_free_bytes) if health.disk_free_bytes is not None else "–"
        self._set("disk", f"{bytes_text(recording_bytes)},", free, tr("free"))

    def show_link(self, link: Link) -> None:
        """How the connection stands; nothing where there is none."""
        self._remote = link.state is not None
        if self._remote:
            import qtawesome

            color = getattr(self._theme, state_level(link))
            parts = [state_word(link)]
            if link.rtt_ns is not None and link.state == "open":
                parts.append(f"{ms_text(link.rtt_ns / NS_PER_MS)} ms")
            if link.lost_turns:
                parts.append(tr("▲ {n} lost").format(n=link.lost_turns))
            self.link.setText(parts[0])
            suffix = " · ".join(parts[1:])
            self.link.set_dot(color, suffix, sign=qtawesome.icon(state_icon(link), color=color.name()))
            self.link.setAccessibleName(tr("Connection: {state}").format(state=link_text(link)))
            self.link.setToolTip(tr("{state} (A shows what is granted)").format(state=link_text(link)))
        self.link.setVisible(self._remote)
        self._fit()

    def set_echo_there(self, there: bool) -> None:
        """Whether a loudspeaker can be heard in the microphone; a file has none."""
        self._echo_there = there
        self._fit()

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
        for key, label in self._labels.items():
            label.setVisible(any(self._shown.get(key, ())))
        self.echo.setVisible(self._echo_there)
        layout = self.layout()
        if layout is None:
            return
        for key in _REMOTE_ORDER if self._remote else _KEEP_ORDER:
            layout.invalidate()
            if layout.sizeHint().width() <= self.width() or self.width() < 200:
                break
            (self.echo if key == "echo" else self._labels[key]).hide()


def _split(health: Health) -> tuple[str, str, str]:
    """What of the reply is the network's, the model's and the loudspeaker's, as far as it is known."""
    parts = (
        (tr("network"), health.network_ms),
        (tr("model"), health.model_ms),
        (tr("playout"), health.playout_ms),
    )
    known = [f"{name} <b>{ms_text(ms)}</b>" for name, ms in parts if ms is not None]
    return ("", "", " ".join([*known, "ms"])) if known and health.network_ms is not None else ("", "", "")

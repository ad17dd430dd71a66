"""Carries snapshots of the running session into the widgets: the picture at 30 Hz, slower things slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from tmlapp.ui.bridge import SessionBridge

if TYPE_CHECKING:
    from tmlapp.core.media import Picture
    from tmlapp.ui.window import MainWindow

FRAME_MS = 33
_LANES_EVERY = 3
_STATUS_EVERY = 12


class Refresher(QObject):
    """Paints at once when something happened (`SessionBridge.refreshed`), and 30 times a second for the picture."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._bridge: SessionBridge | None = None
        self._ticks = 0
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def watch(self, bridge: SessionBridge | None) -> None:
        """Show the session behind `bridge` from now on."""
        self.stop()
        self._bridge = bridge
        if bridge is not None:
            bridge.refreshed.connect(self._show_news)
            self._ticks = 0
            self._timer.start()

    def stop(self) -> None:
        """Show the last moment, then nothing more."""
        self._timer.stop()
        if self._bridge is not None:
            self._bridge.refreshed.disconnect(self._show_news)
            self._show()
            self._show_lanes()
            self._show_status()
            self._bridge = None

    def _tick(self) -> None:
        self._ticks += 1
        self._show()
        if self._ticks % _LANES_EVERY == 0:
            self._show_lanes()
        if self._ticks % _STATUS_EVERY == 1:
            self._show_status()

    def _show_news(self) -> None:
        # An output is painted over the picture that is there: fetching a new one would only delay it.
        if self._bridge is not None:
            self._paint_stage(self._bridge, self._window.stage.picture, at_once=True)
            self._list_happenings(self._bridge)

    def _show(self) -> None:
        if self._bridge is not None:
            self._paint_stage(self._bridge, self._bridge.session.preview())
            self._list_happenings(self._bridge)

    def _list_happenings(self, bridge: SessionBridge) -> None:
        for happening in bridge.take():
            self._window.events.add(happening.what)
            self._window.endpoints.take(happening.what)

    def _paint_stage(self, bridge: SessionBridge, picture: Picture | None, *, at_once: bool = False) -> None:
        snapshot = bridge.session.snapshot()
        stage = self._window.stage
        stage.show_moment(picture, snapshot.overlay, snapshot.t_ns, paused=snapshot.paused, at_once=at_once)

    def _show_lanes(self) -> None:
        bridge, window = self._bridge, self._window
        if bridge is None:
            return
        window.endpoints.show_frames(bridge.take_frames())
        if not window.header.isVisible():
            return
        snapshot = bridge.session.snapshot()
        if window.lanes.isVisible():
            window.lanes.show_view(bridge.history.view(snapshot.t_ns), snapshot.t_ns)
        window.status.meter.set_level(-120.0 if snapshot.muted else snapshot.level_dbfs)
        state = snapshot.state
        window.header.rec.set_state(state, snapshot.t_ns, snapshot.recording_bytes, paused=snapshot.paused)

    def _show_status(self) -> None:
        bridge, window = self._bridge, self._window
        if bridge is None:
            return
        snapshot = bridge.session.snapshot()
        window.header.rec.set_state(snapshot.state, snapshot.t_ns, snapshot.recording_bytes, paused=snapshot.paused)
        window.endpoints.show(snapshot)
        window.echo.update(snapshot)
        if snapshot.health is not None:
            view = bridge.history.view(snapshot.t_ns)
            window.status.show_health(
                snapshot.health,
                microphone=window.controller.source_name,
                muted=snapshot.muted,
                recording_bytes=snapshot.recording_bytes,
                turn_ms=view.turn_mean_ms,
                jitter_ms=view.turn_jitter_ms,
            )

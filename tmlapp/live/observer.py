"""Who watches a running session. Observers see everything and can alter nothing."""

from __future__ import annotations

from typing import Protocol

from tmlapp.core.cue import Cue
from tmlapp.core.event import Event
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn


class Observer(Protocol):
    """Called on the engine thread, after the micro-turn went to the endpoint; must return quickly."""

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None: ...

    def on_event(self, event: Event) -> None: ...

    def on_cue(self, cue: Cue) -> None: ...

    def on_state(self, state: str, reason: str) -> None: ...


class BlankObserver:
    """An observer that ignores everything; override what you need."""

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        """Ignored."""

    def on_event(self, event: Event) -> None:
        """Ignored."""

    def on_cue(self, cue: Cue) -> None:
        """Ignored."""

    def on_state(self, state: str, reason: str) -> None:
        """Ignored."""

"""Names of items and responses that stay unique over the connections of one session.

Services count from the beginning in every session of theirs: after a connection that begins anew, `item_1` would be two
different utterances. From then on names carry the number of that connection, here and only here: a codec sees its own.
"""

from __future__ import annotations

from dataclasses import replace

from tmlapp.core.turn import Control, Interrupt, MicroTurn, PlaybackReport


class Names:
    """Between the names of the service's present session and those of ours.

    Attributes:
        era: 0 for the service's first session; then the epoch of the connection with which the present one began.
    """

    def __init__(self) -> None:
        self.era = 0

    def outer(self, name: str | None) -> str | None:
        """The name under which the session knows what the service calls `name`."""
        return f"{name}~{self.era}" if name and self.era else name

    def inner(self, turn: MicroTurn) -> MicroTurn:
        """`turn` with the service's own names; what concerns an item of an earlier session of it is left out."""
        if not self.era or not turn.controls:
            return turn
        controls = [c for c in map(self._own, turn.controls) if c is not None]
        return replace(turn, controls=tuple(controls))

    def _own(self, control: Control) -> Control | None:
        if not isinstance(control, Interrupt | PlaybackReport) or not control.item_id:
            return control
        name, mark, era = control.item_id.rpartition("~")
        if mark and era == str(self.era):
            return replace(control, item_id=name)
        # Nothing of the earlier session can be cut short, but the person has still cut in.
        return Interrupt(played_ns=0, by_person=control.by_person) if isinstance(control, Interrupt) else None

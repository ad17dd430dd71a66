"""What the model says, from its events to the loudspeaker, and what the model is told about how far it was heard.

Items. Sound belongs to the item that the endpoint names; without a name, to its response, or to the turn that is open.
Sound outside of any turn and without a name is an item of its own where it is whole (models in this process), and
else cut into items by `QUIET_NS` of silence: endpoints that send sound for the whole session, zeros while they are
quiet, leave one item per utterance and not one of an hour. Silence between items is not played. Even a named item
ends when an endpoint at the pace of real time was quiet in it for `NAMED_QUIET_NS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    Ducked,
    EndpointEvent,
    Granted,
    Heard,
    Interrupted,
    SessionEvent,
    SessionOpened,
    SessionUpdated,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
)
from tmlapp.core.turn import Interrupt, PlaybackReport
from tmlapp.core.units import NS_PER_MS, NS_PER_S, samples_to_ns
from tmlapp.live.playout import HeardPiece, LateSound, Playout, first_audible
from tmlapp.live.virtual_playout import VirtualPlayout

QUIET_NS = 600 * NS_PER_MS
"""So much silence ends an utterance in a stream of sound without turns."""

NAMED_QUIET_NS = 3 * NS_PER_S
AHEAD_NS = 2 * NS_PER_S
"""Sound that comes so much faster than it plays is no stream: its silence belongs to what is said."""

_KEPT = 64
_TEXT_CHARS = 100_000


@dataclass(slots=True)
class _Incoming:
    """An item as it is received."""

    t_rx_ns: int
    received_ns: int = 0
    quiet_ns: int = 0
    loud: bool = False
    skipping: bool = False
    # Heard or left out in earlier stretches of the same item, so that positions are those of the endpoint.
    before_ns: int = 0


class Speaking:
    """One session's speech. Used by the engine thread alone."""

    def __init__(self, playout: Playout | None = None) -> None:
        self.playout: Playout = playout or VirtualPlayout()
        self._late = LateSound()
        self._incoming: dict[str, _Incoming] = {}
        self._texts: dict[str, tuple[str, bool]] = {}
        self._names: dict[str, str] = {}
        self._turns: dict[str, str] = {}
        self._local, self._reports = True, False
        self._count = 0
        self._stream = ""
        self._deaf = False
        self._cut: dict[str, None] = {}
        self._asked: list[bool] = []
        self._controls: list[Interrupt | PlaybackReport] = []

    # ------------------------------------------------------------------ from the endpoint

    def take(self, event: EndpointEvent) -> EndpointEvent:
        """`event` has come; it comes back as it is to be recorded, sound with the name of its item."""
        late = self._late.late(event)
        match event:
            case AudioOut():
                return self._sound(event, late)
            case TextOut() | TextOutDone():
                self._text(event)
            case TurnStarted():
                self._turns[event.response_id or ""] = event.item_id or event.response_id or self._new_name("turn")
                self._deaf = False
            case TurnDone():
                self._turn_done(event)
            case Interrupted():
                self._flush(event.t_rx_ns, by_person=False)
            case Ducked():
                self.playout.duck(10 ** (event.gain_db / 20), event.t_rx_ns)
            case ConnectionChanged(state="reconnecting"):
                # What was being said has ended, or goes on under its own name.
                self._turns.clear()
                self._stream, self._deaf = "", False
                self.playout.finish(None)
            case SessionOpened() | SessionUpdated():
                self._granted(event.granted)
            case _:
                pass
        return event

    def interrupt(self, t_ns: int) -> Interrupted:
        """The person cuts the model off at `t_ns`: the event to be recorded."""
        event = Interrupted(t_rx_ns=t_ns)
        self._late.late(event)
        self._flush(t_ns, by_person=True)
        return event

    def _granted(self, granted: Granted) -> None:
        self._local, self._reports = granted.local, granted.can_ack_playback

    def _flush(self, t_ns: int, *, by_person: bool) -> None:
        self._cut |= dict.fromkeys(self.playout.flush(t_ns))
        self._asked.append(by_person)
        self._deaf = bool(self._turns or self._stream)
        self._stream = ""

    def _turn_done(self, event: TurnDone) -> None:
        self._turns.pop(event.response_id or "", None)
        for name, response in self._names.items():
            if response == event.response_id or (event.item_id and name == event.item_id):
                self.playout.finish(name)
        if not event.response_id:
            self.playout.finish(event.item_id)
        self._deaf = self._deaf and bool(self._turns)

    # ------------------------------------------------------------------ sound

    def _sound(self, event: AudioOut, late: bool) -> AudioOut:
        loud = first_audible(np.frombuffer(event.pcm16, "<i2")) is not None
        named = event.item_id or event.response_id or self._turns.get("") or ""
        if not named and self._turns:
            named = next(reversed(self._turns.values()))
        in_turn = bool(self._turns)
        name = named or self._stream_name(event, loud)
        if not name:
            # Silence between utterances: nobody waits for it.
            self._deaf = False
            return event
        event = event if event.item_id else replace(event, item_id=name)
        self._names[name] = event.response_id or ""
        wanted = not late and not (self._deaf and not event.response_id)
        if self._is_item(event, name, loud, in_turn) and wanted:
            self.playout.play(event, name, more=in_turn or not self._local)
        if self._stream == name and self._incoming[name].quiet_ns >= QUIET_NS:
            self.playout.finish(name)
            self._stream, self._deaf = "", False
        self._forget()
        return event

    def _stream_name(self, event: AudioOut, loud: bool) -> str:
        """The item of sound without any name; empty for silence that belongs to none."""
        if self._local and (loud or event.text):
            return self._new_name("say")
        if loud and not self._stream:
            self._stream = self._new_name("say")
        return self._stream

    def _is_item(self, event: AudioOut, name: str, loud: bool, in_turn: bool) -> bool:
        """Whether the piece is to be heard: silence before and after what is said in a stream is left out."""
        item = self._incoming.setdefault(name, _Incoming(event.t_rx_ns))
        dur_ns = samples_to_ns(len(event.pcm16) // 2, event.rate)
        item.received_ns += dur_ns
        item.quiet_ns = 0 if loud else item.quiet_ns + dur_ns
        item.loud = item.loud or loud
        if loud or self._local or in_turn:
            item.skipping = False
        elif not item.loud:
            item.skipping = True
        paced = item.received_ns <= event.t_rx_ns - item.t_rx_ns + AHEAD_NS
        if not item.skipping and paced and not self._local and item.quiet_ns >= NAMED_QUIET_NS:
            self.playout.finish(name)
            item.skipping = True
        if item.skipping:
            item.before_ns += dur_ns
        return not item.skipping

    def _text(self, event: TextOut | TextOutDone) -> None:
        if event.channel == "thought":
            return
        name = event.item_id or event.response_id or self._turns.get("") or self._stream
        text, whole = self._texts.get(name, ("", False))
        if isinstance(event, TextOut):
            more = f"{text} {event.delta}" if whole else text + event.delta
            self._texts[name] = (more[:_TEXT_CHARS], False)
        else:
            self._texts[name] = (event.text, True)

    def _new_name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def _forget(self) -> None:
        for known in (self._incoming, self._texts, self._names):
            while len(known) > _KEPT:
                del known[next(iter(known))]

    # ------------------------------------------------------------------ to the loudspeaker, and back to the model

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], Sequence[SessionEvent]]:
        """What was heard up to `to_ns`, and what ended."""
        pieces, ended = self.playout.advance(to_ns)
        return pieces, [self._heard(event) if isinstance(event, Heard) else event for event in ended]

    def _heard(self, heard: Heard) -> Heard:
        name = heard.item_id
        item = self._incoming.get(name)
        played_ns = heard.dur_ns + (item.before_ns if item else 0)
        if name in self._cut:
            del self._cut[name]
            self._controls.append(Interrupt(played_ns, name, by_person=self._by_person))
        elif self._reports:
            self._controls.append(PlaybackReport(name, played_ns))
        if item is not None:
            item.before_ns = played_ns
        text = heard.text or self._texts.get(name, ("", False))[0]
        response = self._names.get(name, "")
        text = text or (self._texts.get(response, ("", False))[0] if response else "")
        return replace(heard, text=text.strip())

    @property
    def _by_person(self) -> bool:
        return any(self._asked)

    @property
    def cutting(self) -> bool:
        """The model was cut off, and has not been told yet."""
        return bool(self._asked)

    @property
    def wants_position(self) -> bool:
        """The next micro-turn tells the model how far it was heard: have the loudspeaker asked before."""
        return self.cutting or self._reports

    def controls(self) -> tuple[Interrupt | PlaybackReport, ...]:
        """What the next micro-turn tells the model: where it was cut off, and how far it was heard."""
        playing = self.playout.playing
        if playing is not None and (playing.item_id in self._cut or (self._reports and not self._asked)):
            item = self._incoming.get(playing.item_id)
            played_ns = playing.played_ns + (item.before_ns if item else 0)
            if playing.item_id in self._cut:
                # The loudspeaker has not said its last word on it; what it has said so far must do.
                self._controls.append(Interrupt(played_ns, playing.item_id, by_person=self._by_person))
            else:
                self._controls.append(PlaybackReport(playing.item_id, played_ns))
        told = {c.item_id for c in self._controls}
        self._controls += [Interrupt(0, name, by_person=self._by_person) for name in self._cut if name not in told]
        if self._asked and not any(isinstance(c, Interrupt) for c in self._controls):
            self._controls.append(Interrupt(0, by_person=self._by_person))
        controls, self._controls = tuple(self._controls), []
        self._asked.clear()
        self._cut.clear()
        return controls

    def finish(self) -> None:
        """Nothing more comes from the endpoint."""
        self.playout.finish(None)

    @property
    def busy(self) -> bool:
        """Something is still to be heard."""
        return self.playout.busy

    def close(self) -> None:
        self.playout.close()

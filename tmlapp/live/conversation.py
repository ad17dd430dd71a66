"""The conversation of a session so far, as a tool or a background model is told it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from tmlapp.core.event import EndpointEvent, TextOut, TextOutDone, UserTranscript
from tmlapp.core.media import Frame
from tmlapp.core.tool import HistoryTurn, Said
from tmlapp.core.turn import MicroTurn, TextInput

UTTERANCE_CHARS = 100_000
"""Of one utterance that is still going on; what is more is in the recording."""


class Conversation:
    """Who said what: typed texts, the person's speech as far as the endpoint wrote it down, what the model said.

    Holds the newest picture of the camera, too. Written by the engine thread alone. Turns before the session and a
    typed instruction stand at time 0.
    """

    def __init__(self, instruction: str = "", history: Sequence[HistoryTurn] = ()) -> None:
        self._said = [Said(t_ns=0, role=turn.role, text=turn.text) for turn in history if turn.text.strip()]
        if instruction.strip():
            self._said.append(Said(t_ns=0, role="system", text=instruction))
        # What is still being said, by whom: replaced by the whole once it is finished.
        self._open: dict[Literal["user", "assistant"], Said] = {}
        self._frame: Frame | None = None

    def turn(self, turn: MicroTurn) -> None:
        """The endpoint is about to get `turn`."""
        self._frame = turn.frames[-1] if turn.frames else self._frame
        self.typed(turn.texts)

    def typed(self, texts: Iterable[TextInput]) -> None:
        """The operator typed `texts`."""
        self._said += [Said(t_ns=text.t_ns, role=text.role, text=text.text) for text in texts]

    def note(self, event: EndpointEvent) -> None:
        """Whatever was said with `event`; the model's thoughts are its own."""
        match event:
            case TextOut(channel="thought") | TextOutDone(channel="thought"):
                return
            case TextOut():
                begun = self._open.get("assistant")
                text = begun.text if begun else ""
                if len(text) < UTTERANCE_CHARS:
                    text = (text + event.delta)[:UTTERANCE_CHARS]
                self._open["assistant"] = Said(t_ns=begun.t_ns if begun else event.t_rx_ns, role="assistant", text=text)
            case TextOutDone():
                self._finished("assistant", event.t_rx_ns, event.text)
            case UserTranscript(final=False):
                self._open["user"] = Said(t_ns=event.t_rx_ns, role="user", text=event.text)
            case UserTranscript():
                self._finished("user", event.t_rx_ns, event.text)
            case _:
                return

    def so_far(self) -> tuple[Said, ...]:
        """Everything up to now, in the order in which it began, unfinished utterances too."""
        going_on = [said for said in self._open.values() if said.text.strip()]
        return tuple(sorted([*self._said, *going_on], key=lambda said: said.t_ns))

    def package(self) -> tuple[Said, ...]:
        """What goes with a delegation: everything said up to now, and what the camera sees."""
        frame = self._frame
        seen = () if frame is None else (Said(t_ns=frame.t_ns, role="user", text="", frame=frame),)
        return (*self.so_far(), *seen)

    def _finished(self, role: Literal["user", "assistant"], t_ns: int, text: str) -> None:
        begun = self._open.pop(role, None)
        if text.strip():
            self._said.append(Said(t_ns=begun.t_ns if begun else t_ns, role=role, text=text))

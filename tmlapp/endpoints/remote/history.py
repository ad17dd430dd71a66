"""Finished turns of a conversation, for a connection that begins anew and is told what was said before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tmlapp.core.event import EndpointEvent, TextOutDone, TurnDone, UserSpeech, UserTranscript
from tmlapp.core.tool import HistoryTurn
from tmlapp.endpoints.remote.contract import Resumption

_KEY = "turns"


@dataclass(slots=True)
class _Entry:
    turn: HistoryTurn | None
    item_id: str
    response_id: str = ""


class FinishedTurns:
    """Collects what both sides have said, in the order in which they said it.

    A person's turn stands where their speech ended, even if its transcript comes later; the model's turn counts once
    its `TurnDone` says completed. What was cut off or is still being said is left out. Thoughts are not speech.

    Args:
        before: turns that lie before this connection.
        most, characters: how much is kept; the oldest go first.
    """

    def __init__(self, before: Iterable[HistoryTurn] = (), *, most: int = 200, characters: int = 60_000) -> None:
        self._entries = [_Entry(turn, "") for turn in before]
        self._said: dict[str, list[str]] = {}
        self._most = most
        self._characters = characters

    def typed(self, text: str) -> None:
        """The person has written `text`."""
        self._add(_Entry(HistoryTurn(role="user", text=text), ""))

    def finished_speaking(self, item_id: str) -> None:
        """The person's turn `item_id` is over: its words, which may come later, stand here."""
        if not item_id or all(entry.item_id != item_id for entry in self._entries):
            self._add(_Entry(None, item_id))

    def note(self, event: EndpointEvent) -> None:
        match event:
            case UserSpeech(state="stopped"):
                self.finished_speaking(event.item_id or "")
            case UserTranscript(final=True):
                self._heard(event)
            case TextOutDone() if event.channel != "thought":
                said = self._said.setdefault(event.response_id or "", [])
                if sum(map(len, said)) < self._characters:
                    said.append(event.text[: self._characters])
                self._forget_oldest_said()
            case TurnDone():
                text = " ".join(self._said.pop(event.response_id or "", ())).strip()[: self._characters]
                if event.status == "completed" and text:
                    self._add(_Entry(HistoryTurn(role="assistant", text=text), "", event.response_id or ""))
            case _:
                pass

    @property
    def turns(self) -> tuple[HistoryTurn, ...]:
        """Finished turns, oldest first."""
        return tuple(entry.turn for entry in self._entries if entry.turn is not None)

    def resumption(self) -> Resumption:
        return Resumption("history", {_KEY: self.turns})

    def _heard(self, event: UserTranscript) -> None:
        text = event.text.strip()[: self._characters]
        item_id = event.item_id or ""
        place = next((e for e in reversed(self._entries) if e.turn is None and e.item_id == item_id), None)
        if not text:
            if place is not None:
                self._entries.remove(place)
            return
        turn = HistoryTurn(role="user", text=text)
        if place is not None:
            place.turn = turn
            self._trim()
        else:
            self._add(_Entry(turn, event.item_id or ""))

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._trim()

    def _trim(self) -> None:
        size = sum(len(e.turn.text) for e in self._entries if e.turn is not None)
        while len(self._entries) > self._most or (size > self._characters and len(self._entries) > 1):
            gone = self._entries.pop(0)
            size -= len(gone.turn.text) if gone.turn is not None else 0

    def _forget_oldest_said(self) -> None:
        while len(self._said) > self._most:
            self._said.pop(next(iter(self._said)))


def turns_of(resumption: Resumption | None, otherwise: Sequence[HistoryTurn] = ()) -> tuple[HistoryTurn, ...]:
    """The turns that a connection left behind; `otherwise` for the first connection."""
    if resumption is None or resumption.kind != "history":
        return tuple(otherwise)
    return tuple(turn for turn in resumption.data.get(_KEY, ()) if isinstance(turn, HistoryTurn))

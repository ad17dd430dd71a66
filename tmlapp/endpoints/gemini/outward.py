"""What we say in the grammar of Gemini Live: set-up, micro-turns, results of tools; and how a connection goes on."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tmlapp.core.event import EndpointError
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.endpoints.gemini.calls import Calls
from tmlapp.endpoints.gemini.closing import closing
from tmlapp.endpoints.gemini.limits import Limits
from tmlapp.endpoints.gemini.options import settings_of
from tmlapp.endpoints.gemini.person import Person
from tmlapp.endpoints.gemini.replies import Replies
from tmlapp.endpoints.gemini.setup import SetUp, history_message
from tmlapp.endpoints.openai_family.pace import PicturePace
from tmlapp.endpoints.remote.contract import Action, Drained, Resumption, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.history import FinishedTurns, turns_of
from tmlapp.endpoints.remote.sound import SoundOut


class Outward:
    """The sending half of a connection, and the books of both; see `GeminiCodec`."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._settings = settings_of(start.target)
        native = start.resumption if start.resumption is not None and start.resumption.kind == "native" else None
        left: Mapping[str, Any] = start.resumption.data if start.resumption is not None else {}
        self._left = left
        self._handle = str(left.get("handle", "")) if native else ""
        self._trying_handle = bool(self._handle)
        before: tuple[HistoryTurn, ...] = (
            tuple(left.get("turns", ())) if native else turns_of(start.resumption, start.setup.history)
        )
        self._history = FinishedTurns(before)
        self._seed = None if native else history_message(before, self._settings)
        self._set_up = SetUp(self._settings, start.setup, self._handle, told=self._seed is not None)
        self._calls = Calls(self._settings, start.epoch, left.get("known_calls") if native else None)
        self._known_calls = self._calls.open
        self._replies = Replies(start.epoch)
        self._person = Person()
        self._limits = Limits(
            unlimited=self._settings.compression is not None, began_ns=left.get("began_ns") if native else None
        )
        self._sound = SoundOut(SAMPLE_RATE_HZ)
        self._index = -1
        self._pace = PicturePace(self._settings.video_fps)
        self._opened = False
        self._owed = False
        self._draining = False

    # ------------------------------------------------------------------ what we say

    def hello(self) -> Sequence[Action]:
        return (Send(self._set_up.message),)

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        actions: list[Action] = []
        if self._person.offset_ns is None:
            self._person.offset_ns = turn.t_ns
            if self._settings.whole_input:
                actions.append(_realtime(activityStart={}))
        self._index = turn.index
        actions += self._controls(turn)
        actions.append(
            _realtime(audio={"data": self._sound.base64(turn.pcm), "mimeType": f"audio/pcm;rate={SAMPLE_RATE_HZ}"})
        )
        picture = self._pace.take(turn)
        if picture is not None:
            data = base64.b64encode(picture.jpeg).decode("ascii")
            actions.append(_realtime(video={"data": data, "mimeType": "image/jpeg"}))
        for text in turn.texts:
            actions.append(self._text(text))
        actions += self._limits.turn(turn.t_ns, turn.end_ns, pictures=picture is not None)
        return actions

    def _controls(self, turn: MicroTurn) -> Iterator[Action]:
        results: list[ToolResult | DelegationResult] = []
        for control in turn.controls:
            match control:
                case ToolResult() | DelegationResult():
                    results.append(control)
                case Interrupt(by_person=True):
                    self._replies.mute(control.item_id)
                case _:
                    # The service takes no word on what was heard or played: see the rejections.
                    continue
        responses, errors = self._calls.answers(results)
        yield from errors
        if responses:
            self._owed = self._owed or any(r.get("scheduling") != "SILENT" for r in responses)
            yield Send({"toolResponse": {"functionResponses": responses}})

    def _text(self, text: TextInput) -> Send:
        if text.role == "user":
            self._history.typed(text.text)
            self._owed = True
            if not self._settings.typed_as_turn:
                return _realtime(text=text.text)
        # There are no system turns: what the operator notes is told without asking for an answer.
        turns = [{"role": "user", "parts": [{"text": text.text}]}]
        return Send({"clientContent": {"turns": turns, "turnComplete": text.role == "user"}})

    def end_of_input(self) -> Sequence[Action]:
        self._draining = True
        actions: list[Action] = []
        if self._settings.whole_input and self._person.offset_ns is not None:
            self._owed = True
            actions.append(_realtime(activityEnd={}))
        elif not self._settings.whole_input and not self._settings.vertex:
            actions.append(_realtime(audioStreamEnd=True))
        return [*actions, *self._drained()]

    def _drained(self) -> Iterator[Action]:
        if self._draining and not self._owed and not self._replies.id:
            self._draining = False
            yield Drained()

    def goodbye(self) -> Sequence[Action]:
        return ()

    def describe(self, message: Any) -> Any:
        return message

    # ------------------------------------------------------------------ how it ends, and goes on

    def closed(self, code: int, reason: str) -> EndpointError | None:
        error = closing(code, reason)
        if self._opened or not self._trying_handle or error is None or error.kind not in ("config", "unsupported"):
            return error
        # The same set-up was accepted before: what is refused is the handle. The turns can still be told anew.
        self._trying_handle = False
        return endpoint_error("session_expired", error.code, error.message, fatal=True)

    def resumption(self) -> Resumption | None:
        if not self._opened:
            if self._start.resumption is None or self._trying_handle or not self._handle:
                return self._start.resumption
            return Resumption("history", {**self._history.resumption().data, **self._lost({})})
        if not self._handle:
            return Resumption("history", {**self._history.resumption().data, **self._lost({})})
        kept = {"handle": self._handle, "turns": self._history.turns, "began_ns": self._limits.began_ns}
        return Resumption("native", kept | self._lost(self._known_calls))

    def _lost(self, known_calls: Mapping[str, Any]) -> dict[str, Any]:
        """What the next connection has to bring to an end, and the calls that the service will still know there."""
        if not self._opened:
            lost = (*self._left.get("lost_calls", ()), *self._left.get("known_calls", ()))
            return {"lost_calls": lost, "lost_turn": self._left.get("lost_turn", "")}
        known = {call_id: call for call_id, call in self._calls.open.items() if call_id in known_calls}
        gone = tuple(call_id for call_id in self._calls.open if call_id not in known)
        return {"known_calls": known, "lost_calls": gone, "lost_turn": self._replies.id}


def _realtime(**members: Any) -> Send:
    return Send({"realtimeInput": members})

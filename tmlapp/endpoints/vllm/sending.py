"""What is said in vLLM-Omni's duplex dialect: sound with its pictures, and how much of the answer was heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from tmlapp.core.media import Pcm
from tmlapp.core.turn import Interrupt, MicroTurn, PlaybackReport, TextInput, ToolResult
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ, samples_to_ns
from tmlapp.endpoints.openai_family.codec import FamilyCodec
from tmlapp.endpoints.remote.contract import Action, Dialect, Send, Start
from tmlapp.endpoints.remote.media import base64_of
from tmlapp.endpoints.remote.refusals import Refusals
from tmlapp.endpoints.vllm.session import OUTPUT_RATE_HZ, UNIT_MS, Asked

HEARTBEAT_TURNS = 150
"""Every 30 s of sound."""
ACK_EVERY_NS = 200 * NS_PER_MS

_ITEMS = 512
_K = TypeVar("_K")
_T = TypeVar("_T")


class Sending(FamilyCodec):
    """The sending half of a duplex session.

    Attributes:
        asked_for: the session that is asked for.
        appended: samples that the server was given in this session, over all connections.
        unit_ms, pictures_taken: of the model, as granted.
        decided: units that the model has answered, by silence or by sound.
        closed_by: micro-turns with which units of this connection were complete, by the number of the unit.
        session_id, token: what takes the session up again; the token is rotated by the server.
        item_of: response of an item, and how much of the item was acknowledged as played, in ns.
    """

    def __init__(self, dialect: Dialect, start: Start) -> None:
        self.asked_for = Asked(dialect, start.target, start.setup, start.prepared)
        super().__init__(dialect, start, input_rate=self.asked_for.input_rate, output_rate=OUTPUT_RATE_HZ)
        self.appended = 0
        self.decided = 0
        self.closed_by: OrderedDict[int, int] = OrderedDict()
        self.unit_ms = UNIT_MS
        self.pictures_taken = True
        self.session_id = ""
        self.token = ""
        self.item_of: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._frames: list[bytes] = []
        self._turns = 0
        self._no_texts = Refusals(
            texts="This interface takes no typed text while a session runs: say it, or use the instruction."
        )

    def session(self) -> dict[str, Any]:
        return self.asked_for.session()

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        if self.hearing.offset_ns is None:
            # The server's clock counts what it was given: after a loss it goes on where it stood.
            self.hearing.offset_ns = turn.t_ns - samples_to_ns(self.appended, self.sound_out.rate_hz)
        self._turns += 1
        actions = [*super().turn(turn), *self._no_texts.of(turn)]
        if self._turns % HEARTBEAT_TURNS == 0:
            actions.append(self.message("session.heartbeat"))
        return actions

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        most = int(self.option("frames_per_unit"))
        if self.pictures_taken and most:
            self._frames = [*self._frames, *(frame.jpeg for frame in turn.frames)][-most:]
        yield self._append(turn.pcm)

    def _append(self, pcm: Pcm) -> Send:
        """Sound, with the pictures of its unit if it closes one."""
        sound = self.sound_out.pcm(pcm)
        rate = self.sound_out.rate_hz
        before_ms = self.appended * 1000 // rate
        self.appended += len(sound)
        end_ms = self.appended * 1000 // rate
        members: dict[str, Any] = {
            "audio": base64_of(self._encoded(sound)),
            "format": self.asked_for.input_format,
            "sample_rate_hz": rate,
            "duration_ms": end_ms - before_ms,
            "audio_end_ms": end_ms,
        }
        units = range(before_ms // self.unit_ms + 1, end_ms // self.unit_ms + 1)
        for unit in units:
            remember(self.closed_by, unit, self.index)
        if self._frames and units:
            members["video_frames"] = [base64_of(jpeg) for jpeg in self._frames]
            self._frames = []
        return self.message("input_audio_buffer.append", **members)

    def _encoded(self, sound: Pcm) -> bytes:
        if self.asked_for.input_format == "pcm_f32le":
            return (sound.astype("<f4") / np.float32(32768)).tobytes()
        return sound.astype("<i2", copy=False).tobytes()

    def text(self, text: TextInput) -> Iterable[Action]:  # noqa: ARG002 - text drives no response; it is refused once
        return ()

    def seed(self) -> Iterable[Action]:
        return ()

    def tool_result(self, result: ToolResult) -> Iterable[Action]:
        """As an item; the model goes on by itself."""
        output = {"type": "function_call_output", "call_id": result.call_id, "output": result.output}
        yield self.message("conversation.item.create", item=output)

    def interrupt(self, control: Interrupt) -> Iterable[Action]:
        """A person cuts in: `barge_in` where the model knows it, and either way how much of the item was heard."""
        self.replies.unheard = False
        active = self.replies.active
        if control.by_person and active is not None and not active.muted:
            active.muted = True
            can = self.granted is not None and self.granted.can_interrupt
            yield self.message("barge_in") if can else self.response_cancel(active.id)
        item = self.replies.item(control.item_id) if control.item_id else None
        if item is None or item.truncated or not item.samples:
            return
        heard_ms = min(max(0, control.played_ns) // NS_PER_MS, item.samples * 1000 // item.rate)
        if self._acknowledges():
            yield self._playback_ack(control.item_id, heard_ms, truncate=True)
        if self.granted is not None and self.granted.can_truncate:
            yield from self.truncate(control)
        item.truncated = True

    def playback(self, report: PlaybackReport) -> Iterable[Action]:
        """How much was played, at most every 200 ms of it, and once all of it was."""
        item = self.replies.item(report.item_id)
        if item is None or item.truncated or not self._acknowledges():
            return
        response_id, told_ns = self.item_of.get(report.item_id, ("", 0))
        length_ns = samples_to_ns(item.samples, item.rate)
        played_ns = min(report.played_ns, length_ns)
        if played_ns - told_ns >= ACK_EVERY_NS or (played_ns == length_ns and played_ns > told_ns):
            self.item_of[report.item_id] = (response_id, played_ns)
            yield self._playback_ack(report.item_id, played_ns // NS_PER_MS)

    def _acknowledges(self) -> bool:
        return self.granted is not None and self.granted.can_ack_playback

    def _playback_ack(self, item_id: str, played_ms: int, *, truncate: bool = False) -> Send:
        members: dict[str, Any] = {"item_id": item_id, "played_ms": played_ms, "committed_ms": played_ms}
        if response_id := self.item_of.get(item_id, ("", 0))[0]:
            members["response_id"] = response_id
        if truncate:
            members["truncate"] = True
        return self.message("playback.ack", **members)

    def last_words(self) -> Iterable[Action]:
        """The model hears whole units: quiet completes the last one, and one more lets it go on with what it says."""
        missing_ms = -(self.appended * 1000 // self.sound_out.rate_hz) % self.unit_ms
        if not missing_ms and self.stands_still:
            missing_ms = self.unit_ms
        yield from self.quiet(missing_ms)

    @property
    def stands_still(self) -> bool:
        """The model is speaking, and has answered every unit that it was given."""
        return self.replies.active is not None and self.decided >= self._units

    @property
    def answered(self) -> int:
        """The micro-turn that completed the unit that was decided last."""
        return self.closed_by.get(min(self.decided, self._units), self.index)

    @property
    def _units(self) -> int:
        return self.appended * 1000 // self.sound_out.rate_hz // self.unit_ms

    def quiet(self, ms: int) -> Iterable[Action]:
        """So much silence, once anything was said at all."""
        samples = ms * SAMPLE_RATE_HZ // 1000
        if samples and self.appended:
            yield self._append(np.zeros(samples, np.int16))


def remember(names: OrderedDict[_K, _T], name: _K, value: _T) -> None:
    """Keep the newest few hundred."""
    names[name] = value
    if len(names) > _ITEMS:
        names.popitem(last=False)

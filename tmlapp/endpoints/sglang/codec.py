"""One connection in the `sglang_omni` dialect, without its socket (docs/endpoints/sglang-omni.md).

Source: `sglang-omni` 0.1.9, package `sglang_omni.serve.realtime`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from tmlapp.core.event import (
    AudioOut,
    EndpointEvent,
    Granted,
    InputAccepted,
    InputLost,
    Listen,
    Rejection,
    TaskSet,
    TextOut,
    UnitDone,
)
from tmlapp.core.turn import DelegationResult, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.asked import refuse_history
from tmlapp.endpoints.openai_family import fields, table
from tmlapp.endpoints.openai_family.codec import FamilyCodec
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.remote.contract import Action, Dialect, Ended, MessageError, Resumption, Send, Start
from tmlapp.endpoints.remote.errors import Kind, endpoint_error, kind_of
from tmlapp.endpoints.remote.history import turns_of
from tmlapp.endpoints.remote.media import base64_of
from tmlapp.endpoints.remote.refusals import Refusals, rejected
from tmlapp.endpoints.remote.sound import SoundOut
from tmlapp.endpoints.remote.target import host_of
from tmlapp.endpoints.sglang.terms import Terms, Wishes, granted_of
from tmlapp.endpoints.sglang.uplink import Picture, Sound, Uplink

_FROZEN = "session field is frozen"
_NO_PICTURES = "This deployment takes no pictures (of JPEG)."
_NO_TEXTS = "What is typed is not sent: the option “typed” is off."
_NO_RESULTS = "This protocol has no tools, so no result can be sent."


class SglangCodec(FamilyCodec):
    """Sound by contiguous samples, pictures by their time, an acknowledgement of every unit, outputs on our clock."""

    EVENTS: ClassVar[Mapping[str, str]] = {
        **table.EVENTS,
        "sglang.input_audio.accepted": "on_sound_accepted",
        "sglang.input_image.accepted": "on_picture_accepted",
        "sglang.unit.done": "on_unit_done",
        "sglang.response.progress": table.NOTHING,
        "sglang.input_audio.ended": table.NOTHING,
        "sglang.input_audio.drained": "on_drained",
        "session.closed": "on_session_closed",
        "tmlapp.task.set": "on_task",
    }

    def __init__(self, dialect: Dialect, start: Start) -> None:
        super().__init__(dialect, start, input_rate=16_000)
        if self.option("history") == "off":
            refuse_history(start.setup, f"“{self.target.name}”")
        self._offered = fields.mapping_or_empty(start.prepared, "capabilities")
        self._uplink = Uplink(16_000, 200, 0, 0)
        self._terms: Terms | None = None
        self._refusals = Refusals()
        before = start.resumption.data if start.resumption else {}
        self._instructions = fields.text_or(before, "instructions", start.setup.instruction)
        self._again = start.resumption is not None
        self._asked: list[Rejection] = []
        self._spoke = False
        self._ending = ""
        self._over = False

    # ------------------------------------------------------------------ set-up

    def hello(self) -> Sequence[Action]:
        """Nothing: the server speaks first. To wait for it keeps the order of frames the same in every run."""
        return ()

    def on_session_created(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        if not self.setup_id:
            yield from super().hello()

    def session(self) -> dict[str, Any]:
        output = self.option("output")
        settings: dict[str, Any] = {
            "type": "realtime",
            "model": self.target.model or fields.text_or(self._offered, "model"),
            "instructions": self._told(),
            "output_modalities": output.split("+") if output else fields.texts(self._offered, "output_modalities"),
        }
        if turn_detection := self._json("turn_detection"):
            settings["audio"] = {"input": {"turn_detection": turn_detection}}
        timebase = {name: value for name in ("microturn_ms",) if (value := self._number(name)) is not None}
        slices = self._number("max_slice_nums")
        extension = {
            "interaction": self.option("interaction"),
            "tail_policy": self.option("tail_policy"),
            "timebase": timebase,
            "sampling": self._json("sampling"),
            "max_slice_nums": None if slices is None else int(slices),
        }
        for name in ("reference_audio", "tts_reference_audio"):
            if data := fields.text_or(self.start.prepared, name):
                extension[name] = {"media_type": "audio/wav", "data": data}
        if not settings["output_modalities"]:
            del settings["output_modalities"]
        session, self._asked = Wishes(self._offered).session(settings, extension)
        return session

    def _told(self) -> str:
        """The instructions; where the option says so, what was said before stands below them."""
        if self.option("history") != "instructions" or not self.before:
            return self._instructions
        who = {"user": "User", "assistant": "You"}
        lines = [f"{who[turn.role]}: {turn.text}" for turn in self.before if turn.text]
        return "\n".join([self._instructions, "", "The conversation so far:", *lines])

    def grant(self, session: Message) -> Granted:
        granted = fields.mapping(fields.mapping(session, "sglang"), "granted")
        terms = Terms.read(granted)
        if self._terms is None:
            self._begin(terms)
        self._terms = terms
        voice = [Rejection(asked=f"voice: {self.target.voice}", granted="", reason="This protocol has no voices.")]
        unable = rejected(self.start.setup, tools="This protocol has no tools.")
        return granted_of(
            terms,
            granted,
            address=self.target.address,
            name=fields.text_or(session, "model") or self.target.name,
            provider=host_of(self.target.url),
            acknowledges=terms.unit_ms <= 200 or self.start.setup.virtual_time,
            typed=self.option("typed") != "off",
            input_delay_ms=self.sound_out.delay_ms,
            rejections=(*self._asked, *(voice if self.target.voice else ()), *unable),
        )

    def _begin(self, terms: Terms) -> None:
        self.sound_out = SoundOut(terms.input_rate)
        self.output_rate = terms.output_rate
        self._uplink = Uplink(terms.input_rate, terms.unit_ms, terms.frames_per_unit, terms.max_image_bytes)
        self._refusals = Refusals(
            pictures="" if terms.pictures else _NO_PICTURES,
            texts=_NO_TEXTS if self.option("typed") == "off" else "",
            results=_NO_RESULTS,
        )

    def on_session_updated(self, message: Message) -> Iterable[Action]:
        first = self.granted is None
        yield from super().on_session_updated(message)
        if first and self._again and self.option("history") != "instructions":
            what = "The model begins anew: it does not know what was said before the connection was lost."
            yield endpoint_error("unsupported", "no_resume", what)

    def seed(self) -> Iterable[Action]:
        return ()

    # ------------------------------------------------------------------ out

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        yield from self._refusals.of(turn)
        # Before the sound: the unit that this micro-turn completes is the first to know of it.
        for text in turn.texts:
            yield from self._typed(text)
        pictures = self._terms is not None and self._terms.pictures
        for part in self._uplink.turn(turn, self.sound_out.pcm16(turn.pcm), pictures=pictures):
            if isinstance(part, InputLost):
                yield part
            elif isinstance(part, Picture):
                yield self._picture(part)
            else:
                yield self._stretch(part)
        self.hearing.offset_ns = self._uplink.offset_ns

    def _stretch(self, sound: Sound) -> Send:
        place = {"seq": sound.seq, "t_start_ms": self._uplink.ms(sound.start)}
        audio = base64_of(sound.pcm16)
        send = self.message("input_audio_buffer.append", audio=audio, sglang=place)
        self._uplink.sent(_id(send), self.index, sound)
        return send

    def _picture(self, picture: Picture) -> Send:
        image = base64_of(picture.jpeg)
        send = self.message("sglang.input_image.append", image=image, sglang={"t_ms": picture.t_ms})
        self._uplink.sent(_id(send), picture.index)
        return send

    def text(self, text: TextInput) -> Iterable[Action]:  # noqa: ARG002 - sent before the sound
        return ()

    def _typed(self, text: TextInput) -> Iterator[Action]:
        """The dialect has no messages of a person; what is typed goes into the instructions."""
        how = self.option("typed")
        if how == "off" or not text.text.strip():
            return
        both = f"{self._instructions}\n{text.text}" if self._instructions else text.text
        self._instructions = both if how == "append" else text.text
        yield self.message("session.update", session={"instructions": self._instructions})

    def tool_result(self, result: ToolResult) -> Iterable[Action]:  # noqa: ARG002 - told once, with the micro-turn
        return ()

    def delegation_result(self, result: DelegationResult) -> Iterable[Action]:  # noqa: ARG002 - as above
        return ()

    def response_cancel(self, response_id: str) -> Send:  # noqa: ARG002 - the dialect cancels what is under way
        return self.message("response.cancel")

    def truncate(self, control: Any) -> Iterator[Action]:
        if self._terms is not None and self._terms.truncates:
            yield from super().truncate(control)

    def last_words(self) -> Iterable[Action]:
        for picture in self._uplink.leftovers():
            yield self._picture(picture)
        send = self.message("sglang.input_audio.end")
        self._ending = _id(send)
        yield send

    def outstanding(self) -> bool:
        return not self._over

    def goodbye(self) -> Sequence[Action]:
        return (self.message("session.close"),)

    def resumption(self) -> Resumption | None:
        """A new session with the instructions as they are now, and what was said."""
        if self.granted is None:
            return self.start.resumption
        turns = turns_of(self.history.resumption())
        return Resumption("history", {"turns": turns, "instructions": self._instructions})

    # ------------------------------------------------------------------ in

    def media_time(self, message: Message) -> Mapping[str, Any]:
        at = fields.mapping_or_empty(fields.mapping_or_empty(message, "sglang"), "media_time")
        start_ms = fields.number_or_none(at, "t_start_ms")
        if start_ms is None or start_ms < 0 or (t_ns := self._uplink.session_ns(start_ms)) is None:
            return {}
        long_ms = fields.number_or_none(at, "duration_ms")
        dur_ns = None if long_ms is None else max(0, round(long_ms * NS_PER_MS))
        return {"t_media_ns": t_ns, "dur_media_ns": dur_ns, "media_kind": "input"}

    def _noted(self, event: EndpointEvent, media: Mapping[str, Any]) -> EndpointEvent:
        self._spoke = self._spoke or isinstance(event, TextOut | AudioOut)
        return super()._noted(event, media)

    def on_sound_accepted(self, message: Message) -> Iterable[Action]:
        seq = fields.number_or_none(message, "seq")
        found = self._uplink.accepted(fields.name_or(message, "client_event_id"), None if seq is None else int(seq))
        if found is None:
            return
        index, sound = found
        end_ns = self._uplink.session_ns(self._uplink.ms(sound.start + sound.samples))
        if sound.last and end_ns is not None:
            yield InputAccepted(micro_turn=index, accepted_end_ns=end_ns)
        if sound.last and self.start.setup.virtual_time and not self._uplink.completes(sound):
            # No unit is complete yet, so there is nothing to wait for before the next micro-turn.
            yield UnitDone(micro_turn=index, latency_ns=0)

    def on_picture_accepted(self, message: Message) -> Iterable[Action]:
        self._uplink.picture_accepted(fields.name_or(message, "client_event_id"))
        return ()

    def on_unit_done(self, message: Message) -> Iterable[Action]:
        at = fields.mapping_or_empty(fields.mapping_or_empty(message, "sglang"), "media_time")
        start_ms, long_ms = (fields.number_or_none(at, key) for key in ("t_start_ms", "duration_ms"))
        if start_ms is None or long_ms is None:
            number = fields.text(message, "unit_id").rpartition("_")[2]
            if not (number.isascii() and number.isdigit() and len(number) < 12):
                raise MessageError("sglang.unit.done without its place in time")
            start_ms, long_ms = float(number) * self._uplink.unit_ms, self._uplink.unit_ms
        index = self._uplink.done(start_ms + long_ms)
        if index is None:
            return
        spoke, self._spoke = self._spoke, False
        if not spoke and self._terms is not None and self._terms.native:
            yield Listen(micro_turn=index)
        yield UnitDone(micro_turn=index, latency_ns=0)

    def on_drained(self, message: Message) -> Iterable[Action]:
        """The server's books must be ours: what it took, and what it used of that."""
        self._over = True
        sent_ms = self._uplink.sent_ms
        counted = {key: fields.number_or_none(message, f"{key}_ms") for key in ("consumed", "discarded", "padding")} | {
            "accepted": fields.number_or_none(message, "accepted_end_ms")
        }
        accepted, consumed, discarded = (counted[key] for key in ("accepted", "consumed", "discarded"))
        wrong = []
        if accepted is not None and abs(accepted - sent_ms) > 1e-3:
            wrong.append(f"{accepted:g} ms were accepted of {sent_ms:g} ms sent")
        if consumed is not None and abs(consumed + (discarded or 0.0) - sent_ms) > 1e-3:
            wrong.append(f"{consumed:g} ms were used and {discarded or 0:g} ms thrown away of {sent_ms:g} ms sent")
        elif discarded:
            wrong.append(f"{discarded:g} ms were thrown away")
        if wrong:
            yield endpoint_error("protocol", "drained_otherwise", f"At the end {'; '.join(wrong)}.", fatal=False)

    def on_session_closed(self, message: Message) -> Iterable[Action]:
        reason = fields.text_or(message, "reason", "closed")[:200]
        self._over = True
        if reason in ("client_closed", "closed"):
            yield Ended(reason, "closed")
            return
        kind = kind_of(reason) or "server"
        yield Ended(
            reason, reason, endpoint_error(kind, reason, f"The server ended the session: {reason}.", fatal=True)
        )

    def on_error(self, message: Message) -> Iterable[Action]:
        """The server says itself whether an error is fatal; what it refused is not sent again."""
        if self.granted is None:
            yield from super().on_error(message)
            return
        about = fields.mapping_or_empty(message, "error")
        code, said = fields.name_or(about, "code"), fields.text_or(about, "message") or "The server reported an error."
        cause = fields.name_or(about, "event_id")
        fatal = fields.mapping_or_empty(message, "sglang").get("fatal") is True
        kind = _kind(code, said, fields.name_or(about, "type"))
        lost = self._uplink.refused(cause, f"The endpoint refused it: {said}") if cause else []
        yield from lost
        if self.start.setup.virtual_time:
            # Nobody will ever answer it, and the session waits.
            yield from (UnitDone(micro_turn=i.micro_turn, latency_ns=0) for i in lost if i.what == "turn")
        if self._ending and cause == self._ending:
            self._over = True
        param = fields.text_or(about, "param") or None
        yield endpoint_error(kind, code or kind, said, fatal=fatal, client_event_id=cause or None, param=param)

    def on_response_done(self, message: Message) -> Iterable[Action]:
        response = fields.mapping(message, "response")
        details = fields.mapping_or_empty(response, "status_details")
        if response.get("status") == "cancelled" and details.get("reason") == "interrupted":
            yield from self.replies.cut()
        output = [_once(item) for item in fields.mappings(response, "output")]
        yield from super().on_response_done({**message, "response": {**response, "output": output}})

    def on_task(self, message: Message) -> Iterable[Action]:
        """An addition of `tmlapp serve`: what its model understood."""
        params = fields.mapping(message, "params")
        values = {key: fields.number_or_none(params, key) for key in params}
        number = fields.text_or(message, "from_unit").rpartition("_")[2]
        ahead = int(number) if number.isascii() and number.isdigit() and len(number) < 12 else 0
        first_ns = self._uplink.session_ns(ahead * self._uplink.unit_ms) or 0
        yield TaskSet(
            instruction=fields.text(message, "instruction"),
            task=fields.text(message, "task"),
            params={key: float(value) for key, value in values.items() if value is not None},
            from_turn=first_ns // (200 * NS_PER_MS),
        )

    def _number(self, name: str) -> float | None:
        value = self.option(name)
        return float(value) if value else None

    def _json(self, name: str) -> dict[str, Any]:
        value = self.option(name)
        found: dict[str, Any] = json.loads(value) if value else {}
        return found


def _once(item: Message) -> Message:
    """An item without the transcript of its sound, where its text says the same: both were told as one."""
    content = list(fields.mappings(item, "content"))
    written = {part.get("text") for part in content if part.get("type") == "output_text"}
    return {**item, "content": [part for part in content if part.get("transcript") not in written]}


def _kind(code: str, said: str, error_type: str) -> Kind:
    if said == _FROZEN:
        return "config"
    if code == "buffer_overflow" and "retry this seq" in said:
        return "rate_limit"
    return kind_of(code) or kind_of(error_type) or "server"


def _id(send: Send) -> str:
    return str(send.message["event_id"]) if isinstance(send.message, Mapping) else ""

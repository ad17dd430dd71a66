"""One connection in the grammar of OpenAI's Realtime interface, in all its spellings; profiles are subclasses.

What a profile overrides: `EVENTS` (messages of its own), and the methods under "hooks", here and in `Outward`: what is
sent to set up, for sound, pictures, texts, results and interruptions, what is granted, and how it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from tmlapp.core.event import (
    EndpointError,
    EndpointEvent,
    Granted,
    Limit,
    SessionUpdated,
    ToolCall,
    TurnDone,
    Unrecognized,
    Usage,
)
from tmlapp.endpoints.openai_family import fields, table
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.openai_family.outward import Outward
from tmlapp.endpoints.remote.contract import Action, Dialect, Ended, MessageError, Opened, Start
from tmlapp.endpoints.remote.errors import endpoint_error, service_error
from tmlapp.endpoints.remote.sound import decode_base64

Handler = Callable[[Message], Iterable[Action]]

_NAMES = 256
_LOW, _ENOUGH = 0.1, 0.2
_ACTIVE = "conversation_already_has_active_response"


class FamilyCodec(Outward):
    """See the module. `receive` never fails but with `MessageError`; memory is bounded whatever comes.

    Attributes:
        interrupts_by_speech: the service cuts itself off when it hears speech.
    """

    EVENTS: ClassVar[Mapping[str, str]] = table.EVENTS

    def __init__(self, dialect: Dialect, start: Start, *, input_rate: int = 24_000, output_rate: int = 24_000) -> None:
        super().__init__(dialect, start, input_rate=input_rate, output_rate=output_rate)
        self.interrupts_by_speech = False
        self._handlers: dict[str, Handler] = {kind: getattr(self, name) for kind, name in self.EVENTS.items()}
        self._unknown: set[str] = set()
        self._low: set[str] = set()

    # ------------------------------------------------------------------ hooks: what is read

    def grant(self, session: Message) -> Granted:
        """What `session` of the service's answer grants."""
        raise NotImplementedError

    def sound_of(self, message: Message) -> tuple[bytes, int]:
        """PCM16 and its rate in a message with sound."""
        return decode_base64(fields.text(message, "delta")), self.output_rate

    def media_time(self, message: Message) -> Mapping[str, Any]:  # noqa: ARG002 - for profiles with a clock
        """`t_media_ns`, `dur_media_ns`, `media_kind` of everything that `message` says; empty where there is none."""
        return {}

    # ------------------------------------------------------------------ what we are told

    def parse(self, frame: str | bytes) -> Any:
        return fields.parse_object(frame)

    def receive(self, message: Any) -> Sequence[Action]:
        kind = message["type"]
        handler = self._handlers.get(kind)
        if handler is None:
            return self._unrecognized(kind)
        media = self.media_time(message)
        actions: list[Action] = []
        try:
            for action in handler(message):
                actions.append(self._noted(action, media) if isinstance(action, EndpointEvent) else action)
        except MessageError as error:
            # What was said before the fault counts already: books have been kept on it.
            if not actions:
                raise
            actions.append(endpoint_error("protocol", "malformed", str(error), fatal=False))
        if self.asking.due(self.replies.active is not None):
            actions += self.ask()
        actions += self.drained_now()
        return actions

    def _noted(self, event: EndpointEvent, media: Mapping[str, Any]) -> EndpointEvent:
        if media and event.t_media_ns is None:
            event = replace(event, **media)
        self.history.note(event)
        if isinstance(event, ToolCall):
            self.asking.called(event.call_id, event.response_id or "")
        return event

    def _unrecognized(self, kind: str) -> Sequence[Action]:
        if kind in self._unknown or len(self._unknown) >= _NAMES:
            return ()
        self._unknown.add(kind)
        return (Unrecognized(name=kind),)

    def on_nothing(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        return ()

    def on_session_created(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        return ()

    def on_session_updated(self, message: Message) -> Iterable[Action]:
        """The first answer to our set-up opens the session; later ones may change what is granted."""
        granted = self.grant(fields.mapping(message, "session"))
        if self.granted is None:
            self.granted = granted
            yield from self.seed()
            yield Opened(granted)
        elif granted != self.granted:
            self.granted = granted
            yield SessionUpdated(granted=granted)

    def on_error(self, message: Message) -> Iterable[Action]:
        """An `error`: `{error: {…}}`, or flat as some services write it. What refuses our set-up ends the session."""
        about = fields.mapping_or_empty(message, "error") or message
        said = fields.text_or(about, "message") or fields.text_or(message, "error") or "The service reported an error."
        code = fields.name_or(about, "code") or fields.name_or(message, "code")
        error_type = fields.name_or(about, "type") if about is not message else ""
        cause = fields.name_or(about, "event_id") or fields.name_or(message, "client_event_id")
        error = service_error(
            code or None,
            said,
            error_type=error_type or None,
            client_event_id=cause or None,
            param=fields.text_or(about, "param") or None,
        )
        if self.asking.asked and cause in ("", self.asking.asked):
            self.asking.refused(again=code == _ACTIVE)
        if self.granted is None and cause in ("", self.setup_id):
            refusal = error.kind if error.kind != "invalid_input" else "config"
            fatal = endpoint_error(
                refusal, error.code, said, fatal=True, client_event_id=error.client_event_id, param=error.param
            )
            yield Ended(error.code, said, fatal)
            return
        yield error

    def on_speech_started(self, message: Message) -> Iterable[Action]:
        yield from self.hearing.started(message)
        if self.interrupts_by_speech:
            yield from self.replies.cut()

    def on_speech_stopped(self, message: Message) -> Iterable[Action]:
        return self.hearing.stopped(message)

    def on_committed(self, message: Message) -> Iterable[Action]:
        """What the person said is an item now; its words come later, if at all."""
        self.history.finished_speaking(fields.name_or(message, "item_id"))
        return ()

    def on_timeout_triggered(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        """Nobody spoke for `idle_timeout_ms`: the response that follows says the rest."""
        return ()

    def on_item(self, message: Message) -> Iterable[Action]:
        """An item is there; `added`, `created` and `done` may all tell of the same one."""
        self._note_item(fields.mapping(message, "item"))
        return ()

    def _note_item(self, item: Message) -> None:
        item_id = fields.name_or(item, "id")
        if item_id:
            known = self.replies.known(item_id)
            known.name = fields.name_or(item, "name") or known.name
            known.call_id = fields.name_or(item, "call_id") or known.call_id

    def on_output_item(self, message: Message) -> Iterable[Action]:
        self._note_item(fields.mapping(message, "item"))
        return ()

    def on_output_item_done(self, message: Message) -> Iterable[Action]:
        item = fields.mapping(message, "item")
        self._note_item(item)
        if item.get("type") == "function_call":
            yield from self.replies.call({**item, "item_id": item.get("id"), "response_id": message.get("response_id")})

    def on_heard_delta(self, message: Message) -> Iterable[Action]:
        return self.hearing.delta(message)

    def on_heard(self, message: Message) -> Iterable[Action]:
        yield from self.hearing.completed(message)
        usage = fields.mapping_or_empty(message, "usage")
        if usage:
            yield Usage(counters=dict(usage), item_id=fields.name_or(message, "item_id") or None)

    def on_heard_failed(self, message: Message) -> Iterable[Action]:
        """The transcript of the person failed; the conversation goes on."""
        error = fields.mapping_or_empty(message, "error")
        code = fields.name_or(error, "code") or fields.name_or(error, "type") or "input_audio_transcription_failed"
        said = fields.text_or(error, "message") or "What the person said could not be transcribed."
        yield replace(
            endpoint_error("config", code, said, fatal=False, retryable=False),
            item_id=fields.name_or(message, "item_id") or None,
        )

    def on_response_created(self, message: Message) -> Iterable[Action]:
        response = fields.mapping(message, "response")
        ours = bool(self.asking.asked)
        unwanted = self.asking.began()
        yield from self.replies.begin(fields.name_or(response, "id"))
        active = self.replies.active
        if active is not None and ours:
            active.ours = True
            if unwanted:
                yield from self.cancel()

    def on_audio_delta(self, message: Message) -> Iterable[Action]:
        pcm16, rate = self.sound_of(message)
        return self.replies.audio(message, pcm16, rate)

    def on_audio_done(self, message: Message) -> Iterable[Action]:
        self.replies.audio_done(message)
        return ()

    def on_transcript_delta(self, message: Message) -> Iterable[Action]:
        return self.replies.words(message, "transcript", fields.text(message, "delta"))

    def on_transcript_done(self, message: Message) -> Iterable[Action]:
        return self.replies.words_done(message, "transcript", fields.text_or_none(message, "transcript"))

    def on_text_delta(self, message: Message) -> Iterable[Action]:
        return self.replies.words(message, "say", fields.text(message, "delta"))

    def on_text_done(self, message: Message) -> Iterable[Action]:
        return self.replies.words_done(message, "say", fields.text_or_none(message, "text"))

    def on_call(self, message: Message) -> Iterable[Action]:
        fields.text(message, "arguments")
        return self.replies.call(message)

    def on_response_done(self, message: Message) -> Iterable[Action]:
        response = fields.mapping(message, "response")
        events = list(self.replies.done(response))
        yield from events
        if not events:
            return
        self.asking.began()
        response_id = fields.name_or(response, "id") or None
        error = fields.mapping_or_empty(fields.mapping_or_empty(response, "status_details"), "error")
        if error:
            yield replace(_failure(error), response_id=response_id)
        elif isinstance(last := events[-1], TurnDone) and last.reason == "content_filter":
            said = "The service kept back what the model was about to say."
            yield replace(
                endpoint_error("content_filter", "content_filter", said, fatal=False), response_id=response_id
            )
        usage = fields.mapping_or_empty(response, "usage")
        if usage:
            yield Usage(counters=dict(usage), response_id=response_id)

    def on_rate_limits(self, message: Message) -> Iterable[Action]:
        """Told once when less than a tenth is left, and again after it was more than a fifth."""
        for limit in fields.mappings(message, "rate_limits"):
            name = fields.name_or(limit, "name")
            most, left = fields.number_or_none(limit, "limit"), fields.number_or_none(limit, "remaining")
            if not most or left is None or most < 0:
                continue
            ratio = left / most
            if ratio > _ENOUGH:
                self._low.discard(name)
            elif ratio < _LOW and name not in self._low and len(self._low) < _NAMES:
                self._low.add(name)
                seconds = fields.number_or_none(limit, "reset_seconds")
                yield Limit(
                    kind="rate",
                    ratio=ratio,
                    remaining_ms=None if seconds is None else seconds * 1000,
                    message=f"{left:g} of {most:g} {name or 'units'} are left.",
                )


def _failure(error: Message) -> EndpointError:
    code = fields.name_or(error, "code")
    said = fields.text_or(error, "message") or "The response failed."
    return service_error(code or None, said, error_type=fields.name_or(error, "type") or None, fatal=False)

"""Which message means what: the names of the GA interface and of its beta, side by side in every profile.

A value is the name of the codec's method that reads the message (`FamilyCodec`, docs/endpoints/openai-realtime.md).
"""

from __future__ import annotations

from collections.abc import Mapping

NOTHING = "on_nothing"
"""Known, and says nothing that another message does not say as well."""

EVENTS: Mapping[str, str] = {
    "session.created": "on_session_created",
    "session.updated": "on_session_updated",
    "error": "on_error",
    "input_audio_buffer.speech_started": "on_speech_started",
    "input_audio_buffer.speech_stopped": "on_speech_stopped",
    "input_audio_buffer.committed": "on_committed",
    "input_audio_buffer.cleared": NOTHING,
    "input_audio_buffer.timeout_triggered": "on_timeout_triggered",
    "conversation.created": NOTHING,
    "conversation.item.added": "on_item",
    "conversation.item.created": "on_item",
    "conversation.item.done": "on_item",
    "conversation.item.truncated": NOTHING,
    "conversation.item.deleted": NOTHING,
    "conversation.item.retrieved": NOTHING,
    "conversation.item.input_audio_transcription.delta": "on_heard_delta",
    "conversation.item.input_audio_transcription.segment": NOTHING,
    "conversation.item.input_audio_transcription.completed": "on_heard",
    "conversation.item.input_audio_transcription.failed": "on_heard_failed",
    "response.created": "on_response_created",
    "response.done": "on_response_done",
    "response.cancelled": NOTHING,
    "response.output_item.added": "on_output_item",
    "response.output_item.done": "on_output_item_done",
    "response.content_part.added": NOTHING,
    "response.content_part.done": NOTHING,
    "response.output_audio.delta": "on_audio_delta",
    "response.output_audio.done": "on_audio_done",
    "response.audio.delta": "on_audio_delta",
    "response.audio.done": "on_audio_done",
    "response.output_audio_transcript.delta": "on_transcript_delta",
    "response.output_audio_transcript.done": "on_transcript_done",
    "response.audio_transcript.delta": "on_transcript_delta",
    "response.audio_transcript.done": "on_transcript_done",
    "response.output_text.delta": "on_text_delta",
    "response.output_text.done": "on_text_done",
    "response.text.delta": "on_text_delta",
    "response.text.done": "on_text_done",
    "response.function_call_arguments.delta": NOTHING,
    "response.function_call_arguments.done": "on_call",
    "rate_limits.updated": "on_rate_limits",
}

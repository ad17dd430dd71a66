"""Error codes of vLLM-Omni's duplex interface, and what each means here.

Source: `vllm-omni` 0.30.0, `protocol/duplex/errors.py` and `entrypoints/duplex/serving.py`.
"""

from __future__ import annotations

from typing import Final

from tmlapp.endpoints.remote.errors import Kind

_CODES: Final[dict[Kind, tuple[str, ...]]] = {
    "invalid_input": (
        "bad_event", "bad_audio", "invalid_json", "unknown_event", "event_too_large", "input_audio_buffer_empty",
        "item_not_found", "missing_item_id", "invalid_video_frames", "playback_item_mismatch",
        "playback_item_not_found", "playback_ack_too_late", "response_already_active", "response_not_active",
        "response_create_without_input", "invalid_input_modality", "invalid_function_call_output",
        "invalid_event_ack", "realtime_input_failed",
    ),
    "unsupported": (
        "instructions_update_unsupported", "persona_update_unsupported", "voice_update_unsupported",
        "unsupported_native_response_options", "text_only_turn_unsupported", "model_update_unsupported",
        "voice_update_after_audio_unsupported", "ref_audio_update_unsupported", "native_text_append_unsupported",
        "unsupported_audio_format", "unsupported_turn_detection", "unsupported_ref_audio_path",
        "unsupported_nemotron_duplex_mode",
    ),
    "config": (
        "ref_audio_required", "invalid_duplex_runtime_config", "session_exists", "invalid_session_config",
    ),
    "rate_limit": ("resource_exhausted", "input_backpressure"),
    "session_expired": (
        "session_closed", "unknown_session", "session_resume_expired", "invalid_session_resume",
        "unsupported_session_resume", "invalid_resume_token", "session_resume_conflict", "runtime_resume_failed",
    ),
    "server": (
        "internal_error", "runtime_append_failed", "runtime_append_task_failed", "runtime_signal_failed",
        "runtime_abort_failed", "runtime_data_plane_stream_failed", "runtime_data_plane_text_without_audio",
        "runtime_touch_failed", "engine_error", "commit_aborted", "server_vad_unavailable",
    ),
    "timeout": ("config_timeout",),
}  # fmt: skip

KINDS: Final[dict[str, Kind]] = {code: kind for kind, codes in _CODES.items() for code in codes}
"""Kind of error by its code."""

REFUSED_RESUME: Final[frozenset[str]] = frozenset(_CODES["session_expired"])
"""Codes after which a session cannot be resumed any more: a new one has to be opened."""

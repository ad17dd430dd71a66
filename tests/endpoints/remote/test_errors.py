"""What a failure means: codes, statuses, close codes and sockets in the words of the taxonomy."""

from __future__ import annotations

import socket
import ssl

import pytest

from tmlapp.endpoints.remote.errors import (
    FATAL,
    KINDS,
    RECONNECT,
    RETRYABLE,
    close_error,
    endpoint_error,
    fix_for,
    kind_of,
    refused,
    service_error,
    socket_error,
    status_error,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_api_key", "auth"), ("account_deactivated", "auth"), ("forbidden", "auth"),
        ("insufficient_quota", "quota"), ("credit_balance_exhausted", "quota"), ("billing_hard_limit_reached", "quota"),
        ("rate_limit_error", "rate_limit"), ("resource_exhausted", "rate_limit"), ("input_backpressure", "rate_limit"),
        ("DeploymentNotFound", "config"), ("unknown_parameter", "config"), ("admission_rejected", "config"),
        ("ref_audio_required", "config"), ("session_exists", "config"), ("invalid_duplex_runtime_config", "config"),
        ("not_supported", "unsupported"), ("not_applicable", "unsupported"), ("unsupported_format", "unsupported"),
        ("overlap_policy_unsupported", "unsupported"),
        ("invalid_request", "invalid_input"), ("invalid_state", "invalid_input"), ("buffer_overflow", "invalid_input"),
        ("bad_event", "invalid_input"), ("bad_audio", "invalid_input"), ("invalid_json", "invalid_input"),
        ("unknown_event", "invalid_input"), ("event_too_large", "invalid_input"), ("item_not_found", "invalid_input"),
        ("input_audio_buffer_empty", "invalid_input"), ("missing_item_id", "invalid_input"),
        ("invalid_video_frames", "invalid_input"), ("playback_ahead_of_output", "invalid_input"),
        ("response_create_without_input", "invalid_input"),
        ("content_filter", "content_filter"), ("content", "content_filter"),
        ("context_exhausted", "context"), ("context_limit", "context"),
        ("expired", "session_expired"), ("session_resume_expired", "session_expired"),
        ("unknown_session", "session_expired"), ("session_closed", "session_expired"),
        ("session_id_not_found", "session_expired"), ("connection_lost", "network"), ("remote_hangup", "network"),
        ("server_error", "server"), ("internal", "server"), ("engine_error", "server"), ("internal_error", "server"),
        ("runtime_stage_failed", "server"), ("commit_aborted", "server"), ("server_vad_unavailable", "server"),
        ("unavailable", "server"), ("cleanup_timeout", "server"),
        ("config_timeout", "timeout"), ("session_update_timeout", "timeout"), ("any_timeout", "timeout"),
        ("never_heard_of", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_codes_of_the_services_have_their_kind(code: str | None, kind: str | None) -> None:
    assert kind_of(code) == kind


def test_the_taxonomy_says_what_is_fatal_and_what_may_be_tried_again() -> None:
    assert {k for k in KINDS if k in FATAL} == {
        "auth", "quota", "config", "context", "session_expired", "network", "timeout", "backpressure", "internal",
    }  # fmt: skip
    assert {k for k in KINDS if k in RETRYABLE} == {
        "rate_limit", "session_expired", "network", "server", "timeout", "backpressure",
    }  # fmt: skip
    assert {"network", "server", "session_expired"} == RECONNECT
    assert all(fix_for(endpoint_error(kind, "c", "m")) for kind in KINDS)


def test_an_error_frame_is_classed_by_its_code_then_by_its_type() -> None:
    assert service_error("invalid_api_key", "m", error_type="invalid_request_error").kind == "auth"
    assert service_error("odd", "m", error_type="rate_limit_error").kind == "rate_limit"
    unknown = service_error(None, "m", client_event_id="mt1-1", param="p")
    assert (unknown.kind, unknown.code, unknown.fatal) == ("server", "server", False)
    assert (unknown.client_event_id, unknown.param) == ("mt1-1", "p")


def test_a_setting_that_is_refused_while_it_runs_ends_nothing() -> None:
    assert not service_error("unknown_parameter", "m").fatal
    assert service_error("unknown_parameter", "m", fatal=True).fatal
    assert service_error("context_limit", "m").fatal
    assert service_error("internal", "m").fatal


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (401, "", "auth", False), (403, "", "auth", False), (404, "", "config", False), (400, "", "config", False),
        (429, "", "rate_limit", True), (503, "", "server", True), (500, "", "server", True), (502, "", "server", True),
        (301, "", "config", False), (451, "", "config", False), (200, "", "protocol", False),
        (407, "", "network", True),
        (429, '{"error":{"code":"insufficient_quota","message":"Pay."}}', "quota", False),
        (403, '{"code":"Arrearage"}', "quota", False), (503, "[1", "server", True),
        (503, '{"error":"x"}', "server", True),
        (503, "[" * 100_000, "server", True),
    ],
)  # fmt: skip
def test_the_status_of_an_answer_has_its_kind(status: int, body: str, kind: str, retryable: bool) -> None:
    error = status_error(status, body)
    assert (error.kind, error.retryable, error.fatal, error.code) == (kind, retryable, True, f"http_{status}")
    assert len(error.message) < 600


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1001, "max duration", "session_expired"), (1005, "", "network"), (1006, "", "network"), (1007, "x", "config"),
        (1008, "unknown model", "config"), (1008, "Operation is not implemented, or supported", "unsupported"),
        (1011, "", "server"), (1012, "", "network"), (1013, "", "network"), (1014, "", "server"), (1015, "", "network"),
        (1002, "", "protocol"), (1003, "", "unsupported"), (1009, "", "invalid_input"), (1010, "", "unsupported"),
        (4001, "invalid_api_key", "auth"), (4999, "odd", "server"), (3000, "", "server"),
    ],
)  # fmt: skip
def test_close_codes_have_their_kind(code: int, reason: str, kind: str) -> None:
    error = close_error(code, reason)
    assert error is not None
    assert (error.kind, error.fatal, error.code) == (kind, True, str(code))
    assert reason in error.message


def test_an_ordinary_close_is_no_error() -> None:
    assert close_error(1000, "bye") is None


def _untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "kind", "code", "says"),
    [
        (socket.gaierror(-2, "Name or service not known"), "network", "dns", "name"),
        (_untrusted(), "network", "tls_certificate", "not trusted: self-signed"),
        (ssl.SSLError(1, "wrong version"), "network", "tls", "encrypted"),
        (ConnectionRefusedError(), "network", "refused", "Nothing answers"),
        (TimeoutError(), "timeout", "connect_timeout", "in time"),
        (OSError(113, "No route to host"), "network", "unreachable", "No route"),
        (EOFError(), "network", "broken", "EOFError"),
    ],
)
def test_failures_of_sockets_are_told_in_words(error: Exception, kind: str, code: str, says: str) -> None:
    told = socket_error(error, "host.example")
    assert (told.kind, told.code) == (kind, code)
    assert says in told.message
    assert "host.example" in told.message


def test_a_person_learns_what_why_and_what_to_do() -> None:
    error = refused("My lab", socket_error(_untrusted(), "host.example"))
    assert error.what == "“My lab” could not be opened."
    assert "not trusted" in error.why
    assert "SSL_CERT_FILE" in error.fix
    assert error.error.kind == "network"

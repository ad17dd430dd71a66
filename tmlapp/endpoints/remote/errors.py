"""What a failure of a remote endpoint means: the taxonomy of kinds, and which codes belong to which.

Sources: the services' error codes, HTTP status of the upgrade, close codes of RFC 6455, and the sockets' own failures
(docs/endpoints/index.md has the table for people).
"""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any, Final, Literal, get_args

from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError

Kind = Literal[
    "auth", "quota", "rate_limit", "config", "unsupported", "invalid_input", "protocol", "content_filter",
    "context", "session_expired", "network", "server", "timeout", "backpressure", "internal",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

FATAL: Final[frozenset[Kind]] = frozenset(
    ("auth", "quota", "config", "context", "session_expired", "network", "timeout", "backpressure", "internal")
)
"""Kinds that end the session unless the service says otherwise."""
RETRYABLE: Final[frozenset[Kind]] = frozenset(
    ("rate_limit", "session_expired", "network", "server", "timeout", "backpressure")
)
RECONNECT: Final[frozenset[Kind]] = frozenset(("network", "server", "session_expired"))
"""Kinds after which a lost connection is taken up again; after all others the session ends."""

_CODES: Final[dict[Kind, tuple[str, ...]]] = {
    "auth": (
        "invalid_api_key", "incorrect_api_key", "invalid_authentication", "authentication_error", "unauthorized",
        "unauthenticated", "forbidden", "permission_denied", "permission_error", "account_deactivated",
        "access_denied", "invalidapikey", "invalid_token",
    ),
    "quota": (
        "insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active",
        "quota_exceeded", "arrearage",
    ),
    "rate_limit": (
        "rate_limit_error", "rate_limit_exceeded", "rate_limited", "too_many_requests", "resource_exhausted",
        "input_backpressure", "throttling",
    ),
    "config": (
        "unknown_parameter", "model_not_found", "modelnotfound", "deploymentnotfound", "deployment_not_found",
        "invalid_model", "invalid_voice", "session_exists", "ref_audio_required", "admission_rejected",
        "invalid_duplex_runtime_config", "invalid_session_configuration", "missing_required_parameter",
        "immutable_session", "cannot_update_voice", "session_field_frozen",
    ),
    "unsupported": ("not_supported", "not_applicable", "not_implemented", "unimplemented", "unsupported"),
    "invalid_input": (
        "invalid_request_error", "invalid_request", "invalid_value", "invalid_type", "invalid_state",
        "invalid_argument", "invalid_parameter", "invalidparameter", "bad_event", "bad_audio", "invalid_json",
        "unknown_event", "event_too_large", "input_audio_buffer_empty", "input_audio_buffer_commit_empty",
        "buffer_overflow", "item_not_found", "missing_item_id", "invalid_video_frames", "unit_not_found",
        "response_cancel_not_active", "conversation_already_has_active_response",
        "response_create_without_input",
    ),
    "content_filter": (
        "content_filter", "content", "content_policy_violation", "content_blocked", "datainspectionfailed",
        "data_inspection_failed", "safety", "prohibited_content", "blocklist", "spii",
    ),
    "context": ("context_exhausted", "context_limit", "context_length_exceeded"),
    "session_expired": (
        "expired", "session_expired", "session_closed", "unknown_session", "session_resume_expired",
        "session_id_not_found", "session_not_found", "session_replaced",
    ),
    "network": ("connection_lost", "connection_closed", "remote_hangup"),
    "server": (
        "server_error", "internal", "internal_error", "internal_server_error", "internalerror", "engine_error",
        "commit_aborted", "server_vad_unavailable", "unavailable", "service_unavailable", "overloaded",
        "overloaded_error", "api_error", "cleanup_timeout",
    ),
    "timeout": ("config_timeout", "session_update_timeout", "timeout", "deadline_exceeded"),
}  # fmt: skip
_BY_CODE: Final[dict[str, Kind]] = {code: kind for kind, codes in _CODES.items() for code in codes}
_STARTS: Final[tuple[tuple[str, Kind], ...]] = (
    ("runtime_", "server"), ("playback_", "invalid_input"), ("unsupported_", "unsupported"),
    ("throttling.", "rate_limit"),
)  # fmt: skip
_ENDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("_unsupported", "unsupported"), ("_not_supported", "unsupported"), ("_timeout", "timeout"),
    ("_expired", "session_expired"),
)  # fmt: skip
_FATAL_CODES: Final[frozenset[str]] = frozenset(("internal", "cleanup_timeout", "session_update_timeout", "content"))
"""Codes that end a session although their kind need not."""


class RefusedError(AppError):
    """An endpoint could not be opened; `error` is the same in the words of the taxonomy."""

    def __init__(self, what: str, why: str, fix: str, error: EndpointError) -> None:
        super().__init__(what, why, fix)
        self.error = error


def kind_of(code: str | None) -> Kind | None:
    """The kind of a service's own code (or type of error); None where nobody knows it."""
    plain = (code or "").strip().lower()
    if plain in _BY_CODE:
        return _BY_CODE[plain]
    for start, kind in _STARTS:
        if plain.startswith(start):
            return kind
    for end, kind in _ENDS:
        if plain.endswith(end):
            return kind
    return None


def endpoint_error(
    kind: Kind,
    code: str,
    message: str,
    *,
    fatal: bool | None = None,
    retryable: bool | None = None,
    client_event_id: str | None = None,
    param: str | None = None,
) -> EndpointError:
    """An error of `kind`; whether it is fatal and may be retried is the taxonomy's word unless it is given."""
    return EndpointError(
        kind=kind,
        code=code,
        message=message,
        fatal=kind in FATAL if fatal is None else fatal,
        retryable=kind in RETRYABLE if retryable is None else retryable,
        client_event_id=client_event_id,
        param=param,
    )


def service_error(
    code: str | None,
    message: str,
    *,
    error_type: str | None = None,
    fatal: bool | None = None,
    client_event_id: str | None = None,
    param: str | None = None,
) -> EndpointError:
    """What a service reported in an error frame: its kind by `code`, else by `error_type`, else `server`.

    A configuration that is refused while the session runs does not end it: fatal follows from the taxonomy only for
    codes that say so themselves (`auth`, `quota`, `context`, …); say `fatal` where the protocol does.
    """
    kind = kind_of(code) or kind_of(error_type) or "server"
    if fatal is None:
        fatal = (kind in FATAL and kind != "config") or (code or "").lower() in _FATAL_CODES
    return endpoint_error(
        kind, code or error_type or kind, message, fatal=fatal, client_event_id=client_event_id, param=param
    )


# ---------------------------------------------------------------------- HTTP

_STATUS: Final[dict[int, tuple[Kind, str]]] = {
    400: ("config", "The service refused the request as it stands"),
    401: ("auth", "The service does not accept the key"),
    402: ("quota", "The account has no credit"),
    403: ("auth", "The key may not use this service or model"),
    404: ("config", "There is no such address or model"),
    407: ("network", "A proxy on the way asks for a login"),
    408: ("timeout", "The service gave up waiting"),
    426: ("config", "The service expects another protocol"),
    429: ("rate_limit", "The service has too many sessions or requests"),
    503: ("server", "The service is full or not available"),
}


def status_error(status: int, body: str = "") -> EndpointError:
    """An HTTP answer that is no upgrade to a socket; `body` as text, secrets already hidden."""
    if status in _STATUS:
        kind, says = _STATUS[status]
    elif 300 <= status < 400:
        kind, says = "config", "The service sends us to another address, which is not followed: a key would go with it"
    elif status >= 500:
        kind, says = "server", "The service failed"
    elif status >= 400:
        kind, says = "config", "The service refused the request"
    else:
        kind, says = "protocol", "The service did not answer as a WebSocket does"
    if kind_of(_member(body, "code")) == "quota":
        kind, says = "quota", "The account has no credit"
    own = _member(body, "message") or " ".join(body.split())[:200]
    message = _sentence(f"{says} (HTTP {status})", own)
    return endpoint_error(kind, f"http_{status}", message, fatal=True)


def _sentence(says: str, own: str) -> str:
    return f"{says}: {own.rstrip('.')}." if own else f"{says}."


def _member(body: str, name: str) -> str:
    """`error.NAME` or `NAME` of a JSON body; empty where there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for holder in (value.get("error"), value) if isinstance(value, dict) else ():
        if isinstance(holder, dict) and isinstance(holder.get(name), str):
            return " ".join(str(holder[name]).split())[:300]
    return ""


# ---------------------------------------------------------------------- close codes

_CLOSES: Final[dict[int, tuple[Kind, str]]] = {
    1001: ("session_expired", "The service ended the session"),
    1002: ("protocol", "The service took our frames for malformed"),
    1003: ("unsupported", "The service does not take this kind of data"),
    1005: ("network", "The connection was closed without a reason"),
    1006: ("network", "The connection broke"),
    1007: ("config", "The service refused the set-up"),
    1008: ("config", "The service refused the session"),
    1009: ("invalid_input", "A frame was too large for the service"),
    1010: ("unsupported", "The service lacks an extension"),
    1011: ("server", "The service failed"),
    1012: ("network", "The service restarts"),
    1013: ("network", "The service asks to come back later"),
    1014: ("server", "A gateway of the service failed"),
    1015: ("network", "The encrypted connection failed"),
}
_UNSUPPORTED_WORDS: Final = ("not implemented", "not supported", "unsupported", "not enabled")


def close_error(code: int, reason: str = "") -> EndpointError | None:
    """What a close code means unless a protocol knows better; None for the ordinary 1000."""
    if code == 1000:
        return None
    if code in _CLOSES:
        kind, says = _CLOSES[code]
    elif 4000 <= code < 5000 and (found := kind_of(reason)):
        kind, says = found, "The service closed the connection"
    else:
        kind, says = "server", "The service closed the connection"
    if code == 1008 and any(word in reason.lower() for word in _UNSUPPORTED_WORDS):
        kind, says = "unsupported", "The service cannot do what was asked"
    own = " ".join(reason.split())[:300]
    message = _sentence(f"{says} (close code {code})", own)
    return endpoint_error(kind, str(code), message, fatal=True)


# ---------------------------------------------------------------------- sockets


def socket_error(error: BaseException, where: str) -> EndpointError:
    """A failure to reach `where` (a host), before anything was said."""
    match error:
        case socket.gaierror():
            return endpoint_error("network", "dns", f"The name {where} is not known to the network's directory.")
        case ssl.SSLCertVerificationError():
            why = f"The certificate of {where} is not trusted: {getattr(error, 'verify_message', '') or error}."
            return endpoint_error("network", "tls_certificate", why)
        case ssl.SSLError():
            # `reason` is only there where the library gave one.
            why = getattr(error, "reason", None) or str(error)
            return endpoint_error("network", "tls", f"No encrypted connection to {where}: {why}.")
        case ConnectionRefusedError():
            return endpoint_error("network", "refused", f"Nothing answers at {where}.")
        case TimeoutError():
            return endpoint_error("timeout", "connect_timeout", f"{where} did not answer in time.")
        case OSError():
            why = error.strerror or type(error).__name__
            return endpoint_error("network", "unreachable", f"{where} cannot be reached: {why}.")
        case _:
            return endpoint_error(
                "network", "broken", f"{where} did not answer as a WebSocket ({type(error).__name__})."
            )


# ---------------------------------------------------------------------- for people

_FIXES: Final[dict[Kind, str]] = {
    "auth": "Check the key, and whether it may use this model.",
    "quota": "Add credit to the account, or use another key.",
    "rate_limit": "Wait a while, or close other sessions of this account.",
    "config": "Check the address, the model, the voice and the options.",
    "unsupported": "Leave out what the service does not offer, or choose another model.",
    "invalid_input": "Check what was sent; the log of the session has every frame.",
    "protocol": "Check that the address is that of this kind of endpoint.",
    "content_filter": "Change what is asked for: the service refuses it.",
    "context": "Start a new session: the model's memory is full.",
    "session_expired": "Start a new session.",
    "network": "Check the address and the network, then try again.",
    "server": "Try again later; the service's own pages may say what is wrong.",
    "timeout": "Try again; if it stays so, check the address and the network.",
    "backpressure": "Use a faster network, or fewer pictures.",
    "internal": "Please report this with the log file.",
}


def fix_for(error: EndpointError) -> str:
    """What a person can do about `error`."""
    if error.code == "tls_certificate":
        return "Check the address; for a certificate of your own, name its file in the variable SSL_CERT_FILE."
    return _FIXES[error.kind]


def refused(name: str, error: EndpointError) -> RefusedError:
    """`error` as a person meets it where the endpoint `name` could not be opened."""
    return RefusedError(f"“{name}” could not be opened.", error.message, fix_for(error), error)

"""What it means that Gemini Live closed the socket: it has no message for errors, only a code and a sentence."""

from __future__ import annotations

from tmlapp.core.event import EndpointError
from tmlapp.endpoints.remote.errors import Kind, close_error, endpoint_error

# The sentence says more than the code: a refused key is closed with 1007 or 1008, a used-up quota with 1011. What
# complains about our own message comes first, for it quotes names that would look like anything below.
_SENTENCES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("auth", ("api key", "api_key", "unauthenticated", "authentication", "credential", "permission", "access token",
              "unregistered caller")),
    ("config", ("invalid json", "unknown name", "invalid argument", "invalid value", "must be specified",
                "not found for api version", "bidigeneratecontent", "is not found")),
    ("quota", ("current quota", "billing", "quota exceeded", "prepayment", "credits")),
    ("rate_limit", ("resource exhausted", "resource_exhausted", "resource has been exhausted", "rate limit",
                    "too many", "concurrent")),
    ("content_filter", ("safety", "prohibited", "blocklist", "content policy")),
    ("context", ("token count", "context window", "context length", "input tokens")),
    ("session_expired", ("goaway", "go away", "go_away", "deadline", "session expired", "session timed out",
                         "session duration", "operation was aborted", "connection aborted", "session not found",
                         "session handle", "resumption")),
    ("unsupported", ("not implemented", "not supported", "supported, or enabled")),
)  # fmt: skip


def closing(code: int, reason: str) -> EndpointError | None:
    """The error behind a close code and its sentence; None for an ordinary end."""
    sentence = reason.lower()
    for kind, words in _SENTENCES:
        if any(word in sentence for word in words):
            said = " ".join(reason.split())[:300]
            message = f"Gemini Live closed the session (close code {code}): {said.rstrip('.')}."
            return endpoint_error(kind, str(code), message, fatal=True)
    return close_error(code, reason)

"""What a session is set up with, and how it looks from outside while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tmlapp.core.feed import FeedInfo

SessionState = Literal["idle", "preflight", "armed", "running", "draining", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """The first message of every recording (`/setup`): everything needed to say what was run.

    Attributes:
        session_id: unique; never reused.
        name: what the person called it.
        created_utc: ISO 8601.
        instruction: as typed at the start.
        endpoint: its address; `granted` follows as an event.
        clock: `real` or `fast` (virtual time).
        feed: where sound and picture came from.
        versions: app, Python, libraries, platform.
        options: whatever else was chosen (padding, tail, seed, honest clock …).
    """

    session_id: str
    name: str
    created_utc: str
    instruction: str
    endpoint: str
    clock: Literal["real", "fast"]
    feed: FeedInfo
    versions: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

"""What happens between this machine and a remote endpoint: the connection, the frames on it, what was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tmlapp.core.event_base import EndpointEvent

ConnectionState = Literal["connecting", "waiting", "configuring", "open", "reconnecting", "draining", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged(EndpointEvent):
    """The connection moved on; may come before `SessionOpened`. `waiting`: in the service's own queue.

    Attributes:
        reason: one sentence for a person; empty where there is nothing to say.
        attempt: of a reconnection, from 1 on.
    """

    state: ConnectionState
    reason: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFrame(EndpointEvent):
    """One frame as it went over the wire; sound and pictures stand as `{"bytes": n, "sha256": …}`, secrets as a mask.

    Attributes:
        index: of this frame in the session, in the order in which frames were sent and received; other events name
            it in `wire_ref`.
        direction: as seen from here.
        size: bytes of the frame's payload on the wire.
        message: the JSON value, or a description of a binary frame.
        note: empty, or why it was not understood.
    """

    index: int
    direction: Literal["sent", "received"]
    size: int
    message: Any
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLost(EndpointEvent):
    """Micro-turn `micro_turn` did not reach the endpoint: whole (`turn`), or without its older pictures (`video`)."""

    micro_turn: int
    what: Literal["turn", "video"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecognized(EndpointEvent):
    """A frame of a kind that nobody here knows came; told once per kind and connection, the wire log has each."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip(EndpointEvent):
    """A ping was answered after `rtt_ns`: what the network alone takes."""

    rtt_ns: int

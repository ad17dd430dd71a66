"""The base of everything that comes from an endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from tmlapp.core.granted import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEvent:
    """Base of everything an endpoint sends.

    Attributes:
        seq: adapter-local counter, +1 each.
        t_rx_ns: session time when it was received in full.
        t_media_ns, dur_media_ns: the endpoint's own media time, where it gives one.
        media_kind: which clock that was. `input` (place in what we sent) and `session` are on the session clock here.
            `output` is the place in what the endpoint says, from the beginning of its item, or of its output where
            that is one stream without items: only playing it gives it a place in the session, `Heard.t_media_ns`.
        epoch: +1 per connection.
    """

    seq: int = 0
    t_rx_ns: int = 0
    t_media_ns: int | None = None
    dur_media_ns: int | None = None
    media_kind: MediaKind | None = None
    wire_ref: int | None = None
    item_id: str | None = None
    response_id: str | None = None
    epoch: int = 0
